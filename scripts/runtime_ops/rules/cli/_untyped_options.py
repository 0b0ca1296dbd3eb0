"""Options of argparse whose default is a number and whose value, once given, is a text where only a number will do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.model import Func, own_expressions
from runtime_ops.project.source_text import source_of

PARSED = re.compile(r"(?i)^(?:args?|arguments|options?|opts?|parsed|parsed_args|namespace|ns|params|cli_args|flags)$")
"""Names under which what argparse gives is kept."""
ORDERS = frozenset(("<", ">", "<=", ">="))
NUMBERS = frozenset(("-", "*", "/", "//", "**"))
TAKES_NUMBER = frozenset(("time.sleep", "asyncio.sleep", "sleep", "range", "round", "abs"))


def needs_number(stored: str, functions: tuple[Func, ...]) -> tuple[str, int] | None:
    """The first place where ``args.<stored>`` itself, not converted, is compared by order with what is no text, counted with, or
    given to what takes a number: as it is written, and its line."""
    found = [place for func in functions for place in _places(stored, func)]
    return min(found, key=lambda pair: pair[1], default=None)


def _places(stored: str, func: Func) -> Iterator[tuple[str, int]]:
    for place in func.places:
        for expr in own_expressions(place.stmt):
            for node in m.walk(expr):
                if isinstance(node, m.Compare) and ORDERS.intersection(node.ops):
                    sides = (node.left, *node.rights)
                    if any(_is(stored, side) for side in sides) and all(_is(stored, side) or _number(side) for side in sides):
                        yield source_of(node, 80), place.stmt.line
                elif isinstance(node, m.BinOp) and node.op in NUMBERS:
                    mine, other = (node.left, node.right) if _is(stored, node.left) else (node.right, node.left)
                    # a text times a whole number is a text
                    if _is(stored, mine) and (_is(stored, other) or _number(other)) and node.op != "*":
                        yield source_of(node, 80), place.stmt.line
                elif isinstance(node, m.Call) and source_of(node.func) in TAKES_NUMBER and node.args and _is(stored, node.args[0]):
                    yield source_of(node, 80), place.stmt.line


def _is(stored: str, expr: m.Expr) -> bool:
    head, _, name = expr.id.partition(".") if isinstance(expr, m.Name) else ("", "", "")
    return name == stored and PARSED.match(head) is not None


def _number(expr: m.Expr) -> bool:
    """Whether it is no text, as far as it is written: a number, a calculation, a call or a name, which may be converted ones."""
    return not (isinstance(expr, m.Const) and isinstance(expr.value, str)) and not isinstance(expr, m.Format)
