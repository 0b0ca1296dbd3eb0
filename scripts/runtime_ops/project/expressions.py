"""Expressions with what encloses them: the statement, and the expressions around each part, innermost first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.model import Func, Klass, Module, Place, own_expressions, places_of


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
        yield Region(scope, tuple(places_of(klass.facts.body, ())), klass)


def spots(region: Region) -> Iterator[Spot]:
    """Every expression that is evaluated in a scope, its nested parts included; what is assigned to is left out.

    Defaults of parameters and decorators of functions are evaluated in the scope around the function.
    """
    for place in region.places:
        for expr in read_expressions(place.stmt):
            yield from within(expr, place, region.function, region.klass)
    if region.klass is None and not region.function.is_module:
        func = region.function
        outer = func.parent or func.module.level
        place = Place(m.Pass(func.line, func.line), ())
        defaults = (p.default for p in func.facts.params if p.default is not None)
        for expr in (*func.facts.decorators, *defaults):
            for spot in within(expr, place, outer, func.cls):
                yield spot._replace(owner=func)


def read_expressions(stmt: m.Stmt) -> Iterator[Any]:
    """The expressions of a statement whose value is taken: no targets of assignments."""
    if isinstance(stmt, m.Assign):
        if stmt.value is not None:
            yield stmt.value
    elif isinstance(stmt, m.AugAssign):
        yield stmt.value
    elif isinstance(stmt, m.Delete):
        return
    elif isinstance(stmt, m.For):
        yield stmt.iterable
    else:
        yield from own_expressions(stmt)


def within(expr: Any, place: Place, function: Func, klass: Klass | None = None) -> Iterator[Spot]:
    """An expression and everything below it, outer before inner."""
    stack: list[tuple[Any, tuple[Any, ...]]] = [(expr, ())]
    while stack:
        node, around = stack.pop()
        if type(node) is tuple:
            stack.extend((part, around) for part in reversed(node) if isinstance(part, tuple))
            continue
        yield Spot(node, around, place, function, klass)
        inner = (node, *around)
        stack.extend((part, inner) for part in reversed(node) if isinstance(part, tuple))
