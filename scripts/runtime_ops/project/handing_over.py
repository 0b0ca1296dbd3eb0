"""A Python program that replaces itself by the command it is given: ``os.execvp(sys.argv[1], sys.argv[1:])``.

Waiting for a database, dropping privileges, reading secrets: what such a program starts is in its arguments
(`runtime_ops.project.code_commands`: in its code).
"""

from __future__ import annotations

from runtime_ops.facts import model as m
from runtime_ops.project.written_commands import EXECS


def words_handed_over(facts: m.ModuleFacts) -> int | None:
    """The number of its first argument that is the command's (1: all of them); None when it starts none of that kind."""
    for function in facts.functions:
        for call in m.calls(function.body):
            if not isinstance(call.func, m.Name) or call.func.id not in EXECS or len(call.args) < 2:
                continue
            first = _begin(call.args[1], function)
            if first is not None:
                return first
    return None


def _assigned(name: str, function: m.Function) -> list[m.Expr]:
    """What a function gives to a name."""
    return [
        node.value
        for node in m.walk(function.body)
        if isinstance(node, m.Assign) and node.value is not None
        if any(isinstance(target, m.Name) and target.id == name for target in node.targets)
    ]


def _begin(expr: m.Expr, function: m.Function) -> int | None:
    """The place in ``sys.argv`` at which a list of words begins: ``sys.argv[1:]``, or a name for it."""
    if isinstance(expr, m.Subscript) and isinstance(expr.value, m.Name) and expr.value.id == "sys.argv":
        parts = expr.key.parts if isinstance(expr.key, m.Other) else ()
        if len(parts) == 1 and isinstance(parts[0], m.Const) and isinstance(parts[0].value, int):
            return parts[0].value if parts[0].value > 0 else None
    if isinstance(expr, m.Name):
        values = _assigned(expr.id, function)
        if len(values) == 1 and isinstance(values[0], m.Subscript):
            return _begin(values[0], function)
    return None
