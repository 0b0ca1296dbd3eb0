"""A readiness answer that asks nothing of what serving needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Func
from runtime_ops.project.route_model import Route
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import asked, dependency, functions_of, needs_login, reached, routes_of

RULE = Rule(
    __name__,
    severity="medium",
    summary="The readiness route answers success without asking any dependency that serving uses.",
)
READY = ("ready", "readiness", "readyz", "isready", "is_ready", "is-ready")

WEIGHT = {"database": 0, "broker": 1}
"""What serving may need, the one that says most first. Another service has a readiness of its own: who asks for it too
takes himself out of service together with it."""
BALANCER = re.compile(r"(?i)lbheartbeat|load-?balancer")
"""Routes that by convention (Dockerflow) say to the load balancer that the process answers, and ask nothing."""
NEEDED = 0.5
"""Part of the handlers that must need something before a route that is only named health is asked to look at it."""

EACH = 0.9
"""Part of the handlers from which it is said that every request needs it (of some it is not seen)."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    probed = {(x.route.file, x.route.line): x for x in asked(project) if x.probe.role == "readiness"}
    seen = set()
    for entrypoint in project.entrypoints:
        if entrypoint.kind != "service" or not (entrypoint.production or entrypoint.app):
            continue
        routes = routes_of(project, entrypoint)
        health = [r for r in project.routes.health_like() if r in set(routes)]
        for route, severity, by_name in _readiness(entrypoint, routes, health, probed):
            found = _judge(project, entrypoint, routes, health, route, by_name)
            if found is None or (route.file, route.line) in seen:
                continue
            seen.add((route.file, route.line))
            used, share = found
            sure = share >= EACH if not by_name else any(needs_login(r) and _asks(project, r) for r in health)
            manifest = probed.get((route.file, route.line))
            if manifest is not None and any("URLCONF" in name for name in manifest.launch.env):
                continue  # it serves a part of the routes only, and what that part needs is not known
            trace = (
                [Evidence(manifest.path, manifest.probe.line, "the readiness probe")] if manifest is not None else []
            )
            yield RULE.finding(
                route.func.path if route.func is not None else route.file,
                route.func.line if route.func is not None else route.line,
                f"{route.path} answers success whatever happens, while requests need {_name(used)}: with that down the instance "
                "counts as ready, keeps its traffic and fails it",
                "let readiness ask each dependency that every request needs, with a time limit below the probe's, and keep "
                "liveness apart",
                severity="low" if sure else severity,  # replicas that share the store are all taken out, or none
                # where neither a probe asks for it nor its name says so, the answer may mean that the process lives
                confidence="certain" if sure else "likely" if manifest is not None or not by_name else "possible",
                phase="serving",
                entrypoints=(entrypoint,),
                trace=[*trace, Evidence(used.path, used.line, f"{used.site.text}() in serving")],
                anchor=route.path,
            )


def _readiness(
    entrypoint: Entrypoint, routes: list[Route], health: list[Route], probed: Mapping[tuple[str, int], object]
) -> Iterator[tuple[Route, str, bool]]:
    """The routes that readiness is asked of, by manifest, else by name, else the only health route; with the severity."""
    by_manifest = [r for r in routes if (r.file, r.line) in probed]
    if by_manifest:
        yield from ((r, "medium", False) for r in by_manifest)
        return
    named = [r for r in health if r.path.rstrip("/").rpartition("/")[2].lower() in READY]
    if named:
        yield from ((r, "medium", False) for r in named)
        return
    plain = [r for r in health if r.kind == "http" and not needs_login(r)]
    if len({r.path for r in plain}) == 1 and entrypoint.production:
        yield plain[0], "medium", True


def _judge(
    project: Project,
    entrypoint: Entrypoint,
    routes: list[Route],
    health: list[Route],
    route: Route,
    only_by_name: bool,
) -> tuple[WaitSite, float] | None:
    """A dependency of other handlers, and the share of them that need one, when the handler itself is a constant."""
    functions = functions_of(route)
    if BALANCER.search(route.path) or not functions or not all(constant(project, f) for f in functions):
        return None
    before = [h.func for h in project.hooks if h.kind in ("before-request", "middleware") and h.func is not None]
    if any(dependency(project, f) is not None for f in before if f.module in entrypoint.modules):
        return None  # something in front of every handler asks
    others = [r for r in routes if r not in health and r.kind != "mount"]
    used = [w for w in (_used(project, r) for r in others) if w is not None]
    if not used or (only_by_name and len(used) < len(others) * NEEDED):
        return None
    return min(used, key=lambda w: WEIGHT.get(w.kind, len(WEIGHT))), len(used) / len(others)


def _asks(project: Project, route: Route) -> bool:
    """Whether a status route looks at what serving needs."""
    return any(dependency(project, func) is not None for func in functions_of(route))


def _used(project: Project, route: Route) -> WaitSite | None:
    """The first dependency that a route's handlers need."""
    return next((w for f in functions_of(route) for w in reached(project, f) if w.kind in WEIGHT), None)


def constant(project: Project, func: Func) -> bool:
    """Whether a handler decides nothing: no branch, no attempt, no call of the project, no wait."""
    for place in func.places:
        if isinstance(place.stmt, m.If | m.Try | m.While | m.For | m.With | m.Raise | m.Match):
            return False
    if any(isinstance(n, m.IfExp) for n in m.walk(func.facts.body)) or (func.facts.params and _injected(func)):
        return False
    return not any(site.targets or site.awaited for site in func.sites) and dependency(project, func) is None


def _injected(func: Func) -> bool:
    """Whether a framework hands in something that was asked before (``Depends``)."""
    return any(p.default is not None for p in func.facts.params)


def _name(wait: WaitSite) -> str:
    return {"database": "a database", "broker": "a broker"}.get(wait.kind, "another service") + f" ({wait.site.text})"
