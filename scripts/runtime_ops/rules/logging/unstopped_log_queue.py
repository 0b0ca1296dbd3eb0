"""Log records that wait in a queue which nothing empties at the end."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="medium",
    summary="A logging QueueListener, or loguru's enqueue=True, is started and never stopped: each exit loses the last records.",
    lead=True,
)
LISTENER = "logging.handlers.QueueListener"
KINDS = ("service", "worker", "job")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    stopped = any(
        site.method == "stop" and "listener" in site.text.lower() for f in project.functions for site in f.sites
    )
    for site in project.sites(LISTENER):
        if stopped or handed_on(project, site) or not _runs(project, site):
            continue
        yield RULE.at(
            project,
            site,
            "The QueueListener is never stopped: its thread is a daemon and logging.shutdown() does not know it, so what is queued "
            "when the process ends (the lines about why) is not written",
            "call listener.stop() in the shutdown path, and register it with atexit",
        )
    completes = list(project.sites("loguru.logger.complete", "loguru.logger.remove"))
    for site in project.sites("loguru.logger.add"):
        enqueue = site.call.keyword("enqueue")
        if not (isinstance(enqueue, m.Const) and enqueue.value is True) or not _runs(project, site):
            continue
        if any(not s.function.is_module and s.function is not site.function for s in completes):
            continue
        yield RULE.at(
            project,
            site,
            "The sink is fed through a queue (enqueue=True) and nothing calls logger.complete() on the stop path: records that wait "
            "when SIGTERM comes are lost",
            "call logger.complete() in the shutdown path, or write directly",
        )


def handed_on(project: Project, site: Site) -> bool:
    """Whether ``….stop`` of a listener is named anywhere without being called (``atexit.register(listener.stop)``)."""
    return any(
        isinstance(argument, m.Name) and argument.id.lower().endswith("listener.stop")
        for func in project.functions
        for other in func.sites
        for argument in other.call.args
    )


def _runs(project: Project, site: Site) -> bool:
    return bool(project.runs_in(site, "import", "startup", "serving", kinds=KINDS))
