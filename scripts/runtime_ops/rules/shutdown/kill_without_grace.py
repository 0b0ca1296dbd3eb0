"""SIGKILL as the first word to a child."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.names import type_of
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._running import STOP_NAME, in_arm_for, lasting_phases, names_in, receiver

RULE = Rule(
    __name__,
    severity="medium",
    summary="A child is killed by SIGKILL first: it cannot flush, release or end its own children.",
    lead=True,
)
ASKS = frozenset("terminate send_signal interrupt sigterm".split())
ALARMS = frozenset({"SIGALRM", "SIGVTALRM", "SIGPROF"})
"""Signals by which a program is told that a time is over: who kills then has waited."""
GENTLE = ASKS | frozenset("quit close shutdown stop".split())


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for site in _kills(project):
        entrypoints, phases = lasting_phases(project, site)
        if not entrypoints or not ("shutdown" in phases or STOP_NAME.search(site.function.name)):
            continue
        if _asked_before(project, site) or in_arm_for(site, ("Timeout", "NoSuchProcess", "Exception", "Error")):
            continue
        yield RULE.at(
            project,
            site,
            f"{site.text}() sends SIGKILL to the child at once: it gets no chance to finish a write, release a lock or end "
            "its own children",
            "terminate() first, wait with a limit of a few seconds, and kill() only when that has passed",
            kinds=("service", "worker"),
        )


def _kills(project: Project) -> Iterator[Site]:
    for dotted, sites in project.links.by_dotted.items():
        owner, _, method = dotted.rpartition(".")
        known = type_of(owner) if method == "kill" else None
        if known is not None and known.kind == "process":
            yield from sites
    for site in project.sites("os.kill", "os.killpg"):
        given = site.call.argument("signal", 1)
        own = site.call.args[0] if site.call.args else None
        itself = isinstance(own, m.Call) and isinstance(own.func, m.Name) and own.func.id.endswith("getpid")
        if isinstance(given, m.Name) and given.id.endswith("SIGKILL") and not itself:
            yield site


def _asked_before(project: Project, site: Site) -> bool:
    """Whether the function, or the function that calls it, asks the child to end before."""
    if _gentle(site.function, site.line, receiver(site)):
        return True
    alarmed = any(r.handler is site.function and set(r.signals) & ALARMS for r in project.registrations)
    if alarmed or _told_before(site):
        return True
    return any(
        _gentle(edge.caller, edge.site.line - 1, "") or in_arm_for(edge.site, ("Timeout",))
        for edge in project.links.callers.get(site.function, ())
        if edge.how == "call"
    )


def _told_before(site: Site) -> bool:
    """``queue.put(None); process.join(timeout=…); os.kill(process.pid, SIGKILL)``: asked by other means, and given time."""
    owned = names_in(site.call.args[0]) if site.call.args else set()
    for other in site.function.sites:
        limited = other.call.args or other.call.keyword("timeout") is not None
        of_it = any(f"{name}.".startswith(f"{receiver(other)}.") for name in owned)
        if of_it and other.line < site.line and other.method in ("join", "wait") and limited:
            return True
    return False


def _gentle(func: Func, line: int, owner: str) -> bool:
    for other in func.sites:
        if other.line > line:
            continue
        asks = GENTLE if owner else ASKS
        if other.method in asks and (not owner or receiver(other) in (owner, "") or other.targets):
            return True
        limited = other.call.args or other.call.keyword("timeout") is not None
        if owner and other.line < line and other.method in ("join", "wait") and limited and receiver(other) == owner:
            return True  # it was asked by other means, and given time
        if other.dotted in ("os.kill", "os.killpg"):
            given = other.call.argument("signal", 1)
            if not (isinstance(given, m.Name) and given.id.endswith("SIGKILL")):
                return True
    return False
