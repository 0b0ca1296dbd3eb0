"""Functions that a thread or a process of its own runs from beginning to end, and where they serve."""

from __future__ import annotations

import re

from runtime_ops.facts import model as m
from runtime_ops.project.finite_loops import ends_by_itself
from runtime_ops.project.links import Links
from runtime_ops.project.loops import is_endless
from runtime_ops.project.model import Func
from runtime_ops.project.serving_places import ServingPlace
from runtime_ops.project.source_text import source_of

BASES = ("threading.Thread", ".Process", "threading.Timer")
STARTERS = frozenset({"threading.Thread", "multiprocessing.Process", "multiprocessing.context.Process"})
STOP = re.compile(r"stop|shut|exit|quit|terminat|running|alive|is_set", re.IGNORECASE)


def is_main(func: Func, links: Links) -> bool:
    """Whether the function is the ``run`` of a thread or process class, or the target of one."""
    if func.cls is not None and func.name == "run" and any(base.endswith(BASES) for base in func.cls.external_bases):
        return True
    return any(
        edge.how == "reference" and (edge.via in STARTERS or edge.via.endswith(".Process"))
        for edge in links.callers.get(func, ())
    )


def main_places(func: Func, links: Links) -> tuple[ServingPlace, ...]:
    """The loops of such a function that end by being told to (``while not stop.is_set()``): what stands after them is
    the way down. Empty for other functions, and for loops inside conditions or other loops."""
    if not is_main(func, links):
        return ()
    found = []
    for place in func.places:
        loop = place.stmt
        if not isinstance(loop, m.While) or not is_endless(loop) or ends_by_itself(loop, func):
            continue
        if not isinstance(loop.test, m.Const) and STOP.search(source_of(loop.test)) is None:
            continue
        if all(isinstance(step.stmt, m.Try | m.With) for step in place.steps):
            found.append(ServingPlace("loop", "worker", func, loop.line, place.steps, None, loop))
    return tuple(found)
