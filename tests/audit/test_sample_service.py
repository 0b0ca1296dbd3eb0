"""The exact first screen of one whole service, from its files to the text.

The rules have tests of their own: this one shows what a reader sees, and that it changes only on purpose. After a change
that is meant, read the difference and write the screen again: ``python tests/audit/test_sample_service.py``.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
READMES = ("README.md", "README.ja.md")
EXPECTED = HERE / "expected" / "sample_service.txt"


def screen() -> str:
    """The first 40 lines of the audit of the sample, as a user in the folder above it sees them."""
    from runtime_ops.cli.audit import main

    before, argv = Path.cwd(), sys.argv
    output = io.StringIO()
    try:
        os.chdir(HERE)
        sys.argv = ["scripts/audit.py"]
        with contextlib.redirect_stdout(output):
            code = main(["sample_service"])
    finally:
        os.chdir(before)
        sys.argv = argv
    first, ruler, _ = output.getvalue().partition("\n\n──")
    return f"{first}\n(exit code {code})\n" if ruler else output.getvalue()


def test_first_screen() -> None:
    assert screen() == EXPECTED.read_text(encoding="utf-8")
    assert len(screen().splitlines()) <= 41


def shown(expected: str) -> str:
    """The sample as a README shows it: called from the top of the repository, without the exit code."""
    name, ruler, rest = expected.partition("\n")
    return f"{name.replace('sample_service', 'tests/audit/sample_service')}{ruler}{rest.rpartition('(exit code')[0]}"


def parts(readme: str) -> tuple[str, str, str]:
    """What stands before the sample in a README, the sample, and what follows it."""
    head, begin, tail = readme.partition("<!-- audit-sample:begin -->")
    before, fence, rest = tail.partition("runtime-audit ")
    sample, end, after = rest.partition("```")
    assert begin and fence and end, "the README has no sample between its marks"
    return f"{head}{begin}{before}", fence + sample, end + after


@pytest.mark.parametrize("name", READMES)
def test_readme_shows_that_screen(name: str) -> None:
    assert parts((ROOT / name).read_text(encoding="utf-8"))[1] == shown(EXPECTED.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "scripts"))
    EXPECTED.write_text(screen(), encoding="utf-8")
    for readme in (ROOT / name for name in READMES):
        before, _, after = parts(readme.read_text(encoding="utf-8"))
        readme.write_text(before + shown(EXPECTED.read_text(encoding="utf-8")) + after, encoding="utf-8")
