"""Nothing is left of what the drill started, however the drill, its supervisor or both end."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runtime_ops.drill import drill, namespace, processes
from runtime_ops.drill.capture import CAP, Capture
from runtime_ops.drill.launcher import Launched, Launcher, NoNamespace
from runtime_ops.drill.options import Options

from .conftest import PROGRAMS, SCRIPT, run_drill

KILLS = int(os.environ.get("DRILL_KILLS", "4"))
"""Random moments at which the drill is killed; the figure that is published is made with 50."""
GONE = 5.0
"""Seconds within which nothing may be left."""

# A tree that tries to get away: a child in a session of its own with another environment, and one that ignores signals.
FUGITIVE = """
import os, signal, subprocess, sys, time
subprocess.Popen(["env", "-i", "/usr/bin/setsid", "sleep", "987"])
subprocess.Popen([sys.executable, "-c", "import signal, time\\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\\ntime.sleep(987)"])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        os.execv("/bin/sleep", ["sleep", "987"])
    os._exit(0)
signal.signal(signal.SIGTERM, lambda *_: None)
print("away", flush=True)
time.sleep(987)
"""


def _start(tmp_path: Path, *options: str) -> subprocess.Popen[bytes]:
    program = tmp_path / "fugitive.py"
    program.write_text(FUGITIVE)
    marker = {"env": os.environ | {"DRILL_TEST": tmp_path.name}, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [
        sys.executable,
        str(SCRIPT),
        "--grace",
        "1",
        "--ready-log",
        "away",
        *options,
        "--",
        sys.executable,
        str(program),
    ]
    return subprocess.Popen(command, start_new_session=True, **marker)  # type: ignore[call-overload, no-any-return]


def _remains(pid: int, known: set[int]) -> dict[int, str]:
    """What is alive of a drill: below it, and whatever was once seen below it."""
    everything = processes.table()
    below = [p for p in processes.descendants(pid, everything) if p.alive]
    known |= {p.pid for p in below}
    alive = [p for p in everything.values() if p.alive and p.pid in known]
    return {p.pid: processes.command_line(p.pid) for p in alive}


def _watch(process: subprocess.Popen[bytes]) -> set[int]:
    """Wait until the whole tree has been seen: the supervisor, the program and those that flee from it."""
    known: set[int] = set()
    until = time.monotonic() + 20
    while len(known) < 5 and time.monotonic() < until:
        _remains(process.pid, known)
        time.sleep(0.02)
    return known


def _wait_gone(pid: int, known: set[int]) -> dict[int, str]:
    until = time.monotonic() + GONE
    while (left := _remains(pid, known)) and time.monotonic() < until:
        time.sleep(0.05)
    return left


@pytest.mark.parametrize("number", range(KILLS))
def test_killed_at_a_random_moment_it_leaves_nothing(number: int, tmp_path: Path) -> None:
    process = _start(tmp_path)
    known: set[int] = set()
    while not known and process.poll() is None:
        _remains(process.pid, known)
    until = time.monotonic() + random.Random(number).uniform(0, 4)
    while time.monotonic() < until:
        _remains(process.pid, known)
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not _wait_gone(process.pid, known)
    assert known, "nothing was ever started, so nothing was tested"


def test_killed_with_its_whole_group_it_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    process = _start(tmp_path)
    known = _watch(process)
    assert list(temporary.iterdir())
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not _wait_gone(process.pid, known)
    assert len(known) >= 4
    assert not list(temporary.iterdir())


def test_as_process_1_only_a_handler_makes_it_end(drill_program: list[str]) -> None:
    outcome = run_drill("--pid1", "--scenario", "terminate-idle", "--grace", "2", *drill_program)
    if outcome.verdict("terminate-idle") == "not assessed":
        assert "cannot be run as process 1 here" in outcome.told("terminate-idle")
        assert outcome.code == 3
        pytest.skip(outcome.told("terminate-idle"))
    assert outcome.verdict("terminate-idle") == "kept", outcome.told("terminate-idle")
    deaf = run_drill(
        "--pid1", "--env", "FAULTS=no-handler", "--scenario", "terminate-idle", "--grace", "2", *drill_program
    )
    assert deaf.verdict("terminate-idle") == "broken"
    assert "as process 1 the kernel then drops it" in deaf.told("terminate-idle")


def test_where_no_namespace_can_be_made_process_1_is_not_assessed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Launched:
        raise NoNamespace(f"{namespace.NAMESPACE}unshare: Operation not permitted")

    monkeypatch.setattr(Launcher, "start", refuse)
    report = drill.run(replace(Options(), command=["true"], scenario=["start"], cwd="/", pid1=True))
    assert report.results[0].verdict == "not assessed"
    assert "Operation not permitted" in report.results[0].reason
    assert report.exit_code == 3


@pytest.fixture
def drill_program() -> list[str]:
    """Options and command of our own service, without its dependency."""
    given = {"PORT": "{port}", "DB": "127.0.0.1:1", "LIMIT": "9", "API_TOKEN": "tokentoken"}
    options = [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
    return [*options, "--", sys.executable, str(PROGRAMS / "service.py")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_interrupted_it_leaves_nothing_and_says_that_it_is_incomplete(number: int, tmp_path: Path) -> None:
    # one scenario that lasts longer than the watch may take: else a loaded machine has it judged before the signal comes
    process = _start(tmp_path, "--format", "json", "--scenario", "terminate-idle", "--grace", "60")
    known = _watch(process)
    process.send_signal(number)
    out, _ = process.communicate(timeout=10)
    assert not _wait_gone(process.pid, known)
    assert process.returncode == 3
    assert b'"complete": false' in out


def test_signals_at_any_moment_raise_nothing_and_are_given_back() -> None:
    # An exception out of a handler comes out of a Condition's wait as a RuntimeError where it meets the wrong step of it.
    def own(*_: object) -> None:
        """The storm may outlast the drill by a moment."""

    first = signal.signal(signal.SIGHUP, own)
    over = threading.Event()

    def storm() -> None:
        while not over.wait(0.001):
            os.kill(os.getpid(), signal.SIGHUP)

    thread = threading.Thread(target=storm)
    options = replace(Options(), command=["sleep", "60"], scenario=["start"], cwd="/", ready_after=30.0)
    try:
        report = drill.run(options, lambda *_: thread.start())
    finally:
        over.set()
        thread.join()
        after = signal.signal(signal.SIGHUP, first)
    assert not report.complete
    assert report.exit_code == 3
    assert report.seconds < 10
    assert after is own


def test_a_signal_before_there_is_a_supervisor_ends_the_drill_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late(Launcher):
        def __init__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            super().__init__()

    monkeypatch.setattr(drill, "Launcher", Late)
    report = drill.run(replace(Options(), command=["sleep", "60"], scenario=["start"], cwd="/", ready_after=30.0))
    assert (report.complete, report.exit_code) == (False, 3)


def test_a_supervisor_that_ends_before_the_first_run_takes_its_folder_along(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Launcher):
        def __init__(self) -> None:
            super().__init__()
            self.interrupt()
            shutil.rmtree(self.folder)

    monkeypatch.setattr(drill, "Launcher", Gone)
    report = drill.run(replace(Options(), command=["sleep", "60"], scenario=["start"], cwd="/", ready_after=30.0))
    assert (report.complete, report.exit_code) == (False, 3)


def test_when_the_supervisor_is_killed_the_drill_ends_what_it_had_started(tmp_path: Path) -> None:
    process = _start(tmp_path, "--format", "json")
    known = _watch(process)
    supervisor = next(p.pid for p in processes.table().values() if p.parent == process.pid)
    os.kill(supervisor, signal.SIGKILL)
    out, _ = process.communicate(timeout=20)
    assert not _wait_gone(process.pid, known)
    assert process.returncode == 3
    assert b'"complete": false' in out


def test_an_orphan_is_found_although_it_left_its_session_and_cleared_its_environment(tmp_path: Path) -> None:
    program = tmp_path / "fugitive.py"
    program.write_text(FUGITIVE.replace("lambda *_: None", "lambda *_: os._exit(0)"))
    outcome = run_drill("--scenario", "terminate-idle", "--ready-log", "away", "--", sys.executable, str(program))
    assert outcome.verdict("terminate-idle") == "broken"
    assert "3 process(es) left running" in outcome.scenario("terminate-idle")["reason"]
    assert outcome["strays"] == []


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    with Launcher() as made:
        yield made


def test_a_flood_of_output_neither_blocks_the_program_nor_is_kept_whole(launcher: Launcher) -> None:
    stdout, out = os.pipe()
    stderr, err = os.pipe()
    code = "import sys\nfor n in range(300_000): sys.stdout.write(f'{n:099}\\n')\nsys.stderr.write('x' * 20_000_000)"
    capture = Capture(stdout, stderr)
    program = launcher.start([sys.executable, "-c", code], dict(os.environ), "/", out, err)
    assert program.ended.wait(60)
    capture.settle(5)
    lines = capture.lines()
    assert program.exit_status == 0
    assert sum(len(line.text) + 1 for line in lines) <= CAP
    assert lines[0].text == f"{0:099}"
    assert capture.dropped > 0
    assert lines[-1].stream == "stderr"


def test_secrets_of_the_drills_own_environment_are_not_passed_on(tmp_path: Path) -> None:
    code = "import os; print(sorted(os.environ)); print(os.environ.get('NAMED_TOKEN'))"
    own = os.environ | {"AWS_SECRET_ACCESS_KEY": "own-secret", "NAMED_TOKEN": "named-secret", "COLOUR": "blue"}
    outcome = run_drill("--scenario", "start", "--startup-limit", "1", "--ready-after", "9", "--env", "NAMED_TOKEN", "--",
                        sys.executable, "-c", code + "; import time; time.sleep(60)", env=own | {"PYTHONUNBUFFERED": "1"})  # fmt: skip
    told = outcome.told("start")
    assert outcome.verdict("start") == "broken"
    outcome = run_drill("--scenario", "start", "--env", "PYTHONUNBUFFERED=1", "--env", "NAMED_TOKEN", "--",
                        sys.executable, "-c", code + "; raise SystemExit(1)", env=own)  # fmt: skip
    told = outcome.told("start")
    assert "NAMED_TOKEN" in told
    assert "AWS_SECRET_ACCESS_KEY" not in told
    assert "COLOUR" not in told
    assert "last output: ***" in told
    assert "named-secret" not in str(outcome)


def test_nothing_is_written_into_the_tool_and_no_temporary_file_is_left(tmp_path: Path) -> None:
    own = os.environ | {"TMPDIR": str(tmp_path)}
    before = set((SCRIPT.parent / "runtime_ops" / "drill").rglob("*.pyc"))
    outcome = run_drill("--scenario", "terminate-idle", "--env", "PORT={port}", "--env", "DB=127.0.0.1:1", "--env", "LIMIT=1",
                        "--env", "API_TOKEN=tokentoken", "--", sys.executable, str(PROGRAMS / "service.py"), env=own)  # fmt: skip
    assert outcome.verdict("terminate-idle") == "kept", outcome.told("terminate-idle")
    assert list(tmp_path.iterdir()) == []
    assert set((SCRIPT.parent / "runtime_ops" / "drill").rglob("*.pyc")) == before


def test_a_shell_is_only_used_when_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "made"
    run_drill("--scenario", "start", "--", "/bin/echo", f"; touch {target}")
    assert not target.exists()
    run_drill("--scenario", "start", "--shell-form", "--", f"echo; touch {target}")
    assert target.exists()
