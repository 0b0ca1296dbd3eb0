"""An entrypoint whose logging never reaches a structured formatter."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.log_parts import LogUse
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="medium",
    summary="The logging set-up that a service or worker reaches writes plain text, not one structured record an event.",
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported = set()
    for entrypoint in project.entrypoints:
        if (
            not entrypoint.long_running
            or entrypoint.framework == "locust"
            or (entrypoint.launches and not entrypoint.production)
        ):
            continue
        parts = [use for use in project.log_parts if use.function.module in entrypoint.modules]
        if any(use.structured for use in parts) or not logs_at_all(project, entrypoint):
            continue
        setup = next((u for u in parts if u.role == "configure" and reached(project, entrypoint, u)), None)
        setup = setup or next(
            (u for u in parts if u.role in ("formatter", "handler") and reached(project, entrypoint, u)), None
        )
        path, line = (setup.path, setup.line) if setup is not None else (entrypoint.path, entrypoint.line)
        if (path, line) in reported:
            continue
        reported.add((path, line))
        what = f"{setup.name} sets up plain text" if setup is not None else "no logging set-up is reached"
        trace = [Evidence(entrypoint.path, entrypoint.line, f"{entrypoint.kind} {entrypoint.id}")]
        yield RULE.finding(
            path,
            line,
            f"{what} for {entrypoint.kind} {entrypoint.path}: its records are lines for the eye; level, time, logger and ids cannot be "
            "queried, and a traceback is many records",
            "configure one JSON formatter (python-json-logger, structlog JSONRenderer) where production starts, before the first record",
            entrypoints=(entrypoint,),
            trace=trace,
            phase="startup",
            anchor=entrypoint.id,
        )


def logs_at_all(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether the program logs anything of its own; one that never does has nothing to structure."""
    return any(
        "log" in site.text.lower() and site.method in ("debug", "info", "warning", "error", "exception", "critical")
        for module in entrypoint.modules
        for func in module.functions.values()
        for site in func.sites
    )


def reached(project: Project, entrypoint: Entrypoint, use: LogUse) -> bool:
    """Whether the entrypoint runs the place."""
    return bool(project.lives[entrypoint].of(use.function))
