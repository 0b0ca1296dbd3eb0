"""A health check of a container that ends in success whatever it finds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.health._probes import source_first
from runtime_ops.rules.startup._reads import for_development

RULE = Rule(
    __name__,
    severity="high",
    summary="A container's health check ends in success whatever it finds.",
    lead=True,
)
HEALTH = re.compile(r"health|liveness|readiness|(^|_)(alive|ready|probe)($|_)", re.IGNORECASE)
ORDER = frozenset(("-lt", "-gt", "-le", "-ge", "-eq", "-ne"))
NO_FAIL = "calls curl without -f: an answer of 500 or 503 is a success for curl"
READS_TEXT = frozenset(("grep", "jq", "python", "python3", "awk", "test", "["))


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_commands(project))
    for script in project.artifacts_of(a.ShellScript):
        if not for_development(script.path):
            yield from _script(script)
    yield from _bare_connects(project)


def _commands(project: Project) -> Iterator[Finding]:
    """Of each command that asks, why it cannot fail."""
    seen: set[tuple[str, int]] = set()
    images = {artifact.path for artifact in project.artifacts_of(a.Dockerfile)}
    for path, probe in _probes(project):
        if probe.command is None or (path, probe.line) in seen:
            continue
        seen.add((path, probe.line))
        why = _hides(probe.command.parts)
        if why:
            # an error page alone: the check still fails when nobody answers, and of an image alone nobody is seen to ask
            lenient = why == NO_FAIL
            yield _finding(
                path, probe.line, f"the health check {why}", probe.command.raw,
                severity="medium" if lenient else "high", confidence="likely" if lenient and path in images else "certain",
            )  # fmt: skip


def _bare_connects(project: Project) -> Iterator[Finding]:
    """``tcpSocket`` on the port of a gRPC server: the port is open as long as the process lives."""
    for entrypoint in project.entrypoints:
        if entrypoint.framework != "grpc":
            continue
        probes = [(p, path) for x in entrypoint.production for p, path in x.probes if p.method == "tcp"]
        places = source_first({(path, probe.line) for probe, path in probes})
        if not places:
            continue
        (path, line), *others = places
        yield RULE.finding(
            path,
            line,
            "the probe only opens the port: the kernel accepts for a server whose threads are all stuck, so it succeeds while no RPC is "
            "answered",
            "register grpc.health.v1.Health in the server and use a grpc probe",
            severity="medium",
            confidence="certain",  # a manifest asks the port, and a server of gRPC is seen to serve it
            phase="serving",
            entrypoints=(entrypoint,),
            anchor=f"tcp:{path}",
            count=len(places),
            also=[Evidence(p, n, "the same") for p, n in others[:8]],
        )


def _probes(project: Project) -> Iterator[tuple[str, a.Probe]]:
    """The commands that ask: those of artifacts that are not for the desk by their paths, and all by which production is asked."""
    for artifact in project.artifacts:
        if for_development(artifact.path):
            continue
        if isinstance(artifact, a.Dockerfile):
            stage = artifact.stage()
            if stage is not None and stage.healthcheck is not None:
                yield artifact.path, stage.healthcheck
        elif isinstance(artifact, a.ComposeFile):
            yield from (
                (artifact.path, s.healthcheck)
                for s in artifact.services
                if s.healthcheck is not None and s.build and not _at_the_desk(project, s)
            )
    for entrypoint in project.entrypoints:
        for launch in entrypoint.production:
            yield from ((path, probe) for probe, path in launch.probes if probe.method == "exec")


def _at_the_desk(project: Project, service: a.ComposeService) -> bool:
    """Whether a compose service is one for development: it mounts the source tree over its image, or reloads."""
    launches = [x for x in project.launches if x.service is service]
    return bool(launches) and all(x.development for x in launches)


def _hides(parts: Iterable[a.SimpleCommand]) -> str:
    """Why a command line cannot fail; empty when it can."""
    found = [p for p in parts if not p.substitution]
    for last in found[-1:]:
        if last.before == "||" and (
            last.argv[:1] in (("true",), (":",)) or last.argv[:2] == ("exit", "0") or last.program == "echo"
        ):
            return f"ends in `|| {' '.join(last.argv)}`, so its failure counts as success"
        if last.before in (";", "") and len(found) > 1 and last.argv[:2] == ("exit", "0"):
            return "ends in `exit 0`, so its failure counts as success"
    for part in found:
        if part.program.rpartition("/")[2] == "curl" and not _fails(part) and part.after not in ("|", "|&"):
            return NO_FAIL
        if part.after == "|" and part.program.rpartition("/")[2] in ("curl", "wget"):
            reader = found[found.index(part) + 1] if found.index(part) + 1 < len(found) else None
            if reader is not None and reader.program.rpartition("/")[2] not in READS_TEXT:
                return f"pipes into {reader.program}: the pipe's status is that of {reader.program}, not of the check"
    return ""


def _fails(part: a.SimpleCommand) -> bool:
    for word in part.argv[1:]:
        if word in ("--fail", "--fail-with-body", "-w", "--write-out") or word.startswith("--write-out="):
            return True
        if word.startswith("-") and not word.startswith("--") and "f" in word.split("=")[0]:
            return True
    return False


def _script(script: a.ShellScript) -> Iterator[Finding]:
    """Functions and arms of an entry script that call themselves a health check."""
    options = {o.name for o in script.options if o.on}
    for function in script.functions:
        if not HEALTH.search(function.name):
            continue
        commands = [c for c in script.commands if c.function == function.name]
        for command in commands:
            operand = _empty_operand(command, script)
            if operand and command.tested and _success_else(command, commands) and "nounset" not in options:
                yield _finding(
                    script.path, function.line,
                    f"{function.name}() compares ${operand}, which may be empty: `[` then ends in an error, the else branch runs, and "
                    "the check exits 0", command.raw,
                )  # fmt: skip
                break
    for case in script.cases:
        for arm in case.arms:
            if not any(HEALTH.search(p) for p in arm.patterns):
                continue
            commands = [c for c in script.commands if arm in c.arms]
            told = [c for c in commands if c.program not in ("shift", "set", ":")]
            if told and all(c.program in ("echo", "printf", "true") or c.argv[:2] == ("exit", "0") for c in told):
                yield _finding(
                    script.path,
                    arm.line,
                    f"the arm {'|'.join(arm.patterns)} only prints and succeeds: it is no check",
                    told[0].raw,
                )


def _empty_operand(command: a.SimpleCommand, script: a.ShellScript) -> str:
    if command.program not in ("[", "test") or not ORDER & set(command.argv):
        return ""
    for use in command.variables:
        if use.operator is None and use.name.isidentifier():
            given = [
                x
                for c in script.commands
                if c.function == command.function
                for x in c.assignments
                if x.name == use.name
            ]
            if not given or any(
                "$(" in x.value or "`" in x.value or x.value in (f"${use.name}", f"${{{use.name}}}") for x in given
            ):
                return use.name
    return ""


def _success_else(command: a.SimpleCommand, commands: list[a.SimpleCommand]) -> bool:
    """Whether the failing branch is the one where the comparison holds, so that an error goes to the success."""
    for other in commands:
        if other.line > command.line and other.argv[:1] == ("exit",) and other.branches:
            return other.branches[-1].kind == "if" and other.argv[1:2] not in ((), ("0",))
    return False


def _finding(
    path: str, line: int, what: str, command: str, *, severity: str | None = None, confidence: str = "certain"
) -> Finding:
    return RULE.finding(
        path,
        line,
        f"{what}: the container counts as healthy while it is not",
        "let the check's own exit status be the result: curl -fsS -m 3 URL, operands with defaults, `exit 1` on every other path",
        severity=severity,
        confidence=confidence,
        anchor=command[:80],
    )
