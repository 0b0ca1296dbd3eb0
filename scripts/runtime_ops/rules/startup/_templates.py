"""Addresses that are put together from parts: which expression stands where the password goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.model import Func, own_expressions

HOLE = "\x00"
PLACE = re.compile(rf"(?:(?P<scheme>[a-z][a-z0-9+.]*|{HOLE}\d+{HOLE})://|^)(?P<user>[^/@:\s]*):{HOLE}(?P<hole>\d+){HOLE}@(?P<host>.?)")
PERCENT = re.compile(r"%(?:\((\w+)\))?[sr]")


class Address(NamedTuple):
    """An address with a password in it: ``scheme`` is empty where it is not written. ``repository``: one of git's, where a token
    without such signs takes the place of a password."""

    password: m.Expr
    scheme: str
    repository: bool
    line: int


def addresses(func: Func) -> Iterator[Address]:
    """Every ``scheme://user:password@host`` of a function whose password is an expression."""
    if not any("@" in text for text in func.inventory.texts):
        return  # most functions, at little cost
    for place in func.places:
        for expr in own_expressions(place.stmt):
            for node in m.walk(expr):
                if isinstance(node, m.Format | m.BinOp | m.Call):
                    yield from _of(node)


def _of(node: m.Format | m.BinOp | m.Call) -> Iterator[Address]:
    parts = _parts(node)
    if parts is None or len(parts) < 3:
        return
    holes = [part for part in parts if not isinstance(part, str)]
    numbers = iter(range(len(holes)))
    text = "".join(part if isinstance(part, str) else f"{HOLE}{next(numbers)}{HOLE}" for part in parts)
    for found in PLACE.finditer(text):
        scheme = found["scheme"] or ""
        netloc = found["user"].startswith(HOLE) and found["host"] == HOLE  # a host of its own, to be put into an address
        if scheme or netloc:
            name = "" if HOLE in scheme else scheme.partition("+")[0]
            yield Address(holes[int(found["hole"])], name, "git" in text, node.line)


def _parts(node: m.Expr) -> list[str | m.Expr] | None:
    """The texts and the expressions between them; None for what is no text with holes."""
    if isinstance(node, m.Format):
        return [part.value if isinstance(part, m.Const) and isinstance(part.value, str) else part for part in node.parts]
    if isinstance(node, m.BinOp) and node.op == "+":
        left, right = (_parts(x) or _single(x) for x in (node.left, node.right))
        return [*left, *right]
    if isinstance(node, m.BinOp) and node.op == "%" and (text := _text(node.left)) is not None:
        return _percent(text, node.right)
    if isinstance(node, m.Call) and isinstance(node.func, m.Attr) and node.func.name == "format":
        return _format(text, node) if (text := _text(node.func.value)) is not None else None
    return None


def _text(expr: m.Expr) -> str | None:
    return expr.value if isinstance(expr, m.Const) and isinstance(expr.value, str) else None


def _single(expr: m.Expr) -> list[str | m.Expr]:
    return [expr.value] if isinstance(expr, m.Const) and isinstance(expr.value, str) else [expr]


def _percent(text: str, values: m.Expr) -> list[str | m.Expr] | None:
    by_name = {k.value: v for k, v in values.items if isinstance(k, m.Const)} if isinstance(values, m.Mapping) else {}
    given = list(values.items) if isinstance(values, m.Sequence) else [values]
    parts: list[str | m.Expr] = []
    at = number = 0
    for found in PERCENT.finditer(text):
        parts.append(text[at : found.start()])
        at = found.end()
        if found[1]:
            if found[1] not in by_name:
                return None
            parts.append(by_name[found[1]])
        else:
            if number >= len(given):
                return None
            parts.append(given[number])
            number += 1
    return [*parts, text[at:]]


def _format(text: str, call: m.Call) -> list[str | m.Expr] | None:
    parts: list[str | m.Expr] = []
    try:
        pieces = list(Formatter().parse(text))
    except ValueError:  # braces that are no format
        return None
    number = 0
    for literal, field, _, _ in pieces:
        parts.append(literal)
        if field is None:
            continue
        value = call.keyword(field) if field and not field.isdigit() else None
        if value is None:
            index = int(field) if field.isdigit() else number
            number += 1
            if (field and not field.isdigit()) or index >= len(call.args):
                return None
            value = call.args[index]
        parts.append(value)
    return parts
