"""The drill itself: the chosen scenarios one after the other, and what they say together."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import FrameType, TracebackType

from runtime_ops.drill.bench import Bench, TimeIsUp
from runtime_ops.drill.launcher import CannotStart, Launcher, NoNamespace, SupervisorGone
from runtime_ops.drill.options import Options, WrongOption
from runtime_ops.drill.scenarios import Scenario, load
from runtime_ops.drill.verdict import Event, Note, Result, Timeline

Progress = Callable[[int, int, Scenario, Result | None], None]


@dataclass(frozen=True)
class Report:
    """The outcome of a drill. `complete` is false when it was cut short, so that scenarios are missing."""

    command: tuple[str, ...]
    entrypoint: str
    complete: bool
    results: tuple[Result, ...]
    seconds: float
    strays: tuple[str, ...] = ()
    """Command lines of processes that could not be ended; always empty unless the kernel holds on to one."""

    @property
    def exit_code(self) -> int:
        """0: nothing is broken; 1: something is; 3: cut short, or nothing could be assessed."""
        if any(result.verdict == "broken" for result in self.results):
            return 1
        assessed = any(result.verdict == "kept" for result in self.results)
        return 0 if self.complete and assessed else 3


def chosen(options: Options) -> list[Scenario]:
    """The scenarios that `--scenario` and `--skip` leave. Raises WrongOption for a name that does not exist."""
    scenarios = load()
    names = [scenario.name for scenario in scenarios]
    for name in [*options.scenario, *options.skip]:
        if name not in names:
            raise WrongOption(f"{name!r} is no scenario; there are {', '.join(names)}")
    return [s for s in scenarios if (not options.scenario or s.name in options.scenario) and s.name not in options.skip]


class _Interruptible:
    """While it lasts, SIGINT, SIGTERM and SIGHUP end what was started, and so the drill, with an incomplete report.

    The handler raises nothing: an exception out of a handler lands between any two steps of what is at work, also in
    those of `threading.Condition.wait` that must stay together, and comes out of it as a RuntimeError (seen on 3.11, 1 in 400).
    Without a supervisor every wait for a program is over at once, and every question to it fails.
    """

    def __init__(self) -> None:
        self._came = False
        self._launcher: Launcher | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> _Interruptible:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                self._before[number] = signal.signal(number, self._end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]  # what signal.signal answered

    def started(self, launcher: Launcher) -> None:
        """Tell of the launcher to end; at once, when a signal has come before there was one."""
        self._launcher = launcher
        if self._came:
            launcher.interrupt()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True
        if self._launcher:
            self._launcher.interrupt()


def run(options: Options, progress: Progress = lambda *_: None) -> Report:
    """Run the drill. SIGINT, SIGTERM and SIGHUP end it with an incomplete report, where it runs in the main thread.

    Raises WrongOption when an option turns out not to fit, CannotStart when the command cannot be started at all.
    """
    scenarios = chosen(options)
    if not scenarios:
        raise WrongOption("no scenario is left by --scenario and --skip")
    began = time.monotonic()
    results: list[Result] = []
    complete = True
    bench: Bench | None = None
    launcher: Launcher | None = None
    try:
        with _Interruptible() as interruptible, Launcher() as launcher:
            interruptible.started(launcher)
            bench = Bench(options, launcher)
            for number, scenario in enumerate(scenarios, 1):
                progress(number, len(scenarios), scenario, None)
                result = _one(bench, scenario)
                results.append(result)
                complete = complete and result.reason != TIME_IS_UP
                progress(number, len(scenarios), scenario, result)
    except SupervisorGone:
        complete = False
    finally:
        if bench:
            bench.close()
    for scenario in scenarios[len(results) :]:
        results.append(Result(scenario.name, scenario.promise, "not assessed", "the drill was cut short", ()))
    strays = tuple(str(stray["command"]) for stray in (launcher.strays if launcher else ()))
    command = tuple(bench.mask(word) for word in options.command) if bench else ()
    return Report(command, options.entrypoint, complete, tuple(results), time.monotonic() - began, strays)


TIME_IS_UP = "the total limit was reached"


def _one(bench: Bench, scenario: Scenario) -> Result:
    began = time.monotonic()
    bench.scenario, bench.timelines = scenario.name, []
    try:
        finding = scenario.run(bench)
    except TimeIsUp:
        return Result(scenario.name, scenario.promise, "not assessed", TIME_IS_UP, ())
    except NoNamespace as error:
        reason = f"it cannot be run as process 1 here: {error}"
        return Result(scenario.name, scenario.promise, "not assessed", reason, ())
    mask = bench.mask
    reason = "; ".join(finding.faults) or finding.why_not
    return Result(
        scenario.name,
        scenario.promise,
        finding.verdict,
        mask(reason),
        tuple(Note(note.at, mask(note.note)) for note in finding.notes),
        tuple(replace(line, events=tuple(_masked(line, bench))) for line in bench.timelines),
        time.monotonic() - began,
    )


def _masked(line: Timeline, bench: Bench) -> list[Event]:
    return [Event(event.at, bench.mask(event.what)) for event in line.events]


__all__ = ["CannotStart", "Report", "chosen", "run"]
