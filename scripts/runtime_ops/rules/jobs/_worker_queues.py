"""Named queues of a broker: those that code sends to, and those that the started workers take from.

A Celery worker takes from the queues of ``-Q``; without it, from ``task_queues``, and where that is not set, from
``task_default_queue``, "celery" (celery 5.6: ``app.amqp.Queues``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_path
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch, Link, Option
from runtime_ops.project.model import Func, Place

SENDS = frozenset("apply_async set si s".split())
"""Calls on a task of the project; ``send_task`` and ``signature`` go by a name, which as a rule is another program's."""
DECLARED = frozenset("task_queues CELERY_TASK_QUEUES CELERY_QUEUES".split())
DEFAULTS = frozenset("task_default_queue CELERY_TASK_DEFAULT_QUEUE CELERY_DEFAULT_QUEUE".split())
OPEN = frozenset("$*{%")


class Sent(NamedTuple):
    """A queue's name as code writes it, and where."""

    queue: str
    func: Func
    line: int
    call: bool  # False for the option of a task, which nobody need send


class Taken(NamedTuple):
    """The queues that the workers of one program take from; ``place`` names them (or starts a worker without naming)."""

    queues: frozenset[str]
    entrypoint: Entrypoint
    place: Link
    launch: Launch
    named: bool  # each worker is told by name what it takes from


def taken(project: Project) -> Iterator[Taken]:
    """One row for each Celery program whose started workers are all known by their queues."""
    words = _configured(project)
    if words is None:
        return
    for entrypoint in project.entrypoints:
        launches = [x for x in entrypoint.production if x.server == "celery" and "worker" in x.argv]
        if not launches:
            continue
        queues: set[str] = set()
        for launch in launches:
            named = launch.options.get("queues") or launch.options.get("Q")
            found = words if named is None else _split(named)
            if found is None or (named is None and words == frozenset()):
                break
            queues |= found
        else:
            # the list that is about work, not the one of the scheduler's own worker
            first = min(launches, key=lambda x: ("beat" in x.options, "queues" not in x.options))
            named_all = all("queues" in x.options or "Q" in x.options for x in launches)
            yield Taken(frozenset(queues), entrypoint, _place(first), first, named_all)


def sent(project: Project, entrypoint: Entrypoint) -> Iterator[Sent]:
    """Literal queue names of calls and task options in the modules of a worker's program."""
    for func in project.functions:
        if func.module not in entrypoint.modules or development_path(func.path):
            continue
        for site in func.sites:
            named = site.call.keyword("queue")
            if named is not None and site.method in SENDS:
                for text in _texts(project, named, func) if project.phases(site) else ():
                    yield Sent(text, func, site.line, True)
    for job in project.jobs.jobs:
        named = job.options.keyword("queue") if job.options is not None else None
        if named is None or job.system is None or job.system.name != "celery" or job.how != "decorator":
            continue
        queue = project.names.constant(named, job.owner)
        if isinstance(queue, str) and job.func.module in entrypoint.modules:
            yield Sent(queue, job.owner, named.line if isinstance(named, m.Call) else job.line, False)


def _texts(project: Project, expr: m.Expr, func: Func) -> tuple[str, ...]:
    """The names that an expression may come to, those of a local name that text is added to (``queue += "_bulk"``) with the text
    of each way that leads on from where it is bound; none where a part of them is not read."""
    bound = func.bindings.get(expr.id, ()) if isinstance(expr, m.Name) and "." not in expr.id else ()
    if not any(b.kind == "augment" for b in bound):
        queue = project.names.constant(expr, func)
        return (queue,) if isinstance(queue, str) else ()
    assert isinstance(expr, m.Name)
    begun = [p for p in func.by_kind.get(m.Assign, ()) if isinstance(p.stmt, m.Assign) and _names(p.stmt.targets, expr.id)]
    added = [p for p in func.by_kind.get(m.AugAssign, ()) if isinstance(p.stmt, m.AugAssign) and _names((p.stmt.target,), expr.id)]
    made: list[str] = []
    for start in begun:
        ends = [p for p in added if p.stmt.line > start.stmt.line and _leads_to(start, p)]
        one_of = {p.steps[:-1] for p in ends}
        if len(begun) + len(added) != len(bound) or len(one_of) > 1 or (ends and not ends[0].steps):
            return ()  # bound in another way, or text is added by several statements one after another
        arms = {(p.steps[-1].stmt, p.steps[-1].arm) for p in ends}
        if len(arms) != len(ends) or len({stmt for stmt, _ in arms}) > 1:
            return ()
        first = project.names.constant(_value(start), func)
        rest = [project.names.constant(_value(p), func) for p in ends]
        if len(ends) != 2:  # no arm or one: the text as it began is a name too
            rest.append("")
        if not isinstance(first, str) or not all(isinstance(text, str) for text in rest):
            return ()
        made += [f"{first}{text}" for text in rest]
    return tuple(dict.fromkeys(made))


def _leads_to(start: Place, end: Place) -> bool:
    """Whether no statement around the two keeps them on different ways."""
    arms = {step.stmt: step.arm for step in start.steps}
    return all(arms.get(step.stmt, step.arm) == step.arm for step in end.steps)


def _names(targets: tuple[m.Expr, ...], name: str) -> bool:
    return any(isinstance(target, m.Name) and target.id == name for target in targets)


def _value(place: Place) -> m.Expr | None:
    return place.stmt.value if isinstance(place.stmt, m.Assign | m.AugAssign) else None


def _split(option: Option) -> frozenset[str] | None:
    """The names of ``-Q a,b``; None where a part of it is not written in the repository."""
    if option.value is None or set(option.value) & OPEN:
        return None
    return frozenset(word.strip() for word in option.value.split(",") if word.strip())


def _place(launch: Launch) -> Link:
    option = launch.options.get("queues")
    link = launch.chain[-1]
    return Link(option.path, option.line, link.text) if option is not None else link


def _configured(project: Project) -> frozenset[str] | None:
    """What a worker without ``-Q`` takes from; empty where the configuration names queues that are not followed;
    None where the routes are made elsewhere, so that no name says where a task goes."""
    default = "celery"
    declared = False
    for func in project.functions:
        for name, bindings in func.bindings.items():
            last = name.rpartition(".")[2]
            declared = declared or last in DECLARED
            if last in DEFAULTS:
                values = [project.names.constant(b.expr, func) for b in bindings]
                if len(values) != 1 or not isinstance(values[0], str):
                    return None
                default = values[0]
        keys = func.inventory.keywords
        declared = declared or not DECLARED.isdisjoint(keys)
        if not DEFAULTS.isdisjoint(keys):
            return None
    return frozenset() if declared else frozenset({default})
