"""Whether an error message names the variable in words that help."""

from __future__ import annotations

import pytest

from runtime_ops.drill.capture import Line
from runtime_ops.drill.refusal import named_in

TRACEBACK = (
    'Traceback (most recent call last):\n  File "app.py", line 3, in <module>\n    url = os.environ["DATABASE_URL"]\n'
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("configuration: DATABASE_URL is not set", "clear"),
        ("config: database_url: field required", "clear"),
        ('{"level": "error", "message": "DATABASE_URL is not set"}', "clear"),
        (TRACEBACK + "KeyError: 'DATABASE_URL'", "bare traceback"),
        (TRACEBACK + "  File \"x.py\", line 1, in y\nKeyError: 'DATABASE_URL'", "bare traceback"),
        (TRACEBACK + "RuntimeError: DATABASE_URL must be set to a postgres URL", "clear"),
        (
            TRACEBACK
            + "ValidationError: 1 validation error for Settings\nDATABASE_URL\n  Field required [type=missing]",
            "clear",
        ),
        (TRACEBACK + "KeyError: 'DATABASE_URL'\nset DATABASE_URL first", "clear"),
        (TRACEBACK + "TypeError: int() argument must be a string, not 'NoneType'", "not named"),
        ("boom", "not named"),
        ("OTHER_DATABASE_URL is not set", "not named"),
        ("", "not named"),
    ],
)
def test_clarity(text: str, expected: str) -> None:
    lines = [Line(0.0, "stderr", line) for line in text.splitlines()]
    assert named_in(lines, "DATABASE_URL")[0] == expected
