"""A network service that answers no health question at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import ComposeFile
from runtime_ops.findings import Finding
from runtime_ops.libraries.frameworks import all_frameworks
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.layout import join
from runtime_ops.project.route_model import VARIABLE, Route
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import routes_of
from runtime_ops.rules.health.failure_answered_200 import NAMED
from runtime_ops.rules.logging._programs import GROWN

RULE = Rule(
    __name__,
    severity="medium",
    summary="A network service has no health route.",
    lead=True,
)

CONTAINERS = ("dockerfile", "compose", "kubernetes", "marathon", "ecs", "nomad", "fly", "render")
"""Platforms that can ask."""
SCHEDULERS = frozenset(CONTAINERS) - {"dockerfile", "compose"}
"""Those that ask by a route, where their manifest is at hand: a container alone is asked by any program that is put into it."""


FILES = frozenset({"django.conf.urls.static.static", "django.contrib.staticfiles.urls.staticfiles_urlpatterns"})
"""What answers with files only, whatever the path."""
WHOLE = frozenset(("", "api", "rest", "app"))
OF_ALL = re.compile(r"(?i)v\d+")
SPEAKS = re.compile(
    r"(?i)health[ _-]?check|healthz|dockerflow|watchman|(?:^|[/.^])_*(?:health|(?:lb)?heartbeat|livez|readyz|liveness|readiness)_*[/$]*$"
    r"|/(?:alive|ping|ready|live|up)/?$"
)
"""What the code of a program with a health answer of any kind says somewhere."""
ANYTHING = re.compile(r"^\W*(?:\{\w+:(?:path|\.\*)\}|<path:\w+>|\(\?P<\w+>\.[*+]\)|\*)\W*$")
"""A route that takes any path."""
SEVERAL = 4
"""Routes below which a program may be a toy, or its routes not all be read."""
ANSWERS = re.compile(r"(?i)(?:^|_)(?:heartbeat|health|healthz|healthcheck|ping|alive|liveness|readiness)(?:_|$)")
"""Names of handlers that say that the program lives, whatever their path."""

STATUS = re.compile(r"(?i)/(?:\w+[_-])?(?:status|version|test_?connection)/?$")
"""Paths whose answer says at least that the program answers: ``/worker_get_status``, ``/test_connection``."""
LIVES = re.compile(r"(?i)^\W*(?:ok|okay|hello|hi|alive|pong|up|healthy|running|it works|welcome)\b")
"""What a handler answers that asks nothing and says only that it is there: a liveness route by another name."""

RESPONSES = frozenset(("jsonify", "make_response", "Response", "JSONResponse", "PlainTextResponse", "HttpResponse", "JsonResponse"))
"""What only wraps an answer."""


def _checked_in_compose(project: Project, folder: str) -> bool:
    """Whether a compose service that is built from the folder has a health check, so that its question is there."""
    for file in project.artifacts_of(ComposeFile):
        for service in file.services:
            context = service.build.context if service.build is not None else None
            check = service.healthcheck
            checked = folder and context is not None and check is not None and check.method != "none"
            if checked and context is not None and join(file.path.rpartition("/")[0], context.text) == folder:
                return True
    return False


def _asks_health(route: Route) -> bool:
    """Whether the path or the handler's name says that the answer is about health."""
    if route.func is not None and ANSWERS.search(route.func.name):
        return True
    if route.func is not None and any(SPEAKS.search(text) for text in m.texts(route.func.facts.decorators)):
        return True  # ``description="… a health check"``
    if NAMED.search(route.path) is not None or _says_it_lives(route):
        return True
    # the status of one thing (``/orders/<id>/status``) is that thing's
    return VARIABLE.search(route.path) is None and STATUS.search(route.path) is not None


def _says_it_lives(route: Route) -> bool:
    """Whether all that the handler does is to give back a greeting or "ok"."""
    if route.func is None or VARIABLE.search(route.path) is not None:
        return False
    does = [stmt for stmt in route.func.facts.body if not isinstance(stmt, m.Pass)]  # a docstring is one
    if len(does) != 1 or not isinstance(does[0], m.Return):
        return False
    names = {node.id.rpartition(".")[2] for node in m.walk(does[0].value) if isinstance(node, m.Name)}
    return names <= RESPONSES and any(LIVES.search(text) for text in m.texts(does[0].value))


def _hides(route: Route) -> bool:
    """Whether a health route may be among those that a library answers below the path. Below a name of its own (``/admin/``) are
    those of one matter; what hangs at the root, or below the path of all (``/api/``), may hold anything."""
    if route.kind != "mount":
        return False
    parts = route.path.strip("/").split("/")
    return route.framework != "django" or parts[-1].lower() in WHOLE or OF_ALL.fullmatch(parts[-1]) is not None


def _nowhere_named(entrypoint: Entrypoint) -> bool:
    """Whether no text and no import of the program has a word of health in it: a library, or a middleware, may answer before any
    route does."""
    return not any(
        SPEAKS.search(text)
        for module in entrypoint.modules
        for func in module.functions.values()
        for text in (*func.inventory.texts, *(p.stmt.target for p in func.by_kind.get(m.Import, ()) if isinstance(p.stmt, m.Import)))
    )


def _registered(project: Project, entrypoint: Entrypoint, routes: list[Route]) -> tuple[str, int]:
    """Where a further route would be written: the first URL list of all, or the application."""
    lists = [r for r in routes if r.framework == "django" and r.file.endswith("urls.py")]
    if lists:
        first = min(lists, key=lambda r: (r.file.count("/"), not r.file.endswith("/urls.py"), r.file, r.line))
        return first.file, first.line
    made = {name for row in all_frameworks() for name in row.apps}
    sites = [s for s in project.sites(*made) if s.function.module in entrypoint.modules]
    best = min(sites, key=lambda s: (s.function.module is not entrypoint.main.module, s.path, s.line), default=None)
    return (best.path, best.line) if best is not None else (entrypoint.path, entrypoint.line)


def _written_in_a_specification(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether the routes stand in an OpenAPI file that the program gives to connexion: its paths are not read."""
    return any(
        site.method == "add_api" and (site.dotted or "").startswith("connexion.")
        for module in entrypoint.modules
        for func in module.functions.values()
        for site in func.sites
    )


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for entrypoint in project.entrypoints:
        launches = [x for x in entrypoint.production if x.platform in CONTAINERS]
        if entrypoint.kind != "service" or not launches or any(x.probes for x in entrypoint.launches):
            continue
        routes = routes_of(project, entrypoint)
        http = [r for r in routes if r.kind in ("http", "grpc")]
        if any(ANYTHING.search(r.path) for r in http):
            continue  # a proxy, or an application of pages: what answers below any path was not read
        if not http or any((r.dynamic or _hides(r)) and r.name not in FILES for r in routes):
            continue  # what is not read may be one
        if _written_in_a_specification(project, entrypoint):
            continue
        health = set(project.routes.health_like())
        folder = entrypoint.path.rpartition("/")[0]
        if _checked_in_compose(project, folder):
            continue
        if folder and any(r.file.startswith(f"{folder}/") for r in health):
            continue  # registered in a way that no import shows
        if any(r in health or _asks_health(r) for r in routes):
            continue
        scheduled = any(x.platform in SCHEDULERS for x in launches)
        located = any(x.platform in ("compose", "procfile") for x in entrypoint.production) or len(entrypoint.modules) >= GROWN
        sure = scheduled or (located and len(http) >= SEVERAL and all(r.mounted for r in http) and _nowhere_named(entrypoint))
        path, line = (entrypoint.path, entrypoint.line) if scheduled else _registered(project, entrypoint, routes)
        if (path, line) in told:
            continue  # another way to start the same
        told.add((path, line))
        yield RULE.finding(
            path,
            line,
            f"{entrypoint.path} answers {len(http)} route{'s' if len(http) != 1 else ''} and none about its health: a platform can "
            "only ask whether the port is open, which it is also while every request fails",
            "add a liveness route that asks nothing, and a readiness route that asks what requests need",
            severity="medium" if scheduled or not sure else "low",  # with an image alone, whoever runs it asks or does not
            confidence="certain" if sure else "likely",
            phase="serving",
            entrypoints=(entrypoint,),
            anchor=entrypoint.id,
        )
