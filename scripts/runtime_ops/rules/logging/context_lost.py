"""Work handed to a thread without the context that names its request."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.loops import is_endless
from runtime_ops.project.model import Func, Module, Site
from runtime_ops.project.source_text import arguments_text
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.logging._programs import programs

RULE = Rule(
    __name__,
    severity="medium",
    summary="The request id lives in a context variable, and work is handed to a thread that does not inherit it.",
    lead=True,  # many such threads serve no one request, or are handed the id as an argument
)
HANDS = (
    "asyncio.AbstractEventLoop.run_in_executor", "asyncio.get_event_loop().run_in_executor", "asyncio.get_running_loop().run_in_executor",
    "asyncio.BaseEventLoop.run_in_executor", "threading.Thread", "threading.Timer", "concurrent.futures.ThreadPoolExecutor.submit",
    "concurrent.futures.ThreadPoolExecutor.map", "concurrent.futures.Executor.submit", "_thread.start_new_thread",
)  # fmt: skip
BINDS = ("structlog.contextvars.bind_contextvars", "loguru.logger.contextualize", "contextvars.ContextVar.set")
CARRIES = ("copy_context", "ctx.run", "context.run", "contextualize", "bind_contextvars")
MIDDLEWARE = ("asgi_correlation_id.", "starlette_context.")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    modules: set[Module] = set()
    for program in programs(project):
        if by_context(project, program.modules):
            modules |= program.modules
    if modules:
        yield from together(_findings(project, modules))


def by_context(project: Project, modules: frozenset[Module]) -> bool:
    """Whether the program binds ids to context variables that its log records show."""
    names = {use.name for use in project.log_parts if use.function.module in modules}
    if any(name.startswith(MIDDLEWARE) for name in names):
        return True
    return any(_about_id(s) for s in project.sites(*BINDS) if s.function.module in modules)


def _about_id(site: Site) -> bool:
    text = f"{site.text} {arguments_text(site.call)}".lower()
    return any(word in text for word in ("request_id", "requestid", "correlation", "trace_id", "job_id", "task_id"))


def _findings(project: Project, modules: set[Module]) -> Iterator[Finding]:
    for site in project.sites(*HANDS):
        if site.function.module not in modules or any(word in arguments_text(site.call) for word in CARRIES):
            continue
        if site.function.is_module or not project.runs_in(site, "serving", kinds=("service", "worker")):
            continue
        target = next(
            (e.callee for e in project.links.callees.get(site.function, ()) if e.site is site and e.how == "reference"),
            None,
        )
        if target is None or _background(target) or _waited_for_at_start(site) or not logs(target):
            continue
        yield RULE.at(
            project,
            site,
            f"{site.text}() runs {target.name} in a thread with an empty context: its log lines carry no request id, and those of a "
            "failing request cannot be found",
            "asyncio.to_thread(f, …), or contextvars.copy_context().run as the function",
            kinds=("service", "worker"),
        )


def _background(func: Func) -> bool:
    """A loop of its own, which serves no one request."""
    return any(isinstance(p.stmt, m.While) and is_endless(p.stmt) for p in func.places)


def _waited_for_at_start(site: Site) -> bool:
    """``loop.run_until_complete(loop.run_in_executor(…))``: a program that is not yet serving."""
    return any(c.method == "run_until_complete" and c.stmt is site.stmt for c in site.function.sites)


def logs(func: Func) -> bool:
    """Whether the function itself writes a log line of its work and binds no id of its own first. A warning in an ``except`` arm
    that goes on in another way is about a dependency, for which the request does not matter."""
    if any(site.dotted in BINDS for site in func.sites):
        return False
    calls = [c for site in func.sites if (c := log_call(site)) is not None]
    return any(c.at_least("error") or all(s.handler is None for s in c.site.steps) for c in calls)
