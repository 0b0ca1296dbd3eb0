"""A probe that asks a path which the program does not serve."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import answering, asked_path, routes_of, source_first

RULE = Rule(
    __name__,
    severity="high",
    summary="A health probe asks a path, or a gRPC service, that the program does not serve.",
    lead=True,
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for entrypoint in project.entrypoints:
        if entrypoint.kind != "service":
            continue
        places: dict[str, list[tuple[str, int]]] = {}
        for launch in entrypoint.production:
            for probe, path in launch.probes:
                what = asked_path(probe) if probe.method != "grpc" else "the gRPC health service"
                if what is None or probe.templated or probe.method == "template":
                    continue
                if probe.method == "exec" and launch.platform not in ("dockerfile", "compose"):
                    continue
                if _behind_prefix(project, entrypoint, what):
                    continue
                if _knows_all(project, entrypoint, probe.method) and not answering(project, entrypoint, probe):
                    places.setdefault(what, []).append((path, probe.line))
        for what, found in places.items():
            (path, line), *others = source_first(found)
            yield RULE.finding(
                path,
                line,
                f"the probe asks {what}, which no route of {entrypoint.path} answers: it fails from the first try, so the container "
                "is restarted or never becomes ready",
                "ask a path that the program serves, or add the route",
                # the framework may serve it by an option (``docs_url="/api/docs"``)
                confidence="possible" if _written(project, what) else "likely",
                entrypoints=(entrypoint,),
                anchor=f"{entrypoint.id}:{what}",
                count=len(others) + 1,
                also=[Evidence(p, at, "the same") for p, at in others[:8]],
            )


def _written(project: Project, path: str) -> bool:
    """Whether the code writes the path somewhere, though in no route that was read."""
    ways = {path, path.rstrip("/"), f"{path}/"} - {""}
    return any(not ways.isdisjoint(func.inventory.texts) for func in project.functions)


def _behind_prefix(project: Project, entrypoint: Entrypoint, path: str) -> bool:
    """Whether a route ends the path: a proxy in the same container may take a prefix off."""
    return any(
        r.path.count("/") and r.path != "/" and path.endswith(r.path)
        for r in routes_of(project, entrypoint)
        if r.path != path
    )


def _knows_all(project: Project, entrypoint: Entrypoint, method: str) -> bool:
    """Whether the routes of the entrypoint were read so far that a missing one is known to be missing."""
    routes = routes_of(project, entrypoint)
    if method == "grpc":
        return any(r.kind == "grpc" for r in routes)
    http = [r for r in routes if r.kind in ("http", "mount")]
    return bool(http) and not any(r.dynamic or r.kind == "mount" for r in http)
