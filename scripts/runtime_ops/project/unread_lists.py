"""Failures that an ``except`` arm puts into a list of the function which nobody looks at again."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.model import Func, own_expressions

PUTS = frozenset(("append", "extend", "insert", "add"))


def put_away(arm: HandlerEffects) -> str:
    """The list that an arm puts the failure into, when that is all it does of it and nothing reads the list; else empty."""
    told = arm.logs or arm.prints or arm.tracebacks or arm.counts or arm.reports or arm.answers or arm.exits or arm.settles
    if told or arm.raises != "never" or not arm.swallows or any(r.kind == "exception" for r in arm.returns):
        return ""
    lists = {stored.text.rpartition(".")[0] for stored in arm.stores if stored.how == "list"}
    if len(lists) != 1 or any(stored.how != "list" for stored in arm.stores):
        return ""
    (name,) = lists
    return name if _made_here(name, arm.func) and not _read(name, arm.func) else ""


def _made_here(name: str, func: Func) -> bool:
    """Whether the function alone makes the list, and makes it anew."""
    bound = func.bindings.get(name, ())
    shared = func.is_module or func.param(name) is not None or name in func.declared_global
    return bool(bound) and not shared and all(_empty(b.expr) for b in bound)


def _empty(expr: m.Expr | None) -> bool:
    """``[]``, ``list()``."""
    return (isinstance(expr, m.Sequence) and not expr.items) or (isinstance(expr, m.Call) and not expr.args)


def _read(name: str, func: Func) -> bool:
    """Whether anything in the function, or in one that is defined in it, uses the list otherwise than by putting something in."""
    if any(each.parent is func and _named(name, each) for each in func.module.functions.values()):
        return True
    return any(used not in {f"{name}.{put}" for put in PUTS} for used in _uses(name, func)) or _put_is_used(name, func)


def _named(name: str, func: Func) -> bool:
    return any(word.partition(".")[0] == name for word in func.inventory.names) or any(
        each.parent is func and _named(name, each) for each in func.module.functions.values()
    )


def _uses(name: str, func: Func) -> Iterator[str]:
    for place in func.places:
        for expr in own_expressions(place.stmt):
            if isinstance(place.stmt, m.Assign) and expr in place.stmt.targets and isinstance(expr, m.Name) and expr.id == name:
                continue
            for node in m.walk(expr):
                if isinstance(node, m.Name) and node.id.partition(".")[0] == name:
                    yield node.id


def _put_is_used(name: str, func: Func) -> bool:
    """Whether the method itself is handed on: ``on_error=errors.append``."""
    called = {id(site.call.func) for site in func.sites}
    return any(
        isinstance(node, m.Name) and node.id.partition(".")[0] == name and node.id != name and id(node) not in called
        for place in func.places
        for expr in own_expressions(place.stmt)
        for node in m.walk(expr)
    )
