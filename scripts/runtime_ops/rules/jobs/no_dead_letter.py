"""A queue whose failed messages go nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule, together

RULE = Rule(__name__, severity="medium", summary="A queue has no place for messages that fail for good.", lead=True)
DECLARES = frozenset({"queue_declare", "declare_queue"})
PLACES = ("x-dead-letter-exchange", "x-delivery-limit", "RedrivePolicy", "deadLetterTargetArn")
DEAD = re.compile(r"(?i)dead|dlq|dlx|parking|poison")
CONSUMES = frozenset({"basic_consume", "consume", "start_consuming", "iterator"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_declared(project))
    for site in _created(project):
        if not _names_place(site.call, site.function) and not any(
            s.method == "set_queue_attributes" for s in site.function.sites
        ):
            yield RULE.at(
                project, site,
                "The queue is created without a RedrivePolicy: a message that always fails comes back after "
                "each visibility time-out until the "
                "retention ends (4 days), then vanishes without a trace",
                "create a dead-letter queue and set RedrivePolicy with a maxReceiveCount, and alarm on its depth",
            )  # fmt: skip


def _declared(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        for site in func.sites:
            if site.method not in DECLARES or not _broker(site) or _names_place(site.call, func) or _exclusive(site):
                continue
            consumes = any(s.method in CONSUMES for f in func.module.functions.values() for s in f.sites)
            if not consumes or _is_the_place(site) or _stores_failures(project, func):
                continue
            yield RULE.at(
                project, site,
                "The queue is declared without a dead-letter exchange or a delivery limit: a message that is "
                "rejected is dropped, and one that "
                "is requeued comes back for ever",
                'declare it with arguments={"x-dead-letter-exchange": …} (quorum queue: also "x-delivery-limit")',
                confidence="possible" if _drops_on_purpose(func) else "likely",
            )  # fmt: skip


def _drops_on_purpose(func: Func) -> bool:
    """Whether the module rejects with ``requeue=False`` and never lets a message come back: to drop it is decided."""
    given = [
        source_of(flag)
        for f in func.module.functions.values()
        for s in f.sites
        if s.method in ("reject", "nack", "basic_reject", "basic_nack")
        if (flag := s.call.keyword("requeue")) is not None
    ]
    return bool(given) and set(given) == {"False"}


def _broker(site: Site) -> bool:
    if (site.dotted or "").startswith(("pika.", "aio_pika.", "amqp.", "kombu.")):
        return True
    imports = {
        b.text.split(".")[0] for bs in site.function.module.level.bindings.values() for b in bs if b.kind == "import"
    }
    return site.dotted is None and not site.targets and bool(imports & {"pika", "aio_pika", "amqp"})


def _names_place(call: m.Call, func: Func) -> bool:
    """Whether the call, or a value of the module that it names, speaks of a dead-letter place."""
    if call.expands:
        return True
    if any(isinstance(n, m.Const) and n.value in PLACES for n in m.walk(call)):
        return True
    names = {
        n.id for k, v in call.keywords if k in ("arguments", "Attributes") for n in m.walk(v) if isinstance(n, m.Name)
    }
    return bool(names)


def _is_the_place(site: Site) -> bool:
    """Whether the queue is itself where failed messages end, by its name: ``queue_declare(DEAD)``, ``"orders.dlq"``."""
    first = site.call.argument("queue", 0) or site.call.argument("name", 0)
    return first is not None and DEAD.search(repr(first)) is not None


def _exclusive(site: Site) -> bool:
    """A reply queue or one of a subscriber that lives as long as its connection, or a passive look."""
    for key in ("exclusive", "auto_delete", "passive"):
        value = site.call.keyword(key)
        if value is not None and not (isinstance(value, m.Const) and not value.value):
            return True
    first = site.call.argument("queue", 0) or site.call.argument("name", 0)
    return first is None or (isinstance(first, m.Const) and first.value == "")


def _stores_failures(project: Project, func: Func) -> bool:
    """Whether a handler of the module records failures by itself."""
    return any(
        arm.func.module is func.module and any(s.how in ("save", "queue") for s in arm.stores)
        for arm in project.failures
    )


def _created(project: Project) -> Iterator[Site]:
    for dotted, sites in project.links.by_dotted.items():
        if dotted.endswith(".create_queue") and "sqs" in dotted.lower():
            yield from sites
