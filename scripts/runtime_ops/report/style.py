"""Colour for a terminal, or none."""

from __future__ import annotations

import os
from typing import TextIO

CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
SEVERITY = {"high": "red", "medium": "yellow", "low": "dim"}
VERDICT = {"met": "green", "broken": "red", "unknown": "yellow", "n/a": "dim"}


class Style:
    """Paints text when colour is on, and leaves it alone when it is off."""

    def __init__(self, colour: bool) -> None:
        self.colour = colour

    def __call__(self, text: str, *names: str) -> str:
        if not self.colour or not text:
            return text
        return f"\x1b[{';'.join(CODES[name] for name in names)}m{text}\x1b[0m"


def wants_colour(stream: TextIO, refused: bool) -> bool:
    """Colour only on a terminal that has it; ``--no-color`` and a non-empty NO_COLOR (no-color.org) refuse it."""
    if refused or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()
