"""``sys.exit`` in a thread: it ends only that thread."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.links import Edge
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._running import in_arm_for
from runtime_ops.rules.shutdown.signals_off_main_thread import thread_targets

RULE = Rule(
    __name__,
    severity="high",
    summary="sys.exit() in a thread ends that thread only: the process stays up without the work it did.",
    lead=True,
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for func, edge in thread_targets(project):
        for site in func.sites:
            if site.dotted in ("sys.exit", "exit", "quit") and not _caught(site) and not in_arm_for(site, ("KeyboardInterrupt",)):
                yield RULE.at(
                    project,
                    site,
                    f"{func.name} runs in a thread (started at {edge.site.path}:{edge.site.line}): sys.exit() there "
                    "ends the thread in silence; the process goes on without its work",
                    "tell the main thread to stop (set an Event it waits on) and let it exit with the status",
                    confidence="possible" if _meant(site) or _joined(edge) else "likely",
                )


def _caught(site: Site) -> bool:
    """Whether the function itself takes the SystemExit."""
    return any(
        isinstance(step.stmt, m.Try)
        and step.arm == "body"
        and any(not h.types or {t.rpartition(".")[2] for t in h.types} & {"SystemExit", "BaseException"} for h in step.stmt.handlers)
        for step in site.steps
    )


def _meant(site: Site) -> bool:
    """An end without a failure, outside any ``except`` arm: it may well mean the thread alone."""
    status = site.call.args[0] if site.call.args else None
    success = status is None or (isinstance(status, m.Const) and not status.value)
    return success and not any(step.arm == "handler" for step in site.steps)


def _joined(edge: Edge) -> bool:
    """Whether who starts the thread only waits for its end, so that the process ends with it."""
    return any(s.method == "join" and s.line > edge.site.line and not s.call.args for s in edge.caller.sites)
