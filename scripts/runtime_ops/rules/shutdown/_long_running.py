"""What several shutdown rules ask: which long-running entrypoints run a place, and where they serve."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.project.life import Life
from runtime_ops.project.model import Func, Site
from runtime_ops.project.serving_places import ServingPlace
from runtime_ops.project.signals import Registration


def serving_places(project: Project, entrypoint: Entrypoint) -> Iterator[ServingPlace]:
    """The places where the entrypoint stays, behind the functions that lead there."""
    return (place for place, _ in ways_to_serving(project, entrypoint))


def ways_to_serving(project: Project, entrypoint: Entrypoint) -> Iterator[tuple[ServingPlace, tuple[Site, ...]]]:
    """The places where the entrypoint stays, each with the calls that lead there, the innermost first: what stands behind any of
    them comes after the serving. A thread or process that is waited for is no such call: the signal does not end it there."""
    pending: list[tuple[ServingPlace, tuple[Site, ...]]] = [(place, ()) for place in entrypoint.places]
    seen: set[Func] = set()
    while pending:
        place, way = pending.pop(0)
        if place.how != "through" or place.inner is None:
            yield place, way
        elif place.inner not in seen:
            seen.add(place.inner)
            calls = (place.site, *way) if place.site is not None and place.inner in place.site.targets else way
            pending.extend((inner, calls) for inner in project.spine.places(place.inner))


def registrations_of(project: Project, entrypoint: Entrypoint) -> Iterator[Registration]:
    """The signal handlers that the entrypoint installs at any time."""
    life = project.lives[entrypoint]
    for registration in project.registrations:
        site = registration.site
        if site.function in life.spine or (
            life.at(site.function, site.line, site.steps) and not in_child_process(life, site.function)
        ):
            yield registration


def as_pid1(entrypoint: Entrypoint) -> Launch | None:
    """The launch in which the program itself is process 1 of its container, without an init before it."""
    return next((x for x in entrypoint.production if x.pid1 and x.init is not True), None)


def in_child_process(life: Life, func: Func) -> bool:
    """Whether the only known way to a function leads through the target of a process of its own."""
    return any(edge.how == "reference" and edge.via.endswith("Process") for edge in life.back(func))


def owners(project: Project, site: Site) -> tuple[Entrypoint, ...]:
    """The long-running entrypoints that can run a call, in any phase."""
    return tuple(e for e in project.phases(site) if e.long_running)
