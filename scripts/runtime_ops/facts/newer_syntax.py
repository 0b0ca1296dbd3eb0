"""Rewrite syntax that is newer than the running interpreter into what it can parse, line by line, for reading only.

Tried only after the file did not parse. What is rewritten says nothing about run time: type parameters
(``class A[T](B)``, ``def f[T](x)``, PEP 695), ``type X = …`` statements, ``except A, B:`` without parentheses (PEP
758), and what only newer f-strings hold in their braces (PEP 701, `newer_fstrings`). Line numbers stay as they are.
"""

from __future__ import annotations

import re

from runtime_ops.facts.newer_fstrings import rewritten_fstrings

TYPE_PARAMETERS = re.compile(r"^(\s*(?:async\s+def|def|class)\s+\w+)\[", re.M)
TYPE_STATEMENT = re.compile(r"^(\s*)type\s+(\w+)\s*(\[[^\]=]*\])?\s*=", re.M)
EXCEPT_LIST = re.compile(r"^(\s*except\*?)\s+([\w.]+(?:\s*,\s*[\w.]+)+)\s*:", re.M)


def rewritten(text: str) -> str:
    """The text with newer syntax rewritten; the same text when nothing was found."""
    text = EXCEPT_LIST.sub(lambda f: f"{f.group(1)} ({f.group(2)}):", text)
    text = TYPE_STATEMENT.sub(lambda f: f"{f.group(1)}{f.group(2)} =", text)
    return rewritten_fstrings(_type_parameters(text))


def _type_parameters(text: str) -> str:
    """Drop ``[T: Bound, *Ts]`` behind the name of a definition; newlines in it are kept."""
    parts: list[str] = []
    place = 0
    for found in TYPE_PARAMETERS.finditer(text):
        if found.start() < place:
            continue
        depth, end = 1, found.end()
        while end < len(text) and depth:
            depth += {"[": 1, "]": -1}.get(text[end], 0)
            end += 1
        parts.append(text[place : found.end() - 1])
        parts.append("\\\n" * text.count("\n", found.end(), end))
        place = end
    parts.append(text[place:])
    return "".join(parts)
