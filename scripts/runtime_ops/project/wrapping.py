"""Decorators of the project: those that only put something around a function, and so make nobody else call it."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func

LOOKS_AT = frozenset(
    "wraps update_wrapper iscoroutinefunction isgeneratorfunction isasyncgenfunction isfunction signature getfullargspec "
    "getattr hasattr isinstance callable repr str id partial sync_to_async asyncify".split()
)
"""Functions that are given a function to read its name or kind, or to make another of it, and keep it nowhere."""


def only_wraps(decorator: m.Expr, func: Func, links: Links) -> bool:
    """Whether a decorator is a function of the project that returns another one around what it decorates, which calls it, and
    puts neither of the two anywhere: ``@catch_error`` is one, ``@register("name")``, which fills a table, is none. False for
    what was not found or not understood."""
    value = links.names.value(
        decorator.func if isinstance(decorator, m.Call) else decorator, func.parent or func.module.level
    )
    if value is None or not isinstance(value.target, Func):
        return False
    maker = value.target
    if isinstance(
        decorator, m.Call
    ):  # the decorator's arguments come first: the inner function takes the decorated one
        return any(_only_wraps(inner) for inner in _inside(maker))
    return _only_wraps(maker)


def _only_wraps(maker: Func) -> bool:
    params = [p.name for p in maker.facts.params if p.name not in ("self", "cls")]
    within = list(_inside(maker))
    if not params or not within:
        return False
    given, made = params[0], {inner.name for inner in within}
    called = any(
        isinstance(site.call.func, m.Name) and site.call.func.id == given for inner in within for site in inner.sites
    )
    return called and not any(_keeps(func, {given, *made}) for func in (maker, *within))


def _inside(func: Func) -> Iterator[Func]:
    for other in func.module.functions.values():
        if other.parent is func:
            yield other
            yield from _inside(other)


def _keeps(func: Func, names: set[str]) -> bool:
    """Whether a function gives one of the names to another one, which may keep it, or puts it somewhere itself."""
    for site in func.sites:
        handed = (*site.call.args, *(value for _, value in site.call.keywords))
        if (
            any(isinstance(arg, m.Name) and arg.id in names for arg in handed)
            and site.text.rpartition(".")[2].removesuffix("()") not in LOOKS_AT
        ):
            return True
    return any(_puts(place.stmt, names) for place in func.by_kind.get(m.Assign, ()))


def _puts(stmt: m.Stmt, names: set[str]) -> bool:
    """Whether an assignment stores one of the names elsewhere than under a plain name, or marks it by an attribute of its own:
    somebody finds it by that (``wrapper.is_handler = True``)."""
    if not isinstance(stmt, m.Assign):
        return False
    for target in stmt.targets:
        owner, _, attribute = target.id.partition(".") if isinstance(target, m.Name) else ("", "", "")
        if owner in names and attribute and not attribute.startswith("__"):
            return True
    elsewhere = any(not isinstance(target, m.Name) or "." in target.id for target in stmt.targets)
    held = m.walk(stmt.value) if isinstance(stmt.value, (m.Sequence, m.Mapping)) else (stmt.value,)
    return elsewhere and any(isinstance(node, m.Name) and node.id in names for node in held)
