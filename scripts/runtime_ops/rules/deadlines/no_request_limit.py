"""A server that lets a request hold its worker for ever, unless it is told a limit."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._launched import command_link, option

RULE = Rule(
    __name__,
    severity="medium",
    summary="uWSGI runs without harakiri, so a request that hangs keeps its worker or thread until the next restart.",
    lead=True,
)
NONE = ("0", "false")
CONDITION = "%(_)"
"""What a value inside ``if-env`` reads: without the variable the option is not set."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for entrypoint in project.entrypoints:
        launch = next((x for x in entrypoint.production if x.server == "uwsgi" and x.role == "main"), None)
        if launch is None:
            continue
        limit = option(launch, "harakiri", "t")
        optional = limit is not None and limit.value is not None and CONDITION in limit.value
        if limit is not None and not optional and limit.value not in NONE:
            continue
        held = _asks_others(project, entrypoint)
        if held is None:
            continue
        place = limit or option(launch, "processes", "workers", "p", "module", "wsgi_file", "ini")
        link = command_link(launch)
        yield RULE.finding(
            place.path if place is not None else link.path,
            place.line if place is not None else link.line,
            "harakiri is set only when the variable of the condition around it is given: by default "
            + "a request that waits for a peer keeps its worker or thread for ever"
            if optional
            else "uWSGI has no limit for a request unless harakiri is set: one that waits for a peer keeps its worker or thread for ever, "
            "long after the proxy gave up, and a few of them stop the service",
            "set harakiri to a little more than the slowest request that is right (with master = true, which enforces it)",
            phase="serving",
            confidence="certain" if held.deadline.bounded is False and _all_seen(launch) else "likely",
            entrypoints=(entrypoint,),
            trace=[Evidence(held.path, held.line, "a request waits here")],
            anchor=entrypoint.id,
        )


def _asks_others(project: Project, entrypoint: Entrypoint) -> WaitSite | None:
    """A place where a request waits for another process or host."""
    life = project.lives[entrypoint]
    held = (w for w in project.waits if w.leaves_the_process and "serving" in life.at(w.site.function, w.line, w.site.steps))
    return min(held, key=lambda w: (w.deadline.bounded is not False, w.kind == "child", not life.sure(w.site.function)), default=None)


def _all_seen(launch: Launch) -> bool:
    """Whether the artifacts show how the server of a container runs: it listens, its workers take one request at a time, and no
    variable may hold further options."""
    words = launch.argv
    listens = any(option(launch, *names) for names in (("http",), ("http_socket",), ("socket", "s"), ("https",), ("http11_socket",)))
    loops = any(option(launch, name) for name in ("gevent", "asyncio", "async", "ugreen", "tornado", "emperor"))
    return launch.stage is not None and listens and not loops and not any(word.startswith("$") or "EXTRA" in word for word in words)
