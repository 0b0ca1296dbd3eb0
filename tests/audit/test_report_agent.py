"""The report for agents: ranked, without repetition, in pages that keep to the budget and lose nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import made_reports as made
import pytest

from runtime_ops.findings import Evidence, Report
from runtime_ops.report import agent


def pages(report: Report, budget: int) -> list[str]:
    number = agent.page_count(report, made.COMMAND, made.EXPLAIN, budget)
    return [agent.render(report, made.COMMAND, made.EXPLAIN, budget, page) for page in range(1, number + 1)]


@pytest.mark.parametrize("budget", [300, 500, 1000, 4000, 20000])
@pytest.mark.parametrize("report", [made.shop(), made.crowded(), made.report()], ids=["shop", "crowded", "nothing"])
def test_every_page_keeps_to_the_budget(report: Report, budget: int) -> None:
    for page in pages(report, budget):
        assert agent.tokens(page) <= budget


@pytest.mark.parametrize("budget", [400, 4000])
def test_pages_together_hold_everything_once(budget: int) -> None:
    report = made.report(
        entrypoints=(made.entrypoint(rows=made.ROWS), made.entrypoint("app/jobs.py", "worker", rows=(made.QUESTION,))),
        findings=tuple(made.finding(n, message=f"thing number {n} goes wrong") for n in range(1, 80)),
    )
    found = pages(report, budget)
    whole = "\n".join(found)
    assert [int(n) for n in re.findall(r"thing number (\d+) ", whole)] == list(range(1, 80))
    assert whole.count(made.QUESTION.question) == 1
    for number, page in enumerate(found, 1):
        following = re.search(r"^Next page \((\d+) of (\d+)\): (.+)$", page, re.M)
        if number == len(found):
            assert following is None
        else:
            assert following is not None and following[1] == str(number + 1) and following[2] == str(len(found))
            extra = " --budget 400" if budget == 400 else ""
            assert following[3] == f"{made.COMMAND} --format agent{extra} --page {number + 1}"


def test_order_contracts_findings_questions() -> None:
    (page,) = pages(made.shop(), 4000)
    heads = re.findall(r"^## (\w+)", page, re.M)
    assert heads == ["Contracts", "Findings", "Questions"]
    severities = re.findall(r"^\d+\. \[(\w+)", page, re.M)
    assert severities == sorted(severities, key=["high", "medium", "low"].index) and len(severities) == 4


def test_item_says_where_what_when_and_how() -> None:
    (page,) = pages(made.shop(), 4000)
    assert (
        "[high] app/web.py:30 (also app/web.py:61, app/web.py:70, app/mail.py:8) call-without-timeout [serving]: requests.get(url) "
        "has no timeout" in page
    )
    assert "Fix: pass timeout=(3.05, 10)" in page and "Via Dockerfile:9 → app/web.py:28." in page
    assert "--explain RULE" in page
    assert "- worker app/jobs.py::celery (flask; Dockerfile:9): startup ok, shutdown BROKEN, jobs BROKEN, logging ok, metrics ?" in page
    assert f"- except: {made.QUESTION.question} app/jobs.py:44 except Exception" in page


def test_one_question_names_all_its_places() -> None:
    rows = tuple(replace(made.QUESTION, line=n) for n in range(1, 16))
    (page,) = pages(made.report(entrypoints=(made.entrypoint(rows=(*rows, replace(made.QUESTION, bound="it logs"))),)), 4000)
    assert page.count(made.QUESTION.question) == 2 and ", 2 questions" in page
    assert "app/jobs.py:1 except Exception, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 3 more (--map lists them)" in page
    assert f"{made.QUESTION.question} (known: it logs) app/jobs.py:44" in page


def test_equal_findings_are_one_item_with_a_count() -> None:
    same = tuple(made.finding(n, path=f"m{n}.py") for n in range(1, 31))
    counted = made.finding(90, message="another", count=5, also=tuple(Evidence("x.py", n, "") for n in range(1, 3)))
    (page,) = pages(made.report(findings=(*same, counted)), 4000)
    assert len(re.findall(r"^\d+\. ", page, re.M)) == 2
    assert "and 23 more)" in page and "(also x.py:1, x.py:2 and 2 more)" in page


def test_incomplete_is_said_first() -> None:
    page = pages(made.crowded(), 4000)[0]
    assert "INCOMPLETE, not judged: " in "".join(page.splitlines()[:2])


def test_page_that_does_not_exist() -> None:
    with pytest.raises(agent.PageError, match="there is 1 page"):
        agent.render(made.shop(), made.COMMAND, made.EXPLAIN, 4000, 2)


def test_hostile_names_stay_on_their_line() -> None:
    for page in pages(made.crowded(), 4000):
        assert all(line.isprintable() for line in page.splitlines())


def test_leads_stand_apart_and_are_called_unproved() -> None:
    leads = tuple(made.finding(n, path=f"m{n}.py", confidence="possible", message="maybe nobody ends it") for n in (3, 5))
    (page,) = pages(made.report(findings=(made.finding(),), leads=leads), 4000)
    heads = re.findall(r"^## (.+)$", page, re.M)
    assert [h.split()[0] for h in heads] == ["Findings", "Leads"] and "unproved" in heads[1]
    assert "- m3.py:3, m5.py:5 call-without-timeout: maybe nobody ends it" in page
