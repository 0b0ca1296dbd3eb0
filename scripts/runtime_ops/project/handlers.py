"""What an expression given as a handler means: a function, a class, or something of a library."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Module, Value
from runtime_ops.project.texts import bound_expression, spelled

DEPTH = 6


class Given(NamedTuple):
    """A handler as it was given: the project's function or class if it is one, and the name as written or canonical;
    ``module`` where a module of the project stands for an object (falcon takes one with ``on_get`` as a resource)."""

    func: Func | None
    klass: Klass | None
    name: str
    module: Module | None = None


def given(links: Links, expr: m.Expr | None, function: Func, depth: int = 0) -> Given:
    """The handler that an expression names: through ``partial``, decorators called on it, ``View.as_view()``, lambdas,
    a dotted text (``"app.views.index"``), an instance with ``__call__``. ``Given(None, None, text)`` when unknown.
    """
    if expr is None or depth > DEPTH:
        return Given(None, None, "")
    if isinstance(expr, m.Const):
        text = expr.value if isinstance(expr.value, str) else ""
        value = links.names.imported(function.module, text, 0) if "." in text and " " not in text else None
        return _of_value(value, text) if value is not None else Given(None, None, text)
    if isinstance(expr, m.Lambda):
        inner = next(iter(links.referenced(expr, function)), None)
        return Given(inner, None, "lambda")
    if isinstance(expr, m.Star):
        return given(links, expr.value, function, depth + 1)
    if isinstance(expr, m.Call):
        return _of_call(links, expr, function, depth)
    value = links.names.value(expr, function)
    found = _of_value(value, spelled(expr))
    if found.func is None and found.klass is None:
        bound = bound_expression(links, expr, function) if isinstance(expr, m.Name | m.Attr) else None
        if bound is not None and isinstance(bound[0], m.Call | m.Lambda):
            deeper = given(links, bound[0], bound[1], depth + 1)
            if deeper.func is not None or deeper.klass is not None:
                return deeper
    return found


def _of_value(value: Value | None, text: str) -> Given:
    if value is None:
        return Given(None, None, text)
    if isinstance(value.target, Func):
        return Given(value.target, None, value.target.name)
    if isinstance(value.target, Klass):
        return Given(None, value.target, value.target.name)
    if isinstance(value.target, Module) and value.kind == "module":
        return Given(None, None, value.target.name, value.target)
    return Given(None, None, value.name if value.kind in ("external", "made") else text)


def _of_call(links: Links, call: m.Call, function: Func, depth: int) -> Given:
    text = spelled(call.func)
    if text.endswith(".as_view") or text.endswith(".as_asgi"):
        owner, _, _ = text.rpartition(".")
        return given(links, m.Name(owner, call.line), function, depth + 1)
    value = links.names.value(call, function)
    if value is not None and isinstance(value.target, Func | Klass):
        return _of_value(value, text)
    for arg in call.args:  # partial(f, …), csrf_exempt(view), cache_page(60)(view), asynccontextmanager(f)
        found = given(links, arg, function, depth + 1) if not isinstance(arg, m.Const) else Given(None, None, "")
        if found.func is not None or found.klass is not None:
            return found
    return Given(None, None, value.name if value is not None and value.kind in ("external", "made") else text)


def each(links: Links, expr: m.Expr | None, function: Func) -> Iterator[Given]:
    """Every handler of an expression that may be one or a list of them."""
    if isinstance(expr, m.Sequence):
        for item in expr.items:
            yield from each(links, item, function)
    elif isinstance(expr, m.BinOp) and expr.op in ("+", "|"):
        yield from each(links, expr.left, function)
        yield from each(links, expr.right, function)
    elif isinstance(expr, m.Mapping):
        for _, item in expr.items:
            yield from each(links, item, function)
    elif isinstance(expr, m.Name | m.Attr):
        bound = bound_expression(links, expr, function)
        if bound is not None and isinstance(bound[0], m.Sequence | m.Mapping):
            yield from each(links, bound[0], bound[1])
        else:
            yield given(links, expr, function)
    elif expr is not None and not (isinstance(expr, m.Const) and not isinstance(expr.value, str)):
        yield given(links, expr, function)
