"""A limit that is switched off where there would be one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.timeouts import all_waits
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.project.waits import ReportPlace, WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._findings import finding_of, grouped
from runtime_ops.rules.deadlines._job_limits import Unlimited, switched_off
from runtime_ops.rules.deadlines._meant_to_last import lasts
from runtime_ops.rules.deadlines._severity import weight

RULE = Rule(
    __name__,
    severity="medium",
    summary="A timeout is given as None, 0 or -1, which switches off the limit that the client would have.",
    yields_to=("call-without-timeout",),
    lead=True,
)
STREAMS = frozenset({"stream", "ws_connect", "websocket", "sse", "connect_sse", "iter_lines", "aiter_lines"})
PASSES_ON = frozenset({"StreamResponse", "StreamingResponse", "StreamingHttpResponse"})
SUBSCRIBES = frozenset({"pubsub", "close", "aclose"})
REMEDY = "give a finite limit that fits into the caller's own, or put an outer deadline around the call"


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    disabled = [_at_the_call(w) for w in project.waits if w.deadline.state == "disabled" and _counts(project, w)]
    sources: dict[tuple[str, int], list[WaitSite]] = {}
    rest = []
    for wait in disabled:
        source = wait.deadline.source
        if source is not None and (source.path, source.line) != (wait.place.path, wait.place.line):
            sources.setdefault((source.path, source.line), []).append(wait)
        else:
            rest.append(wait)
    for group in (*sources.values(), *grouped(rest)):
        finding = _of_group(project, tuple(group))
        if finding is not None:
            yield finding
    yield from _unknown_receivers(project)
    for limit in switched_off(project):
        yield _of_job(project, limit)


def _at_the_call(wait: WaitSite) -> WaitSite:
    """The wait, placed where its own argument switches the limit off, not where its client was made."""
    if wait.constructs or not any(wait.call.keyword(p) is not None for p in wait.row.parameters):
        return wait
    site = wait.site
    return replace(wait, place=ReportPlace(site.path, site.line, site.call.end_line, site.text, site.function))


def _set_later(wait: WaitSite) -> bool:
    """Whether the limit is a global of the module that a function sets (``def setup(config): global limit``): what stands at
    its first line is not what the call gets."""
    given = [value.id for key, value in wait.call.keywords if key in wait.row.parameters and isinstance(value, m.Name)]
    return any(
        isinstance(place.stmt, m.Global) and not set(given).isdisjoint(place.stmt.names)
        for func in wait.site.function.module.functions.values()
        for place in func.places
    )


def _counts(project: Project, wait: WaitSite) -> bool:
    if not (wait.leaves_the_process or wait.kind == "child") or lasts(project, wait):
        return False
    if any(s.method in PASSES_ON for s in wait.site.function.sites):
        return False  # a proxy: how long the answer may take is for the one behind it and for who asked
    if _set_later(wait):
        return False
    if wait.site.method in STREAMS or any(s.method == "kill" and s.line < wait.line for s in wait.site.function.sites):
        return False  # a stream lasts as long as it has something to say; what was killed is only reaped
    if wait.constructs and _only_listens(project, wait.site):
        return False  # a subscription waits for the next message, however long that takes
    # ``Timeout(connect=5, read=None, …)``: a stream is read whose silence is lawful
    text = wait.deadline.source.note if wait.deadline.source is not None else wait.deadline.text
    return not ("Timeout(" in text and "read=" in text and ("connect=" in text or "pool=" in text))


def _only_listens(project: Project, site: Site) -> bool:
    """Whether all that is asked of a client that is made here is a subscription, as far as its uses are seen: those of the
    name it is bound to, or of the function that returns it."""
    func = site.function
    asked: set[str] = set()
    if isinstance(site.stmt, m.Return):
        made = [edge.site.call for edge in project.links.callers.get(func, ())]
        for edge in project.links.callers.get(func, ()):
            for other in edge.caller.sites:
                callee = other.call.func
                if isinstance(callee, m.Attr) and any(callee.value is call for call in made):
                    asked.add(callee.name)
                    made = [call for call in made if call is not callee.value]
        if made:  # kept under a name, or handed on
            return False
    elif isinstance(site.stmt, m.Assign) and isinstance(site.stmt.targets[0], m.Name):
        holder = f"{site.stmt.targets[0].id}."
        scopes = func.cls.methods.values() if holder.startswith("self.") and func.cls is not None else (func,)
        below = [other.text.removeprefix(holder) for scope in scopes for other in scope.sites if other.text.startswith(holder)]
        asked = {text.partition(".")[0].partition("(")[0] for text in below}
    return "pubsub" in asked and asked <= SUBSCRIBES


def _of_group(project: Project, group: tuple[WaitSite, ...]) -> Finding | None:
    severity, phase, entrypoints = weight(project, group)
    if severity is None:
        return None
    first = group[0]
    finding = finding_of(
        RULE,
        project,
        group,
        f"{first.place.text}() gets {_short(first.deadline.text)}, which switches its limit off: it waits for ever when the "
        "peer is silent",
        REMEDY,
        severity="medium" if severity == "high" else severity,
        phase=phase,
        entrypoints=entrypoints,
    )
    source = first.deadline.source
    if source is not None and (source.path, source.line) != (finding.path, finding.line):
        finding = replace(finding, trace=(*finding.trace, source))
    return finding


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}…"


@cache
def _switched_off_by_zero() -> dict[str, frozenset[str]]:
    """Method names that at most two packages of the table have and whose ``timeout=0`` means without limit, with these."""
    found: dict[str, set[str]] = {}
    zero = set()
    for row in all_waits():
        for call in row.calls:
            name = call.rpartition(".")[2]
            found.setdefault(name, set()).add(call.partition(".")[0])
            if row.bounded == "yes" and 0 in row.unbounded_values and "timeout" in row.parameters:
                zero.add(name)
    return {name: frozenset(owners) for name, owners in found.items() if name in zero and len(owners) <= 2}


def _unknown_receivers(project: Project) -> Iterator[Finding]:
    """``page.goto(url, timeout=0)`` on an object whose class is not seen."""
    names = _switched_off_by_zero()
    imported = {
        b.text.partition(".")[0]
        for func in project.functions
        for bindings in func.bindings.values()
        for b in bindings
        if b.kind == "import"
    }
    for func in project.functions:
        for site in func.sites:
            if site.method not in names or site.targets or (site.dotted is not None and "()" not in site.dotted):
                continue
            given = site.call.keyword("timeout")
            if not (isinstance(given, m.Const) and given.value == 0 and given.value is not False):
                continue
            library = next((d for d in sorted(names[site.method]) if d in imported), None)
            if library is None or project.outer_limits.around(site, site.awaited) is not None:
                continue
            serving = project.runs_in(site, "serving", kinds=("service", "worker"))
            if serving:
                yield RULE.at(
                    project,
                    site,
                    f"{site.text}(timeout=0) switches off the limit that {library} has by default: a peer that never "
                    "finishes holds this worker for ever",
                    REMEDY,
                    kinds=("service", "worker"),
                    # ``set(…, timeout=0)`` is many a thing; ``page.goto(url, timeout=0)`` is one
                    confidence="certain" if len(names[site.method]) == 1 else "likely",
                )


def _of_job(project: Project, limit: Unlimited) -> Finding:
    finding = RULE.finding(
        limit.path,
        limit.line,
        f"{limit.text} is the time limit that {limit.system} gives its jobs, and {limit.value} switches it off: one job "
        "that hangs occupies a worker for ever",
        "default to a finite limit in seconds; let those who need longer jobs raise it",
        severity="medium",
        confidence="certain" if limit.default else "likely",  # at one call it may be meant, for one long job
        phase="serving",
        entrypoints=tuple(e for e in project.entrypoints if e.kind == "worker"),
        anchor=limit.text,
    )
    return replace(finding, trace=(Evidence(limit.site.path, limit.site.line, f"{limit.site.text}(…) sets it"),))
