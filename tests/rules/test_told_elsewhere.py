"""What is no finding, since something else tells of it, bounds it, or never runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said, shown

DOCKERFILE = 'FROM python:3.12\nWORKDIR /app\nCOPY . /app\nCMD ["python", "main.py"]\n'
FLOW = """\
import time

from prefect import flow

import parts


@flow({options})
def load():
    parts.take()


if __name__ == "__main__":
    while True:
        load()
        time.sleep(60)
"""
PARTS = "def take():\n    try:\n        open('/data/in').read()\n    except OSError as error:\n        print(error)\n"


@pytest.mark.parametrize(("options", "count"), [("log_prints=True", 0), ("name='load'", 1)])
def test_a_flow_takes_the_prints_of_its_helpers(tmp_path: Path, options: str, count: int) -> None:
    files = {"main.py": FLOW.format(options=options), "parts.py": PARTS, "Dockerfile": DOCKERFILE}
    assert len(said(tmp_path, "print-in-service", files)) == count


CONSUMER = """\
import logging

from confluent_kafka import Consumer

log = logging.getLogger(__name__)


def handle(message):
    open("/data/out", "a").write(message.value())


def main():
    consumer = Consumer({{"bootstrap.servers": "kafka"}})
    try:
        while True:
            message = consumer.poll(timeout=1.0)
            try:
                handle(message)
            except Exception:
                log.exception("not handled")
{more}    except Exception:
        log.exception("gave up")


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(("more", "sure"), [("", False), ("            consumer.commit()\n", True)])
def test_an_inner_arm_takes_what_the_outer_one_never_sees(tmp_path: Path, more: str, sure: bool) -> None:
    files = {"main.py": CONSUMER.format(more=more), "Dockerfile": DOCKERFILE}
    assert [f.confidence == "certain" for f in said(tmp_path, "success-after-failure", files)] == [sure]


TTL = """\
import logging
import os

from flask import Flask

app = Flask(__name__)
TTL = os.getenv("CACHE_TTL", 100)


def keep(key):
    return int(TTL) + len(key)


def known(key):
    try:
        return keep(key) > 0
    except Exception:
        logging.exception("no cache")
        {answer}


@app.get("/<key>")
def show(key):
    return {{"known": known(key)}}
"""


@pytest.mark.parametrize(("answer", "told"), [("return False", False), ("raise", True)])
def test_a_bad_value_that_a_caller_survives(tmp_path: Path, answer: str, told: bool) -> None:
    files = {"app.py": TTL.format(answer=answer), "Procfile": "web: gunicorn app:app\n"}
    assert bool(said(tmp_path, "unvalidated-config", files)) is told


POLL = """\
import time

import requests
from flask import Flask
{imports}
app = Flask(__name__)


def ready(name):
    while True:
        answer = requests.get("http://peer/" + name, timeout=3)
        if answer.ok:
            return answer.text
        time.sleep(1)


@app.get("/<name>")
def show(name):
    return {call}
"""


@pytest.mark.parametrize(
    ("imports", "call", "count"),
    [
        ("", "ready(name)", 1),
        ("from func_timeout import func_timeout", "func_timeout(30, ready, (name,))", 0),
    ],
)
def test_a_function_that_is_run_with_a_time_limit(tmp_path: Path, imports: str, call: str, count: int) -> None:
    files = {"app.py": POLL.format(imports=imports, call=call), "Procfile": "web: gunicorn -k gevent app:app\n"}
    assert len(said(tmp_path, "unbounded-poll", files)) == count


ADAPTED = """\
import bottle


class Own(bottle.ServerAdapter):
    def run(self, handler):
        import waitress
        waitress.serve(handler, host=self.host, port=self.port)


app = bottle.Bottle()


@app.get("/")
def show():
    return "fine"


if __name__ == "__main__":
    bottle.run(app, host="0.0.0.0", port=80{server})
"""


@pytest.mark.parametrize(("server", "told"), [("", True), (", server=Own", False)])
def test_bottle_serves_by_the_server_that_it_is_given(tmp_path: Path, server: str, told: bool) -> None:
    files = {"main.py": ADAPTED.format(server=server), "Dockerfile": DOCKERFILE}
    assert bool(said(tmp_path, "dev-server", files)) is told


def test_an_attic_is_no_runtime_surface(tmp_path: Path) -> None:
    text = "import logging\n\nlogging.info('deleted', 3)\n\nif __name__ == '__main__':\n    logging.info('gone $s', 3)\n"
    assert said(tmp_path, "broken-log-format", {"tool.py": text})
    assert not said(tmp_path / "second", "broken-log-format", {"attic/tool.py": text})


SHOP = """\
import logging

from flask import Flask

app = Flask(__name__)


@app.get("/<name>")
def show(name):
    logging.error("no {name}")
    return {}
"""


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"Procfile": "web: gunicorn shop:app\n"}, ("shop.py::app",)),
        ({}, ("run.py",)),
    ],
)
def test_a_runner_for_the_desk_is_not_named(tmp_path: Path, files: dict[str, str], named: tuple[str, ...]) -> None:
    run = "from shop import app\n\nif __name__ == '__main__':\n    app.run()\n"
    (finding,) = said(tmp_path, "unfilled-text", {"shop.py": SHOP, "run.py": run, **files})
    assert finding.entrypoints == named


SWITCH = """\
import logging

from flask import Flask

app = Flask(__name__)


def news(name, fetch=False):
    if fetch:
        logging.error("no {name}")
    return name


@app.get("/<name>")
def show(name):
    return {"news": news(name{given})}
"""


@pytest.mark.parametrize(
    ("given", "more", "count"),
    [
        ("", "", 0),
        (", fetch=False", "", 0),
        (", fetch=True", "", 1),
        (", fetch=len(name) > 3", "", 1),
        ("", "\n\n@app.get('/all')\ndef every():\n    return news('all', True)\n", 1),
        ("", "\n\napp.add_url_rule('/n/<name>', view_func=news)\n", 1),
    ],
)
def test_a_switch_that_nobody_turns_on(tmp_path: Path, given: str, more: str, count: int) -> None:
    text = SWITCH.replace("{given}", given) + more
    assert len(said(tmp_path, "unfilled-text", {"app.py": text, "Procfile": "web: gunicorn app:app\n"})) == count


def test_what_a_task_of_celery_prints_is_a_record_of_its_worker(tmp_path: Path) -> None:
    task = (
        "from celery import shared_task\n\n\n@shared_task\ndef merge(path):\n    try:\n        return open(path).read()\n"
        "    except OSError as error:\n        print(f'cannot read: {error}')\n"
    )
    assert not said(tmp_path, "print-in-service", {"tasks.py": task})


def test_the_prints_of_a_program_are_one_finding(tmp_path: Path) -> None:
    arm = "def {name}(path):\n    try:\n        return open(path).read()\n    except OSError as error:\n        print(f'no: {{error}}')\n"
    files = {f"{name}.py": arm.format(name=name) for name in ("a", "b", "c")}
    files["app.py"] = (
        "from flask import Flask\n\nfrom a import a\nfrom b import b\nfrom c import c\n\napp = Flask(__name__)\n\n\n@app.get('/')\n"
        "def index():\n    return str(a('x')) + str(b('y')) + str(c('z'))\n"
    )
    files["Procfile"] = "web: gunicorn app:app\n"
    (finding,) = shown(tmp_path, "print-in-service", files)
    assert finding.count == 3 and len(finding.also) == 2


@pytest.mark.parametrize(("value", "count"), [("'ORDERS_URL'", 0), ("os.environ['ORDERS_URL']", 1)])
def test_a_constant_that_is_its_own_name(tmp_path: Path, value: str, count: int) -> None:
    text = f"import os\n\nORDERS_URL = {value}\n\nif not ORDERS_URL:\n    raise SystemExit('{{ORDERS_URL}} is not set')\n"
    assert len(said(tmp_path, "unfilled-text", {"run.py": text, "Procfile": "worker: python run.py\n"})) == count
