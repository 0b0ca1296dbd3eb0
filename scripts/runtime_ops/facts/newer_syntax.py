"""Rewrite syntax that is newer than the running interpreter into what it can parse, line by line, for reading only.

Tried only after the file did not parse. What is rewritten says nothing about run time: type parameters
(``class A[T](B)``, ``def f[T](x)``, PEP 695), ``type X = …`` statements, ``except A, B:`` without parentheses (PEP
758), and quotes of the own kind nested in an f-string's braces (PEP 701). Line numbers stay as they are.
"""

from __future__ import annotations

import re

TYPE_PARAMETERS = re.compile(r"^(\s*(?:async\s+def|def|class)\s+\w+)\[", re.M)
TYPE_STATEMENT = re.compile(r"^(\s*)type\s+(\w+)\s*(\[[^\]=]*\])?\s*=", re.M)
EXCEPT_LIST = re.compile(r"^(\s*except\*?)\s+([\w.]+(?:\s*,\s*[\w.]+)+)\s*:", re.M)
FSTRING = re.compile(r"\b(?:[fF][rR]?|[rR][fF])(\"\"\"|'''|\"|')")


def rewritten(text: str) -> str:
    """The text with newer syntax rewritten; the same text when nothing was found."""
    text = EXCEPT_LIST.sub(lambda f: f"{f.group(1)} ({f.group(2)}):", text)
    text = TYPE_STATEMENT.sub(lambda f: f"{f.group(1)}{f.group(2)} =", text)
    return _nested_quotes(_type_parameters(text))


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


def _nested_quotes(text: str) -> str:
    """In an f-string's braces, turn quotes of the string's own kind into the other kind."""
    parts: list[str] = []
    place = 0
    for found in FSTRING.finditer(text):
        if found.start() < place:
            continue
        quote = found.group(1)
        end, body = _fstring(text, found.end(), quote)
        parts.append(text[place : found.end()])
        parts.append(body)
        place = end
    parts.append(text[place:])
    return "".join(parts)


def _fstring(text: str, start: int, quote: str) -> tuple[int, str]:
    """The place of the closing quote of an f-string that begins at ``start``, and its body rewritten."""
    other = "'" if quote[0] == '"' else '"'
    depth, place = 0, start
    body: list[str] = []
    while place < len(text):
        letter = text[place]
        if depth == 0 and text.startswith(quote, place):
            return place, "".join(body)
        if depth == 0 and letter == "\n" and len(quote) == 1:
            break  # no string that is closed: leave it as it is
        if letter == "\\" and place + 1 < len(text):
            body.append(text[place : place + 2] if depth == 0 else "")
            place += 2
            continue
        if letter == "{":
            if depth == 0 and text.startswith("{{", place):
                body.append("{{")
                place += 2
                continue
            depth += 1
        elif letter == "}" and depth:
            depth -= 1
        body.append(
            other if depth and letter == quote[0] else " " if depth and letter == "\n" and len(quote) == 1 else letter
        )
        place += 1
    return start, ""
