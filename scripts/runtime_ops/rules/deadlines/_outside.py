"""Whether code asks another host, as far as it is seen."""

from __future__ import annotations

from collections.abc import Iterable

from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site

DEPTH = 3  # project functions followed to a call that leaves the process


def reaches_outside(project: Project, sites: Iterable[Site], depth: int = DEPTH) -> bool:
    """Whether one of the calls, or what it calls in the project (``depth`` functions deep), waits for another host, a database or a
    broker."""
    table = _outside(project)
    seen: set[Func] = set()
    level = list(sites)
    for _ in range(depth + 1):
        below: list[Site] = []
        for site in level:
            if id(site.call) in table:
                return True
            for target in site.targets if not site.weak else ():
                if target not in seen:
                    seen.add(target)
                    below.extend(target.sites)
        level = below
    return False


def _outside(project: Project) -> frozenset[int]:
    known: frozenset[int] | None = project.__dict__.get("_calls_outside")
    if known is None:
        known = frozenset(id(w.site.call) for w in project.waits if w.leaves_the_process and not w.constructs)
        project.__dict__["_calls_outside"] = known
    return known
