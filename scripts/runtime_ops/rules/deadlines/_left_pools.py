"""Pools that are shut down behind a wait that ran out: the shutdown waits for the very job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.names import canonical
from runtime_ops.project.build import Project
from runtime_ops.project.flows import sites_in
from runtime_ops.project.model import Site

BROAD = frozenset({"Exception", "BaseException"})


class LeftPool(NamedTuple):
    """A wait for a job of a pool that has a limit, and the shutdown without one that follows where it runs out."""

    timed: Site
    shutdown: Site
    job: Site


def left_pools(project: Project, shutdown: Site, pools: frozenset[str]) -> Iterator[LeftPool]:
    """``try: pool.submit(work).result(timeout=5)``, ``except TimeoutError: pool.shutdown()``, with the pool kept under one name."""
    owner = shutdown.text.rpartition(".")[0]
    given = shutdown.call.argument("wait", 0)
    if shutdown.method != "shutdown" or not owner or shutdown.call.expands or (given is not None and not _true(given)):
        return
    step = next((s for s in reversed(shutdown.steps) if isinstance(s.stmt, m.Try) and s.arm in ("handler", "final")), None)
    if step is None or not isinstance(step.stmt, m.Try) or not (step.handler is None or _takes_timeout(step.handler)):
        return
    value = project.links.names.name(owner, shutdown.function)
    if value is None or value.kind != "made" or canonical(value.name) not in pools:
        return
    inside = sites_in(step.stmt.body, shutdown.function)
    jobs = [s for s in inside if s.text == f"{owner}.submit"]
    timed = next((s for s in inside if s.method == "result" and _limit(s) and _of_pool(s, jobs)), None)
    if timed is not None:
        yield LeftPool(timed, shutdown, jobs[0])


def _true(expr: m.Expr) -> bool:
    return isinstance(expr, m.Const) and expr.value is True


def _limit(site: Site) -> bool:
    given = site.call.argument("timeout", 0)
    return given is not None and not (isinstance(given, m.Const) and given.value is None)


def _of_pool(timed: Site, jobs: list[Site]) -> bool:
    """Whether what is waited for is a job that was given to the pool right before: ``future = pool.submit(…)``."""
    owner = timed.text.rpartition(".")[0]
    for job in jobs:
        if isinstance(timed.call.func, m.Attr) and timed.call.func.value is job.call:
            return True
        if isinstance(job.stmt, m.Assign) and any(isinstance(t, m.Name) and t.id == owner for t in job.stmt.targets):
            return True
    return False


def _takes_timeout(handler: m.Handler) -> bool:
    names = {name.rpartition(".")[2] for name in handler.types}
    return not names or bool(names & BROAD) or any("Timeout" in name for name in names)
