"""Where a function goes that is handed over: into a field of an object, from which somebody else may call it later.

``JobInfo(classify, bug)`` does not run ``classify``: whoever calls the field of the object does, or gives it to a queue.
"""

from __future__ import annotations

from collections.abc import Iterator, KeysView
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.model import Func, Klass, Site, Value
from runtime_ops.project.names import Names, decorator_name, is_static

DEPTH = 4  # base classes' constructors that are followed
ADDERS = frozenset({"append", "appendleft", "add", "insert", "setdefault", "put", "put_nowait"})
ASKING = frozenset(
    "wraps update_wrapper iscoroutinefunction isasyncgenfunction iscoroutine isfunction ismethod callable signature "
    "getattr hasattr isinstance id hash str repr getdoc get_type_hints".split()
)
"""Calls that look at a function and do not run it."""
DATA_BASES = ("typing.NamedTuple", "NamedTuple", "pydantic.", "msgspec.Struct")


class Use(NamedTuple):
    """What a function does with one of its parameters: ``field`` (``name`` is the attribute of ``self``), ``called``, ``given``
    (``site`` takes it), ``held`` (in a collection, a subscript, or returned), ``unknown``."""

    how: str
    name: str = ""
    site: Site | None = None


def uses(func: Func, name: str) -> Iterator[Use]:
    """What a function does with its parameter ``name``; what only looks at it is left out."""
    for inner in func.module.functions.values():
        if inner.parent is func and name in inner.inventory.names and inner.param(name) is None:
            yield Use("unknown")
    first = func.facts.params[0].name + "." if func.cls is not None and func.facts.params and not is_static(func) else ""
    for site in func.sites:
        if isinstance(site.call.func, m.Name) and site.call.func.id == name:
            yield Use("called")
        elif any(stands_for(expr, name) for expr in _arguments(site.call)):
            yield _given(site, name, first)
    for place in func.places:
        stmt = place.stmt
        if isinstance(stmt, m.Return) and stmt.value is not None and stands_for(stmt.value, name):
            yield Use("held")
        elif isinstance(stmt, m.Assign) and stmt.value is not None and stands_for(stmt.value, name):
            for target in stmt.targets:
                if isinstance(target, m.Name) and first and target.id.startswith(first) and target.id.count(".") == 1:
                    yield Use("field", target.id[len(first) :])
                elif isinstance(target, m.Name) and target.id == name:
                    continue  # ``callback = callback or default``
                else:
                    yield Use("held" if isinstance(target, m.Subscript) else "unknown")


def _given(site: Site, name: str, first: str) -> Use:
    """What a call does that takes the parameter."""
    args = site.call.args
    if site.method in ("__setattr__", "setattr") and len(args) == 3 and isinstance(args[1], m.Const) and first:
        return Use("field", str(args[1].value))  # how a frozen dataclass sets a field
    if site.method in ADDERS and site.dotted is None and not site.targets:
        return Use("held")
    return Use("looked at") if site.method in ASKING else Use("given", name, site)


def _arguments(call: m.Call) -> Iterator[m.Expr]:
    for expr in (*call.args, *(value for _, value in call.keywords)):
        yield from expr.items if isinstance(expr, m.Sequence) else (expr,)


def stands_for(expr: m.Expr, name: str) -> bool:
    """Whether the value of an expression may be what the name is bound to."""
    if isinstance(expr, m.Name):
        return expr.id == name
    if isinstance(expr, m.BoolOp):
        return any(stands_for(value, name) for value in expr.values)
    if isinstance(expr, m.IfExp):
        return stands_for(expr.body, name) or stands_for(expr.orelse, name)
    if isinstance(expr, m.Sequence):
        return any(stands_for(item, name) for item in expr.items)
    if isinstance(expr, m.Mapping):
        return any(stands_for(value, name) for _, value in expr.items)
    return False


def fields_of(names: Names, klass: Klass, position: int | None, keyword: str | None, depth: int = 0) -> tuple[str, ...] | None:
    """The attributes in which a class keeps an argument of its constructor; None where it does anything else with it, or that
    is not known."""
    init = klass.method("__init__")
    if init is None:
        name = keyword or _field_at(klass, position)
        return (name,) if name is not None and any(name in k.attributes for k in klass.ancestry if isinstance(k, Klass)) else None
    params = [p.name for p in init.facts.params if p.kind == "positional"][1:]
    name = keyword or (params[position] if position is not None and position < len(params) else None)
    if name is None or init.param(name) is None:
        return None
    found: list[str] = []
    for use in uses(init, name):
        if use.how == "field":
            found.append(use.name)
        elif use.how == "given" and use.site is not None and depth < DEPTH:
            inner = _handed_up(names, use.site, name, depth)
            if inner is None:
                return None
            found += inner
        elif use.how != "looked at":
            return None
    return tuple(dict.fromkeys(found)) or None


def _handed_up(names: Names, site: Site, name: str, depth: int) -> tuple[str, ...] | None:
    """The attributes in which ``super().__init__(callback)`` keeps it."""
    if site.method != "__init__" or site.function.cls is None:
        return None
    base = next((target.cls for target in site.targets if target.name == "__init__" and target.cls is not None), None)
    if base is None or base is site.function.cls:
        return None
    for number, expr in enumerate(site.call.args):
        if stands_for(expr, name):
            return fields_of(names, base, number, None, depth + 1)
    key = next((k for k, value in site.call.keywords if k is not None and stands_for(value, name)), None)
    return fields_of(names, base, None, key, depth + 1) if key is not None else None


def _field_at(klass: Klass, position: int | None) -> str | None:
    """The field of a dataclass or named tuple that an argument without a name sets."""
    if position is None or not _is_data(klass):
        return None
    fields = dict.fromkeys(
        stmt.targets[0].id
        for base in reversed(klass.ancestry)
        if isinstance(base, Klass)
        for stmt in base.facts.body
        if isinstance(stmt, m.Assign) and isinstance(stmt.targets[0], m.Name)
        if stmt.annotation is not None and "ClassVar" not in stmt.annotation
    )
    return tuple(fields)[position] if position < len(fields) else None


def _is_data(klass: Klass) -> bool:
    decorators = [decorator_name(d).rpartition(".")[2] for k in klass.ancestry if isinstance(k, Klass) for d in k.facts.decorators]
    return any(d in ("dataclass", "define", "frozen", "attrs", "s", "mutable") for d in decorators) or any(
        base.startswith(DATA_BASES) for base in klass.external_bases
    )


def made_class(names: Names, site: Site) -> Klass | None:
    """The class of the project that a call makes an object of."""
    value: Value | None = names.value(site.call.func, site.function)
    return value.target if value is not None and value.kind == "class" and isinstance(value.target, Klass) else None


class Fields:
    """The functions that objects of the project keep in their fields."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._kept: dict[str, list[tuple[Klass, Func]]] = {}

    def __bool__(self) -> bool:
        return bool(self._kept)

    @property
    def words(self) -> KeysView[str]:
        """The names of those fields."""
        return self._kept.keys()

    def keep(self, klass: Klass, field: str, func: Func) -> None:
        """Remember that an object of the class has the function in a field."""
        known = self._kept.setdefault(field, [])
        if (klass, func) not in known:
            known.append((klass, func))

    def named(self, text: str, function: Func) -> tuple[Func, ...]:
        """The functions that a dotted name (``self.callback``, ``job.func``) may stand for where it is written."""
        owner, _, field = text.rpartition(".")
        known = self._kept.get(field)
        if not known or not owner:
            return ()
        value = self.names.name(owner, function)
        if value is not None and value.kind != "const":
            holder = value.target if value.kind == "instance" else None
            if not isinstance(holder, Klass):
                return ()
            return tuple(dict.fromkeys(f for klass, f in known if klass in holder.ancestry or holder in klass.ancestry))
        return tuple(dict.fromkeys(f for _, f in known))
