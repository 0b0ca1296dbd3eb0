"""Jobs that may run for ever."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.jobs import JobSystem
from runtime_ops.project.build import Project
from runtime_ops.project.jobs import Job
from runtime_ops.project.model import Site
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.jobs._time_limits import limits_all_jobs, unread_settings

RULE = Rule(__name__, severity="medium", summary="No time limit ends a hung job.")


FEW = 3  # jobs that hold a slot now and then


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
        if not system.time_limit_settings or any(_own_limit(j, system) for j in jobs):
            continue
        if limits_all_jobs(project) or unread_settings(project):
            continue
        place = _application(project, system)
        func = jobs[0].func
        path, line = (place.path, place.line) if place is not None else (func.path, func.line)
        hangs = _may_hang(project, jobs)
        yield RULE.finding(
            path, line,
            f"{system.name} has no time limit by default and none is set: a job that hangs (a call without a "
            "time-out, a lock) holds its "
            f"worker slot until somebody restarts it; {len({j.func for j in jobs})} job functions are concerned",
            f"set {' and '.join(system.time_limit_settings[:2])} for all jobs, and longer ones on the few that "
            "need them",
            severity="low" if hangs is None or len({j.func for j in jobs}) < FEW else None,
            confidence="likely" if hangs is not None else "possible",
            trace=(Evidence(hangs.site.path, hangs.site.line, f"{hangs.site.text}() waits without a limit"),) if hangs else (),
            entrypoints=project.imported_by(func.module, "worker", "service"), phase="serving", anchor=f"{system.name} without time limit",
            count=1,
        )  # fmt: skip


def _may_hang(project: Project, jobs: list[Job]) -> WaitSite | None:
    """A wait without limit for something outside the process, in what one of the jobs does: such a job can hang."""
    funcs = {job.func for job in jobs}
    for wait in project.waits:
        work = project.jobs.work.get(wait.site.function) if wait.leaves_the_process else None
        if work is not None and work.job is not None and work.job.func in funcs and wait.deadline.state == "unbounded":
            return wait
    return None


def _own_limit(job: Job, system: JobSystem) -> bool:
    return job.options is not None and (
        job.options.expands or any(job.options.keyword(p) is not None for p in system.time_limit_parameters)
    )


def _application(project: Project, system: JobSystem) -> Site | None:
    """Where the application is made: the settings for all jobs belong there."""
    makers = {
        d.rpartition(".")[0] for d in system.decorators if d.rpartition(".")[0][:1] and d.split(".")[-2][:1].isupper()
    }
    return next(iter(project.links.sites(*makers)), None) if makers else None
