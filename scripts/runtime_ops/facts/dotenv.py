"""Reads ``.env`` files. Source of the rules: python-dotenv's "File format" and the Compose specification."""

from __future__ import annotations

import re

from runtime_ops.facts.artifacts import DotenvFile, EnvironmentVariable, Unread, Value
from runtime_ops.facts.interpolation import variable_uses

_EXAMPLE = re.compile(r"(?:example|sample|template|tmpl|dist|default|tpl)", re.IGNORECASE)
_NAME = re.compile(r"\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*(=|\Z)")
_SINGLE = re.compile(r"'((?:\\.|[^'\\])*)'", re.DOTALL)
_DOUBLE = re.compile(r"\"((?:\\.|[^\"\\])*)\"", re.DOTALL)
_MAX_UNREAD = 20
_MAX_QUOTED = 20_000


def read_dotenv(path: str, text: str) -> DotenvFile:
    """The variables of an environment file. Never raises; lines that set none are in ``unread``."""
    variables: list[EnvironmentVariable] = []
    unread: list[Unread] = []
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        number, line = index + 1, lines[index].rstrip("\r")
        index += 1
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _NAME.match(line)
        if found is None:
            if len(unread) < _MAX_UNREAD:
                unread.append(Unread(number, f"no variable: {line.strip()[:60]}"))
            continue
        name = found.group(1)
        if not found.group(2):
            variables.append(EnvironmentVariable(name, None, number, number, source="host"))
            continue
        rest = line[found.end() :].strip()
        literal = rest.startswith("'")
        if rest[:1] in ("'", '"'):
            value, end = _quoted(rest, lines, index)
            index = max(index, end)
        else:
            value, end = (
                re.split(r"(?<=\S)\s++#", rest, maxsplit=1)[0].strip() if not rest.startswith("#") else "",
                number,
            )
        fact = Value(value, number, max(number, end), "{{" in value)
        uses = () if literal else variable_uses(value, number)
        variables.append(
            EnvironmentVariable(name, fact, number, fact.end_line, templated=fact.templated, variables=uses)
        )
    example = _EXAMPLE.search(path.rsplit("/", 1)[-1]) is not None
    return DotenvFile(path=path, unread=tuple(unread), variables=tuple(variables), example=example)


def _quoted(rest: str, lines: list[str], index: int) -> tuple[str, int]:
    """A quoted value, which may go on over lines: the text, and the number of its last line."""
    pattern = _SINGLE if rest[0] == "'" else _DOUBLE
    text, end = rest, index
    while True:
        found = pattern.match(text)
        if found:
            value = found.group(1)
            return (re.sub(r"\\([\"\\$])", r"\1", value) if rest[0] == '"' else value), end
        if end >= len(lines) or len(text) > _MAX_QUOTED or end - index > 200:
            return rest[1:], index  # not closed: the rest of the line
        text += "\n" + lines[end].rstrip("\r")
        end += 1
