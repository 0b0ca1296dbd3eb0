"""A program that its supervisor, or its script, may lose while the container lives on."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="high",
    summary="PID 1 goes on when the program it started is gone for good.",
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    seen: set[tuple[str, int]] = set()
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running:
            continue
        for launch in entrypoint.production:
            for finding in (*_supervised(entrypoint, launch), *_background(entrypoint, launch)):
                if (finding.path, finding.line) not in seen:
                    seen.add((finding.path, finding.line))
                    yield finding


def _watched(launch: Launch) -> bool:
    return any(p.method not in ("none", "template") for p, _ in launch.probes)


def _supervised(entrypoint: Entrypoint, launch: Launch) -> Iterator[Finding]:
    config = next((x for x in launch.artifacts if isinstance(x, a.SupervisordConfig)), None)
    if (
        launch.supervisor != "supervisord"
        or config is None
        or launch.unit is None
        or launch.unit.kind == "eventlistener"
        or _watched(launch)
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
    seconds = own.get("startsecs") if own is not None else None
    within = f"within {seconds.text} s of its start" if seconds is not None else "right after its start"
    yield RULE.finding(
        config.path,
        option.line if option is not None else launch.unit.line,
        f"supervisord gives {launch.unit.name} up "
        + ("when it ends (autorestart=false)" if never else f"for good (FATAL) after a few exits {within}")
        + " and stays up as the container's main process: the container runs on without it, and no restart policy acts",
        "end the container then: an eventlistener on PROCESS_STATE_FATAL that stops supervisord, a health check that asks for "
        "the program, or one program a container",
        phase="serving",
        entrypoints=(entrypoint,),
        trace=[Evidence(x.path, x.line, x.text) for x in launch.chain],
        anchor=launch.unit.name,
    )


def _background(entrypoint: Entrypoint, launch: Launch) -> Iterator[Finding]:
    if not launch.background or launch.supervisor is not None or _watched(launch):
        return
    link = launch.chain[-1]
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
    )
