"""Statuses of commands that reach nobody."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said


@pytest.mark.parametrize(("status", "fires"), [("-1", True), ("1", True), ("0", False), ("-7", False)])
def test_status_that_main_returns_and_nobody_passes_on(tmp_path: Path, status: str, fires: bool) -> None:
    code = (
        "import sys\ndef main():\n    if len(sys.argv) < 2:\n"
        f"        return {status}\n    return 0\nif __name__ == '__main__':\n    main()\n"
    )
    assert bool(said(tmp_path, "dropped-exit-code", {"tool.py": code})) is fires
