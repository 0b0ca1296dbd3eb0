"""An inner wait that outlasts whoever waits for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import NginxProxy
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Func
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.deadlines._findings import finding_of, grouped, remedy_for
from runtime_ops.rules.deadlines._long_defaults import longer_defaults
from runtime_ops.rules.deadlines._meant_to_last import lasts
from runtime_ops.rules.deadlines._outer import Limit, limit_of_path, proxy_limits, server_limit

RULE = Rule(
    __name__,
    severity="high",
    summary="An inner timeout is longer than the limit around it, so the outer side gives up first and the work goes on or is killed.",
    lead=True,
)
WRITES = frozenset("post put patch delete publish basic_publish send produce commit enqueue apply_async insert_one save".split())
CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
VARIABLE = re.compile(r"\{[^}]*\}|<[^>]*>")
HABIT = 3  # more handlers of one service are one habit
DEPTH = 2  # functions below a handler whose waits are its own


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for entrypoint in project.entrypoints:
        if entrypoint.kind != "service" or not entrypoint.production:
            continue
        limit = server_limit(entrypoint)
        if limit is not None:
            yield from _longer_than_server(project, entrypoint, limit)
            for finding in _long_by_default(project, entrypoint, limit):
                if (finding.path, finding.line) not in told:  # two services with one client
                    told.add((finding.path, finding.line))
                    yield finding
        limits = proxy_limits(project, entrypoint)
        if limits:
            found = list(_outlasts_proxy(project, entrypoint, limits))
            yield from together(found) if len(found) > HABIT else found


def _longer_than_server(project: Project, entrypoint: Entrypoint, limit: Limit) -> Iterator[Finding]:
    life = project.lives[entrypoint]
    longer = [
        w
        for w in project.waits
        if w.deadline.seconds is not None
        and w.deadline.seconds > limit.seconds
        and w.deadline.how not in ("library default", "wrapper")  # a caller's own number: which one acts here is not followed
        and (w.leaves_the_process or w.kind == "child")
        and not lasts(project, w)
        and "serving" in life.at(w.site.function, w.line, w.site.steps)
        and life.sure(w.site.function)
        and all(edge.how == "call" for edge in life.back(w.site.function, "serving", strict=True))
        # what is handed over (a job for a queue, a thread's function) may run outside the request
        and not project.runs_in(w.site, "serving", kinds=("worker",))
    ]
    routes = (r.func for r in project.routes if r.kind == "http" and r.func is not None and r.func.module in entrypoint.modules)
    handled = {f for handler in routes for f in _below(project, handler)} if longer else set()
    for group in grouped(longer):
        first = group[0]
        finding = finding_of(
            RULE,
            project,
            group,
            f"{first.place.text}() may wait {first.deadline.seconds:g} s, but {limit.who} ends the request after {limit.seconds:g} s and "
            "kills the worker: the timeout and its handling never run",
            f"set a limit below {limit.seconds:g} s here, or raise the server's",
            severity="medium",
            phase="serving",
            entrypoints=(entrypoint,),
        )
        # a number that is written at a call of a handler is meant to act there; one from elsewhere may be meant for other callers
        sure = any(w.deadline.how == "call" and w.kind != "child" and w.site.function in handled for w in group)
        yield replace(finding, trace=(*finding.trace, limit.at), confidence="certain" if sure else finding.confidence)


def _long_by_default(project: Project, entrypoint: Entrypoint, limit: Limit) -> Iterator[Finding]:
    """A client that is given no limit, and whose default is longer than the server's."""
    for group in longer_defaults(project, entrypoint, limit.seconds):
        first = group[0]
        library, seconds = first.row.distribution, first.deadline.seconds
        attempts = first.row.retries.attempts if first.row.retries is not None else None
        again = " a try" if isinstance(attempts, int) and attempts > 1 else ""
        finding = finding_of(
            RULE,
            project,
            group,
            f"{first.place.text}() is given no limit, and {library} waits {seconds:g} s{again} by default, while {limit.who} kills the "
            f"worker that takes longer than {limit.seconds:g} s over a request: where the peer falls silent no error is raised, and no "
            "handler or log line of it runs",
            f"{remedy_for(first)} ({limit.seconds:g} s)",
            severity="low",
            phase="serving",
            entrypoints=(entrypoint,),
            confidence="certain",
        )
        yield replace(finding, count=len(group), trace=(*finding.trace, limit.at))


def _outlasts_proxy(project: Project, entrypoint: Entrypoint, limits: tuple[tuple[NginxProxy, Limit], ...]) -> Iterator[Finding]:
    """A request whose calls can outlast the proxy and that then changes something: its user has got 504 and tries again."""
    by_function: dict[Func, list[WaitSite]] = {}
    for wait in project.waits:
        if wait.leaves_the_process and not wait.constructs:
            by_function.setdefault(wait.site.function, []).append(wait)
    for route in project.routes:
        func = route.func
        if func is None or func.module not in entrypoint.modules or route.kind != "http" or not _changes(route.methods):
            continue
        below = _below(project, func)
        placed = [(at or w.line, w) for f, at in below.items() for w in by_function.get(f, ())]
        waits = [w for _, w in placed]
        writes = [at or s.line for f, at in below.items() for s in f.sites if s.method in WRITES]
        if len({at for at, _ in placed}) < 2 or not any(at < line for at, _ in placed for line in writes):
            continue
        endless = [w for w in waits if w.deadline.bounded is False]
        # any text stands for a variable part; a path that could not be read leads to any location
        limit = limit_of_path(limits, None if route.dynamic else VARIABLE.sub("x", route.path))
        total = sum(w.deadline.seconds or 0.0 for w in waits if not _in_arm(w))
        if not endless and total <= limit.seconds:
            continue
        how_long = "without any limit" if endless else f"up to {total:g} s in all"
        finding = RULE.in_function(
            project,
            func,
            func.line,
            f"{func.name}() makes {len(waits)} calls one after another, {how_long}, and changes things at the end, while "
            f"{limit.who} answers 504 after {limit.seconds:g} s: the user tries again and the abandoned request is still carried out",
            f"give the request one deadline below {limit.seconds:g} s, hand its rest to each call, and stop before the write when "
            "it has passed",
            severity="medium",
            phase="serving",
        )
        yield replace(finding, trace=(*finding.trace, limit.at))


def _changes(methods: tuple[str, ...]) -> bool:
    return not methods or bool(CHANGING & set(methods))


def _below(project: Project, func: Func) -> dict[Func, int]:
    """The handler (0) and the functions that it calls, with the line of the handler from which they are reached."""
    found = {func: 0}
    level = [func]
    for _ in range(DEPTH):
        following = []
        for current in level:
            for edge in project.links.callees.get(current, ()):
                if edge.how == "call" and not edge.site.weak and edge.callee not in found:
                    found[edge.callee] = found[current] or edge.site.line
                    following.append(edge.callee)
        level = following
    return found


def _in_arm(wait: WaitSite) -> bool:
    """In an arm that another arm excludes: not surely one after the other."""
    return any(isinstance(s.stmt, m.If | m.Match) or s.arm == "handler" for s in wait.site.steps)
