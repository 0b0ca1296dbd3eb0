"""One module an output format. Each has `render(report) -> str`; formatters are pure, they neither print nor write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runtime_ops.drill.drill import Report
from runtime_ops.drill.report import json_report, junit, markdown, text


@dataclass(frozen=True)
class Format:
    """An output format by its name on the command line."""

    name: str
    render: Callable[[Report], str]


FORMATS = {
    format.name: format
    for format in (
        Format("text", text.render),
        Format("json", json_report.render),
        Format("markdown", markdown.render),
        Format("junit", junit.render),
    )
}
