"""Work that somebody waits for: job functions, the loops that take messages or items, and what they call for one item."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, cached_property

from runtime_ops.facts import model as m
from runtime_ops.libraries.jobs import JobSystem, all_job_systems, job_system_of, job_system_of_class
from runtime_ops.libraries.names import spellings
from runtime_ops.libraries.surface import surface
from runtime_ops.plain import dataclass
from runtime_ops.project.decorators import decorated_by
from runtime_ops.project.flows import sites_in
from runtime_ops.project.links import Links, argument_of
from runtime_ops.project.loops import is_endless
from runtime_ops.project.model import Func, Klass, Place, Site, Value
from runtime_ops.project.names import decorator_name
from runtime_ops.project.schedules import timetable

DEPTH = 4  # project functions followed from a job or loop: what is deeper serves many callers, not this item
LONGEST_NAME = 200  # characters of a dotted name; longer texts are prose
FANOUT = 3  # a call that may mean more functions than this says little about which one runs
RECEIVER_ENQUEUES = frozenset("delay apply_async kiq defer send_with_options".split())
IN_MEMORY = frozenset(
    """queue.Queue.get queue.Queue.get_nowait queue.SimpleQueue.get queue.PriorityQueue.get queue.LifoQueue.get
    asyncio.Queue.get asyncio.Queue.get_nowait asyncio.PriorityQueue.get multiprocessing.Queue.get
    multiprocessing.JoinableQueue.get janus.Queue.async_q.get janus.Queue.sync_q.get""".split()
)
TAKES = frozenset("get get_nowait async_get aget get_message popleft".split())
QUEUE_NAME = re.compile(r"(?:^|_)(?:q|queue|inbox|mailbox|backlog)$", re.I)
WRAPPERS = frozenset("task job actor shared_task background_job celery_task async_task".split())
"""Names of a project's own decorators that stand for the one of the job library which their module imports."""
PERIODIC = re.compile(r"period|cron|schedul|interval|every|timer|beat|repeat", re.I)


@dataclass(frozen=True, slots=True)
class Job:
    """A function that a job system runs.

    ``how``: ``decorator``, ``class`` (a method of a job class), ``registration`` (handed to a consumer or scheduler),
    ``enqueue`` (handed to a queue). ``options``: the call that carries the job's settings, if one is written.
    ``periodic``: it runs by time, so that the next run does what this one missed.
    """

    func: Func
    system: JobSystem | None
    how: str
    path: str
    line: int
    options: m.Call | None
    owner: Func
    """Where ``options`` is written."""
    periodic: bool


@dataclass(frozen=True, slots=True)
class Consumer:
    """A loop that takes one item after the other. ``system`` is None for a queue in memory.

    ``take``: the call that gets an item, None when the loop itself iterates over the source.
    """

    func: Func
    loop: m.While | m.For
    take: Site | None
    system: JobSystem | None
    source: str
    """The queue or consumer as it is written."""

    @property
    def line(self) -> int:
        return self.take.line if self.take is not None else self.loop.line


@dataclass(frozen=True, slots=True)
class Work:
    """A function that works on one item of a job or a loop, ``depth`` calls away from it (0: the job itself)."""

    func: Func
    depth: int
    job: Job | None
    consumer: Consumer | None


class Jobs:
    """The inventory; made once a project."""

    def __init__(self, links: Links) -> None:
        self.links = links
        self.jobs: tuple[Job, ...] = tuple(find_jobs(links))
        self.consumers: tuple[Consumer, ...] = tuple(find_consumers(links))
        self.by_func: dict[Func, Job] = {}
        for job in self.jobs:
            self.by_func.setdefault(job.func, job)
        self.consumers_of: dict[Func, list[Consumer]] = {}
        for consumer in self.consumers:
            self.consumers_of.setdefault(consumer.func, []).append(consumer)
        self.work: dict[Func, Work] = {}
        self._spread()

    def _spread(self) -> None:
        pending = [Work(job.func, 0, job, None) for job in self.jobs]
        for consumer in self.consumers:
            pending += [
                Work(edge.callee, 1, None, consumer)
                for edge in _steps(self.links, consumer.func, sites_in(consumer.loop.body, consumer.func))
            ]
        while pending:
            work = pending.pop(0)
            known = self.work.get(work.func)
            if known is not None and known.depth <= work.depth:
                continue
            self.work[work.func] = work
            if work.depth < DEPTH:
                pending += [
                    Work(edge.callee, work.depth + 1, work.job, work.consumer)
                    for edge in _steps(self.links, work.func, None)
                ]

    def dispatched(self, func: Func) -> bool:
        """Whether anything that was read enqueues, schedules or names a job: a call, a reference, or a text with its name.

        True of every job where nothing names any: then those who enqueue are elsewhere."""
        return not self._named or func.name in self._named or bool(self.links.callers.get(func))

    @cached_property
    def scheduled(self) -> frozenset[Func]:
        """Job functions that a timetable in the code runs."""
        return timetable(self.links, ((job.func, job.options) for job in self.jobs))

    @cached_property
    def _named(self) -> frozenset[str]:
        """Names of job functions that stand in code beside their definitions: ``push.delay``, ``"shop.tasks.push"``."""
        names = {job.func.name for job in self.jobs}
        texts: set[str] = set()  # most of them stand in many functions
        for module in self.links.index:
            for func in module.functions.values():
                texts.update(func.inventory.names, func.inventory.texts)
        found = {word for text in texts if len(text) < LONGEST_NAME for word in text.replace(":", ".").split(".")}
        return frozenset(found & names)

    def consumer_around(self, func: Func, loops: Iterable[m.Stmt]) -> Consumer | None:
        """The consumer whose loop is one of the statements around a place of ``func``."""
        around = list(loops)
        for consumer in self.consumers_of.get(func, ()):
            if any(consumer.loop is loop for loop in around):
                return consumer
        return None


class _Step:
    __slots__ = ("callee",)

    def __init__(self, callee: Func) -> None:
        self.callee = callee


def _steps(links: Links, func: Func, only: tuple[Site, ...] | None) -> Iterator[_Step]:
    """Functions that run for the item: called for certain, or handed to an executor whose result is awaited."""
    wanted = None if only is None else {id(s.call) for s in only}
    for edge in links.callees.get(func, ()):
        if wanted is not None and id(edge.site.call) not in wanted:
            continue
        if (edge.how == "call" and len(edge.site.targets) <= FANOUT) or (
            edge.how == "reference" and (edge.site.awaited or "to_thread" in edge.via or "run_in_executor" in edge.via)
        ):
            yield _Step(edge.callee)


# ---------------------------------------------------------------- jobs


def find_jobs(links: Links) -> Iterator[Job]:
    """Every job function of the project, in no particular order; one may come twice."""
    yield from _handed_on(links)
    for module in links.index:
        for func in module.functions.values():
            if func.is_module:
                for site in func.sites:
                    yield from _given(links, site)
                continue
            yield from _decorated(links, func)
            yield from _of_class(func)
            for site in func.sites:
                yield from _given(links, site)


def _decorated(links: Links, func: Func) -> Iterator[Job]:
    for decorator in func.facts.decorators:
        call = decorator if isinstance(decorator, m.Call) else None
        dotted = decorated_by(decorator, func, links)
        name = decorator_name(decorator)
        system = _system_of_decorator(dotted) if dotted is not None else None
        if system is None and (dotted is None or "partial" in dotted):
            inner = _wrapped(links, decorator, func)
            system = _system_of_decorator(inner) if inner is not None else None
        if system is None and dotted is None:
            system = _by_method_name(links, decorator, func)
        known = dotted is not None and surface("job-decorator", dotted) is not None
        if system is None and not known:
            continue
        periodic = bool(PERIODIC.search(name)) or (
            call is not None and any(k is not None and PERIODIC.search(k) for k, _ in call.keywords)
        )
        yield Job(func, system, "decorator", func.path, func.line, call, func.parent or func.module.level, periodic)


def _system_of_decorator(dotted: str) -> JobSystem | None:
    names = set(spellings(dotted))
    return next((row for row in all_job_systems() if names.intersection(row.decorators)), None)


def _wrapped(links: Links, decorator: m.Expr, func: Func) -> str | None:
    """The library's decorator behind ``job = partial(rq_job, …)`` or a project's function that applies one."""
    expr = decorator.func if isinstance(decorator, m.Call) else decorator
    scope = func.parent or func.module.level
    value = links.names.value(expr, scope)
    if value is None:  # imported from a file that could not be read, or not at all
        tail = decorator_name(decorator).rpartition(".")[2]
        return {"actor": "dramatiq.actor", "shared_task": "celery.shared_task"}.get(tail)
    if value.origin is not None and value.kind == "made" and "partial" in value.name and value.origin.call.args:
        inner = links.names.value(value.origin.call.args[0], value.origin.function)
        if inner is not None and isinstance(inner.target, Klass):
            return next(iter(inner.target.external_bases), None)
        return inner.name if inner is not None and inner.kind == "external" else None
    if isinstance(value.target, Func) and value.target.name in WRAPPERS:
        heads = {
            b.text.split(".")[0] for bs in value.target.module.level.bindings.values() for b in bs if b.kind == "import"
        }
        for row in all_job_systems():
            if row.decorators and row.decorators[0].split(".")[0] in heads:
                return row.decorators[0]
    return None


def _by_method_name(links: Links, decorator: m.Expr, func: Func) -> JobSystem | None:
    """``@app.task`` where ``app`` is an object of a library whose applications have such a decorator, or unknown: then
    only the names that no other kind of library has."""
    expr = decorator.func if isinstance(decorator, m.Call) else decorator
    if not isinstance(expr, m.Name) or "." not in expr.id:
        return None
    receiver, _, method = expr.id.rpartition(".")
    value = links.names.name(receiver, func.parent or func.module.level)
    if value is None:
        return None
    head = _library(value)
    for row in all_job_systems():
        if method in row.method_decorators and head and any(d.split(".")[0] == head for d in row.decorators):
            return row
    return None


def _library(value: Value) -> str:
    if value.kind in ("made", "external"):
        return value.name.split(".")[0]
    bases = getattr(value.target, "external_bases", ())
    return str(bases[0]).split(".")[0] if bases else ""


def _of_class(func: Func) -> Iterator[Job]:
    if func.cls is None:
        return
    for base in func.cls.external_bases:
        system = job_system_of_class(base)
        if system is not None and func.name in system.job_methods:
            yield Job(func, system, "class", func.path, func.line, None, func.module.level, False)
            return


def _given(links: Links, site: Site) -> Iterator[Job]:
    """Functions handed to a queue, scheduler or consumer; ``task.delay()`` on a function of the project."""
    if site.method in RECEIVER_ENQUEUES and isinstance(site.call.func, m.Name):
        value = links.names.name(site.call.func.id.rpartition(".")[0], site.function)
        if value is not None and isinstance(value.target, Func):
            yield Job(value.target, None, "enqueue", site.path, site.line, site.call, site.function, False)
        return
    if site.dotted is None:
        return
    system = _system_of_call(site.dotted)
    if system is None:
        return
    for expr, how in _jobs_of_call(site, system):
        for func in links.referenced(expr, site.function):
            yield Job(func, system, how, site.path, site.line, site.call, site.function, system.kind == "scheduler")


def _jobs_of_call(site: Site, system: JobSystem) -> Iterator[tuple[m.Expr, str]]:
    """What a call hands to a job system as the function to run, and how."""
    names = set(spellings(site.dotted or ""))
    for entry in system.registrations + system.enqueues:
        if entry.call not in names:
            continue
        expr: m.Expr | None = None
        if entry.job.isdigit():
            keyword = next((v for k, v in site.call.keywords if k in ("func", "f", "function", "callback")), None)
            expr = keyword or site.call.argument("", int(entry.job))
        elif entry.job not in ("receiver", "name"):
            expr = site.call.argument(entry.job, 1) or site.call.argument(entry.job, 0)
        parts = expr.items if isinstance(expr, m.Sequence) else (expr,) if expr is not None else ()  # ``callbacks=[self.process]``
        for part in parts:
            yield part, "registration" if entry in system.registrations else "enqueue"


def _handed_on(links: Links) -> Iterator[Job]:
    """Functions that are given to a function of the project which hands them to a queue: ``enqueue_job(send_mail, queue=low)``."""
    takers: dict[Func, tuple[m.Param, JobSystem]] = {}
    for module in links.index:
        for func in module.functions.values():
            for site in func.sites if func.facts.params else ():
                system = _system_of_call(site.dotted) if site.dotted is not None else None
                for expr, how in _jobs_of_call(site, system) if system is not None else ():
                    param = func.param(expr.id) if isinstance(expr, m.Name) else None
                    if param is not None and how == "enqueue" and system is not None:
                        takers[func] = (param, system)
    pending = list(takers.items())
    while pending:
        taker, (param, system) = pending.pop()
        for edge in links.callers.get(taker, ()):
            if edge.how != "call" or len(edge.site.targets) != 1:
                continue
            given = argument_of(edge.site, taker, param)
            further = edge.caller.param(given.id) if isinstance(given, m.Name) else None
            if further is not None and edge.caller not in takers:
                takers[edge.caller] = (further, system)
                pending.append((edge.caller, takers[edge.caller]))
            for func in links.referenced(given, edge.caller) if given is not None and further is None else ():
                yield Job(func, system, "enqueue", edge.site.path, edge.site.line, edge.site.call, edge.caller, False)


# ---------------------------------------------------------------- consumers


def find_consumers(links: Links) -> Iterator[Consumer]:
    """Every loop that takes items from a queue or broker."""
    for module in links.index:
        for func in module.functions.values():
            for place in func.places:
                if isinstance(place.stmt, m.While) and is_endless(place.stmt):
                    yield from _taking(func, place)
                elif isinstance(place.stmt, m.For):
                    yield from _iterating(links, func, place.stmt)


def _taking(func: Func, place: Place) -> Iterator[Consumer]:
    loop = place.stmt
    assert isinstance(loop, m.While)
    for site in sites_in(loop.body, func):
        inner = [s.stmt for s in site.steps if isinstance(s.stmt, m.While | m.For)]
        if inner and inner[-1] is not loop:
            continue
        system = _runs(site)
        receiver = site.text.rpartition(".")[0].rpartition(".")[2]
        memory = site.dotted in IN_MEMORY or (
            site.method in TAKES
            and bool(QUEUE_NAME.search(receiver))
            and not (site.dotted or "").endswith("ContextVar.get")
            and not any(isinstance(a, m.Const) and isinstance(a.value, str) for a in site.call.args)
        )
        if site.used and (memory or system is not None):
            yield Consumer(
                func, loop, site, system if site.dotted not in IN_MEMORY else None, site.text.rpartition(".")[0]
            )
            return


def _runs(site: Site) -> JobSystem | None:
    if site.dotted is None:
        return None
    return _consumer_of_call(site.dotted)


@cache
def _consumer_of_call(dotted: str) -> JobSystem | None:
    names = set(spellings(dotted))
    return next((r for r in all_job_systems() if r.kind == "consumer" and names.intersection(r.runs)), None)


@cache
def _system_of_call(dotted: str) -> JobSystem | None:
    """`job_system_of`, remembered: a project has many calls of few names."""
    return job_system_of(dotted)


def _iterating(links: Links, func: Func, loop: m.For) -> Iterator[Consumer]:
    value = links.names.value(loop.iterable, func)
    if isinstance(loop.iterable, m.Call):
        site = next((s for s in sites_in(loop.iterable, func) if s.call is loop.iterable), None)
        system = _runs(site) if site is not None else None
        if system is not None and site is not None:
            inner = [s.stmt for s in site.steps if isinstance(s.stmt, m.While) and is_endless(s.stmt)]
            if loop.is_async or inner or site.method in ("listen", "consume", "iterator", "read_loop"):
                yield Consumer(func, loop, None, system, site.text.rpartition(".")[0])
            return
    if value is not None and value.kind == "made":
        iterators = {f"{value.name}.__iter__", f"{value.name}.__aiter__", f"{value.name}.__anext__"}
        for row in all_job_systems():
            if row.kind == "consumer" and iterators.intersection(row.runs):
                yield Consumer(func, loop, None, row, getattr(loop.iterable, "id", "consumer"))
                return
