"""Written-down deviations: which findings they take out of the count, and which of them are not worth their name.

A waiver that says too little, is past its date, or matches nothing is reported itself, so that deviations neither pile
up in silence nor outlive their reason. An incomplete or expired one waives nothing.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from pathspec import GitIgnoreSpec

from runtime_ops.configuration import CONTROLS, WaiverEntry, nearest
from runtime_ops.facts.model import Comment
from runtime_ops.findings import Finding, Waiver
from runtime_ops.plain import dataclass

WAIVE = re.compile(r"waive\s*\[([^\]]*)\]\s*:?\s*(.*)$", re.DOTALL)
PART = re.compile(r"^\s*([A-Za-z][A-Za-z-]*)\s*=\s*(.*)$", re.DOTALL)
CONTROL = re.compile(rf"(?:^|[,;|]\s*|\band\s+)({'|'.join(CONTROLS)})s?(?:\s*[:=]\s*|\s+|(?=[,;|])|$)", re.IGNORECASE)
COMMENT_KEYS = ("reason", "tradeoff", "controls", "until", "owner")

INCOMPLETE, EXPIRED, UNUSED = "incomplete-waiver", "expired-waiver", "unused-waiver"
EXPLANATIONS: Mapping[str, str] = {
    INCOMPLETE: "A waiver needs a reason (why the default does not fit), a tradeoff (what can now go wrong) and at least "
    f"one control that compensates for it ({', '.join(CONTROLS)}). Without them it is a silenced alarm, and it waives "
    "nothing.",
    EXPIRED: "The waiver's date (until) is past. What it waived is reported again: mend it, or decide again and set a new "
    "date.",
    UNUSED: "The waiver matches no finding: what it waived was mended, moved, or is spelled differently. Remove it, or it "
    "will hide the next finding of its rule in that place.",
}


@dataclass(frozen=True, slots=True)
class Settled:
    """Findings after the waivers: those that stand, those waived, and what is wrong with waivers."""

    findings: tuple[Finding, ...]
    waived: tuple[tuple[Finding, Waiver], ...]
    problems: tuple[Finding, ...]


def from_comments(path: str, comments: Sequence[Comment], rules: Collection[str]) -> Iterator[WaiverEntry]:
    """The waivers in one file's comments. A comment on the following line without ``waive[…]`` goes on with the last."""
    groups: list[tuple[int, int, str]] = []
    for comment in comments:
        if WAIVE.match(comment.text):
            groups.append((comment.line, comment.line, comment.text))
        elif groups and groups[-1][1] + 1 == comment.line:
            groups[-1] = (groups[-1][0], comment.line, f"{groups[-1][2]} {comment.text}")
        else:
            problem = f"{comment.text[:60]!r} is no waiver; expected waive[rule] reason=…; tradeoff=…; controls=…"
            yield WaiverEntry((), "", "", "", {}, None, "", path, comment.line, comment.line, (problem,))
    for first, last, text in groups:
        yield _parse(path, first, last, text, rules)


def _parse(path: str, first: int, last: int, text: str, rules: Collection[str]) -> WaiverEntry:
    found = WAIVE.match(text)
    names, rest = (found[1], found[2]) if found else ("", "")
    ids = tuple(word for word in re.split(r"[\s,]+", names) if word)
    problems = [f"unknown rule {rule!r}; {nearest(rule, rules)}" for rule in ids if rule not in rules]
    if not ids:
        problems.append("names no rule; expected waive[rule]")
    values: dict[str, str] = {}
    key = ""
    for part in rest.split(";"):
        pair = PART.match(part)
        name = pair[1].lower().replace("trade-off", "tradeoff") if pair else ""
        if pair and name in COMMENT_KEYS:
            key = name
            values[key] = pair[2].strip().strip("\"'")
        elif pair and not key:
            problems.append(f"unknown key {pair[1]!r}; {nearest(pair[1], COMMENT_KEYS)}")
        elif key:
            values[key] += f";{part.rstrip()}"  # a semicolon within a sentence
        elif part.strip():
            problems.append(f"{part.strip()[:40]!r} is no key=text; expected reason=…; tradeoff=…; controls=…")
    until = None
    if values.get("until"):
        try:
            until = datetime.date.fromisoformat(values["until"])
        except ValueError:
            problems.append(f"until is {values['until']!r}; expected a date as 2027-01-31")
    return WaiverEntry(
        ids, "", values.get("reason", ""), values.get("tradeoff", ""), controls_of(values.get("controls", "")), until,
        values.get("owner", ""), path, first, last, tuple(problems),
    )  # fmt: skip


def controls_of(text: str) -> dict[str, str]:
    """The controls named in a text: ``test: tests/test_x.py, rollback: FLAG=0``."""
    text = text.strip()
    marks = list(CONTROL.finditer(text))
    ends = [*(mark.start() for mark in marks), len(text)][1:]
    return {
        mark[1].lower(): text[mark.end() : end].strip().strip(",;|").strip() for mark, end in zip(marks, ends, strict=True)
    }


def problems_of(entry: WaiverEntry) -> list[str]:
    """What an entry lacks before it may waive anything."""
    lacking = [name for name in ("reason", "tradeoff") if not getattr(entry, name)]
    if not entry.controls:
        lacking.append(f"controls (at least one of {', '.join(CONTROLS)})")
    return [*entry.problems, *([f"lacks {', '.join(lacking)}"] if lacking and entry.rules else [])]


def settle(
    findings: Sequence[Finding],
    entries: Iterable[WaiverEntry],
    *,
    today: datetime.date,
    concerns: Mapping[str, str],
    judged: Collection[str],
) -> Settled:
    """Apply the waivers. ``concerns`` maps each rule to its concern; ``judged`` are the rules that ran, so that a
    waiver of a rule that was skipped is not called unused."""
    active: list[_Active] = []
    problems: list[Finding] = []
    for entry in entries:
        wrong = problems_of(entry)
        rule = entry.rules[0] if entry.rules else ""
        concern = concerns.get(rule, "startup")
        if wrong:
            message = f"this waiver of {rule or 'nothing'} does not count: {'; '.join(wrong)}"
            remedy = "write waive[rule] reason=…; tradeoff=…; controls=test: …, or remove it"
            problems.append(_problem(INCOMPLETE, "medium", concern, entry, message, remedy))
        elif entry.until is not None and entry.until < today:
            message = f"this waiver of {rule} ended on {entry.until}: what it waived is reported again"
            remedy = "mend what it waived, or decide again and set a new date"
            problems.append(_problem(EXPIRED, "medium", concern, entry, message, remedy))
        else:
            active.append(_Active(entry))
    kept: list[Finding] = []
    waived: list[tuple[Finding, Waiver]] = []
    by_place = {(f.rule, f.path, line) for f in findings for line in range(f.line, f.end_line + 1)}
    for finding in findings:
        chosen = next((each for each in active if each.matches(finding, by_place)), None)
        if chosen is None:
            kept.append(finding)
        else:
            chosen.used.add(finding.rule)
            waived.append((finding, chosen.waiver(finding.rule)))
    for each in active:
        unused = [rule for rule in each.entry.rules if rule not in each.used and rule in judged]
        if unused:
            message = f"this waiver of {', '.join(unused)} matches no finding"
            remedy = "remove it, or correct its rule, place or path"
            problems.append(_problem(UNUSED, "low", concerns.get(unused[0], "startup"), each.entry, message, remedy))
    return Settled(tuple(kept), tuple(waived), tuple(sorted(problems, key=lambda p: (p.path, p.line, p.rule))))


class _Active:
    """A waiver that counts, and the rules of which it has waived something."""

    def __init__(self, entry: WaiverEntry) -> None:
        self.entry = entry
        self.used: set[str] = set()
        self.scope = GitIgnoreSpec.from_lines([entry.scope]) if entry.scope else None

    def matches(self, finding: Finding, places: Collection[tuple[str, str, int]]) -> bool:
        entry = self.entry
        if finding.rule not in entry.rules:
            return False
        if self.scope is not None:
            return self.scope.match_file(finding.path)
        if finding.path != entry.path:
            return False
        if entry.line <= finding.end_line and finding.line <= entry.end_line:
            return True
        # a comment of its own line stands above; one that follows code belongs to that code's finding
        above = entry.end_line + 1 == finding.line
        return above and not any((finding.rule, entry.path, n) in places for n in range(entry.line, entry.end_line + 1))

    def waiver(self, rule: str) -> Waiver:
        entry = self.entry
        return Waiver(
            rule, entry.reason, entry.tradeoff, tuple(entry.controls), entry.path, entry.line, entry.scope,
            entry.until.isoformat() if entry.until else "", entry.owner, dict(entry.controls),
        )  # fmt: skip


def _problem(rule: str, severity: str, concern: str, entry: WaiverEntry, message: str, remedy: str) -> Finding:
    return Finding(
        rule, concern, severity, "certain", entry.path, entry.line, message, remedy, entry.end_line,
        anchor=f"{','.join(entry.rules)}:{entry.scope}",
    )  # fmt: skip
