"""The runtime map: everything with a run-time effect, by entrypoint, with what bounds, checks, stops or watches it.

`SOURCES` are the inventories (one small module each in this package), `rows` puts those of one entrypoint together. A
row that a finding stands on has the verdict ``finding``; one that only a reader can decide asks its ``question``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from runtime_ops.findings import Finding, MapRow
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.runtime_map import code, failures, jobs, settings, started, starts, waiting, written

SOURCES: dict[str, Callable[[Project, Entrypoint], Iterator[MapRow]]] = {
    "starts": starts.rows,
    "settings": settings.rows,
    "waiting": waiting.rows,
    "started": started.rows,
    "jobs": jobs.rows,
    "files": written.rows,
    "signals": code.signals,
    "loops": code.loops,
    "probes": code.probes,
    "exits": code.exits,
    "log set-up": code.log_set_up,
    "metrics": code.metrics,
    "failures": failures.rows,
}
QUESTIONS = 25  # of one entrypoint, one asked of many places counted once: more are not answered
Lines = frozenset[tuple[str, int]]


def rows(inventories: Iterable[Iterable[MapRow]], lines: Lines) -> tuple[MapRow, ...]:
    """All rows of an entrypoint, by kind, path and line. ``inventories``: what each of `SOURCES`, in their order, holds of
    it; ``lines``: those of the findings, whose rows are marked."""
    found: dict[tuple[str, str, int, str], MapRow] = {}
    for inventory in inventories:
        for row in inventory:
            found.setdefault((row.what, row.path, row.line, row.name), row)
    marked = [_marked(row, lines) for row in found.values()]
    return tuple(_limited(sorted(marked, key=lambda r: (r.what, r.path, r.line, r.name))))


def lines_of(findings: Sequence[Finding]) -> Lines:
    """The lines that findings stand on."""
    lines = {(f.path, line) for f in findings for line in range(f.line, min(f.end_line, f.line + 40) + 1)}
    return frozenset(lines | {(e.path, e.line) for f in findings for e in f.also})


def _marked(row: MapRow, lines: Lines) -> MapRow:
    return replace(row, verdict="finding", question="") if (row.path, row.line) in lines else row


def _limited(found: list[MapRow]) -> Iterator[MapRow]:
    """At most `QUESTIONS` questions: the rest of them become rows that say what is not known."""
    asked: set[tuple[str, str, str | None]] = set()
    for row in found:
        if row.verdict == "question":
            asked.add(row.asked)
            if len(asked) > QUESTIONS:
                row = replace(row, verdict="unknown", question="")
        yield row
