"""A failure that leaves no trace at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.errors import connection_errors
from runtime_ops.libraries.timeouts import waits
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import is_management_command
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import inside, statements_after
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Place, Site, own_expressions
from runtime_ops.project.source_text import arguments_text
from runtime_ops.project.unread_lists import put_away
from runtime_ops.project.wait_kinds import OUTSIDE, kind_of
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.jobs._words import optional
from runtime_ops.rules.logging._shown import looked_at, shown
from runtime_ops.rules.logging.lost_traceback import caught, running
from runtime_ops.rules.shutdown._running import names_in

RULE = Rule(
    __name__,
    severity="low",
    summary="A broad except drops a failure with nothing logged, counted or raised.",
    lead=True,
)
MUCH = 6  # statements of a try body whose loss is worth a finding of its own
HABIT = 3  # small places that are worth a finding together
SINGLE = 3  # findings of their own; the others are one finding for the habit
PHRASES = ("failure", "error")
LOST_WITH = OUTSIDE | {"child"}
"""Kinds of waits whose failure is a fault even where the method is named like a probe (``requests.get``)."""
# calls whose failure is an answer, not a fault: a parse, a lookup, a feature test, tidying up
PROBES = frozenset(
    (
        "int float str bool len loads decode encode fromisoformat strptime parse get pop index remove close unlink rmtree "
        "kill terminate getattr import_module find_spec hasattr isatty disconnect cancel strip split json literal_eval "
        "urlparse UUID fromtimestamp dumps version format quit shutdown join wait detach flush isinstance enumerate list lower "
        "upper startswith endswith removeprefix removesuffix rstrip lstrip append sorted cast findall match search Path range zip "
        "sum min max round abs replace group items keys values setdefault is_file exists join_thread time now any all dict set "
        "tuple partition issubclass type repr extend update add copy safe_load socket settimeout setsockopt stat lstat "
        "getsize getmtime chmod chown utime collect empty_cache setattr"
    ).split()
)



class Dropped(NamedTuple):
    """A finding, whether it is worth one of its own, and how much is lost there."""

    finding: Finding
    own: bool
    weight: int


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    # what leaves the machine is a finding of its own; of the small places nobody knows whether an empty answer is meant
    # what tells nothing and what tells a phrase are two habits: one finding must not say of the second what is true of the first
    for found, small in ((list(_findings(project)), "possible"), (list(_cut_short(project)), "likely")):
        weights = {(d.finding.path, d.finding.line): d.weight for d in found}
        own = sorted(together(d.finding for d in found if d.own), key=lambda f: (-f.count, f.path, f.line))
        yield from own[:SINGLE]
        many = [*(replace(d.finding, confidence=small) for d in found if not d.own), *(replace(f, confidence=small) for f in own[SINGLE:])]
        if sum(f.count for f in many) >= HABIT:
            yield together_all(sorted(many, key=lambda f: (-weights[f.path, f.line], f.path, f.line)))
    yield from together(_put_away(project))


def _put_away(project: Project) -> Iterator[Finding]:
    """``except Exception as e: errors.append(e)``, and nothing looks at ``errors``. Of a job it is another rule's."""
    for arm in project.failures:
        kept = put_away(arm)
        if kept and arm.func not in project.jobs.by_func and running(project, arm):
            yield RULE.in_function(
                project,
                arm.func,
                arm.line,
                f"Caught {caught(arm)} and put it into {kept}, which nothing logs, returns or looks at: nobody can see this failure",
                f"log {kept} at the end, give it back, or raise",
                end_line=arm.handler.body[0].end_line if arm.handler.body else arm.line,
                severity="medium" if arm.broad else None,
                confidence="certain",
            )


def _findings(project: Project) -> Iterator[Dropped]:
    for arm in project.failures:
        if not arm.broad or not arm.silent or arm.raises != "never" or arm.exits or arm.settles:
            continue
        if (
            arm.calls
            or arm.uses_error
            or probes_only(arm)
            or _imports(arm)
            or _destructor(arm)
            or arm.answers
            or _raised_behind(arm)
            or shown(arm)
            or (_has_defaults(arm) and not _of_kind(arm.body_calls, OUTSIDE))
            or arm.handler.commented
            or any(r.kind in ("error", "exception") for r in arm.returns)
            or is_management_command(arm.path)
            or not (weight := _weight(arm))
            or not running(project, arm)
            or _told_by_callers(project, arm)
        ):
            continue
        work = next((site.text for site in arm.body_calls if not _harmless(site)), "the body")
        empty = " and looks like an empty result" if _gives_nothing(arm) else ""
        finding = RULE.in_function(
            project,
            arm.func,
            arm.line,
            f"Caught {caught(arm)} around {work}() and dropped it: nothing is logged, counted or raised, so this failure cannot be seen at "
            f"run time{empty}",
            "catch the exceptions that are expected here by name, and log the rest with exc_info",
            end_line=arm.handler.body[0].end_line if arm.handler.body else arm.line,
        )
        yield Dropped(finding, _matters(arm), weight)


def _weight(arm: HandlerEffects) -> int:
    """How much an arm hides; nothing where a library is asked, or own code does, what may be left undone: positive is a call
    that leaves the machine, or code of the project whose failure becomes an empty answer or a missing item."""
    sites = [site for site in arm.body_calls if not _harmless(site) and not _has_own_arm(site, arm)]
    own = any(site.targets or site.made for site in sites)
    lost = _gives_nothing(arm) or isinstance(arm.loop, m.For)
    return 4 * _leaves(arm) + 2 * (own and lost) + (own and _gives_nothing(arm))


def _gives_nothing(arm: HandlerEffects) -> bool:
    """Whether what the function answers is empty for the failure."""
    return bool(arm.returns) and all(r.kind in ("none", "empty", "false") for r in arm.returns)


def _leaves(arm: HandlerEffects) -> bool:
    """Whether the body calls over the network. A stream that cannot be read has ended, and the arm ends its pump."""
    ended = arm.loop is not None and arm.ends <= {"return", "break"}
    sites = tuple(s for s in arm.body_calls if not (ended and (s.dotted or "").startswith("asyncio.StreamReader.")))
    return _of_kind(sites, OUTSIDE)


def _told_by_callers(project: Project, arm: HandlerEffects) -> bool:
    """Whether each caller looks at the empty answer and tells of it: it counts, logs, or answers with an error."""
    edges = [e for e in project.links.callers.get(arm.func, ()) if e.how == "call"]
    return bool(edges) and _gives_nothing(arm) and all(looked_at(e.site) for e in edges)


def _raised_behind(arm: HandlerEffects) -> bool:
    """Whether the loop around the arm ends in a raise when every turn has failed: ``for …: try … else: raise``."""
    loop = arm.loop
    return isinstance(loop, m.For | m.While) and any(isinstance(n, m.Raise) for n in m.walk(loop.orelse))


def _cut_short(project: Project) -> Iterator[Dropped]:
    """Arms that keep the failure and lose its cause: a fixed text as a job's result, a reconnect that does not say why."""
    jobs = {job.func for job in project.jobs.jobs}
    for arm in project.failures:
        if arm.uses_error or arm.tracebacks or arm.raises != "never" or arm.exits or arm.reports:
            continue
        if arm.func not in jobs and not running(project, arm):
            continue
        if arm.broad and not arm.logs and arm.func in jobs and any(r.kind in PHRASES for r in arm.returns):
            what, own = "answered a fixed text", True
        elif any(isinstance(n, m.Try) for n in m.walk(arm.handler.body)):
            continue  # it tries again here, and tells what comes of that
        elif arm.logs and not arm.broad and arm.handler.types and all(_lost_connection(t) for t in arm.catches):
            what, own = f"logged a phrase by {arm.logs[0].site.text}()", False
        else:
            continue
        finding = RULE.in_function(
            project,
            arm.func,
            arm.line,
            f"Caught {caught(arm)} and {what}: the exception is not bound, so why it failed is written nowhere",
            "bind the exception and log it with exc_info (or put it into the line) before going on",
            end_line=arm.handler.body[0].end_line if arm.handler.body else arm.line,
        )
        yield Dropped(finding, own, 2 * (arm.loudest in ("error", "critical")) + min(arm.body_statements, 9) // 3)


def _lost_connection(exception: str) -> bool:
    """Whether the exception is what a client raises when its connection is gone."""
    row = connection_errors(exception)
    if row is None or "Timeout" in exception:
        return False
    return exception.rpartition(".")[2] in {r.rpartition(".")[2] for r in (*row.raised, *row.bases)}


def _matters(arm: HandlerEffects) -> bool:
    """Whether what is dropped is worth a finding of its own: a network call, a write, a sizeable piece of work."""
    if _leaves(arm):
        return True
    large = arm.body_statements >= MUCH and any(waits(site.dotted) for site in arm.body_calls if site.dotted)
    return large and not _has_defaults(arm)


def _of_kind(sites: tuple[Site, ...], kinds: frozenset[str]) -> bool:
    return any(kind_of(row, site.dotted) in kinds for site in sites if site.dotted for row in waits(site.dotted))


def _has_defaults(arm: HandlerEffects) -> bool:
    """Whether every name that the body assigns, and that is read after it, had a value before: what is lost leaves a
    default that the author wrote."""
    first, last = arm.attempt.line, max(stmt.end_line for stmt in arm.attempt.body)
    bound = {name: [b.line for b in bindings] for name, bindings in arm.func.bindings.items()}
    assigned = {name: lines for name, lines in bound.items() if any(first <= line <= last for line in lines)}
    behind = statements_after(Place(arm.attempt, arm.steps), arm.func)  # not the other branches around it
    read: set[str] = set()
    for place in arm.func.places:
        if inside(behind, place):
            again = {n for n, lines in assigned.items() if any(_is_behind(x, behind) and x <= place.stmt.line for x in lines)}
            read |= (_read(place.stmt) & set(assigned)) - again  # a name that got another value since is not its result
    return bool(read) and all(min(assigned[name]) < first or arm.func.param(name) is not None for name in read)


def _is_behind(line: int, behind: tuple[m.Stmt, ...]) -> bool:
    return any(stmt.line <= line <= stmt.end_line for stmt in behind)


def _read(stmt: m.Stmt) -> set[str]:
    skipped = stmt.targets if isinstance(stmt, m.Assign) else (stmt.target,) if isinstance(stmt, m.For) else ()
    return {name for expr in own_expressions(stmt) if not any(expr is t for t in skipped) for name in names_in(expr)}


def together_all(findings: list[Finding]) -> Finding:
    """One finding for the small places of the whole repository, the first of which, the worst, stands for all."""
    first, *others = findings
    also = tuple(Evidence(f.path, f.line, "the same") for f in others)[:8]
    entrypoints = tuple(dict.fromkeys(e for f in findings for e in f.entrypoints))
    return replace(first, count=sum(f.count for f in findings), also=also, entrypoints=entrypoints, anchor="habit")


def probes_only(arm: HandlerEffects) -> bool:
    """Whether the body does nothing but a parse, a lookup or tidying up, whose failure is the normal path."""
    return all(_harmless(site) for site in arm.body_calls if not _has_own_arm(site, arm))


def _has_own_arm(site: Site, arm: HandlerEffects) -> bool:
    """Whether the call stands in a ``try`` within the body, whose arms say what becomes of its failure."""
    inner = (s for s in site.steps if s.stmt is not arm.attempt and arm.attempt.line < s.stmt.line <= arm.attempt.end_line)
    return any(isinstance(s.stmt, m.Try) and s.arm == "body" and s.stmt.handlers for s in inner)


def _harmless(site: Site) -> bool:
    if _of_kind((site,), LOST_WITH):
        return False  # ``requests.get`` shares its name with ``dict.get``
    named = site.method in PROBES or site.method.lstrip("_").startswith(("parse", "decode"))
    if named or optional(site.method) or log_call(site) is not None or "cache" in arguments_text(site.call).lower():
        return True  # what is lost with a cache's file is made again
    return (site.dotted or "").startswith(("os.path.", "re.", "builtins.", "time.", "psutil."))


def _imports(arm: HandlerEffects) -> bool:
    return any(isinstance(stmt, m.Import) for stmt in arm.attempt.body)


def _destructor(arm: HandlerEffects) -> bool:
    return arm.func.name in ("__del__", "__repr__", "__str__", "__exit__", "__aexit__")
