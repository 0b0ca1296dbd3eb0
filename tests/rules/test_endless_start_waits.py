"""Start scripts that wait for another host: what ends the loop, and where the script is not what keeps the container."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

APP = "from flask import Flask\napp = Flask(__name__)\n\n\n@app.get('/')\ndef index():\n    return 'ok'\n"
IMAGE = "FROM python:3.12-slim\nCOPY . /app\nWORKDIR /app\nCMD [\"/app/start.sh\"]\n"
START = "#!/bin/sh\n{0}exec gunicorn app:app\n"
RULE = "endless-start-wait"


@pytest.mark.parametrize(
    ("loop", "fires"),
    [
        ("until pg_isready -h db; do sleep 1; done\n", True),
        ("while ! nc -z db 5432; do\n  sleep 0.1\ndone\n", True),
        ("while ! </dev/tcp/db/5432; do sleep 1; done\n", True),
        ("while ! (echo > /dev/tcp/db/5432) 2>/dev/null; do sleep 1; done\n", True),
        ("while :; do python manage.py migrate && break; sleep 5; done\n", True),
        ("wait_for() { until nc -z \"$1\" 5432; do sleep 1; done; }\nwait_for db\n", True),
        ("until pg_isready -h db; do sleep 1; i=$((i+1)); [ $i -gt 30 ] && exit 1; done\n", False),
        ("for i in 1 2 3; do pg_isready -h db && break; sleep 1; done\n", False),
        ("until [ $tries -ge 30 ]; do nc -z db 5432 && break; sleep 1; done\n", False),
        ("while ! nc -z db 5432; do [ \"$SECONDS\" -gt 60 ] && exit 1; sleep 1; done\n", False),
        ("until timeout 60 pg_isready -h db; do sleep 1; done\n", False),
        ("until [ -f /tmp/ready ]; do sleep 1; done\n", False),
        ("while true; do python report.py; sleep 60; done &\n", False),
        ("until pg_isready -h db; do :; done\n", False),
        ("search-server &\nuntil curl -f http://localhost:8080; do sleep 1; done\n", False),
    ],
)
def test_what_ends_the_loop(tmp_path: Path, loop: str, fires: bool) -> None:
    found = said(tmp_path, RULE, {"app.py": APP, "Dockerfile": IMAGE, "start.sh": START.format(loop)})
    assert bool(found) is fires


@pytest.mark.parametrize(
    ("asks", "told"), [("psql -h db -c 'select 1'", True), ("pg_isready -h db", False), ("(echo > /dev/tcp/db/5432)", False)]
)
def test_a_port_that_opens_says_nothing_of_a_login(tmp_path: Path, asks: str, told: bool) -> None:
    start = START.format(f"until {asks}; do sleep 1; done\n")
    (finding,) = said(tmp_path, RULE, {"app.py": APP, "Dockerfile": IMAGE, "start.sh": start})
    assert ("password" in finding.message) is told


def test_a_command_of_compose(tmp_path: Path) -> None:
    compose = (
        "services:\n  web:\n    build: .\n    command: sh -c \"until nc -z db 5432; do sleep 1; done; exec gunicorn app:app\"\n"
        "    restart: always\n"
    )
    found = said(tmp_path, RULE, {"app.py": APP, "Dockerfile": IMAGE, "compose.yaml": compose, "start.sh": START.format("")})
    assert [(f.path, f.line) for f in found] == [("compose.yaml", 4)]


def test_a_script_that_the_start_script_runs(tmp_path: Path) -> None:
    files = {"app.py": APP, "Dockerfile": IMAGE, "start.sh": START.format("./wait.sh db\n")}
    found = said(tmp_path, RULE, {**files, "wait.sh": "#!/bin/sh\nuntil psql -h $1 -c 'select 1'; do\n  sleep 1\ndone\n"})
    assert [(f.path, f.line) for f in found] == [("wait.sh", 2)]


def test_a_loop_after_the_program_does_not_hold_the_start(tmp_path: Path) -> None:
    text = "#!/bin/sh\ngunicorn app:app &\nuntil nc -z other 80; do sleep 1; done\nwait\n"
    assert not said(tmp_path, RULE, {"app.py": APP, "Dockerfile": IMAGE, "start.sh": text})


def test_a_probe_that_ends_the_start(tmp_path: Path) -> None:
    pod = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n"
        "    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: web\n"
        "        command: [\"/app/start.sh\"]\n"
    )
    probe = "        livenessProbe: {httpGet: {path: /, port: 8000}}\n"
    files = {"app.py": APP, "start.sh": START.format("until nc -z db 5432; do sleep 1; done\n")}
    assert said(tmp_path / "a", RULE, {**files, "web.yaml": pod})
    assert not said(tmp_path / "b", RULE, {**files, "web.yaml": pod + probe})


def test_only_a_script_that_stays_process_one_is_told_of_the_signal(tmp_path: Path) -> None:
    files = {"app.py": APP, "Dockerfile": IMAGE, "start.sh": START.format("until nc -z db 5432; do sleep 1; done\n")}
    assert "SIGTERM" in said(tmp_path / "a", RULE, files)[0].message
    tini = IMAGE.replace('["/app/start.sh"]', '["tini", "--", "/app/start.sh"]')
    assert "SIGTERM" not in said(tmp_path / "b", RULE, {**files, "Dockerfile": tini})[0].message
