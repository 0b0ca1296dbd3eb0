"""Expressions with what encloses them: the statement, and the expressions around each part, innermost first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.model import Func, Klass, Module, Place, Site, make, own_expressions

LEAVES = frozenset((m.Const, m.Name))
CALLS = frozenset((m.Call,))


class Spot(NamedTuple):
    """One expression where it stands. ``around`` are the enclosing expressions of its statement, innermost first."""

    expr: Any
    around: tuple[Any, ...]
    place: Place
    function: Func
    klass: Klass | None = None  # set for expressions of a class body
    owner: Func | None = None  # the function whose decorator or default it is (evaluated in the scope around it)


class Region(NamedTuple):
    """Statements that run in one scope: a function, a module's level, or a class body (``function`` is then the scope around)."""

    function: Func
    places: tuple[Place, ...]
    klass: Klass | None = None


def regions(module: Module) -> Iterator[Region]:
    """Every scope of a module."""
    for func in module.functions.values():
        yield Region(func, func.places)
    for klass in module.classes.values():
        scope = module.functions.get(klass.facts.parent or "<module>", module.level)
        yield Region(scope, klass.places, klass)


def spots(region: Region, kinds: frozenset[type]) -> Iterator[Spot]:
    """Every expression of one of the kinds that is evaluated in a scope, nested ones included; no targets of assignments.

    Defaults of parameters and decorators of functions are evaluated in the scope around the function.
    """
    for place in region.places:
        for expr in read_expressions(place.stmt):
            yield from within(expr, place, region.function, region.klass, kinds)
    if region.klass is None and not region.function.is_module:
        yield from header_spots(region.function, kinds)


def header_spots(func: Func, kinds: frozenset[type]) -> Iterator[Spot]:
    """Expressions of a function's decorators and of the defaults of its parameters."""
    outer = func.parent or func.module.level
    place = Place(m.Pass(func.line, func.line), ())
    defaults = (p.default for p in func.facts.params if p.default is not None)
    for expr in (*func.facts.decorators, *defaults):
        for spot in within(expr, place, outer, func.cls, kinds):
            yield spot._replace(owner=func)


def spot_of(site: Site) -> Spot | None:
    """A call site as a spot, with the expressions around it."""
    if isinstance(site.stmt, m.Pass):
        return next((s for s in header_spots(site.function, CALLS) if s.expr is site.call), None)
    place = Place(site.stmt, site.steps)
    for expr in read_expressions(site.stmt):
        for spot in within(expr, place, site.function, None, CALLS):
            if spot.expr is site.call:
                return spot
    return None


def read_expressions(stmt: m.Stmt) -> tuple[Any, ...]:
    """The expressions of a statement whose value is taken: no targets of assignments."""
    if isinstance(stmt, m.Assign):
        return (stmt.value,) if stmt.value is not None else ()
    if isinstance(stmt, m.AugAssign):
        return (stmt.value,)
    if isinstance(stmt, m.Delete):
        return ()
    if isinstance(stmt, m.For):
        return (stmt.iterable,)
    return own_expressions(stmt)


def within(
    expr: Any, place: Place, function: Func, klass: Klass | None = None, kinds: frozenset[type] = frozenset()
) -> list[Spot]:
    """An expression and everything below it of one of the kinds (of any kind when none is given), outer before inner."""
    passed = frozenset() if not kinds else LEAVES - kinds
    found: list[Spot] = []
    if type(expr) in passed:
        return found
    stack: list[tuple[Any, tuple[Any, ...]]] = [(expr, ())]
    while stack:
        node, around = stack.pop()
        kind = type(node)
        if kind is not tuple and (not kinds or kind in kinds):
            found.append(make(Spot, (node, around, place, function, klass, None)))
        if kind in LEAVES:
            continue
        inner = around if kind is tuple else (node, *around)
        for part in node[::-1]:
            if part and isinstance(part, tuple) and type(part) not in passed:
                stack.append((part, inner))
    return found
