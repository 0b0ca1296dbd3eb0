"""Facts of artifacts: scalars with their place, and the base of all artifacts."""

from __future__ import annotations

import re

from runtime_ops.plain import dataclass

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|msec|min|minutes?|m|sec|seconds?|s|hours?|hr|h|days?|d)?")
_UNIT_SECONDS = {"n": 1e-9, "u": 1e-6, "µ": 1e-6, "ms": 1e-3, "m": 60.0, "s": 1.0, "h": 3600.0, "d": 86400.0}


def duration_seconds(text: str) -> float | None:
    """Seconds of ``30``, ``1.5``, ``90s``, ``1m30s``, ``500ms``, ``1min 30s``; None for anything else.

    Source of the units: the Compose specification ("Specifying durations") and systemd.time(7).
    """
    text = text.strip()
    position, total = 0, 0.0
    for found in _DURATION.finditer(text):
        if text[position : found.start()].strip():
            return None
        position = found.end()
        unit = found.group(2) or "s"
        key = "ms" if unit in ("ms", "msec") else unit[0]
        total += float(found.group(1)) * _UNIT_SECONDS[key]
    return total if position and not text[position:].strip() else None


@dataclass(frozen=True, slots=True)
class Unread:
    """Something a reader left out, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Value:
    """One scalar with its place. ``text`` is the decoded text (quotes removed); ``templated``: not resolved."""

    text: str
    line: int
    end_line: int
    templated: bool = False

    @property
    def number(self) -> float | None:
        """The text as a number, None when it is none (``30``, ``0.5``, ``1_000`` is none)."""
        try:
            return None if "_" in self.text else float(self.text)
        except ValueError:
            return None

    @property
    def seconds(self) -> float | None:
        """The text as a duration in seconds (`duration_seconds`), None when it is none."""
        return duration_seconds(self.text)

    @property
    def truth(self) -> bool | None:
        """The text as a switch (true/yes/on/1, false/no/off/0, in any case), None when it is none."""
        word = self.text.strip().lower()
        if word in ("true", "yes", "on", "1", "y"):
            return True
        return False if word in ("false", "no", "off", "0", "n") else None


@dataclass(frozen=True, slots=True)
class Setting:
    """A named value: an option of a section, an annotation, a label."""

    name: str
    value: Value
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class VariableUse:
    """``$NAME`` or ``${NAME…}`` in a text that a shell (or compose) expands.

    ``name`` may be ``@``, ``*``, ``#``, ``?``, ``!``, ``$`` or a digit. ``operator`` is what follows the name in braces
    (``:-``, ``-``, ``:=``, ``=``, ``:?``, ``?``, ``:+``, ``+``, or ``#``, ``%``, ``/``, ``:``, ``[`` for other
    expansions), None for a plain use; ``operand`` is the text after it. ``quoted``: inside double quotes. ``word`` is
    the 0-based index in the command's ``argv``; -1 in an assignment prefix, -2 in a redirection or elsewhere.
    """

    name: str
    operator: str | None
    operand: str
    quoted: bool
    word: int
    line: int
    end_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """What one file says. ``path`` is relative to the audited root, with ``/``."""

    path: str
    unread: tuple[Unread, ...] = ()
