"""A failure that leaves no trace at all."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.logging.lost_traceback import caught, running

RULE = Rule(
    __name__,
    severity="medium",
    summary="A broad except drops a failure with nothing logged, counted or raised.",
)
# calls whose failure is an answer, not a fault: a parse, a lookup, a feature test, tidying up
PROBES = frozenset(
    (
        "int float str bool len loads decode encode fromisoformat strptime parse get pop index remove close unlink rmtree "
        "kill terminate getattr import_module find_spec hasattr isatty disconnect cancel strip split json literal_eval "
        "urlparse UUID fromtimestamp dumps version format quit shutdown join wait detach flush"
    ).split()
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_findings(project))


def _findings(project: Project) -> Iterator[Finding]:
    for arm in project.failures:
        if not arm.broad or not arm.silent or arm.raises != "never" or arm.exits or arm.settles:
            continue
        if probes_only(arm) or _imports(arm) or _destructor(arm) or not running(project, arm):
            continue
        work = next((site.text for site in arm.body_calls if not _harmless(site)), "the body")
        yield RULE.in_function(
            project,
            arm.func,
            arm.line,
            f"Caught {caught(arm)} around {work}() and dropped it: nothing is logged, counted or raised, so this failure cannot be seen at "
            "run time and looks like an empty result",
            "catch the exceptions that are expected here by name, and log the rest with exc_info",
            end_line=arm.handler.body[0].end_line if arm.handler.body else arm.line,
        )


def probes_only(arm: HandlerEffects) -> bool:
    """Whether the body does nothing but a parse, a lookup or tidying up, whose failure is the normal path."""
    return all(_harmless(site) for site in arm.body_calls)


def _harmless(site: Site) -> bool:
    return site.method in PROBES or (site.dotted or "").startswith(("os.path.", "re.", "builtins."))


def _imports(arm: HandlerEffects) -> bool:
    return any(isinstance(stmt, m.Import) for stmt in arm.attempt.body)


def _destructor(arm: HandlerEffects) -> bool:
    return arm.func.name in ("__del__", "__repr__", "__str__", "__exit__", "__aexit__")
