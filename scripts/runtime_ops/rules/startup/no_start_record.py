"""A service whose start leaves no trace of what was started."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.facts.artifact_values import Value
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Module, own_expressions
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._programs import Program, log_calls

RULE = Rule(
    __name__,
    severity="low",
    summary="A service never logs which version or build was started.",
    alone=False,
    lead=True,
)
VERSION = re.compile(r"version|revision|commit|build|git_?sha|release", re.IGNORECASE)
RESOURCE = "OTEL_RESOURCE_ATTRIBUTES"
FEW = 2  # log calls of a service from which its logs are worth a line that names the build
VERSION_KEY = re.compile(r"(?i)^(app_?)?(version|revision|commit|build|release)$")
VERSION_NAME = re.compile(r"(^|_)(VERSION|REVISION|COMMIT|GIT_SHA|BUILD_ID|RELEASE)$")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    silent = list(_silent(project))
    if not silent:
        return
    silent.sort(key=lambda entrypoint: not _rolls_out(entrypoint))
    first, *others = silent
    subject = first.path if not others else f"{first.path} and {len(others)} other services"
    yield RULE.finding(
        first.path,
        first.line,
        f"nothing that {subject} run{'s' if not others else ''} records its version or build: during an incident or a roll-out the "
        "logs cannot tell which build answered",
        "log one line at start-up with version, commit and the settings that matter (without secrets)",
        phase="startup",
        confidence="certain" if _rolls_out(first) else "likely",
        entrypoints=silent,
        anchor=first.id,
        count=len(silent),
        also=[Evidence(e.path, e.line, "the same") for e in others[:8]],
    )


def _rolls_out(entrypoint: Entrypoint) -> bool:
    """Whether a cluster replaces its copies one by one, so that two builds do answer at a time."""
    return any(x.platform == "kubernetes" and x.role != "management" for x in entrypoint.production)


def _silent(project: Project) -> Iterator[Entrypoint]:
    """The services that production starts and that tell no version."""
    for entrypoint in project.entrypoints:
        if entrypoint.kind != "service" or not any(x.platform != "packaging" for x in entrypoint.production):
            continue
        if entrypoint.framework != "django" and log_calls(Program(entrypoint, ())) < FEW:
            continue  # its logs tell nothing of anything; what Django loads by its settings is not among the imports
        modules = sorted(entrypoint.modules, key=lambda module: module.path)
        if not any(map(_tells, modules)) and not _elsewhere(project, entrypoint):
            yield entrypoint


def _elsewhere(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether the version is asked for by a setting, a route, or given as an attribute of all telemetry."""
    modules = entrypoint.modules
    if any(VERSION_NAME.search(r.name) and r.function.module in modules for r in project.settings):
        return True
    if any(VERSION.search(r.path) and (r.func is None or r.func.module in modules) for r in project.routes):
        return True
    given = [(name, v) for x in entrypoint.production for name, (v, _) in x.env.items()]
    if any(name == RESOURCE for name, _ in given) and _resource_version(project):
        return True
    return any(VERSION.search(name) or (v.value is not None and "version" in v.value.text.lower()) for name, v in given)


def _resource_version(project: Project) -> bool:
    """Whether a dotenv file, from which artifacts take variables, gives telemetry's resource a version."""
    return any(
        v.name == RESOURCE and "version" in str(v.value.text if isinstance(v.value, Value) else v.value)
        for file in project.artifacts_of(a.DotenvFile)
        for v in file.variables
    )


@cache
def _tells(module: Module) -> bool:
    """Whether a module handles a version or build at all: a name, or an argument of any call, speaks of one."""
    for func in module.functions.values():
        for site in func.sites:
            if VERSION.search(repr(site.call.args) + repr(site.call.keywords)):
                return True  # wherever it ends: a log line, a header, a page, a resource attribute
        if any(_answers_version(place.stmt) for place in func.places):
            return True
        if any(VERSION.search(name) for name in func.bindings):
            return True
    return False


def _answers_version(stmt: m.Stmt) -> bool:
    """``{"version": app_version}``, which a health or settings route answers; a number is the version of a format."""
    return any(
        isinstance(key, m.Const)
        and isinstance(key.value, str)
        and VERSION_KEY.search(key.value)
        and not isinstance(value, m.Const)
        for expr in own_expressions(stmt)
        for node in m.walk(expr)
        if isinstance(node, m.Mapping)
        for key, value in node.items
    )
