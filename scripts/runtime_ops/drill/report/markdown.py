"""Markdown: a table and the evidence below it, for a pull request or a job summary."""

from __future__ import annotations

from runtime_ops.drill.drill import Report
from runtime_ops.drill.report.text import drawn


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def render(report: Report) -> str:
    lines = [f"# Drill of `{' '.join(report.command)}`", ""]
    if not report.complete:
        lines += ["The drill was cut short.", ""]
    lines += ["| scenario | promise | verdict | reason |", "|---|---|---|---|"]
    for result in report.results:
        lines.append(f"| {result.name} | {result.promise} | {result.verdict} | {_cell(result.reason)} |")
    for result in report.results:
        if not result.evidence:
            continue
        lines += ["", f"## {result.name}: {result.verdict}", ""]
        for note in result.evidence:
            when = "" if note.at is None else f"{note.at:.2f} s: "
            lines.append(f"- {when}{_cell(note.note)}")
        rows = [row for line in result.timelines for row in drawn(line)]
        if rows:
            lines += ["", "```text", *rows, "```"]
    return "\n".join(lines) + "\n"
