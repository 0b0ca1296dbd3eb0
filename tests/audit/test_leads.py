"""What is only possible is kept apart: it hides nothing, and the report does not count it among its findings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runtime_ops import pipeline
from runtime_ops.configuration import read_configuration
from runtime_ops.findings import Finding, Report
from runtime_ops.judge import settle
from runtime_ops.project.build import Project
from runtime_ops.report import text
from runtime_ops.rules.api import Rule, as_one, load, together

PRINT = Rule("runtime_ops.rules.logging.print_in_service", severity="medium", summary="It prints.")
SILENT = Rule("runtime_ops.rules.logging.silent_except", severity="low", summary="It is silent.", yields_to=(PRINT.id,))


def finding(rule: Rule, line: int, confidence: str = "likely", path: str = "app.py") -> Finding:
    return rule.finding(path, line, "it may go wrong", "mend it", severity="high", confidence=confidence)


def report(root: Path, everything: bool) -> Report:
    (root / "app.py").write_text("print('hello')\nprint('again')\n")

    rule = Rule("runtime_ops.rules.logging.print_in_service", severity="medium", summary="It prints.")

    @rule.check
    def check(project: Project) -> Iterator[Finding]:
        yield finding(rule, 1)
        yield finding(rule, 2, "possible")

    rules = tuple(load().values())
    return pipeline.audit(pipeline.Request(root, "shop", [rule], rules, read_configuration(root, None, load()), everything))


@pytest.mark.parametrize(("everything", "told", "apart"), [(False, [1], [2]), (True, [1, 2], [])])
def test_only_all_counts_a_lead_as_a_finding(tmp_path: Path, everything: bool, told: list[int], apart: list[int]) -> None:
    found = report(tmp_path, everything)
    assert sorted(f.line for f in found.findings) == told and [f.line for f in found.leads] == apart
    assert ("1 lead that reading cannot prove: --all." in text.render(found, "audit.py")) is bool(apart)


def test_a_lead_hides_no_finding_of_its_line() -> None:
    rules = {PRINT.id: PRINT, SILENT.id: SILENT}
    heavier, known = finding(PRINT, 3), finding(SILENT, 3)
    assert settle([heavier, known], rules) == [heavier]
    lead = replace(heavier, confidence="possible")
    assert settle([lead, known], rules) == [lead, known]


def test_a_habit_does_not_mix_leads_and_findings() -> None:
    found = [finding(PRINT, 1, "possible"), finding(PRINT, 2), finding(PRINT, 3)]
    for merged in (list(together(found)), list(as_one(found))):
        assert sorted((f.line, f.count, f.confidence) for f in merged) == [(1, 1, "possible"), (2, 2, "likely")]
