"""A message, or a progress mark, is settled before its work is done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.flows import place_of, statements_after, takes_anything
from runtime_ops.project.model import Func, Place, Site, Step
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.jobs._early_acks import early_acks
from runtime_ops.rules.jobs._handed_acks import handed_acks
from runtime_ops.rules.jobs._words import aside, delivers, optional, words

RULE = Rule(__name__, severity="medium", summary="A message or a progress mark is settled before its work is done.")
ACKS = frozenset(
    "basic_ack ack acknowledge delete_message delete_message_batch complete_message task_done_and_ack xack".split()
)
COMMITS = frozenset(
    "confluent_kafka.Consumer.commit confluent_kafka.DeserializingConsumer.commit kafka.KafkaConsumer.commit "
    "aiokafka.AIOKafkaConsumer.commit".split()
)
"""Kafka's acknowledgement: all that was read before is taken as done."""
MARKS = re.compile(
    r"^(?:state|status|last_(?!error|login|seen|used|activity|access|check|modified|updated|read|edit)\w*|\w*_sent(?:_at)?|sent(?:_at)?|\w*notified\w*|processed(?:_at)?|is_processed|delivered(?:_at)?|cursor|offset|done|completed_at|published_at)$"
)
DONE = re.compile(r"(?i)done|sent|send|notif|complet|finish|succe|process|deliver|publish|clos|resol|handl|ok\b|trigger|fired|alert")
STORES = frozenset("commit save update".split())
NOTIFIES = frozenset("send notify deliver publish".split())
KAFKA = {
    "kafka.KafkaConsumer": ("enable_auto_commit",),
    "aiokafka.AIOKafkaConsumer": ("enable_auto_commit",),
}
STATED = re.compile(r"at.most.once", re.I)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from _auto_acks(project)
    yield from _kafka(project)
    for func in project.functions:
        if func in project.jobs.work or func in project.jobs.consumers_of:
            yield from _early_acks(project, func)
        if func in project.jobs.work:
            yield from _marks(project, func)
    for site, ack in handed_acks(project, ACKS):
        final = next((s.stmt for s in site.steps if isinstance(s.stmt, m.Try) and s.arm == "final"), None)
        if isinstance(final, m.Try) and _works_inside(final, site) and not _hands_back(final) and not _stated(site.function):
            yield RULE.at(
                project,
                site,
                f"{site.text}() stands for {ack.name}() and stands in a finally: a message whose work failed is acknowledged like one "
                "that was done, and is lost",
                "acknowledge at the end of the try; leave what failed to be delivered again, a bounded number of times",
                # an arm that takes the failure itself decides that it is done with
                confidence="likely" if final.handlers or _takes_failures(final.body) else "certain",
            )
    for early in early_acks(project):
        if _stated(early.ack.function):
            continue
        yield RULE.at(
            project,
            early.ack,
            f"{early.ack.text}() comes before {early.work.text}() (line {early.work.line}): when that fails or the process is stopped in "
            "between, the broker has forgotten the message and nobody works on it",
            "acknowledge when the work is done; reject what cannot be worked on to a dead-letter queue",
            confidence="certain",
        )


def _auto_acks(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        for site in func.sites:
            if site.method not in ("basic_consume", "consume", "basic_get", "get"):
                continue
            flag = site.call.keyword("auto_ack") or (site.call.keyword("no_ack") if site.method != "get" else None)
            if isinstance(flag, m.Const) and flag.value is True and not _stated(func):
                yield RULE.at(
                    project, site,
                    f"{site.text}() takes messages with automatic acknowledgement: the broker forgets each one "
                    "as it sends it, so a failure or a "
                    "stop in the handler loses it, and the whole prefetched buffer with it",
                    "turn it off, acknowledge after the work, and bound the prefetch",
                    confidence="certain",
                )  # fmt: skip


def _kafka(project: Project) -> Iterator[Finding]:
    for dotted, parameters in KAFKA.items():
        for site in project.sites(dotted):
            if site.call.expands or any(site.call.keyword(p) is not None for p in parameters):
                continue
            if site.call.keyword("group_id") is None or _stated(site.function):
                continue
            if not _consumed(project, dotted):
                continue
            yield RULE.at(
                project, site,
                "The consumer commits offsets by a timer (enable_auto_commit is on by default, every 5 s): "
                "records that were polled but not "
                "yet worked on are committed, and a crash or a failing handler skips them",
                "enable_auto_commit=False, and commit() after the records are done",
            )  # fmt: skip


def _consumed(project: Project, dotted: str) -> bool:
    return any(
        c.system is not None and any(r.startswith(dotted + ".") for r in c.system.runs) for c in project.jobs.consumers
    )


def _stated(func: Func) -> bool:
    return bool(STATED.search(f"{func.facts.doc or ''} {func.name}"))


def _early_acks(project: Project, func: Func) -> Iterator[Finding]:
    """``ack(); work()`` in one function, or an ack in a ``finally`` that failures pass too."""
    for site in func.sites:
        committed = site.dotted in COMMITS
        if not (committed or site.method in ACKS) or _stated(func) or site.targets:
            continue
        if site.within(m.Try, "handler") is not None:
            continue
        drops = [s for s in site.steps if isinstance(s.stmt, m.If) and _rejects(s.stmt)]
        final = next((s for s in site.steps if isinstance(s.stmt, m.Try) and s.arm == "final"), None)
        if final is not None:
            assert isinstance(final.stmt, m.Try)
            if drops or committed:  # the offset goes on also where the message was told to be broken
                continue
            if not _hands_back(final.stmt):
                yield RULE.at(
                    project, site,
                    f"{site.text}() stands in a finally: a message whose work failed is acknowledged like one "
                    "that was done, and is lost",
                    "acknowledge at the end of the try; nack to a dead-letter queue in the arm",
                    # an arm that takes the failure itself decides that it is done with
                    confidence="likely" if final.stmt.handlers or _takes_failures(final.stmt.body) else "certain",
                )  # fmt: skip
            continue
        after = _work_after(project, func, site)
        # a branch that drops messages has its work elsewhere; one that has it inside drops nothing
        if after is not None and all(any(s.stmt is drop.stmt and s.arm == drop.arm for s in after.steps) for drop in drops):
            yield RULE.at(
                project, site,
                f"{site.text}() comes before {after.text}(): when that fails or the process is stopped in "
                "between, the message is gone",
                f"acknowledge after {after.text}() has returned",
                confidence="certain",
            )  # fmt: skip


def _hands_back(tried: m.Try) -> bool:
    """Whether an arm gives the message back, or up, by a call of its own."""
    return any(
        isinstance(c.func, m.Name | m.Attr) and re.search(r"nack|reject|requeue|abandon", source_of(c.func))
        for h in tried.handlers
        for c in m.calls(h.body)
    )


def _works_inside(tried: m.Try, ack: Site) -> bool:
    """Whether functions of the project do the work in the body of the try."""
    return any(s.targets and not s.weak and any(x.stmt is tried and x.arm == "body" for x in s.steps) for s in ack.function.sites)


def _never_fails(sent: Site) -> bool:
    """Whether every function that a call can mean takes all its failures itself: the message is a courtesy."""
    quiet = (m.ExprStmt, m.Assign, m.Import)
    return bool(sent.targets) and all(
        _takes_failures(tuple(s for s in target.facts.body if not isinstance(s, quiet)) or target.facts.body)
        for target in sent.targets
    )


def _takes_failures(body: tuple[m.Stmt, ...]) -> bool:
    """Whether a statement of a body has an arm for every failure of its own."""
    return any(
        isinstance(s, m.Try) and any(takes_anything(h) for h in s.handlers)
        for s in body
    )


def _rejects(stmt: m.If) -> bool:
    """A branch that drops a message on purpose: invalid, a duplicate, too old."""
    text = source_of(stmt.test)
    return bool(
        re.search(
            r"invalid|duplicate|seen|skip|ignore|not |none|empty|unknown|expired|retry|attempt|==|!=| in ", text, re.I
        )
    )


def _work_after(project: Project, func: Func, site: Site) -> Site | None:
    following = tuple(_on_the_way(place_of(site), func))
    loop = next((s.stmt for s in reversed(site.steps) if isinstance(s.stmt, m.While | m.For)), None)
    calls = {id(c) for s in following for c in m.calls(s)}
    for later in func.sites:
        if id(later.call) not in calls or later.line <= site.line:
            continue
        if loop is not None and not any(s.stmt is loop for s in later.steps):
            continue
        found = words(later.method)
        handles = bool(found) and found[0] in ("process", "handle", "execute", "run", "consume", "import", "index")
        if not optional(later.text) and (delivers(later) or (handles and later.targets and not later.weak)):
            return later
    return None


def _marks(project: Project, func: Func) -> Iterator[Finding]:
    """``alert.state = new; commit()`` and then the notification that the mark stands for."""
    if optional(func.name) or aside(func):
        return
    for place in func.places:
        stmt = place.stmt
        if not isinstance(stmt, m.Assign):
            continue
        target = stmt.targets[0]
        if not isinstance(target, m.Name) or "." not in target.id or target.id.startswith(("self.", "cls.")):
            continue
        name = target.id.rpartition(".")[2]
        if not MARKS.match(name) or _in_progress(stmt.value):
            continue
        other = name in ("state", "status") and _of_something_else(stmt.value)
        owner = target.id.split(".")[0]
        stored = _next(func, stmt, partial(_stores, owner))
        if stored is None or stored.line > stmt.line + 6:
            continue
        sent = _next(
            func,
            stored.stmt,
            lambda s: bool(words(s.method)) and words(s.method)[0] in NOTIFIES and not optional(s.text),
        )
        if sent is None or _given_to_enqueue(sent) or _taken_back(place.steps, target.id):
            continue
        own_job = any(job.func is func for job in project.jobs.jobs)
        given = not own_job and isinstance(stmt.value, m.Name) and func.param(stmt.value.id) is not None
        yield RULE.in_function(
            project, func, stored.line,
            f"{target.id} is stored before {sent.text}() runs: when that fails or the worker dies in between, "
            "the record says that it was done, and "
            "the next run does not do it again",
            "store the mark after the work has succeeded, or write the work into an outbox in the same transaction",
            # a mark that the caller hands over is the outcome of other work, of which the message only tells
            confidence=(
                "possible" if given or other or _never_fails(sent)
                else "certain" if _asked_before(place.steps, target.id.split(".")[0]) else "likely"
            ),
        )  # fmt: skip
        return


def _asked_before(steps: tuple[Step, ...], owner: str) -> bool:
    """Whether what bears the mark decides by a test if there is work at all: once marked, it is not done again."""
    return any(
        isinstance(step.stmt, m.If)
        and step.arm == "body"
        and any(isinstance(n, m.Name) and n.id.partition(".")[0] == owner for n in m.walk(step.stmt.test))
        for step in steps
    )


def _taken_back(steps: tuple[Step, ...], mark: str) -> bool:
    """Whether an arm around the mark sets it again: a failure of what follows is then on record."""
    return any(
        isinstance(step.stmt, m.Try)
        and step.arm == "body"
        and any(
            isinstance(t, m.Name) and t.id == mark
            for handler in step.stmt.handlers
            for n in m.walk(handler.body)
            if isinstance(n, m.Assign)
            for t in n.targets
        )
        for step in steps
    )


def _stores(owner: str, site: Site) -> bool:
    return words(site.method)[:1] == ("commit",) or (site.method in STORES and site.text.startswith(owner + "."))


def _in_progress(value: m.Expr | None) -> bool:
    text = source_of(value).lower()
    return any(
        w in text
        for w in ("progress", "running", "pending", "sending", "processing", "start", "queued", "fail", "error", "none")
    )


def _of_something_else(value: m.Expr | None) -> bool:
    """Whether a state that is written down is none of work that is done: ``private``, ``Visibility.HIDDEN``."""
    if isinstance(value, m.Const):
        return isinstance(value.value, str) and not DONE.search(value.value)
    written = isinstance(value, m.Name) and value.id.rpartition(".")[2].isupper()
    return written and not DONE.search(source_of(value).rpartition(".")[2])


def _next(func: Func, stmt: m.Stmt, test: object) -> Site | None:
    """The first call behind a statement, on its way, that a predicate accepts."""
    place = next((p for p in func.places if p.stmt is stmt), None)
    if place is None:
        return None
    calls = {id(c) for s in _on_the_way(place, func) for c in m.calls(s)}
    return next((s for s in func.sites if id(s.call) in calls and callable(test) and test(s)), None)


def _on_the_way(place: Place, func: Func) -> Iterator[m.Stmt]:
    """The statements behind a place as far as the way goes: not what stands below the branch that it leaves with ``continue``."""
    for stmt in statements_after(place, func):
        yield stmt
        if isinstance(stmt, m.Return | m.Raise | m.Continue | m.Break):
            return


def _given_to_enqueue(site: Site) -> bool:
    return site.method in ("delay", "apply_async", "enqueue")
