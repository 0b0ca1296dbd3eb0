"""A report with a drill's verdicts in it (``--with-drill``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runtime_ops.drill.merge import merge
from runtime_ops.findings import Evidence, Report, Verdict
from runtime_ops.report.json_format import document


def with_drill(report: Report, drill: Mapping[str, Any]) -> tuple[Report, dict[str, Any]]:
    """The report with what the run settled, and what the merge says of itself (settled promises, disagreements).

    Raises ValueError when the drill's document is of another schema or its entrypoint cannot be told.
    """
    merged = merge(document(report, {}), dict(drill))
    contracts = {row["id"]: row["contract"] for row in merged["entrypoints"]}
    entrypoints = tuple(
        replace(entrypoint, contract=tuple(verdict(row) for row in contracts[entrypoint.id])) for entrypoint in report.entrypoints
    )
    added: dict[str, Any] = merged["drill"]
    return replace(report, entrypoints=entrypoints), added


def verdict(row: Mapping[str, Any]) -> Verdict:
    """A verdict from its JSON row."""
    evidence = tuple(Evidence(e["path"], e["line"], e["note"]) for e in row["evidence"])
    return Verdict(row["promise"], row["verdict"], evidence, row.get("reason", ""))
