"""Methods that code picks by a name which it puts together: ``getattr(self, f"on_{event}")(message)``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.project.model import Func, Klass, Module, Site
from runtime_ops.project.names import Names, decorator_name

LEAST = 2  # letters of a name that must be written: "x_" is part of too many
MOST = 60  # functions of one pattern; beyond it, what is picked is not known
PARTS = re.compile(r"%[sd]|%\(\w+\)s|\{\w*\}")
DISPATCH = "getattr"


def dispatched(names: Names, func: Func) -> Iterator[tuple[Site, Func]]:
    """Each ``getattr`` of a function that is given a partly written name, with each function it may give."""
    if DISPATCH not in func.wording:
        return
    for site in func.sites:
        if site.text != DISPATCH or len(site.call.args) < 2:
            continue
        written = _pattern(site.call.args[1])
        shape = _shape(written) if None in written else None
        if shape is None:
            continue
        found = [f for f in _functions(names, site.call.args[0], func) if shape.fullmatch(f.name) and f is not func]
        if len(found) <= MOST:
            yield from ((site, target) for target in dict.fromkeys(found))


def _pattern(expr: m.Expr) -> tuple[str | None, ...]:
    """The written pieces of a text that is put together, with None for each that is not."""
    if isinstance(expr, m.Const) and isinstance(expr.value, str):
        return (expr.value,)
    if isinstance(expr, m.Format):
        return tuple(piece for part in expr.parts for piece in _pattern(part))
    if isinstance(expr, m.BinOp) and expr.op == "+":
        return (*_pattern(expr.left), *_pattern(expr.right))
    template = expr.left if isinstance(expr, m.BinOp) and expr.op == "%" else None
    if isinstance(expr, m.Call) and isinstance(expr.func, m.Attr) and expr.func.name == "format":
        template = expr.func.value
    if isinstance(template, m.Const) and isinstance(template.value, str):
        texts = PARTS.split(template.value)
        return tuple(piece for number, text in enumerate(texts) for piece in ((None, text) if number else (text,)))
    return (None,)


@cache
def _shape(written: tuple[str | None, ...]) -> re.Pattern[str] | None:
    """What the names look like; None where too little of them is written."""
    known = "".join(piece for piece in written if piece is not None)
    if len(known.strip("_")) < LEAST or "_" not in known:
        return None
    return re.compile("".join(r"\w+" if piece is None else re.escape(piece) for piece in written))


def _functions(names: Names, expr: m.Expr, func: Func) -> Iterable[Func]:
    """The functions that an object of the project has: methods of its class and of those above and below it, or a module's."""
    if isinstance(expr, m.Name) and expr.id == "self" and func.cls is not None:
        yield from _methods(func.cls)
        return
    value = names.value(expr, func)
    if value is None:
        return
    if isinstance(value.target, Klass) and value.kind in ("instance", "class"):
        yield from _methods(value.target)
    elif isinstance(value.target, Module):
        yield from (f for f in value.target.functions.values() if f.cls is None and f.parent in (None, value.target.level))


def _methods(klass: Klass) -> Iterator[Func]:
    for one in (*klass.ancestry, *klass.descendants()):
        for method in one.methods.values() if isinstance(one, Klass) else ():
            if not any(decorator_name(d).endswith("property") for d in method.facts.decorators):
                yield method
