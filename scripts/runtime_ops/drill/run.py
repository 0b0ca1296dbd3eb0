"""One run of the program in one scenario: its output, its time line, its readiness, its end and what it leaves."""

from __future__ import annotations

import fnmatch
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from runtime_ops.drill import http_client, processes
from runtime_ops.drill.capture import Capture, Line
from runtime_ops.drill.http_client import Answer
from runtime_ops.drill.launcher import Launched, Launcher
from runtime_ops.drill.options import Options
from runtime_ops.drill.verdict import Event, Timeline, exit_text

QUIET = 1.5
"""Seconds without CPU time and output after which a program without a known readiness is taken as ready."""
STEADY = 5.0
"""Seconds after which a program that goes on writing, and hardly uses the processor, is taken as ready: a loop with a
line a second is never quiet."""
STEADY_SHARE = 0.05
"""The part of one processor that such a loop may use."""
SETTLE = 0.5
"""Seconds between the sign of readiness and the first signal to an idle program: some print "ready" and then set
their handlers. A signal in that gap belongs to terminate-during-startup."""
HUNG_UP = 0.5
"""Seconds for which a server that hangs up on HTTP must do so to be taken for one of another protocol: one that is
about to fail hangs up too."""
Readiness = Literal["ready", "exited", "late"]


@dataclass(frozen=True)
class Left:
    """What a program left behind: processes (command lines), ports still open, temporary files."""

    processes: list[str]
    ports: list[int]
    files: list[str]


class Run:
    """A started program. Times given out are seconds since its start; `moment` turns clock times into them."""

    def __init__(
        self,
        launcher: Launcher,
        program: Launched,
        capture: Capture,
        options: Options,
        *,
        label: str,
        port: int,
        scratch: str,
    ) -> None:
        self.program = program
        self.label = label
        self.port = port
        self.scratch = scratch
        self.how_ready = ""
        """What readiness was seen by: `probe …`, `port …`, `log line …`, `alive for …`."""
        self.sure_of_port = bool(port)
        """Whether the program must listen on `port`; not when only its environment names it."""
        self._hung_up = 0.0
        self.ready_at = 0.0
        """Seconds from start to readiness, once it was seen."""
        self.ports: set[int] = set()
        self.signals: list[float] = []
        """Clock times of the signals sent."""
        self.disposition: str | None = None
        """How the program treated the first signal at the moment it was sent: caught, ignored or default."""
        self.last_disposition: str | None = None
        """The same for the last signal."""
        self._launcher = launcher
        self._capture = capture
        self._options = options
        self._events = [Event(0.0, "start")]

    # -- time --------------------------------------------------------------------------------------------------

    def moment(self, at: float) -> float:
        return at - self.program.at

    @property
    def now(self) -> float:
        return self.moment(time.monotonic())

    def event(self, what: str, at: float | None = None) -> None:
        """Put a point on the time line; `at` is a clock time, now when not given."""
        self._events.append(Event(round(self.now if at is None else self.moment(at), 3), what))

    def timeline(self) -> Timeline:
        return Timeline(self.label, tuple(sorted(self._events, key=lambda event: event.at)))

    # -- output ------------------------------------------------------------------------------------------------

    def lines(self, stream: str = "") -> list[Line]:
        return [line for line in self._capture.lines() if not stream or line.stream == stream]

    def last_lines(self, count: int = 3) -> list[str]:
        return [line.text for line in self.lines() if line.text.strip()][-count:]

    def wait_line(self, pattern: str, limit: float, start: int = 0) -> Line | None:
        """The first line from index `start` on that matches, waiting for it up to `limit` seconds."""
        found: list[Line] = []

        def look(lines: list[Line]) -> bool:
            found[:] = [line for line in lines[start:] if re.search(pattern, line.text)][:1]
            return bool(found)

        self._capture.wait(look, limit)
        return found[0] if found else None

    # -- state -------------------------------------------------------------------------------------------------

    @property
    def exited(self) -> bool:
        return self.program.ended.is_set()

    @property
    def exit_at(self) -> float:
        """Seconds from start to exit."""
        return self.moment(self.program.exit_at)

    def pids(self) -> list[int]:
        """The living processes of the program."""
        return [entry["pid"] for entry in self._launcher.left(self.program)]

    def cpu(self) -> float:
        """Seconds of processor time its living processes have used."""
        ticks = 0
        for pid in self.pids():
            try:
                fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
            except (OSError, IndexError):
                continue
        return ticks / os.sysconf("SC_CLK_TCK")

    def starved(self) -> float:
        """Seconds for which its living processes could have run and other programs had the processor (their main threads')."""
        waited = 0
        for pid in self.pids():
            try:
                waited += int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
            except (OSError, IndexError, ValueError):  # a kernel without it, or it has just ended
                continue
        return waited / 1e9

    def threads(self) -> int:
        return sum(processes.threads(pid) for pid in self.pids())

    def url(self, path: str) -> str:
        """A probe's full URL: as it is, or a path on the program's own port on loopback."""
        if path.startswith(("http://", "https://")):
            return path
        port = self.port or min(self.find_ports(), default=0)
        return f"http://127.0.0.1:{port}/{path.removeprefix('/')}"

    def get(self, path: str, limit: float, headers: dict[str, str] | None = None) -> Answer:
        return http_client.request(self.url(path), limit, headers)

    def find_ports(self) -> set[int]:
        """The TCP ports its processes listen on now; all ever seen are kept in `ports`."""
        found = processes.listening_ports(self.pids())
        self.ports |= found
        return found

    # -- readiness ---------------------------------------------------------------------------------------------

    def wait_ready(self, limit: float | None = None) -> Readiness:
        """Wait until it is ready by the best sign that the options know, or ended, or the limit is over."""
        options = self._options
        until = self.program.at + (options.startup_limit if limit is None else limit)
        probe = options.ready_probe or ("" if options.ready_log or options.ready_after else options.readiness)
        quiet = _Quiet(self)
        while True:
            if self.exited:
                self._capture.settle()
                return "exited"
            now = time.monotonic()
            if probe:
                wanted = self._sees_probe(probe, until)
            elif options.ready_log:
                line = self.wait_line(options.ready_log, 0.05)
                wanted = f"log line {line.text[:80]!r}" if line else ""
            elif options.ready_after:
                wanted = f"alive for {options.ready_after:g} s" if self.now >= options.ready_after else ""
            elif self.port and (self.sure_of_port or processes.port_listens(self.port)):
                wanted = self._sees_port(quiet) if processes.port_listens(self.port) else ""
            else:
                wanted = self._sees_port(quiet) if self.find_ports() else quiet.long_enough()
            if wanted and not self.exited:
                self.how_ready = wanted
                # What was seen by waiting was ready when the wait began.
                at = quiet.began if wanted.startswith(("quiet", "steady")) else time.monotonic()
                self.ready_at = self.moment(at)
                self.event("ready", at)
                self.find_ports()
                return "ready"
            if now > until:
                return "late"
            self.program.ended.wait(0.02)

    def _sees_probe(self, probe: str, until: float) -> str:
        if not probe.startswith("http") and not self.port and not self.find_ports():
            return ""
        left = max(until - time.monotonic(), 0.05)
        answer = self.get(probe, min(left, max(self._options.probe_timeout, 1.0)))
        return f"probe {probe} answered {answer.status}" if answer.good else ""

    def _sees_port(self, quiet: _Quiet) -> str:
        """A port is open; a server may listen before its workers can answer, so one request must get through."""
        port = self.port if processes.port_listens(self.port) else min(self.ports)
        answer = http_client.request(f"http://127.0.0.1:{port}/", 1.0)
        if answer.complete:
            return f"port {port} answered HTTP {answer.status}"
        if answer.error == "no HTTP" or quiet.long_enough():
            return f"port {port} is open"
        if answer.error not in ("closed", "reset", "cut off"):
            self._hung_up = 0.0
        elif not self._hung_up:
            self._hung_up = answer.ended
        elif answer.ended - self._hung_up > HUNG_UP:
            return f"port {port} is open"
        return ""

    def wait_idle(self) -> bool:
        """Wait until it is ready and a moment more; false when it is not ready in time or has ended."""
        return self.wait_ready() == "ready" and not self.program.ended.wait(SETTLE)

    # -- ending ------------------------------------------------------------------------------------------------

    def signal(self, number: int, *, group: bool = False) -> bool:
        """Send a signal, as the platform does to the main process, or as a terminal does to the group."""
        answer = self._launcher.signal(self.program, number, group=group)
        if answer["sent"]:
            if not self.signals:
                self.disposition = answer["disposition"]
            self.last_disposition = answer["disposition"]
            self.signals.append(answer["at"])
            self.event(signal.Signals(number).name, answer["at"])
        return bool(answer["sent"])

    def wait_exit(self, limit: float) -> int | None:
        """The exit status, or None when it still runs after `limit` seconds."""
        if not self.program.ended.wait(max(limit, 0)):
            return None
        status = self.program.exit_status
        if not any(event.what.startswith("exit") for event in self._events):
            self._capture.settle()
            self.event(f"exit: {exit_text(status or 0)}", self.program.exit_at)
        return status

    def left_behind(self, settle: float = 0.5) -> Left:
        """What is left `settle` seconds after the exit: a child that is just ending is not an orphan."""
        until = time.monotonic() + settle
        while True:
            alive = self._launcher.left(self.program)
            ports = [port for port in sorted(self.ports | ({self.port} - {0})) if processes.port_listens(port)]
            if not (alive or ports) or time.monotonic() > until:
                break
            time.sleep(0.03)
        files = []
        for folder, _, names in os.walk(self.tmp):
            files += [os.path.relpath(os.path.join(folder, name), self.tmp) for name in names]
        accepted = self._options.accept_left
        files = [f for f in sorted(files) if not any(fnmatch.fnmatch(f, pattern) for pattern in accepted)]
        return Left([entry["command"] for entry in alive], ports, files)

    @property
    def tmp(self) -> str:
        """The folder that is the program's TMPDIR."""
        return os.path.join(self.scratch, "tmp")

    def close(self, gentle: float) -> list[dict[str, Any]]:
        """End it: SIGTERM and `gentle` seconds, then SIGKILL to all that is left. Answers what refuses to go."""
        if not self.exited and gentle > 0:
            self._launcher.signal(self.program, signal.SIGTERM)
            self.program.ended.wait(gentle)
        left = self._launcher.end(self.program)
        self._capture.close()
        return left


class _Quiet:
    """Knows since when a program has neither used the processor nor written anything, or has only ticked on."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._cpu = self._steady_cpu = -1.0
        self._lines = -1
        self._starved = 0.0
        self.since = self._steady_since = time.monotonic()
        self.began = self.since
        """When the sign that `long_enough` tells began: since then it was ready."""

    def long_enough(self) -> str:
        cpu, lines = self._run.cpu(), len(self._run.lines())
        now = time.monotonic()
        # Two ticks of the clock: a waiting event loop uses a little.
        if cpu - self._cpu > 0.03 or lines != self._lines:
            self._cpu, self._lines, self._starved, self.since = cpu, lines, self._run.starved(), now
        if now - self.since >= QUIET:
            starved = self._run.starved()
            if starved - self._starved > (now - self.since) / 2:  # it had more to do, and a busy machine did not let it
                self._starved, self.since = starved, now
                return ""
            self.began = self.since
            return f"quiet for {QUIET:g} s, no port"
        # A loop that says something each second is never quiet; it has started when it hardly uses the processor.
        if cpu - self._steady_cpu > STEADY * STEADY_SHARE:
            self._steady_cpu, self._steady_since = cpu, now
        if lines and now - self._steady_since >= STEADY:
            self.began = self._steady_since
            return f"steady for {STEADY:g} s, no port"
        return ""
