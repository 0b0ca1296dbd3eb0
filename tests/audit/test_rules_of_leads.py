"""What the report does with a rule that gives nothing but leads."""

from __future__ import annotations

from runtime_ops.findings import Finding
from runtime_ops.judge import Said, as_leads
from runtime_ops.rules.api import Rule


def said(rule: Rule, confidence: str = "likely") -> Said:
    return Said([rule.finding("app.py", 1, "what is there", "what to write", confidence=confidence)])


def rule(lead: bool) -> Rule:
    return Rule("runtime_ops.rules.jobs.some_question", severity="low", summary="A question.", lead=lead)


def confidences(findings: list[Finding]) -> list[str]:
    return [finding.confidence for finding in findings]


def test_a_rule_of_leads_is_only_possible() -> None:
    assert confidences(as_leads(rule(lead=True), said(rule(lead=True))).findings) == ["possible"]
    assert confidences(as_leads(rule(lead=False), said(rule(lead=False))).findings) == ["likely"]


def test_what_a_rule_of_leads_is_certain_of_stays_a_finding() -> None:
    assert confidences(as_leads(rule(lead=True), said(rule(lead=True), "certain")).findings) == ["certain"]


def test_what_made_a_rule_of_leads_fail_is_kept() -> None:
    assert as_leads(rule(lead=True), Said([], "ValueError: x")).error == "ValueError: x"
