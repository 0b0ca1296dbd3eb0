"""Records of a job that say something else than what happened: a failure that is never saved, a success after a failure."""

from __future__ import annotations

import re

from runtime_ops.facts import model as m
from runtime_ops.project.failures import HandlerEffects, Stored
from runtime_ops.project.flows import sites_in, statements_after
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Place
from runtime_ops.project.source_text import source_of

FAILED = re.compile(r"(?i)^(?:is_|has_)?(?:fail(?:ed|ure)?|error(?:ed)?|status|state)$")
ENDED_WELL = re.compile(r"(?i)^(?:is_)?(?:finished|done|completed?|success(?:ful)?|succeeded)$")
STATUS = re.compile(r"(?i)^(?:status|state)$")
SAVES = frozenset({"save", "asave"})
MANAGER = ".objects."
"""By which Django's models are read and made: what is set on one of them is not stored before its ``save``."""


def never_saved(arm: HandlerEffects) -> Stored | None:
    """The state of failure that an arm sets on a record of Django's database, and that nothing writes there: ``job.failed = True``
    with no ``job.save()`` behind it. In a loop the next turn may write it."""
    if arm.loop is not None or arm.raises == "always":
        return None
    for stored in arm.stores:
        owner, _, name = stored.text.rpartition(".")
        if stored.how != "attribute" or stored.path != arm.path or not FAILED.search(name) or not _is_record(owner, arm.func):
            continue
        if not _goes_on_to_live(owner, stored.line, arm.func):
            return stored
    return None


def _is_record(owner: str, func: Func) -> bool:
    """Whether a local name is bound to what a manager gives, and to nothing else."""
    bound = func.bindings.get(owner, ()) if owner and "." not in owner else ()
    return bool(bound) and all(isinstance(b.expr, m.Call) and MANAGER in source_of(b.expr.func) for b in bound)


def _goes_on_to_live(owner: str, line: int, func: Func) -> bool:
    """Whether anything behind a line saves the record, is given it, or gives it back."""
    for site in func.sites:
        if site.line <= line:
            continue
        if site.text.rpartition(".")[0] == owner and log_call(site) is None:
            return True  # ``save``, or a method of the record that may
        handed = (*site.call.args, *(value for _, value in site.call.keywords))
        if log_call(site) is None and any(isinstance(n, m.Name) and n.id == owner for each in handed for n in m.walk(each)):
            return True
    return any(
        place.stmt.value is not None and any(isinstance(n, m.Name) and n.id == owner for n in m.walk(place.stmt.value))
        for place in func.by_kind.get(m.Return, ())
        if isinstance(place.stmt, m.Return)
    )


def said_done(arm: HandlerEffects) -> m.Assign | None:
    """The statement behind a ``try`` that records the work as done whether it failed or not: ``job.finished = True; job.save()``."""
    if arm.loop is not None or arm.raises == "always" or "fall" not in arm.ends:
        return None
    behind = statements_after(Place(arm.attempt, arm.steps), arm.func)
    for number, stmt in enumerate(behind):
        if not isinstance(stmt, m.Assign) or not isinstance(stmt.value, m.Const):
            continue
        for target in stmt.targets:
            owner, _, name = source_of(target).rpartition(".")
            if not owner or owner == "self" or not _of_success(name, stmt.value.value):
                continue
            if any(s.method in SAVES and s.text.rpartition(".")[0] == owner for s in sites_in(behind[number + 1 :], arm.func)):
                return stmt
    return None


def _of_success(name: str, value: object) -> bool:
    """``finished`` and True, ``status`` and ``"done"``."""
    if STATUS.search(name):
        return isinstance(value, str) and ENDED_WELL.search(value) is not None
    return value is True and ENDED_WELL.search(name) is not None
