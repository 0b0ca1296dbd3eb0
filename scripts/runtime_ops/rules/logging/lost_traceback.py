"""A caught error that is logged without its traceback and goes no further."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.rules.api import Rule, together

RULE = Rule(
    __name__,
    severity="medium",
    summary="A broad except logs the error's text without traceback and does not raise it: the place of the failure is lost.",
)
KINDS = ("service", "worker", "job")
ERROR_LEVELS = ("error", "critical", "exception")
LOW_LEVELS = ("debug", "info")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_findings(project))


def _findings(project: Project) -> Iterator[Finding]:
    for arm in project.failures:
        if not arm.broad or not arm.logs or arm.tracebacks or arm.raises == "always" or arm.exits:
            continue
        if any(raised.chained for raised in arm.raised) or not running(project, arm):
            continue
        reported = bool(arm.reports)
        level = arm.loudest or "unknown"
        if level == "debug" and arm.body_statements <= 2:
            continue  # a probe of something optional, said at the level for it
        what = f"Caught {caught(arm)} and logged it by {arm.logs[0].site.text}() without traceback"
        if level in LOW_LEVELS:
            what += f", at {level.upper()} so that no alert sees it"
        yield RULE.in_function(
            project,
            arm.func,
            arm.logs[0].site.line,
            f"{what}; it goes no further, so the record does not tell where it happened (a TypeError here is one line without place)",
            "log it with exc_info=True (or log.exception), or let it propagate",
            end_line=arm.logs[0].site.call.end_line,
            severity="low" if reported else None,
        )


def caught(arm: HandlerEffects) -> str:
    """What the arm catches, in the words of the source."""
    return " or ".join(arm.handler.types) or "everything (bare except)"


def running(project: Project, arm: HandlerEffects) -> tuple[Entrypoint, ...]:
    """The services, workers and jobs that run the arm while they start, serve or stop."""
    found = project.phases_by_entrypoint(arm.func, arm.line, arm.steps)
    return tuple(e for e, phases in found.items() if e.kind in KINDS and phases & {"serving", "startup", "shutdown"})
