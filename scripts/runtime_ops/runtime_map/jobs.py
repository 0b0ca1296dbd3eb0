"""Jobs: what each may cost and how often it is tried, from its own options or the system's defaults."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, MapRow
from runtime_ops.libraries.jobs import JobSystem
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.jobs import Job
from runtime_ops.runtime_map.reach import of_function


def rows(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """One row a job that the entrypoint can run; where it is put into a queue stands as its source."""
    places: dict[object, list[Job]] = {}
    for job in project.jobs.jobs:
        places.setdefault(job.func, []).append(job)
    for found in places.values():
        job = next((j for j in found if j.system is not None and j.how != "enqueue"), found[0])
        where = of_function(project, entrypoint, job.func)
        if where is None:
            continue
        source = tuple(Evidence(j.path, j.line, j.how) for j in found if (j.path, j.line) != (job.func.path, job.func.line))
        bound = "; ".join(_said(job.system, job.options)) if job.system is not None else None
        limited = job.system is not None and _given(job.options, job.system.time_limit_parameters, job.system.time_limit) is not None
        yield MapRow(
            "job", f"{job.system.name + ' ' if job.system is not None else ''}{job.func.name}", job.func.path, job.func.line,
            where.phase, "ok" if limited else "unknown", bound, source,
        )  # fmt: skip


def _said(system: JobSystem, options: m.Call | None) -> Iterator[str]:
    """Limit, tries and acknowledgement. What a setting for all jobs says is not in here: it stands among the settings."""
    limit = _given(options, system.time_limit_parameters, system.time_limit)
    yield f"limit {limit}" if limit is not None else "no time limit of its own"
    tries = _given(options, system.retry_parameters, system.max_retries)
    yield f"{tries} retries" if tries is not None else "retries without limit" if system.max_retries is None else "retries not known"
    early = _given(options, system.ack_parameters[:1], None)
    if system.ack:
        yield f"acknowledged {system.ack} the job" + (f" ({system.ack_parameters[0]} {early})" if early is not None else "")


def _given(options: m.Call | None, names: tuple[str, ...], default: object) -> str | None:
    """An option as it is written, else the default; None when neither is there."""
    for name in names:
        value = options.keyword(name) if options is not None else None
        if value is not None:
            return str(value.value) if isinstance(value, m.Const) else "computed"
    return f"{default} (the default)" if default is not None else None
