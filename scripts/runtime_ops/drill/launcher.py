"""The drill's end of the supervisor: starts programs, signals them, and knows when they ended."""

from __future__ import annotations

import array
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from runtime_ops.drill import namespace, processes, supervisor

ANSWER_LIMIT = 15.0
"""Seconds for one answer of the supervisor; its slowest, ending a program, is bounded by `CLEAN_LIMIT`."""


class SupervisorGone(RuntimeError):
    """The supervisor ended or stopped answering; what it had started has been killed."""


class CannotStart(Exception):
    """The program could not be started; the text is the system's reason."""


class NoNamespace(CannotStart):
    """A PID namespace cannot be made here, so the program cannot be run as process 1."""


@dataclass
class Launched:
    """One program that was started. Times are CLOCK_MONOTONIC in seconds."""

    number: int
    pid: int
    at: float
    exit_status: int | None = None
    """The exit code, or minus the number of the signal that ended it; None while it runs."""
    exit_at: float = 0.0
    ended: threading.Event = field(default_factory=threading.Event)


class Launcher:
    """Context manager around one supervisor process. Leaving it leaves no process behind."""

    def __init__(self) -> None:
        self.mark = f"drill-{os.getpid()}-{secrets.token_hex(6)}"
        self.folder = tempfile.mkdtemp(prefix="drill-")
        """Folder for the runs; removed when the supervisor ends, also when the drill was killed."""
        self.programs: dict[int, Launched] = {}
        self.strays: list[dict[str, Any]] = []
        """What was still alive after the final clean-up: always empty unless the kernel did not let go of it."""
        self._channel, theirs = socket.socketpair()
        # If the supervisor itself is killed, its children come to this process, which then ends them.
        supervisor.prctl(supervisor.PR_SET_CHILD_SUBREAPER, 1)
        self._process = subprocess.Popen(
            supervisor.command(theirs.fileno(), self.mark, self.folder),
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={},
        )
        theirs.close()
        self._answers: deque[Any] = deque()
        self._news = threading.Condition()
        self._asking = threading.Lock()
        self._gone = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="drill-supervisor", daemon=True)
        self._thread.start()
        if not self._ready.wait(ANSWER_LIMIT) or self._gone:
            raise SupervisorGone("the supervisor process did not start")

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.strays = self._ask({"op": "close"})
        except SupervisorGone:
            self._clean_up_alone()
        finally:
            self._channel.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._clean_up_alone()

    def interrupt(self) -> None:
        """End the supervisor, which ends all that it started; whoever waits or asks learns it at once.

        Takes no lock, so that a signal handler may call it.
        """
        self._process.terminate()

    def start(
        self, argv: list[str], env: dict[str, str], cwd: str, stdout: int, stderr: int, *, pid1: bool = False
    ) -> Launched:
        """Start `argv` (found through PATH of `env`) with exactly `env` plus the mark. The descriptors are closed here.

        Raises CannotStart with the system's reason, NoNamespace when only `pid1` cannot be had.
        """
        number = len(self.programs) + 1
        order = {"argv": argv, "env": env | {processes.MARK: f"{self.mark}.{number}"}, "cwd": cwd}
        # A file without a name carries the order: it may be larger than a socket message, and holds secrets.
        with tempfile.TemporaryFile() as file:
            file.write(json.dumps(order).encode())
            file.flush()
            program = Launched(number, 0, time.monotonic())
            self.programs[number] = program
            try:
                answer = self._ask({"op": "spawn", "id": number, "pid1": pid1}, [file.fileno(), stdout, stderr])
            finally:
                os.close(stdout)
                os.close(stderr)
        if "error" in answer:
            program.ended.set()
            text = str(answer["error"])
            raise (NoNamespace if text.startswith(namespace.NAMESPACE) else CannotStart)(text)
        program.pid, program.at = answer["pid"], answer["at"]
        return program

    def signal(self, program: Launched, number: int, *, group: bool = False) -> dict[str, Any]:
        """Send a signal; answers `{"sent": bool, "at": seconds, "disposition": caught|ignored|default|None}`."""
        answer: dict[str, Any] = self._ask({"op": "signal", "id": program.number, "signal": number, "group": group})
        return answer

    def left(self, program: Launched) -> list[dict[str, Any]]:
        """The living processes of a program, itself included: `[{"pid": …, "command": …}]`."""
        answer: list[dict[str, Any]] = self._ask({"op": "left", "id": program.number})
        return answer

    def end(self, program: Launched) -> list[dict[str, Any]]:
        """Kill all processes of a program; answers what could not be killed in time."""
        answer: list[dict[str, Any]] = self._ask({"op": "end", "id": program.number})
        return answer

    def _ask(self, request: dict[str, Any], fds: list[int] | None = None) -> Any:
        with self._asking:
            if self._gone:
                raise SupervisorGone("the supervisor process has ended")
            data = json.dumps(request).encode() + b"\n"
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
            try:
                self._channel.sendmsg([data], rights)
            except OSError as error:
                raise SupervisorGone("the supervisor process has ended") from error
            with self._news:
                if not self._news.wait_for(lambda: self._answers or self._gone, ANSWER_LIMIT) or not self._answers:
                    self._gone = True
                    raise SupervisorGone(f"the supervisor did not answer {request['op']!r}")
                return self._answers.popleft()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError), self._channel.makefile("rb") as lines:
            for line in lines:
                message = json.loads(line)
                if "exit" in message:
                    program = self.programs[message["exit"]]
                    program.exit_status, program.exit_at = message["status"], message["at"]
                    program.ended.set()
                elif "ready" in message:
                    self._ready.set()
                else:
                    with self._news:
                        self._answers.append(message["answer"])
                        self._news.notify_all()
        with self._news:
            self._gone = True
            self._news.notify_all()
        self._ready.set()
        for program in self.programs.values():
            program.ended.set()  # nobody will tell of their end; who waits must not wait for the whole limit

    def _clean_up_alone(self) -> None:
        """Without a supervisor: its children are ours now; kill them, and whatever else carries the mark."""
        self._process.kill()
        limit = time.monotonic() + supervisor.CLEAN_LIMIT
        while time.monotonic() < limit:
            everything = processes.table()
            victims = {p.pid for p in processes.descendants(os.getpid(), everything) if p.alive}
            victims |= {p.pid for p in processes.marked(self.mark, everything)}
            if not victims:
                return
            for pid in victims:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
