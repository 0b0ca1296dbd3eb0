"""A rare scheduled job is skipped when the scheduler is a second late."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule, together

RULE = Rule(
    __name__, severity="low", summary="A rare scheduled job is skipped for good when the scheduler is a second late.",
    lead=True,
)
RARE = frozenset({"hours", "days", "weeks", "hour", "day", "day_of_week", "week", "month", "year", "run_date"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_findings(project))


def _findings(project: Project) -> Iterator[Finding]:
    for dotted, sites in list(project.links.by_dotted.items()):
        if not dotted.startswith("apscheduler.") or dotted.rpartition(".")[2] not in ("add_job", "scheduled_job"):
            continue
        for site in sites:
            if site.call.expands or site.call.keyword("misfire_grace_time") is not None or not _rare(site):
                continue
            if _defaults(project):
                continue
            yield RULE.at(
                project, site,
                "misfire_grace_time is left at 1 s: if the scheduler is later than that (a busy loop, a "
                "restart, a long job before it), this run is "
                "skipped with a warning only, and the next one is hours or days away",
                "set misfire_grace_time to minutes (None: run however late), and alert on EVENT_JOB_MISSED",
            )  # fmt: skip


def _rare(site: Site) -> bool:
    keys = {k for k, _ in site.call.keywords}
    if keys & RARE:
        return True
    trigger = site.call.argument("trigger", 1 if site.method == "add_job" else 0)
    if isinstance(trigger, m.Call):
        return bool({k for k, _ in trigger.keywords} & RARE) or source_of(trigger.func).endswith("from_crontab")
    return False


def _defaults(project: Project) -> bool:
    """Whether any scheduler is given a default for all jobs."""
    return any(
        isinstance(n, m.Const) and n.value == "misfire_grace_time"
        for func in project.functions
        for place in func.places
        for n in m.walk(place.stmt)
    ) or any(s.call.keyword("job_defaults") is not None for ss in project.links.by_dotted.values() for s in ss)
