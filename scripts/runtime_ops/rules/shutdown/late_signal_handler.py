"""Termination handlers that are installed when much has already begun."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.flows import sites_by_call
from runtime_ops.project.model import Func, Site
from runtime_ops.project.signals import Registration
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._long_running import as_pid1, registrations_of
from runtime_ops.rules.shutdown._running import below, for_developers

RULE = Rule(
    __name__,
    severity="low",
    summary="SIGTERM is handled only after something was started and a slow step: a stop before that ends nothing in order.",
    lead=True,
)
STARTED = frozenset({"thread", "process", "scheduler", "observer"})
"""Kinds that the way down would have to end; a daemon is given up at any time."""
SLOW = 1.0
"""Seconds of a pause from which on a stop may well fall into it."""
DEPTH = 6  # calls from main to the registration


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    started = {
        id(r.started_at.call): f"{r.kind} started"
        for r in project.resources
        if r.kind in STARTED and r.started_at is not None and r.daemon is not True
    }
    slow = {
        id(w.site.call): f"{w.site.text}() waits for the {w.kind}"
        for w in project.waits
        if w.leaves_the_process and not w.constructs
    } | {id(s.call): f"{s.text}() waits" for s in project.sites("time.sleep", "asyncio.sleep") if _seconds(s) >= SLOW}
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


def _seconds(site: Site) -> float:
    given = site.call.argument("secs", 0)
    return float(given.value) if isinstance(given, m.Const) and isinstance(given.value, int | float) else 0.0


def _finding(entrypoint: Entrypoint, first: Registration, trace: tuple[Evidence, ...], what: str) -> Finding:
    launch = as_pid1(entrypoint)
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
    """What is started on the way from main to the registration with a slow step behind it, or None."""
    steps = _way_to(project, entrypoint, registration, started, slow)
    for number, (begun, note) in enumerate(steps):
        waiting = next(((s, n) for s, n in steps[number + 1 :] if id(s.call) in slow), None)
        if id(begun.call) in started and waiting is not None:
            site, what = waiting
            trace = (Evidence(begun.path, begun.line, note), Evidence(site.path, site.line, what))
            return trace, f"{note} at {begun.path}:{begun.line}, then {what}"
    return None


def _way_to(
    project: Project, entrypoint: Entrypoint, registration: Registration, started: dict[int, str], slow: dict[int, str]
) -> list[tuple[Site, str]]:
    """The noted calls that run before the registration, in their order, from main's first statement on."""
    life = project.lives[entrypoint]
    function, line = registration.site.function, registration.site.line
    found: list[tuple[Site, str]] = []
    for _ in range(DEPTH):
        if function in life.spine:
            found = [*_before(project, function, line, started, slow, registration.site.function), *found]
        callers = [e for e in project.links.callers.get(function, ()) if e.how == "call"]
        edge = next((e for e in callers if e.caller in life.spine), None if function in life.spine else next(iter(callers), None))
        if edge is None:
            break
        function, line = edge.caller, edge.site.line
    return found


def _before(
    project: Project, function: Func, line: int, started: dict[int, str], slow: dict[int, str], own: Func
) -> Iterator[tuple[Site, str]]:
    for site in function.sites:
        if site.line < line and not (function.is_module and not site.steps):
            yield from _steps(project, site, started, slow, own)


def _steps(
    project: Project, site: Site, started: dict[int, str], slow: dict[int, str], own: Func
) -> Iterator[tuple[Site, str]]:
    """The noted calls that one call makes, itself or up to three calls below; the slow ones only where they run each time."""
    note = started.get(id(site.call)) or slow.get(id(site.call))
    if note is not None:
        yield site, note
    elif not site.weak:
        for target in site.targets[:1]:
            for func in below(project, target, 3) if target is not own else ():
                for call_id, inner in sites_by_call(func).items():
                    if call_id in started or (call_id in slow and not inner.steps):
                        yield inner, started.get(call_id) or slow[call_id]
