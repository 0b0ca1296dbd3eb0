"""Rewrite f-strings that only Python 3.12 and newer can parse (PEP 701) into what an older interpreter can, for reading only.

What stands in the braces of an f-string may there hold the quotes of the string itself, backslashes, newlines and comments. Each
level of strings gets quotes of its own here, and what is in the way is left out of the texts of inner strings: the calls and names
in the braces stay, and so do the line numbers.
"""

from __future__ import annotations

import ast
import re

TOKEN = re.compile(r"#[^\n]*|(?P<prefix>\b[A-Za-z]{1,2})?(?P<quote>\"\"\"|'''|\"|')")
"""A comment, or the beginning of a string."""
PREFIXES = frozenset(("", "r", "u", "b", "br", "rb", "f", "fr", "rf", "t", "tr", "rt"))
QUOTES = ('"""', "'''", '"', "'")
"""The quotes of each level: those of an inner one must not end an outer one."""
NEEDS = re.compile(r"[\"'\\\n#]")
"""What was not possible in the braces of an f-string before Python 3.12, or not always."""
OPENS, CLOSES = "([{", ")]}"


class Unclosed(Exception):
    """A string that does not end: the text is no Python, or was not understood."""


def rewritten_fstrings(text: str) -> str:
    """The text with its f-strings in the older form; the text itself where a string does not end."""
    parts: list[str] = []
    place = 0
    try:
        while (found := TOKEN.search(text, place)) is not None:
            quote = found.group("quote")
            prefix = (found.group("prefix") or "").lower()
            if quote is None or prefix not in PREFIXES:
                end = found.end() if quote is None else found.end() - len(quote)
                parts.append(text[place:end])
                if quote is not None:  # letters that are no prefix: the string begins behind them
                    string, end = _string(text, end, "", quote, 0)
                    parts.append(string)
                place = end
                continue
            parts.append(text[place : found.start()])
            string, place = _string(text, found.start(), prefix, quote, 0)
            parts.append(string)
    except Unclosed:
        return text
    return "".join((*parts, text[place:]))


def _string(text: str, start: int, prefix: str, quote: str, level: int) -> tuple[str, int]:
    """The string that begins at ``start`` in its older form, and where it ends."""
    body = start + len(prefix) + len(quote)
    if "f" not in prefix and "t" not in prefix:
        end = _end_of_plain(text, body, quote)
        whole = text[start:end]
        return (whole, end) if level == 0 else (_inner(prefix, text[body : end - len(quote)], level), end)
    pieces: list[str] = []
    place, older = body, level > 0
    while True:
        if place >= len(text) or (text[place] == "\n" and len(quote) == 1):
            raise Unclosed
        if text.startswith(quote, place):
            break
        if text.startswith(("{{", "}}"), place):
            pieces.append(text[place : place + 2])
            place += 2
        elif text[place] == "{":
            field, after = _field(text, place + 1, level)
            older = older or NEEDS.search(text, place + 1, after) is not None
            pieces.append(field)
            place = after
        else:
            width = 2 if text[place] == "\\" else 1
            pieces.append(_literal(text[place : place + width], level))
            place += width
    end = place + len(quote)
    if not older or (level == 0 and _parses(text[start:end])):
        return text[start:end], end
    return f"{text[start : start + len(prefix)]}{_quote(level)}{''.join(pieces)}{_quote(level)} ", end


def _parses(string: str) -> bool:
    """Whether the interpreter reads the string as it is."""
    try:
        ast.parse(string, mode="eval")
    except SyntaxError:
        return False
    return True


def _field(text: str, place: int, level: int) -> tuple[str, int]:
    """What stands between braces, from behind the opening one, and where it ends."""
    pieces = ["{"]
    depth = 0
    while place < len(text):
        letter = text[place]
        if letter == "}" and depth == 0:
            return "".join((*pieces, "}")), place + 1
        if letter == ":" and depth == 0:
            return _format_spec(text, place, pieces, level)
        found = TOKEN.match(text, place)
        if found is not None and found.group("quote") is None:
            place = found.end()  # a comment
            continue
        if found is not None and (found.group("prefix") or "").lower() in PREFIXES:
            string, place = _string(text, place, (found.group("prefix") or "").lower(), found.group("quote"), level + 1)
            pieces.append(string)
            continue
        depth += (letter in OPENS) - (letter in CLOSES)
        pieces.append("" if letter == "\\" else letter)
        place += 1
    raise Unclosed


def _format_spec(text: str, place: int, pieces: list[str], level: int) -> tuple[str, int]:
    """The rest of a field from its colon on."""
    while place < len(text):
        letter = text[place]
        if letter == "}":
            return "".join((*pieces, "}")), place + 1
        if letter == "{":
            field, place = _field(text, place + 1, level)
            pieces.append(field)
            continue
        pieces.append("" if NEEDS.match(letter) else letter)
        place += 1
    raise Unclosed


def _end_of_plain(text: str, place: int, quote: str) -> int:
    while place < len(text):
        if text[place] == "\\":
            place += 2
        elif text.startswith(quote, place):
            return place + len(quote)
        elif text[place] == "\n" and len(quote) == 1:
            raise Unclosed
        else:
            place += 1
    raise Unclosed


def _inner(prefix: str, body: str, level: int) -> str:
    """A plain string within braces: without what an f-string could not hold there."""
    kept = re.sub(r"\\.|[\"'\\]", "", body, flags=re.S)
    quote = _quote(level)
    lines = "\n" * (body.count("\n") - kept.count("\n")) if len(quote) > 1 else ""
    return f"{prefix}{quote}{kept if len(quote) > 1 else kept.replace(chr(10), ' ')}{lines}{quote} "


def _literal(text: str, level: int) -> str:
    """A letter of the text of an f-string."""
    if level > 0:
        return "" if text[0] in "\"'\\" else text
    return f"\\{text}" if text == '"' else text


def _quote(level: int) -> str:
    return QUOTES[min(level, len(QUOTES) - 1)]
