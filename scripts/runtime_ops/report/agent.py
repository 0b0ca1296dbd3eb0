"""The report for a coding agent: contracts, findings, questions, ranked, without repetition, within a token budget.

A token is taken as four characters. What does not fit goes to further pages; each page ends with the command for the
next one. Pages are cut between items, so the same budget always gives the same pages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runtime_ops.findings import PROMISES, EntrypointReport, Finding, MapRow, Report
from runtime_ops.plain import dataclass
from runtime_ops.report import wording as w

CHARACTERS_A_TOKEN = 4
DEFAULT_BUDGET = 4000
LEAST_BUDGET = 300
FRAME = 220  # characters of a page's heading and last lines, beside the two commands and the opening
LEAST_ROOM = 400
MOST_PLACES = 6
MOST_ASKED = 12
CONTRACT_SHARE = 0.3
LEAD = 220  # characters of a lead's message
LEADS = "Leads (unproved: read the place before you repeat one)"
REPEATED = 150  # characters of a message whose rule and remedy were told before


class PageError(Exception):
    """A page that the report does not have."""


@dataclass(frozen=True, slots=True)
class Item:
    """One unit that is not divided between pages."""

    section: str
    text: str


def render(report: Report, command: str, explain: str, budget: int = DEFAULT_BUDGET, page: int = 1) -> str:
    """One page of the report. ``command`` is how to call the audit on this root again, ``explain`` how to explain a rule.

    Raises PageError when there is no such page.
    """
    head = list(opening(report))
    pages = paginate(items_of(report, budget), room(budget, command, explain), sum(map(len, head)))
    if page > len(pages):
        raise PageError(f"--page {page}: there {'is' if len(pages) == 1 else 'are'} {w.count(len(pages), 'page')}")
    lines = head if page == 1 else [f"# Runtime audit of {root_name(report)}, page {page} of {len(pages)}"]
    section = ""
    for item in pages[page - 1]:
        if item.section != section:
            section = item.section
            lines += ["", f"## {section}"]
        lines.append(item.text)
    lines.append("")
    lines.append(f"Why and how, with a right example: {explain} --explain RULE")
    if page < len(pages):
        extra = f" --budget {budget}" if budget != DEFAULT_BUDGET else ""
        lines.append(f"Next page ({page + 1} of {len(pages)}): {command} --format agent{extra} --page {page + 1}")
    return "\n".join(lines) + "\n"


def items_of(report: Report, budget: int) -> list[Item]:
    """Everything that is told, in order."""
    return [*contracts(report, budget), *findings(report), *leads(report), *questions(report)]


def room(budget: int, command: str, explain: str) -> int:
    """Characters of a page that are left for items."""
    return max(LEAST_ROOM, max(budget, LEAST_BUDGET) * CHARACTERS_A_TOKEN - FRAME - len(command) - len(explain))


def paginate(items: Sequence[Item], size: int, opening_size: int) -> list[list[Item]]:
    """Items in pages of at most ``size`` characters, the first one less by its opening; an item that is too long for any
    page is cut."""
    pages: list[list[Item]] = [[]]
    left = size - opening_size
    for item in items:
        heading = len(item.section) + 5
        most = size - heading - 2
        text = item.text if len(item.text) <= most else item.text[: most - 1] + "…"
        cost = len(text) + 1 + (heading if not pages[-1] or pages[-1][-1].section != item.section else 0)
        if cost > left and (pages[-1] or len(pages) == 1):
            pages.append([])
            left = size
            cost = len(text) + 1 + heading
        pages[-1].append(Item(item.section, text))
        left -= cost
    return pages


def root_name(report: Report) -> str:
    """The root for a heading."""
    return w.cut_left(w.printable(report.root), 60)


def opening(report: Report) -> Iterator[str]:
    """What was looked at, in three lines at most."""
    asked = len({row.asked for e in report.entrypoints for row in e.map if row.verdict == "question"})
    counts = [w.count(len(report.entrypoints), "entrypoint"), w.count(len(report.findings), "finding")]
    severities = f" ({w.severity_counts(report.findings)})" if report.findings else ""
    questions = f", {w.count(asked, 'question')}" if asked else ""
    yield w.cut(f"# Runtime audit of {root_name(report)}: {', '.join(counts)}{severities}{questions}", 200)
    read = f"Read by parsing alone: {w.count(report.python_files, 'Python file')}, {w.count(report.artifact_files, 'artifact')}."
    if report.complete:
        yield read
        return
    rows = [w.place(row.path, row.line) for row in report.unparsed] + [rule for rule, _ in report.failed_rules]
    yield w.cut(
        f"{read} INCOMPLETE, not judged: {', '.join(rows[:4])}{f' and {len(rows) - 4} more' if len(rows) > 4 else ''}",
        220,
    )


def contracts(report: Report, budget: int) -> Iterator[Item]:
    """One line an entrypoint; those that do not fit their share are counted."""
    section = f"Contracts ({', '.join(PROMISES)})"
    left = int(max(budget, LEAST_BUDGET) * CHARACTERS_A_TOKEN * CONTRACT_SHARE)
    ranked = w.ranked_entrypoints(report)
    for number, entrypoint in enumerate(ranked):
        text = contract_line(entrypoint)
        if len(text) > left and number > 0:
            rest = ranked[number:]
            bad = sum(1 for e in rest if w.broken(e))
            yield Item(
                section,
                f"- and {len(rest)} more, {bad or 'none'} of them with a broken promise (--format json lists them)",
            )
            return
        left -= len(text)
        yield Item(section, text)


def contract_line(entrypoint: EntrypointReport) -> str:
    """``- worker app/jobs.py (celery; Dockerfile:8): startup ok, shutdown BROKEN, …``; only what applies."""
    found = w.verdicts(entrypoint)
    parts = [f"{promise} {w.WORDS[found[promise]]}" for promise in PROMISES if found[promise] != "n/a"]
    starts = [w.place(e.path, e.line) for e in entrypoint.started_by[:1]]
    start = starts[0] if starts else "not started by any artifact"
    about = "; ".join(text for text in (w.printable(entrypoint.framework), start) if text)
    return f"- {entrypoint.kind} {w.printable(entrypoint.id)} ({about}): {', '.join(parts) or 'no promise applies'}"


def findings(report: Report) -> Iterator[Item]:
    """The findings, most important first; equal ones of one rule are one item with all their places."""
    told: dict[tuple[str, str], int] = {}
    for number, group in enumerate(w.alike(w.ranked_findings(report)), 1):
        key = (group[0].rule, group[0].remedy)
        yield Item("Findings", finding_text(number, group, told.get(key)))
        told.setdefault(key, number)


def finding_text(number: int, group: Sequence[Finding], told: int | None = None) -> str:
    """``1. [high] app.py:10 rule: what happens. Fix: what to write.``

    ``told`` is the number under which the same rule gave the same remedy before: it is not told again.
    """
    first = group[0]
    places = [w.place(finding.path, finding.line) for finding in group[1:]]
    places += [w.place(e.path, e.line) for finding in group for e in finding.also]
    total = sum(finding.count for finding in group) - 1
    where = w.place(first.path, first.line)
    if places or total:
        shown = ", ".join(places[:MOST_PLACES])
        more = max(total, len(places)) - len(places[:MOST_PLACES])
        where += f" (also {shown}{f' and {more} more' if more > 0 else ''})" if shown else f" (and {more} more like it)"
    doubt = f", {first.confidence}" if first.confidence == "possible" else ""
    phase = f" [{first.phase}]" if first.phase else ""
    way = ""
    if first.trace and (first.trace[0].path, first.trace[0].line) != (first.path, first.line):
        way = f" Via {' → '.join(w.place(step.path, step.line) for step in first.trace[:3])}."
    message = w.printable(first.message).rstrip(".")
    if told is not None:
        return f"{number}. [{first.severity}{doubt}] {where} {first.rule}{phase}: {w.cut(message, REPEATED)}. Fix: as {told}."
    return f"{number}. [{first.severity}{doubt}] {where} {first.rule}{phase}: {message}. Fix: {w.printable(first.remedy).rstrip('.')}.{way}"


def leads(report: Report) -> Iterator[Item]:
    """What is only possible, a line each; equal ones of one rule with all their places."""
    for group in w.alike(w.ranked(report, report.leads)):
        first = group[0]
        places = [w.place(f.path, f.line) for f in group] + [w.place(e.path, e.line) for f in group for e in f.also]
        more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
        text = w.cut(w.printable(first.message), LEAD)
        yield Item(LEADS, f"- {', '.join(places[:MOST_PLACES])}{more} {first.rule}: {text}")


def questions(report: Report) -> Iterator[Item]:
    """What only a reader can decide, each once with all its places, those of started programs first."""
    asked: dict[tuple[str, str, str | None], dict[tuple[str, int], MapRow]] = {}
    for entrypoint in w.ranked_entrypoints(report):
        for row in entrypoint.map:
            if row.verdict == "question":
                asked.setdefault(row.asked, {}).setdefault((row.path, row.line), row)
    for places in asked.values():
        yield Item("Questions (read the place, then decide)", question_text(list(places.values())))


def question_text(rows: Sequence[MapRow]) -> str:
    """One question and the places that it is asked of."""
    first = rows[0]
    bound = f" (known: {w.printable(first.bound)})" if first.bound else ""
    places: list[str] = []
    last: MapRow | None = None
    for row in rows[:MOST_ASKED]:
        again = last is not None and (last.path, last.name) == (row.path, row.name)
        places.append(str(row.line) if again else f"{w.place(row.path, row.line)} {w.printable(row.name)}")
        last = row
    more = f" and {len(rows) - MOST_ASKED} more (--map lists them)" if len(rows) > MOST_ASKED else ""
    return f"- {first.what}: {w.printable(first.question)}{bound} {', '.join(places)}{more}"


def tokens(text: str) -> int:
    """Tokens of a text by the estimate that the budget uses."""
    return -(-len(text) // CHARACTERS_A_TOKEN)


def page_count(report: Report, command: str, explain: str, budget: int) -> int:
    """How many pages the report has at a budget."""
    head = sum(map(len, opening(report)))
    return len(paginate(items_of(report, budget), room(budget, command, explain), head))
