"""A liveness probe that asks a dependency."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import asked, asked_path, dependency, functions_of

RULE = Rule(
    __name__,
    severity="high",
    summary="The liveness probe's handler reaches a database, broker or another service.",
    lead=True,
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    seen = set()
    for found in asked(project):
        if found.probe.role != "liveness":
            continue
        ready = next((p for p, _ in found.launch.probes if p.role == "readiness"), None)
        if ready is not None and ready.method == found.probe.method and asked_path(ready) == asked_path(found.probe):
            continue  # shared-probe says it
        for func in functions_of(found.route):
            used = dependency(project, func)
            if used is None or func in seen:
                continue
            seen.add(func)
            yield RULE.finding(
                func.path,
                func.line,
                f"the liveness probe asks {found.route.path}, which calls {used.site.text}(): when that dependency is down or slow, "
                "every replica is killed and restarted together, and the outage grows",
                "answer liveness from the process alone; let readiness ask dependencies",
                phase="serving",
                entrypoints=(found.entrypoint,),
                trace=(
                    Evidence(found.path, found.probe.line, "livenessProbe"),
                    Evidence(used.path, used.line, f"{used.site.text}()"),
                ),
                anchor=found.route.path,
            )
