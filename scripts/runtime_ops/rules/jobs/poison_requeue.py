"""A failing item goes back to its own queue, without a count."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import Artifact
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.flows import ends, sites_in, takes_anything
from runtime_ops.project.jobs import Consumer
from runtime_ops.project.model import Func, Site, Step
from runtime_ops.rules.api import Rule

RULE = Rule(__name__, severity="high", summary="A failing item is put back into its queue without a count.", lead=True)
COUNTS = re.compile(r"attempt|retr(?:y|ies)|count|redeliver|x-death|tries|max_|limit|dead|deliveries", re.I)
PUTS = frozenset("put put_nowait async_put aput lpush rpush appendleft append requeue".split())
PUTS_BY_NAME = re.compile(r"(?:^|_)(?:re)?(?:queue|enqueue|put)(?:_|$)", re.I)

AGAIN = re.compile(r"(?i)re_?(?:en)?queue|put_?back|again")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        for site in func.sites:
            if (
                _nacks(site)
                and site.within(m.Try, "handler") is not None
                and not _counted(func)
                and not _limited(project)
            ):
                yield RULE.at(
                    project, site,
                    f"{site.text}() puts the message back when its handler fails, without a count: a message "
                    "that can never succeed comes back "
                    "at once, for ever, and holds up those behind it",
                    "nack with requeue=False to a dead-letter exchange, or count deliveries (quorum queue with "
                    "x-delivery-limit)",
                    confidence="certain",
                )  # fmt: skip
    for consumer in project.jobs.consumers:
        if consumer.take is not None:
            yield from _put_back(project, consumer)


def _nacks(site: Site) -> bool:
    """``basic_nack``/``basic_reject``/``reject`` of a broker's message with requeue left on."""
    if site.method not in ("basic_nack", "basic_reject", "nack", "reject", "requeue"):
        return False
    dotted = site.dotted or ""
    amqp = site.method.startswith("basic_") or dotted.startswith(("pika.", "aio_pika.", "kombu.", "amqp."))
    requeue = site.call.keyword("requeue")
    if not amqp and requeue is None:
        return False
    if requeue is None:
        default_on = site.method in ("basic_nack", "basic_reject") or (
            site.method in ("nack",) and dotted.startswith("aio_pika.")
        )
        return default_on or site.method == "requeue"
    return isinstance(requeue, m.Const) and requeue.value is True


def _counted(func: Func) -> bool:
    """Whether the function looks at a number of deliveries."""
    for place in func.places:
        for node in m.walk(place.stmt):
            if isinstance(node, m.Name) and COUNTS.search(node.id):
                return True
            if (
                isinstance(node, m.Const)
                and isinstance(node.value, str)
                and len(node.value) < 40
                and COUNTS.search(node.value)
            ):
                return True
            if isinstance(node, m.Attr) and COUNTS.search(node.name):
                return True
    return False


def _limited(project: Project) -> bool:
    """Whether a delivery limit is declared anywhere in code."""
    words = ("x-delivery-limit", "delivery-limit")
    return any(
        isinstance(n, m.Const) and n.value in words
        for func in project.functions
        for site in func.sites
        if site.method in ("queue_declare", "declare_queue", "Queue")
        for n in m.walk(site.call)
    ) or any("delivery-limit" in str(getattr(a, "text", "")) for a in project.artifacts if isinstance(a, Artifact))


def _put_back(project: Project, consumer: Consumer) -> Iterator[Finding]:
    """The taken item goes into the same queue again, in an arm or a branch of the loop."""
    assert consumer.take is not None
    func = consumer.func
    names = _names_of_item(consumer)
    if not names:
        return
    for site in sites_in(consumer.loop.body, func):
        again = _same_queue(site, consumer.source)
        if not again or site is consumer.take:
            continue
        failed = next((s for s in reversed(site.steps) if isinstance(s.stmt, m.Try | m.If)), None)
        if failed is None or (isinstance(failed.stmt, m.Try) and failed.arm != "handler"):
            continue
        given = [
            n.id.split(".")[0]
            for a in (*site.call.args, *(v for _, v in site.call.keywords))
            for n in m.walk(a)
            if isinstance(n, m.Name)
        ]
        if not names.intersection(given):
            continue
        block = (
            failed.stmt.body
            if isinstance(failed.stmt, m.If)
            else (failed.handler.body if failed.handler is not None else ())
        )
        if _asked_for(site):
            continue
        if _counts(block) or (isinstance(failed.stmt, m.If) and _counts((failed.stmt,), test_only=True)):
            continue
        yield RULE.at(
            project, site,
            f"The item goes back into {consumer.source} without a count: while the cause lasts it circulates "
            "for ever and takes a turn of a "
            "worker each time, and nobody is told",
            "carry a count in the item; when it is used up, store the item as failed and tell somebody",
            severity="medium",
            # what is put back in another place may only be early, and one's own exception may carry the count
            confidence="certain" if _at_once(failed, func) else "likely",
        )  # fmt: skip


def _at_once(failed: Step, func: Func) -> bool:
    """Whether the loop goes on with it at once: from the arm of a broad handler, or from a branch that ends in ``continue``."""
    if isinstance(failed.stmt, m.If):
        return failed.arm == "body" and ends(failed.stmt.body, func) == {"continue"}
    handler = failed.handler
    return handler is not None and takes_anything(handler)


def _asked_for(site: Site) -> bool:
    """``except Aborted as e: if e.requeue:``: who raised it wants the item back, which is no failure of the item."""
    bound = {s.handler.bound for s in site.steps if s.arm == "handler" and s.handler is not None and s.handler.bound}
    tests = [n.id for s in site.steps if isinstance(s.stmt, m.If) and s.arm == "body" for n in m.walk(s.stmt.test) if isinstance(n, m.Name)]
    return any(name.partition(".")[0] in bound and AGAIN.search(name.partition(".")[2]) for name in tests)


def _names_of_item(consumer: Consumer) -> set[str]:
    """The names that hold the taken item or are made of it within the loop."""
    assert consumer.take is not None
    stmt = consumer.take.stmt
    names: set[str] = set()
    if isinstance(stmt, m.Assign):
        names = {n.id for t in stmt.targets for n in m.walk(t) if isinstance(n, m.Name)}
    for _ in range(2):
        for node in m.walk(consumer.loop.body):
            if (
                isinstance(node, m.Assign)
                and node.value is not None
                and any(isinstance(n, m.Name) and n.id.split(".")[0] in names for n in m.walk(node.value))
            ):
                names |= {t.id for t in node.targets if isinstance(t, m.Name) and "." not in t.id}
    return names


def _same_queue(site: Site, source: str) -> bool:
    receiver, _, method = site.text.rpartition(".")
    if receiver == source and method in PUTS:
        return True
    given = (*site.call.args, *(v for _, v in site.call.keywords))
    return bool(PUTS_BY_NAME.search(site.method)) and any(isinstance(a, m.Name) and a.id == source for a in given)


def _counts(block: m.Block, test_only: bool = False) -> bool:
    """Whether something is counted: a name of a count, or a number that grows by one."""
    if test_only:
        return any(
            isinstance(s, m.If) and isinstance(n, m.Name) and COUNTS.search(n.id)
            for s in block
            for n in m.walk(getattr(s, "test", ()))
        )
    for node in m.walk(block):
        if isinstance(node, m.Name) and COUNTS.search(node.id):
            return True
        if isinstance(node, m.AugAssign) and node.op.startswith("+"):
            return True
        if (
            isinstance(node, m.Const)
            and isinstance(node.value, str)
            and len(node.value) < 30
            and COUNTS.search(node.value)
        ):
            return True
    return False
