"""The names of all rules, from where their files stand: no rule is imported for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runtime_ops.findings import CONCERNS


def files() -> Iterator[tuple[str, Path]]:
    """The concern and the file of each rule, in concern and id order."""
    folder = Path(__file__).parent
    for concern in CONCERNS:
        for file in sorted((folder / concern).glob("*.py")):
            if not file.stem.startswith("_"):
                yield concern, file


def concerns() -> dict[str, str]:
    """The concern of each rule by the rule's id."""
    return {file.stem.replace("_", "-"): concern for concern, file in files()}
