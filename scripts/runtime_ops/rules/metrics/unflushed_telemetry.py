"""Buffered spans, metrics or events that the real stop path drops."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.jobs import worker_program
from runtime_ops.libraries.observability import instrument
from runtime_ops.libraries.servers import all_servers, server_run_by
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Site
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._long_running import serving_places
from runtime_ops.rules.shutdown.unhandled_termination import handled, leaves_sigterm

RULE = Rule(
    __name__,
    severity="medium",
    summary="A batch exporter is flushed only by atexit, which the way this program is stopped does not run.",
    lead=True,
)
BATCHES = ("BatchSpanProcessor", "BatchLogRecordProcessor", "PeriodicExportingMetricReader")
FLUSHES = ("shutdown", "force_flush", "flush", "close")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported = set()
    exporters = [
        (site, row)
        for dotted, sites in project.links.by_dotted.items()
        if (row := instrument(dotted)) is not None and row.buffered and row.role == "exporter"
        for site in sites
        if not _writes_at_once(site)
    ]
    for site, row in sorted(exporters, key=lambda pair: (pair[0].path, pair[0].line)):
        for entrypoint in project.entrypoints:
            if not entrypoint.long_running or site.function.module not in entrypoint.modules:
                continue
            if not project.lives[entrypoint].of(site.function) or (entrypoint.launches and not entrypoint.production):
                continue
            if _of_job_worker(project, site) and not any(worker_program(x.argv) for x in entrypoint.launches):
                continue
            reason = skips_atexit(project, entrypoint)
            if reason is None or flushed(project, entrypoint) or (site.path, entrypoint.id) in reported:
                continue
            reported.add((site.path, entrypoint.id))
            if any(key[0] == site.path for key in reported - {(site.path, entrypoint.id)}):
                continue
            yield RULE.finding(
                site.path,
                site.line,
                f"{row.call} keeps up to {row.seconds or 5:g} s in memory and nothing flushes it on the stop path; {reason[1]}, so the "
                "last records before each stop are lost",
                "call provider.shutdown() (bounded) in the lifespan's shutdown or the SIGTERM path, not only at exit",
                severity="low",
                # the file that serves sets it up itself, so this program is known to export
                confidence="certain" if reason[0].path == site.path and _in_batches(site) else "likely",
                phase="shutdown",
                entrypoints=(entrypoint,),
                trace=(reason[0],),
                end_line=site.call.end_line,
                anchor=f"{site.function.qualname}:{row.call}",
            )


def _in_batches(site: Site) -> bool:
    return any((s.dotted or "").endswith(BATCHES) for s in site.function.sites)


def _writes_at_once(site: Site) -> bool:
    """``client.write_api(write_options=SYNCHRONOUS)``: each write goes out when it is made, nothing is kept."""
    given = site.call.keyword("write_options")
    return given is not None and source_of(given).rpartition(".")[2] == "SYNCHRONOUS"


def _of_job_worker(project: Project, site: Site) -> bool:
    """Whether only a job system's worker calls the function, when one of its processes begins."""
    func = site.function
    hooks = [h for h in project.hooks if h.func is func]
    return bool(hooks) and all(h.kind == "worker-init" for h in hooks) and not any(
        edge.how == "call" for edge in project.links.callers.get(func, ())
    )


def skips_atexit(project: Project, entrypoint: Entrypoint) -> tuple[Evidence, str] | None:
    """Why ``atexit`` does not run when this entrypoint is stopped, with the place; None when it does or is unknown."""
    servers = {row.name: row for row in all_servers()}
    for launch in entrypoint.production or entrypoint.launches:
        row = servers.get(launch.server or "")
        if row is not None and row.atexit is False:
            link = launch.chain[-1]
            return Evidence(link.path, link.line, link.text), f"{row.name} ends on SIGTERM without running atexit"
    for place in serving_places(project, entrypoint):
        server = server_run_by(place.site.dotted) if place.site is not None and place.site.dotted else None
        where = Evidence(place.function.path, place.line, "serves here")
        if server is not None and server.sigterm == "graceful" and server.atexit is False:
            return where, f"{server.name} ends on SIGTERM without running atexit"
        if leaves_sigterm(place) and handled(project, entrypoint) is None:
            return where, "SIGTERM is not handled, so atexit does not run"
    return None


def flushed(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether anything that runs at shutdown (or in a hook for it) flushes telemetry."""
    life = project.lives[entrypoint]
    for func, phases in life.reach.items():
        if "shutdown" in phases and any(_flush(site) for site in func.sites):
            return True
    for func in life.spine:
        if any(_flush(site) and "shutdown" in life.at(func, site.line, site.steps) for site in func.sites):
            return True
    return any(
        h.func is not None
        and h.kind in ("shutdown", "lifespan", "worker-exit")
        and any(_flush(s) for s in h.func.sites)
        for h in project.hooks
    )


def _flush(site: Site) -> bool:
    named = any(
        word in site.text.lower()
        for word in ("tracer", "provider", "meter", "telemetry", "sentry", "otel", "span", "exporter", "processor")
    )
    return site.method in FLUSHES and (named or instrument((site.dotted or "").rpartition(".")[0]) is not None)
