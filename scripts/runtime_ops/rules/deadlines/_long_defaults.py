"""Clients whose own default outlasts the limit of the server that they work in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.deadlines import scope_of_parameter
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.deadlines._meant_to_last import lasts

OPTIONS = ("config", "client_config", "http_client", "session", "transport", "timeout", "http_options", "client_options", "pool")
"""Parameters that take another object, which has the limit."""


def longer_defaults(project: Project, entrypoint: Entrypoint, seconds: float) -> Iterator[tuple[WaitSite, ...]]:
    """The waits of a service's requests that only their library's default ends, after more than so many seconds: one group a
    library, the place with the most of them first."""
    life = project.lives[entrypoint]
    by_library: dict[str, list[WaitSite]] = {}
    for wait in project.waits:
        deadline = wait.deadline
        if deadline.how != "library default" or deadline.seconds is None or deadline.seconds <= seconds:
            continue
        if not wait.leaves_the_process or lasts(project, wait) or _configured(wait):
            continue
        if "serving" not in life.at(wait.site.function, wait.line, wait.site.steps) or not life.sure(wait.site.function):
            continue
        if all(edge.how == "call" for edge in life.back(wait.site.function, "serving", strict=True)):
            by_library.setdefault(wait.row.distribution, []).append(wait)
    for waits in by_library.values():
        yield _by_place(waits)


def _by_place(waits: Iterable[WaitSite]) -> tuple[WaitSite, ...]:
    """One wait for each place where the limit would be written, that with the most waits first."""
    places: dict[tuple[str, int], list[WaitSite]] = {}
    for wait in waits:
        places.setdefault((wait.place.path, wait.place.line), []).append(wait)
    ranked = sorted(places.values(), key=lambda group: (-len(group), group[0].place.path, group[0].place.line))
    return tuple(group[0] for group in ranked)


def _configured(wait: WaitSite) -> bool:
    """Whether the client is given options of unknown content: an object of options, or a dictionary that is unpacked."""
    made = wait.construction.origin.call if wait.construction is not None else wait.call
    if made.expands or any(made.keyword(name) is not None for name in OPTIONS):
        return True
    if wait.construction is None and not wait.constructs:
        head = wait.site.text.partition(".")[0]
        scope, param = scope_of_parameter(head, wait.site.function)
        return scope is not None and param is not None  # made by whoever calls, with options that are not seen
    return any(isinstance(value, m.Name) and "config" in value.id.lower() for value in made.args)
