"""The runtime map for people: by entrypoint and phase, everything with a run-time effect and what bounds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from runtime_ops.findings import MAP_KINDS, PHASES, EntrypointReport, MapRow, Report
from runtime_ops.report import wording as w
from runtime_ops.report.style import Style

WIDTH = 120
SIGNS = {"ok": " ", "finding": "!", "question": "?", "unknown": "~"}
COLOURS = {"ok": "dim", "finding": "red", "question": "yellow", "unknown": "dim"}
LEGEND = "! a finding or lead   ? a question for the reader   ~ reading cannot tell   (blank) bounded, checked or watched"
WHAT_WIDTH, NAME_WIDTH, PLACE_WIDTH = 9, 32, 34


def render(report: Report, colour: bool = False) -> str:
    """The map as text."""
    paint = Style(colour)
    lines = [paint(f"Runtime map of {w.printable(report.root)}", "bold"), LEGEND]
    if not report.entrypoints:
        lines.append("No entrypoint was found, so there is nothing to map.")
    for entrypoint in w.ranked_entrypoints(report):
        lines.extend(entrypoint_lines(entrypoint, paint))
    return "\n".join(lines) + "\n"


def entrypoint_lines(entrypoint: EntrypointReport, paint: Style) -> Iterator[str]:
    """One entrypoint: its phases in the order of its life."""
    framework = f", {w.printable(entrypoint.framework)}" if entrypoint.framework else ""
    yield ""
    yield paint(f"{w.printable(entrypoint.id)} ({entrypoint.kind}{framework})", "bold")
    yield f"  {w.started_text(entrypoint, WIDTH - 2)}"
    if not entrypoint.map:
        yield "  nothing with a run-time effect was found"
        return
    counts = Counter(row.verdict for row in entrypoint.map)
    told = counts["finding"]
    parts = [f"{w.count(told, 'finding')} or {'leads' if told > 1 else 'lead'}"] if told else []
    parts += [w.count(counts["question"], "question")] if counts["question"] else []
    parts += [f"{counts[verdict]} {word}" for verdict, word in (("unknown", "unknown"), ("ok", "in order")) if counts[verdict]]
    yield f"  {w.count(len(entrypoint.map), 'row')}: {', '.join(parts)}"
    for phase in (*PHASES, None):
        rows = [row for row in entrypoint.map if row.phase == phase]
        if rows:
            yield paint(f"  {phase or 'phase not known'}", "cyan")
            yield from phase_lines(rows, paint)


def phase_lines(rows: Sequence[MapRow], paint: Style) -> Iterator[str]:
    """The rows of one phase, by kind."""
    for row in sorted(rows, key=lambda r: (MAP_KINDS.index(r.what), r.path, r.line, r.name)):
        sign = paint(SIGNS[row.verdict], COLOURS[row.verdict])
        name = w.pad(w.cut(w.printable(row.name), NAME_WIDTH - 1), NAME_WIDTH)
        where = w.pad(w.cut_left(w.place(row.path, row.line), PLACE_WIDTH - 1), PLACE_WIDTH)
        text = bound_text(row)
        lines = w.wrap(text, WIDTH - 6 - WHAT_WIDTH - NAME_WIDTH - PLACE_WIDTH, 3)
        yield f"   {sign} {row.what:{WHAT_WIDTH}}{name}{where}{lines[0] if lines else ''}".rstrip()
        for line in lines[1:]:
            yield " " * (5 + WHAT_WIDTH + NAME_WIDTH + PLACE_WIDTH) + line


def bound_text(row: MapRow) -> str:
    """What bounds the thing and where that stands, or the question."""
    source = ", ".join(w.place(e.path, e.line) for e in row.source[:2])
    found = f"{row.bound}{f' ({source})' if source else ''}" if row.bound else "nothing found that bounds or watches it"
    if row.verdict == "question":
        return f"{row.question} {f'[{found}]' if row.bound else ''}".strip()
    return found
