"""What is seen once a start is followed through: a wait before the program, a stop for Ctrl-C alone, a script nobody runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from rules.judging import said, shown

WAIT = """\
import os
import signal
import sys
import time

import psycopg2


def bye(signum, frame):
    sys.exit(1)


def wait():
    while True:
        try:
            psycopg2.connect("dbname=shop", connect_timeout=3)
            return
        except{}:
            time.sleep(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, bye)
    wait()
    os.execvp(sys.argv[1], sys.argv[1:])
"""
APP = "from fastapi import FastAPI\n\napp = FastAPI()\n"
IMAGE = 'FROM python:3.12\nCOPY . /app\nWORKDIR /app\nENTRYPOINT ["python", "wait.py"]\nCMD ["uvicorn", "web:app"]\n'


@pytest.mark.parametrize(("caught", "fires"), [("", True), (" BaseException", True), (" Exception", False)])
def test_a_stop_while_it_waits_for_the_database(tmp_path: Path, caught: str, fires: bool) -> None:
    files = {"wait.py": WAIT.format(caught), "web.py": APP, "Dockerfile": IMAGE}
    assert [f.severity for f in shown(tmp_path, "swallowed-cancellation", files)] == (["medium"] if fires else [])


MAIN = """\
import work
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def main():
    provider = TracerProvider()
    provider.add_span_processor({}(work.Exporter()))
    try:
        work.loop()
    except KeyboardInterrupt:
        print("stopped")


if __name__ == "__main__":
    main()
"""
LOOP = "import time\n\n\nclass Exporter: ...\n\n\ndef turn(): ...\n\n\n"
LOOP += "def loop():\n    while True:\n        turn()\n        time.sleep(1)\n"


def test_the_stop_for_ctrl_c_alone_is_where_the_other_belongs(tmp_path: Path) -> None:
    files = {"main.py": MAIN.format("BatchSpanProcessor"), "work.py": LOOP, "Procfile": "worker: python main.py\n"}
    found = shown(tmp_path, "unhandled-termination", files)
    assert [(f.path, f.line, f.end_line) for f in found] == [("main.py", 9, 11)]
    assert "never sent" in found[0].message


CHART = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: web
          image: shop
          command: ["bash", "-c", "python manage.py runserver 0.0.0.0:8000"]
"""
SHOP = {
    "manage.py": "from django.core.management import execute_from_command_line\nexecute_from_command_line()\n",
    "shop/__init__.py": "",
    "shop/wsgi.py": "from django.core.wsgi import get_wsgi_application\n\napplication = get_wsgi_application()\n",
    "bin/serve": "#!/bin/bash\nexec gunicorn shop.wsgi\n",
}


@pytest.mark.parametrize(("more", "fires"), [({}, True), ({"Procfile": "web: bin/serve\n"}, False)])
def test_a_script_that_nothing_runs_is_not_what_is_deployed(tmp_path: Path, more: dict[str, str], fires: bool) -> None:
    assert bool(shown(tmp_path, "dev-server", SHOP | {"deploy.yaml": CHART} | more)) is fires


SYNC = """\
from celery import shared_task
from croniter import croniter

from shop.models import Backup


@shared_task
def run(number): ...


@shared_task
def plan():
    for backup in Backup.objects.all():
        {}
"""

PLAN = "due = croniter(backup.schedule).get_next()"


@pytest.mark.parametrize(
    ("turn", "fires"),
    [
        (f"{PLAN}\n        run.delay(backup.id)", True),
        (f"try:\n            {PLAN}\n            run.delay(backup.id)\n        except ValueError:\n            pass", False),
        ("run.delay(backup.id)", False),
    ],
)
def test_one_bad_schedule_and_the_jobs_behind_it(tmp_path: Path, turn: str, fires: bool) -> None:
    assert bool(shown(tmp_path, "item-stops-batch", {"tasks.py": SYNC.format(turn), "Procfile": "w: celery -A tasks worker\n"})) is fires


METRICS = """\
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter, multiprocess, start_http_server

app = FastAPI()
SEEN = Counter("seen", "seen")
REGISTRY = CollectorRegistry()
multiprocess.MultiProcessCollector(REGISTRY)
start_http_server(9000{})
"""
POOLED = "\nfrom concurrent.futures import ProcessPoolExecutor\nPOOL = ProcessPoolExecutor(2)\n"


@pytest.mark.parametrize(
    ("given", "workers", "further", "fires"),
    [
        ("", " --workers 2", "", True),
        ("", " --workers $WORKERS", "", True),
        ("", "", POOLED, True),
        ("", "", "", False),  # all that one process counts is in its own registry too
        ("", " --workers 1", "", False),
        (", registry=REGISTRY", " --workers 2", "", False),
        (", '0.0.0.0', REGISTRY", " --workers 2", "", False),
    ],
)
def test_the_registry_of_one_process_is_served(tmp_path: Path, given: str, workers: str, further: str, fires: bool) -> None:
    files = {"app.py": METRICS.format(given) + further, "Procfile": f"web: uvicorn app:app{workers}\n"}
    assert bool(shown(tmp_path, "multiprocess-metrics", files)) is fires


VIEWS = """\
from flask import Flask
from prometheus_client import CollectorRegistry, Counter, generate_latest, multiprocess

app = Flask(__name__)
SEEN = Counter("seen", "seen")


@app.route("/metrics")
def metrics():
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
"""
SCRAPED_LOOP = """\
import time
from prometheus_client import start_http_server
from web import SEEN, app

{}

def main():
    start_http_server(9000)
    while True:
        SEEN.inc()
        time.sleep(5)


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("own", "fires"),
    [
        ("", False),
        ("from prometheus_client import CollectorRegistry, multiprocess\nmultiprocess.MultiProcessCollector(CollectorRegistry())\n", True),
    ],
    ids=["in a view of another program", "of its own"],
)
def test_the_collector_of_a_view_is_none_of_a_worker_that_only_makes_the_application(tmp_path: Path, own: str, fires: bool) -> None:
    files = {"web.py": VIEWS, "loop.py": POOLED + SCRAPED_LOOP.format(own), "Procfile": "web: gunicorn web:app\nloop: python loop.py\n"}
    assert bool(shown(tmp_path, "multiprocess-metrics", files)) is fires


ASGI = """\
from fastapi import FastAPI
from prometheus_client import Counter

SEEN = Counter("seen", "seen", ["path"])
app = FastAPI()


class Counting:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        {}
        SEEN.labels(path).inc()
        await self.app(scope, receive, send)


app.add_middleware(Counting)
"""


@pytest.mark.parametrize(
    ("lines", "fires"),
    [
        ('path = scope["path"]', True),
        ('parts = scope["path"].split("/")\n        if self.short:\n            parts = parts[:2]\n        path = "/".join(parts)', True),
        ('parts = scope["path"].split("/")\n        parts = parts[:2]\n        path = "/".join(parts)', False),
        ('path = scope["type"]', False),
        ('path = scope["path"].split("/")[1]', False),
    ],
)
def test_the_raw_path_of_an_asgi_request(tmp_path: Path, lines: str, fires: bool) -> None:
    files = {"app.py": ASGI.format(lines), "Procfile": "web: uvicorn app:app\n"}
    assert bool(shown(tmp_path, "unbounded-label", files)) is fires


def test_routes_that_stand_in_a_specification(tmp_path: Path) -> None:
    text = "import connexion\n\napp = connexion.AsyncApp(__name__)\nfor spec in ('a.yaml', 'b.yaml'):\n    app.add_api(spec)\n"
    image = 'FROM python:3.12\nCOPY . .\nCMD ["uvicorn", "app:app"]\n'
    assert said(tmp_path, "no-health-endpoint", {"app.py": text, "Dockerfile": image}) == []
