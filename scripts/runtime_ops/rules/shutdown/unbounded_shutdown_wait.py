"""A wait of the way down that nothing ends."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Site
from runtime_ops.project.resources import Resource
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.shutdown._running import lasting_phases, receiver, waits_by_call
from runtime_ops.rules.shutdown.unhandled_termination import stop_arrives

RULE = Rule(
    __name__,
    severity="medium",
    summary="Shutdown waits without a limit for a thread, task, queue, pool or child: it can outlast the grace period.",
    lead=True,
)
WAITED = frozenset({"thread", "future", "queue", "executor", "child"})
SERVERS = ("socketserver.", "http.server.", "wsgiref.", "xmlrpc.server.")
COMMANDS = frozenset("os.system subprocess.run subprocess.call subprocess.check_call subprocess.check_output".split())
"""A command that is run and waited for: what it may take is the rule about children's, wherever it stands."""
EVENTS = frozenset({"kubernetes.watch.Watch.stream"})
"""Calls that come back with the next event alone: their ``stop`` sets a flag which is looked at behind that event (kubernetes 37.0.1,
watch/watch.py)."""
ASKS = frozenset({"terminate", "send_signal"})
GATHERS = frozenset({"asyncio.gather", "asyncio.wait"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    found = list(_findings(project))
    yield from together(f for f in found if f.confidence == "certain")
    yield from together(f for f in found if f.confidence != "certain")


def _findings(project: Project) -> Iterator[Finding]:
    resources = _by_stop(project)
    reported: set[int] = set()
    for wait in project.waits:
        if wait.kind in WAITED and wait.deadline.bounded is False and not wait.constructs:
            yield from _judged(project, wait.site, resources.get(id(wait.site.call)), reported)
    for resource in project.resources:
        for stop in resource.stops if resource.kind != "listener" else ():  # it only writes what is queued
            if stop.bounded is False and stop.site is not None and stop.how in ("shutdown", "join", "wait", "stop"):
                if receiver(stop.site).startswith(f"{resource.kept.name}."):
                    continue  # the stop of a part of it, of which nothing is known
                yield from _judged(project, stop.site, resource, reported)


def _last_thing(site: Site) -> bool:
    """Whether no call stands behind the wait in its function."""
    return not any(s.line > site.call.end_line and log_call(s) is None for s in site.function.sites)


def _by_stop(project: Project) -> dict[int, Resource]:
    return {id(s.site.call): r for r in project.resources for s in r.stops if s.site is not None}


def _judged(project: Project, site: Site, resource: Resource | None, reported: set[int]) -> Iterator[Finding]:
    entrypoints, phases = lasting_phases(project, site)
    entrypoints = tuple(e for e in entrypoints if stop_arrives(project, e))
    if not entrypoints or (site.targets and site.method not in ("join", "wait")):
        return  # a method of the project's own, or a stop that never comes so far
    if site.method == "shutdown" and (site.dotted or "").startswith(SERVERS):
        return  # it tells serve_forever to return, which looks every half second
    if site.dotted in COMMANDS or all(_beside(project, e, site) for e in entrypoints):
        return
    if id(site.call) in reported or "shutdown" not in phases or "serving" in phases or site.dotted in GATHERS:
        return
    if resource is not None and resource.kind == "executor" and _last_thing(site):
        return  # a drain by intent, after which nothing is left to lose
    if _server_told(site, resource) or _forced_before(site) or _after_cancel(site) or ends_soon(project, resource) or _never_full(site):
        return
    reported.add(id(site.call))
    hangs = _hanging(project, site, resource)
    last = _last_thing(site)
    yield RULE.at(
        project,
        site,
        f"Shutdown waits in {site.text}() without a limit: when what it waits for hangs "
        + (f"({hangs.text}() at {hangs.path}:{hangs.line} has no limit)" if hangs is not None else "(a call without a timeout)")
        + ("" if last else ", nothing after it runs")
        + ", and the process is killed at the end of the grace period",
        _remedy(site),
        severity=None if _held_up(project, site, resource) and not last else "medium",
        confidence=_confidence(site, resource, hangs),
        phases=("shutdown",),
        kinds=("service", "worker"),
    )


def _confidence(site: Site, resource: Resource | None, hangs: Site | None) -> str:
    """Certain of a pool of this program whose jobs are seen to stand in a call without a limit, and of a thread that waits for the
    next event of a peer that may have none for hours. A process may be ended from outside by then, and what else a thread waits
    for mostly answers as long as the others run."""
    if _serves_on(resource) or (hangs is not None and resource is not None and resource.kind == "executor"):
        return "certain"
    if hangs is not None and hangs.dotted in EVENTS and resource is not None and resource.kind == "thread":
        return "certain"
    return "likely" if hangs is not None or _asked(site) else "possible"


def _beside(project: Project, entrypoint: Entrypoint, site: Site) -> bool:
    """Whether only a thread of its own comes to the wait: who stops the program may join it with a limit, or not at all."""
    way = project.lives[entrypoint].back(site.function, "shutdown")
    return any(edge.how == "reference" and edge.via.startswith("threading.") for edge in way)


def _server_told(site: Site, resource: Resource | None) -> bool:
    """The thread of ``server.serve_forever`` after ``server.shutdown()``, which comes back when the serving has ended."""
    target = resource.site.call.keyword("target") if resource is not None else None
    owner, _, method = source_of(target).rpartition(".") if target is not None else ("", "", "")
    if method != "serve_forever":
        return False
    return any(s.method == "shutdown" and receiver(s) == owner and s.line < site.line for s in site.function.sites)


def _held_up(project: Project, site: Site, resource: Resource | None) -> bool:
    """Whether what is waited for is known to have a wait without a limit itself, or nothing is known of it."""
    if resource is None or resource.kind not in ("executor", "scheduler"):
        return True
    return any(_unlimited(project, job, 0) for job in _jobs(project, site, resource))


def _hanging(project: Project, site: Site, resource: Resource | None) -> Site | None:
    """The call without a limit in which what is waited for is seen to stand: else the wait may well be short."""
    if resource is None:
        return None
    jobs = [resource.target] if resource.target is not None else _jobs(project, site, resource)
    return next((hang for job in jobs if (hang := _endless_wait(project, job, 0)) is not None), None)


def _jobs(project: Project, site: Site, resource: Resource) -> list[Func]:
    """What is handed to a pool or scheduler in this module."""
    return [
        func
        for func in project.functions
        for edge in project.links.callers.get(func, ())
        if edge.how == "reference"
        and edge.via.startswith(resource.dotted)
        and edge.site.function.module is site.function.module
    ]


def _endless_wait(project: Project, func: Func, depth: int) -> Site | None:
    waits = waits_by_call(project)
    for site in func.sites:
        wait = waits.get(id(site.call))
        if wait is not None and wait.deadline.bounded is False and not wait.constructs and not _forced_before(site):
            return site
        for target in site.targets[:2] if depth < 3 and not site.weak else ():
            found = _endless_wait(project, target, depth + 1) if target is not func else None
            if found is not None:
                return found
    return None


def _serves_on(resource: Resource | None) -> bool:
    """The thread of a ``serve_forever`` that nobody has told to end (see `_server_told`)."""
    target = resource.site.call.keyword("target") if resource is not None else None
    return target is not None and source_of(target).rpartition(".")[2] == "serve_forever"


def _asked(site: Site) -> bool:
    """``child.terminate(); child.wait()``: the child may take its time, or not listen."""
    owner = receiver(site)
    return any(s.line <= site.line and s.method in ASKS and receiver(s) == owner for s in site.function.sites)


def _remedy(site: Site) -> str:
    if site.method == "shutdown" and "concurrent.futures" in (site.dotted or ""):
        return "shutdown(wait=False, cancel_futures=True), then wait for the futures with concurrent.futures.wait(timeout=…)"
    if "asyncio" in (site.dotted or "") or site.awaited:
        return "put asyncio.timeout(n) or wait_for(…, n) around it, well below the platform's grace period"
    return "give it a timeout well below the platform's grace period, log what is left over, and go on"


def _forced_before(site: Site) -> bool:
    """``kill(); wait()`` only reaps, as does the arm in which ``poll()`` has said that the child has ended."""
    owner = receiver(site)
    for step in site.steps:
        if isinstance(step.stmt, m.If) and step.arm == "orelse" and f"{owner}.poll" in source_of(step.stmt.test):
            return True
    return any(
        other.line <= site.line and other.method == "kill" and receiver(other) == owner for other in site.function.sites
    )


def _never_full(site: Site) -> bool:
    """A ``put`` into a queue that is not seen to have a size: it does not wait."""
    if site.method != "put":
        return False
    size = site.origin.call.argument("maxsize", 0) if site.origin is not None else None
    return size is None or (isinstance(size, m.Const) and not size.value)


def _after_cancel(site: Site) -> bool:
    """A task that was cancelled just before ends by itself unless it swallows the cancellation, which another rule reports."""
    return any(other.line <= site.line and other.method == "cancel" for other in site.function.sites) and (
        site.awaited or "asyncio" in (site.dotted or "")
    )


def ends_soon(project: Project, resource: Resource | None) -> bool:
    """A thread whose loop looks at a flag that is set before, and in which every wait has a limit."""
    if resource is None or resource.kind not in ("thread", "timer") or resource.target is None:
        return False
    if resource.loop is not None and not resource.loop_ends & {"test", "break", "return"}:
        return False
    return not _unlimited(project, resource.target, 0)


def _unlimited(project: Project, func: Func, depth: int) -> bool:
    waits = waits_by_call(project)
    for site in func.sites:
        wait = waits.get(id(site.call))
        if wait is not None and wait.deadline.bounded is not True and not _forced_before(site):
            return True
        deeper = site.targets[:2] if depth < 3 and not site.weak else ()
        if any(_unlimited(project, target, depth + 1) for target in deeper if target is not func):
            return True
    return False
