"""A start script that waits for another host in a loop without an end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import artifacts as a
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import CLUSTERS, Launch
from runtime_ops.rules.api import Rule
from runtime_ops.rules.startup._reads import for_development

RULE = Rule(
    __name__,
    severity="low",
    summary="A start script waits for another host in a loop without an end, so a wrong address or password looks like a start.",
)
ASKS = re.compile(
    r"^(?:psql|pg_isready|nc|ncat|netcat|curl|wget|mysql|mysqladmin|mariadb|mariadb-admin|redis-cli|ping|rabbitmqctl|rabbitmqadmin"
    r"|rabbitmq-diagnostics|mongo|mongosh|cqlsh|kcat|kafkacat|telnet|nslookup|dig|getent|sqlcmd|python[\d.]*|manage\.py|django-admin"
    r"|flask|alembic|celery|airflow|ckan|superset)$"
)
"""Programs that ask another host whether it is there, or do a step for which it must be."""
NO_LOGIN = re.compile(r"/dev/tcp/|\b(?:pg_isready|nc|ncat|netcat|telnet|ping|nslookup|dig|getent)\b|redis-cli\b.*\bping\b")
"""What is answered whoever asks (PostgreSQL 18, pg_isready: no credentials are needed)."""
SOCKET = re.compile(r"/dev/tcp/")
HERE = re.compile(r"\blocalhost\b|\b127\.0\.0\.\d|::1\b")
"""Addresses of this machine: a program that the script has started itself."""
ENDS = frozenset(("exit", "return", "exec", "kill"))
COUNTS = re.compile(
    r"-(?:lt|le|gt|ge)\b|\(\(|\bSECONDS\b|\$\(\(|\blet\b|\bexpr\b|[<>]=? *\d|\b(?:max_?|retr|tries|attempt|count|timeout|deadline|elapsed)",
    re.IGNORECASE,
)
"""What a loop has that counts its turns or looks at a clock."""
LIMITED = frozenset(("timeout", "gtimeout"))
DEPTH = 2  # scripts that a start script runs
CONTAINED = frozenset(("dockerfile", "compose", "marathon", "render", "fly", *CLUSTERS))
"""Platforms that make the start script process 1 of a container."""
GUARDS = ("liveness", "startup")
"""Probes whose failure ends a start that hangs."""


class Loop(NamedTuple):
    """A loop that nothing ends but an answer: its place, and what asks."""

    path: str
    loop: a.Loop
    asks: str


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    scripts = {x.path: x for x in project.artifacts_of(a.ShellScript)}
    found: dict[str, list[Loop]] = {}
    of: dict[str, tuple[Entrypoint, Launch]] = {}
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running or entrypoint.framework == "locust":
            continue
        for launch in entrypoint.production:
            if launch.role != "main" or launch.platform in ("packaging", "shell") or _guarded(launch):
                continue
            for path, commands in _run(launch, scripts):
                if path in found or for_development(path):
                    continue
                loops = list(_endless(path, commands))
                if loops:
                    found[path] = loops
                    of[path] = (entrypoint, launch)
    for path, loops in found.items():
        entrypoint, launch = of[path]
        first, *others = loops
        signals = ", and as process 1 the shell does not end on SIGTERM meanwhile" if _process_one(launch) else ""
        wrong = "a wrong address" if NO_LOGIN.search(first.asks) else "a wrong address, name or password"
        yield RULE.finding(
            path,
            first.loop.line,
            f"the start repeats `{first.asks[:60]}` until it succeeds, however long that takes: {wrong} looks "
            f"like a peer that is not up yet, so the container neither serves nor ends, and no restart or crash loop tells of it{signals}",
            "count the tries, or run the loop under `timeout 120 …`, and end with a failure when they are used up",
            phase="startup",
            entrypoints=(entrypoint,),
            trace=[Evidence(x.path, x.line, x.text) for x in launch.chain],
            anchor=first.asks[:40],
            count=len(loops),
            also=[Evidence(path, x.loop.line, x.asks[:60]) for x in others[:8]],
        )


def _guarded(launch: Launch) -> bool:
    """Whether a probe ends a start that does not come to serve."""
    return any(probe.role in GUARDS and probe.method != "none" for probe, _ in launch.probes)


def _process_one(launch: Launch) -> bool:
    """Whether the script is process 1 of a container: the kernel gives that one no signal which it does not handle."""
    traps = any(isinstance(x, a.ShellScript) and x.traps for x in launch.artifacts)
    return launch.platform in CONTAINED and not launch.init and launch.supervisor is None and not traps


def _run(launch: Launch, scripts: dict[str, a.ShellScript]) -> Iterator[tuple[str, tuple[a.SimpleCommand, ...]]]:
    """The shell texts that a launch runs before its program: its scripts up to the program's line, and those that they run."""
    links = {link.path: link.line for link in launch.chain}
    for artifact in launch.artifacts:
        if isinstance(artifact, a.ShellScript):
            before = tuple(c for c in artifact.commands if c.function or c.line <= links.get(artifact.path, c.line))
            yield artifact.path, before
            yield from _called(before, scripts, {artifact.path}, 0)
    stage, last = launch.stage, launch.chain[-1]
    given = [stage.entrypoint, stage.cmd] if stage is not None else []
    for command in (*given, launch.service.command if launch.service is not None else None):
        if command is not None and command.line <= last.line <= command.end_line:
            yield last.path, command.parts
            yield from _called(command.parts, scripts, set(), 0)


def _called(
    commands: tuple[a.SimpleCommand, ...], scripts: dict[str, a.ShellScript], seen: set[str], depth: int
) -> Iterator[tuple[str, tuple[a.SimpleCommand, ...]]]:
    """The scripts of the repository that commands run, by the last part of their paths, where only one has that name."""
    if depth >= DEPTH:
        return
    for command in commands:
        if command.background or command.program in LIMITED:
            continue
        for word in command.argv[:2]:
            name = word.rpartition("/")[2]
            same = [path for path in scripts if path.rpartition("/")[2] == name and name.endswith(".sh")]
            if len(same) == 1 and same[0] not in seen:
                seen.add(same[0])
                yield same[0], scripts[same[0]].commands
                yield from _called(scripts[same[0]].commands, scripts, seen, depth + 1)


def _endless(path: str, commands: tuple[a.SimpleCommand, ...]) -> Iterator[Loop]:
    """The loops of a shell text that sleep and ask, and that nothing but an answer ends, in the order of the text."""
    loops = dict.fromkeys(loop for command in commands for loop in command.loops if loop.kind in ("while", "until"))
    for loop in loops:
        inside = [c for c in commands if loop in c.loops]
        if not any(c.program == "sleep" for c in inside) or any(c.background for c in inside):
            continue
        if any(c.program in ENDS | LIMITED for c in inside) or COUNTS.search(loop.test) or any(COUNTS.search(c.raw) for c in inside):
            continue
        if any(assignment for c in inside for assignment in c.assignments) and not _forever(loop):
            continue  # a value that the loop makes anew, and that it may look at
        asks = next((c for c in inside if ASKS.match(c.program.rpartition("/")[2]) or SOCKET.search(c.raw)), None)
        if asks is None or HERE.search(asks.raw) or (_forever(loop) and not any(c.program == "break" for c in inside)):
            continue
        function = next((c.function for c in inside if c.function), None)
        if function is not None and any(c.program in LIMITED and function in c.raw for c in commands):
            continue
        yield Loop(path, loop, asks.raw)


def _forever(loop: a.Loop) -> bool:
    return loop.kind == "while" and loop.test.strip(" ;[]") in ("true", ":", "1")
