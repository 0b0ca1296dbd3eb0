"""Records of one request or job that nothing ties together."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging.unstructured_logs import logs_at_all

RULE = Rule(
    __name__,
    severity="medium",
    summary="No request, job or trace id is bound to the log records of a service or worker.",
)
WORDS = (
    "request_id",
    "requestid",
    "correlation",
    "trace_id",
    "traceid",
    "x-request-id",
    "otelTraceID",
    "job_id",
    "task_id",
    "span_id",
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
        if (entrypoint.path, entrypoint.line) in reported or not logs_at_all(project, entrypoint):
            continue
        if correlates(project, entrypoint):
            continue
        reported.add((entrypoint.path, entrypoint.line))
        unit = "request" if entrypoint.kind == "service" else "job"
        yield RULE.finding(
            entrypoint.path,
            entrypoint.line,
            f"No {unit} or trace id is bound to the log records of {entrypoint.kind} {entrypoint.path}: the lines of concurrent {unit}s "
            f"cannot be told apart",
            f"bind an id for each {unit} (middleware, contextvars and a logging filter, or trace ids) and put it into the format",
            entrypoints=(entrypoint,),
            phase="serving",
            anchor=entrypoint.id,
        )


def correlates(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether anything that the entrypoint imports binds an id to records: a known part, or names that say so."""
    for use in project.log_parts:
        binds = use.role in ("correlate", "middleware", "filter") and not use.name.startswith(
            ("sentry_sdk.", "logging.Logger.addFilter", "logging.Handler.addFilter")
        )
        if binds and use.function.module in entrypoint.modules:
            return True
    return any(mentions_id(module.path, project) for module in entrypoint.modules)


def mentions_id(path: str, project: Project) -> bool:
    """Whether a module handles an id by name near logging: a binding, parameter, or text of that name."""
    module = project.index.modules[path]
    for func in module.functions.values():
        for name in func.bindings:
            if any(word in name.lower() for word in WORDS[:5]):
                return True
    return False
