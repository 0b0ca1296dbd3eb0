"""A probe whose check can take longer than the platform waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Func
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import asked, belongs, functions_of, needs_login, reached

RULE = Rule(
    __name__,
    severity="medium",
    summary="A health check asks a dependency without a time limit, or with one longer than the probe's.",
    lead=True,
)
KUBERNETES_TIMEOUT = 1.0
"""timeoutSeconds of a probe where none is written (Kubernetes API reference, Probe)."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    seen: set[Func] = set()
    for found in asked(project):
        limit = found.probe.timeout.seconds if found.probe.timeout is not None else None
        if limit is None and found.launch.platform == "kubernetes" and found.probe.method in ("http", "grpc", "tcp"):
            limit = KUBERNETES_TIMEOUT
        for func in functions_of(found.route):
            if found.probe.role == "startup":
                seen.add(func)  # no requests come before it has answered, and the platform starts the container anew
                continue
            if (
                func not in seen
                and (finding := _judge(project, found.entrypoint, func, found.route.path, limit)) is not None
            ):
                seen.add(func)
                yield replace(finding, confidence="certain")  # a platform is seen to ask
    for entrypoint in project.entrypoints:
        if entrypoint.kind != "service" or not entrypoint.production:
            continue
        for route in project.routes.health_like():
            if needs_login(route) or "status" in route.path:
                continue  # a page for people
            for func in functions_of(route) if belongs(route, entrypoint) else ():
                if func not in seen and (finding := _judge(project, entrypoint, func, route.path, None)) is not None:
                    seen.add(func)
                    yield finding


def _judge(project: Project, entrypoint: Entrypoint, func: Func, path: str, limit: float | None) -> Finding | None:
    for wait in reached(project, func):
        if wait.deadline.bounded is False:
            return _finding(entrypoint, func, path, wait, "has no time limit")
        seconds = wait.deadline.seconds
        if seconds is not None and limit is not None and seconds > limit:
            return _finding(entrypoint, func, path, wait, f"may take {seconds:g} s, and the probe waits {limit:g} s")
    return None


def _finding(entrypoint: Entrypoint, func: Func, path: str, wait: WaitSite, why: str) -> Finding:
    return RULE.finding(
        func.path,
        func.line,
        f"{path} waits for {wait.site.text}(), which {why}: with the dependency hanging each probe leaves a handler waiting behind "
        "it, until none is free for requests",
        "give the check a limit well below the probe's timeout and answer 503 when it is reached",
        phase="serving",
        entrypoints=(entrypoint,),
        trace=(Evidence(wait.path, wait.line, f"{wait.site.text}()"),),
        anchor=path,
    )
