"""The runtime map: everything with a run-time effect, by entrypoint, with what bounds, checks, stops or watches it.

`rows` gathers the inventories (one small module each in this package) for one entrypoint. A row that a finding stands
on has the verdict ``finding``; one that only a reader can decide asks its ``question``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from runtime_ops.findings import Finding, MapRow
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.runtime_map import code, failures, settings, started, waiting

SOURCES: tuple[Callable[[Project, Entrypoint], Iterator[MapRow]], ...] = (
    settings.rows,
    waiting.rows,
    started.rows,
    code.signals,
    code.loops,
    code.probes,
    code.exits,
    code.log_set_up,
    code.metrics,
    failures.rows,
)
QUESTIONS = 25  # of one entrypoint, one asked of many places counted once: more are not answered


def rows(project: Project, entrypoint: Entrypoint, findings: Sequence[Finding]) -> tuple[MapRow, ...]:
    """All rows of an entrypoint, by kind, path and line; rows on the lines of a finding are marked."""
    found: dict[tuple[str, str, int, str], MapRow] = {}
    for source in SOURCES:
        for row in source(project, entrypoint):
            found.setdefault((row.what, row.path, row.line, row.name), row)
    lines = {(f.path, line) for f in findings for line in range(f.line, min(f.end_line, f.line + 40) + 1)}
    lines |= {(e.path, e.line) for f in findings for e in f.also}
    marked = [_marked(row, lines) for row in found.values()]
    return tuple(_limited(sorted(marked, key=lambda r: (r.what, r.path, r.line, r.name))))


def _marked(row: MapRow, lines: set[tuple[str, int]]) -> MapRow:
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
