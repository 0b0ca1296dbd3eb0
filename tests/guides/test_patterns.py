"""Every pattern of the guides is run: started, probed, given work, sent SIGTERM in the middle of it, and looked at.

The drill runs them, as the platform would; it judges exit status, duration, structure and correlation of the logs, and
whatever is left running. What a broker is missing for (Kafka, RabbitMQ) runs against a stand-in. The audit must have
nothing to say on any of them.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from runtime_ops.discover import discover
from runtime_ops.gather import gather
from runtime_ops.judge import judge
from runtime_ops.project.build import Project
from runtime_ops.rules import api

from .conftest import drilled, free_port
from .patterns import Pattern, everything

HERE = Path(__file__).parent
PATTERNS = everything()
KEPT, OPEN = "kept", "not assessed"


@dataclass(frozen=True)
class Case:
    """How one pattern is run. ``{redis}`` in a value is the URL of an empty redis, ``{spare}`` a second free port."""

    title: str
    needs: tuple[str, ...]
    command: str
    env: dict[str, str]
    required: str
    scenarios: tuple[str, ...]
    options: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    """Files from other patterns and from our own folders: ``pattern title:file`` or a path below this folder."""


HTTP = ("--load-path", "/orders/next", "--readiness", "/readyz", "--liveness", "/livez")
CORRELATED = ("--correlation-header", "X-Request-ID")
BROKEN_ORDER = ("--error-path", "/orders/broken")
LIFE = ("missing-configuration", "terminate-under-load", "logs")
SERVICE = (*LIFE, "signals")
JOBS = ("--kind", "worker", "--metrics", "http://127.0.0.1:{spare}/metrics", "--job-limit", "12")
REDIS = {"REDIS_URL": "{redis}"}
PROBED = {"PROBE_PORT": "{spare}"}
BROKER = {"EVENTS": "{folder}/events"}


def queue(program: str, good: str, bad: str, attempt: str) -> tuple[str, ...]:
    """The drill's options for a worker whose jobs a program puts in and asks after."""
    own = f"{sys.executable} {program}"
    put = ("--load-command", f"{own} put {good} one", "--load-check", f"{own} kept")
    dead = ("--job-command", f"{own} put {bad} {{token}}", "--terminal-check", f"{own} dead {{token}}")
    return (*JOBS, *put, *dead, "--attempt-log", attempt)


CASES = [
    Case(
        "Celery", ("celery", "redis"), "-m celery --quiet -A tasks worker --concurrency 1 --loglevel INFO",
        {
            "PROMETHEUS_MULTIPROC_DIR": "{folder}", "REMAP_SIGTERM": "SIGQUIT", "SOFT_SHUTDOWN": "2",
            "PYTHONWARNINGS": "ignore",  # celery's, that it must not run as root
        } | PROBED | REDIS,
        "REDIS_URL", (*LIFE, "failing-job"),
        (*queue("put_celery.py", "slow", "away", "attempt [0-9]"), "--ready-log", "worker ready"),
        ("stand_ins/put_celery.py",),
    ),
    Case(
        "FastAPI under uvicorn", ("uvicorn", "fastapi", "redis"), "service.py", {"PORT": "{port}"} | REDIS, "REDIS_URL",
        (*SERVICE, "probe-truth"),
        (*HTTP, *CORRELATED, *BROKEN_ORDER, "--dependency", "redis={redis address}:REDIS_URL"),
    ),
    Case(
        "Flask under gunicorn", ("gunicorn", "flask", "redis"), "-m gunicorn app:app",
        {"PORT": "{port}", "PROMETHEUS_MULTIPROC_DIR": "{folder}/metrics"} | REDIS, "REDIS_URL",
        (*SERVICE, "probe-truth"),
        (*HTTP, *CORRELATED, *BROKEN_ORDER, "--dependency", "redis={redis address}:REDIS_URL"),
    ),
    Case(
        "Django under gunicorn", ("gunicorn", "django"), "-m gunicorn wsgi:application",
        {
            "PORT": "{port}", "PROMETHEUS_MULTIPROC_DIR": "{folder}/metrics", "SECRET_KEY": "not-so-secret",
            "ALLOWED_HOSTS": "*", "DATABASE_PATH": "{folder}/orders.sqlite",
        },
        "SECRET_KEY", LIFE,
        (*HTTP, *CORRELATED, "--load-path", "/orders/next?after=9"), ("Flask under gunicorn:gunicorn.conf.py",),
    ),
    Case(
        "gRPC server", ("grpc", "grpc_health", "redis"), "service.py",
        {"PORT": "{port}", "METRICS_PORT": "{spare}"} | REDIS, "REDIS_URL", LIFE,
        ("--metrics", "http://127.0.0.1:{spare}/metrics", "--load-command", f"{sys.executable} grpc_calls.py"),
        ("stand_ins/grpc_calls.py",),
    ),
    Case(
        "asyncio service", ("aiohttp", "redis"), "service.py", {"PORT": "{port}"} | REDIS, "REDIS_URL", SERVICE,
        (*HTTP, *BROKEN_ORDER),
    ),
    Case(
        "hand-written worker loop", ("redis",), "worker.py", {"HOSTNAME": "w1"} | PROBED | REDIS, "REDIS_URL",
        (*LIFE, "failing-job"),
        (*queue("put_loop.py", "slow", "flaky", "attempt [0-9]"), "--ready-log", "worker started"), ("stand_ins/put_loop.py",),
    ),
    Case(
        "RQ", ("rq", "redis"), "worker.py", PROBED | REDIS, "REDIS_URL", (*LIFE, "failing-job"),
        (*queue("put_rq.py", "slow", "away", "attempt of"), "--ready-after", "3"),
        ("stand_ins/put_rq.py",),  # after 3 s its scheduler has its handlers: one that is ended before that leaves its lock
    ),
    Case(
        "Kafka consumer", ("confluent_kafka",), "kafka_stand_in.py",
        {"KAFKA_SERVERS": "broker:9092", "TOPIC": "orders", "DEAD_TOPIC": "orders.dead"} | PROBED | BROKER,
        "KAFKA_SERVERS", ("missing-configuration", "terminate-idle", "logs"),
        ("--kind", "worker", "--ready-log", "consumer started"),
        ("stand_ins/kafka_stand_in.py", "stand_ins/work_log.py"),
    ),
    Case(
        "RabbitMQ consumer with pika", ("pika",), "pika_stand_in.py",
        {"RABBITMQ_HOST": "broker", "RABBITMQ_USER": "orders", "RABBITMQ_PASSWORD": "not-so-secret"} | PROBED | BROKER,
        "RABBITMQ_PASSWORD", ("missing-configuration", "terminate-idle", "logs"),
        ("--kind", "worker", "--ready-log", "consumer started"),
        ("stand_ins/pika_stand_in.py", "stand_ins/work_log.py"),
    ),
    Case(
        "scheduled job", ("redis",), "nightly.py", REDIS, "REDIS_URL",
        ("missing-configuration", "terminate-idle", "logs"), ("--accept-code", "75", "--ready-log", '"started"'),
    ),
    Case(
        "subprocess supervisor", ("prometheus_client",), "supervisor.py",
        {"CHILD_COMMAND": "sh -c 'sleep 600 & echo hello; wait'"} | PROBED, "CHILD_COMMAND",
        ("missing-configuration", "terminate-idle", "logs"),
        ("--kind", "worker", "--ready-log", "hello", "--metrics", "http://127.0.0.1:{spare}/metrics"),
    ),
    Case(
        "command line with click", ("click", "requests"), "export.py {scratch}/out", {"ORDERS_URL": "{orders}"}, "ORDERS_URL",
        ("start", "missing-configuration", "interrupt", "terminate-idle"), ("--output", "{scratch}/out"),
    ),
    Case(
        "JSON logs with python-json-logger", ("pythonjsonlogger", "prometheus_client"), "app.py", PROBED, "PROBE_PORT",
        ("missing-configuration", "terminate-idle", "logs"), ("--kind", "worker", "--ready-log", "job done"),
    ),
    Case(
        "JSON logs with structlog", ("structlog", "prometheus_client"), "app.py", PROBED, "PROBE_PORT",
        ("missing-configuration", "terminate-idle", "logs"), ("--kind", "worker", "--ready-log", "its record"),
    ),
    Case(
        "command line with argparse", (), "release.py --command {folder}/slow.sh one two", {}, "",
        ("start", "interrupt", "terminate-idle"), ("--kind", "cli"),
    ),
]  # fmt: skip


@dataclass
class Place:
    """Where a pattern is run, and what the placeholders stand for."""

    folder: Path
    values: dict[str, str] = field(default_factory=dict)

    def fill(self, text: str) -> str:
        for name, value in self.values.items():
            text = text.replace(f"{{{name}}}", value)
        return text


def lay_out(case: Case, folder: Path) -> None:
    """The pattern's files, with what it needs beside them."""
    PATTERNS[case.title].write(folder)
    for name in case.beside:
        title, _, file = name.rpartition(":")
        if title:
            (folder / file).write_text(PATTERNS[title].files[file], encoding="utf-8")
        else:
            shutil.copy(HERE / name, folder)
    # longer than the drill's quiet time by so much that a loaded machine sees the program at work, not at its end
    (folder / "slow.sh").write_text("#!/bin/sh\nexec sleep 4\n", encoding="utf-8")
    (folder / "slow.sh").chmod(0o755)
    with sqlite3.connect(folder / "orders.sqlite") as database:
        database.execute("CREATE TABLE orders (number TEXT, body TEXT)")


def lacking(case: Case) -> list[str]:
    return [name for name in case.needs if importlib.util.find_spec(name) is None]


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A folder with the case's pattern, and what it talks to."""
    case: Case = request.getfixturevalue("case")
    if absent := lacking(case):
        pytest.skip(f"not installed: {', '.join(absent)}; pip install '.[drill-tests]'")
    lay_out(case, tmp_path)
    values = {"folder": str(tmp_path), "spare": str(free_port())}
    if "{redis}" in case.env.values():
        port = request.getfixturevalue("redis_port")
        values |= {"redis": f"redis://127.0.0.1:{port}/0", "redis address": f"127.0.0.1:{port}"}
        prepare(port)
    if "{orders}" in case.env.values():
        values["orders"] = request.getfixturevalue("orders")
    return Place(tmp_path, values)


def prepare(port: int) -> None:
    """An order that cannot be read (of the wrong type), and accounts for the scheduled job."""
    redis = pytest.importorskip("redis")
    with redis.Redis(port=port) as store:
        store.rpush("order:broken", "a list")
        for number in range(20):
            store.rpush("accounts", f"a{number}")
            store.set(f"account:a{number}", 1)


class Orders(BaseHTTPRequestHandler):
    """A page of orders, after a while; pages 3 of /partly and all of /away fail."""

    def do_GET(self) -> None:
        time.sleep(0.5 if self.path.startswith("/?") else 0.02)
        path, _, query = self.path.partition("?")
        status = 500 if path == "/away" or (path == "/partly" and query == "page=3") else 200
        body = json.dumps([{"page": query}]).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            return  # the command was ended in the middle

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def orders() -> Any:
    """The URL of a server that gives pages of orders."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Orders) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture(params=CASES, ids=[case.title.replace(" ", "-") for case in CASES])
def case(request: pytest.FixtureRequest) -> Case:
    given: Case = request.param
    return given


@pytest.mark.slow
def test_pattern_keeps_its_promises(case: Case, place: Place) -> None:
    options = ["--grace", "8", *(place.fill(option) for option in case.options)]
    options += [word for name in case.scenarios for word in ("--scenario", name)]
    options += ["--required", case.required] if case.required else []
    for name, value in case.env.items():
        options += ["--env", f"{name}={place.fill(value)}"]
    command = [sys.executable, *(place.fill(word) for word in case.command.split())]
    if case.title == "Celery":  # it prints notices of its own on stdout; its records are on stderr
        command = ["sh", "-c", f"exec {' '.join(command)} >/dev/null"]
    report = drilled(place.folder, options, command)
    assert report["strays"] == []
    assert {scenario["name"] for scenario in report["scenarios"]} == set(case.scenarios)
    for scenario in report["scenarios"]:
        told = "\n".join([scenario["name"], scenario["reason"], *(e["note"] for e in scenario["evidence"])])
        # The drill cannot make a worker's job fail within this scenario, so its error counter cannot move.
        still = scenario["verdict"] == OPEN and scenario["reason"].startswith("did not move: errors (app_errors_total)")
        assert scenario["verdict"] == KEPT or still, told


def test_every_pattern_is_run() -> None:
    assert {case.title for case in CASES} == PATTERNS.keys()
    assert len(PATTERNS) >= 14


@pytest.mark.parametrize("title", PATTERNS)
def test_pattern_compiles(title: str) -> None:
    for name, text in PATTERNS[title].files.items():
        if name.endswith(".py"):
            compile(text, f"{title}: {name}", "exec")
            assert max(map(len, text.splitlines())) <= 120, f"{title}: {name} has a line above 120 characters"


def findings(pattern: Pattern, folder: Path) -> list[str]:
    """What the audit reports at medium or higher on a pattern in a folder of its own."""
    pattern.write(folder)
    gathered = gather(folder, discover(folder), workers=1)
    assert gathered.modules and not gathered.unparsed
    judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), list(api.load().values()))
    assert not judged.failed, judged.failed
    return [
        f"{found.path}:{found.line} {found.rule}: {found.message}"
        for found in judged.findings
        if found.severity in ("medium", "high") and found.confidence != "possible"
    ]


@pytest.mark.parametrize("title", PATTERNS)
def test_audit_has_nothing_to_say(title: str, tmp_path: Path) -> None:
    folder = tmp_path / "service"
    folder.mkdir()
    assert not findings(PATTERNS[title], folder)


def run(folder: Path, env: Mapping[str, str], *command: str, until: Callable[[str], bool]) -> tuple[int, str]:
    """Start a program, wait for something in its stderr, send SIGTERM unless it ended; its status and its stderr."""
    log = folder / "stderr"
    with (
        log.open("w") as file,
        subprocess.Popen([sys.executable, *command], cwd=folder, env={**os.environ, **env}, stderr=file) as process,
    ):
        try:
            limit = time.monotonic() + 15
            while process.poll() is None and time.monotonic() < limit and not until(log.read_text()):
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            status = process.wait(10)
        finally:
            process.kill()
    return status, log.read_text()


def consumer(title: str, program: str, folder: Path, *, refuse: bool) -> tuple[int, list[list[Any]]]:
    """Run a consumer against its stand-in; its status, and what it asked of the broker."""
    case = next(case for case in CASES if case.title == title)
    if absent := lacking(case):
        pytest.skip(f"not installed: {', '.join(absent)}")
    lay_out(case, folder)
    place = Place(folder, {"folder": str(folder), "spare": str(free_port())})
    env = {name: place.fill(value) for name, value in case.env.items()} | {"REFUSE": "1" if refuse else "0"}
    last = '"message done", "correlation_id": "orders/0/2"' if "kafka" in program else '"correlation_id": "d"'
    status, _ = run(folder, env, program, until=lambda text: last in text)
    return status, [json.loads(line) for line in (folder / "events").read_text().splitlines()]


def test_kafka_offsets_are_committed_after_the_work(tmp_path: Path) -> None:
    status, events = consumer("Kafka consumer", "kafka_stand_in.py", tmp_path, refuse=False)
    assert status == 0
    assert events[0][1]["enable.auto.commit"] is False
    expected = [
        ["poll", 0],
        ["commit", 0],
        ["poll", 1],
        ["produce", "orders.dead"],
        ["commit", 1],
        ["poll", 2],
        ["commit", 2],
    ]
    assert events[2:] == [*expected, ["close"]]


def test_kafka_message_that_could_not_be_buried_is_not_committed(tmp_path: Path) -> None:
    status, events = consumer("Kafka consumer", "kafka_stand_in.py", tmp_path, refuse=True)
    assert status == 1
    assert ["commit", 0] in events and ["commit", 1] not in events
    assert events[-1] == ["close"]


def test_rabbitmq_messages_are_retried_then_dead(tmp_path: Path) -> None:
    status, events = consumer("RabbitMQ consumer with pika", "pika_stand_in.py", tmp_path, refuse=False)
    assert status == 0
    assert ["confirm"] in events
    after = events[events.index(["confirm"]) + 1 :]
    retried = ["publish", "orders.retry", {"attempt": 2}, "5000"]
    assert after == [["ack", 1], ["nack", 2, False], retried, ["ack", 3], ["nack", 4, False], ["cancel"], ["close"]]


def test_rabbitmq_message_is_not_acknowledged_when_the_retry_is_not_confirmed(tmp_path: Path) -> None:
    status, events = consumer("RabbitMQ consumer with pika", "pika_stand_in.py", tmp_path, refuse=True)
    assert status == 1
    assert ["ack", 3] not in events and events[-1] == ["close"]


@pytest.mark.parametrize(("path", "status", "pages"), [("", 0, 10), ("partly", 3, 9), ("away", 1, None)])
def test_command_says_how_it_went(path: str, status: int, pages: int | None, tmp_path: Path, orders: str) -> None:
    case = next(case for case in CASES if case.title == "command line with click")
    if absent := lacking(case):
        pytest.skip(f"not installed: {', '.join(absent)}")
    lay_out(case, tmp_path)
    env = os.environ | {"ORDERS_URL": orders + path}
    done = subprocess.run([sys.executable, "export.py", "out"], cwd=tmp_path, env=env, timeout=20, check=False)
    assert done.returncode == status
    written = tmp_path / "out"
    assert (len(written.read_text().splitlines()) if written.exists() else None) == pages
    assert not list(tmp_path.glob(".out-*"))


@pytest.mark.slow
def test_killed_worker_loses_no_job(tmp_path: Path, redis_port: int) -> None:
    """SIGKILL in the middle of a job: the next worker of that name does it, once."""
    redis = pytest.importorskip("redis")
    case = next(case for case in CASES if case.title == "hand-written worker loop")
    lay_out(case, tmp_path)
    url = f"redis://127.0.0.1:{redis_port}/0"
    env = os.environ | {"REDIS_URL": url, "HOSTNAME": "w1", "PROBE_PORT": str(free_port())}
    with redis.Redis(port=redis_port) as store:
        store.lpush("jobs", json.dumps({"kind": "slow", "id": "one", "seconds": 0.8}))
        with subprocess.Popen(
            [sys.executable, "worker.py"], cwd=tmp_path, env=env, stderr=subprocess.DEVNULL
        ) as worker:
            limit = time.monotonic() + 15
            while not store.llen("jobs:under-way:w1") and time.monotonic() < limit:
                time.sleep(0.02)
            worker.kill()
        assert (store.llen("jobs:under-way:w1"), store.scard("invoices")) == (1, 0)
        status, log = run(tmp_path, env, "worker.py", until=lambda text: "job done" in text)
        assert status == 0 and "it goes back into the queue" in log
        assert (store.llen("jobs:under-way:w1"), store.llen("jobs"), store.smembers("invoices")) == (0, 0, {b"one"})


@pytest.mark.slow
def test_supervisor_gives_up_with_a_failure(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.title == "subprocess supervisor")
    lay_out(case, tmp_path)
    program = tmp_path / "supervisor.py"
    program.write_text(program.read_text().replace("min(30, 2 ** (deaths - 1))", "0.1"), encoding="utf-8")
    env = {"PROBE_PORT": str(free_port()), "CHILD_COMMAND": "false"}
    status, log = run(tmp_path, env, "supervisor.py", until=lambda _: False)
    assert status == 1
    assert log.count("child died") == 5 and "given up" in log


def test_stuck_worker_is_not_alive() -> None:
    """The shared probes: liveness follows the loop's beat, readiness the dependency and the stop."""
    pytest.importorskip("prometheus_client")
    text = PATTERNS["hand-written worker loop"].files["probes.py"]
    space: dict[str, Any] = {"__name__": "probes"}
    exec(compile(text, "probes.py", "exec"), space)
    failing: list[Exception] = []

    def check() -> None:
        if failing:
            raise failing[0]

    from prometheus_client import CollectorRegistry

    probes = space["Probes"](free_port(), check, 0.2, CollectorRegistry())
    probes.start()
    try:
        assert (get(probes, "/livez"), get(probes, "/readyz"), get(probes, "/x")) == (200, 200, 404)
        time.sleep(0.25)
        assert get(probes, "/livez") == 503
        probes.beat()
        failing.append(ConnectionError("away"))
        assert (get(probes, "/livez"), get(probes, "/readyz")) == (200, 503)
        failing.clear()
        probes.stopping = True
        assert get(probes, "/readyz") == 503
    finally:
        probes.server.shutdown()
        probes.server.server_close()


def get(probes: Any, path: str) -> int:
    with socket.create_connection(("127.0.0.1", probes.server.server_address[1]), 2) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        return int(connection.recv(64).split()[1])
