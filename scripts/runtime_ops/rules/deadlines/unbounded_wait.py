"""A wait for another thread, task, queue or pipe, inside a request or job, that nothing ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.names import spellings
from runtime_ops.project.build import Project
from runtime_ops.project.loops import is_endless
from runtime_ops.project.mains import is_main
from runtime_ops.project.model import Func, Klass, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._findings import finding_of, grouped
from runtime_ops.rules.deadlines._meant_to_last import unbounded_below
from runtime_ops.rules.deadlines._severity import matters, weight
from runtime_ops.rules.deadlines._worker_limits import job_limit_holds
from runtime_ops.rules.logging.unwatched_thread import can_fail

RULE = Rule(
    __name__,
    severity="medium",
    summary="A request, job or message handler waits for a thread, future, queue or pipe without a bound.",
    yields_to=("call-without-timeout", "child-without-timeout", "blocking-in-async", "unbounded-shutdown-wait"),
    lead=True,
)
KINDS = frozenset(("future", "queue", "event", "thread", "child"))
STARTERS = frozenset(
    """concurrent.futures.Executor.submit concurrent.futures.ThreadPoolExecutor.submit
    concurrent.futures.ProcessPoolExecutor.submit threading.Thread threading.Timer multiprocessing.Process
    multiprocessing.pool.Pool.apply_async multiprocessing.pool.Pool.map_async asyncio.run_coroutine_threadsafe
    asyncio.AbstractEventLoop.run_in_executor""".split()
)
"""Calls that start the work that is waited for."""
SUBMITS = frozenset({"submit", "run_in_executor", "apply_async"})
"""The same by method name, for an executor of unknown class."""
NOT_HERE = frozenset({"send", "send_bytes", "stop", "close", "shutdown", "join_thread"})
"""A send waits for a full pipe only; stops, and what flushes a queue that was closed, are the business of the shutdown rules."""
WORK = {"future": "work of another thread", "thread": "a thread", "queue": "a queue", "event": "an event", "child": "a child"}
GUARDS = frozenset({"poll", "wait", "is_alive", "done", "select", "empty", "qsize"})
ENDING = re.compile(r"(?i)(?:^|_)(?:stop|close|shutdown|terminate|quit|exit|cleanup|teardown|del|finali[sz]e)(?:_|$)")
"""Names of functions that end something: how long they may wait is the business of the shutdown rules."""
SENDS = frozenset("delay apply_async send_task apply_remote enqueue".split())
"""Methods that give work to a job queue and return its result to come."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    by_function: dict[tuple[object, str], list[WaitSite]] = {}
    for group in grouped(w for w in project.waits if w.kind in KINDS and w.deadline.state == "unbounded"):
        for wait in group:
            if _in_the_way(project, wait) and _can_hang(project, wait):
                receiver = wait.site.text.rpartition(".")[0]
                own = wait.site.function.cls if receiver.startswith("self.") else None
                key: tuple[object, str] = (own, receiver) if own is not None else (wait.site.function, "")
                by_function.setdefault(key, []).append(wait)
    for waiting in by_function.values():
        waiting.sort(key=lambda w: (w.line, w.call.col))
        severity, phase, entrypoints = weight(project, waiting)
        if severity not in ("high", "medium") or phase is None or job_limit_holds(project, entrypoints):
            continue
        first = waiting[0]
        unset = next((told for w in waiting if (told := _set_on_success_only(w)) is not None), None)
        ends = "when the other side dies or hangs, this thread is lost"
        if unset is not None:
            sets, failing = unset
            ends = f"line {sets.line} alone sets it, and when {failing.text}() (line {failing.line}) fails before that, it waits for ever"
        yield finding_of(
            RULE,
            project,
            waiting,
            f"{first.place.text}() in serving waits for {WORK[first.kind]} without a bound: {ends}",
            "give a timeout (for a pipe: poll(n) first) and handle its expiry: answer an error, end the helper",
            severity="medium",
            phase=phase,
            entrypoints=entrypoints,
            confidence=(
                "certain" if unset is not None or any(_keeps_other_end(w.site) for w in waiting)
                else "likely" if any(_may_be_lost(project, w) for w in waiting) else "possible"
            ),
        )


def _in_the_way(project: Project, wait: WaitSite) -> bool:
    """Whether the wait stands in a handler's way: not a worker's own get, not a drain, not awaited in a coroutine."""
    site = wait.site
    if wait.kind == "child" and not wait.dotted.startswith("multiprocessing."):
        return False
    if site.awaited or wait.dotted.startswith("asyncio.") or site.method in NOT_HERE:
        return False
    if not any(matters(e) for e in project.runs_in(site, "serving", kinds=("service", "worker"))):
        return False
    if wait.kind in ("event", "queue") and any(isinstance(s.stmt, m.While) and is_endless(s.stmt) for s in site.steps):
        return False  # ``while …: item = queue.get()``: waiting is what such a loop is for
    if _told_of_the_end(site) or _told_at_last(wait) or _only_without_timeout(site) or _handed_limit(site):
        return False
    if ENDING.search(site.function.name):
        return False
    return not (_guarded(site) or _supervises(project, site) or _forced_before(site))


def _told_of_the_end(site: Site) -> bool:
    """``try: pipe.recv() except EOFError``: an end of the other side ends the wait. A queue that its own class closes by a
    marker, likewise."""
    if any("EOFError" in t for s in site.steps if isinstance(s.stmt, m.Try) for h in s.stmt.handlers for t in h.types):
        return True
    owner = site.text.rpartition(".")[0]
    if site.method != "get" or not owner.startswith("self.") or site.function.cls is None:
        return False
    return any(
        other.text == f"{owner}.put" and re.search(r"(?i)close|stop|shutdown|quit|exit|terminate", method.name)
        for method in site.function.cls.methods.values()
        for other in method.sites
    )


def _told_at_last(wait: WaitSite) -> bool:
    """Whether the other side tells in a ``finally`` (``finally: ready.set()``, ``finally: queue.put(None)``): it does so also
    when it fails."""
    tells = {"event": ("set",), "queue": ("put", "put_nowait")}.get(wait.kind, ())
    name = wait.site.text.rpartition(".")[0].rpartition(".")[2]
    return any(
        other.method in tells
        and other.text.rpartition(".")[0].rpartition(".")[2] == name
        and any(step.arm == "final" for step in other.steps)
        for func in wait.site.function.module.functions.values()
        for other in func.sites
    )


def _only_without_timeout(site: Site) -> bool:
    """``if timeout is None: thread.join() else: thread.join(timeout)``: the caller chooses."""
    return any(
        isinstance(s.stmt, m.If)
        and any(isinstance(n, m.Name) and "timeout" in n.id.lower() for n in m.walk(s.stmt.test))
        for s in site.steps
    )


def _handed_limit(site: Site) -> bool:
    """``def join(self, timeout=None): super().join(timeout)``: the caller chooses, and is judged itself."""
    given = (*site.call.args, *(value for key, value in site.call.keywords if key == "timeout"))
    return any(isinstance(a, m.Name) and "timeout" in a.id and site.function.param(a.id) is not None for a in given)


def _supervises(project: Project, site: Site) -> bool:
    """``helper.start(); helper.join()`` in the main function of a thread or process: to wait is what it is there for."""
    receiver = site.text.rpartition(".")[0]
    return (
        site.method == "join"
        and is_main(site.function, project.links)
        and any(s.text == f"{receiver}.start" and s.line < site.line for s in site.function.sites)
    )


def _forced_before(site: Site) -> bool:
    """``kill(); join()`` only reaps."""
    receiver = site.text.rpartition(".")[0]
    return any(
        s.line < site.line and (s.text == f"{receiver}.kill" or (s.dotted in ("os.kill", "os.killpg") and "SIGKILL" in source_of(s.call)))
        for s in site.function.sites
    )


def _guarded(site: Site) -> bool:
    """``if conn.poll(5): conn.recv()``, ``if not t.is_alive(): t.join()``: asked before, on the same object."""
    receiver = site.text.rpartition(".")[0]
    if not receiver:
        return False
    return any(
        other.method in GUARDS and other.text.rpartition(".")[0] == receiver and other.line <= site.line
        for other in site.function.sites
        if other is not site
    )


def _can_hang(project: Project, wait: WaitSite) -> bool:
    """Whether what is waited for can last for ever, as far as it is seen: a put into a queue without size never waits,
    work without an unlimited wait ends."""
    site = wait.site
    if wait.kind == "queue":
        return not (site.method == "put" and not _has_size(project, site))
    if wait.kind == "child":
        return True  # a child can be killed, and a pipe whose other end the parent still holds gives no end of file
    if _set_on_success_only(wait) is not None:
        return True
    started = _started(project, site)
    if not started:
        return wait.kind != "event"
    return any(unbounded_below(project, func) is not None for func in started)


def _may_be_lost(project: Project, wait: WaitSite) -> bool:
    """Whether it is seen how the wait can last: the work behind it waits for another host without limit, is done by a
    process (which the kernel can kill) or by a worker of a job queue, or its thread marks it done only when it succeeds."""
    site = wait.site
    if wait.kind == "child":
        return site.method != "join"  # what a pipe was to say is lost with its writer; a process that dies is joined
    if wait.kind == "queue":
        return site.method == "join" and _done_on_success_only(project, site)
    started = _started(project, site)
    if any((below := unbounded_below(project, func)) is not None and below.leaves_the_process for func in started):
        return True
    made = [b.expr for b in site.function.bindings.get(site.text.rpartition(".")[0], ())]
    return wait.kind == "future" and any(isinstance(e, m.Call) and source_of(e.func).rpartition(".")[2] in SENDS for e in made)


def _keeps_other_end(site: Site) -> bool:
    """``here, there = Pipe(); Process(args=(there,)).start(); here.recv()`` without ``there.close()``: a child that dies before
    it has sent gives no end of file, since this process holds the writing end itself."""
    func = site.function
    here = site.text.rpartition(".")[0]
    made = next((b.expr for b in func.bindings.get(here, ()) if b.kind == "unpack" and isinstance(b.expr, m.Call)), None)
    if site.method != "recv" or made is None or not source_of(made.func).endswith("Pipe"):
        return False
    ends = [name for name, bound in func.bindings.items() if name != here and any(b.expr is made for b in bound)]
    return len(ends) == 1 and not any(s.text == f"{ends[0]}.close" for s in func.sites) and any(
        s.method == "Process" and any(isinstance(n, m.Name) and n.id == ends[0] for n in m.walk(s.call)) for s in func.sites
    )


def _done_on_success_only(project: Project, site: Site) -> bool:
    """``queue.task_done()`` that a failure of the work passes over: the queue then never gets empty."""
    name = site.text.rpartition(".")[0].rpartition(".")[2]
    told = [
        other
        for func in site.function.module.functions.values()
        for other in func.sites
        if other.method == "task_done" and (other.text.rpartition(".")[0].rpartition(".")[2] == name or func in _started(project, site))
    ]
    return bool(told) and not any(step.arm in ("final", "handler") for other in told for step in other.steps)


def _set_on_success_only(wait: WaitSite) -> tuple[Site, Site] | None:
    """The one call that sets an event of the same class, and the call before it whose failure passes it over."""
    owner = wait.site.text.rpartition(".")[0]
    if wait.kind != "event" or not owner.startswith("self.") or wait.site.function.cls is None:
        return None
    sets = [
        other for method in wait.site.function.cls.methods.values() for other in method.sites if other.text == f"{owner}.set"
    ]
    if len(sets) != 1 or any(isinstance(step.stmt, m.Try) for step in sets[0].steps):
        return None
    before = (other for other in sets[0].function.sites if other.line < sets[0].line and (_handed_in(other) or can_fail(other)))
    failing = next((other for other in before if not any(isinstance(s.stmt, m.Try) and s.arm == "body" for s in other.steps)), None)
    return (sets[0], failing) if failing is not None else None


def _handed_in(site: Site) -> bool:
    """``self.fetch(path)`` where ``fetch`` is what the class was given: whoever gave it knows how it fails, this class does not."""
    func, (owner, _, name) = site.function, site.text.rpartition(".")
    made = func.cls.methods.get("__init__") if owner == "self" and func.cls is not None else None
    bound = made.attribute_bindings.get(site.text, ()) if made is not None and not site.targets else ()
    return made is not None and any(isinstance(b.expr, m.Name) and made.param(b.expr.id) is not None for b in bound) and name != ""


def _has_size(project: Project, site: Site) -> bool:
    origin = site.origin
    if origin is None:
        return False
    given = origin.call.argument("maxsize", 0)
    size = project.names.constant(given, origin.function) if given is not None else None
    return isinstance(size, int) and size > 0


def _by_method(project: Project, expr: m.Expr) -> list[Func]:
    """``submit(call.run)`` on an object of unknown class: the methods of that name, when they are few."""
    if not (isinstance(expr, m.Name) and "." in expr.id):
        return []
    name = expr.id.rpartition(".")[2]
    found = [k.methods[name] for module in project.modules for k in module.classes.values() if name in k.methods]
    return found if len(found) <= 3 else []


def _started(project: Project, site: Site) -> list[Func]:
    """The project's functions that the awaited future, thread or futures of a list run: those that this function (or, for
    an attribute, its class) starts."""
    scopes = [site.function]
    text = site.text
    if site.function.cls is not None and "." in text.rpartition(".")[0]:
        scopes += [f for f in site.function.cls.methods.values() if f is not site.function]
    found = []
    for scope in scopes:
        for other in scope.sites:
            known = other.dotted is not None and bool(STARTERS.intersection(spellings(other.dotted)))
            if not known and not (other.dotted is None and other.method in SUBMITS):
                continue
            for expr in (*other.call.args, *(value for _, value in other.call.keywords)):
                named = list(project.links.referenced(expr, scope))
                found += named or _by_method(project, expr)
                if isinstance(expr, m.Call):  # a coroutine made by a call
                    value = project.links.names.value(expr.func, scope)
                    if value is not None and isinstance(value.target, Func) and not isinstance(value.target, Klass):
                        found.append(value.target)
    return found
