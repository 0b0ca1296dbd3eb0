"""JSON: the contract that other tools read; `schema.json` beside this file describes it."""

from __future__ import annotations

import json
from typing import Any

from runtime_ops import __version__
from runtime_ops.drill.drill import Report


def document(report: Report) -> dict[str, Any]:
    """The report as plain data, schema version 1. Times are seconds since a run's start."""
    return {
        "schema": 1,
        "tool": {"name": "runtime-drill", "version": __version__},
        "command": list(report.command),
        "entrypoint": report.entrypoint or None,
        "complete": report.complete,
        "seconds": round(report.seconds, 2),
        "scenarios": [
            {
                "name": result.name,
                "promise": result.promise,
                "verdict": result.verdict,
                "reason": result.reason,
                "evidence": [{"at": note.at, "note": note.note} for note in result.evidence],
                "timeline": [
                    {"run": line.label, "at": event.at, "event": event.what}
                    for line in result.timelines
                    for event in line.events
                ],
                "seconds": round(result.seconds, 2),
            }
            for result in report.results
        ],
        "strays": list(report.strays),
    }


def render(report: Report) -> str:
    return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"
