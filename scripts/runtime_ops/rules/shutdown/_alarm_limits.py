"""Time limits of a program's own that a handler of SIGALRM raises, and the broad arms below them that take them for a failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.model import Func, Klass, Site
from runtime_ops.rules.shutdown._running import below

DEEP = 4  # calls below the function that sets the alarm
HABIT = 3  # arms that let the limit pass: this program's way to write it


class Swallowed(NamedTuple):
    """The arm, the exception by which the limit arrives, and how many arms of the program let it pass first."""

    arm: HandlerEffects
    limit: str
    passed_by: int


def swallowed_limits(project: Project) -> Iterator[Swallowed]:
    """Arms for every Exception in what runs under an alarm, whose handler raises one of those."""
    for limit, klass, setters in _limits(project):
        names = _names_of(klass)
        passed = {id(arm.attempt) for arm in project.failures if _lets_pass(arm.attempt, names)}
        under = {func for setter in setters for call in _under(setter) for target in call.targets for func in below(project, target, DEEP)}
        waiting = {wait.site.function for wait in project.waits if wait.kind == "child" or wait.leaves_the_process}
        for arm in project.failures:
            if arm.func in under and id(arm.attempt) not in passed and _takes_it(arm) and _lasts(project, arm, waiting):
                yield Swallowed(arm, limit, len(passed))


def _limits(project: Project) -> Iterator[tuple[str, Klass, list[Func]]]:
    """The exceptions of the project, below Exception, that handlers of SIGALRM raise, and the functions that set such an alarm."""
    found: dict[Klass, list[Func]] = {}
    for registration in project.registrations:
        handler = registration.handler
        if "SIGALRM" not in registration.signals or handler is None:
            continue
        for place in handler.by_kind.get(m.Raise, ()):
            error = place.stmt.exc if isinstance(place.stmt, m.Raise) else None
            value = project.names.value(error.func if isinstance(error, m.Call) else error, handler)
            klass = value.target if value is not None else None
            if isinstance(klass, Klass) and "Exception" in klass.external_bases:
                found.setdefault(klass, []).append(registration.site.function)
    for klass, setters in found.items():
        yield klass.name, klass, setters


def _names_of(klass: Klass) -> frozenset[str]:
    """The names under which an arm takes the exception, that of all exceptions apart."""
    return frozenset(base.name if isinstance(base, Klass) else base.rpartition(".")[2] for base in klass.ancestry) - {
        "Exception", "BaseException", "object",
    }  # fmt: skip


def _lets_pass(attempt: m.Try, names: frozenset[str]) -> bool:
    """Whether an arm before the broad one takes the limit."""
    for handler in attempt.handlers:
        if not handler.types or any(t.rpartition(".")[2] in ("Exception", "BaseException") for t in handler.types):
            return False
        if any(t.rpartition(".")[2] in names for t in handler.types):
            return True
    return False


def _under(setter: Func) -> Iterator[Site]:
    """The calls behind the one that sets the alarm."""
    begins = min((s.line for s in setter.sites if s.dotted in ("signal.alarm", "signal.setitimer")), default=None)
    return (site for site in setter.sites if begins is not None and site.line > begins and not site.guessed)


def _takes_it(arm: HandlerEffects) -> bool:
    """Whether the arm takes every Exception and goes on."""
    return arm.broad and arm.raises == "never" and not arm.exits and bool(arm.ends & {"fall", "continue", "return", "break"})


def _lasts(project: Project, arm: HandlerEffects, waiting: set[Func]) -> bool:
    """Whether the body waits for a child or another host, itself or in what it calls, goes through many things or is one turn of
    many: that is where a limit arrives."""
    calls = {id(site.call) for site in arm.body_calls}
    if any(id(wait.site.call) in calls for wait in project.waits if wait.site.function in waiting):
        return True
    if arm.loop is not None or any(isinstance(node, m.For | m.While) for node in m.walk(arm.attempt.body)):
        return True
    called = (target for site in arm.body_calls if not site.weak for target in site.targets)
    return any(not waiting.isdisjoint(below(project, target, 1)) for target in called)
