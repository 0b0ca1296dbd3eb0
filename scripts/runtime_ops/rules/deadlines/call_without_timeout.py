"""A call over the network that nothing ends."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._waiting import finding_of, grouped, remedy_for, weight

RULE = Rule(
    __name__,
    severity="high",
    summary="A call to another process or host has no deadline: a peer that stays silent holds the caller for ever.",
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for group in grouped(w for w in project.waits if w.leaves_the_process and w.deadline.state == "unbounded"):
        severity, phase, entrypoints = weight(project, group)
        if severity is None or all(e.framework == "locust" for e in entrypoints):
            continue
        first = group[0]
        yield finding_of(
            RULE,
            project,
            group,
            f"{first.place.text}() sets no limit and {first.row.distribution}{_version(first)} has none by default: a peer that "
            f"accepts and stays silent holds this {_unit(first, entrypoints)} for ever",
            remedy_for(first),
            severity=severity,
            phase=phase,
            entrypoints=entrypoints,
            confidence="certain"
            if phase == "serving" and severity == "high" and first.version is not None
            else "likely",
        )


def _version(wait: WaitSite) -> str:
    return f" {wait.version}" if wait.version is not None and str(wait.version)[:1].isdigit() else ""


def _unit(wait: WaitSite, entrypoints: tuple[object, ...]) -> str:
    kinds = {getattr(e, "kind", "") for e in entrypoints}
    if "service" in kinds:
        return "request's thread or task"
    return "worker" if "worker" in kinds else "program"
