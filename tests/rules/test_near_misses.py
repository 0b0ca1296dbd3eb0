"""Look-alikes that readers of real findings refuted: what makes each of them harmless, or less sure."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.rules.judging import said, shown

WEB = "from flask import Flask\napp = Flask(__name__)\n@app.get('/a')\ndef a():\n    {}\n    return ''\n"
IMAGE = 'FROM python:3.12\nCOPY . /\nCMD ["gunicorn", "app:app"]\n'
SCRIPT = 'FROM python:3.12\nCOPY . /\nCMD ["/run.sh"]\n'
TASK = "from celery import Celery\napp = Celery('shop')\n@app.task\ndef send():\n    return 1\n"


@pytest.mark.parametrize(("asked", "fires"), [("jobs.empty()", False), ("store.exists('lock')", True)])
def test_loop_that_takes_out_what_it_asks_for(tmp_path: Path, asked: str, fires: bool) -> None:
    code = "import queue, redis, time\njobs = queue.Queue()\nstore = redis.Redis()\n" + WEB.format(
        f"while not {asked}:\n        time.sleep(jobs.get(False))"
    )
    assert bool(said(tmp_path, "unbounded-poll", {"app.py": code, "Dockerfile": IMAGE})) is fires


@pytest.mark.parametrize(
    ("start", "text"),
    [
        ("ask()", "this request's thread or task until gunicorn"),
        ("threading.Thread(target=ask).start()", "a thread that is started for it"),
    ],
)
def test_whom_a_wait_in_a_thread_of_its_own_holds(tmp_path: Path, start: str, text: str) -> None:
    code = "import threading, requests\ndef ask():\n    requests.get('http://a')\n" + WEB.format(start)
    (found,) = said(tmp_path, "call-without-timeout", {"app.py": code, "Dockerfile": IMAGE})
    assert text in found.message


@pytest.mark.parametrize(
    ("command", "severity"), [("celery -A app beat", "low"), ("celery -A app worker", "high"), ("celery -A app worker --beat", "high")]
)
def test_shell_around_a_clock_or_a_worker(tmp_path: Path, command: str, severity: str) -> None:
    files = {"app.py": TASK, "run.sh": f"#!/bin/bash\n{command}\n", "Dockerfile": SCRIPT}
    assert {f.severity for f in said(tmp_path, "signal-blocked-by-shell", files)} == {severity}


@pytest.mark.parametrize(
    ("command", "count"), [("celery multi start w1 -A app", 0), ("celery -A app worker --detach", 0), ("celery -A app worker", 1)]
)
def test_shell_around_workers_that_leave_it(tmp_path: Path, command: str, count: int) -> None:
    script = f"#!/bin/bash\n{command}\ntrap 'celery multi stopwait w1' TERM\nwhile true; do sleep 1; done\n"
    files = {"app.py": TASK, "run.sh": script, "Dockerfile": SCRIPT}
    assert len(said(tmp_path, "signal-blocked-by-shell", files)) == count


@pytest.mark.parametrize(
    ("turn", "fires"),
    [("taken = time.time() - start", False), ("taken = store.get('taken')", True)],
)
def test_loop_that_ends_by_the_time_it_took(tmp_path: Path, turn: str, fires: bool) -> None:
    code = "import redis, time\nstore = redis.Redis()\nstart = 0\n" + WEB.format(
        f"taken = 0.0\n    while taken < 20.0:\n        {turn}\n        time.sleep(0.5)"
    )
    assert bool(said(tmp_path, "unbounded-poll", {"app.py": code, "Dockerfile": IMAGE})) is fires


@pytest.mark.parametrize(
    ("command", "count"),
    [("celery -A app beat", 0), ("celery -A app worker", 1), ("celery -A app worker --beat", 1), ("taskiq scheduler app:app", 0)],
)
def test_stop_signal_of_a_clock_or_a_worker(tmp_path: Path, command: str, count: int) -> None:
    compose = f"services:\n  jobs:\n    image: shop\n    build: .\n    command: {command}\n    stop_signal: SIGQUIT\n"
    files = {"app.py": TASK, "compose.yml": compose, "Dockerfile": "FROM python:3.12\nCOPY . /\n"}
    assert len(said(tmp_path, "wrong-stop-signal", files)) == count


@pytest.mark.parametrize(
    ("inner", "confidence"),
    [("work(body)", "certain"), ("try:\n            work(body)\n        except Exception:\n            log.exception('no')", "likely")],
)
def test_acknowledgement_of_what_an_arm_has_taken(tmp_path: Path, inner: str, confidence: str) -> None:
    code = (
        "import logging\nfrom kombu.mixins import ConsumerMixin\nlog = logging.getLogger()\ndef work(body):\n    raise ValueError\n"
        "class Watcher(ConsumerMixin):\n    def get_consumers(self, Consumer, channel):\n"
        "        return [Consumer(queues=[], callbacks=[self.on_message])]\n"
        f"    def on_message(self, body, message):\n      try:\n        {inner}\n      finally:\n        message.ack()\n"
        "if __name__ == '__main__':\n    Watcher().run()\n"
    )
    assert [f.confidence for f in said(tmp_path, "ack-before-work", {"app.py": code})] == [confidence]


@pytest.mark.parametrize(("ports", "confidence"), [("ports: [{containerPort: 8000}]", "certain"), ("", "likely")])
def test_pod_that_gets_no_traffic(tmp_path: Path, ports: str, confidence: str) -> None:
    manifest = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n"
        f"      - name: web\n        image: shop\n        command: [gunicorn, 'app:app']\n        {ports}\n"
    )
    files = {"app.py": WEB.format("pass"), "Dockerfile": IMAGE, "k8s/web.yaml": manifest}
    assert [f.confidence for f in said(tmp_path, "missing-probe", files)] == [confidence]


def test_stream_that_the_program_fills_itself_is_a_lead(tmp_path: Path) -> None:
    code = (
        "import asyncio\nfrom fastapi import FastAPI\napp = FastAPI()\n@app.get('/a')\nasync def a():\n"
        "    reader = asyncio.StreamReader()\n    return await reader.read(10)\n"
    )
    found = said(tmp_path, "call-without-timeout", {"app.py": code, "Dockerfile": IMAGE.replace("gunicorn", "uvicorn")})
    assert [f.confidence for f in found] == ["possible"]


@pytest.mark.parametrize(
    ("command", "procfile", "count"),
    [("    command: python app.py\n", True, 0), ("", True, 1), ("    command: python app.py\n", False, 1)],
)
def test_image_whose_command_nobody_runs(tmp_path: Path, command: str, procfile: bool, count: int) -> None:
    files = {
        "app.py": WEB.format("pass"),
        "Dockerfile": "FROM python:3.12\nCOPY . /\nCMD gunicorn app:app; true\n",
        "docker-compose.yml": f"services:\n  web:\n    build: .\n{command}",
    }
    if procfile:
        files["Procfile"] = "web: gunicorn app:app\n"
    found = [f for f in said(tmp_path, "signal-blocked-by-shell", files) if f.confidence != "possible"]
    assert len(found) == count


LOOP = """
import asyncio
import threading

import requests
from fastapi import FastAPI

app = FastAPI()


class Checker:
    def __init__(self, urls):
        self.urls = urls
        self.loop = {loop}
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self.check(), self.loop)
        {other}

    async def check(self):
        while True:
            for url in self.urls:
                requests.get(url, timeout=5)
            await asyncio.sleep(60)

    async def answer(self):
        await asyncio.sleep(1)

    def close(self):
        asyncio.run_coroutine_threadsafe(self.answer(), self.loop).result(5)


checker = Checker(["http://a.example.com"])


@app.get("/a")
async def a():
    return checker.urls
"""


@pytest.mark.parametrize(
    ("loop", "other", "fires"),
    [
        ("asyncio.new_event_loop()", "", False),
        ("asyncio.new_event_loop()", "asyncio.run_coroutine_threadsafe(self.answer(), self.loop)", True),
        ("asyncio.get_event_loop()", "", True),
    ],
)
def test_a_loop_that_is_made_for_one_coroutine_holds_nobody_up(tmp_path: Path, loop: str, other: str, fires: bool) -> None:
    files = {"app.py": LOOP.format(loop=loop, other=other), "Procfile": "web: uvicorn app:app\n"}
    assert bool(said(tmp_path, "blocking-in-async", files)) is fires


@pytest.mark.parametrize(
    ("port", "server", "fires"),
    [
        (8003, "WSGIServer(('0.0.0.0', 8003), app).serve_forever()", True),
        (8004, "WSGIServer(('0.0.0.0', 8003), app).serve_forever()", False),  # some other program of this machine
        (8003, "app.run(host='0.0.0.0', port=8003)", True),
        (8003, "print(8003)", False),
    ],
)
def test_a_neighbour_of_the_same_repository_hangs_as_its_work_does(tmp_path: Path, port: int, server: str, fires: bool) -> None:
    asking = "import requests\n" + WEB.format(f"requests.post('http://localhost:{port}/thumbnail', json={{}})")
    head = "from flask import Flask\nfrom gevent.pywsgi import WSGIServer\napp = Flask(__name__)\n"
    served = f"{head}if __name__ == '__main__':\n    {server}\n"
    files = {"app.py": asking, "thumbs/main.py": served, "Dockerfile": IMAGE}
    assert bool([f for f in shown(tmp_path, "call-without-timeout", files) if f.path == "app.py"]) is fires


@pytest.mark.parametrize("made", ["SQLAlchemy()", "SQLAlchemy(engine_options={'connect_args': {'read_timeout': 5, 'connect_timeout': 2}})"])
def test_a_session_of_flask_sqlalchemy_is_no_matter_of_an_engine_made_elsewhere(tmp_path: Path, made: str) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/models.py": "from flask_sqlalchemy import SQLAlchemy\ndb = SQLAlchemy()\n".replace("SQLAlchemy()", made),
        "shop/upgrade.py": "from sqlalchemy import create_engine, pool\ndef run(url):\n    create_engine(url, poolclass=pool.NullPool)\n",
        "shop/web.py": "from flask import Flask\nfrom shop.models import db\nfrom shop.upgrade import run\napp = Flask(__name__)\nrun('')\n"
        "@app.get('/a')\ndef a():\n    return str(db.session.execute('SELECT 1'))\n",
        "requirements.txt": "flask-sqlalchemy==3.1.1\nsqlalchemy==2.0.30\nmysqlclient==2.2.4\n",
        "Dockerfile": 'FROM python:3.12\nCOPY . /\nCMD ["gunicorn", "shop.web:app"]\n',
    }
    serving = [f.path for f in said(tmp_path, "call-without-timeout", files) if f.phase == "serving"]
    assert serving == ([] if "engine_options" in made else ["shop/models.py"])
