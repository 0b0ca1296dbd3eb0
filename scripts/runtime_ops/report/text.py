"""The report for people: a first screen of at most 40 lines and 100 columns, then everything, by entrypoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from runtime_ops import __version__
from runtime_ops.findings import PROMISES, EntrypointReport, Evidence, Finding, Report, Verdict, Waiver
from runtime_ops.report import wording as w
from runtime_ops.report.style import SEVERITY, VERDICT, Style

WIDTH = 100
SCREEN = 40
MOST_ROWS = 9
MOST_UNREAD = 2
NAME_WIDTH = 45
KIND_WIDTH = 8
COLUMNS = {promise: max(len(promise), len("BROKEN")) for promise in PROMISES}
LINES_A_FINDING = 4


def render(report: Report, command: str, colour: bool = False) -> str:
    """The whole report. ``command`` is how to call the audit, for the hints."""
    paint = Style(colour)
    return "\n".join([*first_screen(report, command, paint), *details(report, paint)]).rstrip() + "\n"


# ---------------------------------------------------------------- first screen


def first_screen(report: Report, command: str, paint: Style) -> Iterator[str]:
    """What was read, the contracts, and as many of the weightiest findings as 40 lines hold."""
    head = [*opening(report, paint), "", *table(report, paint), ""]
    yield from head
    if not report.findings:
        yield from nothing_found(report, paint)
        return
    groups = w.alike(w.ranked_findings(report))
    room = SCREEN - len(head) - 3
    shown: list[str] = []
    told = 0
    for group in w.varied(groups):
        lines = brief(group, paint)
        if len(shown) + len(lines) > room:
            break
        shown.extend(lines)
        told += len(group)
    left = len(report.findings) - told
    total = f"{w.count(len(report.findings), 'finding')}: {w.severity_counts(report.findings)}"
    yield paint(f"{total}. What matters most:" if left else f"{total}.", "bold")
    yield from shown
    yield ""
    below = f"{left:,} more below, by entrypoint. " if left else ""
    if report.leads:
        below += f"{w.count(len(report.leads), 'lead')} that reading cannot prove: --all. "
    # the command is for copying: a line too long is better than one without its end
    yield f"{below}Why, and the right way: {command} --explain RULE"


def opening(report: Report, paint: Style) -> Iterator[str]:
    """What was read and what was not, and what that means."""
    yield paint(w.cut(f"runtime-audit {__version__}: {w.cut_left(w.printable(report.root), 70)}", WIDTH), "bold")
    read = [w.count(report.python_files, "Python file")]
    if report.artifact_files:
        read.append(w.count(report.artifact_files, "deployment and packaging file"))
    yield f"Read {w.listed(read)}; nothing was run."
    if report.skipped:
        summary = f"Left out as no runtime surface: {', '.join(w.skipped_summary(report.skipped))}."
        yield from w.wrap(summary, WIDTH, 2)
    if report.partial:
        files = w.count(len({row.path for row in report.partial}), "file")
        text = f"Not understood, so not judged: {w.count(len(report.partial), 'place')} in {files}, listed at the end."
        yield from w.wrap(text, WIDTH, 1)
    if not report.complete:
        yield from incomplete(report, paint)


def incomplete(report: Report, paint: Style) -> Iterator[str]:
    """Why the audit is not complete, in at most four lines."""
    causes = []
    if report.unparsed:
        causes.append(f"{w.count(len({row.path for row in report.unparsed}), 'file')} could not be read")
    if report.failed_rules:
        causes.append(f"{w.count(len(report.failed_rules), 'rule')} failed")
    yield paint(f"INCOMPLETE: {w.listed(causes) or 'part of it could not be read'}; what is wrong there is not known.", "red")
    rows = [f"  {w.place(row.path, row.line)} {row.reason}" for row in report.unparsed]
    rows += [f"  rule {rule}: {error}" for rule, error in report.failed_rules]
    for row in rows[:MOST_UNREAD]:
        yield "  " + w.cut(w.printable(row), WIDTH - 2)
    if len(rows) > MOST_UNREAD:
        yield f"  and {len(rows) - MOST_UNREAD:,} more, listed at the end"


def table(report: Report, paint: Style) -> Iterator[str]:
    """Entrypoints × promises; those that break a promise first, what does not fit counted in a last row."""
    if not report.entrypoints:
        yield "No entrypoint was found: nothing that a platform, a scheduler or a user would start."
        yield "The code was judged all the same, but without knowing when it runs."
        return
    titles = "".join(f" {promise.upper():{width}}" for promise, width in COLUMNS.items())
    yield paint(f"{'ENTRYPOINT':{NAME_WIDTH}}{'KIND':{KIND_WIDTH}}{titles}".rstrip(), "bold")
    ranked = w.ranked_entrypoints(report)
    shown = ranked if len(ranked) <= MOST_ROWS + 1 else ranked[:MOST_ROWS]
    for entrypoint in shown:
        yield row(entrypoint, paint)
    rest = ranked[len(shown) :]
    if rest:
        kinds = Counter(entrypoint.kind for entrypoint in rest)
        parts = [f"{number} {kind}" for kind, number in sorted(kinds.items(), key=lambda k: w.kind_rank(k[0]))]
        bad = sum(1 for entrypoint in rest if w.broken(entrypoint))
        verb = "break" if bad > 1 else "breaks"
        yield w.cut(f"and {len(rest)} more below: {', '.join(parts)}; {bad or 'none'} of them {verb} a promise", WIDTH)
    yield paint(w.LEGEND, "dim")


def row(entrypoint: EntrypointReport, paint: Style) -> str:
    """One row of the table."""
    name = w.pad(w.cut_left(w.printable(entrypoint.id), NAME_WIDTH - 1), NAME_WIDTH)
    found = w.verdicts(entrypoint)
    parts = [
        " " + paint(w.WORDS[found[promise]], VERDICT[found[promise]]) + " " * (width - len(w.WORDS[found[promise]]))
        for promise, width in COLUMNS.items()
    ]
    return f"{name}{entrypoint.kind:{KIND_WIDTH}}{''.join(parts)}".rstrip()


def brief(group: Sequence[Finding], paint: Style) -> list[str]:
    """Findings that say the same in two to four lines."""
    finding = group[0]
    severity = paint(f"{finding.severity:6}", SEVERITY[finding.severity])
    more = sum(each.count for each in group) - 1
    tail = f" {finding.rule}{f' and {more} more like it' if more else ''}"
    where = w.cut_left(w.place(finding.path, finding.line), WIDTH - 8 - len(tail))
    lines = [f"{severity}  {where}{paint(tail, 'cyan')}"]
    lines += [f"        {line}" for line in w.wrap(finding.message, WIDTH - 8, LINES_A_FINDING - 2)]
    left = LINES_A_FINDING - len(lines)
    return lines + [f"        {line}" for line in w.wrap(f"→ {finding.remedy}", WIDTH - 8, left)]


def nothing_found(report: Report, paint: Style) -> Iterator[str]:
    """The last lines when there is no finding: they claim no more than what was looked at."""
    scope = w.count(len(report.entrypoints), "entrypoint")
    if not report.complete:
        yield paint(f"No findings in what could be read ({scope}).", "bold")
        return
    yield paint(f"No findings in {scope}.", "bold")
    unknown = sum(1 for e in report.entrypoints for v in w.verdicts(e).values() if v == "unknown")
    if unknown:
        yield f"Reading cannot tell about {w.count(unknown, 'promise')} (?): the drill can, see --with-drill."


# ---------------------------------------------------------------- everything


def details(report: Report, paint: Style) -> Iterator[str]:
    """All entrypoints with contract and findings, then what belongs to none, what was waived and what was not read."""
    findings = w.ranked_findings(report)
    printed: dict[str, list[Finding]] = {}
    known = {entrypoint.id for entrypoint in report.entrypoints}
    ranked = w.ranked_entrypoints(report)
    order = {entrypoint.id: number for number, entrypoint in enumerate(ranked)}
    loose: list[Finding] = []
    for finding in findings:
        owners = [name for name in finding.entrypoints if name in known]
        if owners:
            printed.setdefault(min(owners, key=order.__getitem__), []).append(finding)
        else:
            loose.append(finding)
    for entrypoint in ranked:
        yield from entrypoint_lines(entrypoint, printed.get(entrypoint.id, []), paint)
    if loose:
        yield from heading("Reached from no entrypoint that was found", paint)
        for finding in loose:
            yield from full(finding, "", paint)
    if report.waived:
        yield from heading(f"Waived ({len(report.waived)})", paint)
        for finding, waiver in report.waived:
            yield from waived_lines(finding, waiver, paint)
    yield from unread_lines(report, paint)


def heading(text: str, paint: Style) -> Iterator[str]:
    yield ""
    yield paint(f"── {text} ".ljust(WIDTH, "─"), "bold")


def entrypoint_lines(entrypoint: EntrypointReport, findings: Sequence[Finding], paint: Style) -> Iterator[str]:
    """One entrypoint: what it is, its contract with grounds, its findings."""
    yield from heading(w.printable(entrypoint.id), paint)
    framework = f" ({w.printable(entrypoint.framework)})" if entrypoint.framework else ""
    yield w.cut(f"{entrypoint.kind}{framework} at {w.place(entrypoint.path, entrypoint.line)}", WIDTH)
    yield w.started_text(entrypoint, WIDTH)
    for verdict in entrypoint.contract:
        if verdict.verdict != "n/a":
            yield from verdict_lines(verdict, paint)
    aside = [verdict.promise for verdict in entrypoint.contract if verdict.verdict == "n/a"]
    if aside:
        yield paint(f"  {w.listed(aside)} {'does' if len(aside) == 1 else 'do'} not apply", "dim")
    for finding in findings:
        yield from full(finding, entrypoint.id, paint)


def verdict_lines(verdict: Verdict, paint: Style) -> Iterator[str]:
    """A promise with the evidence or the reason."""
    label = f"  {verdict.promise:9}" + paint(f"{w.WORDS[verdict.verdict]:7}", VERDICT[verdict.verdict])
    if verdict.evidence:
        grounds = [f"{w.place(e.path, e.line)} {e.note}".strip() for e in verdict.evidence]
        text = "; ".join(grounds[:3]) + (f"; and {len(grounds) - 3} more" if len(grounds) > 3 else "")
    else:
        text = verdict.reason
    lines = w.wrap(text, WIDTH - 18, 3)
    yield label + (lines[0] if lines else "")
    for line in lines[1:]:
        yield " " * 18 + line


def full(finding: Finding, entrypoint: str, paint: Style) -> Iterator[str]:
    """A finding with everything that is known of it."""
    severity = paint(f"{finding.severity:6}", SEVERITY[finding.severity])
    facts = [finding.phase or "", "" if finding.confidence == "certain" else finding.confidence]
    others = len([name for name in finding.entrypoints if name != entrypoint])
    if others and entrypoint:
        facts.append(f"also {w.count(others, 'other entrypoint')}")
    known = ", ".join(fact for fact in facts if fact)
    yield ""
    yield f"{severity}  {w.place(finding.path, finding.line)} {paint(finding.rule, 'cyan')}{f' ({known})' if known else ''}"
    for line in w.wrap(finding.message, WIDTH - 8):
        yield f"        {line}"
    for line in w.wrap(f"→ {finding.remedy}", WIDTH - 8):
        yield f"        {line}"
    if finding.trace:
        yield from trace_lines(finding.trace)
    if finding.count > 1:
        # one line may hold the same fact twice; its place is told once
        own = w.place(finding.path, finding.line)
        places = ", ".join(dict.fromkeys(p for e in finding.also if (p := w.place(e.path, e.line)) != own))
        for line in w.wrap(f"{finding.count} places{f', also {places}' if places else ''}", WIDTH - 8, 3):
            yield f"        {line}"


def trace_lines(trace: Sequence[Evidence]) -> Iterator[str]:
    """The way from the entrypoint, or the other artifact."""
    for number, step in enumerate(trace[:6]):
        sign = "from" if number == 0 else " to "
        yield w.cut(f"        {sign} {w.place(step.path, step.line)} {w.printable(step.note)}", WIDTH)
    if len(trace) > 6:
        yield f"        and {len(trace) - 6} more steps"


def waived_lines(finding: Finding, waiver: Waiver, paint: Style) -> Iterator[str]:
    """A waived finding with the record that waives it."""
    until = f", until {waiver.until}" if waiver.until else ""
    owner = f", {w.printable(waiver.owner)}" if waiver.owner else ""
    yield f"{finding.severity:6}  {w.place(finding.path, finding.line)} {paint(finding.rule, 'cyan')}"
    yield w.cut(f"        waived at {w.place(waiver.path, waiver.line)}{until}{owner}", WIDTH)
    controls = ", ".join(f"{name}: {waiver.notes.get(name) or 'yes'}" for name in waiver.controls)
    for line in w.wrap(f"{waiver.reason}; trade-off: {waiver.tradeoff}; controls: {controls}", WIDTH - 8, 3):
        yield f"        {line}"


def unread_lines(report: Report, paint: Style) -> Iterator[str]:
    """What could not be read, whole or in part, and which rules failed."""
    if report.unparsed or report.partial:
        yield from heading("Not read, so not judged", paint)
        for row in (*report.unparsed, *report.partial):
            yield f"{w.place(row.path, row.line)} {w.printable(row.reason)}"
    if report.failed_rules:
        yield from heading("Rules that failed (please report them)", paint)
        for rule, error in report.failed_rules:
            yield f"{rule}: {w.printable(error)}"
