"""Functions of libraries that code picks out of a table: ``{"GET": requests.get, "PUT": requests.put}[method](url)``."""

from __future__ import annotations

from runtime_ops.facts import model as m
from runtime_ops.project.model import Func

GET = "get"


def choices(expr: m.Expr, func: Func) -> tuple[m.Expr, ...]:
    """The values that an expression takes one of: those of a table that is written in it, or bound once to the name that it asks,
    with the default of ``get``. Empty for any other expression."""
    if isinstance(expr, m.Subscript):
        return _values(expr.value, func)
    if not isinstance(expr, m.Call) or not expr.args or expr.keywords:
        return ()
    if isinstance(expr.func, m.Attr) and expr.func.name == GET:
        table = _values(expr.func.value, func)
    elif isinstance(expr.func, m.Name) and expr.func.id.endswith(f".{GET}"):
        table = _values(m.Name(expr.func.id.removesuffix(f".{GET}"), expr.func.line), func)
    else:
        return ()
    return (*table, *expr.args[1:2]) if table else ()


def _values(expr: m.Expr, func: Func) -> tuple[m.Expr, ...]:
    scope: Func | None = func
    while isinstance(expr, m.Name) and scope is not None:
        bound = scope.bindings.get(expr.id, ()) if scope.param(expr.id) is None or scope.is_module else ()
        if bound:
            only = bound[0].expr if len(bound) == 1 and bound[0].kind == "assign" else None
            return _values(only, scope) if isinstance(only, m.Mapping) else ()
        scope = scope.parent
    if not isinstance(expr, m.Mapping) or any(key is None for key, _ in expr.items):
        return ()
    return tuple(value for _, value in expr.items)
