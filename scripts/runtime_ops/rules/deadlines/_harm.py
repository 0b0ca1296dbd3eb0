"""Whether a wait without a limit is seen to happen, in something that nobody watches."""

from __future__ import annotations

import re
import sys
from functools import cache

from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.launch import Launch
from runtime_ops.project.life import Life
from runtime_ops.project.management_commands import names_command
from runtime_ops.project.model import Func
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.deadlines._doubts import ENGINES
from runtime_ops.rules.deadlines._outer import End
from runtime_ops.rules.deadlines._severity import matters

BUILT_IN = frozenset({"builtins", "abc", "typing", "enum", "dataclasses", "collections"})
"""Modules whose classes say nothing of who makes those below them."""


def way_seen(project: Project, wait: WaitSite) -> bool:
    """Whether some way from what runs to the call is more than a guess, in what is up or runs by itself."""
    found = {e: phases for entry in wait.entries for e, phases in project.phases(entry).items()}
    named = [e for e in found if matters(e)] or list(found)
    if not found:
        return True
    ways = [(project.lives[e], entry.function) for entry in wait.entries for e in named]
    return any(
        life.believed(func) and not (_begins_unread(project, life, func) or _begins_unmade(project, life, func)) for life, func in ways
    )


def _begins_unread(project: Project, life: Life, func: Func) -> bool:
    """Whether the way to a function begins in a property that nothing of the project names, nor any template as a text of its
    own: that its class is used does not run it."""
    first = life.begin(func)
    seeds = [reach.seed for reach in life.reach.get(first, {}).values() if reach.seed is not None]
    if not any(seed.origin == "used class" for seed in seeds) or first.name.startswith("__"):
        return False
    return first.name not in _names_read(project)


def _begins_unmade(project: Project, life: Life, func: Func) -> bool:
    """Whether the way to a function begins in a method of a class below one of the standard library's (a handler of logging, a
    thread) that nothing of the project names: no object of it is ever made."""
    first = life.begin(func).cls
    if first is None or not any(base.partition(".")[0] in sys.stdlib_module_names - BUILT_IN for base in first.external_bases):
        return False
    family = (first, *first.descendants())
    return not any(func.cls not in family for klass in family for func in _naming(project).get(klass.name, ()))


@cache
def _naming(project: Project) -> dict[str, list[Func]]:
    """The functions by the last parts of the dotted names and literals in them, which a class may be named by; imports are not
    among them."""
    found: dict[str, list[Func]] = {}
    for func in project.functions:
        words = {part for name in func.inventory.names for part in name.split(".")} | func.inventory.attributes
        words.update(re.split(r"[.:]", text)[-1] for text in func.inventory.texts)
        for word in words:
            found.setdefault(word, []).append(func)
    return found


@cache
def _names_read(project: Project) -> frozenset[str]:
    """The attributes that the functions of the project mention, and their literals."""
    found: set[str] = set()
    for func in project.functions:
        found.update(name.rpartition(".")[2] for name in func.inventory.names if "." in name)
        found.update(func.inventory.attributes)
        found.update(func.inventory.texts)
    return frozenset(found)


def hurts(
    project: Project,
    group: tuple[WaitSite, ...],
    severity: str,
    phase: str | None,
    entrypoints: tuple[Entrypoint, ...],
    end: End,
    *,
    job: bool,
    direct: bool,
) -> bool:
    """Whether it is seen when the wait happens, and in something that nobody watches: without a phase a module is only
    imported, and a direct call in it counts where the program is deployed; a call found at import alone is one that some
    registration was not followed to; a start that hangs is seen by who started it, unless it is the main program of a deployment;
    a command has its user before it."""
    if phase is None:
        return job or (direct and any(e.production for e in entrypoints))
    if phase == "import":
        # a command alone: its production settings, and who serves beside it, may stand outside of what was read
        return any(e.long_running for e in entrypoints) and all("call" not in w.row.where and w.row.distribution in ENGINES for w in group)
    if phase == "startup" and not any(_deployed(e) for e in entrypoints):
        return False
    if phase == "shutdown":
        return False
    if all(_for_a_command(project, e, w, phase) for e in entrypoints for w in group):
        return False
    if severity == "low" and end.by not in ("job", "server"):
        return False
    if all(_started_by_nothing(project, e, w, phase) for e in entrypoints for w in group):
        return False
    return any(e.kind != "cli" for e in entrypoints) or any(
        x.platform != "packaging" for e in entrypoints for x in (*e.production, *filter(_own_container, e.launches))
    )


def _own_container(launch: Launch) -> bool:
    """Whether it is an arm of an image's entry script: whoever names it starts a container for it."""
    return launch.role == "management" and launch.platform == "dockerfile" and not launch.development


def _deployed(entrypoint: Entrypoint) -> bool:
    """Whether a container, unit or process list starts it as its main program, and keeps it up."""
    return entrypoint.long_running and any(x.role == "main" and x.platform != "packaging" for x in entrypoint.production)


def _started_by_nothing(project: Project, entrypoint: Entrypoint, wait: WaitSite, phase: str) -> bool:
    """Whether the way to the wait begins in a script with a loop of its own that no artifact starts, while others are
    started: somebody's tool, before which he sits."""
    if entrypoint.framework != "loop" or entrypoint.production or not project.launches:
        return False
    way = project.trace(entrypoint, wait.site.function, phase)
    return (way[0].path if way else wait.path) == entrypoint.path


def _for_a_command(project: Project, entrypoint: Entrypoint, wait: WaitSite, phase: str) -> bool:
    """Whether the way to the wait begins in a management command that no schedule starts: somebody types it. Who gives it an arm of
    its own in the entry script of an image has it started in a container of its own."""
    path = wait.path
    if not is_management_command(path):
        begin = project.lives[entrypoint].shown_begin(wait.site.function, phase)
        if begin is None or begin.seed.origin != "command" or not is_management_command(begin.func.path):
            return False
        path = begin.func.path
    return not any(
        names_command(x, path) and not x.development
        and (x.role == "job" or x.platform in ("crontab", "heroku") or _own_container(x))
        for x in project.launches
    )  # fmt: skip
