"""What an audit says: findings, contracts, map rows. The types of the JSON contract (schema version 1).

The constructors refuse a claim without its ground: `met` and `broken` need evidence, `unknown` and `n/a` a reason.
Lines are 1-based; paths are relative to the audited root, with ``/``.
"""

from __future__ import annotations

import hashlib
from dataclasses import field

from runtime_ops.plain import dataclass

SEVERITIES = ("high", "medium", "low")
CONFIDENCES = ("certain", "likely", "possible")
CONCERNS = ("startup", "shutdown", "jobs", "logging", "health", "metrics", "deadlines", "cli")
PROMISES = ("startup", "shutdown", "jobs", "logging", "health", "metrics")
PHASES = ("import", "startup", "serving", "shutdown")
VERDICTS = ("met", "broken", "unknown", "n/a")
MAP_KINDS = (
    *("start", "setting", "outbound", "job", "thread", "task", "process", "pool", "signal", "loop", "retry", "probe", "exit"),
    *("except", "log", "metric", "file", "resource"),
)
MAP_VERDICTS = ("ok", "finding", "question", "unknown")


@dataclass(frozen=True, slots=True)
class Evidence:
    """A place and what it shows."""

    path: str
    line: int
    note: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong at run time, at the place where the mend would be written.

    ``message`` says what is there and what happens at run time; ``remedy`` what to write instead. ``phase`` is one of
    `PHASES` or None where no phase applies. ``entrypoints`` are ids. ``trace`` leads from the entrypoint (or another
    artifact) to here. ``count`` is the number of like places that this one finding stands for; ``anchor`` is what the
    fingerprint hashes beside rule and path (a name, the source text): it must not hold a line number.
    """

    rule: str
    concern: str
    severity: str
    confidence: str
    path: str
    line: int
    message: str
    remedy: str
    end_line: int = 0
    phase: str | None = None
    entrypoints: tuple[str, ...] = ()
    trace: tuple[Evidence, ...] = ()
    anchor: str = ""
    count: int = 1
    also: tuple[Evidence, ...] = ()
    """The other places, when ``count`` is more than one."""

    def __post_init__(self) -> None:
        checks = (
            (self.severity in SEVERITIES, f"severity {self.severity!r}: expected one of {SEVERITIES}"),
            (self.confidence in CONFIDENCES, f"confidence {self.confidence!r}: expected one of {CONFIDENCES}"),
            (self.concern in CONCERNS, f"concern {self.concern!r}: expected one of {CONCERNS}"),
            (self.phase is None or self.phase in PHASES, f"phase {self.phase!r}: expected one of {PHASES} or None"),
            (self.line >= 1, f"line {self.line}: lines are 1-based"),
            (bool(self.message and self.remedy), "a finding needs a message and a remedy"),
        )
        for holds, reason in checks:
            if not holds:
                raise ValueError(f"rule {self.rule}, {self.path}:{self.line}: {reason}")
        if self.end_line < self.line:
            object.__setattr__(self, "end_line", self.line)

    @property
    def fingerprint(self) -> str:
        """Stable over moved lines: rule, path and anchor (the judge numbers equal ones)."""
        return hashlib.sha256(f"{self.rule}\0{self.path}\0{self.anchor}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise of one entrypoint."""

    promise: str
    verdict: str
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        if self.promise not in PROMISES or self.verdict not in VERDICTS:
            raise ValueError(f"{self.promise}/{self.verdict}: expected one of {PROMISES} and one of {VERDICTS}")
        if self.verdict in ("met", "broken") and not self.evidence:
            raise ValueError(f"{self.promise}: the verdict {self.verdict} needs evidence")
        if self.verdict in ("unknown", "n/a") and not self.reason:
            raise ValueError(f"{self.promise}: the verdict {self.verdict} needs a reason")


@dataclass(frozen=True, slots=True)
class MapRow:
    """One thing with a run-time effect: what bounds, checks, stops or watches it, and where; or that nothing was found."""

    what: str
    name: str
    path: str
    line: int
    phase: str | None
    verdict: str
    bound: str | None = None
    source: tuple[Evidence, ...] = ()
    question: str = ""

    def __post_init__(self) -> None:
        if self.what not in MAP_KINDS or self.verdict not in MAP_VERDICTS:
            raise ValueError(f"{self.what}/{self.verdict}: expected one of {MAP_KINDS} and one of {MAP_VERDICTS}")
        if self.verdict == "question" and not self.question:
            raise ValueError(f"map row {self.name}: a question row needs its question")

    @property
    def asked(self) -> tuple[str, str, str | None]:
        """What makes two questions one that is asked of two places: the kind, the question and what is known."""
        return self.what, self.question, self.bound


@dataclass(frozen=True, slots=True)
class EntrypointReport:
    """An entrypoint as it is reported: identity, what starts it, its contract and its map."""

    id: str
    kind: str
    path: str
    line: int
    framework: str
    started_by: tuple[Evidence, ...]
    contract: tuple[Verdict, ...]
    map: tuple[MapRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that was not read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unparsed:
    """A file (or part of one) that should have been read and could not be."""

    path: str
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """The whole result of an audit. ``waived`` are findings with the record that waives each."""

    root: str
    complete: bool
    entrypoints: tuple[EntrypointReport, ...]
    findings: tuple[Finding, ...]
    waived: tuple[tuple[Finding, Waiver], ...]
    python_files: int
    artifact_files: int
    skipped: tuple[Skipped, ...]
    unparsed: tuple[Unparsed, ...]
    failed_rules: tuple[tuple[str, str], ...] = ()
    """Rules that crashed: id and error."""
    partial: tuple[Unparsed, ...] = ()
    """Parts of files that were read else (a template expression); they do not make the audit incomplete."""
    leads: tuple[Finding, ...] = ()
    """Findings that are only possible, where the report does not count them among its findings (``--all`` does)."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A written-down deviation: why, at what price, and what compensates for it."""

    rule: str
    reason: str
    tradeoff: str
    controls: tuple[str, ...]
    path: str
    line: int
    """Where the waiver itself is written."""
    scope: str = ""
    """The path pattern it holds for; empty for one line only."""
    until: str = ""
    owner: str = ""
    notes: dict[str, str] = field(default_factory=dict)
