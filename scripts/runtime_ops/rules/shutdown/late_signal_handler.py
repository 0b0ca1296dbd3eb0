"""Termination handlers that are installed when much has already begun."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.flows import sites_by_call
from runtime_ops.project.model import Func, Site
from runtime_ops.project.signals import Registration
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._long_running import registrations_of
from runtime_ops.rules.shutdown._running import below, for_developers

RULE = Rule(
    __name__,
    severity="low",
    summary="SIGTERM is handled only after start-up steps that take time or start threads: a stop before that is lost.",
)
STARTED = frozenset({"thread", "process", "scheduler", "observer"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    started = {
        id(r.started_at.call): f"{r.kind} started"
        for r in project.resources
        if r.kind in STARTED and r.started_at is not None
    }
    slow = {
        id(w.site.call): f"{w.site.text}() waits for the {w.kind}"
        for w in project.waits
        if w.leaves_the_process and not w.constructs
    }
    reported: set[tuple[str, int]] = set()
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running or for_developers(project, entrypoint):
            continue
        found = [r for r in registrations_of(project, entrypoint) if "SIGTERM" in r.signals and not r.disposition]
        early = [r for r in found if not _late(project, entrypoint, r, started, slow)]
        if not found or early:
            continue
        first = min(found, key=lambda r: (r.site.path, r.site.line))
        if (first.site.path, first.site.line) in reported:
            continue
        reported.add((first.site.path, first.site.line))
        yield _finding(entrypoint, first, *(_late(project, entrypoint, first, started, slow) or ((), "")))


def _finding(entrypoint: Entrypoint, first: Registration, trace: tuple[Evidence, ...], what: str) -> Finding:
    launch = next((x for x in entrypoint.production if x.pid1 and x.init is not True), None)
    effect = (
        "as PID 1 the kernel drops SIGTERM until then, so a stop during start-up ends in SIGKILL"
        if launch is not None
        else "a SIGTERM before that kills it at once, without any cleanup of what already runs"
    )
    return RULE.finding(
        first.site.path,
        first.site.line,
        f"The SIGTERM handler is installed only after start-up steps ({what}): {effect}",
        "install the handlers first thing in main(), with a flag or event that exists from the start",
        phase="startup",
        entrypoints=(entrypoint,),
        trace=trace,
        anchor=first.site.function.qualname,
    )


def _late(
    project: Project, entrypoint: Entrypoint, registration: Registration, started: dict[int, str], slow: dict[int, str]
) -> tuple[tuple[Evidence, ...], str] | None:
    """The step before the registration on the way from main that takes long or starts something, or None."""
    life = project.lives[entrypoint]
    function, line = registration.site.function, registration.site.line
    for _ in range(6):
        if function not in life.spine:
            edge = next((e for e in project.links.callers.get(function, ()) if e.how == "call"), None)
            if edge is None:
                return None
            function, line = edge.caller, edge.site.line
            continue
        found = _before(project, function, line, started, slow, registration.site.function)
        if found is not None:
            return found
        edge = next(
            (e for e in project.links.callers.get(function, ()) if e.how == "call" and e.caller in life.spine), None
        )
        if edge is None:
            return None
        function, line = edge.caller, edge.site.line
    return None


def _before(
    project: Project, function: Func, line: int, started: dict[int, str], slow: dict[int, str], own: Func
) -> tuple[tuple[Evidence, ...], str] | None:
    for site in function.sites:
        if site.line >= line or (function.is_module and not site.steps):
            continue
        hit = _step(project, site, started, slow, own)
        if hit is not None:
            place, note = hit
            return (Evidence(place.path, place.line, note),), f"{note} at {place.path}:{place.line}"
    return None


def _step(
    project: Project, site: Site, started: dict[int, str], slow: dict[int, str], own: Func
) -> tuple[Site, str] | None:
    for table in (started, slow):
        if id(site.call) in table:
            return site, table[id(site.call)]
    if site.weak:
        return None
    for target in site.targets[:1]:
        if target is own:
            continue
        for func in below(project, target, 3):
            for call_id, inner in sites_by_call(func).items():
                if call_id in started or (call_id in slow and not inner.steps):
                    return inner, started.get(call_id) or slow[call_id]
    return None
