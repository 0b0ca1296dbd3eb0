"""Tracebacks that are printed beside the record that tells of the failure."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import sites_in
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.logging.lost_traceback import running

PRINTS = ("traceback.print_exc", "traceback.print_exception")


def beside_a_record(project: Project, rule: Rule) -> Iterator[Finding]:
    """One finding for the arms of the repository that log a failure without its traceback and print that to stderr."""
    yield from as_one(_findings(project, rule))


def _findings(project: Project, rule: Rule) -> Iterator[Finding]:
    for arm in project.failures:
        site = _printed(arm)
        record = next((call for call in arm.logs if call.at_least("warning") and call.site.path == arm.path), None)
        if site is None or record is None or any(call.traceback for call in arm.logs):
            continue
        if not any(entrypoint.kind in ("service", "worker") for entrypoint in running(project, arm)):
            continue
        yield rule.in_function(
            project,
            arm.func,
            record.site.line,
            f"{record.site.text}() logs the failure, and {site.text}() prints its traceback beside it: bare lines on stderr without time, "
            "level or logger, mixed with those of other threads, which a search for the record does not find",
            f"one call: {record.logger}.exception(…), or exc_info=True, and no print",
            end_line=max(site.call.end_line, record.site.call.end_line),
            severity="low",
        )


def _printed(arm: HandlerEffects) -> Site | None:
    """The call in the arm itself that prints the traceback to stderr."""
    return next(
        (
            site
            for site in sites_in(arm.handler.body, arm.func)
            if site.dotted in PRINTS and site.call.keyword("file") is None and not site.steps[len(arm.steps) + 1 :]
        ),
        None,
    )
