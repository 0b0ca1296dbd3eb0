"""Handled exceptions: arms after which the program goes on, or fails in another way."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import MapRow
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.runtime_map.reach import of_place

OPTIONAL = {"ImportError", "ModuleNotFoundError"}
"""An optional library that is not there is no failure at run time."""


def rows(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """One row an ``except`` arm, but those that only pass the failure on: what became of it is in no other row."""
    for arm in project.failures:
        if _passes_on(arm) or (set(arm.handler.types) <= OPTIONAL and arm.handler.types):
            continue
        where = of_place(project, entrypoint, arm.func, arm.line, arm.steps)
        if where is None:
            continue
        phase = where.phase
        caught = " | ".join(arm.handler.types) or "everything"
        told = _told(arm)
        work = next((s.text for s in arm.body_calls), "the body")
        verdict, question = ("ok" if told else "unknown"), ""
        if (
            arm.swallows
            and arm.raises != "always"
            and arm.broad
            and phase in ("serving", "shutdown", "startup")
            and arm.body_statements >= 3
            and entrypoint.kind != "cli"
        ):
            verdict, question = "question", f"the program goes on{'' if told else ' and tells nobody'}: is losing this work right?"
        yield MapRow(
            "except", f"{caught} around {work}", arm.path, arm.line, phase, verdict, told or None, (), question
        )


def _passes_on(arm: HandlerEffects) -> bool:
    return arm.raises == "always" and bool(arm.raised) and all(raised.same for raised in arm.raised)


def _told(arm: HandlerEffects) -> str:
    """What the arm does about the failure, in a few words."""
    parts = [f"raising {name} instead" for name in dict.fromkeys(r.name for r in arm.raised if not r.same and r.name)]
    if arm.tells_caller:
        parts.append("returning the failure")
    if arm.logs:
        parts.append(f"logging at {arm.loudest}{' with traceback' if arm.tracebacks else ''}")
    for name, present in (
        ("printing", arm.prints),
        ("counting", arm.counts),
        ("storing it", arm.stores),
        ("reporting it", arm.reports),
        ("answering", arm.answers),
        ("settling", arm.settles),
    ):
        if present:
            parts.append(name)
    return ", ".join(parts)
