"""A failure that leaves no trace at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.timeouts import waits
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
    found = list(_findings(project))
    many = [f for f in found if f.severity == "low"]
    yield from together(f for f in found if f.severity != "low")
    if many:
        yield together_all(many)


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
            severity=None if _matters(arm) else "low",
        )


def _matters(arm: HandlerEffects) -> bool:
    """Whether what is dropped is worth a finding of its own: a network call, a write, a sizeable piece of work."""
    outside = any(waits(site.dotted) for site in arm.body_calls if site.dotted)
    return outside or arm.body_statements >= 4 or not arm.handler.types


def together_all(findings: list[Finding]) -> Finding:
    """One finding for the small places of the whole repository, at the file that has most."""
    paths = Counter(f.path for f in findings)
    path = max(paths, key=lambda p: (paths[p], p))
    first = min((f for f in findings if f.path == path), key=lambda f: f.line)
    also = tuple(Evidence(f.path, f.line, "the same") for f in findings if f is not first)[:8]
    entrypoints = tuple(dict.fromkeys(e for f in findings for e in f.entrypoints))
    return replace(first, count=len(findings), also=also, entrypoints=entrypoints, anchor="habit")


def probes_only(arm: HandlerEffects) -> bool:
    """Whether the body does nothing but a parse, a lookup or tidying up, whose failure is the normal path."""
    return all(_harmless(site) for site in arm.body_calls)


def _harmless(site: Site) -> bool:
    return site.method in PROBES or (site.dotted or "").startswith(("os.path.", "re.", "builtins."))


def _imports(arm: HandlerEffects) -> bool:
    return any(isinstance(stmt, m.Import) for stmt in arm.attempt.body)


def _destructor(arm: HandlerEffects) -> bool:
    return arm.func.name in ("__del__", "__repr__", "__str__", "__exit__", "__aexit__")
