"""A queue that is filled and that nobody empties: in memory in one mode, or by a name that no started worker takes."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.surface import surface
from runtime_ops.project.build import Project
from runtime_ops.project.jobs import Consumer
from runtime_ops.project.links import Edge
from runtime_ops.project.model import Func
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.jobs._worker_queues import Taken, sent, taken

RULE = Rule(
    __name__, severity="high", summary="A queue has producers, and its only consumer is not started, or no worker takes from it.",
    lead=True,
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from _in_memory(project)
    for workers in taken(project):
        yield from _not_taken(project, workers)


def _not_taken(project: Project, workers: Taken) -> Iterator[Finding]:
    """Names that code sends to and that stand in no started worker's list."""
    known = ", ".join(sorted(workers.queues))
    reported: set[str] = set()
    for place in sent(project, workers.entrypoint):
        if place.queue in workers.queues or place.queue in reported:
            continue
        reported.add(place.queue)
        links = [Evidence(x.path, x.line, x.text) for x in workers.launch.chain]
        yield RULE.finding(
            workers.place.path, workers.place.line,
            f"Tasks are sent to the queue {place.queue!r} ({place.func.path}:{place.line}), and the workers that are started "
            f"take from {known} only: they wait for ever, and the broker grows",
            f"name {place.queue!r} in a worker's -Q, or send to a queue that is taken from",
            entrypoints=(workers.entrypoint,), phase="serving",
            trace=(Evidence(place.func.path, place.line, f"sends to {place.queue!r}"), *links), anchor=place.queue,
        )  # fmt: skip


def _in_memory(project: Project) -> Iterator[Finding]:
    for consumer in project.jobs.consumers:
        if consumer.system is not None or consumer.take is None or "." in consumer.source:
            continue
        starts = list(_starts(project, consumer))
        if len(starts) != 1:
            continue
        edge = starts[0]
        guard = next((s.stmt for s in edge.site.steps if isinstance(s.stmt, m.If) and s.arm == "body"), None)
        if guard is None or not _mode(guard.test):
            continue
        filled = _filled_elsewhere(edge.caller, guard, consumer.source) or _filled_anywhere(
            project, consumer, edge.caller, guard
        )
        if filled is None:
            continue
        yield RULE.in_function(
            project, edge.caller, edge.site.line,
            f"{consumer.func.name}, the only reader of {consumer.source}, is started only if "
            f"`{source_of(guard.test)}`, but {filled} fills the queue "
            "in the other mode too: what is put there is never handled and is gone at exit",
            "start the consumer in every mode that fills the queue, or drain it before the process ends",
            end_line=edge.site.call.end_line,
        )  # fmt: skip


def _starts(project: Project, consumer: Consumer) -> Iterator[Edge]:
    for edge in project.links.callers.get(consumer.func, ()):
        if (edge.how == "reference" and surface("starter", edge.via) is not None) or edge.how == "call":
            yield edge


def _mode(test: m.Expr) -> bool:
    """A flag: ``if not batch_mode``, ``if settings.NOTIFY``; no test of the main program or of what exists."""
    if isinstance(test, m.UnaryOp) and test.op == "not":
        test = test.operand
    return (
        isinstance(test, m.Name | m.Subscript) and "__name__" not in source_of(test) and "pytest" not in source_of(test)
    )


def _filled_elsewhere(func: Func, guard: m.If, queue: str) -> str | None:
    """A call of the starting function, outside the guarded part, that is given the queue."""
    for site in func.sites:
        if any(s.stmt is guard for s in site.steps):
            continue
        given = (*site.call.args, *(v for _, v in site.call.keywords))
        if any(isinstance(a, m.Name) and a.id == queue for a in given) and site.targets:
            return f"{site.text}()"
    return None


def _filled_anywhere(project: Project, consumer: Consumer, starter: Func, guard: m.If) -> str | None:
    """A put into the same module-level queue from a function that runs while serving."""
    module = consumer.func.module
    if consumer.source not in module.level.bindings:
        return None
    for func in module.functions.values():
        if func is consumer.func or func is starter:
            continue
        for site in func.sites:
            receiver, _, method = site.text.rpartition(".")
            if (
                receiver == consumer.source
                and method in ("put", "put_nowait")
                and project.function_runs_in(func, "serving")
            ):
                return f"{func.name}()"
    return None
