"""What several shutdown rules ask: which long-running entrypoints run a place, and where they serve."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Func, Site
from runtime_ops.project.phases import Life
from runtime_ops.project.signals import Registration
from runtime_ops.project.spine import ServingPlace


def serving_places(project: Project, entrypoint: Entrypoint) -> Iterator[ServingPlace]:
    """The places where the entrypoint stays, behind the functions that lead there."""
    pending = list(entrypoint.places)
    seen = set()
    while pending:
        place = pending.pop(0)
        if place.how == "through" and place.inner is not None:
            if place.inner not in seen:
                seen.add(place.inner)
                pending.extend(project.spine.places(place.inner))
        else:
            yield place


def registrations_of(project: Project, entrypoint: Entrypoint) -> Iterator[Registration]:
    """The signal handlers that the entrypoint installs at any time."""
    life = project.lives[entrypoint]
    for registration in project.registrations:
        site = registration.site
        if site.function in life.spine or (
            life.at(site.function, site.line, site.steps) and not in_child_process(life, site.function)
        ):
            yield registration


def in_child_process(life: Life, func: Func) -> bool:
    """Whether the only known way to a function leads through the target of a process of its own."""
    seen: set[Func] = set()
    current: Func | None = func
    while current is not None and current not in seen:
        seen.add(current)
        reach = next(iter(life.reach.get(current, {}).values()), None)
        if reach is None or reach.edge is None:
            return False
        if reach.edge.how == "reference" and reach.edge.via.endswith("Process"):
            return True
        current = reach.edge.caller
    return False


def owners(project: Project, site: Site) -> tuple[Entrypoint, ...]:
    """The long-running entrypoints that can run a call, in any phase."""
    return tuple(e for e in project.phases(site) if e.long_running)
