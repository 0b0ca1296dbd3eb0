"""A scheduler in every worker process or replica."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Site
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule

RULE = Rule(__name__, severity="high", summary="A scheduler starts in every worker process or replica.", lead=True)
SCHEDULERS = (
    "apscheduler.schedulers.background.",
    "apscheduler.schedulers.asyncio.",
    "apscheduler.schedulers.gevent.",
    "apscheduler.schedulers.base.",
    "apscheduler.schedulers.tornado.",
)
LOCKED = re.compile(
    r"lock|leader|flock|fcntl|advisory|primary|is_master|run_scheduler|ENABLE_SCHED|SCHEDULER_ENABLED|uwsgi\.worker_id",
    re.I,
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for dotted, sites in list(project.links.by_dotted.items()):
        if not dotted.startswith(SCHEDULERS) or not dotted.endswith(".start"):
            continue
        for site in sites:
            if _locked(site):
                continue
            for entrypoint in project.runs_in(site, "import", "startup", kinds=("service",)):
                many = _many(entrypoint)
                if many is None:
                    continue
                evidence, how = many
                finding = RULE.at(
                    project, site,
                    f"The scheduler starts in every process of the service, and {how}: each scheduled job runs "
                    "that many times, at the same moment",
                    "start it in a process of its own (one replica), or behind a lock that one process holds",
                )  # fmt: skip
                yield RULE.finding(
                    finding.path, finding.line, finding.message, finding.remedy, phase=finding.phase, entrypoints=(entrypoint,),
                    trace=(*finding.trace, evidence), anchor=finding.anchor,
                )  # fmt: skip
                break


def _locked(site: Site) -> bool:
    tests = [s.stmt.test for s in site.steps if isinstance(s.stmt, m.If)]
    withs = [item for s in site.steps if isinstance(s.stmt, m.With) for item, _ in s.stmt.items]
    return any(LOCKED.search(source_of(e)) for e in (*tests, *withs)) or any(
        LOCKED.search(s.text) for s in site.function.sites
    )


def _many(entrypoint: Entrypoint) -> tuple[Evidence, str] | None:
    """Where an artifact says that there are several processes."""
    for launch in entrypoint.production:
        for name, option in _options(launch):
            if name in ("workers", "w", "processes", "worker-processes") and option.isdigit() and int(option) > 1:
                return Evidence(launch.path, launch.line, f"{name} {option}"), f"{launch.path} starts {option} workers"
        replicas = getattr(launch, "replicas", None)
        if isinstance(replicas, int) and replicas > 1:
            return Evidence(
                launch.path, launch.line, f"replicas: {replicas}"
            ), f"{launch.path} runs {replicas} replicas"
    return None


def _options(launch: object) -> Iterator[tuple[str, str]]:
    options = getattr(launch, "options", {}) or {}
    items = options.items() if hasattr(options, "items") else ((getattr(o, "name", ""), o) for o in options)
    for name, option in items:
        yield str(name).lstrip("-"), str(getattr(option, "value", option))
