"""A main program that starts a child process and sleeps beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said

CODE = (
    "import multiprocessing, time\ndef work():\n    while True:\n        time.sleep(1)\n"
    "if __name__ == '__main__':\n    child = multiprocessing.Process(target=work)\n    child.start()\n    while True:\n        {}\n"
)
IMAGE = 'FROM python:3.12\nCOPY main.py /\n{}CMD ["python", "/main.py"]\n'


@pytest.mark.parametrize(
    ("body", "check", "expected"),
    [
        ("time.sleep(1)", "", ["certain"]),
        ("time.sleep(1)", "HEALTHCHECK CMD test -e /tmp/alive\n", ["possible"]),
        ("time.sleep(1); child.is_alive() or exit(1)", "", []),
    ],
)
def test_child_that_nobody_looks_at(tmp_path: Path, body: str, check: str, expected: list[str]) -> None:
    found = said(tmp_path, "abandoned-program", {"main.py": CODE.format(body), "Dockerfile": IMAGE.format(check)})
    assert [f.confidence for f in found] == expected
