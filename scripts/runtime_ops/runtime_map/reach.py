"""Which phase of an entrypoint a place belongs to; what nothing is seen to run stands once, with its phase not known."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Func, Module, Site, Step
from runtime_ops.rules.api import worst_phase


class Where(NamedTuple):
    """The phase in which an entrypoint runs a place. ``phase`` None: nothing is seen to call it, which is not to say that
    nothing does (plug-ins, callbacks of a framework, names in texts)."""

    phase: str | None
    phases: frozenset[str] = frozenset()


def of_site(project: Project, entrypoint: Entrypoint, site: Site) -> Where | None:
    """Where the entrypoint runs a call; None when another one does."""
    return of_place(project, entrypoint, site.function, site.line, site.steps)


def of_place(
    project: Project, entrypoint: Entrypoint, func: Func, line: int, steps: tuple[Step, ...]
) -> Where | None:
    """Where the entrypoint runs a place of a function; None when another one does."""
    return _where(project, entrypoint, func, project.lives[entrypoint].at(func, line, steps))


def of_function(project: Project, entrypoint: Entrypoint, func: Func) -> Where | None:
    """The same for a function as a whole."""
    return _where(project, entrypoint, func, project.lives[entrypoint].of(func))


def _where(project: Project, entrypoint: Entrypoint, func: Func, phases: frozenset[str]) -> Where | None:
    if phases:
        return Where(worst_phase(phases), phases)
    return Where(None) if _keeper(project, func) is entrypoint else None


@lru_cache(maxsize=1 << 16)
def _keeper(project: Project, func: Func) -> Entrypoint | None:
    """The entrypoint under which a function stands that none is seen to run."""
    if func.is_module or project.phases_by_entrypoint(func):
        return None
    return _keeper_of(project, func.module)


@lru_cache(maxsize=1 << 14)
def _keeper_of(project: Project, module: Module) -> Entrypoint | None:
    """The first entrypoint that imports a module, else the one in the nearest folder."""
    importing = next((e for e in project.entrypoints if module in e.modules), None)
    if importing is not None or not project.entrypoints:
        return importing
    folders = module.path.split("/")[:-1]
    return max(project.entrypoints, key=lambda e: _shared(folders, e.path.split("/")[:-1]))


def _shared(one: list[str], other: list[str]) -> int:
    """How many folders two paths have in common, from the root."""
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count
