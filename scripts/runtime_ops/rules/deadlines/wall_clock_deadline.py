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
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    found = []
    for func in project.functions:
        for line, text in wall_clock_limits(project, func):
            if any(e.kind in ("service", "worker", "job") for e in project.phases_by_entrypoint(func)):
                found.append(
                    RULE.in_function(
                        project,
                        func,
                        line,
                        f"`{text}` ends this loop by the wall clock: when the clock is set back the wait lasts longer by as much, "
                        "forward it ends at once",
                        "take time.monotonic() for both ends",
                    )
                )
    yield from together(found)
