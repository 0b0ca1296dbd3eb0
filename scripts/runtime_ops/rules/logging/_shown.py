"""Whether a failure that an arm drops without a word still shows: in an answer, a marker, or what the next line says."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.failure_signs import error_status, is_answer, is_print, says_failure
from runtime_ops.project.failures import TOLD, HandlerEffects
from runtime_ops.project.flows import ends, sites_in, statements_after
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Place, Site, own_expressions, places_of
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.shutdown._running import names_in

PROBE = re.compile(
    r"^_*(?:is|has|can|check|detect|test|probe|supports?|try)_|^_*(?:ping|exists|probe|is[A-Z]\w*)$|"
    r"_(?:available|exists|alive|reachable|supported|works|ok)$"
)
"""Names of functions whose answer is whether something works. A bare ``check`` is how frameworks call a unit of work."""
SCAN = re.compile(r"\b(?:process_iter|pids|listdir|scandir|iterdir|r?glob|walk|net_connections)\(")
"""What lists processes or files, each of which may be gone when it is looked at."""


def shown(arm: HandlerEffects) -> bool:
    """Whether somebody can tell the failure of ``arm`` from an empty result."""
    by_value = _answers(arm) or _yes_or_no(arm) or _marks(arm)
    return by_value or _told_behind(arm) or probes(arm.func) or _vanished(arm)


def _answers(arm: HandlerEffects) -> bool:
    """``except Exception: return "not reached"``: whatever the arm returns is no empty value."""
    return bool(arm.returns) and all(
        r.kind in TOLD or (r.kind == "value" and not _of_the_function(r.expr, arm.func)) for r in arm.returns
    )


def _yes_or_no(arm: HandlerEffects) -> bool:
    """``try: …; return True``, ``except Exception: return False``: the outcome is the answer."""
    given = [p.stmt.value for p in places_of(arm.attempt.body, ()) if isinstance(p.stmt, m.Return)]
    if not given or not arm.returns or any(r.kind != "false" for r in arm.returns):
        return False
    return all(isinstance(v, m.Compare) or (isinstance(v, m.Const) and isinstance(v.value, bool)) for v in given)


def _of_the_function(expr: m.Expr | None, func: Func) -> bool:
    """A name that the function fills itself: what it holds at the failure may be nothing."""
    return isinstance(expr, m.Name) and expr.id in func.bindings and func.param(expr.id) is None


def _marks(arm: HandlerEffects) -> bool:
    """``link = "invalid"``, ``theme.loads = False``: the arm leaves a value that is not what nothing looks like."""
    return any(_is_marker(stmt.value, arm.func) for stmt in _assignments(arm))


def _is_marker(value: m.Expr | None, func: Func) -> bool:
    if isinstance(value, m.Const):
        return value.value is False or bool(value.value)
    if isinstance(value, m.Name) and "default" in value.id.lower():
        return True
    return isinstance(value, m.Name | m.Attr) and not _of_the_function(value, func)


def _assignments(arm: HandlerEffects) -> Iterator[m.Assign]:
    for place in places_of(arm.handler.body, ()):
        if isinstance(place.stmt, m.Assign):
            yield place.stmt


def _told_behind(arm: HandlerEffects) -> bool:
    """Whether what follows says it: an error answer, a raise, a line that writes the missing value, a test that tells."""
    after = statements_after(Place(arm.attempt, arm.steps), arm.func)
    if "fall" not in arm.ends or not after:
        return False
    if _is_failure(after[0]) or (isinstance(after[0], m.ExprStmt) and _tells(after[0], arm.func)):
        return True
    kept = {name for stmt in _assignments(arm) for target in stmt.targets for name in names_in(target)}
    if not kept:
        return False
    if isinstance(after[0], m.If) and kept & _names_of(after[0]):
        return "raise" in ends(after[0].body, arm.func) or _tells(after[0], arm.func)
    return any(isinstance(s, m.ExprStmt) and _tells(s, arm.func) and kept & _names_of(s) for s in after)


def _is_failure(stmt: m.Stmt) -> bool:
    if isinstance(stmt, m.Return) and stmt.value is not None:
        return (error_status(stmt.value) or 0) >= 400 or says_failure(stmt.value)
    return isinstance(stmt, m.Raise)


def _tells(stmt: m.Stmt, func: Func) -> bool:
    sites = sites_in(stmt, func)
    said = any(log_call(s) is not None or is_print(s) or is_answer(s) for s in sites)
    return said or any(_is_failure(node) for node in m.walk(stmt) if isinstance(node, m.Return))


def _names_of(stmt: m.Stmt) -> set[str]:
    return {name for expr in own_expressions(stmt) for name in names_in(expr)}


def probes(func: Func) -> bool:
    """Whether the function, or one around it, asks if something works: that it does not is the answer."""
    scope: Func | None = func
    while scope is not None:
        if not scope.is_module and PROBE.search(scope.name):
            return True
        scope = scope.parent
    return False


def _vanished(arm: HandlerEffects) -> bool:
    """Whether the arm skips one process or file of a listing, which may have ended or gone since."""
    return isinstance(arm.loop, m.For) and bool(SCAN.search(source_of(arm.loop.iterable)))


def looked_at(site: Site) -> bool:
    """Whether the function that makes the call tests its answer and tells of an empty one: ``x = f()``, ``if x is None: log``."""
    func = site.function
    kept = {name for t in site.stmt.targets for name in names_in(t)} if isinstance(site.stmt, m.Assign) else set()
    for place in func.places:
        stmt = place.stmt
        if not isinstance(stmt, m.If) or stmt.line < site.line:
            continue
        if (stmt is site.stmt or kept & set(names_in(stmt.test))) and (
            _tells(stmt, func) or "raise" in ends(stmt.body, func) | ends(stmt.orelse, func)
        ):
            return True
    return False
