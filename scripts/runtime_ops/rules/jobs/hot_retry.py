"""A failure branch that goes round at once."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import ends, sites_by_call
from runtime_ops.project.jobs import IN_MEMORY, QUEUE_NAME
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.loops import SLEEPS, counts_attempts, has_sleep, is_endless, sleep_sites, told_to_end
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._outside import reaches_outside
from runtime_ops.rules.jobs._retries import retry_loops

RULE = Rule(
    __name__, severity="medium", summary="A failure branch loops without any pause.", yields_to=("endless-retry",),
    lead=True,
)
LEAST_PAUSE = 0.1  # seconds; ten tries a second are a busy loop for whoever answers them
CONFLICTS = (
    "WatchError",
    "Empty",
    "QueueEmpty",
    "Timeout",
    "TimeoutError",
    "IntegrityError",
    "SerializationFailure",
    "Conflict",
)
# calls that pause by themselves when they fail or have nothing: a queue in memory, a terminal, a timer
PATIENT = frozenset("get aget async_get wait sleep input readline accept select".split())
PACED = PATIENT | frozenset(
    "recv receive read poll next get_message receive_text receive_json popleft anext blpop brpop fetch".split()
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    loops = {id(found.loop) for found in retry_loops(project)}
    for arm in project.failures:
        loop = arm.loop
        if not isinstance(loop, m.While) or not is_endless(loop) or not _goes_round(arm, loop):
            continue
        if not arm.broad and not any("Connection" in c or "OSError" in c for c in arm.catches):
            continue
        if any(c.rpartition(".")[2] in CONFLICTS for c in arm.catches) or counts_attempts(loop, arm.func) is not None:
            continue
        if _runs_out(arm, loop):
            continue  # each turn takes what comes next, and the last one ends it
        if not arm.body_calls or _waits(project, arm, loop) or _left_behind(arm, loop):
            continue
        if not project.function_runs_in(arm.func, "serving", "startup", kinds=("service", "worker", "job")):
            continue
        if any(log_call(s) is None and (s.targets or (s.dotted and "." in s.dotted)) for s in arm.calls):
            continue  # the arm itself does something that fails, or waits, when the other side is gone
        work = next((s for s in arm.body_calls if s.targets or (s.dotted is not None and "." in s.dotted)), None)
        work = next((s for s in arm.body_calls if reaches_outside(project, (s,))), work)
        if work is None or (id(loop) in loops and not has_sleep(loop.body, arm.func, project.links)):
            continue
        yield RULE.in_function(
            project, arm.func, arm.line,
            f"When {work.text}() fails, the loop goes round at once: an outage turns into a busy loop that "
            "fills the log, eats a core "
            "and hammers the dependency as it comes back",
            "pause in this arm, growing up to a limit, on an Event that the stop path sets",
            end_line=arm.handler.end_line,
            confidence=_confidence(project, arm),
        )  # fmt: skip


def _goes_round(arm: HandlerEffects, loop: m.While) -> bool:
    """The ``try`` is the loop's own statement, and the arm neither leaves the loop nor passes what could pause."""
    if arm.ends & {"raise", "return", "break", "exit"} or not any(s is arm.attempt for s in loop.body):
        return False
    return not told_to_end(arm.handler.body, loop, arm.func)


def _confidence(project: Project, arm: HandlerEffects) -> str:
    """Certain where the failure is seen to last as long as an outage, and to come back at once: the arm catches a lost connection
    by its name, or the ``try`` itself asks another host. What a function asks that it calls may be caught there."""
    if not arm.broad or any(reaches_outside(project, (site,), 0) for site in arm.body_calls):
        return "certain"
    return "likely" if reaches_outside(project, arm.body_calls) else "possible"


def _runs_out(arm: HandlerEffects, loop: m.While) -> bool:
    """``chunk = list(islice(items, 10)); if not chunk: break`` before the ``try``: a failed turn is not done again."""
    before = loop.body[: next(i for i, s in enumerate(loop.body) if s is arm.attempt)]
    taken: set[str] = set()
    for stmt in before:
        if isinstance(stmt, m.Assign):
            taken |= {t.id for t in stmt.targets if isinstance(t, m.Name)}
        leaves = isinstance(stmt, m.If) and bool(ends(stmt.body, arm.func) & {"break", "return"})
        if isinstance(stmt, m.If) and leaves and any(isinstance(n, m.Name) and n.id in taken for n in m.walk(stmt.test)):
            return True
    return False


def _left_behind(arm: HandlerEffects, loop: m.While) -> bool:
    """``except …: done = True`` before ``if done: break``: what the arm sets makes the loop end."""
    if "fall" not in arm.ends:
        return False
    names = {t.id for n in m.walk(arm.handler.body) if isinstance(n, m.Assign) for t in n.targets if isinstance(t, m.Name)}
    after = loop.body[next(i for i, s in enumerate(loop.body) if s is arm.attempt) + 1 :]
    return any(
        isinstance(n, m.If)
        and ends(n.body, arm.func) & {"break", "return", "raise", "exit"}
        and any(isinstance(x, m.Name) and x.id in names for x in m.walk(n.test))
        for n in m.walk(after)
    )


def _waits(project: Project, arm: HandlerEffects, loop: m.While) -> bool:
    """Whether anything on the failure's way round pauses: the arm, what stands around the ``try``, the loop's test, or
    the start of the try itself."""
    around = tuple(s for s in loop.body if s is not arm.attempt)
    blocks = (arm.handler.body, around, arm.attempt.final, loop.test)
    if any(not _instant(site) for block in blocks for site in sleep_sites(block, arm.func, project.links)):
        return True
    known = sites_by_call(arm.func)
    if any(known[id(c)].method in PACED for s in around for c in m.calls(s) if id(c) in known):
        return True  # a loop over items that come one by one, not a retry
    return any(_patient(s) for s in _before_it_fails(project, arm)[:3])


def _before_it_fails(project: Project, arm: HandlerEffects) -> tuple[Site, ...]:
    """The calls of the ``try`` up to the first that needs another host: a pause behind it is left out when that one fails."""
    first = next((n for n, site in enumerate(arm.body_calls) if reaches_outside(project, (site,))), len(arm.body_calls))
    return arm.body_calls[:first]


def _instant(site: Site) -> bool:
    """A pause of milliseconds, which gives way to other tasks and not to the one that fails."""
    given = site.call.args[0] if site.call.args else None
    return isinstance(given, m.Const) and isinstance(given.value, int | float) and given.value < LEAST_PAUSE


def _patient(site: Site) -> bool:
    """A call that waits by itself where it has nothing to give: a sleep, a queue in memory, an Event."""
    if site.dotted in SLEEPS or site.dotted in IN_MEMORY:
        return True
    if site.method in ("get", "aget", "async_get"):
        return bool(QUEUE_NAME.search(site.text.rpartition(".")[0].rpartition(".")[2]))
    return site.method in PATIENT
