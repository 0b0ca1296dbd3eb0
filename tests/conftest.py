"""What holds for all tests: how many of them run at a time."""

from __future__ import annotations

import os

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Most of the time goes to tests that wait for other programs: `-n auto` runs two for each processor."""
    return 2 * (os.cpu_count() or 1)
