"""Threads, tasks, processes, pools and other things that are started or opened: who stops them, with what bound."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, MapRow
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.runtime_map.reach import of_site

KINDS = {
    "thread": "thread",
    "timer": "thread",
    "task": "task",
    "process": "process",
    "executor": "pool",
    "pool": "pool",
}
LIVING = ("thread", "task", "process", "pool")


def rows(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """One row a resource that the entrypoint makes."""
    for resource in project.resources:
        site = resource.site
        where = of_site(project, entrypoint, site)
        if where is None:
            continue
        what = KINDS.get(resource.kind, "resource")
        phase = where.phase
        stops = resource.stops
        source = tuple(Evidence(s.path, s.line, s.how) for s in stops[:3])
        bound = (
            ", ".join(dict.fromkeys(f"{s.how}{'' if s.bounded is not False else ' without a bound'}" for s in stops))
            or None
        )
        if bound is None and resource.daemon:
            bound = "daemon: dies with the process"
        verdict, question = ("ok" if bound else "unknown"), ""
        if bound is None and what in LIVING and entrypoint.long_running:
            verdict = "question"
            question = f"who ends {resource.name} ({resource.dotted}) when the program stops, and is its work in hand then lost?"
        yield MapRow(
            what, f"{resource.name} ({resource.dotted})", site.path, site.line, phase, verdict, bound, source, question
        )
