"""A job that is handed to the broker before the transaction that it works on is committed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.decorators import decorated_by
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule, together

RULE = Rule(
    __name__,
    severity="medium",
    summary="A job is sent inside a database transaction: the worker may start before the commit, and a rollback does not call it back.",
)
ATOMIC = "django.db.transaction.atomic"
SENDS = frozenset({"delay", "apply_async"})
WRITES = re.compile(
    r"(?:\.objects\.(?:\w+\(.*\)\.)?|\.)(?:a?save|a?create|a?update|bulk_create|bulk_update|get_or_create|update_or_create|a?delete)$"
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    if _waits_by_itself(project):
        return
    yield from together(_findings(project))


def _findings(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        if not any(name.rpartition(".")[2] in SENDS for name in func.inventory.names):
            continue
        whole = any(decorated_by(d, func, project.links) == ATOMIC for d in func.facts.decorators)
        later = {id(c) for s in func.sites if "on_commit" in s.method for c in m.calls(s.call.args)}
        for site in func.sites:
            if site.method not in SENDS or id(site.call) in later or not (whole or _in_block(project, site)):
                continue
            if site.call.keyword("countdown") is not None or site.call.keyword("eta") is not None:
                continue  # it gives the commit time
            task = site.text.rpartition(".")[0]
            if not _is_job(project, site) or not (project.phases(site) or project.imported_by(func.module)):
                continue
            written = next((s for s in func.sites if s.line < site.line and WRITES.search(s.text) and _together(s, site, whole)), None)
            yield RULE.at(
                project,
                site,
                f"{task} is sent before the transaction ends: a worker that is quick reads what was there before (or finds no row), and "
                "after a rollback the job runs all the same",
                f"transaction.on_commit(lambda: {site.text}(…)), or {task}.delay_on_commit(…) (celery 5.4)",
                # a row that is not there yet fails the job; one that is old mostly gives an old answer
                severity=None if written is not None and "create" in written.method else "low",
                confidence="certain" if written is not None else "possible",
            )




def _blocks(site: Site) -> list[m.With]:
    return [s.stmt for s in site.steps if isinstance(s.stmt, m.With) and s.arm == "body"]


def _in_block(project: Project, site: Site) -> bool:
    return any(_atomic(project, site.function, block) for block in _blocks(site))


def _atomic(project: Project, func: Func, block: m.With) -> bool:
    for expr, _ in block.items:
        value = project.names.value(expr.func if isinstance(expr, m.Call) else expr, func)
        if value is not None and value.name == ATOMIC:
            return True
    return False


def _together(write: Site, site: Site, whole: bool) -> bool:
    """Whether a write stands in the transaction of the send."""
    return whole or any(any(block is other for other in _blocks(write)) for block in _blocks(site))


def _is_job(project: Project, site: Site) -> bool:
    """Whether what is sent is a job of celery."""
    func = site.call.func
    name = func.id.rpartition(".")[0] if isinstance(func, m.Name) else ""
    value = project.names.name(name, site.function) if name else None
    target = value.target if value is not None else None
    job = project.jobs.by_func.get(target) if isinstance(target, Func) else None
    return job is not None and job.system is not None and job.system.name == "celery"


def _waits_by_itself(project: Project) -> bool:
    """Whether the project's tasks have a base whose own ``delay`` or ``apply_async`` waits for the commit."""
    return any(f.name in SENDS and any("on_commit" in n for n in f.inventory.names) for f in project.functions)
