"""The supervisor: a small process of its own that starts the programs and ends them whatever happens to the drill.

The drill starts it by `command()` and talks to it over a Unix socket. It is the nearest
"child subreaper" of all it starts (prctl(2), PR_SET_CHILD_SUBREAPER), so a process that detaches itself becomes
its child again and is never lost. When the socket ends, because the drill ended or was killed, or when the
parent-death signal arrives (PR_SET_PDEATHSIG), it kills everything below itself and goes.

Wire: one JSON object a line. The drill sends

    {"op": "spawn", "id": 1, "pid1": false}    with three descriptors: order (JSON: argv, env, cwd), stdout, stderr
    {"op": "signal", "id": 1, "signal": 15, "group": false}
    {"op": "left", "id": 1}                    what of this program is alive
    {"op": "end", "id": 1}                     kill all of it
    {"op": "close"}                            kill everything and exit

and gets one answer each, in order (`{"answer": …}`), between them events: `{"exit": 1, "status": -15, "at": 12.5}`.
`at` is CLOCK_MONOTONIC, which all processes share.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from runtime_ops.drill import namespace, processes

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CLEAN_LIMIT = 3.0
"""Seconds within which everything is gone: SIGKILL cannot be refused, but the kernel may be slow to free memory."""


@dataclass
class Started:
    """One program that the supervisor started."""

    pid: int
    session: int
    exited: bool = False


def prctl(option: int, value: int) -> None:
    """Call prctl(2) where there is one (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


class Supervisor:
    """Answers the drill's requests until it goes away. `mark` is in the environment of all that is started."""

    def __init__(self, channel: socket.socket, mark: str, folder: str) -> None:
        self.channel = channel
        self.mark = mark
        self.folder = folder
        self.started: dict[int, Started] = {}
        self.buffer = b""
        self.descriptors: list[int] = []

    def serve(self) -> None:
        """Work until the channel ends or SIGTERM arrives; then leave nothing behind."""
        read_end, write_end = os.pipe()
        for fd in (read_end, write_end):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        stop = False

        def ask_to_stop(*_: object) -> None:
            nonlocal stop
            stop = True

        signal.signal(signal.SIGTERM, ask_to_stop)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        try:
            self.tell({"ready": os.getpid()})
            while not stop:
                ready = select.select([self.channel.fileno(), read_end], [], [])[0]
                if read_end in ready:
                    os.read(read_end, 4096)
                    self.reap()
                if self.channel.fileno() in ready and not self.receive():
                    break
        except OSError:
            pass  # the drill is gone: nothing is left to answer to, only to clean up
        finally:
            self.end_all()
            shutil.rmtree(self.folder, ignore_errors=True)

    def tell(self, message: dict[str, Any]) -> None:
        self.channel.sendall(json.dumps(message).encode() + b"\n")

    def receive(self) -> bool:
        """Read what has come and answer whole lines. False when the drill is gone or said `close`."""
        data, ancillary, _, _ = self.channel.recvmsg(65536, socket.CMSG_SPACE(3 * array.array("i").itemsize))
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds = array.array("i")
                fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
                self.descriptors += fds
        if not data:
            return False
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if request["op"] == "close":
                self.end_all()
                self.tell({"answer": self.strays()})
                return False
            answer = getattr(self, f"on_{request['op']}")(request)
            self.tell({"answer": answer})
        return True

    # -- requests ----------------------------------------------------------------------------------------------

    def on_spawn(self, request: dict[str, Any]) -> dict[str, Any]:
        """Start one program in a session of its own. Answers its pid, or the error that kept it from starting."""
        wanted, out, err = self.descriptors
        self.descriptors = []
        with os.fdopen(wanted, "rb") as file:
            file.seek(0)
            order = json.load(file)
        report, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become(order, out, err, told, request["pid1"])
        for fd in (out, err, told):
            os.close(fd)
        with os.fdopen(report, "rb") as file:
            text = file.read().decode()
        lines = dict(line.split(" ", 1) for line in text.splitlines())
        if request["pid1"]:
            os.waitpid(pid, 0)
            pid = int(lines.get("pid", 0))
        if "error" in lines:
            if pid:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
            return {"error": lines["error"]}
        self.started[request["id"]] = Started(pid, pid)
        self.reap()  # a program that ended at once sent its SIGCHLD before it was written down
        return {"pid": pid, "at": time.monotonic()}

    def on_signal(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send a signal to the program, or to its process group. `sent` is false when it is gone already."""
        self.reap()
        program = self.started[request["id"]]
        if program.exited:
            return {"sent": False, "at": time.monotonic()}
        disposition = processes.disposition(program.pid, request["signal"])
        at = time.monotonic()
        try:
            # The process is our unreaped child, so its pid cannot have been given to another one.
            (os.killpg if request["group"] else os.kill)(program.pid, request["signal"])
        except ProcessLookupError:
            return {"sent": False, "at": at}
        return {"sent": True, "at": at, "disposition": disposition}

    def on_left(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """The living processes of one program, itself included."""
        return [{"pid": p.pid, "command": processes.command_line(p.pid)} for p in self.of(request["id"])]

    def on_end(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Kill what is alive of one program; answers what was still there when the time was up."""
        limit = time.monotonic() + CLEAN_LIMIT
        while (left := self.of(request["id"])) and time.monotonic() < limit:
            self.kill(left)
        return self.on_left(request)

    # -- cleaning up -------------------------------------------------------------------------------------------

    def of(self, number: int) -> list[Any]:
        """The living processes of one program: of its session, of its mark, below it, or detached from it.

        A process that has left its session and written over its environment cannot be told apart by looks, so
        a child of the supervisor that belongs to no other program counts for the one that is asked about.
        """
        program = self.started[number]
        everything = processes.table()
        if not everything:
            return []
        others = {p.session for key, p in self.started.items() if key != number}
        below = {p.pid: p for p in processes.descendants(os.getpid(), everything) if p.alive}
        tree = {program.pid, *(p.pid for p in processes.descendants(program.pid, everything))}
        found = {}
        for process in below.values():
            mark = processes.environment(process.pid).get(processes.MARK, "")
            if (
                process.pid in tree
                or process.session == program.session
                or mark == f"{self.mark}.{number}"
                or (not mark and process.session not in others and process.parent == os.getpid())
            ):
                found[process.pid] = process
        return list(found.values())

    def kill(self, victims: list[Any]) -> None:
        for process in victims:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.01)
        self.reap()

    def strays(self) -> list[dict[str, Any]]:
        """All that is alive below the supervisor or carries its mark."""
        everything = processes.table()
        below = {p.pid: p for p in processes.descendants(os.getpid(), everything) if p.alive}
        below |= {p.pid: p for p in processes.marked(self.mark + ".", everything)}
        return [{"pid": pid, "command": processes.command_line(pid)} for pid in below]

    def end_all(self) -> None:
        """Kill everything that was started, in rounds, as a dying process may still start another one."""
        for program in self.started.values():
            if not program.exited:
                with contextlib.suppress(OSError):
                    os.killpg(program.pid, signal.SIGKILL)
        limit = time.monotonic() + CLEAN_LIMIT
        while (left := self.strays()) and time.monotonic() < limit:
            self.kill([p for p in (processes.read(entry["pid"]) for entry in left) if p])

    def reap(self) -> None:
        """Collect ended children, adopted ones too, and tell the drill of the programs among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            at = time.monotonic()
            for number, program in self.started.items():
                if program.pid == pid and not program.exited:
                    program.exited = True
                    with contextlib.suppress(OSError):  # the drill may be gone while its programs are being ended
                        self.tell({"exit": number, "status": os.waitstatus_to_exitcode(status), "at": at})


def _become(order: dict[str, Any], out: int, err: int, told: int, pid1: bool) -> NoReturn:
    """In the forked child: become the program. Never returns. Errors go to the pipe `told` as `error TEXT`."""
    try:
        if pid1:
            namespace.enter(told)
        else:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.setsid()
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (out, 1), (err, 2)):
            os.dup2(source, target)
        for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.chdir(order["cwd"])
        # All other descriptors are closed by exec: Python makes them not inheritable (PEP 446).
        os.execvpe(order["argv"][0], order["argv"], order["env"])
    except BaseException as error:
        os.write(told, f"error {error}\n".encode())
    finally:
        os._exit(127)


def command(fd: int, mark: str, folder: str) -> list[str]:
    """The command that runs the supervisor, which removes `folder` at its end.

    Isolated from the user's Python settings, without `site`, writing no bytecode.
    """
    root = str(Path(__file__).resolve().parents[2])
    code = f"import sys; sys.path.insert(0, {root!r}); from runtime_ops.drill.supervisor import main; main()"
    return [sys.executable, "-I", "-S", "-B", "-c", code, str(fd), mark, folder]


def main() -> None:
    """Entry of the process: arguments are the descriptor of the socket, the mark and the folder to remove."""
    # A session of its own: Ctrl-C and `kill -9 -GROUP` at the drill must not take the one that cleans up.
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.set_inheritable(False)  # a program that held it would keep the drill from seeing the supervisor's end
    Supervisor(channel, sys.argv[2], sys.argv[3]).serve()
