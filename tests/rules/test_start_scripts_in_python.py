"""Start scripts in Python: what they run, leave running, and keep the signal from."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import shown

IMAGE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCOPY start.py renew.py /\nCMD ["/start.py"]\n'
APP = "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/orders')\ndef orders():\n    return '[]'\n"
START = """\
import os
import signal
import subprocess

words = ["gunicorn", "--threads", os.environ.get("THREADS", "2"), "-b", "0.0.0.0:8000"]
words.append("shop:app")
"""
SERVED = {"shop.py": APP, "Dockerfile": IMAGE}


@pytest.mark.parametrize(
    ("last", "told"),
    [
        ('os.system(" ".join(words))', True),
        ("subprocess.run(words)", True),
        ("subprocess.check_call(words)", True),
        ("os.execvp(words[0], words)", False),
        ("child = subprocess.Popen(words)\nchild.wait()", False),  # it may tell the child
        ("signal.signal(signal.SIGTERM, print)\nsubprocess.run(words)", False),
        ('signal.signal(signal.SIGTERM, print)\nos.system(" ".join(words))', True),  # which runs when it is too late
        ('os.system(",".join(words))', False),
    ],
)
def test_a_program_that_waits_for_the_server(tmp_path: Path, last: str, told: bool) -> None:
    found = shown(tmp_path, "signal-blocked-by-shell", {**SERVED, "start.py": f"{START}{last}\n"})
    assert [(f.path, f.line) for f in found] == ([("start.py", 7 + last.count("\n"))] if told else [])
    assert all("waits for it" in f.message and "os.execvp" in f.remedy for f in found)


RENEW = "import time\n\nimport requests\n\nwhile True:\n    requests.get('http://authority')\n    time.sleep(3600)\n"


@pytest.mark.parametrize(
    ("start", "sure"),
    [
        ("subprocess.Popen(['/renew.py'])\nos.execvp(words[0], words)", True),
        ("os.execvp(words[0], words)", False),  # nothing starts it
    ],
)
def test_a_script_that_is_left_running(tmp_path: Path, start: str, sure: bool) -> None:
    files = {**SERVED, "start.py": f"{START}{start}\n", "renew.py": RENEW}
    assert [f.line for f in shown(tmp_path, "call-without-timeout", files)] == ([6] if sure else [])


def test_the_probe_of_the_container_asks_the_server_that_the_program_waits_for(tmp_path: Path) -> None:
    image = IMAGE + "HEALTHCHECK CMD curl -f http://localhost:8000/orders\n"
    compose = "services:\n  web:\n    build: .\n    restart: always\n"
    files = {**SERVED, "start.py": f"{START}subprocess.run(words)\n", "compose.yaml": compose}
    assert not shown(tmp_path / "a", "missing-probe", {**files, "Dockerfile": image})
    assert shown(tmp_path / "b", "missing-probe", files)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ('os.system("flask db upgrade")', True),
        ('subprocess.run(["alembic", "upgrade", "head"])', True),
        ('subprocess.run(["alembic", "upgrade", "head"], check=True)', False),
        ('subprocess.check_call(["alembic", "upgrade", "head"])', False),
        ('if os.system("flask db upgrade"):\n    raise SystemExit(1)', False),
        ('os.system("flask routes")', False),
    ],
)
def test_a_migration_whose_status_is_dropped(tmp_path: Path, step: str, told: bool) -> None:
    start = f"{START}{step}\nos.execvp(words[0], words)\n"
    found = [f for f in shown(tmp_path, "fragile-start-script", {**SERVED, "start.py": start}) if "status" in f.message]
    assert [(f.path, f.line) for f in found] == ([("start.py", 7)] if told else [])
