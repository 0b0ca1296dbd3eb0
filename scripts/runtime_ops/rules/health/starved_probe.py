"""One small pool that answers health and calls out without a deadline."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import answering, functions_of, reached, routes_of

RULE = Rule(
    __name__,
    severity="medium",
    summary="Health is answered by the same few threads as requests that wait without a limit.",
    lead=True,
)
POOLS = ("concurrent.futures.ThreadPoolExecutor",)
LARGE = 64


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    seen = set()
    for entrypoint in project.entrypoints:
        if entrypoint.kind != "service":
            continue
        for finding in (*_grpc(project, entrypoint), *_one_lane(project, entrypoint)):
            if (finding.path, finding.line) not in seen:
                seen.add((finding.path, finding.line))
                yield finding


def _endless(project: Project, entrypoint: Entrypoint, kind: str) -> WaitSite | None:
    """A call of a handler that nothing limits, health handlers apart."""
    for route in routes_of(project, entrypoint):
        if route.kind != kind or "Health" in route.path:
            continue
        for func in functions_of(route):
            for wait in reached(project, func):
                if wait.deadline.bounded is False:
                    return wait
    return None


def _grpc(project: Project, entrypoint: Entrypoint) -> Iterator[Finding]:
    """A gRPC server whose Health service shares the pool of its handlers."""
    if not any(r.path.startswith("/grpc.health.v1.Health") for r in routes_of(project, entrypoint)):
        return
    probed = any(
        p.method == "grpc" or "grpc" in (p.command.raw if p.command else "")
        for x in entrypoint.production
        for p, _ in x.probes
    )
    for site in project.sites("grpc.server"):
        if site.function.module not in entrypoint.modules or not probed:
            continue
        pool = site.call.argument("thread_pool", 0)
        size = pool.argument("max_workers", 0) if isinstance(pool, m.Call) else None
        if not isinstance(size, m.Const) or not isinstance(size.value, int) or size.value > LARGE:
            continue
        wait = _endless(project, entrypoint, "grpc")
        if wait is None:
            continue
        limit = site.call.keyword("maximum_concurrent_rpcs")
        yield RULE.at(
            project,
            site,
            f"the {size.value} threads of this server answer requests and Health; {wait.site.text}() waits without a deadline: when "
            "it hangs the pool is full, the liveness probe times out, and a healthy process is restarted",
            "give each outgoing call a deadline below the probe's window, and bound concurrent requests below the pool's size",
            severity="medium",
            confidence="likely" if limit is None else "possible",
        )


def _one_lane(project: Project, entrypoint: Entrypoint) -> Iterator[Finding]:
    """One synchronous worker without threads behind a probe."""
    for launch in entrypoint.production:
        probes = [(p, path) for p, path in launch.probes if answering(project, entrypoint, p)]
        if not probes or launch.server not in ("gunicorn", "uwsgi"):
            continue
        if _number(launch, "workers", "processes") > 1 or _number(launch, "threads") > 1 or _class(launch) != "sync":
            continue
        wait = _endless(project, entrypoint, "http")
        if wait is None:
            continue
        option = launch.options.get("processes") or launch.options.get("workers")
        link = launch.chain[-1]
        limited = launch.server == "gunicorn" or "harakiri" in launch.options
        yield RULE.finding(
            option.path if option is not None else link.path,
            option.line if option is not None else link.line,
            f"one synchronous worker answers requests and health; {wait.site.text}() waits without a limit: while it does, every probe "
            "fails and the platform takes out or restarts the only instance",
            "run threads or several workers, and give the call a deadline below the probe's window",
            severity="medium" if limited else "high",
            phase="serving",
            entrypoints=(entrypoint,),
            trace=(
                Evidence(probes[0][1], probes[0][0].line, "the probe"),
                Evidence(wait.path, wait.line, wait.site.text),
            ),
            anchor=entrypoint.id,
        )
        return


def _number(launch: Launch, *names: str) -> int:
    for name in names:
        option = launch.options.get(name)
        if option is not None:
            return int(option.value) if option.value is not None and option.value.isdigit() else LARGE
    return 1


def _class(launch: Launch) -> str:
    option = launch.options.get("worker_class") or launch.options.get("worker-class") or launch.options.get("gevent")
    return (option.value or "gevent") if option is not None else "sync"
