"""Liveness and readiness by one route that asks dependencies."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import asked, asked_path, dependency, functions_of, source_first

RULE = Rule(
    __name__,
    severity="medium",
    summary="Liveness and readiness use one route, which asks dependencies.",
    lead=True,
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    groups: dict[tuple[str, str], list[tuple[str, int]]] = {}
    kept = {}
    for found in asked(project):
        if found.probe.role != "liveness" or found.probe.method not in ("http", "grpc"):
            continue
        ready = next((p for p, _ in found.launch.probes if p.role == "readiness"), None)
        if ready is None or ready.method != found.probe.method or asked_path(ready) != asked_path(found.probe):
            continue
        used = next((w for f in functions_of(found.route) if (w := dependency(project, f)) is not None), None)
        if used is None:
            continue
        key = (found.entrypoint.id, found.route.path)
        groups.setdefault(key, []).append((found.path, found.probe.line))
        kept[key] = (found, used)
    for key, places in groups.items():
        found, used = kept[key]
        (path, line), *others = source_first(places)
        yield RULE.finding(
            path,
            line,
            f"liveness and readiness both ask {found.route.path}, which calls {used.site.text}(): a failure of that dependency takes "
            "the pod out of service and kills it, so an outage becomes a restart of all replicas",
            "give liveness a route of its own that asks nothing but the process",
            severity="high" if used.kind in ("database", "broker") else "medium",
            phase="serving",
            entrypoints=(found.entrypoint,),
            trace=(Evidence(used.path, used.line, f"{used.site.text}()"),),
            anchor=found.route.path,
            count=len(others) + 1,
            also=[Evidence(p, at, "the same") for p, at in others[:8]],
        )
