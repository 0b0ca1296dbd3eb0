"""A child process that serving waits for without limit."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._waiting import finding_of, grouped, weight

RULE = Rule(
    __name__,
    severity="medium",
    summary="A request or job waits for a child process without a limit: a child that hangs holds it for ever.",
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for group in grouped(w for w in project.waits if w.kind == "child" and w.deadline.state == "unbounded"):
        serving = [w for w in group if project.runs_in(w.site, "serving", kinds=("service", "worker"))]
        if not serving or any(w.dotted.startswith("multiprocessing.") for w in serving):
            continue
        severity, phase, entrypoints = weight(project, serving)
        if severity is None or severity == "low":
            continue
        first = serving[0]
        yield finding_of(
            RULE,
            project,
            serving,
            f"{first.place.text}() waits for the child without limit: a child that hangs (a prompt, a lock, a dead mount) holds this "
            "request or job for ever",
            "pass timeout=, and end the child's whole group when it expires (start_new_session=True and os.killpg)",
            severity="medium",
            phase=phase,
            entrypoints=entrypoints,
        )
