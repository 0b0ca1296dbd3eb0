"""Liveness answered by a thread that knows nothing of the loop that works."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import asked, functions_of
from runtime_ops.rules.health.lying_readiness import constant
from runtime_ops.rules.shutdown._long_running import serving_places

RULE = Rule(
    __name__,
    severity="medium",
    summary="Liveness of a worker is answered by a thread that does not look at the loop that works.",
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    seen = set()
    for found in asked(project):
        if found.probe.role not in ("liveness", "health") or found.probe.method not in ("http", "tcp"):
            continue
        loops = [p for p in serving_places(project, found.entrypoint) if p.how == "loop"]
        functions = functions_of(found.route)
        if not loops or not functions or not all(constant(project, f) for f in functions):
            continue
        func = functions[0]
        if func in seen:
            continue
        seen.add(func)
        yield RULE.finding(
            func.path,
            func.line,
            f"{found.route.path} is answered by a thread of its own and says success while the loop in line {loops[0].line} of "
            f"{loops[0].function.path} may hang or have ended: the platform keeps a worker that does nothing",
            "let the loop write a time stamp at each turn, and answer 503 when it is too old",
            phase="serving",
            entrypoints=(found.entrypoint,),
            trace=(Evidence(found.path, found.probe.line, "livenessProbe"),),
            anchor=found.route.path,
        )
