"""Whether work whose failure is caught lives on, or somebody hears of it: what makes a swallowed failure of a job harmless."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.failure_signs import records_failure
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import ends, statements_after, takes_anything
from runtime_ops.project.jobs import Consumer
from runtime_ops.project.model import Func, Place, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.jobs._words import delivers, optional, words

RESETS = re.compile(r"^_*(?:hard_|soft_|force_)?(?:reset|restart|restore|recover|resume|reopen)(?:_|$)")
"""Functions that put work or its connection back to where it can be done again."""
STATE = re.compile(r"^(?:\w+_)?(?:state|status)$")
TRACKER = re.compile(r"(?i)(?:^|[._])(?:sentry|rollbar|bugsnag|honeybadger|airbrake|newrelic)(?:[._]|$)")
METRIC = re.compile(r"(?i)(?:^|[._])(?:metrics?|statsd)\.")
FULL = frozenset({"Full", "QueueFull"})
SIBLINGS = 3  # steps with an arm each: they are kept apart on purpose


def heard_of(arm: HandlerEffects) -> bool:
    """Whether the arm tells the people concerned (a mail, a message), or sets the work back so that it is done again."""
    return any(
        (delivers(site) and not any(optional(part) for part in site.text.split(".")))
        or (bool(site.targets) and bool(RESETS.search(site.method)))
        for site in arm.calls
    )


def counted(arm: HandlerEffects) -> bool:
    """Whether somebody who watches the service learns of the failure: an error tracker, or a metric, also one behind the
    ``try`` that is given the outcome."""
    if arm.reports or arm.counts or any(TRACKER.search(s.text) or METRIC.search(s.text) for s in arm.calls):
        return True
    behind = {id(c) for stmt in statements_after(Place(arm.attempt, arm.steps), arm.func) for c in m.calls(stmt)}
    return any(id(site.call) in behind and METRIC.search(site.text) for site in arm.func.sites)


def keeps_state(project: Project, site: Site) -> bool:
    """Whether what is called writes the state of its item down before or after the work: the item can be found again."""
    if site.weak:
        return False
    return any(_writes_state(func) for target in site.targets for func in _with_callees(project, target))


def _with_callees(project: Project, func: Func) -> Iterator[Func]:
    yield func
    yield from (e.callee for e in project.links.callees.get(func, ()) if e.how == "call" and not e.site.weak)


def _writes_state(func: Func) -> bool:
    if any(records_failure(site) and (site.targets or site.method.startswith("mark_")) for site in func.sites):
        return True
    stored = {source_of(s.call.func).rpartition(".")[0] for s in func.sites if words(s.method)[:1] == ("save",)}
    for place in func.places:
        for target in place.stmt.targets if isinstance(place.stmt, m.Assign) else ():
            owner, _, name = source_of(target).rpartition(".")
            if owner in stored and STATE.search(name):
                return True
    return False


def catches_its_own(site: Site) -> bool:
    """Whether what is called catches the failure of each delivery itself: what comes out of it is not that failure."""
    return bool(site.targets) and not site.weak and all(_guards_deliveries(target) for target in site.targets)


def _guards_deliveries(func: Func) -> bool:
    sent = [s for s in func.sites if delivers(s)]
    return bool(sent) and all(any(_keeps_in(step.stmt, func) and step.arm == "body" for step in s.steps) for s in sent)


def _keeps_in(stmt: m.Stmt, func: Func) -> bool:
    """A ``try`` with a broad arm that raises nothing."""
    return isinstance(stmt, m.Try) and any(
        takes_anything(h) and not ends(h.body, func) & {"raise", "exit"} for h in stmt.handlers
    )


def kept_apart(arm: HandlerEffects) -> bool:
    """Whether the function is a row of steps with an arm each, so that one that fails does not stop the others."""
    steps = [stmt for stmt in arm.func.facts.body if _keeps_in(stmt, arm.func)]
    return len(steps) >= SIBLINGS and any(stmt is arm.attempt for stmt in steps)


def may_be_dropped(consumer: Consumer) -> bool:
    """Whether the producer of the queue throws items away when it is full: nobody counts on each of them."""
    puts = (s for func in consumer.func.module.functions.values() for s in func.sites if s.method == "put_nowait")
    return any(_drops_when_full(site) for site in puts if site.text.rpartition(".")[0] == consumer.source)


def _drops_when_full(site: Site) -> bool:
    """``try: q.put_nowait(x)``, ``except Full:`` with an arm that does not raise."""
    attempts = [s.stmt for s in site.steps if isinstance(s.stmt, m.Try) and s.arm == "body"]
    arms = [h for attempt in attempts for h in attempt.handlers if any(t.rpartition(".")[2] in FULL for t in h.types)]
    return any(not ends(h.body, site.function) & {"raise", "exit"} for h in arms)
