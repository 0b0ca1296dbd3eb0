"""An end of the process that skips every ``finally``, ``atexit`` and flush."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="high",
    summary="The process is ended by os._exit, os.abort or SIGKILL to itself: nothing is flushed, closed or answered.",
)
FLUSHES = frozenset("flush shutdown force_flush fsync".split())
STOPS = frozenset("halt shutdown stop cleanup".split())
CALLERS = 2  # levels of callers that are looked at


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for site in (*project.sites("os._exit", "os.abort"), *(s for s in project.sites("os.kill") if _kills_itself(s))):
        if _in_forked_child(project, site) or _flushed_before(project, site) or _watchdog(project, site):
            continue
        phases = {p for e, found in project.phases(site).items() if e.long_running for p in found}
        if not phases or (phases <= {"startup", "import"} and _non_zero(site)):
            continue
        yield RULE.at(
            project,
            site,
            f"{site.text}() ends the process at once: no finally, no atexit, no flush of logs, spans or buffers, requests and "
            "jobs in flight are cut",
            "raise SystemExit (or stop the server) and let cleanup run within a bound; os._exit only as a watchdog's last step "
            "after explicit flushes",
            kinds=("service", "worker"),
        )


def _watchdog(project: Project, site: Site) -> bool:
    """A thread that says why and ends the process with a failure, where SystemExit would end the thread alone."""
    said = any(
        (call := log_call(s)) is not None and call.at_least("error")
        for s in site.function.sites
        if site.line - 6 <= s.line < site.line
    )
    return said and _non_zero(site) and any(r.kind == "thread" and r.target is site.function for r in project.resources)


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
