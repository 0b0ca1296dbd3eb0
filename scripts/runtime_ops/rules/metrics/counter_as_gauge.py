"""A count that goes up and down, kept in something that only counts up."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="low",
    summary="A counter is moved up and down: it is reset or refused, so the number in hand is never measured.",
    lead=True,
)
UP, DOWN = ("incr", "increment"), ("decr", "decrement")
CLIENTS = ("statsd.", "datadog.")
COUNTERS = (
    "prometheus_client.Counter.inc",
    "prometheus_client.metrics.Counter.inc",
    "opentelemetry.metrics.Meter.create_counter().add",
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    ups: dict[str, Site] = {}
    downs: dict[str, Site] = {}
    for func in project.functions:
        for site in func.sites:
            if site.method in UP and metric_client(site):
                ups.setdefault(name_of(site), site)
            elif site.method in DOWN and metric_client(site):
                downs.setdefault(name_of(site), site)
    for name, up in ups.items():
        down = downs.get(name)
        if name and down is not None:
            yield RULE.finding(
                up.path,
                up.line,
                f"The StatsD counter {name} is moved up here and down again: counters are summed and reset at each flush, so what is "
                "in hand at a moment is not measured",
                "send it as a gauge (gauge(name, ±1, delta=True)), or count starts and ends apart",
                end_line=down.line if down.path == up.path and down.function is up.function else up.call.end_line,
                entrypoints=project.imported_by(up.function.module),
                phase="serving",
                anchor=name,
                also=(Evidence(down.path, down.line, "and down here"),),
                confidence="certain" if _in_hand(up, down) and project.phases(up) else "likely",
            )
    for site in project.sites(*COUNTERS):
        amount = site.call.args[0] if site.call.args else site.call.keyword("amount")
        if (isinstance(amount, m.UnaryOp) and amount.op == "-") or (
            isinstance(amount, m.Const) and _negative(amount.value)
        ):
            yield RULE.at(
                project,
                site,
                "A counter is increased by a negative number: prometheus_client raises ValueError, OpenTelemetry drops the value",
                "use a Gauge or an UpDownCounter",
                confidence="certain" if project.phases(site) else "likely",
            )


def _in_hand(up: Site, down: Site) -> bool:
    """Up before a piece of work and down in its ``finally``, with a client of a library that is known: what is meant is the
    number of those under way."""
    known = all((site.dotted or "").startswith(CLIENTS) for site in (up, down))
    around = [step.stmt for step in up.steps]
    ends = any(step.arm == "final" and all(step.stmt is not stmt for stmt in around) for step in down.steps)
    return known and ends and up.function is down.function and up.line < down.line


def metric_client(site: Site) -> bool:
    """Whether the receiver is a StatsD client, by its type or its name."""
    owner = f"{site.dotted or ''} {site.text}".lower()
    return any(word in owner for word in ("statsd", "dogstatsd", "datadog", "metrics", "stats_client"))


def name_of(site: Site) -> str:
    """The metric's name as far as it is a text: the template of a formatted one."""
    first = site.call.argument("stat", 0) or site.call.argument("metric", 0)
    if isinstance(first, m.Call) and isinstance(first.func, m.Attr) and first.func.name == "format":
        first = first.func.value
    if isinstance(first, m.BinOp) and first.op == "%":
        first = first.left
    if isinstance(first, m.Format):
        return "".join(str(p.value) if isinstance(p, m.Const) else "{}" for p in first.parts)
    return first.value if isinstance(first, m.Const) and isinstance(first.value, str) else ""


def _negative(value: object) -> bool:
    return isinstance(value, int | float) and value < 0
