"""Once-only work in the start of every worker or replica."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.startup._reads import for_development

RULE = Rule(
    __name__,
    severity="medium",
    summary="Migrations or seeding run in the start-up of every worker or replica, without a lock.",
)
MIGRATIONS = (
    "alembic.command.upgrade",
    "flask_migrate.upgrade",
    "django.core.management.call_command",
    "tortoise.Tortoise.generate_schemas",
)
CREATES = re.compile(r"(^|\.)metadata\.create_all$|^db\.create_all$")
LOCKS = re.compile(r"advisory|lock|leader|mutex", re.IGNORECASE)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    seen = set()
    for site in _once_only(project):
        if for_development(site.path) or _locked(project, site.function):
            continue
        for entrypoint, phases in project.phases(site).items():
            if entrypoint.kind != "service" or not phases & {"import", "startup"} or phases & {"serving"}:
                continue
            several = _several(entrypoint)
            if several is None or (site.path, site.line) in seen:
                continue
            seen.add((site.path, site.line))
            launch, how = several
            yield RULE.finding(
                site.path,
                site.line,
                f"{site.text}() changes the database in the start-up of {entrypoint.path}, which runs with {how}: they start at the "
                "same time and race for the same tables, and a rolling start migrates while old code serves",
                "run it once, before: a job, an init container or release phase; or hold an advisory lock around it",
                phase="startup",
                entrypoints=(entrypoint,),
                trace=[Evidence(x.path, x.line, x.text) for x in launch.chain],
                anchor=f"{site.function.qualname}:{site.text}",
            )


def _once_only(project: Project) -> Iterator[Site]:
    for site in project.sites(*MIGRATIONS):
        if not (site.dotted or "").endswith("call_command") or "migrate" in repr(site.call.args[:1]):
            yield site
    for func in project.functions:
        for site in func.sites:
            if CREATES.search(site.text):
                yield site


def _locked(project: Project, func: Func) -> bool:
    """Whether the function, or one that calls it, speaks of a lock."""
    around = [func, *(e.caller for e in project.links.callers.get(func, ()))]
    return any(LOCKS.search(s.text) or LOCKS.search(repr(s.call.args)) for f in around for s in f.sites)


def _several(entrypoint: Entrypoint) -> tuple[Launch, str] | None:
    for launch in entrypoint.production:
        option = launch.options.get("workers")
        workers = option.value if option is not None else None
        if workers is not None and workers.isdigit() and int(workers) > 1 and "preload" not in launch.options:
            return launch, f"{workers} workers"
        if launch.replicas is not None and launch.replicas > 1:
            return launch, f"{launch.replicas} replicas"
    return None
