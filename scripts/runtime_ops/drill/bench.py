"""What scenarios work with: it starts and ends runs in fresh folders, and remembers what it learned."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shlex
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from runtime_ops.drill import environment
from runtime_ops.drill.capture import Capture, Line
from runtime_ops.drill.launcher import CannotStart, Launcher, SupervisorGone
from runtime_ops.drill.options import Options, WrongOption, fill
from runtime_ops.drill.proxy import Proxy
from runtime_ops.drill.run import Readiness, Run
from runtime_ops.drill.verdict import Timeline, exit_text

F_SETPIPE_SZ = 1031
"""fcntl(2) command of Linux; a larger pipe bears a burst while the drill is not scheduled."""


KEPT_LINES = 5000
"""Lines of one run that are remembered for the scenario that judges the logs of all: its first and last ones."""


GENTLE = 4.0
"""Seconds to end by SIGTERM for a run whose end is not judged, before it is killed."""


class TimeIsUp(Exception):
    """The total limit was reached; what has not been judged is not assessed."""


@dataclass(frozen=True)
class Survey:
    """What the first run showed. `seconds` is the time to readiness, or of the whole run where it ended by itself."""

    state: Readiness
    seconds: float
    kind: str
    exit_status: int | None
    how_ready: str
    last_lines: list[str]
    timeline: Timeline
    withheld: list[str]
    """Variables of the drill's own environment that were not passed on and that the output names."""

    @property
    def usable(self) -> bool:
        """Whether scenarios that need a running program can be run."""
        return self.state == "ready"


@dataclass(frozen=True)
class Command:
    """How a command of the user's (load, check) ended. `status` is None when it was still running at its limit."""

    status: int | None
    output: list[str]
    seconds: float


class Bench:
    """Starts and ends runs. `timelines` collects those of the scenario at work, `seen` the output of all."""

    def __init__(self, options: Options, launcher: Launcher, own: Mapping[str, str] = os.environ) -> None:
        self.options = options
        self.launcher = launcher
        self.given = environment.given(options, own)
        self.mask = environment.Mask(self.given)
        self.timelines: list[Timeline] = []
        self.scenario = ""
        self.seen: list[tuple[str, str, Line]] = []
        """All kept output lines of ended runs: scenario, label of the run, line."""
        self.until = time.monotonic() + options.total_limit
        self._base = environment.base(options, own)
        self._own = own
        self._folder = launcher.folder
        self._survey: Survey | None = None
        self._gentle = min(options.grace, GENTLE)
        self.idle_shutdown = 0.0
        """Seconds that the idle program took to end by one SIGTERM; 0.0 while that is not known."""
        self.endless = False
        """Whether one SIGTERM to the idle program was seen not to end it within grace."""
        self.proxies: dict[str, Proxy] = {}
        try:
            for dependency in options.dependencies():
                proxy = Proxy(dependency.host, dependency.port)
                self.proxies[dependency.name] = proxy
                self.given[dependency.variable] = proxy.redirect(self.given.get(dependency.variable, ""), dependency)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop the proxies."""
        for proxy in self.proxies.values():
            proxy.close()

    def variables(self) -> dict[str, str]:
        """The variables named for the program, before `{port}` and `{scratch}` are put in."""
        return dict(self.given)

    @contextlib.contextmanager
    def run(self, label: str = "", *, without: str = "", change: Mapping[str, str] | None = None) -> Iterator[Run]:
        """Start the program afresh, without one variable or with changed ones, and end it after the block.

        Raises CannotStart, TimeIsUp when the total limit is over, and SupervisorGone when the supervisor has been ended.
        """
        if time.monotonic() > self.until:
            raise TimeIsUp
        try:
            scratch = tempfile.mkdtemp(dir=self._folder)
            os.mkdir(os.path.join(scratch, "tmp"))
        except FileNotFoundError as error:  # the supervisor removes the folder when it ends
            raise SupervisorGone("the supervisor process has ended, and its folder with it") from error
        port = self.options.ready_port or (free_port() if self._uses_port() else 0)
        named = {name: fill(value, port, scratch) for name, value in (self.given | dict(change or {})).items()}
        env = self._base | {"TMPDIR": os.path.join(scratch, "tmp")} | named
        env.pop(without, None)
        argv = [fill(word, port, scratch) for word in self.options.command]
        if self.options.shell_form:
            argv = ["/bin/sh", "-c", " ".join(shlex.quote(word) for word in argv) if len(argv) > 1 else argv[0]]
        for proxy in self.proxies.values():
            proxy.set("pass")
        run = self._start(argv, env, label, port, scratch)
        run.sure_of_port = bool(self.options.ready_port) or any("{port}" in word for word in self.options.command)
        try:
            yield run
        finally:
            asked = bool(run.signals)
            # A program that once did not end by SIGTERM need not be given the time again and again.
            run.close(0 if asked else self._gentle)
            if not asked and run.program.exit_status == -signal.SIGKILL:
                self._gentle = min(self._gentle, 0.5)
            if run.exited and run.program.exit_status is not None:
                run.wait_exit(0)
            self.timelines.append(run.timeline())
            lines = run.lines()
            half = KEPT_LINES // 2
            kept_lines = lines if len(lines) <= KEPT_LINES else lines[:half] + lines[-half:]
            self.seen += [(self.scenario, label, line) for line in kept_lines]
            shutil.rmtree(scratch, ignore_errors=True)

    def _start(self, argv: list[str], env: dict[str, str], label: str, port: int, scratch: str) -> Run:
        stdout, out = _pipe()
        stderr, err = _pipe()
        try:
            program = self.launcher.start(argv, env, self.options.cwd, out, err, pid1=self.options.pid1)
        except CannotStart as error:
            os.close(stdout)
            os.close(stderr)
            raise type(error)(f"{argv[0]}: {error}") from None
        return Run(
            self.launcher, program, Capture(stdout, stderr), self.options, label=label, port=port, scratch=scratch
        )

    def _uses_port(self) -> bool:
        texts = [*self.options.command, *self.given.values(), self.options.ready_probe]
        return any("{port}" in text for text in texts)

    def survey(self) -> Survey:
        """What a plain start shows; run once, and asked for by all scenarios that depend on it."""
        if self._survey is None:
            kept, self.timelines = self.timelines, []
            with self.run("survey") as run:
                state = run.wait_ready()
                seconds = run.exit_at if state == "exited" else run.ready_at or run.now
                status = run.wait_exit(0)
                kind = self.options.kind
                if kind == "auto":
                    kind = "cli" if state == "exited" else "service" if run.ports or run.port else "worker"
                text = "\n".join(line.text for line in run.lines())
                withheld = [
                    n for n in self._own if n not in self._base and n not in self.given and len(n) > 3 and n in text
                ]
                found = (run.how_ready, run.last_lines())
            self._survey = Survey(state, seconds, kind, status, *found, self.timelines[0], withheld)
            self.timelines = kept
        return self._survey

    def why_not_ready(self) -> str:
        """Why a scenario that needs a ready program cannot be run; empty when it can."""
        survey = self.survey()
        if survey.state == "ready":
            return ""
        if survey.state == "late":
            return f"it was not ready within {self.options.startup_limit:g} s (see start)"
        return f"it ended by itself before it was ready: {exit_text(survey.exit_status or 0)} (see start)"

    def command(self, text: str, limit: float, run: Run, token: str = "") -> Command:
        """Run a command of the user's beside a run, with the same environment, and wait for it.

        The words are split as a shell would, but no shell is used.
        """
        with self.background(text, run, token) as other:
            status = other.wait_exit(limit)
            return Command(
                status, [line.text for line in other.lines()], other.exit_at if status is not None else limit
            )

    @contextlib.contextmanager
    def background(self, text: str, run: Run, token: str = "") -> Iterator[Run]:
        """As `command`, but goes on beside the block and is ended after it."""
        words = [fill(word, run.port, run.scratch, token) for word in shlex.split(text)]
        named = {name: fill(value, run.port, run.scratch, token) for name, value in self.given.items()}
        stdout, out = _pipe()
        stderr, err = _pipe()
        try:
            program = self.launcher.start(words, self._base | named, self.options.cwd, out, err)
        except CannotStart as error:
            os.close(stdout)
            os.close(stderr)
            raise WrongOption(f"{text!r}: cannot be started: {error}") from None
        other = Run(
            self.launcher,
            program,
            Capture(stdout, stderr),
            self.options,
            label=text,
            port=run.port,
            scratch=run.scratch,
        )
        try:
            yield other
        finally:
            other.close(0)

    def token(self) -> str:
        return "drill-" + secrets.token_hex(6)


def _pipe() -> tuple[int, int]:
    read, write = os.pipe()
    with contextlib.suppress(OSError):
        fcntl.fcntl(read, F_SETPIPE_SZ, 1 << 20)
    return read, write


def free_port() -> int:
    """A TCP port of loopback that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
