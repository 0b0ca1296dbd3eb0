"""A queue that is filled and that nobody empties: in memory in one mode, or by a name that no started worker takes."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.surface import surface
from runtime_ops.project.build import Project
from runtime_ops.project.handed import fields_of
from runtime_ops.project.jobs import Consumer
from runtime_ops.project.links import Edge
from runtime_ops.project.model import Func, Site
from runtime_ops.project.names import is_static
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.jobs._worker_queues import Taken, sent, taken

RULE = Rule(
    __name__, severity="high", summary="A queue has producers, and its only consumer is not started, or no worker takes from it.",
    lead=True,
)

HANDS = 8
"""How often a queue may go from hand to hand before it is put into."""


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
            severity="medium", entrypoints=(workers.entrypoint,), phase="serving",
            # an option of a task says where it goes if it is sent; a call with the name sends it there
            confidence="certain" if workers.named and place.call else "likely",
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
        given = _filled_elsewhere(edge.caller, guard, consumer.source)
        filled = f"{given.text}()" if given is not None else _filled_anywhere(project, consumer, edge.caller, guard)
        if filled is None:
            continue
        always = given is not None and not any(isinstance(s.stmt, m.If) for s in given.steps)
        yield RULE.in_function(
            project, edge.caller, edge.site.line,
            f"{consumer.func.name}, the only reader of {consumer.source}, is started only if "
            f"`{source_of(guard.test)}`, but {filled} fills the queue "
            "in the other mode too: what is put there is never handled and is gone at exit",
            "start the consumer in every mode that fills the queue, or drain it before the process ends",
            end_line=edge.site.call.end_line,
            confidence="certain" if given is not None and always and _negated(guard.test) and _puts(project, given, consumer.source)
            else "likely",
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


def _negated(test: m.Expr) -> bool:
    """``if not batch_mode``: the mode without the consumer has a name of its own, so it is one that is used."""
    return isinstance(test, m.UnaryOp) and test.op == "not"


def _puts(project: Project, site: Site, queue: str) -> bool:
    """Whether the queue that a call is given is put into by what it calls, by parameters, fields and constructors."""
    todo = _handed_to(project, site, queue)
    seen: set[tuple[Func, str]] = set()
    for _ in range(HANDS):
        below: list[tuple[Func, str]] = []
        for func, name in todo:
            if (func, name) in seen:
                continue
            seen.add((func, name))
            for inner in func.sites:
                if inner.text in (f"{name}.put", f"{name}.put_nowait"):
                    return True
                below += _handed_to(project, inner, name)
        todo = below
    return False


def _handed_to(project: Project, site: Site, queue: str) -> list[tuple[Func, str]]:
    """The functions in which an argument goes on, with its name there: the parameter, or the field of the object that is made."""
    position = next((n for n, a in enumerate(site.call.args) if isinstance(a, m.Name) and a.id == queue), None)
    keyword = next((k for k, v in site.call.keywords if isinstance(v, m.Name) and v.id == queue), None)
    if (position is None and keyword is None) or site.weak or len(site.targets) != 1:
        return []
    target = site.targets[0]
    if target.name == "__init__" and target.cls is not None:
        fields = fields_of(project.names, target.cls, position, keyword) or ()
        return [(method, f"self.{field}") for field in fields for method in target.cls.methods.values()]
    names = [p.name for p in target.facts.params if p.kind == "positional"]
    if target.cls is not None and not is_static(target):
        names = names[1:]
    name = keyword if position is None else names[position] if position < len(names) else None
    return [(target, name)] if name is not None and target.param(name) is not None else []


def _filled_elsewhere(func: Func, guard: m.If, queue: str) -> Site | None:
    """A call of the starting function, outside the guarded part, that is given the queue."""
    for site in func.sites:
        if any(s.stmt is guard for s in site.steps):
            continue
        given = (*site.call.args, *(v for _, v in site.call.keywords))
        if any(isinstance(a, m.Name) and a.id == queue for a in given) and site.targets:
            return site
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
