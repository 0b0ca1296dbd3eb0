"""A consumer group that begins at the end of the topic whenever its place is lost."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="medium",
    summary="A consumer group's reset policy is left at the end of the topic: without a committed offset all that waits is skipped.",
    lead=True,
)
BY_MAPPING = ("confluent_kafka.Consumer", "confluent_kafka.DeserializingConsumer", "confluent_kafka.avro.AvroConsumer")
BY_KEYWORD = ("kafka.KafkaConsumer", "kafka.consumer.KafkaConsumer", "aiokafka.AIOKafkaConsumer")
"""Their default is ``latest`` (confluent-kafka 2.16.1: librdkafka's ``largest``; kafka-python 2.2.15; aiokafka 0.12.0)."""
GROUP = ("group.id", "group_id")
RESET = ("auto.offset.reset", "auto_offset_reset", "default.topic.config")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for site in (*project.sites(*BY_MAPPING), *project.sites(*BY_KEYWORD)):
        keys = _keys(site)
        if not keys or not any(key in GROUP for key in keys) or any(key in RESET for key in keys) or _said_near(site):
            continue
        if not project.runs_in(site, "startup", "serving", kinds=("service", "worker", "job")):
            continue
        yield RULE.in_function(
            project,
            site.function,
            _line(site),
            "the consumer group's reset policy is not set, and the default is the end of the topic: for a new group, after the offsets "
            "have expired in an outage, or when they point at what was deleted, all messages that wait are skipped without an error",
            'set it: "auto.offset.reset": "earliest" with work that may be repeated, or "error" to be told; "latest" where only news count',
            end_line=site.call.end_line,
            confidence="certain" if _commits(project, site) else "likely",
        )


def _commits(project: Project, site: Site) -> bool:
    """Whether the program itself says when a message is done: it means to lose none."""
    if site.dotted in BY_KEYWORD:
        given = site.call.keyword("enable_auto_commit")
    else:
        mapping = _mapping(site.call.args[0] if site.call.args else site.call.keyword("conf"), site.function)
        items = mapping.items if mapping is not None else ()
        given = next((v for k, v in items if isinstance(k, m.Const) and k.value == "enable.auto.commit"), None)
    # a setting that says who commits is there for the mode in which the program does
    off = given is not None and not (isinstance(given, m.Const) and given.value not in (False, "false", "False"))
    clients = tuple(f"{name}.commit" for name in (*BY_MAPPING, *BY_KEYWORD))
    return off and any(True for _ in project.sites(*clients))


def _line(site: Site) -> int:
    """Where the setting would be written."""
    mapping = None if site.dotted in BY_KEYWORD else _mapping(site.call.args[0] if site.call.args else None, site.function)
    written_here = mapping is not None and site.function.line <= mapping.line <= site.line
    return mapping.line if mapping is not None and written_here else site.line


def _keys(site: Site) -> set[str]:
    """The settings that a consumer is given; none when some are not readable."""
    if site.dotted in BY_KEYWORD:
        return set() if site.call.expands else {name for name, value in site.call.keywords if name and not _none(value)}
    given = site.call.args[0] if site.call.args else site.call.keyword("conf")
    mapping = _mapping(given, site.function)
    if mapping is None or any(key is None or not isinstance(key, m.Const) for key, _ in mapping.items):
        return set()
    return {str(key.value) for key, value in mapping.items if isinstance(key, m.Const) and not _none(value)}


def _mapping(expr: m.Expr | None, func: Func) -> m.Mapping | None:
    """The one display that an argument stands for."""
    if isinstance(expr, m.Name):
        bindings = func.bindings.get(expr.id) or func.module.level.bindings.get(expr.id) or []
        if len(bindings) != 1 or bindings[0].kind != "assign":
            return None
        expr = bindings[0].expr
    return expr if isinstance(expr, m.Mapping) else None


def _none(value: m.Expr) -> bool:
    return isinstance(value, m.Const) and value.value is None


def _said_near(site: Site) -> bool:
    """Whether the module names the setting anywhere: it may be filled in by a step between."""
    return any(
        isinstance(node, m.Const) and node.value in RESET
        for func in site.function.module.functions.values()
        for node in m.walk(func.facts.body)
    )
