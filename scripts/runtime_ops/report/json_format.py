"""The JSON report: the contract of the audit, schema version 1 (`schema.json` beside this file)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runtime_ops import __version__
from runtime_ops.findings import EntrypointReport, Evidence, Finding, MapRow, Report, Verdict, Waiver
from runtime_ops.report.json_text import indented

TOOL = "python-runtime-operations"
SCHEMA = Path(__file__).with_name("schema.json")


def render(report: Report, links: Mapping[str, str], drill: Mapping[str, Any] | None = None) -> str:
    """The report as JSON text with a final newline. ``links``: rule id → ``references/FILE.md#id``."""
    return indented(document(report, links, drill)) + "\n"


def document(report: Report, links: Mapping[str, str], drill: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The report as plain values, in a stable order. ``drill``: what a merged drill adds (see `drill.merge`)."""
    prints = fingerprints([*report.findings, *report.leads, *(finding for finding, _ in report.waived)])
    made: dict[str, Any] = {
        "schema": 1,
        "tool": {"name": TOOL, "version": __version__},
        "root": report.root,
        "complete": report.complete,
        "entrypoints": [entrypoint_row(entrypoint) for entrypoint in report.entrypoints],
        "findings": [finding_row(finding, links, prints[id(finding)]) for finding in report.findings],
        "leads": [finding_row(finding, links, prints[id(finding)]) for finding in report.leads],
        "waived": [
            {**finding_row(finding, links, prints[id(finding)]), "waiver": waiver_row(waiver)}
            for finding, waiver in report.waived
        ],
        "files": {
            "python": report.python_files,
            "artifacts": report.artifact_files,
            "skipped": [{"path": row.path, "reason": row.reason} for row in report.skipped],
            "unparsed": [
                {"path": row.path, "line": row.line, "reason": row.reason, "partial": partial}
                for rows, partial in ((report.unparsed, False), (report.partial, True))
                for row in rows
            ],
        },
        "failed_rules": [{"rule": rule, "error": error} for rule, error in report.failed_rules],
    }
    if drill is not None:
        made["drill"] = dict(drill)
    return made


def entrypoint_row(entrypoint: EntrypointReport) -> dict[str, Any]:
    return {
        "id": entrypoint.id,
        "kind": entrypoint.kind,
        "path": entrypoint.path,
        "line": entrypoint.line,
        "framework": entrypoint.framework,
        "started_by": [{"path": e.path, "line": e.line, "text": e.note} for e in entrypoint.started_by],
        "contract": [verdict_row(verdict) for verdict in entrypoint.contract],
        "map": [map_row(row) for row in entrypoint.map],
    }


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    row: dict[str, Any] = {
        "promise": verdict.promise, "verdict": verdict.verdict, "evidence": evidence_rows(verdict.evidence),
    }  # fmt: skip
    if verdict.reason:
        row["reason"] = verdict.reason
    return row


def map_row(row: MapRow) -> dict[str, Any]:
    made: dict[str, Any] = {
        "what": row.what, "name": row.name, "path": row.path, "line": row.line, "phase": row.phase, "bound": row.bound,
        "source": evidence_rows(row.source), "verdict": row.verdict,
    }  # fmt: skip
    if row.question:
        made["question"] = row.question
    return made


def finding_row(finding: Finding, links: Mapping[str, str], fingerprint: str) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "concern": finding.concern,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "path": finding.path,
        "line": finding.line,
        "end_line": finding.end_line,
        "message": finding.message,
        "phase": finding.phase,
        "entrypoints": list(finding.entrypoints),
        "trace": evidence_rows(finding.trace),
        "remedy": finding.remedy,
        "guide": links.get(finding.rule),
        "fingerprint": fingerprint,
        "count": finding.count,
        "also": evidence_rows(finding.also),
    }


def waiver_row(waiver: Waiver) -> dict[str, Any]:
    return {
        "reason": waiver.reason,
        "tradeoff": waiver.tradeoff,
        "controls": {control: waiver.notes.get(control, "") for control in waiver.controls},
        "path": waiver.path,
        "line": waiver.line,
        "scope": waiver.scope,
        "until": waiver.until,
        "owner": waiver.owner,
    }


def evidence_rows(evidence: Iterable[Evidence]) -> list[dict[str, Any]]:
    return [{"path": e.path, "line": e.line, "note": e.note} for e in evidence]


def fingerprints(findings: Iterable[Finding]) -> dict[int, str]:
    """``id(finding)`` → its fingerprint; equal ones are numbered in the order of their lines, so that each is unique."""
    made: dict[int, str] = {}
    seen: Counter[str] = Counter()
    for finding in sorted(findings, key=lambda f: (f.path, f.line, f.rule)):
        seen[finding.fingerprint] += 1
        number = seen[finding.fingerprint]
        made[id(finding)] = finding.fingerprint if number == 1 else f"{finding.fingerprint}-{number}"
    return made
