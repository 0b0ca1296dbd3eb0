"""Mains that tell of a fault and return before the work begins: the program ends with status 0 without having served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Place, Site, Step
from runtime_ops.project.source_text import literal_words
from runtime_ops.rules.cli._commands import FINE, interactive
from runtime_ops.rules.cli._service_ends import falls_out, in_a_thread, leaves_on_purpose, way

NEAR = 8  # lines between the text and the return behind it: a text of several lines
LAST = 1 << 30
LOGGED = ("error", "critical")


class GivenUp(NamedTuple):
    """A return of a main, or of what it calls, before the serving place. ``said``: what tells of the fault, in the same block or,
    where the function asks another one (``if not ready(): return``), in that one."""

    entrypoint: Entrypoint
    func: Func
    leave: m.Return
    said: Site


def given_up_starts(project: Project) -> Iterator[GivenUp]:
    """The first such return of each long-running entrypoint."""
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running or entrypoint.app:
            continue
        for place in way(project, entrypoint):
            begins = place.site.line if place.site is not None else place.line
            repeats = any(isinstance(step.stmt, m.While | m.For) for step in place.steps)
            found = next(_given_up(place.function, begins), None)
            if found is not None:
                yield GivenUp(entrypoint, place.function, *found)
                break
            if repeats or in_a_thread(place) or not falls_out(place) or (place.site is not None and _is_kept(place.site)):
                break


def given_up_commands(commanded: Mapping[Func, Entrypoint]) -> Iterator[GivenUp]:
    """The first return of each command or main of a job that stands behind an error which the function has told of."""
    for func, entrypoint in commanded.items():
        found = next(_given_up(func, LAST), None)
        if found is not None:
            yield GivenUp(entrypoint, func, *found)


def _is_kept(site: Site) -> bool:
    """Whether the caller binds the answer, which it may turn into a status."""
    return isinstance(site.stmt, m.Assign | m.If | m.While)


def _given_up(func: Func, begins: int) -> Iterator[tuple[m.Return, Site]]:
    if func.is_module or func.facts.is_generator or interactive(func):
        return
    for place in func.by_kind.get(m.Return, ()):
        leave = place.stmt
        if not isinstance(leave, m.Return) or leave.line >= begins or not _is_nothing(leave.value):
            continue
        if any(isinstance(step.stmt, m.While | m.For) or step.arm == "final" for step in place.steps):
            continue
        if any(isinstance(step.stmt, m.Try) and leaves_on_purpose(step.stmt.final, func) for step in place.steps):
            continue
        if any(_raises_instead(step, func) for step in place.steps):
            continue
        said = _said_before(place, func) or _said_by_callee(place, func)
        if said is not None:
            yield leave, said


def _raises_instead(step: Step, func: Func) -> bool:
    """Whether a branch is for a no of ``client.ping()``, which redis answers with True or an exception (redis 8.1.0, commands/core.py)."""
    if not isinstance(step.stmt, m.If):
        return False
    test, arm = step.stmt.test, step.arm
    if isinstance(test, m.UnaryOp) and test.op == "not":
        test, arm = test.operand, "body" if arm == "orelse" else "orelse"
    asked = next((s for s in func.sites if s.call is test), None)
    return arm == "orelse" and asked is not None and asked.method == "ping" and (asked.dotted or "").startswith("redis.")


def _is_nothing(value: m.Expr | None) -> bool:
    return value is None or (isinstance(value, m.Const) and value.value is None)


def _said_before(place: Place, func: Func) -> Site | None:
    """What tells of an error as the statement before a return, in its block."""
    around = [step.stmt for step in place.steps]
    behind = (s for s in func.sites if s.line <= place.stmt.line and s.line >= place.stmt.line - NEAR)
    return next((s for s in behind if [step.stmt for step in s.steps] == around and around and tells_of_fault(s)), None)


def tells_of_fault(site: Site) -> bool:
    """A log call at error or above that does not call the state a fine one."""
    call = log_call(site)
    if call is None or call.level not in LOGGED or not isinstance(site.stmt, m.ExprStmt):
        return False
    return not FINE.search(literal_words(site.call))


def _said_by_callee(place: Place, func: Func) -> Site | None:
    """``if not self.ready(): return``, where ``ready`` logs an error on each way on which it answers with False."""
    branch = place.steps[-1] if place.steps else None
    if branch is None or not isinstance(branch.stmt, m.If) or branch.arm != "body":
        return None
    test = branch.stmt.test
    if not isinstance(test, m.UnaryOp) or test.op != "not" or not isinstance(test.operand, m.Call):
        return None
    site = next((s for s in func.sites if s.call is test.operand), None)
    if site is None or site.weak or len(site.targets) != 1:
        return None
    asked = site.targets[0]
    told: list[Site | None] = [
        _said_before(p, asked)
        for p in asked.by_kind.get(m.Return, ())
        if isinstance(p.stmt, m.Return) and isinstance(p.stmt.value, m.Const) and not p.stmt.value.value
    ]
    return told[0] if told and all(told) else None
