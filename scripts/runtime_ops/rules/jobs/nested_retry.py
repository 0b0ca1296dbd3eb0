"""Retries around retries."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.jobs import all_job_systems
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.jobs._retries import Configured, configured

RULE = Rule(__name__, severity="low", summary="Retries multiply: a retried function calls another retried one.", lead=True)
DEPTH = 3
JOB_SYSTEMS = frozenset(row.distribution for row in all_job_systems())


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    by_func: dict[Func, Configured] = {}
    for use in configured(project):
        if use.func is not None and (
            not _none(use) and (use.policy.distribution not in ("celery", "dramatiq", "rq", "huey") or _automatic(use))
        ):
            by_func.setdefault(use.func, use)
    for func, use in by_func.items():
        found = _inner(func, by_func, DEPTH, {func})
        if found is None:
            continue
        site, inner = found
        yield RULE.in_function(
            project, func, use.line,
            f"{func.name}() is retried and calls {inner.func.name if inner.func else site.text}() "
            f"({inner.func.path if inner.func else site.path}), which is retried too: the tries multiply, and "
            "so does the "
            "time that one failure holds the caller",
            "retry in one layer only, the one that knows whether the work may be repeated",
        )  # fmt: skip


def _none(use: Configured) -> bool:
    """``max_retries=0``: there is no second try."""
    given = use.call.keyword("max_retries") if use.call is not None else None
    return isinstance(given, m.Const) and given.value == 0


def _automatic(use: Configured) -> bool:
    return use.call is not None and use.call.keyword("autoretry_for") is not None


def _inner(func: Func, by_func: dict[Func, Configured], depth: int, seen: set[Func]) -> tuple[Site, Configured] | None:
    for site in func.sites:
        if site.weak or len(site.targets) != 1 or site.targets[0] in seen:
            continue
        target = site.targets[0]
        if target in by_func and by_func[target].policy.distribution in JOB_SYSTEMS:
            continue  # a job that is called like a function is run once: its failure comes out at once
        if target in by_func:
            return site, by_func[target]
        if depth:
            seen.add(target)
            found = _inner(target, by_func, depth - 1, seen)
            if found is not None:
                return found
    return None
