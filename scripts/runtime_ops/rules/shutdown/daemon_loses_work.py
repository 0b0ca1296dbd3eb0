"""A daemon thread that sends or stores, and is frozen at exit."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._memory_queues import dropping_stop, taken

RULE = Rule(
    __name__,
    severity="medium",
    summary="A daemon thread holds accepted work (a queue in memory) and nothing drains it before exit.",
    yields_to=("stop-drops-jobs",),
    lead=True,
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for found in taken(project):
        if dropping_stop(project, found) is not None:
            continue  # reported at the stop path
        names = {found.queue, *_handed(found.thread.site)}
        if any(_drained(project, name) for name in names):
            continue
        yield RULE.at(
            project,
            found.thread.site,
            f"The daemon thread that runs {found.consumer.func.name} works off {found.queue}; at exit it is frozen where it stands, and "
            "what is in the queue (and in its hands) is lost without a trace",
            "join it with a limit at shutdown after a sentinel (or queue.join()), or keep the work in a durable queue",
            kinds=("service", "worker"),
        )


def _handed(started: Site) -> Iterator[str]:
    """What the thread is given: the queue has another name where it is filled."""
    given = started.call.keyword("args")
    for node in m.walk(given) if given is not None else ():
        if isinstance(node, m.Name):
            yield node.id.rpartition(".")[2]


def _drained(project: Project, queue: str) -> bool:
    """Whether any code waits until the queue is empty."""
    return any(
        site.method == "join" and site.text.rpartition(".")[0].rpartition(".")[2] == queue
        for func in project.functions
        for site in func.sites
    )
