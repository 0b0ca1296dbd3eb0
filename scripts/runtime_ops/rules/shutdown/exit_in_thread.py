"""``sys.exit`` in a thread: it ends only that thread."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown.signals_off_main_thread import thread_targets

RULE = Rule(
    __name__,
    severity="high",
    summary="sys.exit() in a thread ends that thread only: the process stays up without the work it did.",
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for func, edge in thread_targets(project):
        for site in func.sites:
            if site.dotted in ("sys.exit", "exit", "quit"):
                yield RULE.at(
                    project,
                    site,
                    f"{func.name} runs in a thread (started at {edge.site.path}:{edge.site.line}): sys.exit() there "
                    "ends the thread in silence; the process goes on without its work",
                    "tell the main thread to stop (set an Event it waits on) and let it exit with the status",
                )
