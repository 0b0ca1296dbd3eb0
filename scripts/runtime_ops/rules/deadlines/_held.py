"""Whom a wait without a limit holds, and until when: the words of a finding, and what ends the wait."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.life import Life
from runtime_ops.project.model import Func
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.deadlines._outer import FOR_EVER, UNKNOWN, End, outer_end, start_end, that_run
from runtime_ops.rules.deadlines._ways import handed_over

REQUEST = "request's thread or task"


class Held(NamedTuple):
    """``text``: who is held, and until when, as far as that is known. ``end``: what ends the wait, of several programs the
    loosest."""

    text: str
    end: End


def held_by(project: Project, group: Iterable[WaitSite], phase: str | None, entrypoints: tuple[Entrypoint, ...]) -> Held:
    """Whom the waits of one finding hold."""
    waits = tuple(group)
    if all(is_management_command(w.path) for w in waits):
        return _words("this command", FOR_EVER)
    ways = [(project.lives[e], entry.function) for e in entrypoints for w in waits for entry in w.entries]
    if phase is not None and any(handed_over(life, func, phase) for life, func in ways):
        return _words("its caller", UNKNOWN)  # by whom it is run in the end was not seen
    of_phase = [(life, func) for life, func in ways if phase is not None and phase in life.of(func)]
    if phase is not None and of_phase and all(_called_from_outside(life, func, phase) for life, func in of_phase):
        return _words("its caller", UNKNOWN)  # a library, in whatever thread it likes
    if phase is None and all(w.site.function not in project.jobs.by_func for w in waits):
        return _words("whoever calls it", UNKNOWN)  # no way to it was followed
    run = that_run(entrypoints)
    served = tuple(e for e in run if e.kind == "service")
    others = tuple(e for e in run if e.kind == "worker")
    if phase == "startup" and bool(served) != bool(others) and not all(w.constructs for w in waits):
        # a worker's start comes before its first job, which is all that a job's time limit ends
        return _words("its start", start_end(project, served) if served else FOR_EVER)
    end = outer_end(project, entrypoints)
    if phase is not None and end.by in ("server", "request") and any(life.own_thread(func, phase) for life, func in ways):
        return _words("a thread that is started for it", UNKNOWN)  # which no server watches
    if served and others:
        return _apart(project, served, others, end)
    return _words(f"this {_unit(entrypoints)}", end)


def _apart(project: Project, served: tuple[Entrypoint, ...], others: tuple[Entrypoint, ...], end: End) -> Held:
    """Requests and jobs that end at different times: what is not known comes last, so that no time is read as its."""
    request, job = outer_end(project, served), outer_end(project, others)
    if request.text == job.text:
        return _words("this request or job", end)
    parts = [_words("this job", job).text, _words(f"this {REQUEST}", request).text]
    return Held(", and ".join(parts if job.text else reversed(parts)), end)


def _words(unit: str, end: End) -> Held:
    return Held(f"{unit} {end.text}".rstrip(), end)


def _unit(entrypoints: tuple[Entrypoint, ...]) -> str:
    kinds = {e.kind for e in entrypoints}
    if "worker" not in kinds:
        return REQUEST if "service" in kinds else "program"
    if "service" in kinds:
        return "request or job"
    return "worker" if all(e.framework == "loop" for e in entrypoints if e.kind == "worker") else "job"


def _called_from_outside(life: Life, func: Func, phase: str) -> bool:
    """Whether the way begins in a method that only a library may call, as its class says: an entrypoint imports it, and no more."""
    reach = life.reach.get(life.begin(func, phase), {}).get(phase)
    return reach is not None and reach.seed is not None and reach.seed.origin == "library class"
