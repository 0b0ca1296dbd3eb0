"""Shapes of jobs, metrics and health for which the code is complete evidence, and the nearest ones that stay leads."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import said

SERVED = {"Dockerfile": 'FROM python:3.12\nCMD ["gunicorn", "app:app"]\n'}
WORKS = {"Procfile": "w: celery -A tasks worker\n"}


def certain(root: Path, rule: str, files: dict[str, str]) -> list[bool]:
    return [finding.confidence == "certain" for finding in said(root, rule, files)]


BATCH = """\
from celery import shared_task

from models import Alert, Query, notify


@shared_task
def check_alerts(number):
    query = Query.get(number)
    for alert in {items}:
        state = alert.evaluate()
        if state > 3:
            notify(alert)
"""
ALERT = """\
class Query:
    @classmethod
    def get(cls, number):
        return cls()


class Alert:
    def evaluate(self):
        rows = self.rows()
        try:
            return float({value})
        except {caught}:
            return 0


def notify(alert):
    print(alert)
"""


@pytest.mark.parametrize(
    ("items", "value", "caught", "sure"),
    [
        ("query.alerts", 'rows[0]["price"]', "ValueError", True),  # None is a TypeError
        ("query.alerts", 'rows[0]["price"]', "(ValueError, TypeError)", False),
        ("query.alerts", 'rows[0]["price"]', "Exception", False),
        ("query.alerts", "len(rows)", "ValueError", False),  # a number already
        ("alerts", 'rows[0]["price"]', "ValueError", False),  # nobody knows where they come from
    ],
)
def test_a_conversion_of_what_is_stored_for_one_item(tmp_path: Path, items: str, value: str, caught: str, sure: bool) -> None:
    files = {"tasks.py": BATCH.format(items=items), "models.py": ALERT.format(value=value, caught=caught), **WORKS}
    assert certain(tmp_path, "item-stops-batch", files) == [sure]


TICKER = """\
import logging
import threading
import time

log = logging.getLogger(__name__)


def due(watch):
    return int(watch["zone"]) > 3


def tick(watches):
    while True:
        for watch in watches:
            try:
                due(watch)
            except Exception as error:
                log.error("{text}", error)
                return
        time.sleep(9)


def main():
    threading.Thread(target=tick, args=([],)).start()
    while True:
        time.sleep(9)


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(("text", "sure"), [("check skipped: %s", True), ("stopping the ticker: %s", False)])
def test_one_item_ends_the_thread_of_all(tmp_path: Path, text: str, sure: bool) -> None:
    assert certain(tmp_path, "item-stops-batch", {"app.py": TICKER.format(text=text)}) == [sure]


WATCHED = """\
import redis
from rq import Queue

db = redis.Redis()
queue = {queue}


def run(query):
    return query


def submit(query):
    for _ in range(5):
        pipe = db.pipeline()
        try:
            pipe.watch(query)
            pipe.multi()
            job = queue.enqueue(run, query)
            pipe.set(query, job.id)
            pipe.execute()
            break
        except redis.WatchError:
            continue


if __name__ == "__main__":
    submit("a")
"""


@pytest.mark.parametrize(("queue", "sure"), [("Queue(connection=db)", True), ("make_queue(db)", False)])
def test_a_job_handed_out_inside_an_optimistic_loop(tmp_path: Path, queue: str, sure: bool) -> None:
    assert certain(tmp_path, "effect-before-failure", {"app.py": WATCHED.format(queue=queue)}) == [sure]


PAID = """\
import uuid

import pika
import requests
from flask import Flask, request

app = Flask(__name__)
channel = pika.BlockingConnection(pika.ConnectionParameters("rabbit")).channel()


def queue_order(order):
    channel.basic_publish(exchange="", routing_key="orders", body=str(order))


@app.route("/pay/<user>", methods=["{method}"])
def pay(user):
    number = {number}
    queue_order({{"order": number, "user": user}})
    try:
        requests.delete(f"http://cart/{{user}}", timeout=3)
    except requests.RequestException as error:
        return str(error), 500
    return "", 201
"""


@pytest.mark.parametrize(
    ("method", "number", "sure"),
    [("POST", "str(uuid.uuid4())", True), ("PUT", "str(uuid.uuid4())", False), ("POST", "request.args['order']", False)],
)
def test_an_order_that_a_second_try_places_anew(tmp_path: Path, method: str, number: str, sure: bool) -> None:
    files = {"app.py": PAID.format(method=method, number=number), **SERVED}
    assert certain(tmp_path, "effect-before-failure", files) == [sure]


FIELDS = """\
import requests
from flask import Flask, request

app = Flask(__name__)


def count(items):
    number = 0
    for item in items:
        number += item.get("quantity")
    return number


@app.post("/pay")
def pay():
    cart = request.get_json()
    {check}
    requests.post("{url}", json=cart["total"], timeout=3).raise_for_status()
    return str(count(cart.get("items", [])))
"""


@pytest.mark.parametrize(
    ("url", "check", "sure"),
    [
        ("http://payment/v1", "total = 3", True),
        ("http://payment/v1", "validate(cart)", False),
        ("http://gateway/v1", "total = 3", False),  # of an API, perhaps
    ],
)
def test_a_field_reckoned_with_after_the_payment(tmp_path: Path, url: str, check: str, sure: bool) -> None:
    files = {"app.py": FIELDS.format(url=url, check=check), **SERVED}
    assert certain(tmp_path, "effect-before-failure", files) == [sure]


MODES = """\
import os
import queue
import threading

mails = queue.Queue()
{flag} = os.environ.get("MODE") == "1"


class Checker:
    def __init__(self, target):
        self.target = target

    def run(self):
        {put}


def check(target):
    Checker(target).run()


def send_mails():
    while True:
        print(mails.get())


def main():
    check(mails)
    if {test}:
        threading.Thread(target=send_mails).start()


if __name__ == "__main__":
    main()
"""


@pytest.mark.parametrize(
    ("flag", "test", "put", "sure"),
    [
        ("batch", "not batch", "self.target.put(1)", True),
        ("batch", "not batch", "print(self.target.qsize())", False),  # it is not seen that anything is put there
        ("mail", "mail", "self.target.put(1)", False),  # a feature that is off may be off on the other side too
    ],
)
def test_a_mode_that_fills_a_queue_without_its_reader(tmp_path: Path, flag: str, test: str, put: str, sure: bool) -> None:
    assert certain(tmp_path, "unconsumed-queue", {"app.py": MODES.format(flag=flag, test=test, put=put)}) == [sure]


SENT = """\
from celery import Celery

app = Celery("tasks", broker="redis://broker/0")


@app.task{option}
def build_report(number):
    print(number)


@app.task
def plan():
    {send}
"""


@pytest.mark.parametrize(
    ("option", "send", "sure"),
    [("", "build_report.apply_async((1,), queue='reports')", True), ("(queue='reports')", "print(1)", False)],
)
def test_a_call_that_sends_where_no_worker_takes(tmp_path: Path, option: str, send: str, sure: bool) -> None:
    compose = "services:\n  worker:\n    build: .\n    command: celery -A tasks worker -Q mail,celery\n"
    tasks = SENT.format(option=option, send=send)
    files = {"tasks.py": tasks, "Dockerfile": "FROM python:3.12\nCOPY tasks.py .\n", "compose.yaml": compose}
    assert certain(tmp_path, "unconsumed-queue", files) == [sure]


NAMED_IN_PARTS = """\
from celery import Celery

app = Celery("tasks", broker="redis://broker/0")


@app.task
def render(number):
    print(number)


@app.task
def plan(number, urgent, large):
    if urgent:
        queue = "urgent"
        if large:
            queue += "_large"
        {other}
    else:
        queue = "mail"
    render.apply_async((number,), queue=queue)
"""


@pytest.mark.parametrize(
    ("other", "queues", "missing"),
    [
        ("else:\n            queue += '_small'", "mail,urgent_large,urgent_small", []),
        ("else:\n            queue += '_small'", "mail,urgent_large", ["urgent_small"]),
        ("", "mail,urgent,urgent_large", []),
        ("", "mail,urgent_large", ["urgent"]),
        ("queue += str(number)", "mail", []),  # a part that nothing tells
        ("queue += '_slow'", "mail", []),  # one after the other: how they join is not followed
    ],
)
def test_the_name_of_a_queue_made_in_parts(tmp_path: Path, other: str, queues: str, missing: list[str]) -> None:
    compose = f"services:\n  worker:\n    build: .\n    command: celery -A tasks worker -Q {queues}\n"
    tasks = NAMED_IN_PARTS.replace("{other}", other)
    files = {"tasks.py": tasks, "Dockerfile": "FROM python:3.12\nCOPY tasks.py .\n", "compose.yaml": compose}
    assert [finding.anchor for finding in said(tmp_path, "unconsumed-queue", files)] == missing


PUBLISHED = """\
import pika
from flask import Flask

app = Flask(__name__)
channel = pika.BlockingConnection(pika.ConnectionParameters("rabbit")).channel()


@app.post("/orders")
def order():
    channel.basic_publish(exchange="", routing_key="orders", body=b"x"{more})
    return ""
"""


@pytest.mark.parametrize(
    ("more", "sure"),
    [
        ("", True),
        (", properties=pika.BasicProperties(delivery_mode=2)", False),
        (", properties=pika.BasicProperties(correlation_id='a')", False),  # who waits for the answer learns of it
    ],
)
def test_a_message_that_nothing_keeps(tmp_path: Path, more: str, sure: bool) -> None:
    assert certain(tmp_path, "unconfirmed-publish", {"app.py": PUBLISHED.format(more=more), **SERVED}) == [sure]


POSTED = """\
import logging

import requests
from celery import shared_task

log = logging.getLogger(__name__)


@shared_task
def {name}(order):
    {work}
"""
POST = "requests.post({!r}, json=order, timeout=3)"
TRIED = "try:\n        {}\n    except requests.RequestException:\n        {}"


@pytest.mark.parametrize(
    ("name", "work", "told"),
    [
        ("book", TRIED.format(POST.format("http://h/a"), "raise ValueError(order)"), [("certain", "medium")]),
        ("book", TRIED.format(POST.format("http://h/a"), "log.exception('not booked')"), [("certain", "low")]),
        ("book", TRIED.format(POST.format("http://h/a"), "pass"), [("likely", "medium")]),
        ("book", POST.format("http://h/a"), [("likely", "medium")]),  # it may be best effort
        ("send_order", POST.format("http://h/a"), [("certain", "medium")]),
        ("send_order", POST.format("http://h/metrics"), [("likely", "medium")]),
        ("send_order", "requests.post('http://h/a', timeout=3)", [("likely", "medium")]),  # nothing is handed over
    ],
)
def test_a_delivery_that_the_code_minds(tmp_path: Path, name: str, work: str, told: list[tuple[str, str]]) -> None:
    files = {"tasks.py": POSTED.format(name=name, work=work), **WORKS}
    assert [(f.confidence, f.severity) for f in said(tmp_path, "ignored-outcome", files)] == told


WRITTEN = """\
import json
import os

from celery import shared_task


@shared_task
def save(state):
    fd = os.open("/data/.new", os.O_WRONLY)
    data = {data}
    os.write(fd, data)
    os.replace("/data/.new", "/data/all.json")
"""


@pytest.mark.parametrize(("data", "sure"), [("json.dumps(state, indent=2).encode()", True), ("render(state)", False)])
def test_a_short_write_of_what_nothing_makes_again(tmp_path: Path, data: str, sure: bool) -> None:
    assert certain(tmp_path, "ignored-outcome", {"tasks.py": WRITTEN.format(data=data), **WORKS}) == [sure]


WAITED = """\
import time

from flask import Flask
from rq import Queue

app = Flask(__name__)
queue = Queue()


@app.post("/test")
def test():
    job = queue.enqueue(print, 1)
    while not ({done} or {failed}):
        time.sleep(1)
    return "no" if isinstance(job.result, Exception) else "yes"
"""


@pytest.mark.parametrize(("done", "failed", "sure"), [("job.is_finished", "job.is_failed", True), ("job.ready()", "job.failed()", False)])
def test_a_job_that_failed_has_no_result(tmp_path: Path, done: str, failed: str, sure: bool) -> None:
    files = {"app.py": WAITED.format(done=done, failed=failed), **SERVED}
    assert certain(tmp_path, "ignored-outcome", files) == [sure]


COUNTED = """\
import time

from statsd import StatsClient

client = StatsClient("localhost", 8125)


def work():
    print(1)


def main():
    while True:
        {turn}
        time.sleep(9)


if __name__ == "__main__":
    main()
"""
PAIR = "client.incr('running')\n        try:\n            work()\n        finally:\n            client.decr('running')"


@pytest.mark.parametrize(("turn", "sure"), [(PAIR, True), ("client.incr('joined')\n        work()\n        client.decr('joined')", False)])
def test_the_number_in_hand_kept_in_a_counter(tmp_path: Path, turn: str, sure: bool) -> None:
    assert certain(tmp_path, "counter-as-gauge", {"worker.py": COUNTED.format(turn=turn)}) == [sure]


STORE = """\
import psycopg2
from flask import Flask
from flask_login import login_required

app = Flask(__name__)


@app.get("{path}")
def up():
    return "ok"


@app.get("/orders")
def orders():
    return str(psycopg2.connect("dbname=shop"))


@app.get("/prices")
def prices():
    return {prices}


@app.get("/status")
{login}
def status():
    return str(psycopg2.connect("dbname=shop"))
"""
ASKS = 'str(psycopg2.connect("dbname=shop"))'


@pytest.mark.parametrize(
    ("path", "prices", "login", "told"),
    [
        ("/ready", ASKS, "", [("certain", "low")]),
        ("/ready", '"3"', "", [("likely", "medium")]),  # a part is served without it
        ("/health", ASKS, "@login_required", [("certain", "low")]),  # the route that asks is not for a probe
    ],
)
def test_readiness_while_each_request_needs_the_store(
    tmp_path: Path, path: str, prices: str, login: str, told: list[tuple[str, str]]
) -> None:
    files = {"app.py": STORE.format(path=path, prices=prices, login=login or "@app.get('/state')"), **SERVED}
    assert [(f.confidence, f.severity) for f in said(tmp_path, "lying-readiness", files)] == told


REPEATED = """\
import requests
from flask import Flask
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

app = Flask(__name__)


@app.post("/fetch")
def fetch(method="GET", body=""):
    session = requests.Session()
    session.mount("https://", HTTPAdapter(max_retries=Retry(total=3, allowed_methods=["GET", "POST"])))
    return session.{call}.text
"""


@pytest.mark.parametrize(
    ("call", "sure"),
    [("request(method=method, url='https://h', data=body, timeout=3)", True), ("post('https://h/reload', json={}, timeout=3)", False)],
)
def test_requests_of_others_that_are_repeated(tmp_path: Path, call: str, sure: bool) -> None:
    assert certain(tmp_path, "unsafe-retry", {"app.py": REPEATED.format(call=call), **SERVED}) == [sure]


APP = "from flask import Flask\n\napp = Flask(__name__)\n"
CURL = "curl http://localhost:8000/health"


@pytest.mark.parametrize(("place", "told"), [("image", [("likely", "medium")]), ("compose", [("certain", "medium")])])
def test_who_asks_a_lenient_check(tmp_path: Path, place: str, told: list[tuple[str, str]]) -> None:
    check = f"HEALTHCHECK CMD {CURL}\n" if place == "image" else ""
    files = {"app.py": APP, "Dockerfile": f'FROM python:3.12\n{check}CMD ["gunicorn", "app:app"]\n'}
    if place == "compose":
        files["compose.yaml"] = f"services:\n  web:\n    build: .\n    healthcheck:\n      test: {CURL}\n"
    assert [(f.confidence, f.severity) for f in said(tmp_path, "healthcheck-cannot-fail", files)] == told


GRPC = """\
from concurrent import futures

import grpc

if __name__ == "__main__":
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=10))
    server.add_insecure_port("[::]:8080")
    server.start()
    server.wait_for_termination()
"""
PROBED = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: orders}}
spec:
  template:
    spec:
      containers:
        - name: server
          image: orders
          command: ["python", "server.py"]
          ports: [{{containerPort: 8080}}]
          livenessProbe:
            {probe}
"""


@pytest.mark.parametrize(("probe", "told"), [("tcpSocket: {port: 8080}", [True]), ("grpc: {port: 8080}", [])])
def test_a_port_that_the_kernel_answers_for(tmp_path: Path, probe: str, told: list[bool]) -> None:
    files = {"server.py": GRPC, "k8s/orders.yaml": PROBED.format(probe=probe)}
    assert certain(tmp_path, "healthcheck-cannot-fail", files) == told


TRACED = """\
import time
from concurrent import futures

import grpc
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import {processor}

{setup}

if __name__ == "__main__":
    provider = TracerProvider()
    provider.add_span_processor({processor}(print))
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=10))
    server.start()
    server.wait_for_termination()
"""


@pytest.mark.parametrize(
    ("processor", "setup", "told"),
    [
        ("BatchSpanProcessor", "", [("certain", "low")]),
        ("BatchSpanProcessor", "import signal\n\nsignal.signal(signal.SIGTERM, lambda *_: exit(0))", []),
    ],
)
def test_spans_of_a_program_that_a_signal_ends(tmp_path: Path, processor: str, setup: str, told: list[tuple[str, str]]) -> None:
    files = {"server.py": TRACED.format(processor=processor, setup=setup), "Dockerfile": 'FROM python:3.12\nCMD ["python", "server.py"]\n'}
    assert [(f.confidence, f.severity) for f in said(tmp_path, "unflushed-telemetry", files)] == told


MARKED = """\
from celery import shared_task

from models import Record


def notify(record):
    print(record)


@shared_task
def mail():
    for record in Record.all():
        if record.old:
            record.status = "stale"
            record.save()
            {then}
        notify(record)
"""


@pytest.mark.parametrize(("then", "count"), [("print(record)", 1), ("continue", 0)])
def test_a_mark_on_a_way_that_does_no_work(tmp_path: Path, then: str, count: int) -> None:
    files = {"tasks.py": MARKED.format(then=then), **WORKS}
    assert len(said(tmp_path, "ack-before-work", files)) == count


@pytest.mark.parametrize(("state", "sure"), [("'notified'", True), ("DONE", True), ("'private'", False), ("HIDDEN", False)])
def test_a_state_that_is_none_of_work_that_is_done(tmp_path: Path, state: str, sure: bool) -> None:
    source = MARKED.replace('"stale"', state).format(then="print(record)")
    found = said(tmp_path, "ack-before-work", {"tasks.py": source, **WORKS})
    assert [f.confidence == "certain" for f in found] == [sure]
