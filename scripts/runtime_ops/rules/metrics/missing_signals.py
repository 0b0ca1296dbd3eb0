"""A service or worker of which nobody can see how long, how many and how many fail."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import ComposeFile, KubernetesFile
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.observability import Instrument, all_instruments, instrument
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import WORKER_PROGRAMS, Entrypoint
from runtime_ops.project.model import Module, Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._programs import (
    CONTAINERS,
    Program,
    components,
    deployed,
    operated,
    placed,
    programs,
    traced_around,
    unread_imports,
)
from runtime_ops.rules.metrics._unmeasured import has_queue, made_elsewhere, place_to_measure, speaks_of_measuring

RULE = Rule(
    __name__,
    severity="low",
    summary="No code, library or exporter records latency, errors or queue depth of a service or worker.",
    lead=True,
)
RECORDS = ("counter", "gauge", "histogram", "summary", "observe", "instrument")
METRIC_READERS = (
    "opentelemetry.sdk.metrics.",
    "opentelemetry.metrics.set_meter_provider",
    "opentelemetry.exporter.prometheus",
)
OWN_RECORDERS = frozenset(
    "increment incr gauge histogram timing timer timed counter observe distribution put_metric record_metric put_metric_data".split()
)
OWN_RECEIVER = re.compile(r"(?i)metric|statsd|telemetry|stats$|meter")
UNREAD = re.compile(
    r"(?i)metric|telemetry|observability|newrelic|datadog|ddtrace|statsd|prometheus|instana|elastic_?apm|appdynamics|dynatrace"
    r"|opencensus|honeycomb|logfire|scout_apm|skywalking|appsignal|azure\.monitor|applicationinsights|xray"
)
"""Packages that measure, by name."""
SENTRY = "sentry_sdk.init"
SAMPLED = ("traces_sample_rate", "traces_sampler", "enable_tracing", "profiles_sample_rate", "profile_session_sample_rate")
"""Arguments by which Sentry also records how long things take (sentry-sdk 2.75.0)."""
SETTINGS = re.compile(r"(?i)(?:^|[/_.])(?:settings?|conf|config)(?:[/_.]|$)")
"""Modules that hold settings, by path: of several, production may take another than the one that the code names."""
EXPORTERS = re.compile(r"(?i)(?:celery|rq)[\w-]*exporter|(?:^|[/-])flower(?:[:@-]|$)")
"""Images that measure a job system from outside."""
SCRIPT = 4
"""Modules below which a program is a script beside others."""
OUTCOMES = frozenset(("status", "status_code", "code", "outcome", "result", "success", "error", "exception", "state"))
NOTHING = ("records no metric", "has traces, but no metric")
DEPTH_BESIDE = "is traced and tracked, and nothing records its queue depth"
UNMEASURED = (NOTHING[0], DEPTH_BESIDE)
DEPTH_ONLY = "has metrics, but none of queue depth"
# what instrument names say: a metric of this program's own work
WORDS = {
    "latency": ("latency", "duration", "seconds", "time", "elapsed"),
    "errors": ("error", "fail", "exception", "5xx", "reject"),
    "depth": ("queue", "depth", "backlog", "pending", "in_flight", "inflight", "in_progress", "lag", "size"),
}


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    bare: list[tuple[Program, str]] = []
    for component in components(project):
        if not any(deployed(project, program) for program in component):
            continue
        told = [(program, what) for program in component if (what := what_is_missing(project, program))]
        if not told:
            continue
        if all(what in UNMEASURED for _, what in told) and shipped(project, component):
            bare += told
        else:
            yield _of_some(project, told)
    if bare and not speaks_of_measuring(project) and not any(made_elsewhere(project, program) for program, _ in bare):
        yield _of_all(project, [program for program, _ in bare], tracked=any(what == DEPTH_BESIDE for _, what in bare))
    elif bare:
        yield _of_some(project, bare)


def _of_some(project: Project, told: list[tuple[Program, str]]) -> Finding:
    """What programs of one code base do not measure, while something else may."""
    (first, what), *others = told
    entrypoint = first.entrypoint
    # a worker of no job system may have no queue whose depth there is to tell
    # and where nothing beside it is measured either, that is a decision about the product
    sure = any(
        (w != DEPTH_ONLY or p.entrypoint.framework in WORKER_PROGRAMS) and (w not in NOTHING or beside_measured(project, p))
        for p, w in told
    )
    return RULE.finding(
        first.home.path,
        first.home.line,
        f"{entrypoint.kind} {entrypoint.path} {what}: slow or failing work is first seen by its users, or line by line in logs",
        "instrument the framework (prometheus or OpenTelemetry) and add error, queue-depth, startup and shutdown metrics",
        confidence="likely" if sure else "possible",
        phase="serving",
        entrypoints=[program.entrypoint for program, _ in told],
        anchor=entrypoint.id,
        count=len(told),
        also=[Evidence(p.home.path, p.home.line, f"the same: {w}") for p, w in others[:8]],
    )


def _of_all(project: Project, bare: list[Program], *, tracked: bool) -> Finding:
    """That no program which the repository ships measures anything: once for all, first of them one with a queue. ``tracked``: an
    error tracker samples how long some of the work takes."""
    queued = [program for program in bare if has_queue(project, program)]
    first, *others = sorted(bare, key=lambda p: (p not in queued, p.home.path, p.home.line))
    path, line = place_to_measure(project, first)
    waits = "how much waits in its queue and since when"
    work = "how long its work takes or how much of it fails"
    unseen = waits if tracked and queued else f"{waits}, {work}" if queued else work
    return RULE.finding(
        path,
        line,
        f"nothing in the repository records a metric, and {first.entrypoint.kind} {first.entrypoint.path} is deployed: no number "
        f"tells {unseen}, and no alert can be set on one",
        "count and time its work here (prometheus_client or OpenTelemetry, by the framework's instrumentation)"
        + (", and export the queue's depth and the age of what waits" if queued else ""),
        severity="medium" if queued and not tracked else "low",
        confidence="certain" if any(_measured_for(program, program in queued) for program in bare) else "possible",
        phase="serving",
        entrypoints=[program.entrypoint for program in (first, *others)],
        anchor="nothing",
        count=len(bare),
        also=[Evidence(p.home.path, p.home.line, f"{p.entrypoint.kind}: the same") for p in others[:8]],
    )


def _measured_for(program: Program, queued: bool) -> bool:
    """Whether somebody operates the program who would read its numbers: an artifact says where it runs, or it is a grown service.
    Of a small one that a compose file alone starts, where work can pile up in a queue; and a script that loops is watched from
    outside."""
    if operated(program) and (program.entrypoint.kind == "service" or len(program.modules) >= SCRIPT):
        return True
    return queued and (operated(program) or placed(program, "compose"))


def shipped(project: Project, component: tuple[Program, ...]) -> bool:
    """Whether an artifact says how one of the programs is run for others. An image alone that starts a script of its own is as often
    a tool that somebody runs at home; one that starts a server program, or works off a queue, is not."""
    launches = [
        x for program in component for e in program.all for x in e.production if x.role == "main" and x.platform in CONTAINERS
    ]
    served = any(x.platform != "dockerfile" or x.server is not None for x in launches)
    return bool(launches) and (served or any(has_queue(project, program) for program in component))


def what_is_missing(project: Project, program: Program) -> str:
    """What a program does not measure, in words; empty when it measures, or something around it does."""
    if traced_around(program) or named_in_settings(project, program) or serves_metrics(project, program):
        return ""
    uses = instruments_of(project, program)
    missing = missing_of(program.entrypoint, uses)
    if missing == ["queue depth"] and not measures(uses):
        # an error tracker that also samples tells how long jobs take and which fail, and not how many wait
        return DEPTH_BESIDE if program.entrypoint.framework in WORKER_PROGRAMS else ""
    if counts_outcomes(program):
        missing = [name for name in missing if name != "errors"]
    if not missing:
        return ""
    if records_by_own_means(program):
        return ""
    if measures(uses):
        return "has metrics, but none of " + ", ".join(missing)
    if measured_elsewhere(project, program) or exported_by_another(project, program):
        return ""
    traced = any(row.role in RECORDS and traces_only(row) for row, _ in uses)
    return NOTHING[1] if traced else NOTHING[0]


def measures(uses: list[tuple[Instrument, Site]]) -> bool:
    """Whether any of the calls records a metric; spans and an error tracker do not."""
    return any(row.role in RECORDS and not traces_only(row) and not row.call.startswith("sentry_sdk.") for row, _ in uses)


def counts_outcomes(program: Program) -> bool:
    """Whether an instrument of the project's own is made with a label for the outcome:
    ``RequestCounter("api_requests", "…", ("method", "status_code"))``."""
    for module in program.modules:
        for site in module.level.sites:
            kind = site.text.rpartition(".")[2].lower()
            if not kind.endswith(("counter", "histogram", "summary")):
                continue
            given = (*site.call.args[2:], *(value for _, value in site.call.keywords))
            words = {text.lower() for each in given for text in m.texts(each)}
            if words & OUTCOMES:
                return True
    return False


def exported_by_another(project: Project, program: Program) -> bool:
    """Whether an exporter beside the program asks its job system: ``danihodovic/celery-exporter`` in a compose file or a chart."""
    if program.entrypoint.framework not in WORKER_PROGRAMS:
        return False
    images = [s.image for file in project.artifacts_of(ComposeFile) for s in file.services]
    images += [c.image for file in project.artifacts_of(KubernetesFile) for w in file.workloads for c in w.containers]
    return any(EXPORTERS.search(str(getattr(image, "text", image) or "")) for image in images)


def beside_measured(project: Project, program: Program) -> bool:
    """Whether a program that the same artifact starts (a compose file, a chart, a Procfile) is measured: there somebody looks at
    metrics, and this one is left out."""
    own = _artifacts(program)
    return any(
        other is not program and own & _artifacts(other) and measures(instruments_of(project, other))
        for other in programs(project)
    )


def _artifacts(program: Program) -> set[str]:
    """The files by which production starts the program; that a package offers a command deploys nothing."""
    return {
        x.chain[0].path for e in program.all for x in e.production if x.role == "main" and x.platform != "packaging" and x.chain
    }


def records_by_own_means(program: Program) -> bool:
    """Whether the program's code calls a recorder of the project's own: ``metrics.increment(…)``, ``provider.timer(…)``."""
    return any(
        site.method in OWN_RECORDERS
        and (site.dotted is None or instrument(site.dotted) is None)
        and OWN_RECEIVER.search(site.text.rpartition(".")[0])
        for module in program.modules
        for func in module.functions.values()
        for site in func.sites
    )


def measured_elsewhere(project: Project, program: Program) -> bool:
    """Whether the program imports a package that measures, by its name, and no table knows: an agent, a company's own."""
    known = {row.call.partition(".")[0] for row in all_instruments()} - {"newrelic", "ddtrace", "elasticapm", "scout_apm", "logfire"}
    return any(text.partition(".")[0] not in known for text in unread_imports(project, program, UNREAD))


def serves_metrics(project: Project, program: Program) -> bool:
    """Whether a route of its own answers with metrics that no known library makes."""
    return any(
        route.path.rstrip("/").endswith("/metrics") and route.func is not None and route.func.module in program.modules
        for route in project.routes
    ) and not instruments_of(project, program)


def named_in_settings(project: Project, program: Program) -> bool:
    """Whether settings name a library that measures the framework by itself (``django_prometheus`` in INSTALLED_APPS): any settings
    of the project, where the program reads some."""
    measuring = {row.call.partition(".")[0] for row in all_instruments() if row.role == "instrument" and row.covers}
    measuring -= {"opentelemetry", "sentry_sdk", "prometheus_client"}  # imported for other reasons as well
    for module in program.modules | settings_of(project, program):
        for node in m.walk(module.level.facts.body):
            if isinstance(node, m.Const) and isinstance(node.value, str) and node.value.partition(".")[0] in measuring:
                return True
    return False


def settings_of(project: Project, program: Program) -> frozenset[Module]:
    """All settings modules of a project whose program reads some: which of them production takes is told from outside."""
    found = frozenset(x for x in project.modules if SETTINGS.search(x.path))
    return found if program.entrypoint.framework == "django" or found & program.modules else frozenset()


def instruments_of(project: Project, program: Program) -> list[tuple[Instrument, Site]]:
    """Metric and trace calls in the modules that the program imports."""
    modules = program.modules
    settings = settings_of(project, program) - modules
    found: list[tuple[Instrument, Site]] = []
    for dotted, sites in project.links.by_dotted.items():
        row = instrument(dotted)
        if row is not None:
            found.extend(
                (row, site)
                for site in sites
                if site.function.module in modules or (dotted == SENTRY and site.function.module in settings)
            )
    return found


def missing_of(entrypoint: Entrypoint, uses: list[tuple[Instrument, Site]]) -> list[str]:
    """Which of latency, errors and (for workers) queue depth nothing records."""
    metrics = any(row.call.startswith(METRIC_READERS) for row, _ in uses)
    covered = {signal for row, _ in uses for signal in row.covers if metrics or not traces_only(row)}
    if any(row.call == SENTRY and (site.call.expands or any(k in SAMPLED for k, _ in site.call.keywords)) for row, site in uses):
        covered.add("latency")
    texts = [_name_of(site).lower() for row, site in uses if row.role in RECORDS]
    wanted = {"latency": "latency", "errors": "errors"}
    if entrypoint.kind == "worker":
        wanted["queue depth"] = "depth"
    labels = {word for _, site in uses for word in label_names(site)}
    missing = []
    for name, key in wanted.items():
        known = covered & ({"queue_depth", "in_flight"} if key == "depth" else {key})
        if key == "errors" and labels & OUTCOMES:
            continue  # a count or a duration by status tells the failures apart
        if not known and not any(word in text for text in texts for word in WORDS[key]):
            missing.append(name)
    return missing


def traces_only(row: Instrument) -> bool:
    """Whether the row makes spans, and metrics only where a metric reader is set up."""
    return row.call.startswith(("opentelemetry.instrumentation.", "opentelemetry.trace."))


def label_names(site: Site) -> Iterator[str]:
    """The label names of a Prometheus instrument."""
    names = site.call.argument("labelnames", 2)
    if isinstance(names, m.Sequence):
        yield from (i.value.lower() for i in names.items if isinstance(i, m.Const) and isinstance(i.value, str))


def _name_of(site: Site) -> str:
    first = site.call.argument("name", 0)
    value = getattr(first, "value", "")
    return f"{value} {site.text}" if isinstance(value, str) else site.text
