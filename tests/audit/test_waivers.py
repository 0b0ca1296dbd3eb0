"""Waivers: a complete one takes its finding out of the count, everything else is reported."""

from __future__ import annotations

import datetime

import pytest

from runtime_ops.configuration import WaiverEntry
from runtime_ops.facts.model import Comment
from runtime_ops.findings import Finding
from runtime_ops.waivers import Settled, controls_of, from_comments, settle

RULES = {"call-without-timeout": "deadlines", "print-in-service": "logging"}
TODAY = datetime.date(2026, 6, 1)
TEXT = "waive[call-without-timeout] reason=slow export; tradeoff=it may hang; controls=test: tests/test_x.py"


def finding(line: int, rule: str = "call-without-timeout", path: str = "app.py", end_line: int = 0) -> Finding:
    return Finding(rule, RULES[rule], "high", "certain", path, line, "It waits for ever.", "pass timeout=", end_line)


def comments(*rows: tuple[int, str], path: str = "app.py") -> list[WaiverEntry]:
    return list(from_comments(path, [Comment(text, line) for line, text in rows], RULES))


def settled(findings: list[Finding], entries: list[WaiverEntry], judged: tuple[str, ...] = tuple(RULES)) -> Settled:
    return settle(findings, entries, today=TODAY, concerns=RULES, judged=judged)


def problems(found: Settled) -> list[tuple[str, int]]:
    return [(problem.rule, problem.line) for problem in found.problems]


def test_comment_on_the_line() -> None:
    found = settled([finding(3), finding(9)], comments((3, TEXT)))
    assert [f.line for f in found.findings] == [9] and not found.problems
    ((waived, waiver),) = found.waived
    assert waived.line == 3
    assert (waiver.rule, waiver.reason, waiver.tradeoff) == ("call-without-timeout", "slow export", "it may hang")
    assert (waiver.controls, waiver.notes, waiver.path, waiver.line) == (("test",), {"test": "tests/test_x.py"}, "app.py", 3)


@pytest.mark.parametrize("line", [2, 3, 5, 6])
def test_comment_above_or_anywhere_in_the_statement(line: int) -> None:
    assert not settled([finding(3, end_line=6)], comments((line, TEXT))).findings


def test_comment_elsewhere_waives_nothing_and_is_reported() -> None:
    for line in (1, 7, 30):
        found = settled([finding(3, end_line=6)], comments((line, TEXT)))
        assert len(found.findings) == 1 and problems(found) == [("unused-waiver", line)]


def test_comment_behind_code_does_not_reach_the_next_line() -> None:
    found = settled([finding(3), finding(4)], comments((3, TEXT)))
    assert [f.line for f in found.findings] == [4]


def test_comment_for_another_rule_or_file() -> None:
    assert len(settled([finding(3, "print-in-service")], comments((3, TEXT))).findings) == 1
    assert len(settled([finding(3, path="b.py")], comments((3, TEXT))).findings) == 1


def test_several_rules_and_lines() -> None:
    rows = comments(
        (2, "waive[call-without-timeout, print-in-service] reason=a; with a semicolon"),
        (3, "; trade-off=b; controls=rollback: FLAG=0, observability: alert x"),
        (40, TEXT),
    )
    assert len(rows) == 2 and rows[0].end_line == 3
    assert rows[0].reason == "a; with a semicolon" and rows[0].tradeoff == "b"
    assert rows[0].controls == {"rollback": "FLAG=0", "observability": "alert x"}
    found = settled([finding(4), finding(4, "print-in-service"), finding(40)], rows)
    assert len(found.waived) == 3 and not found.problems


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("waive[call-without-timeout]", "lacks reason, tradeoff, controls"),
        ("waive[call-without-timeout] reason=a; controls=test", "lacks tradeoff"),
        ("waive[call-without-timeout] reason=a; tradeoff=b; controls=hope", "lacks controls (at least one of test,"),
        ("waive[call-without-timeouts] reason=a; tradeoff=b; controls=test", "did you mean 'call-without-timeout'"),
        ("waive[] reason=a; tradeoff=b; controls=test", "names no rule"),
        ("waive[call-without-timeout] because I say so", "is no key=text"),
        ("waive[call-without-timeout] reasn=a; tradeoff=b; controls=test", "did you mean 'reason'"),
        ("waive[call-without-timeout] reason=a; tradeoff=b; controls=test; until=soon", "until is 'soon'"),
        ("ignore this", "is no waiver"),
    ],
)
def test_incomplete_waiver_is_reported_and_waives_nothing(text: str, part: str) -> None:
    found = settled([finding(3)], comments((3, text)))
    assert len(found.findings) == 1 and not found.waived
    assert problems(found) == [("incomplete-waiver", 3)]
    assert part in found.problems[0].message, found.problems[0].message


def test_expired_waiver() -> None:
    found = settled([finding(3)], comments((3, f"{TEXT}; until=2026-05-31")))
    assert len(found.findings) == 1 and problems(found) == [("expired-waiver", 3)]
    assert not settled([finding(3)], comments((3, f"{TEXT}; until=2026-06-01"))).problems


def test_unused_is_not_said_of_a_rule_that_did_not_run() -> None:
    assert problems(settled([], comments((3, TEXT)))) == [("unused-waiver", 3)]
    assert not settled([], comments((3, TEXT)), judged=("print-in-service",)).problems


def test_waiver_of_the_configuration_holds_for_its_path() -> None:
    entry = WaiverEntry(
        ("call-without-timeout",), "legacy/**/*.py", "a", "b", {"test": ""}, None, "", ".runtime-operations.toml", 4, 4
    )
    found = settled([finding(3, path="legacy/a/b.py"), finding(3, path="app/legacy.py")], [entry])
    assert [f.path for f in found.findings] == ["app/legacy.py"]
    assert found.waived[0][1].scope == "legacy/**/*.py"


def test_controls_in_one_text() -> None:
    assert controls_of("test: tests/a.py, tests/b.py | rollback FLAG=0; migration: in June") == {
        "test": "tests/a.py, tests/b.py", "rollback": "FLAG=0", "migration": "in June",
    }  # fmt: skip
    assert controls_of("we hope") == {} and controls_of("test") == {"test": ""}
