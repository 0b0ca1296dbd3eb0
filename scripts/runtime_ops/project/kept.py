"""Where the result of a call goes: a local name, an attribute, a module's name, a collection, a caller, nobody.

And the other way round: the calls whose results a name or a list holds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.flows import sites_by_call
from runtime_ops.project.model import Func, Klass, Site, own_expressions
from runtime_ops.project.source_text import source_of

ADDERS = frozenset({"append", "add", "appendleft", "put", "insert", "setdefault", "put_nowait"})
ENTERERS = frozenset({"enter_context", "enter_async_context", "push", "push_async_exit", "callback"})
PASS_THROUGH = frozenset({"contextlib.closing", "contextlib.aclosing", "closing", "aclosing"})


class Kept(NamedTuple):
    """``scope``: ``with`` (entered where it is made), ``local``, ``attribute`` (of ``klass``), ``module``, ``collection``
    (a list, set or dict, local or attribute: ``name``), ``returned``, ``argument`` (handed to ``name``), ``chained``
    (a method is called on it at once: ``name``), ``dropped``. ``name`` is the dotted text that holds it."""

    scope: str
    name: str
    klass: Klass | None = None


def kept(site: Site) -> Kept:
    """Where the result of a call goes."""
    stmt = site.stmt
    if isinstance(stmt, m.With):
        for item, target in stmt.items:
            if _is(item, site.call) or (
                isinstance(item, m.Call) and source_of(item.func) in PASS_THROUGH and _holds(item, site.call)
            ):
                return Kept("with", source_of(target) if target is not None else "")
    parent = _parent(site)
    if parent is not None:
        return parent
    if isinstance(stmt, m.Return) and stmt.value is not None and _stands_for(stmt.value, site.call):
        return Kept("returned", "")
    if isinstance(stmt, m.Assign) and stmt.value is not None:
        for target in stmt.targets:
            found = _target(target, site.function)
            if _stands_for(stmt.value, site.call):
                return found
            if isinstance(stmt.value, m.Comprehension | m.Sequence | m.Mapping):
                return found._replace(scope="collection")
    for expr in own_expressions(stmt):
        for node in m.walk(expr):
            if isinstance(node, m.Walrus) and _is(node.value, site.call):
                return _target(m.Name(node.target, site.line), site.function)
    return Kept("dropped", "")


def _parent(site: Site) -> Kept | None:
    """What the enclosing call does with it: a method on it, an argument of something."""
    for expr in own_expressions(site.stmt):
        for node in m.walk(expr):
            if not isinstance(node, m.Call) or node is site.call:
                continue
            if isinstance(node.func, m.Attr) and _is(node.func.value, site.call):
                return Kept("chained", node.func.name)
            arguments = (*node.args, *(v for _, v in node.keywords))
            if any(_is(a, site.call) for a in arguments):
                return _argument(node, site.function)
    return None


def _argument(call: m.Call, func: Func) -> Kept:
    name = source_of(call.func)
    method = name.rpartition(".")[2]
    if method in ADDERS and "." in name:
        found = _target(m.Name(name.rpartition(".")[0], call.line), func)
        return found._replace(scope="collection")
    if method in ENTERERS or name in PASS_THROUGH:
        return Kept("with", name.rpartition(".")[0])
    outer = sites_by_call(func).get(id(call))
    return Kept("argument", (outer.dotted if outer is not None else None) or name)


def _target(target: m.Expr, func: Func) -> Kept:
    if isinstance(target, m.Name):
        head, _, rest = target.id.partition(".")
        if rest:
            params = func.facts.params
            owner = func.cls if func.cls is not None and params and params[0].name == head else None
            return Kept("attribute", target.id, owner)
        if func.is_module or head in func.declared_global:
            return Kept("module", target.id)
        return Kept("local", target.id)
    if isinstance(target, m.Subscript):
        inner = _target(target.value, func)
        return inner._replace(scope="collection")
    if isinstance(target, m.Attr):
        return Kept("attribute", source_of(target))
    return Kept("local", source_of(target))


def _is(expr: m.Expr, call: m.Call) -> bool:
    """Whether an expression is the call itself, awaited or not."""
    while isinstance(expr, m.Await | m.Star):
        expr = expr.value
    return expr is call


def _holds(expr: m.Expr, call: m.Call) -> bool:
    return any(found is call for found in m.calls(expr))


def _stands_for(expr: m.Expr, call: m.Call) -> bool:
    """The call, or a choice one arm of which is the call (``given or Client()``)."""
    if _is(expr, call):
        return True
    if isinstance(expr, m.BoolOp):
        return any(_is(v, call) for v in expr.values)
    if isinstance(expr, m.IfExp):
        return _is(expr.body, call) or _is(expr.orelse, call)
    return False


def listed_calls(name: str, func: Func) -> Iterator[m.Call]:
    """The calls whose results a list of the function holds: those that it is made of, and those that are appended to it."""
    held: list[m.Expr] = []
    for binding in func.bindings.get(name, ()):
        if isinstance(binding.expr, m.Sequence):
            held += binding.expr.items
        elif isinstance(binding.expr, m.Comprehension):
            held += binding.expr.elements
    held += [site.call.args[0] for site in func.sites if site.text == f"{name}.append" and len(site.call.args) == 1]
    for item in held:
        if isinstance(item, m.Call):
            yield item
        elif isinstance(item, m.Name):
            yield from (b.expr for b in func.bindings.get(item.id, ()) if isinstance(b.expr, m.Call))


def bound_calls(name: str, func: Func) -> Iterator[tuple[Func, m.Call]]:
    """The calls whose results a name, or an attribute of the own object, is bound to, with the functions that they stand in."""
    bound = [(func, binding) for binding in func.bindings.get(name, ())]
    if name.startswith("self.") and name.count(".") == 1 and func.cls is not None:
        attribute = name.partition(".")[2]
        bound += [each for k in func.cls.ancestry if isinstance(k, Klass) for each in k.attributes.get(attribute, ())]
    for maker, binding in bound:
        if binding.kind == "assign" and isinstance(binding.expr, m.Call):
            yield maker, binding.expr
