"""Outbound calls and other waits, with the effective deadline and where it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import MapRow
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.runtime_map.reach import of_site


def rows(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """One row a call that leaves the process or waits for a child, thread or queue."""
    for wait in project.waits:
        site = wait.site
        if not (wait.leaves_the_process or wait.inside):
            continue
        where = of_site(project, entrypoint, site)
        if where is None:
            continue
        phase = where.phase
        deadline = wait.deadline
        what = "outbound" if wait.leaves_the_process else "resource"
        bounded = deadline.bounded
        bound = (
            f"{deadline.text} ({deadline.how})"[:160] if bounded or deadline.state in ("partly", "unknown") else None
        )
        verdict = "ok" if bounded else "unknown"
        question = ""
        if what == "outbound" and deadline.state == "unknown" and phase in ("serving", "shutdown"):
            verdict, question = "question", "what ends this call when the other side stays silent?"
        source = (deadline.source,) if deadline.source is not None else ()
        yield MapRow(what, f"{wait.kind}: {site.text}", site.path, site.line, phase, verdict, bound, source, question)
