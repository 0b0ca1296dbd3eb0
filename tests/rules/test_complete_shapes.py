"""Shapes of settings, limits, metrics and set-ups that the code shows in full, and the nearest ones that stay leads."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

SERVED = {"Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["gunicorn", "app:app"]\n'}
WORKS = {"Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["celery", "-A", "tasks", "worker"]\n'}


def certain(root: Path, rule: str, files: dict[str, str]) -> list[bool]:
    return [finding.confidence == "certain" for finding in said(root, rule, files)]


SETTINGS = 'import os\n\nINSTALLED_APPS = ["shop"]\nSECRET_KEY = os.environ.get("SECRET_KEY", "not so secret")\n'
WSGI = (
    "import os\n\nfrom django.core.wsgi import get_wsgi_application\n\n"
    'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings.base")\napplication = get_wsgi_application()\n'
)
OPEN = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  selector: {matchLabels: {app: shop}}\n  template:\n"
    "    metadata: {labels: {app: shop}}\n    spec:\n      containers:\n      - name: shop\n        image: shop\n"
    "        command: [gunicorn, 'shop.wsgi:application']\n        envFrom: [{secretRef: {name: shop}}]\n"
)
DJANGO = {
    "shop/__init__.py": "",
    "shop/settings/__init__.py": "",
    "shop/settings/base.py": SETTINGS,
    "shop/wsgi.py": WSGI,
    "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["gunicorn", "shop.wsgi:application"]\n',
}


@pytest.mark.parametrize(
    ("more", "sure"),
    [
        ({}, True),
        ({"shop/settings/production.py": "from shop.settings.base import *\n\nSECRET_KEY = open('/run/key').read()\n"}, False),
        ({"shop/settings/production.py": "import yaml\n\nvars().update(yaml.safe_load(open('/etc/shop.yml')))\n"}, False),
        ({"check.sh": '#!/bin/sh\nif [ -z "$SECRET_KEY" ]; then echo "no SECRET_KEY"; fi\n'}, False),
        ({"Dockerfile": DJANGO["Dockerfile"].replace("COPY", "ENV SECRET_KEY=changed\nCOPY")}, False),
        ({"shop/settings/base.py": SETTINGS.replace("not so secret", "^0z5u6!dqjb%7s4&3nhg57q-h%)+_u*osk5k!uf-6n_0#2*")}, True),
        ({"deploy.yaml": OPEN}, False),  # the cluster's secret may hold it, and the start fail without it
    ],
)
def test_the_key_that_django_signs_with(tmp_path: Path, more: dict[str, str], sure: bool) -> None:
    found = [f for f in said(tmp_path, "secret-default", {**DJANGO, **more}) if f.path == "shop/settings/base.py"]
    assert [(f.confidence == "certain", f.severity) for f in found] == [(sure, "medium" if sure else "high")]


MIDDLEWARE = (
    "from fastapi import FastAPI\nfrom starlette.middleware.sessions import SessionMiddleware\n\nfrom conf import KEY\n\n"
    "app = FastAPI()\napp.add_middleware({added})\n"
)


@pytest.mark.parametrize(("added", "sure"), [("SessionMiddleware, secret_key=KEY", True), ("Other, key=KEY", False)])
def test_the_key_of_a_session_middleware(tmp_path: Path, added: str, sure: bool) -> None:
    conf = 'import os\n\nKEY = os.environ.get("SESSION_SECRET_KEY", "change it")\n'
    files = {"app.py": MIDDLEWARE.format(added=added), "conf.py": conf, **SERVED}
    assert [f.severity == "medium" for f in said(tmp_path, "secret-default", files)] == [sure]


UWSGI = """\
import requests
from flask import Flask

app = Flask(__name__)


@app.get("/rates")
def rates():
    return requests.get("https://rates.example/latest"{limit}).json()
"""


@pytest.mark.parametrize(
    ("options", "limit", "sure"),
    [
        ("--http :80 --module app:app", "", True),
        ("--http :80 --module app:app", ", timeout=5", False),  # the wait ends by itself
        ("--http :80 --gevent 100 --module app:app", "", False),  # a request holds no worker
        ("--module app:app", "", False),  # how it listens is told elsewhere, and the limit may be too
        ("--http :80 --module app:app $UWSGI_EXTRA", "", False),
    ],
)
def test_uwsgi_in_an_image(tmp_path: Path, options: str, limit: str, sure: bool) -> None:
    files = {"app.py": UWSGI.format(limit=limit), "Dockerfile": f"FROM python:3.12\nCOPY . .\nCMD exec uwsgi {options}\n"}
    assert certain(tmp_path, "no-request-limit", files) == [sure]


SLOW = """\
import requests
from flask import Flask

app = Flask(__name__)
{session}

@app.get("/rates")
def rates():
    return {call}
"""


@pytest.mark.parametrize(
    ("session", "call", "sure"),
    [
        ("", 'requests.get("https://rates.example", timeout=60).json()', True),
        ("import helper", "helper.fetch()", True),
        ("import helper", "helper.wide()", False),  # its number stands with the client, for all who use it
    ],
)
def test_a_number_above_the_limit_of_the_server(tmp_path: Path, session: str, call: str, sure: bool) -> None:
    helper = (
        "import httpx\nimport requests\n\nclient = httpx.Client(timeout=60)\n\n\n"
        'def fetch():\n    return requests.get("https://r", timeout=60).json()\n\n\n'
        'def wide():\n    return client.get("https://r").json()\n'
    )
    files = {"app.py": SLOW.format(session=session, call=call), "helper.py": helper, **SERVED}
    assert [(f.confidence == "certain", f.severity) for f in said(tmp_path, "deadline-inversion", files)] == [(sure, "medium")]


CONSUMER = """\
from confluent_kafka import Consumer

from conf import AUTO


def main():
    consumer = Consumer({{"group.id": "a"{more}}})
    consumer.subscribe(["orders"])
    while True:
        message = consumer.poll(1.0)
        print(message)
        {after}


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("more", "after", "sure"),
    [
        (', "enable.auto.commit": False', "consumer.commit()", True),
        (', "enable.auto.commit": AUTO', "consumer.commit()", True),
        (', "enable.auto.commit": True', "consumer.commit()", False),
        ("", "pass", False),  # only news may count
    ],
)
def test_a_consumer_that_means_to_lose_nothing(tmp_path: Path, more: str, after: str, sure: bool) -> None:
    files = {"worker.py": CONSUMER.format(more=more, after=after), "conf.py": "AUTO = False\n"}
    assert certain(tmp_path, "skipped-backlog", files) == [sure]


FORWARDS = """\
import logging
from functools import partial

from confluent_kafka import Consumer, Producer

log = logging.getLogger(__name__)
failed = []


def delivered(error, message):
    if error:
        {told}


def main():
    consumer = Consumer({{"group.id": "a", "auto.offset.reset": "earliest"}})
    producer = Producer({{}})
    while True:
        message = consumer.poll(1.0)
        producer.produce("out", message.value(), on_delivery={given})
        producer.flush()
        consumer.commit()


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize("given", ["delivered", "partial(delivered, message=message)"])
@pytest.mark.parametrize(("told", "sure"), [('log.error("lost: %s", error)', True), ("failed.append(message)", False)])
def test_an_offset_that_is_committed_though_a_delivery_failed(tmp_path: Path, given: str, told: str, sure: bool) -> None:
    assert certain(tmp_path, "unconfirmed-publish", {"worker.py": FORWARDS.format(given=given, told=told)}) == [sure]


SIZES = """\
from pathlib import Path

from flask import Flask, request
from prometheus_client import Histogram

app = Flask(__name__)
SIZE = Histogram("{name}", "{told}")


@app.post("/upload")
def upload():
    SIZE.observe({value})
    return "", 202
"""


@pytest.mark.parametrize(
    ("name", "told", "value", "sure"),
    [
        ("upload_size_bytes", "what was sent", "request.size", True),
        ("upload_size", "Sizes of uploads", 'Path("/tmp/x").stat().st_size', True),
        ("upload_size", "Sizes of uploads", "request.size", False),  # in what unit nobody says
    ],
)
def test_a_histogram_of_bytes(tmp_path: Path, name: str, told: str, value: str, sure: bool) -> None:
    files = {"app.py": SIZES.format(name=name, told=told, value=value), **SERVED}
    assert certain(tmp_path, "unfit-buckets", files) == [sure]


METRICS = (
    'from pathlib import Path\n\nfrom prometheus_client import Counter\n\nPROMETHEUS_DIR = Path("/tmp/m")\nJOBS = Counter("jobs", "jobs")\n'
)
BOOT = """\
import atexit
import shutil

import dramatiq

from metrics import JOBS, PROMETHEUS_DIR


class Metrics(dramatiq.Middleware):
    def {hook}(self, broker, worker):
        shutil.rmtree(PROMETHEUS_DIR)


def last():
    shutil.rmtree(PROMETHEUS_DIR)


{registered}
broker = dramatiq.get_broker()
broker.add_middleware(Metrics())


@dramatiq.actor
def count():
    JOBS.inc()
"""


@pytest.mark.parametrize(("hook", "sure"), [("before_worker_boot", True), ("forget", False)])
def test_the_folder_of_the_values_is_emptied_by_a_hook(tmp_path: Path, hook: str, sure: bool) -> None:
    worker = BOOT.format(hook=hook, registered="atexit.register(last)")  # what the process does last loses nothing
    files = {"metrics.py": METRICS, "worker.py": worker, "Procfile": "w: dramatiq worker\n"}
    assert certain(tmp_path, "multiprocess-metrics", files) == [sure]


KINDS = """\
from flask import Flask
from prometheus_client import {kind}, generate_latest

app = Flask(__name__)
ORDERS = {kind}("orders", "orders")


@app.get("/metrics")
def metrics():
    return generate_latest()
"""


@pytest.mark.parametrize(("kind", "told"), [("Counter", 1), ("Gauge", 0)])
def test_only_what_counts_in_the_process_jumps(tmp_path: Path, kind: str, told: int) -> None:
    image = 'FROM python:3.12\nCOPY . .\nCMD ["gunicorn", "--workers", "4", "app:app"]\n'
    assert len(said(tmp_path, "multiprocess-metrics", {"app.py": KINDS.format(kind=kind), "Dockerfile": image})) == told


TRACKED = """\
import os

import sentry_sdk
from celery import Celery

sentry_sdk.init(os.environ["DSN"]{sampled})
app = Celery("shop")


@app.task
def pay():
    print("paid")
"""


@pytest.mark.parametrize(
    ("sampled", "told"),
    [
        ("", "waits in its queue and since when, how long its work takes or how much of it fails, and no alert"),
        (", traces_sample_rate=0.1", "waits in its queue and since when, and no alert"),
        (", profiles_sample_rate=1", "waits in its queue and since when, and no alert"),
    ],
)
def test_an_error_tracker_that_samples(tmp_path: Path, sampled: str, told: str) -> None:
    files = {"tasks.py": TRACKED.format(sampled=sampled), **WORKS}
    assert [told in f.message for f in said(tmp_path, "missing-signals", files)] == [True]


@pytest.mark.parametrize(("begins", "bare"), [("of type", True), ("# TYPE", False)])
def test_numbers_that_are_written_out_by_hand(tmp_path: Path, begins: str, bare: bool) -> None:
    page = f"def numbers(count):\n    return '{begins} orders counter' + chr(10) + f'orders {{count}}'\n"
    files = {"tasks.py": TRACKED.format(sampled=""), "page.py": page, **WORKS}
    assert ["no number tells" in f.message for f in said(tmp_path, "missing-signals", files)] == [bare]


def test_an_exporter_that_another_settings_module_names(tmp_path: Path) -> None:
    names = {"shop/settings/production.py": 'MIDDLEWARE = ["django_prometheus.middleware.PrometheusBeforeMiddleware"]\n'}
    assert said(tmp_path / "without", "missing-signals", DJANGO)
    assert not said(tmp_path / "with", "missing-signals", {**DJANGO, **names})


def test_an_exporter_beside_a_worker(tmp_path: Path) -> None:
    files = {"tasks.py": TRACKED.format(sampled=""), **WORKS}
    compose = "services:\n  exporter:\n    image: {}\n"
    other = {"docker-compose.yml": compose.format("redis:7")}
    assert said(tmp_path / "without", "missing-signals", {**files, **other})
    exporter = {"docker-compose.yml": compose.format("danihodovic/celery-exporter:0.10")}
    assert not said(tmp_path / "with", "missing-signals", {**files, **exporter})


COUNTS = """\
from flask import Flask

from counters import RedisCounter

app = Flask(__name__)
REQUESTS = RedisCounter("requests", "requests", ({labels}))
"""
COUNTER = """\
from prometheus_client import Gauge


class RedisCounter:
    def __init__(self, name, told, labels):
        self.gauge = Gauge(name, told, labels)
"""


@pytest.mark.parametrize(("labels", "errors"), [('"path", "status_code"', False), ('"path",', True)])
def test_a_counter_of_the_projects_own_with_a_status(tmp_path: Path, labels: str, errors: bool) -> None:
    files = {"app.py": COUNTS.format(labels=labels), "counters.py": COUNTER, **SERVED}
    assert ["errors" in f.message for f in said(tmp_path, "missing-signals", files)] == [errors]


SUPERVISED = {
    "worker.py": "import time\n\nif __name__ == '__main__':\n    while True:\n        time.sleep(1)\n        print('turn')\n",
    "Dockerfile": 'FROM python:3.12\nCOPY . .\nCMD ["supervisord", "-n", "-c", "s.conf"]\n',
}


@pytest.mark.parametrize(("log", "told"), [("stdout_logfile=work.log", 1), ("user=www", 1), ("stdout_logfile=/dev/fd/1", 0)])
def test_what_supervisord_writes_inside_the_container_is_a_lead(tmp_path: Path, log: str, told: int) -> None:
    """Its folder may be one that users are told to mount."""
    config = f"[supervisord]\nnodaemon=true\n\n[program:work]\ncommand=python worker.py\n{log}\n"
    assert certain(tmp_path, "lost-log-config", {**SUPERVISED, "s.conf": config}) == [False] * told
