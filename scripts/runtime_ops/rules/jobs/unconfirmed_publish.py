"""A message handed to a broker, and nothing learns whether the broker took it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.jobs._words import aside, optional

RULE = Rule(__name__, severity="medium", summary="Nothing learns whether the broker took the message.")
KAFKA = {
    "confluent_kafka.Producer.produce": ("on_delivery", "callback"),
    "kafka.KafkaProducer.send": (),
    "aiokafka.AIOKafkaProducer.send": (),
}
COMMITS = ("confluent_kafka.Consumer.commit", "confluent_kafka.DeserializingConsumer.commit")
KEEPS = ("mandatory", "delivery_mode=2")
"""What says that a message must not be lost on its way or in the broker."""
REPLY = re.compile(r"reply_to|correlation_id")
KEEPING = frozenset("append add put set put_nowait set_exception set_result exit _exit kill abort seek produce send".split())
"""What a delivery callback keeps a failure by, or ends the process."""
READS = frozenset("get result add_callback add_errback add_done_callback".split())


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_pika(project))
    yield from together(_kafka(project))
    yield from together(_committed_anyway(project))


def _published(project: Project) -> Iterator[Site]:
    for dotted, sites in project.links.by_dotted.items():
        if dotted.endswith(".basic_publish") and dotted.startswith("pika."):
            yield from sites
    for func in project.functions:
        for site in func.sites:
            if site.method == "basic_publish" and site.dotted is None and not site.targets and _uses_pika(site):
                yield site


def _uses_pika(site: Site) -> bool:
    return any(
        b.text.split(".")[0] == "pika"
        for bs in site.function.module.level.bindings.values()
        for b in bs
        if b.kind == "import"
    )


def _pika(project: Project) -> Iterator[Finding]:
    for site in _published(project):
        module = site.function.module
        confirms = any(s.method == "confirm_delivery" for f in module.functions.values() for s in f.sites)
        if confirms or any(s.method == "confirm_delivery" for _, ss in project.links.by_dotted.items() for s in ss):
            continue
        if optional(site.function.name) or aside(site.function) or not _on_path(project, site):
            continue
        text = " ".join(source_of(v) for v in (*site.call.args, *(v for _, v in site.call.keywords)))
        lacks = [
            w
            for w, there in zip(KEEPS, (site.call.keyword("mandatory") is not None, "delivery_mode" in text), strict=True)
            if not there
        ]
        also = f" (nor {' nor '.join(lacks)})" if lacks else ""
        yield RULE.at(
            project, site,
            f"basic_publish without confirm_delivery(){also}: it returns before the broker has the message, so "
            "a restart, a half-open "
            "connection or a queue that does not exist drops it while the caller reports success",
            "call channel.confirm_delivery(), publish with mandatory=True and delivery_mode=2, and handle "
            "UnroutableError and NackError",
            confidence="certain" if _known(site) and len(lacks) == len(KEEPS) else "likely",
        )  # fmt: skip


def _known(site: Site) -> bool:
    """A channel that pika is seen to make, and no answer to a call (RPC), whose caller waits and so learns of the loss."""
    return (site.dotted or "").startswith("pika.") and not REPLY.search(source_of(site.call))


def _kafka(project: Project) -> Iterator[Finding]:
    for dotted, callbacks in KAFKA.items():
        for site in project.sites(dotted):
            if any(site.call.keyword(c) is not None for c in callbacks) or (callbacks and len(site.call.args) > 3):
                continue
            if (
                site.used
                or _flushed(project, site)
                or optional(site.function.name)
                or aside(site.function)
                or not _on_path(project, site)
            ):
                continue
            yield RULE.at(
                project, site,
                f"{site.text}() only puts the record into the client's buffer, and neither a callback, a flush "
                "nor the future is looked at: a "
                "record that the broker refuses is dropped while the caller reports success",
                "give on_delivery/callback (and poll), await send_and_wait, or read the future with a time limit",
            )  # fmt: skip


def _flushed(project: Project, site: Site) -> bool:
    """Whether the same function or class flushes the producer as part of the work."""
    func = site.function
    near = [func, *(func.cls.methods.values() if func.cls is not None else ())]
    flush = any(s.method == "flush" for s in func.sites)
    reads = any(
        s.method in READS and any(isinstance(n, m.Call) and n is site.call for n in m.walk(s.call)) for s in func.sites
    )
    class_flush = func.cls is not None and any(
        s.method == "flush" for f in near for s in f.sites if f.name in ("publish", "send", "produce", "commit")
    )
    return flush or reads or class_flush


def _on_path(project: Project, site: Site) -> bool:
    return bool(project.runs_in(site, "serving", "shutdown", kinds=("service", "worker", "job")))


def _committed_anyway(project: Project) -> Iterator[Finding]:
    """``producer.flush()`` and then ``consumer.commit()``: the input counts as done whatever became of what it led to."""
    for site in project.sites("confluent_kafka.Producer.flush", "confluent_kafka.SerializingProducer.flush"):
        if site.used or not isinstance(site.stmt, m.ExprStmt) or not _on_path(project, site):
            continue
        commits = [s for s in project.sites(*COMMITS) if s.function is site.function and s.line > site.line and _after(site, s)]
        if not commits or any(k in ("raises", "raise_on_error") for k, _ in site.call.keywords):
            continue
        yield RULE.at(
            project, site,
            f"flush() says how many records were not delivered, and nothing looks at that, nor at a failed delivery, before line "
            f"{commits[0].line} commits the offset of what they were made from: what the broker refuses, or what is late, is lost",
            "let the delivery callback keep the failure, and commit only when flush(timeout) gives 0 and none was kept; else seek "
            "back or end the process",
            severity="medium",
            confidence="certain" if _told_to_nobody(project) else "likely",
        )  # fmt: skip


def _told_to_nobody(project: Project) -> bool:
    """Whether no delivery callback does more than count and log: none raises, ends the process or keeps the failure."""
    given = [
        (func, callback)
        for func in project.functions
        for site in func.sites
        if site.method == "produce"
        for name in ("on_delivery", "callback")
        if (callback := site.call.keyword(name)) is not None
    ]
    for func, callback in given:
        if isinstance(callback, m.Call) and source_of(callback.func).endswith("partial") and callback.args:
            callback = callback.args[0]
        value = project.links.names.value(callback, func)
        target = value.target if value is not None else None
        if not isinstance(target, Func) or _keeps(target):
            return False
    return True


def _keeps(callback: Func) -> bool:
    return any(s.method in KEEPING for s in callback.sites) or any(
        isinstance(p.stmt, m.Raise)
        or (isinstance(p.stmt, m.Assign) and any(not isinstance(t, m.Name) or "." in t.id for t in p.stmt.targets))
        for p in callback.places
    )


def _after(flush: Site, commit: Site) -> bool:
    """Whether the commit follows on every way from the flush, or on a setting that says who commits."""
    own = [s.stmt for s in flush.steps]
    return [s.stmt for s in commit.steps][: len(own)] == own
