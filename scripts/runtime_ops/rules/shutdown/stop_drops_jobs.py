"""A stop that throws away work in hand."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._launched import command_link, option, production, system_of
from runtime_ops.rules.shutdown._long_running import owners
from runtime_ops.rules.shutdown._memory_queues import dropping_stop, taken

RULE = Rule(
    __name__,
    severity="high",
    summary="The stop path drops work: items of a queue in memory, or jobs that the worker cancels at once.",
    lead=True,
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported: set[tuple[str, int]] = set()
    for found in taken(project):
        stop = dropping_stop(project, found)
        if stop is None:
            continue
        registration, act = stop
        handler = registration.handler
        place = act.site if act is not None and act.site is not None else registration.site
        path, line = (place.path, place.line) if act is not None or handler is None else (handler.path, handler.line)
        if (path, line) in reported:
            continue
        reported.add((path, line))
        yield RULE.finding(
            path,
            line,
            f"The stop drops what is left in {found.queue}: it lives in memory, its daemon thread ({found.consumer.func.name}, "
            f"{found.thread.path}:{found.thread.line}) is frozen at exit, and nothing drains it: accepted work is lost for ever",
            "put a sentinel into the queue, join its thread with a limit, store what is left; or use a durable queue",
            phase="shutdown",
            entrypoints=owners(project, registration.site),
            trace=(
                Evidence(registration.site.path, registration.site.line, "the SIGTERM handler is installed"),
                Evidence(found.consumer.func.path, found.consumer.line, f"{found.consumer.func.name} takes from it"),
            ),
            # where the handler has no word about the queue, something further down the way may drain it
            confidence="certain" if act is not None else "likely",
            anchor=f"drop:{found.queue}",
        )
    for launch in production(project):
        system = system_of(launch)
        if system is None or system.sigterm != "cancel" or system.drain_seconds != 0:
            continue
        if option(launch, *system.drain_option) is not None or _set_in_code(project, system.drain_option):
            continue
        link = command_link(launch)
        if (link.path, link.line) not in reported:
            reported.add((link.path, link.line))
            yield RULE.finding(
                link.path,
                link.line,
                f"The {system.name} worker cancels its running jobs at once on SIGTERM ({system.drain_option[0]} is 0): each deploy cuts "
                "them in the middle and they run again from the start",
                f"set {system.drain_option[0]} below the grace period, and make the jobs idempotent",
                severity="medium",
                phase="shutdown",
                entrypoints=[e for e in project.entrypoints if launch in e.launches],
                trace=[Evidence(x.path, x.line, x.text) for x in launch.chain],
                anchor=f"{system.name}:{launch.target.text}",
            )


def _set_in_code(project: Project, names: tuple[str, ...]) -> bool:
    """Whether a settings class or call gives it."""
    for module in project.modules:
        if any(name in klass.attributes for klass in module.classes.values() for name in names):
            return True
        if any(s.call.keyword(name) is not None for f in module.functions.values() for s in f.sites for name in names):
            return True
    return False
