"""Builds `artifacts.Command` from the three ways platforms write one: a shell text, a list, a text they split."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from runtime_ops.facts.artifacts import Command, SimpleCommand, Value, VariableUse
from runtime_ops.facts.shell_commands import read_text, split_shell

_SHELL_NAMES = frozenset(("sh", "bash", "ash", "dash", "zsh", "ksh"))
MAX_TEXT = 20_000
"""Longer command texts are kept cut and not split: nobody reads them, and an adversary may write megabytes."""


def shell_command(text: str, line: int, end_line: int, templated: bool = False) -> Command:
    """``sh -c TEXT``; ``line`` is that of the text's first line."""
    text = text.strip()
    if len(text) > MAX_TEXT:
        return Command(None, text[:MAX_TEXT], "shell", line, end_line, templated=templated)
    facts = read_text(text, line)
    parts = tuple(facts.commands)
    argv = None
    if not facts.unread and len(parts) == 1 and parts[0].argv:
        argv = parts[0].argv
    return Command(argv, text, "shell", line, end_line, (line,) * len(argv or ()), parts, templated)


def exec_command(words: Sequence[Value], line: int, end_line: int) -> Command:
    """A list of words, run as they are; the text after ``sh -c`` is split into ``parts``."""
    argv = tuple(word.text for word in words)
    lines = tuple(word.line for word in words)
    templated = any(word.templated for word in words)
    raw = shlex.join(argv) if len(argv) != 1 else argv[0]
    return Command(
        argv, raw[:MAX_TEXT], "exec", line, end_line, lines, _parts(argv, lines, raw, line, end_line), templated
    )


def split_command(
    text: str, line: int, end_line: int, templated: bool = False, variables: tuple[VariableUse, ...] = ()
) -> Command:
    """A text that the platform splits into words without a shell (compose, systemd, supervisord).

    Operators such as ``&&`` are plain words there, as they are for the platform.
    """
    text = text.strip()
    argv: tuple[str, ...] | None
    try:
        argv = tuple(shlex.split(text)) if len(text) <= MAX_TEXT else None
    except ValueError:
        argv = None
    if argv is None:
        return Command(None, text[:MAX_TEXT], "exec", line, end_line, templated=templated)
    lines = (line,) * len(argv)
    parts = _parts(argv, lines, text, line, end_line)
    if variables and len(parts) == 1 and not parts[0].variables:
        parts = (SimpleCommand(argv=argv, raw=text, line=line, end_line=end_line, tail=True, variables=variables),)
    return Command(argv, text, "exec", line, end_line, lines, parts, templated)


def _parts(
    argv: tuple[str, ...], lines: tuple[int, ...], raw: str, line: int, end_line: int
) -> tuple[SimpleCommand, ...]:
    script = shell_script_index(argv)
    if script is not None:
        text = argv[script]
        return tuple(split_shell(text, lines[script])) if len(text) <= MAX_TEXT else ()
    if not argv:
        return ()
    return (SimpleCommand(argv=argv, raw=raw[:MAX_TEXT], line=line, end_line=end_line, tail=True),)


def shell_script_index(argv: Sequence[str]) -> int | None:
    """The index of the text that ``[env …] sh -c TEXT`` runs, None when the words are no such thing."""
    for index, word in enumerate(argv[:8]):
        if word.rsplit("/", 1)[-1] not in _SHELL_NAMES:
            continue
        at = index + 1
        while at < len(argv) and argv[at][:1] in ("-", "+"):
            if argv[at].startswith("-") and not argv[at].startswith("--") and "c" in argv[at]:
                at += 1
                while at < len(argv) and argv[at] in ("-", "--", "-e", "-x", "-u"):
                    at += 1
                return at if at < len(argv) else None
            at += 2 if argv[at].endswith("o") and not argv[at].startswith("--") else 1
        return None
    return None
