"""A termination handler after which the program goes on as before."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func
from runtime_ops.project.signals import Registration
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._long_running import owners

RULE = Rule(
    __name__,
    severity="high",
    summary="A SIGTERM handler is installed, but nothing that serving looks at changes when it runs.",
    lead=True,
)
TERMINATION = frozenset(("SIGTERM",))
FORKING = frozenset(("celery", "rq"))
"""Workers that run each job in a child."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for registration in project.registrations:
        entrypoints = owners(project, registration.site) or _kept_up(project, registration)
        if not entrypoints or registration.disposition == "SIG_DFL" or not TERMINATION & set(registration.signals):
            continue
        if _in_a_child(project, registration, entrypoints):
            continue
        reason = why_inert(project, registration)
        if reason is not None:
            yield _finding(project, registration, entrypoints, *reason)


def _in_a_child(project: Project, registration: Registration, entrypoints: tuple[Entrypoint, ...]) -> bool:
    """Whether a job installs it, in a process that a worker forked for its jobs: the worker itself hears SIGTERM as before, and
    lets the job end (celery 5.6, prefork; rq 2.6, work-horse)."""
    phases = project.phases(registration.site)
    return all(e.framework in FORKING and phases.get(e, frozenset()) == {"serving"} for e in entrypoints)


def _kept_up(project: Project, registration: Registration) -> tuple[Entrypoint, ...]:
    """The programs that install it and that something starts which starts them anew: how such a one stays up need not be seen
    (a class that settings name), since it asked for the signal that ends it."""
    return tuple(e for e in project.phases(registration.site) if e.kept_up_by is not None)


def why_inert(project: Project, registration: Registration) -> tuple[str, str] | None:
    """What makes the handler inert and what to write instead, or None when it acts or cannot be told."""
    handler = registration.handler
    if registration.disposition == "SIG_IGN":
        return (
            "SIGTERM is ignored (SIG_IGN), so only SIGKILL ends the process",
            "handle SIGTERM by ending the serving loop",
        )
    if registration.how == "signal" and _sets_asyncio_event(project, registration):
        return (
            "the handler sets an asyncio.Event from signal.signal: an idle event loop is not woken, so the wait goes on until "
            "something else happens",
            "use loop.add_signal_handler(signal.SIGTERM, event.set), or loop.call_soon_threadsafe(event.set)",
        )
    if handler is not None and handler.facts.is_async:
        api, effect = (
            ("add_signal_handler", "it raises TypeError")
            if registration.how == "loop"
            else ("signal.signal", "it only makes a coroutine that nobody awaits")
        )
        return (
            f"the handler {handler.name} is a coroutine function, which {api} cannot run: {effect}",
            "hand over a plain function that sets an Event or creates (and keeps) a task",
        )
    if registration.lambda_ is not None and _bare_coroutine(project, registration):
        return (
            "the lambda makes a coroutine that nobody awaits, so the shutdown it names never runs",
            "let the lambda call asyncio.create_task(...) and keep the task, or set an Event",
        )
    if handler is not None and not acts(project, handler, registration):
        return (
            f"the handler {handler.name} only logs or passes: serving goes on until SIGKILL",
            "let the handler raise SystemExit, or set an Event that the serving loop waits on",
        )
    return None


def acts(project: Project, handler: Func, registration: Registration) -> bool:
    """Whether the handler does anything that can end serving: raise, exit, set something, call something unknown."""
    for act in registration.acts:
        if act.kind in ("raise", "exit"):
            return True
        if act.kind == "set" and (_looked_at(project, act.name, handler) or _of_a_library(act.name, handler)):
            return True
        if act.kind == "call" and act.site is not None:
            site = act.site
            harmless = log_call(site) is not None or (site.dotted or site.text) in (
                "print",
                "signal.Signals",
                "str",
                "getattr",
            )
            if not harmless and not site.targets:
                return True
    return False


def _of_a_library(target: str, handler: Func) -> bool:
    """An attribute of another object, or of a subclass of a library's class: the library may be who looks at it."""
    owner = target.removesuffix("[]").rpartition(".")[0]
    if owner in ("self", "cls"):
        return handler.cls is not None and bool(handler.cls.external_bases)
    return bool(owner)


def _looked_at(project: Project, target: str, handler: Func) -> bool:
    """Whether a name that the handler sets is read anywhere else in the module (or as an attribute anywhere)."""
    last = target.removesuffix("[]").rpartition(".")[2]
    modules = project.modules if "." in target else (handler.module,)
    for module in modules:
        for func in module.functions.values():
            if func is handler:
                continue
            for place in func.places:
                reads = place.stmt._replace(targets=()) if isinstance(place.stmt, m.Assign) else place.stmt
                if isinstance(reads, m.If | m.While):
                    reads = reads.test  # type: ignore[assignment]
                elif isinstance(reads, m.For | m.With | m.Try | m.Match):
                    continue
                if any(isinstance(n, m.Name) and n.id.rpartition(".")[2] == last for n in m.walk(reads)):
                    return True
                if any(isinstance(n, m.Name) and f".{last}." in f".{n.id}." for n in m.walk(reads)):
                    return True
    return False


def _sets_asyncio_event(project: Project, registration: Registration) -> bool:
    if registration.callback == "asyncio.Event.set":
        return True
    sets = [act.site for act in registration.acts if act.kind == "call" and act.site is not None]
    return (
        any(site.dotted == "asyncio.Event.set" for site in sets)
        and not any(site.method == "call_soon_threadsafe" for site in sets)
        and not any(act.kind in ("raise", "exit") for act in registration.acts)
    )


def _bare_coroutine(project: Project, registration: Registration) -> bool:
    if registration.lambda_ is None or not isinstance(registration.lambda_.body, m.Call):
        return False
    value = project.names.value(registration.lambda_.body.func, registration.site.function)
    return value is not None and isinstance(value.target, Func) and value.target.facts.is_async


def _finding(
    project: Project, registration: Registration, entrypoints: tuple[Entrypoint, ...], what: str, remedy: str
) -> Finding:
    sure = _only_logs(registration) and not any(e.places and e.places[0].how == "call" for e in entrypoints)
    return RULE.at(project, registration.site, f"{what[0].upper()}{what[1:]}", remedy, confidence="certain" if sure else "likely")


def _only_logs(registration: Registration) -> bool:
    """Whether all that the project's handler does is to log: there is no flag that somebody might look at after all. (A server
    that is run by a library's call puts its own handler in the place of this one.)"""
    acts = registration.acts
    return registration.handler is not None and bool(acts) and all(a.site is not None and log_call(a.site) is not None for a in acts)
