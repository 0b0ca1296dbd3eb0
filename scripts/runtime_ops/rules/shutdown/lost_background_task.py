"""A task that nobody holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site, own_expressions
from runtime_ops.project.resources import Resource
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.jobs._words import catches_all
from runtime_ops.rules.logging.unwatched_thread import ending_call
from runtime_ops.rules.shutdown._running import lasting_phases, names_in

RULE = Rule(
    __name__,
    severity="medium",
    summary="A background task is started and nobody holds it: its failure is silent and a stop cuts it.",
)
MATTERS = re.compile(r"(?i)notif|mail|webhook|hook|pay|order|deliver|send|dispatch|upload|save|store|sync|publish")
"""Names of work that somebody waits for."""
ASIDE = re.compile(r"(?i)telemetry|analytics|metrics?(?:_|$)|(?:^|_)cache(?:_|$)")
"""Names of work whose loss costs nobody anything: the next call does it again."""
MAKERS = frozenset({"create_task", "ensure_future"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_findings(project))


def _findings(project: Project) -> Iterator[Finding]:
    for resource in project.resources:
        if resource.kind != "task" or resource.site.method not in MAKERS or resource.stopped:
            continue
        if not _dropped(resource):
            continue
        if resource.function.name == "__del__" or (resource.target is not None and _aside(resource.target)):
            continue
        _, phases = lasting_phases(project, resource.site)
        if not phases & {"serving", "startup"}:
            continue
        ending = ending_call(resource.target) if resource.target is not None else None
        if resource.target is not None and ending is not None and ending.function is resource.target:
            yield _of_loop(project, resource, resource.target, ending)
            continue
        if resource.target is not None and _minds_itself(resource.target) and not MATTERS.search(resource.target.name):
            continue  # its failures are dealt with inside, and what it does is no one's order
        name = f" {resource.target.name}" if resource.target is not None else ""
        yield RULE.at(
            project,
            resource.site,
            f"The task{name} is started and its handle dropped: the loop keeps only a weak reference, so it may be collected "
            "half-way; its exception is never seen, and a stop cuts it",
            "keep it (a set with add_done_callback(set.discard)), log its exception, and await or cancel it at shutdown; or a TaskGroup",
            kinds=("service", "worker"),
            confidence="likely" if _somebody_waits(resource.target) else "possible",
        )


def _aside(target: Func) -> bool:
    """Whether a coroutine, or the class or module that it is written in, is one for numbers about the program."""
    names = (target.name, target.cls.name if target.cls is not None else "", target.path.rpartition("/")[2].removesuffix(".py"))
    return any(ASIDE.search(name) for name in names)


def _of_loop(project: Project, resource: Resource, target: Func, ending: Site) -> Finding:
    """A loop that shall never end, and that one failure ends: nothing holds the task that would tell."""
    return RULE.at(
        project,
        resource.site,
        f"The task {target.name} is started and its handle dropped, and an exception of {ending.text}() (line {ending.line}) ends its "
        "endless loop for good: the process stays up and looks healthy, its work is no longer done, and all that tells of it is asyncio's "
        "\"Task exception was never retrieved\"",
        "catch and log inside the loop (with a pause); keep the task, and stop the process in its done callback where it has failed",
        kinds=("service", "worker"),
        confidence="certain",
    )


def _somebody_waits(target: Func | None) -> bool:
    """Whether the task does what somebody waits for, and leaves its failures to its handle: else a cut costs nothing that
    is seen, and asyncio reports what nobody retrieved."""
    return target is not None and bool(MATTERS.search(target.name)) and not _minds_itself(target)


def _minds_itself(func: Func) -> bool:
    """A function whose body is one try, or an endless loop with a try in it: a heartbeat, a watcher, a refresh."""
    loops = [p.stmt for p in func.places if isinstance(p.stmt, m.While) and not p.steps]
    return catches_all(func) or any(isinstance(n, m.Try) for loop in loops for n in m.walk(loop.body))


def _dropped(resource: Resource) -> bool:
    """The handle goes nowhere: an expression statement, or a local name that is not looked at again."""
    if resource.kept.scope == "dropped":
        return isinstance(resource.site.stmt, m.ExprStmt) and resource.site.stmt.value is resource.site.call
    if resource.kept.scope != "local" or "." in resource.kept.name:
        return False
    name = resource.kept.name
    functions = [
        f
        for f in resource.function.module.functions.values()
        if f is resource.function or f.parent is resource.function
    ]
    for func in functions:
        for place in func.places:
            if isinstance(place.stmt, m.Global) and name in place.stmt.names:
                return False
            reads = (
                [place.stmt.value, *(t for t in place.stmt.targets if not isinstance(t, m.Name))]
                if isinstance(place.stmt, m.Assign)
                else list(own_expressions(place.stmt))
            )
            if any(name in names_in(expr) for expr in reads if expr is not None):
                return False
    return True
