"""The parts of an expression whose text ends in a log line, and the names in the code around it."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.model import Func, own_expressions

MASKS = ("mask", "redact", "hide", "censor", "obfuscate", "sanitize", "anonym", "scrub", "hash", "fingerprint", "truncate", "strip_",
         "len", "bool", "type", "isinstance", "safe_", "sha", "md5", "digest", "urlparse", "urlsplit")  # fmt: skip
KEEPING = frozenset(("format", "str", "repr", "join", "dumps", "dict", "list", "unquote", "pformat"))
"""Calls whose result shows their arguments."""


def shown(expr: m.Expr) -> Iterator[m.Expr]:
    """The names, items and calls whose text ends in the line; not what a masking call, a test or a slice hides."""
    if isinstance(expr, m.Call):
        name = dotted_name(expr.func).rpartition(".")[2].lower()
        if any(name.startswith(mask) or (len(mask) > 4 and mask in name) for mask in MASKS):
            return
        yield expr
        if name in KEEPING:
            for arg in (*expr.args, *(v for _, v in expr.keywords)):
                yield from shown(arg)
            if name == "format" and isinstance(expr.func, m.Attr):
                yield from shown(expr.func.value)
    elif isinstance(expr, m.Format):
        for part in expr.parts:
            yield from shown(part)
    elif isinstance(expr, m.BinOp) and expr.op in ("%", "+"):
        yield from shown(expr.left)
        yield from shown(expr.right)
    elif isinstance(expr, m.Sequence):
        for item in expr.items:
            yield from shown(item)
    elif isinstance(expr, m.Mapping):
        for _, value in expr.items:
            yield from shown(value)
    elif isinstance(expr, m.Name) or (isinstance(expr, m.Subscript) and not isinstance(expr.key, m.Other)):
        yield expr
    elif isinstance(expr, m.Star | m.Await):
        yield from shown(expr.value)


def dotted_names(expr: m.Expr | None) -> Iterator[str]:
    """The dotted names in an expression."""
    for node in m.walk(expr) if expr is not None else ():
        if isinstance(node, m.Name):
            yield node.id
        elif isinstance(node, m.Call | m.Attr):
            yield dotted_name(node.func if isinstance(node, m.Call) else node)


def own_nodes(func: Func) -> Iterator[m.Expr]:
    """All expressions of a function, with those that they are made of."""
    for place in func.places:
        for expr in own_expressions(place.stmt):
            yield from m.walk(expr)


def dotted_name(func: m.Expr) -> str:
    """The dotted name of what is called, with an ellipsis for a receiver that has none; empty for anything else."""
    return func.id if isinstance(func, m.Name) else f"….{func.name}" if isinstance(func, m.Attr) else ""
