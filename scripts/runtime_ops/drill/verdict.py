"""What a scenario says: kept, broken or not assessed, and why. The constructors refuse a verdict without a ground."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["kept", "broken", "not assessed"]
Promise = Literal["startup", "shutdown", "jobs", "logging", "health", "metrics"]
PROMISES: tuple[Promise, ...] = ("startup", "shutdown", "jobs", "logging", "health", "metrics")


@dataclass(frozen=True)
class Note:
    """One observation. `at` is seconds since the run's start, None where time has no meaning."""

    at: float | None
    note: str


@dataclass(frozen=True)
class Event:
    """One point of a time line. `at` is seconds since the run's start."""

    at: float
    what: str


@dataclass(frozen=True)
class Timeline:
    """What happened in one run, in order; `label` says which run of the scenario it was."""

    label: str
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Result:
    """The verdict of one scenario. `kept` and `broken` need evidence, `broken` and `not assessed` a reason."""

    name: str
    promise: Promise
    verdict: Verdict
    reason: str
    evidence: tuple[Note, ...]
    timelines: tuple[Timeline, ...] = ()
    seconds: float = 0.0

    def __post_init__(self) -> None:
        if self.verdict != "not assessed" and not self.evidence:
            raise ValueError(f"{self.name}: {self.verdict} without evidence")
        if self.verdict != "kept" and not self.reason:
            raise ValueError(f"{self.name}: {self.verdict} without a reason")


@dataclass
class Finding:
    """What a scenario's function gives back, before the runner adds its name: faults make it broken.

    Without faults it is kept when something was `judged`, and not assessed otherwise (`why_not` says why).
    """

    faults: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    why_not: str = ""

    def note(self, at: float | None, text: str) -> None:
        self.notes.append(Note(None if at is None else round(at, 3), text))

    def fault(self, at: float | None, text: str) -> None:
        """Something that breaks the promise: it is the reason, and evidence."""
        self.faults.append(text)
        self.note(at, text)

    @property
    def verdict(self) -> Verdict:
        if self.faults:
            return "broken"
        return "not assessed" if self.why_not else "kept"


def not_assessed(reason: str, notes: Sequence[Note] = ()) -> Finding:
    """A scenario that could not be judged, and what would have to be given to judge it."""
    return Finding(notes=list(notes), why_not=reason)


def exit_text(status: int) -> str:
    """An exit status in words: `exit code 3`, `ended by SIGTERM (-15)`."""
    if status >= 0:
        return f"exit code {status}"
    try:
        return f"ended by {signal.Signals(-status).name} ({status})"
    except ValueError:
        return f"ended by signal {-status}"
