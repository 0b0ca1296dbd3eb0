"""A deadline measured by the wall clock, which can jump."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.deadlines._elapsed import wall_clock_limits

RULE = Rule(
    __name__,
    severity="low",
    summary="A deadline is measured by the wall clock, which is set back and forth while the program runs.",
    lead=True,
)
SHORT, LONG = 1.0, 60.0
"""Seconds of a wait that a step of the clock is felt in: within one that is shorter it hardly falls, and one of minutes it
changes by a part that nobody notices."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    found: list[Finding] = []
    others: list[Finding] = []
    for func in project.functions:
        for line, text, seconds in wall_clock_limits(project, func):
            if any(e.kind in ("service", "worker", "job") for e in project.phases_by_entrypoint(func)):
                felt = seconds is not None and SHORT <= seconds <= LONG
                (found if felt else others).append(
                    RULE.in_function(
                        project,
                        func,
                        line,
                        f"`{text}` ends this loop by the wall clock: when the clock is set back the wait lasts longer by as much, "
                        "forward it ends at once",
                        "take time.monotonic() for both ends",
                        confidence="likely" if felt else "possible",
                    )
                )
    yield from together(found)
    yield from together(others)
