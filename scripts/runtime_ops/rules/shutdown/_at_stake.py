"""What a sudden death loses: cleanup that is written, work that is under way elsewhere, writes that may be cut."""

from __future__ import annotations

from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.phases import Life
from runtime_ops.rules.shutdown._running import STOP_NAME, tells

STARTED = frozenset("process executor scheduler exporter producer listener".split())
"""Kinds of resources that hold work or records of which the program's end must take care."""
KEPT_BY_OTHERS = frozenset({"database", "broker"})
READS = frozenset(
    """get mget hget hgetall query one one_or_none first all exists keys ttl scan llen select count scalar scalars fetchone
    fetchall fetch connect ping master_for slave_for find find_one filter lrange smembers zrange""".split()
)
WITHOUT_SERVING = frozenset({"import", "startup"})


def at_stake(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether anything is known that the entrypoint loses when it dies at once."""
    life = project.lives[entrypoint]
    return _cleanup(life) or _works_elsewhere(project, life) or _writes(project, entrypoint)


def _cleanup(life: Life) -> bool:
    """A call of the way down that does something about what the program holds."""
    return any(
        "shutdown" in life.at(func, site.line, site.steps)
        for func in (*life.spine, *life.reach)
        for site in func.sites
        if (site.targets or STOP_NAME.search(site.method)) and not tells(site)
    )


def _works_elsewhere(project: Project, life: Life) -> bool:
    """A child process, a pool, a scheduler or a buffer that is in use while it serves."""
    for resource in project.resources:
        if resource.kind in STARTED:
            phases = life.at(resource.function, resource.site.line, resource.site.steps)
            closed = any(stop.where == "with" for stop in resource.stops)
            if phases and phases != {"import"} and not (closed and phases <= WITHOUT_SERVING):
                return True
    return False


def _writes(project: Project, entrypoint: Entrypoint) -> bool:
    """A change of a database or a message while it serves: the next one may be missing."""
    return any(
        wait.kind in KEPT_BY_OTHERS
        and not wait.constructs
        and wait.site.method not in READS
        and "serving" in project.phases(wait.site).get(entrypoint, ())
        for wait in project.waits
    )
