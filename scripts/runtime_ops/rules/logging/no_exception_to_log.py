"""``log.exception`` where no exception is being handled."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.development import debug_only
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule, as_one

RULE = Rule(
    __name__,
    severity="low",
    summary="log.exception() outside an except block prints 'NoneType: None' instead of a traceback.",
)
ERROR_WORDS = ("exc", "exception", "err", "error", "failure", "failed", "traceback", "tb")
DEPTH = 3


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from as_one(_findings(project))  # a habit of the repository


def _findings(project: Project) -> Iterator[Finding]:
    hooked = {hook.func for hook in project.hooks if hook.kind in ("error-handler", "teardown", "middleware")}
    for func in project.functions:
        for site in func.sites:
            if site.method not in ("exception", "aexception") or site.call.keyword("exc_info") is not None:
                continue
            call = log_call(site)
            if (
                call is None
                or (site.dotted or "").startswith("structlog.")  # writes no "NoneType: None", and its own word for a missing one
                or func in hooked
                or handles(site)
                or debug_only(site.steps)
                or told_of_it(func)
                or called_while_handling(project, func, 0)
            ):
                continue
            if not project.phases(site):
                continue
            yield RULE.at(
                project,
                site,
                f"{site.text}() stands outside any except block: the record says 'NoneType: None' where the traceback would be, and "
                "looks like a failure that was lost",
                "use log.error(), or pass the caught object as exc_info=error",
            )


def handles(site: Site) -> bool:
    """Whether an exception may be in hand: in an ``except`` arm, or a ``finally``."""
    return any(step.arm in ("handler", "final") for step in site.steps)


def told_of_it(func: Func) -> bool:
    """Whether the function is given the failure, or is called by a protocol while one passes."""
    if func.name.startswith(("__exit__", "__aexit__", "on_", "handle_", "_on_", "_handle_", "log_")):
        return True
    words = {w for p in func.facts.params for w in p.name.lower().split("_")} | set(func.name.lower().split("_"))
    return bool(words & set(ERROR_WORDS))


def called_while_handling(project: Project, func: Func, depth: int) -> bool:
    """Whether a caller calls it from an ``except`` arm, directly or through a few functions; unknown callers count."""
    edges = project.links.callers.get(func, ())
    if func.parent is not None and not func.parent.is_module:
        return True  # a closure: who calls it, and when, is not known
    for edge in edges:
        if edge.how != "call" or handles(edge.site):
            return True
        if depth < DEPTH and called_while_handling(project, edge.caller, depth + 1):
            return True
    return func.cls is not None and not edges and any(isinstance(b, str) for b in func.cls.bases) and not _routed(func)


def _routed(func: Func) -> bool:
    return any(isinstance(d, m.Call) for d in func.facts.decorators)
