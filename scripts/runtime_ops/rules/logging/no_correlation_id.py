"""Records of one request or job that nothing ties together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.log_calls import LogCall, log_call
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._programs import Program, components, deployed, log_calls, sequential, traced_around

RULE = Rule(
    __name__,
    severity="low",
    summary="No request, job or trace id is bound to the log records of a service or worker.",
    lead=True,
)
WORDS = (
    "request_id",
    "requestid",
    "correlation",
    "trace_id",
    "traceid",
    "x-request-id",
    "otelTraceID",
    "job_id",
    "task_id",
    "span_id",
)


NO_BINDING = (
    "sentry_sdk.",
    "logging.Logger.addFilter",
    "logging.Handler.addFilter",
    "celery.utils.log.get_task_logger",
)

AGENTS = re.compile(r"(elasticapm|logfire|ddtrace|newrelic)(\.|$)")
"""Their integrations add trace ids to log records (elastic-apm 6.22, logfire 4.0, ddtrace 3.0, newrelic 10.0)."""
VALUES = (m.Name, m.Call, m.Subscript, m.Attr, m.Format)
NAMELESS = 0.25  # share of lines without any value from which concurrent work can't be followed
FEW = 2  # log calls of a program between which there is something to tell apart


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for component in components(project):
        missing = [program for program in component if lacks_id(project, program)]
        if not missing:
            continue
        first, *others = missing
        entrypoint = first.entrypoint
        unit = "request" if entrypoint.kind == "service" else "job"
        yield RULE.finding(
            first.home.path,
            first.home.line,
            f"No {unit} or trace id is bound to the log records of {entrypoint.kind} {entrypoint.path}: the lines of concurrent {unit}s "
            f"cannot be told apart",
            f"bind an id for each {unit} (middleware, contextvars and a logging filter, or trace ids) and put it into the format",
            confidence="likely" if any(_nameless(program) for program in missing) else "possible",
            entrypoints=[program.entrypoint for program in missing],
            phase="serving",
            anchor=entrypoint.id,
            count=len(missing),
            also=[Evidence(p.home.path, p.home.line, "the same") for p in others[:8]],
        )


def _nameless(program: Program) -> bool:
    """Whether many lines hold no value at all: a line that names its order or its build can be told apart by that."""
    calls = [c for module in program.modules for func in module.functions.values() for c in map(log_call, func.sites) if c is not None]
    bare = sum(not any(isinstance(n, VALUES) for e in (*c.site.call.args, *_fields(c)) for n in m.walk(e)) for c in calls)
    return bare >= NAMELESS * len(calls)


def _fields(call: LogCall) -> tuple[m.Expr, ...]:
    return tuple(value for key, value in call.site.call.keywords if key not in ("exc_info", "stack_info", "stacklevel"))


def _agent(program: Program) -> bool:
    """Whether the program imports, or names in its settings, an agent that puts the ids of its traces on each record by itself."""
    for module in program.modules:
        if any(b.kind == "import" and AGENTS.match(b.text) for found in module.level.bindings.values() for b in found):
            return True
        texts = (n.value for b in module.level.bindings.get("INSTALLED_APPS", ()) if b.expr is not None for n in m.walk(b.expr)
                 if isinstance(n, m.Const) and isinstance(n.value, str))  # fmt: skip
        installed = (s.call.args[0].value for s in module.level.sites if s.text == "INSTALLED_APPS.append" and s.call.args
                     and isinstance(s.call.args[0], m.Const))  # fmt: skip
        if any(AGENTS.match(str(text)) for text in (*texts, *installed)):
            return True
    return False


def lacks_id(project: Project, program: Program) -> bool:
    """Whether the program's records of several requests or jobs at a time can't be told apart."""
    if not any(use.structured and use.function.module in program.modules for use in project.log_parts):
        return False  # of plain text another rule says that nothing in it can be queried, ids included
    if log_calls(program) < FEW or not deployed(project, program) or correlates(project, program) or traced_around(program):
        return False
    if _agent(program):
        return False
    if program.entrypoint.framework == "tornado" and not any(f.facts.is_async for x in program.modules for f in x.functions.values()):
        return False  # one request after the other on one loop
    return not sequential(project, program)  # one job after another: its lines stand together


def correlates(project: Project, program: Program) -> bool:
    """Whether anything that the program imports binds an id to records: a known part, or names that say so."""
    modules = program.modules
    for use in project.log_parts:
        binds = use.role in ("correlate", "middleware", "filter") and not use.name.startswith(NO_BINDING)
        if binds and use.function.module in modules:
            return True
    return any(mentions_id(module.path, project) for module in modules)


def mentions_id(path: str, project: Project) -> bool:
    """Whether a module handles an id by name near logging: a binding, parameter, or text of that name."""
    module = project.index.modules[path]
    for func in module.functions.values():
        for name in func.bindings:
            if any(word in name.lower() for word in WORDS[:5]):
                return True
    return False
