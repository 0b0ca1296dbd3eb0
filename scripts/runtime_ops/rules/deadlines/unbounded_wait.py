"""A wait for another thread, task, lock or queue, inside a request or job, that nothing ends."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.loops import is_endless
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._waiting import finding_of, grouped, weight

RULE = Rule(
    __name__,
    severity="medium",
    summary="A request, job or message handler waits for a thread, future, queue or pipe without a bound.",
    yields_to=("call-without-timeout", "child-without-timeout", "blocking-in-async", "unbounded-shutdown-wait"),
)
KINDS = frozenset(("future", "queue", "event", "thread", "executor", "child"))


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for group in grouped(w for w in project.waits if w.kind in KINDS and w.deadline.state == "unbounded"):
        waiting = [w for w in group if _in_the_way(project, w)]
        if not waiting:
            continue
        severity, phase, entrypoints = weight(project, waiting)
        if severity is None or severity == "low" or phase is None:
            continue
        first = waiting[0]
        yield finding_of(
            RULE,
            project,
            waiting,
            f"{first.place.text}() in a request or job waits for a {first.kind} without a bound: when the other side dies or hangs, this "
            "thread is lost",
            "give a timeout and handle its expiry (answer an error, end the helper)",
            severity="medium",
            phase=phase,
            entrypoints=entrypoints,
        )


def _in_the_way(project: Project, wait: WaitSite) -> bool:
    """Whether the wait stands in a handler's way: not a worker's own get, not a drain, not awaited in a coroutine."""
    site = wait.site
    if wait.kind == "child" and not wait.dotted.startswith("multiprocessing."):
        return False
    if wait.kind == "executor" or site.awaited or wait.dotted.startswith("asyncio."):
        return False
    if not project.runs_in(site, "serving", kinds=("service", "worker")):
        return False
    if wait.kind == "queue" and _own_loop(wait):
        return False
    return not (wait.kind in ("event", "queue") and _own_loop(wait))


def _own_loop(wait: WaitSite) -> bool:
    """``while …: item = queue.get()``: waiting is what such a loop is for."""
    return any(isinstance(s.stmt, m.While) and is_endless(s.stmt) for s in wait.site.steps)
