"""A child that is told to end and never waited for."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.resources import Resource
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._running import lasting_phases, receiver

RULE = Rule(
    __name__,
    severity="medium",
    summary="A child is terminated without being waited for: it stays a zombie, and nobody knows whether it ended.",
    lead=True,
)
ENDS = frozenset({"terminate", "kill", "send_signal"})
REAPS = frozenset("wait communicate join poll with await close shutdown exitcode is_alive".split())


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for resource in project.resources:
        if resource.kind != "process" or not resource.type.name.endswith(("Popen", "Process")):
            continue
        ends = [s for s in resource.stops if s.how in ENDS and s.site is not None and s.where != "atexit"]
        if not ends or any(s.how in REAPS for s in resource.stops) or _looked_at(resource):
            continue
        site = ends[0].site
        if site is None:
            continue
        entrypoints, phases = lasting_phases(project, site)
        if not entrypoints or "serving" not in phases:
            continue
        yield RULE.at(
            project,
            site,
            f"{site.text}() only sends the signal; nothing waits for the child made at {resource.path}:{resource.line}: each one "
            "stays a zombie, or goes on running unnoticed when it ignores the signal",
            "wait(timeout=…) after it, kill() when that passes, and wait again",
            kinds=("service", "worker"),
        )


def _looked_at(resource: Resource) -> bool:
    """Whether the state of the child is asked for anywhere in the module that keeps it."""
    names = {resource.kept.name, resource.kept.name.rpartition(".")[2]}
    for func in resource.function.module.functions.values():
        for site in func.sites:
            if site.method in REAPS and receiver(site).rpartition(".")[2] in names:
                return True
            if site.dotted in ("os.waitpid", "os.wait", "psutil.wait_procs"):
                return True
    return False
