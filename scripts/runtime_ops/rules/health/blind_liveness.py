"""Liveness answered by a thread that knows nothing of the loop that works."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.route_model import Route
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import asked, asked_path, functions_of, routes_of
from runtime_ops.rules.health.lying_readiness import constant
from runtime_ops.rules.shutdown._long_running import serving_places

RULE = Rule(
    __name__,
    severity="medium",
    summary="Liveness of a worker is answered by a thread that does not look at the loop that works.",
    lead=True,
)


METRICS = "prometheus"
"""The framework of the routes that ``start_http_server`` answers from a daemon thread, on any path."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from _of_routes(project)
    yield from _of_metrics(project)


def _of_routes(project: Project) -> Iterator[Finding]:
    """Handlers of the program's own that look at nothing."""
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


def _of_metrics(project: Project) -> Iterator[Finding]:
    """Probes that ask the thread of the metrics server beside the loop."""
    seen = set()
    for entrypoint in project.entrypoints:
        loops = [p for p in serving_places(project, entrypoint) if p.how == "loop"]
        if entrypoint.kind != "worker" or not loops:
            continue
        routes = routes_of(project, entrypoint)
        for launch in entrypoint.production:
            for probe, path in launch.probes:
                server = _metrics_server(routes, probe)
                if server is None or (path, entrypoint) in seen or probe.role == "startup":
                    continue
                seen.add((path, entrypoint))
                yield _at_probe(entrypoint, probe, path, server, loops[0].function.path, loops[0].line)


def _metrics_server(routes: list[Route], probe: a.Probe) -> Route | None:
    """The metrics server that answers a probe, when nothing else of the program can be what answers it."""
    if probe.method == "tcp":
        url = "/"
    else:
        url = asked_path(probe) or ""
    servers = [r for r in routes if r.framework == METRICS]
    if probe.method not in ("http", "tcp") or not url or not servers:
        return None
    port = probe.port.text if probe.port is not None else ""
    named = next((r for r in servers if r.port is not None and str(r.port) == port), None)
    if named is not None:
        return named
    others = [r for r in routes if r.framework != METRICS and r.kind != "grpc"]
    unread = [r for r in servers if r.port is None]
    return unread[0] if unread and not others else None


def _at_probe(entrypoint: Entrypoint, probe: a.Probe, path: str, server: Route, loop_path: str, loop_line: int) -> Finding:
    return RULE.finding(
        path,
        probe.line,
        f"the {probe.role} probe asks the metrics server of {server.file} (line {server.line}), a daemon thread that answers 200 "
        f"whatever becomes of the loop in line {loop_line} of {loop_path}: a worker that hangs, or that lost its broker, counts as "
        "healthy for ever",
        "let the loop write a time stamp at each turn, and probe what fails when it is too old (a file's age by exec, or a route "
        "that answers 503)",
        phase="serving",
        confidence="certain" if probe.role == "liveness" and probe.method == "http" else "likely",
        entrypoints=(entrypoint,),
        trace=(Evidence(server.file, server.line, "answers the probe"), Evidence(loop_path, loop_line, "the loop that works")),
        anchor=f"{path}:{probe.role}",
    )
