"""A network service that answers no health question at all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts.artifacts import ComposeFile
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.layout import join
from runtime_ops.project.route_model import Route
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import routes_of
from runtime_ops.rules.health.failure_answered_200 import NAMED

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


ANSWERS = re.compile(r"(?i)(?:^|_)(?:heartbeat|health|healthz|healthcheck|ping|alive|liveness|readiness)(?:_|$)")
"""Names of handlers that say that the program lives, whatever their path."""


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
    return NAMED.search(route.path) is not None or route.path.rstrip("/").endswith(("/status", "/version"))


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
    for entrypoint in project.entrypoints:
        launches = [x for x in entrypoint.production if x.platform in CONTAINERS]
        if entrypoint.kind != "service" or not launches or any(x.probes for x in entrypoint.launches):
            continue
        routes = routes_of(project, entrypoint)
        http = [r for r in routes if r.kind in ("http", "grpc")]
        if not http or any(r.dynamic or r.kind == "mount" for r in routes):
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
        yield RULE.finding(
            entrypoint.path,
            entrypoint.line,
            f"{entrypoint.path} answers {len(http)} route{'s' if len(http) != 1 else ''} and none about its health: a platform can "
            "only ask whether the port is open, which it is also while every request fails",
            "add a liveness route that asks nothing, and a readiness route that asks what requests need",
            confidence="certain" if any(x.platform in SCHEDULERS for x in launches) else "likely",
            phase="serving",
            entrypoints=(entrypoint,),
            anchor=entrypoint.id,
        )
