"""A stop or a cancellation that arrives as an exception and is caught for good."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.errors import interrupts_of
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.failures import CANCELLATIONS, HandlerEffects
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Step
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.shutdown._alarm_limits import HABIT, Swallowed, swallowed_limits
from runtime_ops.rules.shutdown._running import STOP_NAME, below, function_phases, names_in

RULE = Rule(
    __name__,
    severity="high",
    summary="A cancellation or SystemExit is swallowed, so a task or worker that is told to stop goes on.",
)

ON_ERROR = re.compile(r"(?i)\b(?:on|upon|in case of|if there is) (?:an? |any )?(?:error|failure|exception)")
SOFT_LIMITS = ("task_soft_time_limit", "CELERY_TASK_SOFT_TIME_LIMIT", "CELERYD_TASK_SOFT_TIME_LIMIT")
HARD_LIMITS = ("task_time_limit", "CELERY_TASK_TIME_LIMIT", "CELERYD_TASK_TIME_LIMIT")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from _arms(project)
    for func in project.functions:
        for line, word in _left_in_finally(func):
            entrypoints, _ = function_phases(project, func)
            if entrypoints:
                yield RULE.in_function(
                    project,
                    func,
                    line,
                    f"{word} in a finally block of {func.name} discards whatever exception is in flight: errors, and also "
                    "CancelledError and SystemExit, so a stop is taken for an ordinary end",
                    f"move the {word} behind the try statement; let finally only clean up",
                    severity="medium",
                )
    yield from _job_limits(project)
    yield from as_one(_own_limit(project, swallowed) for swallowed in swallowed_limits(project))


def _own_limit(project: Project, swallowed: Swallowed) -> Finding:
    """``except Exception`` below ``signal.alarm(n)``, whose handler raises one."""
    arm, limit = swallowed.arm, swallowed.limit
    return RULE.in_function(
        project,
        arm.func,
        arm.line,
        f"The time limit of what {arm.func.name} works for arrives as {limit}, an Exception that the handler of SIGALRM raises: this arm "
        "takes it for a failure of one step, and the work goes on without a limit",
        f"except {limit}: raise before the broad arm",
        severity="medium",
        # who lets the limit pass elsewhere knows of it, and forgot it here
        confidence="certain" if swallowed.passed_by >= HABIT else "likely",
    )


def _arms(project: Project) -> Iterator[Finding]:
    for arm in project.failures:
        if not arm.catches_cancellation or arm.raises == "always" or _earlier_raises(arm) or arm.exits:
            continue
        named = set(arm.catches) & CANCELLATIONS
        everything = not arm.handler.types or any(c.rpartition(".")[2] == "BaseException" for c in arm.catches)
        if not (named or everything) or arm.raises == "sometimes":
            continue
        if named and "asyncio.CancelledError" not in named and not any("asyncio" in c for c in arm.catches):
            continue
        if arm.func.facts.is_async:
            if not _goes_on(arm) or not _suspends(arm) or _own_cancel(arm) or _tells_the_loop(arm):
                continue
            what = "CancelledError"
        elif (
            everything
            and _goes_on(arm)
            and arm.loop is not None
            and _main_thread(project, arm)
            and _raises_stop(project, arm.func)
        ):
            what = "the SystemExit of the signal handler"
        else:
            continue
        severity, confidence = None, "likely"
        entrypoints, phases = function_phases(project, arm.func)
        if not arm.func.facts.is_async:
            confidence = "certain"  # the handler that raises, the thread it raises in and the loop are all seen
        if not entrypoints and not arm.func.facts.is_async:  # a step before the program may handle the stop as well
            entrypoints, phases = _before_the_program(project, arm.func)
            severity = "medium"
        if not entrypoints or not phases & {"serving", "startup"}:
            continue
        caught = ", ".join(arm.handler.types) or "a bare except"
        endless = arm.loop is not None
        yield RULE.in_function(
            project,
            arm.func,
            arm.line,
            f"{arm.func.name} catches {caught} and goes on: {what} is swallowed, so what was told to stop "
            + (
                "takes the next turn of its loop and shutdown hangs"
                if endless
                else "runs on as if nothing had happened"
            ),
            "catch Exception instead, or re-raise after cleaning up: except asyncio.CancelledError: raise",
            severity=severity if endless else "medium",
            # what stands behind the try may be the cleanup for which the cancellation was caught
            confidence=confidence if endless else "possible",
        )


def _tells_the_loop(arm: HandlerEffects) -> bool:
    """The arm takes the cancellation for a stop: it calls a stop of the program, or sets what the loop may look at."""
    if any(STOP_NAME.search(site.method) or "exit" in site.method for site in arm.calls if log_call(site) is None):
        return True
    sets = [t for stmt in m.walk(arm.handler.body) if isinstance(stmt, m.Assign) for t in stmt.targets]
    tests = [stmt.test for stmt in m.walk(arm.loop) if isinstance(stmt, m.While | m.If)] if arm.loop is not None else []
    read = set().union(*(names_in(test) for test in tests))
    return any(isinstance(t, m.Name) and ("." in t.id or t.id in read) for t in sets)


def _earlier_raises(arm: HandlerEffects) -> bool:
    """An arm before this one already lets the cancellation (or SystemExit) through."""
    for handler in arm.attempt.handlers:
        if handler is arm.handler:
            return False
        caught = " ".join(handler.types)
        if any(word in caught for word in ("CancelledError", "SystemExit", "Cancelled", "GreenletExit")):
            return True
    return False


def _goes_on(arm: HandlerEffects) -> bool:
    """The arm falls through or takes the next turn, in a loop or before more work."""
    if not arm.ends & {"fall", "continue"}:
        return False
    if arm.loop is not None:
        return True
    last = arm.steps[-1].stmt if arm.steps else None
    block = arm.func.facts.body if last is None else _block(arm.steps[-1])
    behind = block[block.index(arm.attempt) + 1 :] if arm.attempt in block else ()
    return any(isinstance(node, m.Await) for node in m.walk(behind))


def _block(step: Step) -> m.Block:
    stmt = step.stmt
    if step.arm == "handler" and step.handler is not None:
        return step.handler.body
    if isinstance(stmt, m.Try) and step.arm == "final":
        return stmt.final
    if isinstance(stmt, m.If | m.While | m.For | m.Try) and step.arm == "orelse":
        return stmt.orelse
    return stmt.body if isinstance(stmt, m.If | m.While | m.For | m.Try | m.With) else ()


def _suspends(arm: HandlerEffects) -> bool:
    return any(isinstance(node, m.Await) for node in m.walk(arm.attempt.body)) or any(
        isinstance(node, m.With | m.For) and getattr(node, "is_async", False) for node in m.walk(arm.attempt.body)
    )


def _own_cancel(arm: HandlerEffects) -> bool:
    """``task.cancel()`` … ``try: await task``: the cancellation is of one's own task; so is a future's or a gather's."""
    if any(site.method in ("cancel", "kill", "terminate") for site in arm.func.sites):
        return True
    if any(word in arm.func.name for word in ("stop", "shutdown", "close", "cancel", "cleanup")):
        return True
    return bool(arm.stores) and arm.loop is None


def _main_thread(project: Project, arm: HandlerEffects) -> bool:
    """Whether the loop is the one in which main serves: a handler's SystemExit is raised there only."""
    if any(arm.func in life.spine for life in project.lives.values()):
        return True
    return any(arm.func in below(project, e.main) for e in _before_the_program(project, arm.func)[0])


def _before_the_program(project: Project, func: Func) -> tuple[tuple[Entrypoint, ...], frozenset[str]]:
    """The jobs that run a function, such as one that waits for a database before what it starts then, and their phases."""
    found = {e: p for e, p in project.phases_by_entrypoint(func).items() if e.kind == "job" and e.started}
    return tuple(found), frozenset(p for each in found.values() for p in each)


def _raises_stop(project: Project, func: Func) -> bool:
    """Whether a program that runs the function has a handler of SIGTERM that raises or exits."""
    ways = [
        r.site.function.module
        for r in project.registrations
        if "SIGTERM" in r.signals and any(act.kind in ("raise", "exit") for act in r.acts)
    ]
    return any(module in e.modules for e in project.function_runs_in(func, "startup", "serving") for module in ways)


def _left_in_finally(func: Func) -> Iterator[tuple[int, str]]:
    if not any(isinstance(place.stmt, m.Try) and place.stmt.final for place in func.by_kind.get(m.Try, ())):
        return
    if not func.facts.is_async and ON_ERROR.search(func.facts.doc or ""):
        return  # an empty result on error is what it promises
    for place in func.places:
        stmt = place.stmt
        if not isinstance(stmt, m.Return | m.Break | m.Continue):
            continue
        final = next((n for n, s in enumerate(place.steps) if isinstance(s.stmt, m.Try) and s.arm == "final"), None)
        if final is None:
            continue
        attempt = place.steps[final].stmt
        caught = (
            {t.rpartition(".")[2] for h in attempt.handlers for t in h.types or ("BaseException",)}
            if isinstance(attempt, m.Try)
            else set()
        )
        if not func.facts.is_async and caught & {"Exception", "BaseException"}:
            continue  # every error was dealt with before, and nothing but the end of the process is left to discard
        inner = place.steps[final + 1 :]
        if not isinstance(stmt, m.Return) and any(isinstance(s.stmt, m.While | m.For) for s in inner):
            continue  # it ends a loop inside the finally
        yield stmt.line, type(stmt).__name__.lower()


def _job_limits(project: Project) -> Iterator[Finding]:
    """``except Exception`` in the loop of a job whose time limit arrives as an Exception."""
    for arm in project.failures:
        job = project.jobs.by_func.get(arm.func)
        if job is None or job.system is None or arm.loop is None or not arm.broad or arm.raises == "always":
            continue
        limits = [i for i in interrupts_of(job.system.name) if i.caught_by_exception and i.carries in ("limit", "stop")]
        if not limits or not (arm.ends & {"fall", "continue"}) or not _limited(project, job.system.name, job.options):
            continue
        if any(
            word in " ".join(h.types)
            for h in arm.attempt.handlers
            for word in ("Limit", "Timeout", "Interrupt", "ShutDown")
        ):
            continue
        entrypoints, _ = function_phases(project, arm.func)
        if not entrypoints:
            continue
        name = limits[-1].exception.rpartition(".")[2]
        killed = job.system.name == "celery" and _killed(project, job.options)
        end = "until the hard limit kills its process, without cleanup" if killed else "without a limit"
        yield RULE.in_function(
            project,
            arm.func,
            arm.line,
            f"The time limit of the job {arm.func.name} arrives as {name}, an Exception: this arm takes it for a failure of one turn "
            f"and the job runs on {end}",
            f"except {name}: raise before the broad arm",
            severity="low" if killed else "medium",
        )


def _limited(project: Project, system: str, options: m.Call | None) -> bool:
    if system == "rq":
        return True  # DEFAULT_TIMEOUT 180 s (rq 3.0.0)
    if options is not None and options.keyword("soft_time_limit") is not None:
        return True
    return system == "celery" and _set_for_all(project, SOFT_LIMITS)


def _killed(project: Project, options: m.Call | None) -> bool:
    """Whether celery kills the process of the job at a hard limit (celery 5.6, ``time_limit``: SIGKILL)."""
    return (options is not None and options.keyword("time_limit") is not None) or _set_for_all(project, HARD_LIMITS)


def _set_for_all(project: Project, words: tuple[str, ...]) -> bool:
    """Whether the settings of celery give a limit under one of these names."""
    return any(
        name.rpartition(".")[2] in words and any(_positive(b.expr) for b in bindings)
        for module in project.modules
        for name, bindings in module.level.bindings.items()
    )


def _positive(expr: m.Expr | None) -> bool:
    """A limit that is set: a number, or a product of some. What the environment may leave at 0 is not known to be one."""
    if isinstance(expr, m.BinOp):
        return _positive(expr.left) and _positive(expr.right)
    return isinstance(expr, m.Const) and isinstance(expr.value, int | float) and expr.value > 0
