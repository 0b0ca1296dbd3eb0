"""Instructions of a Dockerfile: continuation lines, comments between them, parser directives, here-documents.

Source of the rules: Docker's "Dockerfile reference" (Format, Parser directives, Here-documents).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from runtime_ops.facts.artifacts import Unread

_DIRECTIVE = re.compile(r"#\s*([A-Za-z]+)\s*=\s*(\S+)\s*\Z")
_KEYWORD = re.compile(r"\s*([A-Za-z]+)(?=\s|\Z)")
_HEREDOC = re.compile(r"(?<!<)<<(-?)\s*([\"']?)([A-Za-z_][\w.]*)\2")
_WITH_HEREDOC = frozenset(("RUN", "COPY", "ADD"))


class Instruction(NamedTuple):
    """One instruction: ``rest`` is what follows the keyword, begins on ``rest_line``, and keeps its line ends as
    ``\\`` + newline, so offsets give lines. ``bodies`` are the here-documents: first line, text."""

    keyword: str
    rest: str
    rest_line: int
    line: int
    end_line: int
    bodies: tuple[tuple[int, str], ...] = ()


def instructions(text: str) -> tuple[list[Instruction], list[Unread]]:
    """The instructions of a Dockerfile in their order, and what is none."""
    lines = text.split("\n")
    escape = _escape(lines)
    found: list[Instruction] = []
    unread: list[Unread] = []
    index = 0
    while index < len(lines):
        first = index
        stripped = lines[index].strip()
        if not stripped or stripped.startswith("#"):
            index += 1
            continue
        pieces: list[str] = []
        while index < len(lines):
            line = lines[index].rstrip()
            index += 1
            if pieces and (not line or line.lstrip().startswith("#")):
                pieces.append("\\\n")  # comments and empty lines inside an instruction do not end it
                continue
            if line.endswith(escape):
                pieces.append(line[:-1] + "\\\n")
                continue
            pieces.append(line)
            break
        logical = "".join(pieces)
        keyword = _KEYWORD.match(logical)
        if keyword is None:
            unread.append(Unread(first + 1, f"no instruction: {stripped[:60]}"))
            continue
        name = keyword.group(1).upper()
        rest = logical[keyword.end() :]
        lead = len(rest) - len(rest.lstrip(" \t\\\n"))
        rest_line = first + 1 + rest[:lead].count("\n")
        bodies: list[tuple[int, str]] = []
        if name in _WITH_HEREDOC and "<<" in rest:
            for dash, _, delimiter in _HEREDOC.findall(_unquoted(rest)):
                start = index
                while index < len(lines):
                    candidate = lines[index].rstrip("\r")
                    index += 1
                    if (candidate.lstrip("\t") if dash else candidate) == delimiter:
                        bodies.append((start + 1, "\n".join(lines[start : index - 1])))
                        break
                else:
                    unread.append(Unread(first + 1, f"the here-document {delimiter} is not closed"))
        rest = rest[lead:].rstrip()
        while rest.endswith("\\") and "\n" in logical:
            rest = rest[:-1].rstrip()
        found.append(Instruction(name, rest, rest_line, first + 1, index, tuple(bodies)))
    return found, unread


def head_comment(text: str) -> str:
    """The text of the comments that stand before the first instruction."""
    found: list[str] = []
    for line in text.split("\n"):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            break
        found.append(stripped.lstrip("# "))
    return " ".join(found).strip()[:1_000]


def _escape(lines: list[str]) -> str:
    """The escape character: a backslash unless a directive at the top says a backquote."""
    for line in lines:
        directive = _DIRECTIVE.match(line.strip())
        if directive is None:
            break
        if directive.group(1).lower() == "escape" and directive.group(2) == "`":
            return "`"
    return "\\"


def _unquoted(text: str) -> str:
    """The text without what stands in quotes, except the quotes of a here-document's delimiter."""
    return re.sub(r"(?<!<<)(?<!<<-)(\"(?:\\.|[^\"\\])*\"|'[^']*')", "", text)
