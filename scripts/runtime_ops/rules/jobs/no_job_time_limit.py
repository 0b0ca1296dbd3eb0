"""Jobs that may run for ever."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.jobs import JobSystem
from runtime_ops.project.build import Project
from runtime_ops.project.jobs import Job
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule

RULE = Rule(__name__, severity="medium", summary="No time limit ends a hung job.")
NAMES = re.compile(r"time_?limit", re.I)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    systems: dict[str, tuple[JobSystem, list[Job]]] = {}
    for job in project.jobs.jobs:
        if job.system is not None and job.how in ("decorator", "class") and job.system.kind == "queue":
            systems.setdefault(job.system.name, (job.system, []))[1].append(job)
    for system, jobs in systems.values():
        if (
            system.time_limit is not None
            or not system.sure
            or not (system.time_limit_settings or system.time_limit_parameters)
        ):
            continue
        if not system.time_limit_settings or _limited(project, system) or any(_own_limit(j, system) for j in jobs):
            continue
        place = _application(project, system)
        func = jobs[0].func
        path, line = (place.path, place.line) if place is not None else (func.path, func.line)
        yield RULE.finding(
            path, line,
            f"{system.name} has no time limit by default and none is set: a job that hangs (a call without a "
            "time-out, a lock) holds its "
            f"worker slot until somebody restarts it; {len({j.func for j in jobs})} job functions are concerned",
            f"set {' and '.join(system.time_limit_settings[:2])} for all jobs, and longer ones on the few that "
            "need them",
            entrypoints=project.imported_by(func.module, "worker", "service"), phase="serving", anchor=f"{system.name} without time limit",
            count=1,
        )  # fmt: skip


def _own_limit(job: Job, system: JobSystem) -> bool:
    return job.options is not None and (
        job.options.expands or any(job.options.keyword(p) is not None for p in system.time_limit_parameters)
    )


def _limited(project: Project, system: JobSystem) -> bool:
    """Whether a setting for all jobs is written anywhere: in code, on a command line, in an artifact."""
    for launch in project.launches:
        words = (*launch.argv, *launch.options, *launch.env)
        if any(NAMES.search(word.replace("-", "_")) for word in words):
            return True
    for func in project.functions:
        for name in func.bindings:
            if NAMES.search(name):
                return True
        for site in func.sites:
            if any(k is not None and NAMES.search(k) for k, _ in site.call.keywords):
                return True
        for place in func.places:
            if isinstance(place.stmt, m.Assign) and any(
                isinstance(n, m.Const) and isinstance(n.value, str) and len(n.value) < 40 and NAMES.search(n.value)
                for n in m.walk((place.stmt.targets, place.stmt.value))
            ):
                return True
    for module in project.modules:
        for klass in module.classes.values():
            if any(NAMES.search(name) for name in klass.attributes):
                return True
    return False


def _application(project: Project, system: JobSystem) -> Site | None:
    """Where the application is made: the settings for all jobs belong there."""
    makers = {
        d.rpartition(".")[0] for d in system.decorators if d.rpartition(".")[0][:1] and d.split(".")[-2][:1].isupper()
    }
    return next(iter(project.links.sites(*makers)), None) if makers else None
