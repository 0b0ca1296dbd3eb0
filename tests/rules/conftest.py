"""What tests of rules share."""

from __future__ import annotations

import re

import pytest

from runtime_ops.rules.deadlines import call_without_timeout


@pytest.fixture
def any_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call counts as plain: which ones are findings and which only leads is what ``test_plain_calls`` asks."""
    monkeypatch.setattr(call_without_timeout, "DIRECT", re.compile(".*"))
