"""Words of a shell text: quotes and expansions, with offsets.

Source of the rules: POSIX.1-2017 Shell Command Language 2.2, 2.6; bash's ``$'…'`` and ``<(…)``. Nothing is expanded
or run: ``$X`` stays in the word and is listed beside it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import field
from typing import NamedTuple

from runtime_ops.plain import dataclass

_PLAIN = re.compile(r"[^\s'\"\\$`&|;<>()]+")
_DOUBLE_PLAIN = re.compile(r"[^\"\\$`]+")
_DOUBLE_STOP = re.compile(r"[\"\\$`]")
_BRACE_STOP = re.compile(r"[\"'\\$`}]")
_PAREN_STOP = re.compile(r"[\"'\\`()#]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?!$-]")
_BRACED = re.compile(
    r"(?P<pre>[#!]?)(?P<name>[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?!$-])(?P<op>:[-=?+]|[-=?+]|[#%/:^,@\[])?"
)
_ANSI_ESCAPE = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "a": "\a", "0": "\0", "e": "\x1b"}
_MAX_NESTING = 40


class ShellSyntaxError(Exception):
    """The text is not understood from ``offset`` on."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


class Use(NamedTuple):
    """A variable in a word: as `artifacts.VariableUse`, with an offset instead of a line."""

    name: str
    operator: str | None
    operand: str
    quoted: bool
    offset: int


class Word(NamedTuple):
    """A word: ``text`` without quotes, ``quoted`` if any part was; ``substitutions`` are inner (start, end) offsets."""

    text: str
    start: int
    end: int
    quoted: bool
    uses: tuple[Use, ...]
    substitutions: tuple[tuple[int, int], ...]


@dataclass(slots=True)
class _Found:
    """What reading a word collects."""

    parts: list[str] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    inner: list[tuple[int, int]] = field(default_factory=list)


def read_word(text: str, start: int, end: int) -> Word:
    """The word that begins at ``start``; `ShellSyntaxError` when none does or a quote is not closed."""
    found = _Found()
    parts = found.parts
    quoted = False
    at = start
    while at < end:
        plain = _PLAIN.match(text, at, end)
        if plain:
            parts.append(plain.group())
            at = plain.end()
            continue
        char = text[at]
        if char == "'":
            close = text.find("'", at + 1, end)
            if close < 0:
                raise ShellSyntaxError(at, "a single quote is not closed")
            parts.append(text[at + 1 : close])
            quoted, at = True, close + 1
        elif char == '"':
            at = _double_quoted(text, at, end, found)
            quoted = True
        elif char == "\\":
            follower = text[at + 1 : at + 2]
            if follower != "\n":
                parts.append(follower)
                quoted = True
            at += 2
        elif char == "$" and text.startswith("'", at + 1):
            at = _ansi_quoted(text, at, end, found)
            quoted = True
        elif char in "$`":
            at = _expansion(text, at, end, found, quoted=False)
        elif char in "<>" and at == start and text.startswith("(", at + 1):
            close = matching_paren(text, at + 1, end)
            if close < 0:
                raise ShellSyntaxError(at, "a process substitution is not closed")
            found.inner.append((at + 2, close - 1))
            parts.append(text[at:close])
            at = close
        elif char == "(" and parts and parts[-1][-1:] in ("@", "!", "?", "+", "*") and at > start:
            close = matching_paren(text, at, end)  # an extended pattern: @(a|b)
            if close < 0:
                raise ShellSyntaxError(at, "a parenthesis is not closed")
            parts.append(text[at:close])
            at = close
        else:
            break
    if at == start:
        raise ShellSyntaxError(at, f"unexpected {text[at : at + 1]!r}")
    return Word("".join(parts), start, min(at, end), quoted, tuple(found.uses), tuple(found.inner))


def arithmetic_uses(text: str, start: int, end: int) -> tuple[Use, ...]:
    """The variables written with ``$`` between two offsets."""
    found = _Found()
    _uses_inside(text, start, end, found, quoted=True)
    return tuple(found.uses)


def matching_paren(text: str, opening: int, end: int) -> int:
    """The offset after the parenthesis that closes the one at ``opening``; -1 when none does."""
    depth, at = 0, opening
    while True:
        stop = _PAREN_STOP.search(text, at, end)
        if not stop:
            return -1
        at, char = stop.end(), stop.group()
        if char == "(":
            depth += 1
            if depth > _MAX_NESTING:
                return -1
        elif char == ")":
            if depth == 1 and _open_case(text, opening, at):
                continue
            depth -= 1
            if depth == 0:
                return at
        elif char == "\\":
            at += 1
        elif char == "#":
            if text[at - 2] in " \t\n;":
                line_end = text.find("\n", at, end)
                at = end if line_end < 0 else line_end
        elif char == '"':
            at = _double_end(text, at, end)
        else:
            close = text.find(char, at, end)
            if close < 0:
                return -1
            at = close + 1


def _open_case(text: str, start: int, at: int) -> bool:
    """Whether the parenthesis before ``at`` ends a pattern of a ``case`` inside the substitution."""
    if at - start > 20_000 or "case" not in (inside := text[start:at]):
        return False
    return len(re.findall(r"\bcase\s+\S+\s+in\b", inside)) > len(re.findall(r"\besac\b", inside))


def _double_end(text: str, at: int, end: int) -> int:
    """The offset after the double quote that closes one before ``at``; only scans, so nesting costs nothing twice."""
    opening = at
    while True:
        stop = _DOUBLE_STOP.search(text, at, end)
        if not stop:
            raise ShellSyntaxError(opening, "a double quote is not closed")
        at, char = stop.end(), stop.group()
        if char == '"':
            return at
        if char == "\\":
            at += 1
        elif char == "`":
            close = text.find("`", at, end)
            at = close + 1 if close >= 0 else at
        elif text.startswith("(", at):
            close = matching_paren(text, at, end)
            at = close if close >= 0 else at
        elif text.startswith("{", at):
            at = _brace_end(text, at + 1, end)


def _double_quoted(text: str, at: int, end: int, into: _Found) -> int:
    """Read ``"…"`` at ``at``; the offset after it."""
    opening = at
    at += 1
    while at < end:
        plain = _DOUBLE_PLAIN.match(text, at, end)
        if plain:
            into.parts.append(plain.group())
            at = plain.end()
            continue
        char = text[at]
        if char == '"':
            return at + 1
        if char == "\\":
            follower = text[at + 1 : at + 2]
            if follower != "\n":
                into.parts.append(follower if follower in '"\\$`' else "\\" + follower)
            at += 2
        else:
            at = _expansion(text, at, end, into, quoted=True)
    raise ShellSyntaxError(opening, "a double quote is not closed")


def _ansi_quoted(text: str, at: int, end: int, into: _Found) -> int:
    """Read ``$'…'`` at ``at``; the offset after it."""
    opening = at
    at += 2
    while at < end:
        char = text[at]
        if char == "'":
            return at + 1
        if char == "\\":
            follower = text[at + 1 : at + 2]
            into.parts.append(_ANSI_ESCAPE.get(follower, "\\" + follower))
            at += 2
        else:
            into.parts.append(char)
            at += 1
    raise ShellSyntaxError(opening, "a quote $' is not closed")


def _expansion(text: str, at: int, end: int, into: _Found, *, quoted: bool, depth: int = 0) -> int:
    """Read what begins with ``$`` or a backquote at ``at``; the offset after it."""
    if depth > _MAX_NESTING:
        raise ShellSyntaxError(at, f"expansions are nested deeper than {_MAX_NESTING}")
    if text[at] == "`":
        close = at + 1
        while close < end and text[close] != "`":
            close += 2 if text[close] == "\\" else 1
        if close >= end:
            raise ShellSyntaxError(at, "a backquote is not closed")
        into.inner.append((at + 1, close))
        into.parts.append(text[at : close + 1])
        return close + 1
    if text.startswith("$(", at):
        close = matching_paren(text, at + 1, end)
        if close < 0:
            raise ShellSyntaxError(at, "$( is not closed, or nested too deep")
        if text.startswith("((", at + 1) and text.startswith("))", close - 2):
            _uses_inside(text, at + 3, close - 2, into, quoted=True, depth=depth + 1)
        else:
            into.inner.append((at + 2, close - 1))
        into.parts.append(text[at:close])
        return close
    if text.startswith("${", at):
        close = _brace_end(text, at + 2, end)
        found = _BRACED.match(text, at + 2, close - 1)
        if found:
            first = found.end("op") if found.group("op") else found.end("name")
            operand = text[first : close - 1]
            operator = found.group("op") or (found.group("pre") or None)
            into.uses.append(Use(found.group("name"), operator, operand.strip("\"'"), quoted, at))
            if "$" in operand or "`" in operand:
                _uses_inside(text, first, close - 1, into, quoted=quoted, depth=depth + 1)
        into.parts.append(text[at:close])
        return close
    name = _NAME.match(text, at + 1, end)
    if name:
        into.uses.append(Use(name.group(), None, "", quoted, at))
        into.parts.append(text[at : name.end()])
        return name.end()
    into.parts.append("$")
    return at + 1


def _brace_end(text: str, at: int, end: int) -> int:
    """The offset after the ``}`` that closes a ``${`` whose inside begins at ``at``."""
    opening, depth = at, 1
    while True:
        stop = _BRACE_STOP.search(text, at, end)
        if not stop:
            raise ShellSyntaxError(opening, "${ is not closed")
        at, char = stop.end(), stop.group()
        if char == "}":
            depth -= 1
            if depth == 0:
                return at
        elif char == "\\":
            at += 1
        elif char == "$" and text.startswith("{", at):
            depth += 1
            at += 1
        elif char == '"':
            at = _double_end(text, at, end)
        # a single quote or a backquote stands for itself often enough (${X:-don't}) to let it pass


def _uses_inside(text: str, start: int, end: int, into: _Found, *, quoted: bool, depth: int = 0) -> None:
    """List the expansions between two offsets, without their text."""
    scratch = _Found(uses=into.uses, inner=into.inner)
    at = start
    while at < end:
        at = text.find("$", at, end)
        if at < 0:
            return
        at = _expansion(text, at, end, scratch, quoted=quoted, depth=depth)


class Lines:
    """Line numbers of offsets; ``first`` is the number of the text's first line."""

    def __init__(self, text: str, first: int = 1) -> None:
        self._starts = [found.end() for found in re.finditer("\n", text)]
        self._first = first

    def at(self, offset: int) -> int:
        """The line that holds an offset."""
        return self._first + bisect_right(self._starts, offset)
