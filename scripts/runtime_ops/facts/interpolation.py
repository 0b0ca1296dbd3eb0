"""``$NAME`` and ``${NAME:-default}`` in texts that a platform fills in itself (compose, systemd, dotenv, Procfile)."""

from __future__ import annotations

import re

from runtime_ops.facts.artifacts import VariableUse

_USE = re.compile(r"\$\$|(?<!\\)\$(?:\{([A-Za-z_][\w.]*)(?:(:?[-=?+])((?:[^{}]|\{[^{}]*\})*))?\}|([A-Za-z_]\w*))")
_MAX_USES = 1_000


def variable_uses(text: str, line: int, word: int = -1) -> tuple[VariableUse, ...]:
    """The variables of a text, also those inside a default; ``$$`` is an escaped sign."""
    if "$" not in text:
        return ()
    made: list[VariableUse] = []
    at, counted = line, 0
    for found in _USE.finditer(text):
        name = found.group(1) or found.group(4)
        if name is None:
            continue
        if len(made) >= _MAX_USES:
            break
        operand = found.group(3) or ""
        at += text.count("\n", counted, found.start())
        counted = found.start()
        made.append(VariableUse(name, found.group(2), operand[:200], True, word, at, at))
        if "$" in operand:
            made.extend(variable_uses(operand, at, word))
    return tuple(made)
