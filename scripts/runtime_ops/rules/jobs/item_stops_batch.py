"""One bad item ends the work for all others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.surface import surface
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import resolve_all, sites_in
from runtime_ops.project.jobs import Job
from runtime_ops.project.loops import is_endless, left_behind
from runtime_ops.project.model import Func, Place, Site, Step, blocks_of
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.jobs._ending_loops import ending_loops
from runtime_ops.rules.jobs._outside_items import Waits, asked_items, asking
from runtime_ops.rules.jobs._stored_items import PARSES, converts, reads_text, stored
from runtime_ops.rules.jobs._words import catches_all, ends_process, minds_its_failures, optional, words

RULE = Rule(__name__, severity="medium", summary="The failure of one item ends the loop over all of them.", lead=True)
THREADS = ("threading.Thread", "threading.Timer")
RISKY = frozenset(
    {
        "json.dumps",
        "json.loads",
        "int",
        "float",
        "orjson.loads",
        "orjson.dumps",
        "datetime.datetime.strptime",
        "datetime.datetime.fromisoformat",
    }
)
ENDS = re.compile(r"(?i)\b(?:stop|exit|quit|abort|terminat|shut|giv(?:e|ing) up|end(?:s|ing|ed)?\b|fatal|leav)")
STREAMS = frozenset("readline recv read readexactly recv_into".split())
NOTIFIES = frozenset("send notify deliver".split())
ENQUEUES = frozenset("delay apply_async send_task enqueue kiq".split())
SEVERAL = 2  # jobs of one timetable: with one alone a restart does as well
STOPS = re.compile(r"_?(?:stop|close|aclose|shut_?down|disconnect|terminate|kill|cancel|deregister|unregister|destroy|clean_?up)(?:_|$)")
TRIVIAL = frozenset(
    """is_set wait sleep time info debug warning error critical exception trace monotonic qsize empty get len set clear
    str list dict sorted""".split()
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    waits = asking(project)
    for func in project.functions:
        if _runs_in_thread(project, func) and project.function_runs_in(func, "serving", kinds=("service", "worker")):
            yield from _thread_loops(project, func)
            yield from _leaving_arms(project, func)
        job = project.jobs.by_func.get(func)
        if job is not None:
            told = list(_items(project, func, job))
            yield from told or _asked(project, func, job, waits)
    yield from _schedules(project)
    yield from _left_running(project)
    for end in ending_loops(project):
        yield RULE.in_function(
            project,
            end.func,
            end.loop.line,
            f"Nothing takes a failure of {end.failing.text}() (line {end.failing.line}) in the loop that the worker lives in: one such "
            f"failure ends the process, and {end.compose.path} gives its service no restart policy, so it stays down",
            "guard one turn: log the failure, pause, go on; and give the service restart: unless-stopped",
            confidence="certain" if end.meant else "possible",
            phase="serving",
        )


def _schedules(project: Project) -> Iterator[Finding]:
    """``while True: schedule.run_pending()``: what one job raises leaves it, and the timetable of all others ends with it (schedule
    1.2.2, Scheduler._run_job and Job.run catch nothing)."""
    for site in project.sites("schedule.run_pending", "schedule.Scheduler.run_pending"):
        func = site.function
        around = [*site.steps, *(step for edge in project.links.callers.get(func, ()) for step in edge.site.steps)]
        if site.within(m.While) is None or any(isinstance(s.stmt, m.Try) and s.arm == "body" and s.stmt.handlers for s in around):
            continue
        jobs = {job.func: job for job in project.jobs.jobs if job.system is not None and job.system.name == "schedule"}
        # what a decorator of the project makes of a failure is not known: the library's documentation gives one that takes it
        bare = [f for f, job in jobs.items() if job.owner.module is func.module and not f.facts.decorators and not catches_all(f)]
        if len(bare) < SEVERAL or not project.phases(site):
            continue
        first, *others = sorted(bare, key=lambda f: jobs[f].line)
        yield RULE.at(
            project,
            site,
            f"schedule catches nothing that a job raises: the first failure of {first.name}() leaves this loop and ends the program, and "
            f"{others[0].name}()" + (f" and {len(others) - 1} more" if len(others) > 1 else "") + " miss their time with it",
            "catch and log every exception in the function that is scheduled, so that one job fails alone",
            confidence="certain",
        )


# ---------------------------------------------------------------- ways down


def _left_running(project: Project) -> Iterator[Finding]:
    """``try: for channel in channels: channel.stop()`` with one arm around the loop, on the way down alone."""
    for arm in project.failures:
        if not arm.broad or arm.raises == "always" or arm.exits or len(arm.attempt.body) != 1:
            continue
        loop = arm.attempt.body[0]
        if not isinstance(loop, m.For) or not isinstance(loop.target, m.Name) or any(isinstance(n, m.Try) for n in m.walk(loop.body)):
            continue
        item = loop.target.id
        stop = next((s for s in sites_in(loop.body, arm.func) if STOPS.match(s.method) and _about(s, item)), None)
        reached = project.phases_by_entrypoint(arm.func, arm.line, arm.steps)
        if stop is None or not reached or any(phases != {"shutdown"} for phases in reached.values()):
            continue
        yield RULE.in_function(
            project,
            arm.func,
            loop.line,
            f"A failure of {stop.text}() for one {item} leaves the loop, since the arm stands around all of it: the {item}s behind it are "
            "not stopped",
            f"put the try around the work of one {item}: log its failure and go on with the next",
            severity="low",
            end_line=loop.line + 1,
            phase="shutdown",
        )


# ---------------------------------------------------------------- threads


def _runs_in_thread(project: Project, func: Func) -> bool:
    started = [r for r in project.resources if r.kind == "thread" and r.target is func]
    if started and all(r.started_at is None for r in started):
        return False  # made and never started
    return any(
        e.how == "reference" and e.via in THREADS and surface("starter", e.via)
        for e in project.links.callers.get(func, ())
    )


def _thread_loops(project: Project, func: Func) -> Iterator[Finding]:
    for place in func.places:
        loop = place.stmt
        if not isinstance(loop, m.While) or not is_endless(loop) or _guarded(project, func, place.steps):
            continue
        if any(isinstance(s.stmt, m.While | m.For) for s in place.steps):
            continue
        if any(s.method in STREAMS for s in sites_in(loop.body, func)):
            continue  # it reads one stream to its end
        risky = [
            s for s in sites_in(loop.body, func) if _may_fail(s) and not _guarded(project, func, s.steps) and not left_behind(s, loop)
        ]
        if not risky or any(ends_process(t) for s in risky for t in s.targets):
            continue  # none, or what takes the items is the program's end
        guards = any(_broad(project, func, s) for s in _blocks(loop.body))
        parses = next((s for s in risky if s.dotted in RISKY), None)
        batch = [s for s in risky if any(isinstance(x.stmt, m.For) and x.stmt.line > loop.line for x in s.steps)]
        # without items it is a thread that one failure ends: `unwatched-thread` says that
        first = parses if guards else _likeliest(project, batch) or next((s for s in batch if s is parses), None)
        if first is None:
            continue
        line, what = (
            (first.line, f"{first.text}() stands outside the try of this loop")
            if guards
            else (loop.line, f"Nothing catches a failure of {first.text}() in this loop")
        )
        yield RULE.in_function(
            project, func, line,
            f"{what}: one bad item raises out of {func.name}(), its thread ends, and nothing starts it again "
            "while the process looks healthy",
            "guard one turn: log the failure with its item, count it, go on with the next after a pause",
            severity="high" if guards else "medium",
        )  # fmt: skip
        return


def _likeliest(project: Project, risky: list[Site]) -> Site | None:
    """The call that fails in practice: one that reaches another process, itself or in what it calls."""
    waits = {id(w.site.call) for w in project.waits if w.leaves_the_process}
    functions = {w.site.function for w in project.waits if w.leaves_the_process}
    return next((s for s in risky if id(s.call) in waits or any(_reaches(project, t, functions) for t in s.targets)), None)


def _reaches(project: Project, func: Func, outside: set[Func]) -> bool:
    callees = (e.callee for e in project.links.callees.get(func, ()) if e.how == "call" and not e.site.weak)
    return func in outside or any(callee in outside for callee in callees)


def _leaving_arms(project: Project, func: Func) -> Iterator[Finding]:
    """``except Exception: log; return`` for one item of the loop that the thread lives for."""
    for arm in project.failures:
        if (
            arm.func is not func
            or not arm.broad
            or "return" not in arm.ends
            or arm.loudest not in ("error", "critical", "warning")
        ):
            continue
        loops = [s.stmt for s in arm.steps if isinstance(s.stmt, m.While | m.For) and s.arm == "body"]
        if (
            len(loops) < 2
            or not isinstance(loops[0], m.While)
            or not is_endless(loops[0])
            or not isinstance(loops[-1], m.For)
        ):
            continue
        yield RULE.in_function(
            project, func, arm.line,
            f"The failure of one item returns from {func.name}(): its thread ends, the other items are never "
            "looked at again, and nothing "
            "starts it anew while the process looks healthy",
            "continue with the next item; log and count the failed one",
            severity="medium" if _says_that_it_ends(arm) else "high", end_line=arm.handler.end_line,
            confidence="likely" if _says_that_it_ends(arm) or arm.raises != "never" or arm.exits else "certain",
        )  # fmt: skip


def _says_that_it_ends(arm: HandlerEffects) -> bool:
    """``log.error("giving up")``: the thread is meant to end here."""
    return any(ENDS.search(text) for log in arm.logs for text in m.texts(log.site.call.args))


def _blocks(block: m.Block) -> Iterator[m.Try]:
    """Every ``try`` of one turn of the loop, inner loops apart."""
    for stmt in block:
        if isinstance(stmt, m.Try):
            yield stmt
        if not isinstance(stmt, m.While | m.For):
            for inner, _ in blocks_of(stmt):
                yield from _blocks(inner)


def _may_fail(site: Site) -> bool:
    """A call of the project that does something, or a conversion of data from elsewhere."""
    if site.dotted in RISKY:
        return any(not isinstance(a, m.Const) for a in site.call.args) and not _of_environment(site)
    if site.method in TRIVIAL or not site.targets or site.weak:
        return False
    return not all(catches_all(t) or minds_its_failures(t) or _harmless(t) for t in site.targets)


def _of_environment(site: Site) -> bool:
    text = source_of(site.call)
    return "environ" in text or "getenv" in text or "settings" in text.lower() or "time" in text


def _harmless(func: Func) -> bool:
    """A getter: no calls of its own but trivial ones."""
    return all(s.method in TRIVIAL for s in func.sites)


def _broad(project: Project, func: Func, attempt: m.Try) -> bool:
    return any(
        not h.types
        or any(
            n.rpartition(".")[2] in ("Exception", "BaseException") for n in resolve_all(func, project.links, h.types)
        )
        for h in attempt.handlers
    )


def _guarded(project: Project, func: Func, steps: tuple[Step, ...]) -> bool:
    return any(isinstance(s.stmt, m.Try) and s.arm == "body" and _broad(project, func, s.stmt) for s in steps)


# ---------------------------------------------------------------- jobs over items


def _items(project: Project, func: Func, job: Job) -> Iterator[Finding]:
    """``for alert in alerts: state = alert.evaluate(); notify(alert)`` without a guard around one alert."""
    for place in func.places:
        loop = place.stmt
        if not isinstance(loop, m.For) or not isinstance(loop.target, m.Name) or _inside_try(place):
            continue
        item = loop.target.id
        calls = sites_in(loop.body, func)
        if any(isinstance(n, m.Try) for n in m.walk(loop.body)) or _transaction(place):
            continue
        sent = next(
            (
                s
                for s in calls
                if words(s.method)[:1] and words(s.method)[0] in NOTIFIES and _about(s, item) and not optional(s.text)
            ),
            next((s for s in calls if s.method in ENQUEUES and _about(s, item)), None),
        )
        own = next(
            (
                s
                for s in calls
                if s.text.startswith(item + ".")
                and s.method not in TRIVIAL
                and s is not sent
                and _computes(s)
                and not optional(s.text)
            ),
            next((s for s in calls if s.dotted in PARSES and _about(s, item)), None),
        )
        if sent is None or own is None:
            continue
        sure = job.system is not None and stored(loop, func) and (converts(own, item) or reads_text(own, item))
        yield RULE.in_function(
            project, func, loop.line,
            f"An exception of {own.text}() for one {item} leaves the loop and fails the job: the {item}s behind "
            "it are neither looked at nor "
            f"reached by {sent.text}() in this run, and a retry stops at the same one",
            f"guard the work of one {item}: record its failure, go on, and fail at the end if any failed",
            end_line=loop.line + 1,
            confidence="certain" if sure else "likely",
        )  # fmt: skip


def _asked(project: Project, func: Func, job: Job, waits: Waits) -> Iterator[Finding]:
    """``for feed in feeds: feed.refresh()`` of a job by time, where ``refresh`` asks another program."""
    if not job.periodic and func not in project.jobs.scheduled:
        return
    for asked in asked_items(func, waits):
        what = asked.wait.site.text
        yield RULE.in_function(
            project, func, asked.loop.line,
            f"A failure of {asked.site.text}() for one {asked.item}"
            + (f" (it comes to {what}(), line {asked.wait.line} of {asked.wait.path})" if asked.wait.site is not asked.site else "")
            + f" leaves the loop: the {asked.item}s behind it are not reached in this run, and one that always fails keeps them from "
            "every run",
            f"guard the work of one {asked.item}: record its failure, go on, and fail at the end if any failed",
            end_line=asked.loop.line + 1,
            confidence="likely",
        )  # fmt: skip
        return


def _inside_try(place: Place) -> bool:
    return any(isinstance(s.stmt, m.Try) and s.arm == "body" and s.stmt.handlers for s in place.steps)


def _transaction(place: Place) -> bool:
    return any(
        isinstance(s.stmt, m.With) and re.search(r"atomic|transaction|begin", source_of(s.stmt.items[0][0]))
        for s in place.steps
    )


def _about(site: Site, item: str) -> bool:
    given = (*site.call.args, *(v for _, v in site.call.keywords))
    return site.text.startswith(item + ".") or any(
        isinstance(n, m.Name) and n.id.split(".")[0] == item for a in given for n in m.walk(a)
    )


def _computes(site: Site) -> bool:
    """A method of the item that works on its data: not a plain getter, not bookkeeping."""
    return (
        bool(words(site.method))
        and words(site.method)[-1] not in ("url", "name", "id", "key")
        and words(site.method)[0]
        not in (
            "is",
            "has",
            "get",
            "save",
            "delete",
            "update",
            "to",
            "as",
            "items",
            "keys",
            "values",
            "strip",
            "lower",
            "append",
            "refresh",
            "isoformat",
            "split",
            "format",
        )
    )
