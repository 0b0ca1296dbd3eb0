"""Whether something ends a job that takes too long: the job system of its worker, or a limit that the project sets for all jobs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.libraries.jobs import JobSystem, all_job_systems
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.rules.jobs._time_limits import limits_all_jobs, unread_settings


def job_limit_holds(project: Project, entrypoints: Iterable[Entrypoint]) -> bool | None:
    """Whether every entrypoint is a worker whose job system ends a job by itself, or by a limit that the project sets for
    all jobs. None: the settings come from a package that was not read, so that nobody knows."""
    named = list(entrypoints)
    if not named or any(e.kind != "worker" for e in named):
        return False
    rows = [_job_system(project, e) for e in named]
    missing = [row for row in rows if row is None or row.time_limit is None or _switched_off(project, row)]
    if any(row is None or not row.time_limit_settings for row in missing):
        return False
    if missing and not limits_all_jobs(project):
        return None if unread_settings(project) else False
    return True


def job_system_ends(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether the job system of a worker ends a job that takes too long by itself, and nobody switches that off."""
    row = _job_system(project, entrypoint)
    return row is not None and row.time_limit is not None and not _switched_off(project, row)


def _job_system(project: Project, entrypoint: Entrypoint) -> JobSystem | None:
    """The job system of a worker; of a module whose worker is not started here the one that all its jobs are of."""
    if entrypoint.framework:
        return next((row for row in all_job_systems() if row.name == entrypoint.framework), None)
    module = entrypoint.main.module
    systems = [job.system for job in project.jobs.by_func.values() if job.func.module is module]
    return systems[0] if systems and all(system is systems[0] for system in systems) else None


@cache
def _switched_off(project: Project, row: JobSystem) -> bool:
    """Whether the project switches off the limit that a job system has by itself: ``Queue(default_timeout=-1)``,
    ``"DEFAULT_TIMEOUT": int(os.environ.get("JOB_TIMEOUT", -1))``."""
    names = {*row.time_limit_settings, *row.time_limit_parameters} - {"timeout"}  # which is a parameter of anything
    for func in project.functions:
        given = [value for site in func.sites for key, value in site.call.keywords if key in names]
        given += [b.expr for name, bound in func.bindings.items() for b in bound if name.rpartition(".")[2] in names and b.expr]
        for place in func.places:
            if isinstance(place.stmt, m.Assign) and place.stmt.value is not None:
                tables = (n for n in m.walk(place.stmt.value) if isinstance(n, m.Mapping))
                given += [v for n in tables for k, v in n.items if isinstance(k, m.Const) and k.value in names]
        if any(_minus_one(e) or any(_minus_one(a) for c in m.calls(e) for a in c.args) for e in given):
            return True
    return False


def _minus_one(expr: object) -> bool:
    if isinstance(expr, m.UnaryOp):
        return expr.op == "-" and isinstance(expr.operand, m.Const) and expr.operand.value == 1
    return isinstance(expr, m.Const) and str(expr.value) == "-1"
