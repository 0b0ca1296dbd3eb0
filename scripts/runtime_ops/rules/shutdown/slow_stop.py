"""A serving loop that looks at its stop flag only between long sleeps, or not on every way through a turn."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.flows import ends
from runtime_ops.project.grace import grace_of
from runtime_ops.project.loops import is_endless
from runtime_ops.project.model import Func, Place, Site
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="medium",
    summary="A stop request is seen only when a long sleep is over, which can outlast the platform's grace period.",
    lead=True,
)
NOTICEABLE = 10.0  # seconds: the shortest default grace; a shorter sleep alone uses up none
LONGEST = 30.0  # seconds: the longest grace that a platform of containers gives where nothing is set
KINDS = ("service", "worker")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    flags = _flags(project)
    if flags is None:
        return
    for site in project.sites("time.sleep"):
        seconds = project.names.constant(site.call.argument("secs", 0), site.function)
        if not isinstance(seconds, int | float) or seconds < NOTICEABLE or not project.runs_in(site, "serving", kinds=KINDS):
            continue
        loop = _flag_loop(site)
        asked = loop is None and _asked_loop(site, flags) is not None and not _leaves_turn(site)
        if loop is None and not asked:
            continue
        yield RULE.at(
            project,
            site,
            f"The loop looks at its stop flag only after time.sleep({seconds:g}): a handler that sets the flag does not cut the "
            f"sleep, so a stop takes up to {seconds:g} s and may end in SIGKILL",
            "wait on the stop event instead: while not stop.wait(seconds): …",
            confidence="certain" if asked and seconds >= LONGEST and not _patient(project, site, seconds) else "likely",
        )
    for func in project.functions:
        for place in func.by_kind.get(m.While, ()):
            yield from _passed_over(project, func, place, flags)


def _flags(project: Project) -> frozenset[str] | None:
    """The last parts of the names that SIGTERM handlers set; None when no handler of the project takes SIGTERM and goes on (one
    that raises cuts every sleep)."""
    for registration in project.registrations:
        if "SIGTERM" in registration.signals and registration.disposition == "":
            if any(act.kind in ("raise", "exit") for act in registration.acts):
                return None
            return frozenset(act.name.rpartition(".")[2] for act in registration.acts if act.kind == "set")
    return None


def _flag_loop(site: Site) -> m.While | None:
    """The enclosing loop, when it ends by a flag (``while True`` is ended by an exception, which cuts the sleep)."""
    step = site.within(m.While)
    if step is None or not isinstance(step.stmt, m.While):
        return None
    loop = step.stmt
    return loop if is_endless(loop) and not isinstance(loop.test, m.Const) else None


def _asked_loop(site: Site, flags: frozenset[str]) -> m.While | None:
    """The enclosing ``while True`` that is left by ``if killer.kill_now: break``, when the sleep is no part of an inner loop."""
    step = next((s for s in reversed(site.steps) if isinstance(s.stmt, m.While | m.For)), None)
    if step is None or not isinstance(step.stmt, m.While) or not isinstance(step.stmt.test, m.Const):
        return None
    return step.stmt if any(_asks(stmt, flags) for stmt in step.stmt.body) else None


def _leaves_turn(site: Site) -> bool:
    """Whether ``continue`` follows the sleep in its branch: then no look follows at all, which is told of the ``continue``."""
    block = site.steps[-1].stmt.body if site.steps and isinstance(site.steps[-1].stmt, m.If) else ()
    return any(isinstance(stmt, m.Continue) for stmt in block)


def _asks(stmt: m.Stmt, flags: frozenset[str]) -> bool:
    """``if killer.kill_now: break``."""
    return isinstance(stmt, m.If) and _of_flag(stmt.test, flags) and bool(ends(stmt.body) & {"break", "return", "exit", "raise"})


def _of_flag(test: m.Expr, flags: frozenset[str]) -> bool:
    return any(isinstance(n, m.Name) and n.id.rpartition(".")[2] in flags for n in m.walk(test))


def _patient(project: Project, site: Site, seconds: float) -> bool:
    """Whether an artifact gives the program more time than the sleep takes."""
    runs = project.runs_in(site, "serving", kinds=KINDS)
    graces = [grace_of(launch) for entrypoint in runs for launch in entrypoint.production]
    return any(grace is not None and grace.written and grace.seconds > seconds for grace in graces)


def _passed_over(project: Project, func: Func, place: Place, flags: frozenset[str]) -> Iterator[Finding]:
    """``if message.foreign: continue`` before the one look at the flag: while such messages are there, nobody looks."""
    loop = place.stmt
    if not isinstance(loop, m.While) or not isinstance(loop.test, m.Const) or not loop.test.value:
        return
    looks = next((i for i, stmt in enumerate(loop.body) if _asks(stmt, flags)), None)
    others = sum(1 for n in m.walk(loop.body) if isinstance(n, m.Name) and n.id.rpartition(".")[2] in flags)
    if not looks or others != 1:
        return
    skip = next((s for stmt in loop.body[:looks] for s in _continues(stmt)), None)
    asks = loop.body[looks]
    if skip is None or not any(e.kind in KINDS for e in project.phases_by_entrypoint(func)):
        return
    yield RULE.in_function(
        project,
        func,
        skip.line,
        f"continue leaves out the look at the stop flag in line {asks.line}: as long as turns end here, SIGTERM is not heard and the stop "
        "ends in SIGKILL",
        "look at the flag where every turn passes: while not killer.kill_now: …",
        end_line=skip.end_line,
        confidence="certain",
    )


def _continues(stmt: m.Stmt) -> Iterator[m.Continue]:
    """The ``continue`` statements that belong to the loop around ``stmt``."""
    if isinstance(stmt, m.Continue):
        yield stmt
    if isinstance(stmt, m.While | m.For):
        return
    for part in stmt:
        yield from _continues_of(part)


def _continues_of(part: object) -> Iterator[m.Continue]:
    if isinstance(part, m.Continue):
        yield part
    elif isinstance(part, m.If | m.Try | m.With | m.Match | m.Handler) or type(part) is tuple:
        for inner in part:
            yield from _continues_of(inner)
