"""Whether anything in a repository speaks of measuring, and where the measuring of a program would be written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.libraries.frameworks import all_frameworks
from runtime_ops.project.build import Project
from runtime_ops.rules.logging._programs import Program
from runtime_ops.rules.shutdown._long_running import serving_places

MEASURES = re.compile(
    r"(?i)metric|telemetry|observab|newrelic|new_relic|datadog|ddtrace|(?:^|_)dd_|statsd|prometheus|promql|instana|elastic_?apm|appdynamics"
    r"|dynatrace|opencensus|opentracing|honeycomb|logfire|scout_?apm|skywalking|appsignal|azure[._-]monitor|applicationinsights|xray"
    r"|graphite|influx|^cloudwatch|stackdriver|riemann|jaeger|zipkin|(?:^|_)otel(?:_|$)|pyroscope|librato|collectd|(?:celery|rq)[_-]\w*exporter|flower|beeline"
)
"""Words of what measures: packages, variables, programs. Broader than what a finding names: one of them is enough to be silent."""
EXPOSED = ("# HELP ", "# TYPE ")
"""How the lines begin that say what a number of Prometheus's text format is."""
BROKERS = frozenset("celery rq rqworker dramatiq arq huey_consumer huey_consumer.py taskiq faust".split())
"""Workers that take from a queue, by program."""
UWSGI_NUMBERS = ("stats", "stats-push", "stats-server", "metric", "enable-metrics", "carbon", "snmp")
"""Options by which uWSGI gives or sends the numbers that it keeps of every worker: requests, their time, exceptions (uWSGI 2.0,
core/metrics.c, core/stats.c)."""
TAKES = frozenset("blpop brpop brpoplpush blmove bzpopmin xreadgroup receive_message receive_messages basic_consume basic_get".split())
"""Methods of clients that take the next item of a list, a stream or a queue outside of the process."""


def speaks_of_measuring(project: Project) -> bool:
    """Whether any requirement, import, variable or command of the repository names something that measures."""
    return any(MEASURES.search(text) for text in _words(project))


def made_elsewhere(project: Project, program: Program) -> bool:
    """Whether a class that no framework has makes the application: one of a company's package, which may measure every request."""
    entrypoint = program.home
    if not entrypoint.app or entrypoint.kind != "service":
        return False
    value = project.links.names.name(entrypoint.app.partition("(")[0], entrypoint.main.module.level)
    if value is None or value.kind not in ("made", "external"):
        return False
    known = {name.split(".")[0] for row in all_frameworks() for name in row.apps}
    return value.name.split(".")[0] not in known


def _words(project: Project) -> Iterator[str]:
    for file in project.versions.files:
        if not file.locked:  # a lock names what others need as well
            yield from (row.name for row in file.requirements)
    for module in project.modules:
        yield module.path.rpartition("/")[2]
        for func in module.functions.values():
            yield from (text for text in func.inventory.texts if text == "cloudwatch")
            if any(text.startswith(EXPOSED) for text in func.inventory.texts):
                yield "prometheus"  # its text format, written by hand
            for place in func.by_kind.get(m.Import, ()):
                if isinstance(place.stmt, m.Import):
                    yield place.stmt.target
    for launch in project.launches:
        yield from launch.env
        yield from (link.text for link in launch.chain)
    for compose in project.artifacts_of(a.ComposeFile):
        for service in compose.services:
            yield service.name
            yield from (variable.name for variable in service.env)
            yield service.image.text if service.image is not None else ""
    for manifest in project.artifacts_of(a.KubernetesFile):
        for container in (c for w in manifest.workloads for c in w.containers):
            yield from (variable.name for variable in container.env)
            yield container.image.text if container.image is not None else ""
    for config in project.artifacts_of(a.UwsgiConfig):
        yield from ("uwsgi metrics" for option in UWSGI_NUMBERS if config.get(option) is not None)
    for dotenv in project.artifacts_of(a.DotenvFile):
        yield from (variable.name for variable in dotenv.variables)


def has_queue(project: Project, program: Program) -> bool:
    """Whether a worker takes its work from a queue or a broker, so that work can pile up unseen."""
    if program.entrypoint.kind != "worker":
        return False
    if program.entrypoint.framework in BROKERS:
        return True
    if any(c.system is not None and c.func.module in program.modules for c in project.jobs.consumers):
        return True
    return any(s.method in TAKES for module in program.modules for func in module.functions.values() for s in func.sites)


def place_to_measure(project: Project, program: Program) -> tuple[str, int]:
    """Where a program's measuring would be written: a service's application, the loop of a worker, else where it begins."""
    entrypoint = program.home
    if entrypoint.kind == "service":
        made = {name for row in all_frameworks() for name in row.apps}
        sites = [s for s in project.sites(*made) if s.function.module in program.modules]
        best = min(sites, key=lambda s: (s.function.module is not entrypoint.main.module, s.path, s.line), default=None)
        return (best.path, best.line) if best is not None else (entrypoint.path, entrypoint.line)
    place = next((p for e in program.all for p in serving_places(project, e) if p.how in ("loop", "call")), None)
    return (place.function.path, place.line) if place is not None else (entrypoint.path, entrypoint.line)

