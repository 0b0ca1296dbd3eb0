"""The drill on servers, workers and commands made with the field's libraries, in a right and a wrong way each.

Needs the extra `drill-tests`, and redis-server for celery and rq; what is absent is skipped and said. The verdicts
agree with what was measured of each library's behaviour on SIGTERM, without the drill.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .conftest import Outcome

SERVERS = Path(__file__).parent / "servers"
pytestmark = pytest.mark.slow
KEPT, BROKEN, OPEN = "kept", "broken", "not assessed"
SHUTDOWN = ("terminate-idle", "terminate-twice", "terminate-under-load", "terminate-during-startup")


@dataclass(frozen=True)
class Case:
    """One program: the library it needs, its command, the drill's options, and the verdict of each scenario."""

    name: str
    needs: str
    command: str
    expected: dict[str, str]
    options: tuple[str, ...] = ()
    words: str = ""
    """What the reasons and the evidence must hold together."""
    env: dict[str, str] = field(default_factory=dict)


SLOW = ("--load-path", "/slow")
ALL_KEPT = dict.fromkeys(SHUTDOWN, KEPT)
CASES = [
    Case("uvicorn", "uvicorn", "-m uvicorn asgi:app --port {port}", ALL_KEPT | {"interrupt": KEPT}, SLOW),
    Case(
        "uvicorn waits for ever",
        "uvicorn",
        "-m uvicorn asgi:app --port {port}",
        {"terminate-idle": KEPT, "terminate-under-load": BROKEN},
        ("--load-path", "/wait", "--load-clients", "2", "--grace", "2", "--deadline", "9"),
        "still running 2 s after the signal",
        {"WAIT": "4.5"},
    ),
    Case(
        "gunicorn threads",
        "gunicorn",
        "-m gunicorn wsgi:app --threads 12 -b 127.0.0.1:{port}",
        {"start": KEPT, "terminate-idle": KEPT, "terminate-twice": KEPT},
        SLOW,
    ),
    Case(
        "gunicorn cuts at its graceful timeout",
        "gunicorn",
        "-m gunicorn wsgi:app --threads 12 --graceful-timeout 1 -b 127.0.0.1:{port}",
        {"terminate-idle": KEPT, "terminate-under-load": BROKEN},
        ("--load-path", "/wait", "--load-clients", "2"),
        "was not answered",
        {"WAIT": "4"},
    ),
    Case("hypercorn", "hypercorn", "-m hypercorn asgi:app -b 127.0.0.1:{port}", ALL_KEPT | {"interrupt": KEPT}, SLOW),
    Case(
        "hypercorn cuts after its 3 seconds",
        "hypercorn",
        "-m hypercorn asgi:app -b 127.0.0.1:{port}",
        {"terminate-under-load": BROKEN},
        ("--load-path", "/wait", "--load-clients", "2"),
        "in flight",
        {"WAIT": "6"},
    ),
    Case(
        "flask under gunicorn",
        "flask",
        "-m gunicorn flask_app:app --threads 12 --graceful-timeout 4 -b 127.0.0.1:{port}",
        {"terminate-idle": KEPT, "interrupt": KEPT},
    ),
    Case(
        "flask's development server",
        "flask",
        "flask_app.py",
        {"terminate-idle": BROKEN, "terminate-under-load": BROKEN, "bad-configuration": BROKEN},
        SLOW,
        "SIGTERM is not handled",
    ),
    Case(
        "django under gunicorn",
        "django",
        "-m gunicorn django_app:application --threads 12 -b 127.0.0.1:{port}",
        {"missing-configuration": KEPT, "terminate-idle": KEPT},
        ("--required", "SECRET_KEY"),
        "configuration: SECRET_KEY is not set",
        {"SECRET_KEY": "not-so-secret"},
    ),
    Case(
        "django that exits under gunicorn",
        "django",
        "-m gunicorn django_app:application -b 127.0.0.1:{port}",
        {"missing-configuration": BROKEN},
        ("--required", "SECRET_KEY", "--config-limit", "4"),
        "neither ready nor ended",
        {"SECRET_KEY": "not-so-secret", "FAULTS": "exits"},
    ),
    Case(
        "django that asks late",
        "django",
        "-m gunicorn django_app:application -b 127.0.0.1:{port}",
        {"missing-configuration": BROKEN},
        ("--required", "SECRET_KEY"),
        "started all the same",
        {"SECRET_KEY": "not-so-secret", "FAULTS": "late"},
    ),
    Case("aiohttp", "aiohttp", "aiohttp_app.py", {"terminate-idle": KEPT, "terminate-under-load": KEPT}, SLOW),
    Case(
        "aiohttp without its runner",
        "aiohttp",
        "aiohttp_app.py",
        {"terminate-idle": BROKEN, "terminate-under-load": BROKEN},
        SLOW,
        "SIGTERM is not handled",
        {"FAULTS": "bare"},
    ),
    Case(
        "grpc",
        "grpc",
        "grpc_app.py",
        {"start": KEPT, "terminate-idle": KEPT, "terminate-under-load": KEPT},
        ("--load-command", f"{sys.executable} grpc_app.py call 3"),
    ),
    Case(
        "grpc that cuts calls",
        "grpc",
        "grpc_app.py",
        {"terminate-idle": KEPT, "terminate-under-load": BROKEN},
        ("--load-command", f"{sys.executable} grpc_app.py call 3"),
        "which was under way at SIGTERM, ended with",
        {"FAULTS": "no-grace"},
    ),
    Case("a loop", "asyncio", "loop.py", {"start": KEPT, "terminate-idle": KEPT, "terminate-twice": KEPT}),
    Case(
        "a loop that sleeps",
        "asyncio",
        "loop.py",
        {"start": KEPT, "terminate-idle": BROKEN, "terminate-twice": OPEN},
        ("--grace", "2"),
        "still running 2 s after",
        {"FAULTS": "asleep"},
    ),
    Case(
        "click",
        "click",
        "click_app.py {scratch}/out",
        {"start": KEPT, "interrupt": KEPT, "terminate-idle": OPEN},
        ("--output", "{scratch}/out"),
    ),
    Case(
        "click half-written",
        "click",
        "click_app.py --unsafe {scratch}/out",
        {"start": KEPT, "interrupt": BROKEN},
        ("--output", "{scratch}/out"),
        "half-written output",
    ),
]


def _check(case: Case, drill: Callable[..., Outcome], *more: str) -> None:
    if importlib.util.find_spec(case.needs) is None:
        pytest.skip(f"{case.needs} is not installed; pip install '.[drill-tests]'")
    options = ["--cwd", str(SERVERS), "--grace", "8", *case.options, *more]
    options += [word for name in case.expected for word in ("--scenario", name)]
    for name, value in ({"PORT": "{port}"} | case.env).items():
        options += ["--env", f"{name}={value}"]
    outcome = drill(*options, "--", sys.executable, *case.command.split())
    told = "\n\n".join(f"{name}: {outcome.told(name)}" for name in case.expected)
    assert {name: outcome.verdict(name) for name in case.expected} == case.expected, told
    assert case.words in told
    assert outcome["strays"] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_server(case: Case, drill: Callable[..., Outcome]) -> None:
    _check(case, drill)


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A redis of its own on a loopback port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed; on Debian: apt-get install redis-server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as server:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}/0"
        server.terminate()


CELERY = "-m celery -A celery_app worker --concurrency 1 --loglevel info --without-gossip --without-mingle -n drill@%h"
RQ = "-m rq.cli worker --with-scheduler"


def _jobs(program: str, log: str, job: str) -> tuple[str, ...]:
    own = f"{sys.executable} {program}"
    return (
        *("--ready-log", log, "--load-command", f"{own} put work {job}", "--load-check", f"{own} kept"),
        *("--job-command", f"{own} put poison {{token}}", "--terminal-check", f"{own} dead {{token}}"),
        *("--attempt-log", "attempt of", "--job-limit", "7"),
    )


WORKERS = [
    Case(
        "celery",
        "celery",
        CELERY,
        {"terminate-idle": KEPT, "terminate-under-load": KEPT, "failing-job": KEPT},
        _jobs("celery_app.py", "ready", "one"),
        "3 attempt(s)",
    ),
    Case(
        "celery that retries for ever",
        "celery",
        CELERY,
        {"failing-job": BROKEN},
        _jobs("celery_app.py", "ready", "one"),
        "not in its terminal state",
        {"FAULTS": "forever"},
    ),
    Case(
        "celery cut in the middle of a job it had acknowledged",
        "celery",
        CELERY,
        {"terminate-under-load": BROKEN},
        (*_jobs("celery_app.py", "ready", "one"), "--grace", "0.5"),
        "work in flight was lost",
        {"FAULTS": "early"},
    ),
    Case(
        "rq",
        "rq",
        RQ,
        {"terminate-idle": KEPT, "terminate-under-load": KEPT},
        _jobs("rq_app.py", "Listening on", "one"),
    ),
    Case(
        "rq that retries at once",
        "rq",
        RQ,
        {"failing-job": BROKEN},
        _jobs("rq_app.py", "Listening on", "one"),
        "do not grow",
    ),
]


@pytest.mark.parametrize("case", WORKERS, ids=lambda case: case.name.replace(" ", "-"))
def test_worker(case: Case, redis_url: str, drill: Callable[..., Outcome]) -> None:
    _check(case, drill, "--env", f"REDIS_URL={redis_url}")
