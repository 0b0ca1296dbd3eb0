"""Text: for people and agents at a terminal. One block a scenario, with its evidence and time lines."""

from __future__ import annotations

from runtime_ops.drill.drill import Report
from runtime_ops.drill.verdict import Note, Result, Timeline

WIDTH = 60
"""Columns of the ASCII time line."""
LONGEST = 4
"""Time lines shown for one scenario; JSON has all of them."""


def render(report: Report) -> str:
    lines = [f"drill of: {' '.join(report.command)}", ""]
    for result in report.results:
        lines += _block(result)
    lines += [_summary(report), ""]
    return "\n".join(lines)


def _block(result: Result) -> list[str]:
    lines = [f"{result.name:24} {result.verdict:13} ({result.promise}, {result.seconds:.1f} s)"]
    if result.verdict == "not assessed":
        return [*lines, f"    {result.reason}", *[f"    {note(entry)}" for entry in result.evidence], ""]
    lines += [f"    {note(entry)}" for entry in result.evidence]
    for line in result.timelines[:LONGEST]:
        lines += [f"    {row}" for row in drawn(line)]
    if len(result.timelines) > LONGEST:
        lines.append(f"    … and {len(result.timelines) - LONGEST} more run(s)")
    return [*lines, ""]


def note(entry: Note) -> str:
    """One piece of evidence in one line."""
    return f"at {entry.at:6.2f} s  {entry.note}" if entry.at is not None else f"             {entry.note}"


def drawn(line: Timeline) -> list[str]:
    """A time line in ASCII: a scale with a letter at each event, then what the letters mean."""
    if not line.events:
        return []
    end = max(event.at for event in line.events) or 1.0
    scale = ["-"] * (WIDTH + 1)
    legend = []
    for index, event in enumerate(line.events):
        letter = chr(ord("a") + index % 26)
        place = round(event.at / end * WIDTH)
        while place < WIDTH and scale[place] != "-":
            place += 1
        scale[place] = letter
        legend.append(f"{letter} {event.what} {event.at:.2f}")
    return [f"|{''.join(scale)}| {line.label}", f" {', '.join(legend)}"]


def _summary(report: Report) -> str:
    count = {verdict: 0 for verdict in ("kept", "broken", "not assessed")}
    for result in report.results:
        count[result.verdict] += 1
    text = ", ".join(f"{number} {verdict}" for verdict, number in count.items())
    text = f"{text} in {report.seconds:.1f} s"
    if not report.complete:
        text += "; the drill was cut short"
    if report.strays:
        text += f"; NOT ENDED: {'; '.join(report.strays)}"
    return text
