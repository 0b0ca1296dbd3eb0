"""``$NAME`` and ``${NAME:-default}`` in texts that a platform fills in itself (compose, systemd, dotenv, Procfile)."""

from __future__ import annotations

import re

from runtime_ops.facts.artifacts import VariableUse

_USE = re.compile(r"\$\$|(?<!\\)\$(?:\{([A-Za-z_][\w.]*)(?:(:?[-=?+])((?:[^{}]|\{[^{}]*\})*))?\}|([A-Za-z_]\w*))")


def variable_uses(text: str, line: int, word: int = -1) -> tuple[VariableUse, ...]:
    """The variables of a text, also those inside a default; ``$$`` is an escaped sign."""
    if "$" not in text:
        return ()
    made: list[VariableUse] = []
    for found in _USE.finditer(text):
        name = found.group(1) or found.group(4)
        if name is None:
            continue
        operand = found.group(3) or ""
        at = line + text.count("\n", 0, found.start())
        made.append(VariableUse(name, found.group(2), operand[:200], True, word, at, at))
        if "$" in operand and len(made) < 1_000:
            made.extend(variable_uses(operand, at, word))
    return tuple(made)
