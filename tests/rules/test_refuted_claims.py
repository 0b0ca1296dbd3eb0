"""Claims that readers refuted: what the library, or another line, does about each."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

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


SHOP = """import os, time
import flask, psycopg2, requests, client, prometheus_client
app = flask.Flask(__name__)
@app.get('/a')
def a():
    {inside}
    return ''
{outside}
"""


@pytest.mark.parametrize(
    ("read", "call", "told"),
    [
        ("os.getenv('N', 80)", "app.run(port={})", None),  # Flask.run converts
        ("os.getenv('N', '80')", "app.run('0.0.0.0', {})", None),
        ("os.getenv('N', 80)", "prometheus_client.start_http_server({})", "so it works only as long as nobody configures it"),
        ("os.getenv('N', '80')", "prometheus_client.start_http_server({})", "whether it is set or not: the call raises TypeError"),
        ("os.environ['N']", "time.sleep({})", "whatever it is: the call raises TypeError"),
        ("os.getenv('N', 3)", "psycopg2.connect(connect_timeout={})", None),  # a text for libpq
        ("os.getenv('N', 3)", "client.Client(connect_timeout={})", "so it works only as long as nobody configures it"),
        ("os.getenv('N', '3')", "client.Client(connect_timeout={})", None),  # it is given a text every day
        ("os.getenv('N', 3)", "requests.get('http://a', timeout={})", "the call raises ValueError"),
    ],
)
def test_takers_of_a_text_where_a_number_belongs(tmp_path: Path, read: str, call: str, told: str | None) -> None:
    code = SHOP.format(inside=call.format("N") if "app.run" not in call else "pass", outside="").replace("app =", f"N = {read}\napp =")
    code += call.format("N") * ("app.run" in call)
    found = shown(tmp_path, "unconverted-number", {"app.py": code, "Dockerfile": IMAGE})
    assert [(told or "") in f.message for f in found] == ([True] if told else [])
