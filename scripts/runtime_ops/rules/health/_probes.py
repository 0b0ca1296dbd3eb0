"""What several health rules ask: what a handler reaches, which handlers a probe asks, and which manifest is the source."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from weakref import WeakKeyDictionary

from runtime_ops.facts import artifacts as a
from runtime_ops.libraries import names as libraries
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.project.model import Func
from runtime_ops.project.route_model import Route
from runtime_ops.project.source_text import source_of
from runtime_ops.project.waits import WaitSite

DEPENDENCIES = frozenset(("database", "broker", "http", "network", "grpc"))
DEPTH = 5
URL = re.compile(
    r"https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\$\{?HOSTNAME\}?)(?::(?P<port>[\w${}:-]+))?(?P<path>/[^\s\"'|;)?]*)?"
)
GENERATED = re.compile(
    r"(^|/)(release|releases|dist|generated|build|extras|deploy-all)(/|[-.])|all-in-one", re.IGNORECASE
)
METHODS = re.compile(r"(^|[.])require_(safe|GET|POST|http_methods)$")
"""Django's decorators that refuse other HTTP methods (Django documentation, View decorators)."""
LOGIN = re.compile(r"login|require_|auth_required|authenticated|permission|jwt_required", re.IGNORECASE)
EVERYBODY = re.compile(r"AllowAny|AllowAll|Anonymous|public|exempt|not_required|permission_classes\([(\[]?[)\]]?\)", re.IGNORECASE)
"""Decorators that let a caller in whom nobody knows (``@permission_classes([AllowAny])``, ``@login_exempt``)."""
_WAITS: WeakKeyDictionary[Project, dict[Func, list[WaitSite]]] = WeakKeyDictionary()


class Asked(NamedTuple):
    """One probe with the launch it guards and the route that answers it."""

    entrypoint: Entrypoint
    launch: Launch
    probe: a.Probe
    path: str  # of the artifact that declares the probe
    route: Route


def waits_in(project: Project, func: Func) -> list[WaitSite]:
    """The waits for something outside that stand in a function itself."""
    if project not in _WAITS:
        index: dict[Func, list[WaitSite]] = defaultdict(list)
        for wait in project.waits:
            # a client that is made waits for nothing yet
            made = libraries.type_of(wait.dotted) is not None or wait.dotted in wait.row.constructors
            if wait.kind in DEPENDENCIES and not (made and wait.dotted not in wait.row.calls):
                index[wait.site.function].append(wait)
        _WAITS[project] = index
    return _WAITS[project].get(func, [])


def reached(project: Project, func: Func) -> Iterator[WaitSite]:
    """Waits for a database, broker or other service that a call of the function leads to, nearest first."""
    seen = {func}
    level = [func]
    for _ in range(DEPTH):
        below: list[Func] = []
        for current in level:
            yield from waits_in(project, current)
            for edge in project.links.callees.get(current, ()):
                if edge.how == "call" and not edge.site.weak and edge.callee not in seen:
                    seen.add(edge.callee)
                    below.append(edge.callee)
        level = below


def dependency(project: Project, func: Func) -> WaitSite | None:
    """The first dependency that a function asks, or None."""
    return next(reached(project, func), None)


def functions_of(route: Route) -> list[Func]:
    """The functions that answer a route: the handler, or the class's methods for GET."""
    if route.func is not None:
        return [route.func]
    if route.klass is not None:
        return [f for name in ("get", "dispatch", "Check") if (f := route.klass.methods.get(name)) is not None]
    return []


def needs_login(route: Route) -> bool:
    """Whether a decorator of the handler asks who the caller is (``login_required``, ``require_admin`` …), and none lets everybody in."""
    decorators = [d for func in functions_of(route) for d in func.facts.decorators]
    decorators += route.klass.facts.decorators if route.klass is not None else ()
    written = [source_of(decorator, 200) for decorator in decorators]
    if any(EVERYBODY.search(text) for text in (*written, *route.decorators)):
        return False
    return any(LOGIN.search(name) and not METHODS.search(name) for name in route.decorators)


def asked_path(probe: a.Probe) -> str | None:
    """The URL path that a probe asks of its own container; None when it asks none that can be read."""
    if probe.method == "http" and probe.path is not None and not probe.path.templated:
        return probe.path.text
    if probe.method == "http" and probe.path is None:
        return "/"
    if probe.method == "exec" and probe.command is not None:
        found = URL.search(probe.command.raw)
        if found is not None and "$" not in (found.group("path") or ""):
            return found.group("path") or "/"
    return None


def asked(project: Project) -> Iterator[Asked]:
    """Every probe of a production launch with the route of its entrypoint that answers it."""
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running:
            continue
        for launch in entrypoint.production:
            for probe, path in launch.probes:
                for route in answering(project, entrypoint, probe)[:1]:
                    yield Asked(entrypoint, launch, probe, path, route)


def answering(project: Project, entrypoint: Entrypoint, probe: a.Probe) -> list[Route]:
    """The routes of an entrypoint's own modules that answer a probe, the closest first."""
    if probe.method == "grpc":
        return [r for r in routes_of(project, entrypoint) if r.path == "/grpc.health.v1.Health/Check"]
    url = asked_path(probe)
    if url is None:
        return []
    return [r for r in project.routes.matching(url) if belongs(r, entrypoint)]


def belongs(route: Route, entrypoint: Entrypoint) -> bool:
    """Whether a route is registered in a module that the entrypoint imports."""
    return any(module.path == route.file for module in entrypoint.modules)


def routes_of(project: Project, entrypoint: Entrypoint) -> list[Route]:
    """The routes that are registered in the entrypoint's modules."""
    paths = {module.path for module in entrypoint.modules}
    return [r for r in project.routes if r.file in paths]


def source_first(places: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Places of one thing in several manifests: the one to edit first, then bases and copies of it."""
    return sorted(dict.fromkeys(places), key=lambda p: (bool(GENERATED.search(p[0])), p[0].count("/"), p[0], p[1]))
