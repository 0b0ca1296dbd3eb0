"""How sure it is that something runs a wait: the steps of the way to it that are seen, and those that a name alone speaks for."""

from __future__ import annotations

from collections.abc import Sequence

from runtime_ops.findings import Evidence
from runtime_ops.libraries.surface import surface
from runtime_ops.project.build import Project
from runtime_ops.project.deferred_calls import OWN_THREAD, runs_elsewhere
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.life import Life
from runtime_ops.project.links import FAMILY, Edge
from runtime_ops.project.model import Func

PLAIN = frozenset((*dir(dict), *dir(list), *dir(set), *dir(str)))
"""Methods of the language's own types: by their names alone a class of the project is not meant."""


def likely_way(life: Life, func: Func) -> bool:
    """Whether some way to the function is certain, or rests on a method's name only where a whole family of classes has it."""
    if life.sure(func):
        return True
    for edge in life.back(func, "serving", strict=True):
        by_name = edge.how in ("override", "guess")
        if by_name and (len(edge.site.targets) < FAMILY or edge.callee.module not in life.entrypoint.modules):
            return False
        func = edge.caller
    seed = life.reach.get(func, {}).get("serving")
    return seed is not None and seed.edge is None


def handed_over(life: Life, func: Func, phase: str) -> bool:
    """Whether the way to a function passes a place that only names it, handed to a class or function of the project: who
    runs it in the end, and what limits that, is not seen there."""
    return any(edge.how == "reference" and edge.site.targets for edge in life.back(func, phase))


def shown_way(project: Project, entrypoints: Sequence[Entrypoint], func: Func, phase: str) -> tuple[Evidence, ...]:
    """The way to a function from that entrypoint where every step of it is seen; where none has such a way, what is seen of
    its end: what rests on a method's name alone, or on a function that is named somewhere, may not be how it is reached."""
    lives = [project.lives[e] for e in entrypoints]
    lives = [life for life in lives if phase in life.of(func)] or lives
    for life in lives:
        if all(map(_seen, life.back(func, phase))):
            return life.trace(func, phase)
    edges = list(lives[0].back(func, phase))
    seen = next(n for n, edge in enumerate(edges) if not _seen(edge))
    way = lives[0].trace(func, phase)
    way = way[max(len(way) - seen, 0) :]
    last = edges[seen]
    if last.how != "reference":
        return way
    return (Evidence(last.site.path, last.site.line, f"{last.callee.name} is named here"), *way)


def _seen(edge: Edge) -> bool:
    """Whether a step of a way is a call that is seen, the start of a thread or job, or a registration."""
    if edge.how == "reference":
        registered = surface("handler-registration", edge.via) is not None
        return registered or runs_elsewhere(edge) or edge.via.endswith(OWN_THREAD) or not edge.site.targets
    return edge.how != "guess" and not (edge.how == "override" and (len(edge.site.targets) < FAMILY or edge.callee.name in PLAIN))
