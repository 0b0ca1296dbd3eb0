"""A service whose start leaves no trace of what was started."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Module
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="low",
    summary="A service never logs which version or build was started.",
    alone=False,
)
VERSION = re.compile(r"version|revision|commit|build|git_?sha|release", re.IGNORECASE)
VERSION_NAME = re.compile(r"(^|_)(VERSION|REVISION|COMMIT|GIT_SHA|BUILD_ID|RELEASE)$")
EVERYWHERE = re.compile(r"service\.version|service_version|release\s*=|build_info|app_info", re.IGNORECASE)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for entrypoint in project.entrypoints:
        if entrypoint.kind != "service" or not any(x.platform != "packaging" for x in entrypoint.production):
            continue
        if any(map(_tells, sorted(entrypoint.modules, key=lambda module: module.path))) or _elsewhere(project, entrypoint):
            continue
        yield RULE.finding(
            entrypoint.path,
            entrypoint.line,
            f"nothing that {entrypoint.path} runs records its version or build: during an incident or a roll-out the logs cannot "
            "tell which build answered",
            "log one line at start-up with version, commit and the settings that matter (without secrets)",
            phase="startup",
            entrypoints=(entrypoint,),
            anchor=entrypoint.id,
        )


def _elsewhere(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether the version is asked for by a setting, a route, or given as an attribute of all telemetry."""
    modules = entrypoint.modules
    if any(VERSION_NAME.search(r.name) and r.function.module in modules for r in project.settings):
        return True
    if any(VERSION.search(r.path) and (r.func is None or r.func.module in modules) for r in project.routes):
        return True
    texts = (v.value.text for x in entrypoint.production for v, _ in x.env.values() if v.value is not None)
    return any("service.version" in text for text in texts)


@cache
def _tells(module: Module) -> bool:
    """Whether a module logs or exports a version: a log call with such a word, a metric or resource that carries one."""
    for func in module.functions.values():
        for site in func.sites:
            telling = (
                log_call(site) is not None
                or site.method in ("Info", "info", "print", "echo")
                or site.dotted == "sentry_sdk.init"
            )
            text = repr(site.call.args) + repr(site.call.keywords)
            if VERSION.search(text) and (telling or EVERYWHERE.search(text)):
                return True
    return False
