"""Tests of a start-up check that have one outcome whatever is given: a tuple that is never empty."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Place

DISPLAYS = ("tuple", "list", "set")
BEFORE_SERVING = frozenset({"import", "startup"})


class ConstantTest(NamedTuple):
    """``if not (A, B): raise`` or ``assert (A, "why")``."""

    func: Func
    stmt: m.If | m.Assert
    names: int
    """How many values the display holds, none of which is looked at."""


def constant_tests(project: Project) -> Iterator[ConstantTest]:
    """The refusals on the way to serving whose test is a tuple, list or set that is written out with something in it."""
    for func in project.functions:
        for place in func.places:
            found = _constant(func, place)
            if found is not None and _before_serving(project, func, place):
                yield found


def _constant(func: Func, place: Place) -> ConstantTest | None:
    stmt = place.stmt
    if isinstance(stmt, m.Assert):
        items = _items(stmt.test)
        return ConstantTest(func, stmt, len(items)) if items else None
    if not isinstance(stmt, m.If) or not isinstance(stmt.test, m.UnaryOp) or stmt.test.op != "not":
        return None
    items = _items(stmt.test.operand)
    return ConstantTest(func, stmt, len(items)) if items and _refuses(stmt.body) else None


def _items(test: m.Expr) -> tuple[m.Expr, ...]:
    """What a display holds; nothing for one that may be empty (``(*found,)``)."""
    if not isinstance(test, m.Sequence) or test.kind not in DISPLAYS:
        return ()
    return () if any(isinstance(item, m.Star) for item in test.items) else test.items


def _refuses(body: m.Block) -> bool:
    """Whether the arm ends the start: it raises, or exits."""
    last = body[-1] if body else None
    if isinstance(last, m.Raise):
        return True
    call = last.value if isinstance(last, m.ExprStmt) else None
    return isinstance(call, m.Call) and isinstance(call.func, m.Name) and call.func.id.rpartition(".")[2] in ("exit", "_exit", "abort")


def _before_serving(project: Project, func: Func, place: Place) -> bool:
    found = project.phases_by_entrypoint(func, place.stmt.line, place.steps)
    return any(phases & BEFORE_SERVING for phases in found.values())
