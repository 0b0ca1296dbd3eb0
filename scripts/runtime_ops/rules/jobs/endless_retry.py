"""Retries without a limit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.jobs import all_job_systems
from runtime_ops.project.build import Project
from runtime_ops.project.flows import resolve_all, sites_in
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.loops import SLEEPS
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.jobs._retries import (
    GENERIC,
    Configured,
    RetryLoop,
    configured,
    pauses,
    retry_loops,
    stop_given,
)

RULE = Rule(__name__, severity="high", summary="A failing unit of work is tried again without a limit.", lead=True)
JOB_SYSTEMS = frozenset(row.distribution for row in all_job_systems())
# What these say is "not yet" or "somebody else was first", not a fault that lasts.
CONFLICTS = frozenset(
    """RuntimeError KeyError IndexError ValueError FileExistsError BlockingIOError InterruptedError Empty QueueEmpty WatchError
    StopIteration IntegrityError EOFError TimeoutError Timeout""".split()
)
WAITS = re.compile(r"(?i)(?:^|[_-])(?:wait|await|until)(?:[_.-]|$)|(?:^|[_-])ready(?:[_.-]|$)|pre_?start")
"""Names of functions and scripts that are there to wait until something answers."""
HABIT = 3  # more decorators of one kind than this are one habit
PROMPTS = frozenset({"input", "prompt", "getpass", "confirm"})
ASKS = 2  # project functions followed to a prompt
LASTING = frozenset({"Exception", "BaseException", "OSError", "IOError", "ConnectionError"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    found = list(_configured(project))
    jobs = [f for use, f in found if use.policy.distribution in JOB_SYSTEMS]
    others: dict[str, list[Finding]] = {}
    for use, finding in found:
        if use.policy.distribution not in JOB_SYSTEMS:
            others.setdefault(finding.message, []).append(finding)
    for habit in others.values():
        yield from as_one(habit) if len(habit) > HABIT else habit
    yield from as_one(jobs)
    for loop in retry_loops(project):
        if _lasts(project, loop) and not _is_for_waiting(loop) and project.function_runs_in(loop.func, "serving", "startup"):
            yield _of_loop(project, loop)


def _configured(project: Project) -> Iterator[tuple[Configured, Finding]]:
    for use in configured(project):
        if not (use.policy.errors in GENERIC or _any_error(use)) or stop_given(use, project) is not False:
            continue
        if _chosen(project, use):
            continue
        func = use.func or use.owner
        if use.func is not None and not project.phases_by_entrypoint(use.func):
            continue  # nothing that was read calls it
        serving = project.function_runs_in(func, "serving")
        name = use.dotted.rpartition(".")[2]
        waits = [p for p in use.policy.wait_parameters if use.call is not None and use.call.keyword(p) is not None]
        pace = "" if waits or use.policy.grows else ", and without a pause"
        job = use.policy.distribution in JOB_SYSTEMS
        held = "the job comes back for ever" if job else "this call holds its worker for ever and cannot be stopped"
        yield use, RULE.in_function(
            project, func, use.line,
            f"{name} has no limit ({use.policy.stop_parameters[0]}) and never gives up{pace}: while the dependency is "
            f"down or the input is bad, {held}",
            f"limit it ({', '.join(use.policy.stop_parameters[:2])}), let the last failure out, and record it",
            confidence="likely",
            severity=None if (serving or use.func is not None) and not job else "medium",
        )  # fmt: skip


def _any_error(use: Configured) -> bool:
    """``autoretry_for=(Exception,)``: the job is tried again whatever it raises."""
    first = next(iter(use.policy.error_parameters), None)
    given = use.call.keyword(first) if use.call is not None and first is not None else None
    return given is not None and any(isinstance(n, m.Name) and n.id in LASTING for n in m.walk(given))


def _chosen(project: Project, use: Configured) -> bool:
    """``retry_on_exception=is_conflict``: a function of the project's own chooses what is tried again."""
    given = [use.call.keyword(p) for p in use.policy.error_parameters] if use.call is not None else []
    return any(
        isinstance(expr, m.Name | m.Attr) and (value := project.names.value(expr, use.owner)) is not None and isinstance(value.target, Func)
        for expr in given
    )


def _of_loop(project: Project, found: RetryLoop) -> Finding:
    serving = project.function_runs_in(found.func, "serving")
    paused = pauses(found.loop, found.func, project)
    told = any(log_call(s) is not None for s in sites_in(found.handler.body, found.func))
    wait = "pausing in between" if paused else "without a pause"
    work = next(
        (
            s.text
            for s in sites_in(found.attempt.body, found.func)
            if s.dotted not in SLEEPS and s.method not in ("info", "debug")
        ),
        "the work",
    )
    return RULE.in_function(
        project, found.func, found.loop.line,
        f"{work}() is tried again for ever, {wait}: with a failure that lasts this call never comes back"
        + ("" if told else ", and nothing records that the work was not done"),
        "count the tries or set a deadline, then raise or store the item as failed", end_line=found.handler.line,
        severity=None if serving else "medium",
        # a start that says what it waits for, and does not get ready before it has it, is what an orchestrator expects
        confidence="possible" if told and paused and not serving else "likely",
    )  # fmt: skip


def _is_for_waiting(found: RetryLoop) -> bool:
    return bool(WAITS.search(found.func.name) or WAITS.search(found.func.path.rpartition("/")[2]))


def _asks_user(sites: Iterable[Site], depth: int) -> bool:
    """Whether somebody at a terminal is asked on the way round, here or in a function that is called: he can leave."""
    return any(
        (s.dotted or s.text).rpartition(".")[2] in PROMPTS
        or (depth and len(s.targets) == 1 and _asks_user(s.targets[0].sites, depth - 1))
        for s in sites
    )


def _lasts(project: Project, found: RetryLoop) -> bool:
    """Whether the arm catches failures that can last: everything, or a lost connection."""
    if not found.handler.types:
        names: tuple[str, ...] = ("Exception",)
    else:
        names = resolve_all(found.func, project.links, found.handler.types)
    tails = {n.rpartition(".")[2] for n in names}
    if tails <= CONFLICTS or not any(
        t in LASTING or "Connect" in t or "Request" in t or "Operational" in t or "HTTP" in t for t in tails
    ):
        return False
    calls = sites_in(found.attempt.body, found.func)
    asks = _asks_user(sites_in(found.loop.body, found.func), ASKS)
    external = any((s.dotted is not None and "." in s.dotted) or s.targets for s in calls)
    stops = any("stop" in source_of(n) for n in m.walk(found.loop.test) if isinstance(n, m.Name))
    return external and not asks and not stops
