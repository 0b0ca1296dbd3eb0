"""Claims that readers refuted: what the library, or another line, does about each."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said

IMAGE = 'FROM python:3.12\nCOPY . /\nCMD ["python", "app.py"]\n'


@pytest.mark.parametrize(
    ("test", "arm", "count"),
    [
        ("not done", "done = True\n            continue", 0),
        ("not done", "error = True\n            continue", 1),
        ("not done", "done = True\n            done = 'late' in url", 1),
        ("running is True", "running = False", 0),
        ("running and not done", "done = True", 0),
        ("running or not done", "done = True", 1),
        ("True", "done = True", 1),
    ],
)
def test_failure_arm_that_ends_the_loop_by_its_own_condition(tmp_path: Path, test: str, arm: str, count: int) -> None:
    code = (
        f"import requests\ndef pages(url):\n    done, running = False, True\n    while {test}:\n        try:\n"
        f"            answer = requests.get(url, timeout=3)\n        except requests.ConnectionError:\n            {arm}\n"
        "while True:\n    pages('http://a')\n"
    )
    hot = [f for f in said(tmp_path, "hot-retry", {"app.py": code, "Dockerfile": IMAGE}) if f.line == 7]
    assert len(hot) == count


@pytest.mark.parametrize(
    ("test", "arm", "count"),
    [
        ("self.running", "self.leave()", 0),
        ("self.running", "if self.odd:\n                    self.leave()", 1),  # in some of its arms only
        ("self.running", "self.note()", 1),
        ("not self.ended.is_set()", "self.ended.set()", 0),
        ("not self.ended.is_set()", "self.odd.set()", 1),
    ],
)
def test_failure_arm_that_calls_what_ends_the_loop(tmp_path: Path, test: str, arm: str, count: int) -> None:
    code = (
        "import threading, requests\nclass Poller:\n    running = True\n    ended, odd = threading.Event(), threading.Event()\n"
        "    def leave(self):\n        self.running = False\n    def note(self):\n        self.last = False\n"
        f"    def run(self):\n        while {test}:\n            try:\n"
        "                requests.get('http://a', timeout=3)\n                return\n            except Exception:\n"
        f"                {arm}\nwhile True:\n    Poller().run()\n"
    )
    assert len([f for f in said(tmp_path, "endless-retry", {"app.py": code, "Dockerfile": IMAGE}) if f.line != 15]) == count
