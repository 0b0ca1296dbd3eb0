"""Sections and options of ini-like files with lines: configparser's dialect, uWSGI's, systemd's.

Python's configparser keeps no lines, refuses repeated options, and raises on text that the programs accept.
"""

from __future__ import annotations

import re

from runtime_ops.facts.artifacts import OptionSection, Setting, Unread, Value

_HEADER = re.compile(r"\[(.+)\]\s*(?:[;#].*)?\Z")
_INLINE_COMMENT = re.compile(r"\s;.*\Z")
_MAX_UNREAD = 20


def read_sections(
    text: str, *, backslash: bool = False, inline_comments: bool = False, bare: str | None = None
) -> tuple[tuple[OptionSection, ...], list[Unread]]:
    """The sections of a text and the lines that are not understood.

    ``backslash``: a line that ends in ``\\`` goes on (systemd); otherwise an indented line continues the value above
    it, joined by a newline (configparser). ``inline_comments``: `` ;`` begins one (supervisord). ``bare``: the value
    of an option without ``=`` (uWSGI: ``true``), None when that is not understood.
    """
    sections: list[OptionSection] = []
    unread: list[Unread] = []
    name, first, options = "", 1, list[Setting]()
    last = 0
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        number = index + 1
        line = lines[index].rstrip("\r")
        index += 1
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        header = _HEADER.match(stripped)
        if header and not line[:1].isspace():
            if options or name:
                sections.append(OptionSection(name, tuple(options), first, max(last, first)))
            name, first, options, last = header.group(1).strip(), number, [], number
            continue
        if backslash:
            pieces = [stripped]
            while pieces[-1].endswith("\\") and index < len(lines):
                pieces[-1] = pieces[-1][:-1].rstrip()
                following = lines[index].strip()
                index += 1
                if following[:1] not in ("#", ";"):
                    pieces.append(following)
                else:
                    pieces[-1] += "\\"
            stripped = " ".join(pieces)
        elif line[:1].isspace() and options:
            options[-1] = _continued(options[-1], stripped, number, inline_comments)
            last = number
            continue
        option, equals, value = stripped.partition("=")
        if not option.strip() or (not equals and bare is None):
            if len(unread) < _MAX_UNREAD:
                unread.append(Unread(number, f"no option: {stripped[:60]}"))
            continue
        value = value if equals else bare or ""
        if inline_comments:
            value = _INLINE_COMMENT.sub("", value)
        last = index
        options.append(Setting(option.strip(), Value(value.strip(), number, last), number, last))
    if options or name:
        sections.append(OptionSection(name, tuple(options), first, max(last, first)))
    return tuple(sections), unread


def _continued(option: Setting, text: str, number: int, inline_comments: bool) -> Setting:
    if inline_comments:
        text = _INLINE_COMMENT.sub("", " " + text).strip()
    before = option.value
    gap = "\n" * max(1, number - before.end_line)  # comments between are lines too
    joined = f"{before.text}{gap}{text}" if before.text else text
    line = before.line if before.text else number
    return Setting(option.name, Value(joined, line, number), option.line, number)
