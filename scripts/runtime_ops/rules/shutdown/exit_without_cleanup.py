"""An end of the process that skips every ``finally``, ``atexit`` and flush."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="high",
    summary="The process is ended by os._exit, os.abort or SIGKILL to itself: nothing is flushed, closed or answered.",
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for site in (*project.sites("os._exit", "os.abort"), *(s for s in project.sites("os.kill") if _kills_itself(s))):
        if _in_forked_child(project, site) or _flushed_before(site):
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


def _flushed_before(site: Site) -> bool:
    """A watchdog that flushes by hand first."""
    earlier = [s for s in site.function.sites if s.line < site.line]
    return any(s.method in ("flush", "shutdown", "force_flush", "fsync") for s in earlier)


def _non_zero(site: Site) -> bool:
    status = site.call.argument("status", 0)
    return not (isinstance(status, m.Const) and status.value == 0)
