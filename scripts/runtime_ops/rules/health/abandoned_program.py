"""A program that its supervisor, or its script, may lose while the container lives on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.project.model import Func
from runtime_ops.project.resources import Resource
from runtime_ops.project.serving_places import ServingPlace
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.shutdown._long_running import serving_places

LOOKS = frozenset({"is_alive", "exitcode", "sentinel", "poll", "wait", "join", "returncode", "communicate"})
"""What a child process is asked by to learn whether it still runs."""
LOOKS_AT = re.compile(r"/proc/\$|\bkill\s+-(?:0|s\s*0)\b|\bps\s+(?:-\w+\s+)*-?p\b|\bpgrep\b|\bpidof\b|\bjobs\s+-")
"""How a script asks whether a process still runs."""
HALTS = re.compile(r"\bparallel\b.*--halt(?:-on-error)?[ =](?!never|0\b)")
"""GNU parallel that ends all when one ends (its manual, ``--halt now,done=1``)."""
RULE = Rule(
    __name__,
    severity="medium",
    summary="PID 1 goes on when the program it started is gone for good.",
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    seen: set[tuple[str, int]] = set()
    of_one: dict[str, list[Finding]] = {}  # what one supervisor, or one script, starts: the same lines mend it
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running:
            continue
        for launch in entrypoint.production:
            if _watched(project, entrypoint, launch):
                continue
            for finding in (*_supervised(entrypoint, launch), *_background(entrypoint, launch)):
                if (finding.path, finding.line) not in seen:
                    seen.add((finding.path, finding.line))
                    of_one.setdefault(finding.path, []).append(finding)
        for finding in _child(project, entrypoint):
            if (finding.path, finding.line) not in seen:
                seen.add((finding.path, finding.line))
                yield finding
    for findings in of_one.values():
        yield from as_one(findings)


def _child(project: Project, entrypoint: Entrypoint) -> Iterator[Finding]:
    """A main program in Python that starts a child process and then sleeps, or waits for something else, for ever."""
    if any("SIGCHLD" in r.signals for r in project.registrations):
        return
    for place in serving_places(project, entrypoint):
        started = [
            r for r in project.resources
            if r.kind == "process" and r.function is place.function and r.started_at is not None
            and (r.line < place.line or (place.loop is not None and r.line <= place.loop.end_line))
        ]  # fmt: skip
        if place.how not in ("loop", "wait") or len(started) != 1 or _watches(place, started[0]):
            continue
        child = started[0]
        alone = any(x.platform != "packaging" and not _watched(project, entrypoint, x) for x in entrypoint.production)
        yield RULE.in_function(
            project,
            place.function,
            max(place.line, child.line),
            f"the program starts the child process of line {child.line}, which does its work, and then waits here without looking at "
            "it: when the child dies (a bad setting, a port in use, out of memory), the program stays up and counts as running",
            "wait for the child too: leave with its exit code when is_alive() (poll()) says that it ended, or wait on its sentinel",
            phase="serving",
            confidence="certain" if alone else "possible",  # what production starts, and no health check asks
        )


def _watches(place: ServingPlace, child: Resource) -> bool:
    """Whether the wait is for the child, or looks at it: ``child.is_alive()``, ``child.poll()``, ``child.join()``."""
    name = child.kept.name
    if not name or child.kept.scope not in ("local", "module"):
        return True
    inside = place.loop.body if place.loop is not None else ()
    ended = min((s.line for s in place.function.sites if s.text in (f"{name}.terminate", f"{name}.kill")), default=1 << 30)
    if place.site is not None and place.site.text.startswith(f"{name}."):
        return True
    if place.site is not None and _woken_by_a_watcher(place.function, place.site.text.rpartition(".")[0]):
        return True
    nodes = [*m.walk(inside)] + [n for p in place.function.places if child.line < p.stmt.line <= place.line for n in m.walk(p.stmt)]
    # what is asked after its end was ordered says nothing about an end of its own
    asked = (n for n in nodes if isinstance(n, m.Name) and n.id.startswith(f"{name}.") and n.line < ended)
    return any(n.id.rpartition(".")[2] in LOOKS for n in asked)


def _woken_by_a_watcher(func: Func, event: str) -> bool:
    """Whether a function within ``func`` waits for something itself and then sets the event that ``func`` waits for."""
    inner = [f for f in func.module.functions.values() if f.parent is func]
    return any(
        any(s.text == f"{event}.set" for s in f.sites) and any(s.method in ("wait", "join", "poll") for s in f.sites) for f in inner
    )


def _watched(project: Project, entrypoint: Entrypoint, launch: Launch) -> bool:
    """Whether a health check asks for the program. One that asks a server says nothing of the worker beside it."""
    probes = [p for p, _ in launch.probes if p.method not in ("none", "template")]
    if probes and entrypoint.kind == "worker" and all(_asks_server(p) for p in probes):
        beside = (x for e in project.entrypoints if e.kind == "service" for x in e.production)
        return not any(x.chain[0] == launch.chain[0] for x in beside)
    return bool(probes)


def _asks_server(probe: a.Probe) -> bool:
    text = probe.command.raw if probe.command is not None else ""
    return probe.method in ("http", "tcp", "grpc") or any(word in text for word in ("curl ", "wget ", "http://", "http:"))


def _supervised(entrypoint: Entrypoint, launch: Launch) -> Iterator[Finding]:
    config = next((x for x in launch.artifacts if isinstance(x, a.SupervisordConfig)), None)
    if (
        launch.supervisor != "supervisord"
        or config is None
        or launch.unit is None
        or launch.unit.kind == "eventlistener"
        or launch.background  # supervisord left for the background: something else is the main process
    ):
        return
    sections = {s.name: s for s in config.sections}
    for name, section in sections.items():
        events = section.get("events")
        if name.startswith("eventlistener:") and events is not None and "PROCESS_STATE" in events.text:
            return  # something hears of a program that is given up
    own = sections.get(f"program:{launch.unit.name}")
    restart = own.get("autorestart") if own is not None else None
    option = (own.get("startsecs") or own.get("startretries")) if own is not None else None
    never = restart is not None and restart.truth is False
    if launch.chain[0].path == config.path or (not never and own is not None and _starts_slowly(launch, own.get("startsecs"))):
        return  # nothing says that supervisord is a container's main process; or a failed start is no start for it
    seconds = own.get("startsecs") if own is not None else None
    main = sections.get("supervisord")
    stays = main is not None and (x := main.get("nodaemon")) is not None and x.truth is True
    main_process = stays or "-n" in launch.chain[-2].text.split()
    place = "as the container's main process" if main_process else "in the background"
    within = f"within {seconds.text} s of its start" if seconds is not None else "right after its start"
    yield RULE.finding(
        config.path,
        option.line if option is not None else launch.unit.line,
        f"supervisord gives {launch.unit.name} up "
        + ("when it ends (autorestart=false)" if never else f"for good (FATAL) after a few exits {within}")
        + f" and stays up {place}: the container runs on without it, and no restart policy acts",
        "end the container then: an eventlistener on PROCESS_STATE_FATAL that stops supervisord, a health check that asks for "
        "the program, or one program a container",
        severity="medium" if launch.probes else None,  # what serves beside it is watched
        phase="serving",
        entrypoints=(entrypoint,),
        trace=[Evidence(x.path, x.line, x.text) for x in launch.chain],
        anchor=launch.unit.name,
        # that a server is gone shows at its port, which the platform may ask without an artifact of this repository
        confidence="certain" if main_process and not launch.optional and entrypoint.kind != "service" else "possible",
    )


def _starts_slowly(launch: Launch, seconds: a.Value | None) -> bool:
    """Whether the program is up for supervisord (1 s unless ``startsecs`` says more) before it can fail: a script runs
    other programs in Python first, and those take longer to load."""
    if seconds is not None:
        return False
    link = launch.chain[-1]
    script = next((x for x in launch.artifacts if isinstance(x, a.ShellScript) and x.path == link.path), None)
    return script is not None and any(
        c.line < link.line and (c.program.startswith("python") or c.program.endswith(".py")) for c in script.commands
    )


def _looked_after(script: a.ShellScript, launch: Launch) -> bool:
    """Whether a script starts the program anew in a loop, or looks in one whether it still runs (``kill -0 $pid``, ``/proc/$pid``)
    and ends when it does not."""
    lines = {link.line for link in launch.chain if link.path == script.path}
    for command in script.commands:
        around = [loop for loop in command.loops if loop.kind in ("while", "until")]
        if around and command.line in lines:
            return True
        texts = (command.raw, *(loop.test for loop in around), *(branch.test for branch in command.branches))
        if around and any(LOOKS_AT.search(text) for text in texts):
            return True
    return False


def _background(entrypoint: Entrypoint, launch: Launch) -> Iterator[Finding]:
    if not launch.background or launch.supervisor is not None:
        return
    if launch.platform in ("shell", "packaging"):
        return  # somebody runs it by hand and looks at it
    if any(_looked_after(x, launch) for x in launch.artifacts if isinstance(x, a.ShellScript)):
        return
    link = launch.chain[-1]
    if HALTS.search(link.text):
        return
    script = next((x for x in launch.artifacts if isinstance(x, a.ShellScript) and x.path == link.path), None)
    if script is None or any(c.program == "wait" and ("-n" in c.argv or len(c.argv) > 1) for c in script.commands):
        return
    yield RULE.finding(
        link.path,
        link.line,
        f"{entrypoint.path} is put in the background by the entry script: when it ends, the container lives on with the other "
        "program, and nothing restarts it",
        "run it in a container of its own, or wait -n for both and exit when one ends",
        phase="serving",
        entrypoints=(entrypoint,),
        trace=[Evidence(x.path, x.line, x.text) for x in launch.chain],
        anchor=entrypoint.id,
        confidence="possible" if launch.optional else "likely",
    )
