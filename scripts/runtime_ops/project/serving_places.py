"""Places where a program serves, and the phase of a statement as seen from them: before is start-up, in the loop is serving,
after it, in the ``finally`` around it or in the handlers of the ``try`` around it is shutdown.
"""

from __future__ import annotations

from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.coroutine_tasks import DRIVERS, TASKS
from runtime_ops.project.flows import ends
from runtime_ops.project.kept import kept
from runtime_ops.project.model import Func, Site, Step


class ServingPlace(NamedTuple):
    """One place where the program serves.

    ``how`` is ``call`` (a library's serving call), ``loop`` (an endless loop of its own), ``wait`` (main waits for a
    stop event) or ``through`` (a call into another function of the spine). ``kind`` is service or worker, or cli where a
    person at a terminal is served; for ``through`` that of the inner place.
    """

    how: str
    kind: str
    function: Func
    line: int
    steps: tuple[Step, ...]
    site: Site | None
    loop: m.While | m.For | None
    inner: Func | None = None


def cleans_up(steps: tuple[Step, ...]) -> bool:
    """Whether a place stands in a ``finally``: what waits there waits for an end, nobody is served."""
    return any(step.arm == "final" for step in steps)


def phase_at(places: tuple[ServingPlace, ...], line: int, steps: tuple[Step, ...]) -> str:
    """The phase of a statement of a spine function: ``startup``, ``serving`` or ``shutdown``."""
    own = [step.stmt for step in steps]
    for place in places:
        if place.loop is not None and any(stmt is place.loop for stmt in own):
            return "serving"
    after = False
    for place in places:
        for step in place.steps:
            match = next((s for s in steps if s.stmt is step.stmt), None)
            if match is None:
                continue
            if isinstance(step.stmt, m.Try) and step.arm in ("body", "orelse") and match.arm in ("handler", "final"):
                return "shutdown"
        if line > _last_line(place, steps) and not _other_branch(place.steps, steps) and not left_for_good(place, steps):
            after = True
    return "shutdown" if after else "startup"


def _last_line(place: ServingPlace, steps: tuple[Step, ...]) -> int:
    """The line behind which a program no longer serves at a place. What is given to the loop as a task serves beside what follows:
    up to the call that waits for the tasks, or to the end of the function, and to a ``finally``."""
    if place.site is None:
        return place.line
    end = place.site.call.end_line  # its arguments are made before it serves
    given = kept(place.site) if place.how == "through" and not place.site.awaited else None
    if given is None or cleans_up(steps) or given.scope != "argument" or given.name.rpartition(".")[2] not in TASKS:
        return end
    waits = (s.call.end_line for s in place.function.sites if s.method in DRIVERS - TASKS and s.line > end)
    return min(waits, default=place.function.facts.end_line)


def left_for_good(place: ServingPlace, steps: tuple[Step, ...]) -> bool:
    """Whether it serves in a branch that ends the program or the function: what follows the branch runs instead, not after."""
    return any(
        isinstance(step.stmt, m.If)
        and not any(other.stmt is step.stmt for other in steps)
        and "fall" not in ends(step.stmt.body if step.arm == "body" else step.stmt.orelse, place.function)
        for step in place.steps
    )


def _other_branch(one: tuple[Step, ...], other: tuple[Step, ...]) -> bool:
    """Whether two places stand in different arms of one condition, so that not both run in one turn."""
    for step in one:
        for match in other:
            if match.stmt is step.stmt and isinstance(step.stmt, m.If | m.Match) and match.arm != step.arm:
                return True
    return False
