"""Helpers of the guides' tests: a redis of its own, free ports, and the drill run as a user would."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DRILL = Path(__file__).resolve().parents[2] / "scripts" / "drill.py"


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def redis_port(tmp_path: Path) -> Iterator[int]:
    """The port of an empty redis on loopback, ended after the test."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed; on Debian: apt-get install redis-server")
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as server:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield port
        server.terminate()


def drilled(folder: Path, options: list[str], command: list[str]) -> dict[str, Any]:
    """The drill's JSON report on a command run in a folder. Fails when there is none."""
    done = subprocess.run(
        [sys.executable, str(DRILL), "--format", "json", "--quiet", "--cwd", str(folder), *options, "--", *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, f"no report (exit code {done.returncode}): {done.stderr}"
    report: dict[str, Any] = json.loads(done.stdout)
    return report
