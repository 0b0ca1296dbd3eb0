"""Words and widths that the formats for people share. Everything here is pure: values in, text out."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from runtime_ops.findings import PROMISES, SEVERITIES, EntrypointReport, Evidence, Finding, Report, Skipped

WORDS = {"met": "ok", "broken": "BROKEN", "unknown": "?", "n/a": "-"}
LEGEND = "ok: kept, evidence below   BROKEN: see the findings   ?: reading cannot tell   -: does not apply"
PHASE_ORDER = ("serving", "shutdown", "startup", "import", None)
KIND_ORDER = ("service", "worker", "job", "cli")
ASCII = str.maketrans({"→": "->", "–": "-", "—": "-", "…": "...", "·": "|", "×": "x", "≤": "<=", "≥": ">=", "─": "-"})
PLURALS = {"is a link": "links", "ignored": "ignored by .gitignore"}


def printable(text: str) -> str:
    """The text on one line, without control characters: a file's name or a snippet must not steer the terminal."""
    kept = (
        " " if character in "\r\n\t" else character if character.isprintable() else f"\\x{ord(character):02x}"
        for character in text
    )
    return " ".join("".join(kept).split(" ")).strip()


def cells(text: str) -> int:
    """Columns that a text takes on a terminal: wide characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )


def pad(text: str, width: int) -> str:
    """The text, filled with blanks to a number of columns."""
    return text + " " * max(0, width - cells(text))


def cut(text: str, width: int) -> str:
    """At most so many columns, with an ellipsis at the end when something is left out."""
    if cells(text) <= width:
        return text
    kept, used = [], 0
    for character in text:
        used += cells(character)
        if used > width - 1:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def cut_left(text: str, width: int) -> str:
    """At most so many columns; the end is kept, which tells paths apart."""
    if cells(text) <= width:
        return text
    kept, used = [], 0
    for character in reversed(text):
        used += cells(character)
        if used > width - 1:
            break
        kept.append(character)
    return "…" + "".join(reversed(kept))


def wrap(text: str, width: int, most: int | None = None) -> list[str]:
    """The words of a text in lines of at most ``width`` columns; of more than ``most`` lines the last ends in an
    ellipsis. A word that is too long for a line is broken."""
    lines: list[str] = []
    line = ""
    for word in printable(text).split():
        while cells(word) > width:
            head = cut(word, width)[:-1] or word[:1]
            lines.extend([line] if line else [])
            line, word = "", word[len(head) :]
            lines.append(head)
        if line and cells(line) + 1 + cells(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    lines.extend([line] if line else [])
    if most is not None and len(lines) > most:
        lines = [*lines[: most - 1], cut(f"{lines[most - 1]} …", width) if cells(lines[most - 1]) < width - 1 else
                 cut(lines[most - 1] + "…", width)]  # fmt: skip
    return lines


def place(path: str, line: int) -> str:
    """``path:line``."""
    return f"{printable(path)}:{line}"


def count(number: int, singular: str, plural: str = "") -> str:
    """``1 file``, ``3 files``, ``1,204 files``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def skip_group(reason: str) -> str:
    """The kind of a reason for not reading: rows of one kind are counted together."""
    if reason.startswith("ignored by"):
        return "ignored by .gitignore"
    if reason.startswith("too large"):
        return "too large"
    if reason.startswith("a link"):
        return "links"
    if reason.startswith("excluded"):
        return "excluded by your configuration"
    if re.match(r"is a|is an|is something", reason):
        return "no plain files"
    return reason


def skipped_summary(skipped: Iterable[Skipped]) -> list[str]:
    """``tests (5)``, ``migrations (2)``: most frequent first."""
    groups = Counter(skip_group(row.reason) for row in skipped)
    return [f"{name} ({number})" for name, number in sorted(groups.items(), key=lambda g: (-g[1], g[0]))]


def verdicts(entrypoint: EntrypointReport) -> dict[str, str]:
    """Promise → verdict, ``unknown`` where the contract has no row."""
    found = {verdict.promise: verdict.verdict for verdict in entrypoint.contract}
    return {promise: found.get(promise, "unknown") for promise in PROMISES}


def broken(entrypoint: EntrypointReport) -> int:
    """How many of its promises are broken."""
    return sum(1 for verdict in entrypoint.contract if verdict.verdict == "broken")


def ranked_entrypoints(report: Report) -> list[EntrypointReport]:
    """Those that an artifact starts and that break promises first; programs that stay up before those that end."""
    return sorted(
        report.entrypoints,
        key=lambda e: (not (broken(e) and e.started_by), not broken(e), not e.started_by, kind_rank(e.kind), -broken(e), e.id),
    )


def kind_rank(kind: str) -> int:
    """Long-running programs first."""
    return KIND_ORDER.index(kind) if kind in KIND_ORDER else len(KIND_ORDER)


def ranked_findings(report: Report) -> list[Finding]:
    """The findings, what matters most first."""
    return ranked(report, report.findings)


def ranked(report: Report, findings: Iterable[Finding]) -> list[Finding]:
    """What matters most first: severity, then whether something that an artifact starts reaches it, confidence, phase."""
    started = {entrypoint.id for entrypoint in report.entrypoints if entrypoint.started_by}
    return sorted(
        findings,
        key=lambda f: (
            SEVERITIES.index(f.severity), not started.intersection(f.entrypoints), not f.entrypoints,
            f.confidence != "certain", PHASE_ORDER.index(f.phase), f.path, f.line, f.rule,
        ),
    )  # fmt: skip


def alike(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings that say the same of different places, together; in the order of the first of each."""
    groups: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.rule, finding.message, finding.remedy), []).append(finding)
    return list(groups.values())


def varied(groups: Sequence[list[Finding]]) -> list[list[Finding]]:
    """The groups so that within a severity each rule speaks once before any speaks twice."""
    spoken: Counter[tuple[str, str]] = Counter()
    keyed = []
    for number, group in enumerate(groups):
        first = group[0]
        keyed.append((SEVERITIES.index(first.severity), spoken[first.severity, first.rule], number, group))
        spoken[first.severity, first.rule] += 1
    return [group for *_, group in sorted(keyed, key=lambda k: k[:3])]


def started_text(entrypoint: EntrypointReport, width: int = 90) -> str:
    """What starts it: the first artifact with its text, and how many more."""
    if not entrypoint.started_by:
        return "nothing that was read starts it"
    first: Evidence = entrypoint.started_by[0]
    more = f" and {len(entrypoint.started_by) - 1} more" if len(entrypoint.started_by) > 1 else ""
    where = place(first.path, first.line)
    note = cut(printable(first.note), max(20, width - cells(where) - cells(more) - 14))
    return f"started by {where}{f' ({note})' if note else ''}{more}"


def severity_counts(findings: Sequence[Finding]) -> str:
    """``3 high, 12 medium, 1 low``."""
    counts = Counter(finding.severity for finding in findings)
    return ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity])


def encodable(text: str, encoding: str | None) -> str:
    """The text in what an output can write: signs get their nearest ASCII where the encoding has none."""
    if text.isascii():  # as JSON always is: no copy of some megabytes to find out
        return text
    try:
        text.encode(encoding or "utf-8")
        return text
    except (UnicodeEncodeError, LookupError):
        plain = text.translate(ASCII)
        return plain.encode(encoding or "ascii", "backslashreplace").decode(encoding or "ascii")
