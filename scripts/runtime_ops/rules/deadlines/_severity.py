"""How much a wait matters, by what runs it and in which phase."""

from __future__ import annotations

from collections.abc import Sequence

from runtime_ops.project.build import Project
from runtime_ops.project.development import development_file, development_path
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.management_commands import names_command
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import worst_phase

LONG = ("service", "worker", "job")
"""Kinds of entrypoints that nobody watches."""


def weight(project: Project, waits: Sequence[WaitSite]) -> tuple[str | None, str | None, tuple[Entrypoint, ...]]:
    """Severity, worst phase and entrypoints of waits with one remedy; severity None where nothing runs them.

    High in serving and shutdown of what stays up, medium at its start and where no phase is known though a long-running
    entrypoint imports the module, low in one-off commands.
    """
    found: dict[Entrypoint, set[str]] = {}
    for entry in (entry for wait in waits for entry in wait.entries):
        for entrypoint, phases in project.phases(entry).items():
            found.setdefault(entrypoint, set()).update(phases)
    lasting = {e: p for e, p in found.items() if matters(e)}
    reached = {p for each in lasting.values() for p in each}
    if found and all(_of_command(project, w) for w in waits):
        # who types it sees it wait, and so does who develops it
        started = any(names_command(launch, waits[0].path) and not launch.development for launch in project.launches)
        return ("low" if started else None), "serving", tuple(lasting or found)
    if reached:
        severity = "high" if reached & {"serving", "shutdown"} else "medium"
        if all(e.kind == "job" for e in lasting):
            scheduled = any(x.role == "job" or x.platform in ("crontab", "heroku") for e in lasting for x in e.production)
            severity = "medium" if scheduled else "low"  # a command that somebody runs, and can interrupt
        return severity, worst_phase(reached), tuple(lasting)
    if found:
        # a script that nothing starts is somebody's tool, watched by its user
        started = any(e.production or (e.commands and e.launches) for e in found) or not project.launches
        started = started and not all(development_file(e.path) or development_path(e.path) for e in found)
        return ("low" if started else None), "serving", tuple(found)
    importers = project.imported_by(waits[0].site.function.module, "service", "worker")
    return ("medium", None, importers) if importers else (None, None, ())


def _of_command(project: Project, wait: WaitSite) -> bool:
    """A management command of Django that does its work and ends (not one that is an entrypoint's own loop)."""
    func = wait.site.function
    return is_management_command(func.path) and not any(func in life.spine for life in project.lives.values())


def matters(entrypoint: Entrypoint) -> bool:
    """Whether an entrypoint stays up, or is a job, and is more than a developer's tool or a load generator."""
    if entrypoint.kind not in LONG or entrypoint.framework == "locust" or development_file(entrypoint.path):
        return False
    return not entrypoint.launches or bool(entrypoint.production) or entrypoint.kind == "job"
