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

HERE = Path(__file__).parent
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


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1] / "scripts"))
    EXPECTED.write_text(screen(), encoding="utf-8")
