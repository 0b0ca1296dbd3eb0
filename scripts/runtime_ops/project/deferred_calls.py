"""Functions that are handed over to run later or elsewhere: by a worker, from a registry, in an executor, at the end of the process."""

from __future__ import annotations

from collections.abc import Callable

from runtime_ops.facts import model as m
from runtime_ops.libraries.surface import surface
from runtime_ops.project.handed import stands_for, uses
from runtime_ops.project.links import FEW, Edge, Links, argument_of
from runtime_ops.project.model import Func

OWN_THREAD = (".Thread", ".Timer", ".Process", ".start_new_thread", "gevent.spawn", "eventlet.spawn", "eventlet.spawn_n")
"""Ends of what starts a thread, process or greenlet that nobody need wait for."""


def runs_elsewhere(edge: Edge) -> bool:
    """Whether the caller only puts the callee into a queue (``queue.enqueue(job, …)``, or a function of the project that
    does so with what it is given): it runs in a worker's process."""
    if edge.how != "reference":
        return False
    if edge.site.method == "add_periodic_task":  # celery's timetable, which its workers run
        return True
    row = surface("handler-registration", edge.via)
    if row is not None:
        return row.match == "enqueue"
    return any(_enqueues(target, edge) for target in edge.site.targets[:FEW])


def held_by(target: Func, edge: Edge) -> bool:
    """Whether a function only holds the parameter as which the edge hands its callee over."""
    for param in target.facts.params:
        expr = argument_of(edge.site, target, param)
        if isinstance(expr, m.Name) and expr.id.rpartition(".")[2] == edge.callee.name:
            ways = {use.how for use in uses(target, param.name)} - {"looked at"}
            return bool(ways) and ways <= {"held", "field"}
    return False


def of_each_target(edge: Edge, asked: Callable[[Func], bool]) -> bool:
    """Whether the answer is yes for each function that the edge's call means; no where it means none."""
    targets = edge.site.targets[:FEW]
    return bool(targets) and all(map(asked, targets))


def registers_for_the_end(target: Func, edge: Edge, links: Links) -> bool:
    """Whether a function gives the parameter as which the edge hands its callee over to what runs it at exit or at a signal, or
    calls it in a function of its own that it gives there, and nowhere else."""
    for param in target.facts.params:
        expr = argument_of(edge.site, target, param)
        if expr is None or edge.callee not in links.referenced(expr, edge.caller):
            continue
        callers = [f for f in target.module.functions.values() if f.parent is target and param.name in f.inventory.names]
        ends = [site for site in target.sites if surface("on-exit", site.dotted or "") or surface("on-signal", site.dotted or "")]
        given = [arg for site in ends for arg in (*site.call.args, *(value for _, value in site.call.keywords))]
        later = [call for arg in given if isinstance(arg, m.Lambda) for call in m.calls(arg.body)]
        calls = [site.call for site in target.sites if stands_for(site.call.func, param.name)]
        if any(all(call is not other for other in later) for call in calls):
            return False
        itself = any(stands_for(arg, param.name) for arg in given)
        inner = bool(callers) and all(any(stands_for(arg, func.name) for arg in given) for func in callers)
        return itself or bool(calls) or inner
    return False


def left_when_done(edge: Edge) -> bool:
    """Whether a function is handed to an executor of concurrent.futures within the ``with`` that makes it, which is left when all is
    done (``Executor.__exit__``: ``shutdown(wait=True)``); not where a ``yield`` holds it open meanwhile."""
    site = edge.site
    if not edge.via.startswith("concurrent.futures.") or site.method not in ("submit", "map"):
        return False
    executor = site.text.rpartition(".")[0]
    managers = (step.stmt for step in site.steps if isinstance(step.stmt, m.With))
    return any(
        any(isinstance(target, m.Name) and target.id == executor for _, target in stmt.items)
        and not any(isinstance(node, m.Yield) for node in m.walk(stmt.body))
        for stmt in managers
    )


def _enqueues(target: Func, edge: Edge) -> bool:
    """Whether the function puts the parameter into a queue as which the edge hands its callee over."""
    given = ((param.name, argument_of(edge.site, target, param)) for param in target.facts.params)
    ours = {name for name, expr in given if isinstance(expr, m.Name) and expr.id.rpartition(".")[2] == edge.callee.name}
    return any(
        (site.method.startswith("enqueue") or _queues(site.dotted))
        and any(isinstance(e, m.Name) and e.id in ours for e in (*site.call.args, *(v for _, v in site.call.keywords)))
        for site in target.sites
    )


def _queues(dotted: str | None) -> bool:
    """Whether a call of a library puts what it is given into a queue."""
    row = surface("handler-registration", dotted) if dotted is not None else None
    return row is not None and row.match == "enqueue"
