"""Helpers of the drill's tests: run the entry script as a user would, and a dependency to connect to."""

from __future__ import annotations

import json
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "drill.py"
PROGRAMS = Path(__file__).parent / "programs"
Drill = Callable[..., dict[str, Any]]


class Outcome(dict[str, Any]):
    """The drill's JSON report, with its exit code and its stderr, and verdicts by scenario name."""

    code: int
    stderr: str

    def verdict(self, name: str) -> str:
        return str(self.scenario(name)["verdict"])

    def scenario(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(s for s in self["scenarios"] if s["name"] == name)
        return found

    def told(self, name: str) -> str:
        """All that a scenario says, for looking for words in it and for messages of failed tests."""
        scenario = self.scenario(name)
        return "\n".join([scenario["verdict"], scenario["reason"], *(e["note"] for e in scenario["evidence"])])


def run_drill(*arguments: str, timeout: float = 120, **more: Any) -> Outcome:
    """Run `drill.py --format json` and read its report. Fails when it gave none."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--format", "json", *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        **more,
    )
    assert done.stdout, f"no report (exit code {done.returncode}): {done.stderr}"
    outcome = Outcome(json.loads(done.stdout))
    outcome.code, outcome.stderr = done.returncode, done.stderr
    return outcome


@pytest.fixture(name="drill")
def _drill() -> Callable[..., Outcome]:
    return run_drill


class _Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        try:
            for _ in self.rfile:
                self.wfile.write(b"pong\n")
        except OSError:
            pass


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64  # with the default of 5 a burst of connections waits a second for the kernel


@pytest.fixture(scope="session")
def dependency() -> Iterator[str]:
    """`host:port` of a server that answers each line."""
    with _Server(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        host, port = server.server_address[:2]
        yield f"{host!s}:{port}"
        server.shutdown()


@pytest.fixture
def service(dependency: str) -> Callable[..., list[str]]:
    """The arguments that drill our own service with given faults and scenarios."""

    def arguments(faults: str, *scenarios: str, extra: tuple[str, ...] = ()) -> list[str]:
        given = {"PORT": "{port}", "DB": dependency, "LIMIT": "9", "API_TOKEN": "hunter2-hunter2"}
        found = [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
        found += [word for name in scenarios for word in ("--scenario", name)]
        found += ["--required", "DB", "--required", "API_TOKEN", "--dependency", f"db={dependency}:DB"]
        found += ["--readiness", "/readyz", "--liveness", "/livez", "--load-path", "/work", "--error-path", "/fail"]
        found += ["--correlation-header", "X-Request-ID", "--grace", "4", "--probe-limit", "3", "--deadline", "3"]
        found += ["--config-limit", "3"]
        return [*found, "--env", f"FAULTS={faults}", *extra, "--", sys.executable, str(PROGRAMS / "service.py")]

    return arguments
