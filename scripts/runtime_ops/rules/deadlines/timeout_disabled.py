"""A limit that is switched off on purpose where there would be one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._waiting import finding_of, grouped, weight

RULE = Rule(
    __name__,
    severity="medium",
    summary="A timeout is given as None, 0 or -1, which switches off the limit that the client would have.",
    yields_to=("call-without-timeout",),
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for group in grouped(
        w for w in project.waits if w.deadline.state == "disabled" and (w.leaves_the_process or w.kind == "child")
    ):
        severity, phase, entrypoints = weight(project, group)
        if severity is None:
            continue
        first = group[0]
        finding = finding_of(
            RULE,
            project,
            group,
            f"{first.place.text}() gets {first.deadline.text}, which switches its limit off: it waits for ever when the peer is silent",
            "give a finite limit that fits into the caller's own, or put an outer deadline around the call",
            severity="medium" if severity == "high" else severity,
            phase=phase,
            entrypoints=entrypoints,
        )
        source = first.deadline.source
        if source is not None and (source.path, source.line) != (finding.path, finding.line):
            finding = _with_trace(finding, source)
        yield finding


def _with_trace(finding: Finding, source: Evidence) -> Finding:
    return replace(finding, trace=(*finding.trace, source))
