"""A failure that is caught on the way of somebody's work, so that the work is lost and counts as done."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.failures import TOLD, HandlerEffects, Stored
from runtime_ops.project.flows import statements_after
from runtime_ops.project.jobs import Consumer, Job
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Place, Site, places_of
from runtime_ops.project.source_text import source_of
from runtime_ops.project.unread_lists import put_away
from runtime_ops.rules.api import Rule, as_one, together
from runtime_ops.rules.jobs._false_records import never_saved, said_done
from runtime_ops.rules.jobs._kept_work import (
    catches_its_own,
    counted,
    heard_of,
    keeps_state,
    kept_apart,
    may_be_dropped,
)
from runtime_ops.rules.jobs._words import aside, catches_all, delivers, optional, saves, stated, words

RULE = Rule(
    __name__,
    severity="high",
    summary="A job or message handler catches the failure, so the work is lost and counts as done.",
    lead=True,
)
STATE = re.compile(r"status|state|fail(?:ed|ure)?(?:$|_|s$)|attempt|retr|dead|invalid|broken|pending", re.I)
ENDS_JOB = re.compile(
    r"^(?:mark_|set_)?(?:as_)?(?:fail|failed|fail_job|set_failed|record_failure|on_failure|handle_failure)$", re.I
)
AGAIN = re.compile(r"retry|requeue|re_queue|enqueue|defer|schedule|reschedul|dead_?letter|dlq|backoff|quarantine", re.I)
SIGNAL = re.compile(r"(?i)(?:signal|changed|created|updated|deleted|saved|done|started|finished|init)$")
MAIL = re.compile(r"(?i)mail|notif|alert|slack|telegram|webhook|message")
"""What tells people of something: its loss is noticed late, and undoes nothing."""
OUTSIDE = re.compile(r"notif|mail|message|order|webhook|payment|invoice|delivery", re.I)
BOOKS = re.compile(
    r"(?i)status|statistic|stats|heartbeat|last_seen|metric|usage|(?:^|_)(?:re_?)?(?:evaluate|comput|calculat|aggregat|check|poll)"
)
"""Names of bookkeeping, and of what is worked out from stored data: the next run or event does it again."""
REPLIES = re.compile(r"(?i)(?:response|reply|result|answer)_?(?:queue|future|channel|stream)|set_exception|\bfuture\b")
"""By what an item carries the way back to whoever waits for it."""
SAVERS = frozenset("commit save persist store flush_to_disk save_to_disk write_to_disk sync_to_disk".split())
TRANSIENT = re.compile(r"(?i)too_?many_?requests|rate_?limit|throttl|service_?unavailable|quota_?exceeded")
"""Names of failures that a later try does not meet."""
HABIT = 5
SMALL_SHARE = 0.5  # of the job's statements in the ``try``: less is a step of it, not the job
REMEDY = "let the failure leave the job so that its system retries or records it; or put the item back with a count, or store it as failed"


IN_MEMORY = ("queue.", "asyncio.", "multiprocessing.", "collections.", "janus.", "anyio.", "trio.")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    seen: set[tuple[str, int]] = set()
    sent: list[Finding] = []
    rest: list[Finding] = []
    unsaved: list[Finding] = []
    unread: list[Finding] = []
    for arm in project.failures:
        forgotten = never_saved(arm)
        if forgotten is not None and project.phases_by_entrypoint(arm.func):
            unsaved.append(_unsaved(project, arm, forgotten))
            continue
        if (kept := put_away(arm)) and (job := project.jobs.by_func.get(arm.func)) is not None:
            unread.append(_unread(project, arm, job, kept))
            continue
        finding = _of_arm(project, arm)
        if finding is not None and (arm.path, arm.attempt.line) not in seen:
            seen.add((arm.path, arm.attempt.line))
            if "after one try" in finding.message:
                sent.append(finding)
            else:
                rest.append(finding)
    yield from together(sent)
    yield from together(unsaved)
    yield from together(unread)
    # more are how this code base writes its jobs: one cause, one mend
    yield from as_one(rest) if len(rest) > HABIT else rest


def _unsaved(project: Project, arm: HandlerEffects, forgotten: Stored) -> Finding:
    return RULE.in_function(
        project, arm.func, forgotten.line,
        f"{forgotten.text} is set and never saved: the failure stays in memory, and the stored record of this work goes on "
        "saying that it runs, or that all is well",
        f"call {forgotten.text.rpartition('.')[0]}.save() in this arm", severity="medium", confidence="certain",
    )  # fmt: skip


def _unread(project: Project, arm: HandlerEffects, job: Job, kept: str) -> Finding:
    return RULE.in_function(
        project, arm.func, arm.line,
        f"What fails in the job {job.func.name} is put into {kept}, which nothing logs, returns or looks at: the job counts as done "
        "though all of its work failed, and nobody can tell",
        f"raise at the end when {kept} is not empty, or log it and give it back as the job's result", end_line=_end(arm),
        severity="high" if arm.broad else "medium", confidence="certain",
    )  # fmt: skip


def _of_arm(project: Project, arm: HandlerEffects) -> Finding | None:
    settled = any(s.method != "rollback" for s in arm.settles)
    if (
        arm.raises == "always"
        or settled
        or arm.exits
        or not (arm.swallows or arm.returns)
        or survives(arm)
        or heard_of(arm)
        or arm.loudest == "debug"
    ):
        return None
    func = arm.func
    consumer = project.jobs.consumer_around(func, (s.stmt for s in arm.steps))
    job = project.jobs.by_func.get(func)
    if consumer is not None and not func.facts.is_generator:
        return _in_loop(project, arm, consumer)
    if job is not None:
        return _in_job(project, arm, job)
    work = project.jobs.work.get(func)
    if work is not None and arm.broad and not optional(func.name) and not aside(func) and not stated(func):
        sent = effect(arm, delivers)
        if sent is not None and (keeps_state(project, sent) or kept_apart(arm)):
            return None
        if sent is not None and not _told(project, arm):
            return RULE.in_function(
                project, func, arm.line,
                f"The failure of {sent.text}() is only {_how(arm)}, and the {_kind(work.job)} that called "
                f"{func.name}() goes on as if it "
                "had worked: what was to be sent is lost after one try",
                REMEDY, end_line=_end(arm), severity="low" if MAIL.search(f"{sent.text} {func.name}") else "medium",
                confidence="possible" if _noticed(arm, work.job) or arm.tracebacks else "likely",
            )  # fmt: skip
    return _in_saver(project, arm)


def _in_job(project: Project, arm: HandlerEffects, job: Job) -> Finding | None:
    func = arm.func
    if optional(func.name) or BOOKS.search(func.name) or stated(func) or not project.jobs.dispatched(func):
        return None
    if arm.returns and all(r.kind in ("exception",) for r in arm.returns):
        if any(r.expr is None or not isinstance(r.expr, m.Name) for r in arm.returns) or _result_is_read(project, job):
            return None
        return RULE.in_function(
            project, func, arm.returns[0].line,
            f"{func.name}() returns the exception as its result: the job counts as finished, so no retry, "
            "failure handler or failed "
            "registry ever sees it",
            "raise it (the caller can read the job's failure), or have the code that enqueues test the result",
            severity="low",
        )  # fmt: skip
    if not arm.broad and _passes_by_itself(arm):
        return RULE.in_function(
            project, func, arm.line,
            f"{' / '.join(c.rpartition('.')[2] for c in arm.catches)} passes by itself, and is only {_how(arm)}: the job {func.name} "
            "counts as done, so the retries that the job system has for such failures never happen",
            "let it leave the job, with retries and a growing wait; or raise the job system's retry with the time that the peer asks for",
            end_line=_end(arm), severity="medium", confidence="possible" if _noticed(arm, job) else "certain",
        )  # fmt: skip
    if not arm.broad or any(r.kind in ("value", *TOLD) for r in arm.returns) or arm.counts:
        return None
    done = said_done(arm)
    if done is not None:
        return RULE.in_function(
            project, func, arm.line,
            f"A failure of the job {func.name} is only {_how(arm)}, and `{source_of(done.targets[0])} = "
            f"{source_of(done.value)}` (line {done.line}) is then stored for it as for one that worked: nothing retries it, and "
            "its record says that it is done",
            "store the failure in this arm and leave the function, or let the failure leave the job", end_line=_end(arm),
            severity="medium", confidence="certain",
        )  # fmt: skip
    sent = effect(arm, delivers) or effect(arm, saves)
    if sent is not None and any(_keeps_record(project, target) for target in sent.targets):
        return None
    if sent is None and _share(arm) < SMALL_SHARE:
        return None
    if _goes_on(arm) or _recorded_behind(arm) or (arm.loop is not None and sent is None):
        return None
    name = f"{sent.text}()" if sent is not None else "its work"
    again = " until the next run" if job.periodic else ""
    return RULE.in_function(
        project, func, arm.line,
        f"A failure of {name} is only {_how(arm)}, so the job {func.name} counts as done: nothing retries it "
        "and no failed "
        f"registry shows it{again}",
        REMEDY, end_line=_end(arm), severity="medium" if sent is None or arm.tracebacks else None,
        confidence="possible" if _noticed(arm, job) or (sent is None and arm.tracebacks) else "likely",
    )  # fmt: skip


def _in_loop(project: Project, arm: HandlerEffects, consumer: Consumer) -> Finding | None:
    """An arm within a loop that takes items: the item is gone from the queue."""
    own = arm.body_calls
    takes = consumer.take is not None and any(s.call is consumer.take.call for s in own)
    siblings = _recorded_by_siblings(arm)
    if siblings is not None and (arm.loudest in ("error", "critical")) and not arm.broad:
        return RULE.in_function(
            project, arm.func, arm.line,
            f"This arm only logs, while the others of this try record the failure with {siblings}(): the item "
            "counts as done and "
            "its record still shows the last success",
            f"record it like the others ({siblings}), or raise", end_line=_end(arm), severity="low",
        )  # fmt: skip
    if takes or not arm.broad:
        return None
    sent = effect(arm, lambda s: delivers(s) or _handles_item(s))
    if any(REPLIES.search(source_of(n, 400)) for stmt in arm.handler.body for n in m.calls(stmt)):
        return None  # whoever put the item in waits for its answer, and gets the failure
    if sent is None or may_be_dropped(consumer) or keeps_state(project, sent):
        return None
    return RULE.in_function(
        project, arm.func, arm.line,
        f"The item taken from {consumer.source} is dropped when {sent.text}() fails: it is only {_how(arm)}, "
        "there is no retry and "
        "nowhere to find it again",
        "put it back with a count and a pause, and store it as failed when the count is used up", end_line=_end(arm),
        severity=None if delivers(sent) or OUTSIDE.search(sent.method) else "medium",
        confidence="possible" if counted(arm) else "certain" if _kept_outside(consumer) else "likely",
    )  # fmt: skip


def _kept_outside(consumer: Consumer) -> bool:
    """Whether the items come out of another program. What waits in this one's memory has its author here, who as often as
    not is told, comes again, or counts on nothing."""
    dotted = consumer.take.dotted if consumer.take is not None else None
    return dotted is not None and not dotted.startswith(IN_MEMORY)


def _in_saver(project: Project, arm: HandlerEffects) -> Finding | None:
    """``def commit(self)`` whose whole body is a ``try`` around the write, with an arm that only logs."""
    func = arm.func
    found = words(func.name)
    if func.name not in SAVERS and not (found and found[0] in ("commit", "save", "persist") and len(found) <= 3):
        return None
    body = [s for s in func.facts.body if not isinstance(s, m.Pass)]
    if (
        not arm.broad
        or optional(func.name)
        or arm.returns
        or not any(s is arm.attempt for s in body)
        or "fall" not in arm.ends
    ):
        return None
    if any(s is not arm.attempt and not isinstance(s, m.Import | m.Assign | m.If) for s in body):
        return None
    told = any(_answers(e.caller) for e in project.links.callers.get(func, ()))
    write = next(
        (s for s in arm.body_calls if saves(s) or words(s.method)[:1] in (("write",), ("dump",), ("replace",))), None
    )
    callers = project.links.callers.get(func, ())
    if write is None or not callers or not told or not project.function_runs_in(func, "serving", kinds=("service", "worker")):
        return None
    return RULE.in_function(
        project, func, arm.line,
        f"{func.name}() logs a failed {write.text}() and returns: its {len(callers)} callers report success, "
        "and what they saved is gone "
        "after a restart",
        "raise, or return an outcome that the callers test and show", end_line=_end(arm), severity="medium",
    )  # fmt: skip


# ---------------------------------------------------------------- questions


def _passes_by_itself(arm: HandlerEffects) -> bool:
    """Whether an arm ends the job for a failure whose name says that the same call works later, and the job's work is in its
    ``try``: nothing else is done in its place."""
    named = bool(arm.catches) and all(TRANSIENT.search(c.rpartition(".")[2]) for c in arm.catches)
    told = bool(arm.logs) and arm.loudest in ("warning", "error", "critical")
    only = all(log_call(site) is not None for site in arm.calls)
    return named and told and only and not arm.returns and arm.loop is None and not _goes_on(arm)


def _noticed(arm: HandlerEffects, job: Job | None) -> bool:
    """Whether the loss is likely meant or made up for: a tracker or a metric tells of it, the items of a batch are kept
    apart, or the next run by time takes up what this one left."""
    return counted(arm) or arm.loop is not None or (job is not None and job.periodic)


def _answers(func: Func) -> bool:
    """Whether a function returns something, so that its callers take the return for success."""
    return any(isinstance(p.stmt, m.Return) and p.stmt.value is not None for p in func.places)


def survives(arm: HandlerEffects) -> bool:
    """Whether the item lives on: put back, dead-lettered, or marked as failed in a record."""
    for stored in arm.stores:
        if stored.how in ("queue", "future", "list"):
            return True
        if stored.how in ("attribute", "item") and STATE.search(stored.text.rpartition(".")[2]):
            return True
    for site in arm.calls:
        if ENDS_JOB.search(site.method) or AGAIN.search(site.method) or _handed_on(site, arm):
            return True
        texts = [k for k, _ in site.call.keywords if k] + [
            str(n.value)
            for n in m.walk(site.call)
            if isinstance(n, m.Const) and isinstance(n.value, str) and len(n.value) < 40 and " " not in n.value
        ]
        texts += [
            n.id.rpartition(".")[2]
            for n in m.walk(site.call.args)
            if (isinstance(n, m.Name) and n.id.isupper())
            or (isinstance(n, m.Name) and "." in n.id and n.id.rpartition(".")[2].isupper())
        ]
        if not _tells_only(site) and any(STATE.search(t) for t in texts):
            return True
    return any(
        isinstance(p.stmt, m.Assign) and any(STATE.search(source_of(t).rpartition(".")[2]) for t in p.stmt.targets)
        for p in places_of(arm.handler.body, ())
    )


def _handed_on(site: Site, arm: HandlerEffects) -> bool:
    """The error is given to a function of the project whose name says that it deals with it: ``self.handle_exception(e)``."""
    given = any(isinstance(a, m.Name) and a.id == arm.handler.bound for a in site.call.args)
    found = words(site.method)
    return (
        given
        and bool(site.targets)
        and bool(found)
        and found[0] in ("handle", "on", "process", "register", "report", "store")
    )


def _tells_only(site: Site) -> bool:
    return log_call(site) is not None


def effect(arm: HandlerEffects, test: object) -> Site | None:
    """The first call of the ``try`` body that hands something on, neither inside an inner ``try`` nor optional."""
    for site in arm.body_calls:
        if SIGNAL.search(site.text.rpartition(".")[0]):
            continue  # a signal within the process, no delivery
        inner = [s for s in site.steps if isinstance(s.stmt, m.Try) and s.arm == "body" and s.stmt is not arm.attempt]
        inside = any(arm.attempt is s.stmt for s in site.steps)
        deeper = inside and any(_after(site, arm.attempt, s.stmt) for s in inner)
        if deeper or catches_its_own(site) or optional(site.text.replace("self.", "")) or any(aside(t) for t in site.targets):
            continue
        if callable(test) and test(site) and not (site.targets and all(catches_all(t) for t in site.targets)):
            return site
    return None


def _after(site: Site, outer: m.Stmt, inner: m.Stmt) -> bool:
    order = [s.stmt for s in site.steps]
    return any(s is outer for s in order) and next(i for i, s in enumerate(order) if s is outer) < next(
        i for i, s in enumerate(order) if s is inner
    )


def _handles_item(site: Site) -> bool:
    found = words(site.method)
    return (
        bool(site.targets) and not site.weak and bool(found) and found[0] in ("process", "handle", "execute", "consume")
    )


def _share(arm: HandlerEffects) -> float:
    """Part of the function's statements that stand in the ``try`` body."""
    whole = sum(1 for p in arm.func.places if not isinstance(p.stmt, m.Import | m.Pass))
    return (arm.body_statements + sum(1 for _ in places_of(arm.handler.body, ()))) / max(whole, 1)


def _keeps_record(project: Project, func: Func) -> bool:
    """Whether the called function deals with its failure and writes it down: ``except …: mail.mark_failed()``."""
    below = {func, *(e.callee for e in project.links.callees.get(func, ()) if e.how == "call")}
    return any(arm.func in below and survives(arm) for arm in project.failures)


def _goes_on(arm: HandlerEffects) -> bool:
    """Whether the job has real work left behind the ``try``: then this is one step of it."""
    after = statements_after(Place(arm.attempt, arm.steps), arm.func)
    calls = [c for s in after for c in m.calls(s)]
    return len(calls) > 3 and len(calls) > len(arm.body_calls)


def _recorded_behind(arm: HandlerEffects) -> bool:
    """Whether what follows the ``try`` writes the failed state down: ``item.status = FAILED; item.save()``."""
    for node in m.walk(statements_after(Place(arm.attempt, arm.steps), arm.func)):
        if isinstance(node, m.Assign) and any(
            "." in source_of(t) and STATE.search(source_of(t).rpartition(".")[2]) for t in node.targets
        ):
            return True
    return False


def _how(arm: HandlerEffects) -> str:
    return "logged" if arm.logs else "printed" if arm.prints else "reported" if arm.reports else "passed over"


def _kind(job: Job | None) -> str:
    return "job" if job is not None else "loop"


def _end(arm: HandlerEffects) -> int:
    return arm.handler.body[-1].end_line if arm.handler.body else arm.line


def _told(project: Project, arm: HandlerEffects) -> bool:
    """Whether the caller can see the failure in what the function returns and looks at it."""
    if not arm.returns:
        return False
    if any(r.kind in ("value", *TOLD) for r in arm.returns):
        return True
    edges = project.links.callers.get(arm.func, ())
    return any(edge.site.used for edge in edges if edge.how == "call")


def _recorded_by_siblings(arm: HandlerEffects) -> str | None:
    """The call with which at least two other arms of the ``try`` record their failure, if this one lacks it."""
    counts: dict[str, int] = {}
    own = {s.text for s in arm.calls}
    for other in arm.attempt.handlers:
        if other is arm.handler:
            continue
        texts = set()
        for call in m.calls(other.body):
            text = source_of(call.func)
            given = [k for k, _ in call.keywords if k] + [
                str(n.value)
                for n in m.walk(call)
                if isinstance(n, m.Const) and isinstance(n.value, str) and len(n.value) < 40
            ]
            if any(re.search(r"err|fail|status", g, re.I) for g in given) and not re.search(r"log|print", text):
                texts.add(text)
        for text in texts:
            counts[text] = counts.get(text, 0) + 1
    best = max(counts, key=counts.__getitem__, default=None)
    return best if best is not None and counts[best] >= 2 and best not in own else None


def _result_is_read(project: Project, job: Job) -> bool:
    """Whether a function that enqueues the job tests its result for an exception."""
    owners: set[Func] = {j.owner for j in project.jobs.jobs if j.func is job.func and j.how == "enqueue"}
    for owner in owners:
        for site in owner.sites:
            if (
                site.text == "isinstance"
                and len(site.call.args) > 1
                and re.search(r"Exception|Error", source_of(site.call.args[1]))
            ):
                return True
    return False
