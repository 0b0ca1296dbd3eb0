"""Signal handling set up in a thread other than the main one."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Finding
from runtime_ops.libraries.servers import server_run_by
from runtime_ops.project.build import Project
from runtime_ops.project.links import Edge
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="high",
    summary="A signal handler, or a server that installs one, is set up in a thread, where Python refuses it.",
    lead=True,
)
THREADS = ("threading.Thread", "asyncio.to_thread", "concurrent.futures.ThreadPoolExecutor.submit", "threading.Timer")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for func, edge in thread_targets(project):
        for site in _calls_below(project, func, 0, set()):
            if site.dotted == "signal.signal":
                yield RULE.at(
                    project,
                    site,
                    f"{func.name} runs in a thread ({edge.site.path}:{edge.site.line}); signal.signal() there raises ValueError: "
                    "signal only works in main thread",
                    "install the handlers in the main thread before starting the thread",
                )
            elif _server_needs_main(site) and not _main_stops_it(project, site, edge):
                yield RULE.at(
                    project,
                    edge.site,
                    f"{site.dotted}() runs in a thread, where it cannot take signals: SIGTERM kills the process without a drain",
                    "run the server in the main thread, or handle SIGTERM in the main thread and set server.should_exit = True",
                )


def thread_targets(project: Project) -> Iterator[tuple[Func, Edge]]:
    """Functions that are handed to a thread, each with the edge that hands it over."""
    for func in project.functions:
        for edge in project.links.callers.get(func, ()):
            if edge.how == "reference" and edge.via in THREADS:
                yield func, edge


def _calls_below(project: Project, func: Func, depth: int, seen: set[Func]) -> Iterator[Site]:
    if depth > 3 or func in seen:
        return
    seen.add(func)
    yield from func.sites
    for edge in project.links.callees.get(func, ()):
        if edge.how == "call":
            yield from _calls_below(project, edge.callee, depth + 1, seen)


def _server_needs_main(site: Site) -> bool:
    server = server_run_by(site.dotted) if site.dotted else None
    return server is not None and server.main_thread is True and server.sigterm == "graceful"


def _main_stops_it(project: Project, site: Site, edge: Edge) -> bool:
    """Whether the code that starts the thread ends the server itself, or the thread is a helper of a test or a CLI."""
    entrypoints = [e for e in project.phases(edge.site) if e.long_running]
    if not entrypoints:
        return True
    for module in {edge.caller.module, site.function.module}:
        for func in module.functions.values():
            if any("should_exit" in name for name in func.bindings):
                return True
            if any(s.method in ("shutdown", "request_shutdown", "stop") for s in func.sites):
                return True
    return False
