"""Work handed to an executor whose failure nobody reads."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.flows import ends, resolve_all
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.jobs._words import aside, optional
from runtime_ops.rules.logging.unwatched_thread import can_fail

RULE = Rule(
    __name__,
    severity="medium",
    summary="The result of submitted work is never read, so its failures vanish.",
    lead=True,
)
SUBMITS = (
    "concurrent.futures.ThreadPoolExecutor.submit",
    "concurrent.futures.ProcessPoolExecutor.submit", "concurrent.futures.Executor.submit",
    "multiprocessing.pool.Pool.apply_async",
    "multiprocessing.pool.ThreadPool.apply_async", "multiprocessing.Pool.apply_async",
)  # fmt: skip
ERROR_CALLBACK = 4  # its place among the arguments of apply_async


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_findings(project))


def _findings(project: Project) -> Iterator[Finding]:
    for site in project.sites(*SUBMITS):
        if _read(site) or _calls_back(site) or not site.call.args:
            continue
        if not project.runs_in(site, "serving", "startup", "shutdown"):
            continue
        target = next(iter(project.links.referenced(site.call.args[0], site.function)), None)
        if target is not None and (_guards_itself(project, target) or optional(target.name) or aside(target)):
            continue
        name = target.name if target is not None else "the submitted call"
        yield RULE.at(
            project, site,
            f"The future of {name} is never read: an exception in it stays inside the future, so the work is "
            "lost without a log line, a "
            "count or a retry",
            "keep the future and read result() or exception(), or add a done-callback that logs and counts exception()",
            confidence="certain" if target is not None and _lets_out(target) else "possible",
        )  # fmt: skip


def _calls_back(site: Site) -> bool:
    """Whether a failure is handed to a function: ``apply_async(func, args, kwds, callback, error_callback)``."""
    return site.call.keyword("error_callback") is not None or (site.method == "apply_async" and len(site.call.args) > ERROR_CALLBACK)


def _lets_out(func: Func) -> bool:
    """Whether what is submitted is known to fail at times, and has no arm at all for that."""
    return not any(isinstance(p.stmt, m.Try) for p in func.places) and any(can_fail(site) for site in func.sites)


def _read(site: Site) -> bool:
    """Whether anything may read the future: it is used, kept or handed on."""
    if site.used and not isinstance(site.stmt, m.Assign):
        return True
    if not site.used:
        return False
    assert isinstance(site.stmt, m.Assign)
    target = site.stmt.targets[0]
    if not isinstance(target, m.Name) or "." in target.id or site.stmt.value is not site.call:
        return True
    func = site.function
    return any(
        isinstance(n, m.Name) and n.id.split(".")[0] == target.id
        for f in (func, *(g for g in func.module.functions.values() if g.parent is func))
        for p in f.places
        if p.stmt is not site.stmt
        for n in m.walk(p.stmt)
    )


def _guards_itself(project: Project, func: Func) -> bool:
    """Whether a broad arm of the function tells of every failure: all that it does stands in one ``try``."""
    for stmt in func.facts.body:
        if isinstance(stmt, m.Try):
            for handler in stmt.handlers:
                names = resolve_all(func, project.links, handler.types)
                if not names or any(n.rpartition(".")[2] in ("Exception", "BaseException") for n in names):
                    return "raise" not in ends(handler.body, func)
        elif isinstance(stmt, m.With | m.While | m.For) and any(isinstance(s, m.Try) for s in stmt.body):
            return True
    return False
