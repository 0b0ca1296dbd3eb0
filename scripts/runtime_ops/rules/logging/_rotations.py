"""Log files that several worker processes turn over, each by itself, and those that nobody does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Step
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._programs import Program
from runtime_ops.rules.metrics.multiprocess_metrics import several
from runtime_ops.rules.startup._reads import for_development

BY_TIME = "logging.handlers.TimedRotatingFileHandler"
BY_SIZE = "logging.handlers.RotatingFileHandler"
OWN = frozenset(("getpid", "current_process", "uuid4", "gethostname"))
"""Calls by which each process writes a file of its own."""


class Rotating(NamedTuple):
    """A handler that turns its file over: its class, where it is written, and what encloses that place."""

    kind: str
    line: int
    steps: tuple[Step, ...]


def turned_over_by_each(project: Project, program: Program, rule: Rule) -> Iterator[Finding]:
    """A rotating file below a server that starts several processes. Each one renames the file when its own turn comes: the second to
    do so at midnight removes what the first has just put away, and whoever still holds the old file goes on in it (CPython 3.13,
    TimedRotatingFileHandler.doRollover)."""
    running = ((entrypoint, *several(entrypoint)) for entrypoint in program.all)
    entrypoint, launch, count = next((each for each in running if each[1] is not None), (None, None, 0))
    if entrypoint is None or launch is None:
        return
    for module in sorted(entrypoint.modules, key=lambda each: each.path):
        if for_development(module.path):
            continue
        for func in module.functions.values():
            found = next(_handlers(func), None)
            if found is None or any(site.method in OWN for site in func.sites):
                continue
            if not func.is_module and entrypoint not in project.phases_by_entrypoint(func):
                continue
            lost = (
                "the second one at the turn removes the file that the first has just put away, and a day's records are gone"
                if found.kind == BY_TIME
                else "each renames it in turn, so that archives are pushed out early and records go into a file that is being removed"
            )
            yield rule.finding(
                func.path,
                found.line,
                f"{launch.server} starts {count} processes of {entrypoint.path}, and {found.kind.rpartition('.')[2]} turns the same file "
                f"over in each of them: {lost}",
                "write to stdout and let the platform rotate, or rotate from outside (logrotate with WatchedFileHandler)",
                severity="medium",
                confidence="possible" if any(isinstance(step.stmt, m.If) for step in found.steps) else "certain",
                phase="startup",
                entrypoints=(entrypoint,),
                trace=[Evidence(launch.chain[-1].path, launch.chain[-1].line, launch.chain[-1].text)],
                anchor=f"rotation:{func.qualname}",
            )


def never_turned_over(project: Project, rule: Rule) -> Iterator[Finding]:
    """A size at which a file shall be turned over, and no number of old files: without one the handler opens the same file again and
    goes on in it (CPython 3.13, RotatingFileHandler.doRollover)."""
    for func in project.functions:
        if for_development(func.path) or not (project.phases_by_entrypoint(func) or (func.is_module and project.imported_by(func.module))):
            continue
        for line in _without_old_files(func):
            yield rule.in_function(
                project, func, line,
                "RotatingFileHandler is given a size and no backupCount, and without one it never turns its file over: it grows until "
                "the disk is full",
                "give backupCount=5, or write to stdout and let the platform rotate", severity="medium", confidence="certain",
            )  # fmt: skip


def _without_old_files(func: Func) -> Iterator[int]:
    for site in func.sites:
        call = site.call
        named = site.dotted == BY_SIZE and not call.expands
        if named and _limited(call.argument("maxBytes", 2)) and not _kept(call.argument("backupCount", 3)):
            yield site.line
    for display in func.inventory.displays:
        if isinstance(display.expr, m.Mapping):
            given = {key.value: value for key, value in display.expr.items if isinstance(key, m.Const)}
            kind = given.get("class")
            named = isinstance(kind, m.Const) and kind.value == BY_SIZE
            if named and _limited(given.get("maxBytes")) and not _kept(given.get("backupCount")):
                yield display.expr.line


def _kept(count: m.Expr | None) -> bool:
    """Whether old files are kept, as far as it is seen."""
    return count is not None and not (isinstance(count, m.Const) and not count.value)


def _handlers(func: Func) -> Iterator[Rotating]:
    """The rotating handlers that a function makes, or describes for ``dictConfig``."""
    for site in func.sites:
        if site.dotted == BY_TIME or (site.dotted == BY_SIZE and _limited(site.call.argument("maxBytes", 2))):
            yield Rotating(site.dotted, site.line, site.steps)
    for display in func.inventory.displays:
        if isinstance(display.expr, m.Mapping):
            given = {key.value: value for key, value in display.expr.items if isinstance(key, m.Const)}
            kind = given.get("class")
            if isinstance(kind, m.Const) and (kind.value == BY_TIME or (kind.value == BY_SIZE and _limited(given.get("maxBytes")))):
                yield Rotating(kind.value, display.expr.line, display.place.steps)


def _limited(size: m.Expr | None) -> bool:
    """Whether a file is ever turned over: without a size, or with 0, it grows for good."""
    return size is not None and not (isinstance(size, m.Const) and not size.value)
