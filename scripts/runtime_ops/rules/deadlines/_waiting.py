"""What the deadline rules share: where a wait matters, and how a group of like waits is put into one finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.waits import WaitSite, by_place
from runtime_ops.rules.api import Rule, worst_phase

LONG = ("service", "worker", "job")


def weight(project: Project, waits: Sequence[WaitSite]) -> tuple[str | None, str | None, tuple[Entrypoint, ...]]:
    """Severity, worst phase and entrypoints of waits with one remedy; severity None where nothing runs them.

    High in serving and shutdown of what stays up, medium at its start and where no phase is known though a long-running
    entrypoint imports the module, low in one-off commands.
    """
    found: dict[Entrypoint, set[str]] = {}
    for wait in waits:
        for entrypoint, phases in project.phases(wait.site).items():
            found.setdefault(entrypoint, set()).update(phases)
    lasting = {e: p for e, p in found.items() if e.kind in LONG and (not e.launches or e.production or e.kind == "job")}
    reached = {p for each in lasting.values() for p in each}
    if reached:
        severity = "high" if reached & {"serving", "shutdown"} else "medium"
        if severity == "high" and all(e.kind == "job" for e in lasting):
            severity = "medium"
        return severity, worst_phase(reached), tuple(lasting)
    if found:
        # a script that nothing starts is somebody's tool, watched by its user
        started = any(e.production or e.commands for e in found) or not project.launches
        return ("low" if started else None), "serving", tuple(found)
    importers = project.imported_by(waits[0].site.function.module, "service", "worker")
    return ("medium", None, importers) if importers else (None, None, ())


def grouped(found: Iterable[WaitSite]) -> Iterator[tuple[WaitSite, ...]]:
    """Waits by the place where their limit would be written, in path and line order."""
    groups = by_place(found)
    for key in sorted(groups):
        yield groups[key]


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
        trace.extend(project.trace(entrypoints[0], group[0].site.function, phase))
    also = tuple(Evidence(w.path, w.line, f"{w.site.text}() waits") for w in elsewhere[:8])
    return rule.finding(
        place.path,
        place.line,
        message,
        remedy,
        end_line=place.end_line,
        severity=severity,
        confidence=confidence,
        phase=phase,
        entrypoints=entrypoints,
        trace=trace,
        anchor=f"{place.function.qualname}:{place.text}",
        count=max(1, len(elsewhere)),
        also=also,
    )


def remedy_for(wait: WaitSite) -> str:
    """How the limit is written for this client."""
    row = wait.row
    if not row.parameters:
        return f"{wait.dotted.rpartition('.')[2]} takes no limit: put an outer deadline around it, or use a call that takes one"
    where = "where the client is constructed" if "constructor" in row.where and "call" not in row.where else "here"
    return f"set {' / '.join(row.parameters[:3])} {where}, below the limit of whoever waits for this"
