"""A serving loop that looks at its stop flag only between long sleeps."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.loops import is_endless
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="medium",
    summary="A stop request is seen only when a long sleep is over, which can outlast the platform's grace period.",
    lead=True,
)
NOTICEABLE = 10.0  # seconds: the shortest default grace; a shorter sleep alone uses up none


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for site in project.sites("time.sleep"):
        seconds = project.names.constant(site.call.argument("secs", 0), site.function)
        if not isinstance(seconds, int | float) or seconds < NOTICEABLE:
            continue
        loop = _flag_loop(site)
        if loop is None or not project.runs_in(site, "serving", kinds=("service", "worker")):
            continue
        if not _stopped_by_signal(project):
            continue
        yield RULE.at(
            project,
            site,
            f"The loop looks at its stop flag only after time.sleep({seconds:g}): a handler that sets the flag does not cut the "
            f"sleep, so a stop takes up to {seconds:g} s and may end in SIGKILL",
            "wait on the stop event instead: while not stop.wait(seconds): …",
        )


def _flag_loop(site: Site) -> m.While | None:
    """The enclosing loop, when it ends by a flag (``while True`` is ended by an exception, which cuts the sleep)."""
    step = site.within(m.While)
    if step is None or not isinstance(step.stmt, m.While):
        return None
    loop = step.stmt
    return loop if is_endless(loop) and not isinstance(loop.test, m.Const) else None


def _stopped_by_signal(project: Project) -> bool:
    """Whether some SIGTERM handler of the project does not raise (one that raises cuts every sleep)."""
    for registration in project.registrations:
        if "SIGTERM" in registration.signals and registration.disposition == "":
            return not any(act.kind in ("raise", "exit") for act in registration.acts)
    return False
