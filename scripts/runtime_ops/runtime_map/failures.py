"""Swallowed exceptions: arms after which the program goes on."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import MapRow
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.rules.api import worst_phase

OPTIONAL = {"ImportError", "ModuleNotFoundError"}
"""An optional library that is not there is no failure at run time."""


def rows(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """One row an ``except`` arm that lets the program go on as if nothing had happened."""
    life = project.lives[entrypoint]
    for arm in project.failures:
        if not arm.swallows or arm.raises == "always" or (set(arm.handler.types) <= OPTIONAL and arm.handler.types):
            continue
        phases = life.at(arm.func, arm.line, arm.steps)
        if not phases:
            continue
        phase = worst_phase(phases)
        caught = " | ".join(arm.handler.types) or "everything"
        told = _told(arm)
        work = next((s.text for s in arm.body_calls), "the body")
        verdict, question = ("ok" if told else "unknown"), ""
        if (
            arm.broad
            and phase in ("serving", "shutdown", "startup")
            and arm.body_statements >= 3
            and entrypoint.kind != "cli"
        ):
            verdict, question = "question", f"the program goes on{'' if told else ' and tells nobody'}: is losing this work right?"
        yield MapRow(
            "except", f"{caught} around {work}", arm.path, arm.line, phase, verdict, told or None, (), question
        )


def _told(arm: HandlerEffects) -> str:
    """What the arm does about the failure, in a few words."""
    parts = []
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
