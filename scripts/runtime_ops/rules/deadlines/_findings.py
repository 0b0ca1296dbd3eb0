"""How waits become findings: those of one mend make one, at the place where the limit would be written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.names import spellings
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.source_text import source_of
from runtime_ops.project.waits import ReportPlace, WaitSite, by_place
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._ways import shown_way


def grouped(found: Iterable[WaitSite]) -> Iterator[tuple[WaitSite, ...]]:
    """Waits by the place where their limit would be written, in path and line order.

    Calls on one client of one function are one mend when the limit is not written at the call, and so are clients of one
    library that one function makes; each call that takes its own limit stays apart.
    """
    groups = by_place(_at_its_mend(wait) for wait in found)
    merged: dict[tuple[object, ...], list[WaitSite]] = {}
    for key in sorted(groups):
        first = groups[key][0]
        own = first.row.where == ("call",) and bool(first.row.parameters)
        # nothing to write at the call: one outer deadline around the function that holds most of them
        scope = first.place.function if first.row.parameters else first.place.path
        shared: tuple[object, ...] = key if own else (scope, first.row.distribution)
        if first.row.where == ("config",):  # written once, in the settings
            shared = (first.row.name, "config")
        merged.setdefault(shared, []).extend(groups[key])
    for group in merged.values():
        counts = Counter(w.place.function for w in group)
        yield tuple(sorted(group, key=lambda w: (-counts[w.place.function], w.place.line, w.line)))


def _at_its_mend(wait: WaitSite) -> WaitSite:
    """The wait with the place where its limit would be written: the dictionary that is unpacked into the call, and for a
    limit that is no argument of the call the call that made the client."""
    place = wait.place
    own = "call" in wait.row.where or not wait.row.where
    own = own or ("config" in wait.row.where and (place.path, place.line) != (wait.path, wait.line))  # at the setting already
    if not own and wait.construction is None and not wait.constructs and wait.site.origin is not None and not wait.via:
        origin = wait.site.origin
        func, call = origin.function, origin.call
        if not func.is_module or func.module is wait.site.function.module:
            place = ReportPlace(func.path, call.line, call.end_line, source_of(call.func), func)
    call_there = next((s.call for s in place.function.sites if s.line == place.line and source_of(s.call.func) == place.text), None)
    for key, value in call_there.keywords if call_there is not None else ():
        if key is None and isinstance(value, m.Name):
            made = [b for b in place.function.bindings.get(value.id, ()) if isinstance(b.expr, m.Mapping | m.Call)]
            if len(made) == 1 and made[0].line < place.line:
                place = place._replace(line=made[0].line)
    return wait if place is wait.place else replace(wait, place=place)


def finding_of(
    rule: Rule,
    project: Project,
    group: Sequence[WaitSite],
    message: str,
    remedy: str,
    *,
    severity: str,
    phase: str | None,
    entrypoints: tuple[Entrypoint, ...],
    confidence: str = "likely",
) -> Finding:
    """One finding at the group's place; the calls that wait are listed when they stand elsewhere."""
    place = group[0].place
    elsewhere = [w for w in group if (w.path, w.line) != (place.path, place.line)]
    trace: list[Evidence] = []
    if entrypoints and phase is not None:
        reached = [e for e in group[0].entries if any(phase in project.lives[x].of(e.function) for x in entrypoints)]
        entry = (reached or group[0].entries)[0]
        trace.extend(shown_way(project, entrypoints, entry.function, phase))
        if entry is not group[0].site:
            trace.append(Evidence(entry.path, entry.line, f"{entry.text}() is called without a limit"))
    also = tuple(Evidence(w.path, w.line, f"{w.site.text}() waits") for w in elsewhere[:8])
    return rule.finding(
        place.path, place.line, message, remedy, end_line=place.end_line, severity=severity, confidence=confidence,
        phase=phase, entrypoints=entrypoints, trace=trace, anchor=f"{place.function.qualname}:{place.text}",
        count=max(1, len(elsewhere)), also=also,
    )  # fmt: skip


def remedy_for(wait: WaitSite) -> str:
    """How the limit is written for this client."""
    row = wait.row
    if not row.parameters:
        member = wait.dotted.rpartition(".")[2]
        if row.distribution == "Twisted":
            return f"{member}(…).addTimeout(seconds, reactor), below the limit of whoever waits for this"
        return f"{member} takes no limit: put an outer deadline around it, or use a call that takes one"
    if wait.dotted.startswith("django.core.cache.") and "OPTIONS.socket_timeout" in row.parameters:
        return "set OPTIONS.socket_timeout here (django-redis: SOCKET_TIMEOUT, SOCKET_CONNECT_TIMEOUT), below the limit of whoever waits"
    if wait.place.text == "MAILERS":
        return "set OPTIONS.timeout of each mailer, below the limit of whoever waits for this"
    if "EMAIL_TIMEOUT" in row.parameters:
        return "set EMAIL_TIMEOUT here, below the limit of whoever waits for this"
    if wait.construction is not None and not set(row.wrappers).isdisjoint(spellings(wait.construction.name)):
        return f"hand it {row.constructors[0]}({row.parameters[0]}=…), below the limit of whoever waits for this"
    where = "where the client is constructed" if "constructor" in row.where and "call" not in row.where else "here"
    return f"set {' / '.join(row.parameters[:3])} {where}, below the limit of whoever waits for this"
