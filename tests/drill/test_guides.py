"""The programs that the guides call right handle SIGTERM when they are run: guide, rule and proof are one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runtime_ops import guides
from runtime_ops.guides import Example

from .conftest import run_drill

pytestmark = pytest.mark.slow


def _programs(label: str, slugs: tuple[str, ...] = ()) -> list[tuple[str, Example]]:
    """The examples that are one program of their own which says something about SIGTERM (or of the given sections)."""
    return [
        (slug, example)
        for slug, section in guides.sections().items()
        for example in section.examples
        if example.label.lower() == label and len(example.files) == 1 and "__main__" in example.files[0].text
        if slug in slugs or (not slugs and "SIGTERM" in example.files[0].text)
    ]


RIGHT = _programs("right")
WRONG = _programs("wrong", ("unhandled-termination", "inert-signal-handler"))


def _drilled(example: Example, folder: Path, grace: int) -> tuple[str, str]:
    example.write(folder)
    # What a program needs beside the standard library must be there; what is not there cannot be proved here.
    program = [sys.executable, example.files[0].name]
    outcome = run_drill("--scenario", "terminate-idle", "--grace", str(grace), "--cwd", str(folder), "--", *program)
    told = outcome.told("terminate-idle")
    if outcome.verdict("terminate-idle") == "not assessed":
        pytest.skip(f"line {example.line}: {told}")
    return outcome.verdict("terminate-idle"), told


def test_there_are_programs_to_prove() -> None:
    assert len(RIGHT) >= 3
    assert len(WRONG) >= 2


@pytest.mark.parametrize(("slug", "example"), RIGHT, ids=[f"{slug}-{e.line}" for slug, e in RIGHT])
def test_right_program_ends_well(slug: str, example: Example, tmp_path: Path) -> None:
    # More than the 5 s for which they wait at most for a broker that is not here.
    verdict, told = _drilled(example, tmp_path, grace=8)
    assert verdict == "kept", told


@pytest.mark.parametrize(("slug", "example"), WRONG, ids=[f"{slug}-{e.line}" for slug, e in WRONG])
def test_wrong_program_is_caught(slug: str, example: Example, tmp_path: Path) -> None:
    verdict, told = _drilled(example, tmp_path, grace=4)
    assert verdict == "broken", told
