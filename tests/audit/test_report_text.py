"""The text report: the first screen fits on any repository, and says nothing that was not found."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import made_reports as made
import pytest

from runtime_ops.findings import Report, Skipped, Unparsed
from runtime_ops.report import map as runtime_map
from runtime_ops.report import rules_list, text, wording
from runtime_ops.report.style import Style, wants_colour

EXPECTED = Path(__file__).parent / "expected"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def first_screen(report: Report) -> list[str]:
    return list(text.first_screen(report, made.EXPLAIN, Style(False)))


REPORTS = {
    "shop": made.shop(),
    "crowded": made.crowded(),
    "nothing": made.report(),
    "no entrypoint": made.report(findings=(made.finding(entrypoints=()),)),
    "clean": made.report(entrypoints=(made.entrypoint(words="mmmmmm"),)),
    "many small": made.report(
        tuple(made.entrypoint(f"cli/{n}.py", "cli", "unnnnn", started=False) for n in range(11)),
        tuple(made.finding(n + 1, message="short", remedy="short") for n in range(40)),
    ),
}


@pytest.mark.parametrize("name", REPORTS)
def test_first_screen_fits(name: str) -> None:
    lines = first_screen(REPORTS[name])
    assert len(lines) <= 40
    assert [line for line in lines if wording.cells(line) > 100] == []
    assert not any(ESCAPE.search(line) or not line.isprintable() for line in lines)


@pytest.mark.parametrize("name", REPORTS)
def test_everything_is_in_the_whole_report(name: str) -> None:
    report = REPORTS[name]
    whole = text.render(report, made.EXPLAIN)
    assert "\x1b" not in whole and "\r" not in whole
    for finding in report.findings:
        assert wording.place(finding.path, finding.line) in whole
    for row in (*report.unparsed, *report.partial):
        assert wording.place(row.path, row.line) in whole


@pytest.mark.parametrize("name", ["shop", "clean"])
def test_snapshot(name: str) -> None:
    assert text.render(REPORTS[name], made.EXPLAIN) == (EXPECTED / f"{name}.txt").read_text(encoding="utf-8")


def test_map_snapshot() -> None:
    assert runtime_map.render(made.shop()) == (EXPECTED / "shop_map.txt").read_text(encoding="utf-8")


def test_each_finding_is_told_in_full_once() -> None:
    report = made.shop()
    rest = "\n".join(text.details(report, Style(False)))
    for finding in report.findings:
        assert len(re.findall(rf"^{finding.severity} +{re.escape(finding.path)}:{finding.line} ", rest, re.M)) == 1


def test_broken_entrypoints_come_first_and_the_rest_is_counted() -> None:
    good = [made.entrypoint(f"a{n:02}.py", "cli", "mnnnnn", started=False) for n in range(20)]
    bad = made.entrypoint("z.py", "worker", "bmmmmm", started=False)
    worst = made.entrypoint("y.py", "service", "bmmmmm")
    lines = list(text.table(made.report((*good, bad, worst)), Style(False)))
    assert lines[1].startswith("y.py") and "BROKEN" in lines[1] and lines[2].startswith("z.py")
    assert lines[-2] == "and 13 more below: 13 cli; none of them breaks a promise"
    assert lines[-1] == wording.LEGEND


def test_what_was_not_read_is_said_with_its_meaning() -> None:
    report = made.report(
        entrypoints=(made.entrypoint(words="mmmmmm"),),
        complete=False,
        unparsed=(Unparsed("new.py", 57, "needs a newer Python"),),
        failed=(("lazy-config", "KeyError: 'x'"),),
        skipped=(*(Skipped(f"t{n}", "tests") for n in range(3)), Skipped("x.py", "ignored by .gitignore:1")),
    )
    screen = "\n".join(first_screen(report))
    assert "INCOMPLETE: 1 file could not be read and 1 rule failed; what is wrong there is not known." in screen
    assert "new.py:57 needs a newer Python" in screen and "rule lazy-config: KeyError: 'x'" in screen
    assert "tests (3), ignored by .gitignore (1)" in screen
    assert "No findings in what could be read" in screen


def test_no_finding_claims_no_more_than_what_was_looked_at() -> None:
    screen = "\n".join(first_screen(made.report(entrypoints=(made.entrypoint(words="mmuuuu"),))))
    assert "No findings in 1 entrypoint." in screen and "Reading cannot tell about 4 promises" in screen


def test_severe_rules_speak_once_before_one_speaks_twice() -> None:
    findings = [made.finding(n, "first-rule") for n in range(1, 5)] + [made.finding(9, "other-rule", path="z.py")]
    findings = [replace(finding, message=f"message {finding.line}") for finding in findings]
    order = wording.varied(wording.alike(wording.ranked_findings(made.report(findings=tuple(findings)))))
    assert [group[0].rule for group in order] == ["first-rule", "other-rule", *["first-rule"] * 3]


def test_findings_that_say_the_same_are_one_on_the_first_screen() -> None:
    screen = "\n".join(first_screen(made.report(findings=tuple(made.finding(n) for n in range(1, 9)))))
    assert "app/web.py:1 call-without-timeout and 7 more like it" in screen and "8 findings: 8 high." in screen


def test_colour_changes_no_text() -> None:
    report = made.shop()
    coloured = text.render(report, made.EXPLAIN, colour=True)
    assert ESCAPE.search(coloured) and ESCAPE.sub("", coloured) == text.render(report, made.EXPLAIN)


class Stream:
    def __init__(self, terminal: bool) -> None:
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("terminal", "refused", "environment", "expected"),
    [(True, False, {}, True), (False, False, {}, False), (True, True, {}, False), (True, False, {"NO_COLOR": "1"}, False),
     (True, False, {"NO_COLOR": ""}, True), (True, False, {"TERM": "dumb"}, False)],
)  # fmt: skip
def test_colour_only_where_it_is_wanted(
    terminal: bool, refused: bool, environment: dict[str, str], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_colour(Stream(terminal), refused) is expected  # type: ignore[arg-type]


def test_output_that_knows_only_ascii() -> None:
    assert wording.encodable("→ – … é", "ascii") == "-> - ... \\xe9"
    assert wording.encodable("→ é", "utf-8") == "→ é"


@pytest.mark.parametrize(
    ("given", "width", "most", "expected"),
    [("one two three", 7, None, ["one two", "three"]), ("one two three four", 7, 2, ["one two", "three…"]),
     ("abcdefghij", 4, None, ["abc", "def", "ghij"]), ("", 5, None, []), ("日本語テキスト", 6, None, ["日本", "語テ", "キスト"])],
)  # fmt: skip
def test_wrap(given: str, width: int, most: int | None, expected: list[str]) -> None:
    lines = wording.wrap(given, width, most)
    assert all(wording.cells(line) <= width for line in lines)
    assert [line.replace(" …", "…") for line in lines] == expected


@dataclass
class Row:
    id: str
    concern: str
    severity: str
    summary: str


def test_list_of_rules() -> None:
    rules = [
        Row("print-in-service", "logging", "medium", "A service prints."),
        Row("call-without-timeout", "deadlines", "high", "A call may wait for ever."),
    ]
    shown = rules_list.render(rules, "python3 scripts/audit.py")
    assert "  print-in-service      medium  A service prints." in shown and "2 rules." in shown
    link = "references/x.md#print-in-service"
    assert f'"guide": "{link}"' in rules_list.render_json(rules, {"print-in-service": link})


def test_replaced_severity_moves_a_finding() -> None:
    low = replace(made.finding(1), severity="low")
    assert wording.ranked_findings(made.report(findings=(low, made.finding(2))))[0].line == 2
