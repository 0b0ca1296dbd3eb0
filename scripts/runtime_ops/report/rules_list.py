"""The list of rules (``--rules``), by concern, as text or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Protocol

from runtime_ops.report import wording as w
from runtime_ops.report.style import SEVERITY, Style


class Listed(Protocol):
    """What the list needs of a rule."""

    id: str
    concern: str
    severity: str
    summary: str


def render(rules: Iterable[Listed], command: str, colour: bool = False) -> str:
    """One line a rule: id, severity, summary."""
    paint = Style(colour)
    ordered = list(rules)
    width = max((len(rule.id) for rule in ordered), default=0) + 2
    lines: list[str] = []
    for concern, group in groupby(ordered, key=lambda rule: rule.concern):
        lines += [] if not lines else [""]
        lines.append(paint(concern, "bold"))
        lines += [
            f"  {rule.id:{width}}{paint(f'{rule.severity:8}', SEVERITY[rule.severity])}{w.printable(rule.summary)}" for rule in group
        ]
    lines += ["", f"{w.count(len(ordered), 'rule')}. One in full: {command} --explain RULE"]
    return "\n".join(lines) + "\n"


def render_json(rules: Iterable[Listed], links: Mapping[str, str]) -> str:
    """The same as a JSON list."""
    rows = [
        {"rule": rule.id, "concern": rule.concern, "severity": rule.severity, "summary": rule.summary, "guide": links.get(rule.id)}
        for rule in rules
    ]
    return json.dumps(rows, indent=2) + "\n"
