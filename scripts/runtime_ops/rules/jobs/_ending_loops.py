"""Worker programs whose own loop one failed call ends, where nothing starts the program again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.flows import sites_in
from runtime_ops.project.launch import Launch
from runtime_ops.project.loops import left_behind
from runtime_ops.project.model import Func, Site, Step
from runtime_ops.project.serving_places import ServingPlace
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.logging.unwatched_thread import can_fail

FOR_GOOD = re.compile(r"(?i)prod|deploy|stag(?:e|ing)|live")
DEPTH = 8  # functions from main to the serving place


class EndingLoop(NamedTuple):
    """The loop, the call of it that is known to fail at times, and the service of the compose file that has no restart policy."""

    entrypoint: Entrypoint
    func: Func
    loop: m.While | m.For
    failing: Site
    compose: a.ComposeFile
    meant: bool
    """Whether the file says that it is for good: by its name, or by a restart policy of another service."""


def ending_loops(project: Project) -> Iterator[EndingLoop]:
    """One for each worker that production starts by compose alone, without ``restart``."""
    for entrypoint in project.entrypoints:
        if entrypoint.kind != "worker" or entrypoint.app:
            continue
        launch = _left_down(entrypoint)
        place = _own_loop(project, entrypoint) if launch is not None else None
        if launch is None or place is None or place.loop is None:
            continue
        failing = _failing(place)
        compose = next((x for x in launch.artifacts if isinstance(x, a.ComposeFile)), None)
        if failing is not None and compose is not None:
            meant = bool(FOR_GOOD.search(compose.path)) or any(s.restart is not None for s in compose.services)
            yield EndingLoop(entrypoint, place.function, place.loop, failing, compose, meant)


def _left_down(entrypoint: Entrypoint) -> Launch | None:
    """The launch of production that leaves the program down once it ended; None when one of them, or who knows what, restarts it."""
    placed = [x for x in entrypoint.production if x.platform not in ("dockerfile", "packaging", "shell")]
    if not placed or any(x.supervisor is not None or x.service is None or x.service.restart is not None for x in placed):
        return None
    swarm = (s for x in placed for f in x.artifacts if isinstance(f, a.ComposeFile) for s in f.services if s.replicas is not None)
    return None if any(True for _ in swarm) or any(x.role != "main" for x in placed) else placed[0]


def _own_loop(project: Project, entrypoint: Entrypoint) -> ServingPlace | None:
    """The loop that the program lives in, when nothing around it on the way from main takes a failure."""
    places = entrypoint.places
    for _ in range(DEPTH):
        if len(places) != 1 or _taken(places[0].steps) or any(isinstance(s.stmt, m.While | m.For) for s in places[0].steps):
            return None
        if places[0].how == "loop":
            return places[0]
        inner = places[0].inner
        if places[0].how != "through" or inner is None or inner.facts.decorators:
            return None
        places = project.spine.places(inner)
    return None


def _taken(steps: tuple[Step, ...]) -> bool:
    return any(isinstance(s.stmt, m.Try) and s.arm == "body" and s.stmt.handlers for s in steps)


def _failing(place: ServingPlace) -> Site | None:
    """The first call of the loop that can fail where nothing takes the failure. A context manager may take it."""
    assert place.loop is not None
    for site in sites_in(place.loop.body, place.function):
        inner = site.steps[len(place.steps) :]
        if not _taken(inner) and not _suppressed(inner) and can_fail(site) and not left_behind(site, place.loop):
            return site
    return None


def _suppressed(steps: tuple[Step, ...]) -> bool:
    opened = (source_of(expr) for s in steps if isinstance(s.stmt, m.With) and s.arm == "body" for expr, _ in s.stmt.items)
    return any(word in text.lower() for text in opened for word in ("suppress", "catch", "handle", "guard", "safe", "log"))
