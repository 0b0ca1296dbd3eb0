"""What the runtime map holds beside what the rules look at: starts, jobs, files, failures that change their name, and code that
nothing is seen to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime_ops import runtime_map
from runtime_ops.discover import discover
from runtime_ops.findings import MapRow
from runtime_ops.gather import gather
from runtime_ops.project.build import Project

WORKER = """import os
from celery import Celery
import plugins

app = Celery("shop")


@app.task(max_retries=5)
def send(path):
    with open(path, "w") as out:
        out.write("sent")


@app.task(time_limit=30)
def store(path):
    with open(path + ".tmp", "w") as out:
        out.write("sent")
    os.replace(path + ".tmp", path)


@app.task
def read(path):
    try:
        return open(path).read()
    except OSError as error:
        raise ValueError("no such order") from error


@app.task
def again(path):
    try:
        return open(path).read()
    except OSError:
        raise
"""
PLUGINS = """import requests


class Hook:
    def fire(self):
        requests.get("http://a")
"""
COMPOSE = """services:
  jobs:
    build: .
    command: celery -A worker worker
    restart: always
    stop_grace_period: 40s
"""


def rows(folder: Path, files: dict[str, str]) -> list[MapRow]:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    gathered = gather(folder, discover(folder), workers=1)
    project = Project(gathered.modules, gathered.artifacts, gathered.paths)
    (entrypoint,) = project.entrypoints
    inventories = [source(project, entrypoint) for source in runtime_map.SOURCES.values()]
    return list(runtime_map.rows(inventories, frozenset()))


@pytest.fixture
def shop(tmp_path: Path) -> list[MapRow]:
    files = {"worker.py": WORKER, "plugins.py": PLUGINS, "compose.yml": COMPOSE, "Dockerfile": "FROM python:3.12\nCOPY . .\n"}
    return rows(tmp_path, files)


def test_a_start_says_what_restarts_probes_and_stops_it(shop: list[MapRow]) -> None:
    (start,) = [row for row in shop if row.what == "start"]
    assert (start.path, start.name, start.verdict) == ("compose.yml", "compose: celery -A worker worker", "ok")
    assert start.bound == "SIGKILL 40 s after the stop; restart: always; nothing probes it"


def test_a_start_behind_a_deaf_shell_is_not_in_order(tmp_path: Path) -> None:
    image = 'FROM python:3.12\nCOPY . .\nCMD ["sh", "run.sh"]\n'
    files = {"worker.py": WORKER, "plugins.py": PLUGINS, "run.sh": "celery -A worker worker\necho over\n", "Dockerfile": image}
    found = rows(tmp_path, files)
    (start,) = [row for row in found if row.what == "start"]
    assert start.verdict == "unknown" and start.bound is not None and "passes no signal on" in start.bound
    assert ("run.sh", 1) in {(e.path, e.line) for e in start.source}


def test_jobs_with_their_limits_and_tries(shop: list[MapRow]) -> None:
    jobs = {row.name: row for row in shop if row.what == "job"}
    assert set(jobs) == {"celery send", "celery store", "celery read", "celery again"}
    assert jobs["celery send"].bound == "no time limit of its own; 5 retries; acknowledged before the job"
    assert jobs["celery send"].verdict == "unknown"
    assert (jobs["celery store"].bound or "").startswith("limit 30; 3 (the default) retries") and jobs["celery store"].verdict == "ok"


def test_files_written_in_place_and_moved_there(shop: list[MapRow]) -> None:
    found = {row.line: (row.verdict, row.bound) for row in shop if row.what == "file"}
    assert found == {10: ("unknown", None), 16: ("ok", "written beside, then moved into place")}


def test_failures_that_change_their_name_and_those_that_pass(shop: list[MapRow]) -> None:
    arms = [row for row in shop if row.what == "except"]
    assert [(row.line, row.bound) for row in arms] == [(25, "raising ValueError instead")]


def test_what_nothing_is_seen_to_run_stands_with_its_phase_not_known(shop: list[MapRow]) -> None:
    (call,) = [row for row in shop if row.what == "outbound" and row.path == "plugins.py"]
    assert call.phase is None and call.verdict == "unknown" and not call.question
