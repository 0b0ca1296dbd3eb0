"""A Python program that replaces itself by another one: the command it is given (``os.execvp(sys.argv[1], sys.argv[1:])``), or
one that it writes out (``os.execvp("gunicorn", ["gunicorn", "shop:app"])``).

Waiting for a database, dropping privileges, reading secrets, reading its own configuration: what such a program starts is in
its arguments, or in its code.
"""

from __future__ import annotations

from runtime_ops.facts import model as m

_EXECS = frozenset(("os.execv", "os.execve", "os.execvp", "os.execvpe"))
_SPREAD = frozenset(("os.execl", "os.execle", "os.execlp", "os.execlpe"))
"""Calls that take the words one by one (os, Python 3.13)."""
_OPEN = "$value"
"""A word, or a part of one, that only the run knows: as the shell's variables are written."""
_DEPTH = 4  # names followed back to the list that they stand for


def words_handed_over(facts: m.ModuleFacts) -> int | None:
    """The number of its first argument that is the command's (1: all of them); None when it starts none of that kind."""
    for function in facts.functions:
        for call in m.calls(function.body):
            if not isinstance(call.func, m.Name) or call.func.id not in _EXECS or len(call.args) < 2:
                continue
            first = _begin(call.args[1], function)
            if first is not None:
                return first
    return None


def words_written(facts: m.ModuleFacts) -> tuple[tuple[str, ...], int] | None:
    """The words of the command that a program writes out and becomes, and the line of the call; None when there is none such, or
    more than one. What only the run knows stands as ``$value``."""
    found: list[tuple[tuple[str, ...], int]] = []
    for function in facts.functions:
        for call in m.calls(function.body):
            if not isinstance(call.func, m.Name) or not call.args:
                continue
            if call.func.id in _EXECS and len(call.args) > 1:
                words = _words(call.args[1], function, 0)
            elif call.func.id in _SPREAD:
                words = _spread(call.args[1:], function, 0)
            else:
                continue
            if words and not words[0].startswith("$"):
                found.append((tuple(words), call.line))
    return found[0] if len(found) == 1 else None


def _words(expr: m.Expr, function: m.Function, depth: int) -> list[str]:
    """The words of a list; an unknown one where nothing is known of it."""
    if isinstance(expr, m.Sequence):
        return _spread(expr.items, function, depth)
    if isinstance(expr, m.BinOp) and expr.op == "+":
        return [*_words(expr.left, function, depth), *_words(expr.right, function, depth)]
    if isinstance(expr, m.Name) and depth < _DEPTH:
        values = _assigned(expr.id, function)
        if len(values) == 1:
            return _words(values[0], function, depth + 1)
    if isinstance(expr, m.IfExp):
        return []  # options for one case or the other
    return [_OPEN]


def _spread(items: tuple[m.Expr, ...], function: m.Function, depth: int) -> list[str]:
    words: list[str] = []
    for item in items:
        if isinstance(item, m.Star):
            words += _words(item.value, function, depth)
        elif isinstance(item, m.Const) and isinstance(item.value, str):
            words.append(item.value)
        elif isinstance(item, m.Format):
            words.append("".join(part.value if isinstance(part, m.Const) and isinstance(part.value, str) else _OPEN for part in item.parts))
        else:
            words.append(_OPEN)
    return words


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
