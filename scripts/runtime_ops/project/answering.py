"""Which programs a request comes to: of those that import a view only what serves runs it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from runtime_ops.libraries.servers import all_servers
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.life import Life
from runtime_ops.project.model import Func

ANSWERS = ("View", "ViewSet", "Middleware", "MiddlewareMixin")
"""How the classes are called whose methods a framework calls for a request."""

BY_HAND = ("packaging", "shell")
"""Platforms of which it is not known that anybody starts the program there."""


def that_answer(project: Project, func: Func, phase: str, found: Iterable[Entrypoint]) -> tuple[Entrypoint, ...]:
    """The entrypoints without those that only import what answers requests: where the way to a function begins with a request, no
    worker and no command runs it beside a service that does, nor a development server or a command of Django beside one for
    production, nor a file that serves the application by itself (``run.py``) and that no artifact starts."""
    entrypoints = tuple(found)
    services = [e for e in entrypoints if e.kind == "service"]
    served = [e for e in services if e.app and any(not _at_the_desk(x.server) for x in e.launches)]
    placed = [e for e in served if any(x.platform not in BY_HAND for x in e.production)]
    left = tuple(
        e
        for e in entrypoints
        if not (e.kind != "service" and services and begins_with_request(project, project.lives[e], func, phase))
        and not (served and e not in served and e.launches and all(_at_the_desk(x.server) for x in e.launches))
        and not (placed and e.kind == "service" and e.guarded and not e.app and not e.production)
        and not (served and _is_command(e) and begins_with_request(project, project.lives[e], func, phase))
    )
    return left or entrypoints


def _is_command(entrypoint: Entrypoint) -> bool:
    """Whether the program is a command of Django that stays up (a listener with a port for its probes): it imports the views, and
    answers none."""
    return entrypoint.app is None and (is_management_command(entrypoint.path) or entrypoint.path.rpartition("/")[2] == "manage.py")


def _at_the_desk(server: str | None) -> bool:
    return any(row.name == server and row.development for row in all_servers())


def begins_with_request(project: Project, life: Life, func: Func, phase: str) -> bool:
    """Whether the way to a function begins in what answers requests: a route's handler that is registered, a method of a view's
    or a middleware's class."""
    edges = list(life.back(func, phase))
    firsts = [func] if not edges else [edges[-1].caller]
    if edges and edges[-1].how == "reference":
        firsts.append(edges[-1].callee)
    return any(first in _handlers(project) or _of_view(first) for first in firsts)


@cache
def _handlers(project: Project) -> frozenset[Func]:
    found = {route.func for route in project.routes if route.func is not None}
    found |= {func for route in project.routes if route.klass is not None for func in route.klass.methods.values()}
    return frozenset(found)


def _of_view(func: Func) -> bool:
    return func.cls is not None and any(base.endswith(ANSWERS) for base in (func.cls.name, *func.cls.external_bases))
