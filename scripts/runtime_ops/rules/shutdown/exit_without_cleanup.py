"""An end of the process that skips every ``finally``, ``atexit`` and flush."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.flows import takes_anything
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="medium",
    summary="The process is ended by os._exit, os.abort or SIGKILL to itself: nothing is flushed, closed or answered.",
    lead=True,
)
FLUSHES = frozenset("flush shutdown force_flush fsync".split())
STOPS = frozenset("halt shutdown stop cleanup terminate aclose".split())
LIVES = (".is_alive(", ".poll(", ".done(")
CALLERS = 2  # levels of callers that are looked at


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for site in (*project.sites("os._exit", "os.abort"), *(s for s in project.sites("os.kill") if _kills_itself(s))):
        if _in_forked_child(project, site) or _flushed_before(project, site) or _watchdog(project, site) or _of_ctrl_c(project, site):
            continue
        phases = {p for e, found in project.phases(site).items() if e.long_running for p in found}
        if not phases or (phases <= {"startup", "import"} and _non_zero(site)):
            continue
        serving = "serving" in phases or any(r.handler is site.function for r in project.registrations)
        yield RULE.at(
            project,
            site,
            f"{site.text}() ends the process at once: no finally, no atexit, no flush of logs, spans or buffers, requests and "
            "jobs in flight are cut",
            "raise SystemExit (or stop the server) and let cleanup run within a bound; os._exit only as a watchdog's last step "
            "after explicit flushes",
            kinds=("service", "worker"),
            confidence="certain" if serving and not _meant(project, site) and _in_hand(project, site) else "possible",
        )


def _in_hand(project: Project, site: Site) -> bool:
    """Whether it ends one of many: a turn of a loop, a request or job beside others, or a program that a signal finds at work.
    What stands on the program's own way, before its loop, has nothing in hand yet for all that is seen."""
    func = site.function
    if any(isinstance(s.stmt, m.For | m.While) for s in site.steps) or any(r.handler is func for r in project.registrations):
        return True
    lives = [project.lives[e] for e, phases in project.phases(site).items() if e.long_running and "serving" in phases]
    return any(life.sure(func) and life.begin(func, "serving") not in life.spine for life in lives)


def _meant(project: Project, site: Site) -> bool:
    return _last_resort(project, site) or _told_at_a_desk(site) or _begins(project, site) or _second_time(site)


def _second_time(site: Site) -> bool:
    """``if stopping: os._exit(1)`` in what sets ``stopping`` the first time: whoever asks twice does not want to wait."""
    tests = (step.stmt.test for step in site.steps if isinstance(step.stmt, m.If) and step.arm == "body")
    asked = {test.id for test in tests if isinstance(test, m.Name)}
    return any(
        isinstance(p.stmt, m.Assign)
        and isinstance(p.stmt.value, m.Const)
        and p.stmt.value.value is True
        and any(isinstance(t, m.Name) and t.id in asked for t in p.stmt.targets)
        for p in site.function.places
    )


def _last_resort(project: Project, site: Site) -> bool:
    """Whether only a thread comes to it: there SystemExit would end nothing, and a watchdog's last step is this one."""
    threads = {r.target for r in project.resources if r.kind in ("thread", "timer")}
    reached = {site.function}
    for _ in range(CALLERS + 1):
        if reached & threads:
            return True
        reached |= {edge.caller for func in reached for edge in project.links.callers.get(func, ())}
    return False


def _told_at_a_desk(site: Site) -> bool:
    """In the arm of ``except KeyboardInterrupt``, or after the function has stopped what it started: the exit is meant."""
    types = [t for step in site.steps if step.arm == "handler" and step.handler is not None for t in step.handler.types or ()]
    return "KeyboardInterrupt" in types or any(_stops(s) for s in _before(site))


def _begins(project: Project, site: Site) -> bool:
    """Whether the program's own work begins with the exit: nothing but records and readings stands before it, so that nothing
    of it is in hand yet. A handler of requests or a job has others beside it."""
    func = site.function
    if any(isinstance(s.stmt, m.For | m.While) for s in site.steps) or any(r.handler is func for r in project.registrations):
        return False
    if any(isinstance(n, m.Await) for p in func.places if p.stmt.line < site.line for n in m.walk(p.stmt) if p.stmt.end_line < site.line):
        return False
    begun = [s for s in _before(site) if log_call(s) is None and s.dotted not in ("os.getpid", "os._exit") and not _reads(s)]
    lives = [project.lives[e] for e in project.phases(site) if e.long_running]
    return not begun and bool(lives) and all(life.begin(func, "serving") in life.spine for life in lives)


def _reads(site: Site) -> bool:
    """A function of the project that calls nothing itself."""
    return len(site.targets) == 1 and not [s for s in site.targets[0].sites if s.method not in ("ValueError", "RuntimeError")]


def _watchdog(project: Project, site: Site) -> bool:
    """It says why and ends the process with a failure, where the program cannot go on: in a thread, where SystemExit would
    end the thread alone, in an arm that takes whatever went wrong, or because a part that must live has died."""
    said = any(
        (call := log_call(s)) is not None and call.at_least("error")
        for s in site.function.sites
        if site.line - 6 <= s.line < site.line
    )
    if not said or not _non_zero(site):
        return False
    return _after_failure(site) or any(r.kind == "thread" and r.target is site.function for r in project.resources)


def _after_failure(site: Site) -> bool:
    """In ``except Exception:``, or behind ``if not thread.is_alive():``."""
    for step in site.steps:
        if step.arm == "handler" and step.handler is not None and takes_anything(step.handler):
            return True
        if isinstance(step.stmt, m.If) and any(word in source_of(step.stmt.test) for word in LIVES):
            return True
    return False


def _of_ctrl_c(project: Project, site: Site) -> bool:
    """In the handler of SIGINT alone: somebody at a terminal wants it to end, the platform sends SIGTERM."""
    own = [r for r in project.registrations if r.handler is site.function]
    return bool(own) and all(r.signals == ("SIGINT",) for r in own)


def _kills_itself(site: Site) -> bool:
    target, number = site.call.argument("pid", 0), site.call.argument("signal", 1)
    own = isinstance(target, m.Call) and isinstance(target.func, m.Name) and target.func.id.endswith("getpid")
    return own and isinstance(number, m.Name) and number.id.endswith("SIGKILL")


def _in_forked_child(project: Project, site: Site) -> bool:
    """``pid = os.fork(); if pid == 0: … os._exit()``, or the target of a process."""
    func = site.function
    if any(s.dotted == "os.fork" for s in func.sites):
        return True
    callers = project.links.callers.get(func, ())
    return any(e.via.endswith(("Process", "ProcessPoolExecutor")) and e.how == "reference" for e in callers) or any(
        s.dotted == "os.fork" for e in callers for s in e.caller.sites
    )


def _flushed_before(project: Project, site: Site) -> bool:
    """A watchdog that flushes by hand first, or callers that have each stopped the program before they come here."""
    if any(s.method in FLUSHES for s in _before(site)):
        return True
    return _stopped_before(project, site.function, CALLERS)


def _stopped_before(project: Project, func: Func, depth: int) -> bool:
    edges = [edge for edge in project.links.callers.get(func, ()) if edge.caller is not func]
    return (
        depth > 0
        and bool(edges)
        and all(
            any(_stops(s) for s in _before(edge.site)) or _stopped_before(project, edge.caller, depth - 1) for edge in edges
        )
    )


def _before(site: Site) -> list[Site]:
    return [s for s in site.function.sites if s.line < site.line]


def _stops(site: Site) -> bool:
    """``halt()``, also as the thread in which it runs."""
    handed = (source_of(v).rpartition(".")[2] for k, v in site.call.keywords if k == "target")
    return site.method in STOPS or any(name in STOPS for name in handed)


def _non_zero(site: Site) -> bool:
    status = site.call.argument("status", 0)
    return not (isinstance(status, m.Const) and status.value == 0)
