"""Limits that end what one that was missed left running: a hard limit of a job, a block of the project's own, the worker's process."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

WORKER = {"Dockerfile": 'FROM python:3\nCOPY . /\nCMD ["celery", "-A", "tasks", "worker"]\n', "requirements.txt": "celery==5.6.0\n"}
JOB = """
import requests
from celery import Celery

app = Celery("tasks", broker="redis://broker")


@app.task(soft_time_limit=50{hard})
def refresh(names):
    for name in names:
        try:
            requests.get(name, timeout=5)
        except Exception:
            print("left out", name)
"""


@pytest.mark.parametrize(
    ("hard", "end", "severity"),
    [("", "without a limit", "medium"), (", time_limit=60", "until the hard limit kills its process", "low")],
)
def test_a_swallowed_soft_limit_says_what_ends_the_job(tmp_path: Path, hard: str, end: str, severity: str) -> None:
    (finding,) = said(tmp_path, "shutdown/swallowed-cancellation", {**WORKER, "tasks.py": JOB.format(hard=hard)})
    assert end in finding.message
    assert finding.severity == severity


HANDLER = """
import signal
import time
from celery import Celery

app = Celery("tasks", broker="redis://broker")


def told(*args):
    print("the build ends first")


{start}
"""
IN_THE_JOB = "@app.task\ndef build():\n    signal.signal(signal.SIGTERM, told)\n    time.sleep(50)\n"
IN_A_LOOP = "signal.signal(signal.SIGTERM, told)\nwhile True:\n    time.sleep(5)\n"
LOOP = {"Dockerfile": 'FROM python:3\nCOPY . /\nCMD ["python", "tasks.py"]\n'}


def test_a_handler_of_a_job_lets_the_job_end(tmp_path: Path) -> None:
    assert shown(tmp_path, "shutdown/inert-signal-handler", {**WORKER, "tasks.py": HANDLER.format(start=IN_THE_JOB)}) == []


def test_the_same_handler_of_a_program_is_inert(tmp_path: Path) -> None:
    assert shown(tmp_path, "shutdown/inert-signal-handler", {**LOOP, "tasks.py": HANDLER.format(start=IN_A_LOOP)})


SERVER = """
import signal
from contextlib import contextmanager

import requests
from flask import Flask

app = Flask(__name__)


@contextmanager
def {name}(seconds):
    {call}(seconds)
    try:
        yield
    finally:
        {call}(0)


@app.get("/")
def index():
    with {name}(20):
        return requests.get("https://goods.example").text
"""
SERVED = {"Dockerfile": 'FROM python:3\nCOPY . /\nCMD ["waitress-serve", "app:app"]\n'}


@pytest.mark.parametrize(("name", "call", "told"), [("time_limit", "signal.alarm", False), ("measured", "print", True)])
def test_a_block_of_the_project_may_limit_the_call(tmp_path: Path, name: str, call: str, told: bool) -> None:
    assert bool(shown(tmp_path, "deadlines/call-without-timeout", {**SERVED, "app.py": SERVER.format(name=name, call=call)})) is told
