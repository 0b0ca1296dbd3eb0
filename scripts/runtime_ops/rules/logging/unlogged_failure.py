"""A request whose failure is told to the client and to nobody else."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.failure_signs import error_status
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.hooks import Hook
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, places_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import functions_of
from runtime_ops.rules.logging._blamed import answers_as_done, answers_with_its_text, blames_the_client
from runtime_ops.rules.logging._catch_alls import FLASK, answers_success, silent_catch_alls
from runtime_ops.rules.logging._failing import hardly_fails
from runtime_ops.rules.logging._shown import probes
from runtime_ops.rules.logging.lost_traceback import caught, running

RULE = Rule(
    __name__,
    severity="low",
    summary="A request handler catches any exception, answers it and logs nothing: the cause is known to the client alone, or to nobody.",
)
SERVER_ERRORS = range(500, 600)
BY_NAME = re.compile(r"(?i)(^|[._])(log|logger)\.(warning|error|exception|critical)$")
QUIET = ("debug", "info")
"""Levels of what goes on as it should: nobody is called for them, and no error tracker takes them."""
HEALTH = ("health", "live", "ready", "ping", "status", "heartbeat")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    handlers = {func for route in project.routes for func in functions_of(route)}
    logging = _logging_handlers(project)
    files: dict[tuple[str, str], list[HandlerEffects]] = defaultdict(list)
    for arm in project.failures:
        if arm.func not in handlers or not _leaves_no_trace(arm):
            continue
        answer = _answer(project, arm)
        if arm.logs and answer != "success":
            continue  # its status tells that something failed, and the log what
        if answer and not _told_before(project, arm) and not _told_after(arm, logging) and running(project, arm):
            files[arm.path, answer].append(arm)
    for hook, handler in silent_catch_alls(project):
        yield _catch_all(project, hook, handler)
    django = {func for route in project.routes if "django" in route.framework for func in functions_of(route)}
    for path, answer in sorted(files):
        first, *others = sorted(files[path, answer], key=lambda arm: (-arm.body_statements, arm.line))
        yield _finding(project, first, others, answer, django=first.func in django)


def _catch_all(project: Project, hook: Hook, handler: Func) -> Finding:
    done = ", and answers it with the status of success" if answers_success(handler) else ""
    found = RULE.in_function(
        project,
        handler,
        handler.line,
        f"{handler.name}() takes every exception that leaves a request handler{done}: Flask then neither logs it nor tells error "
        "trackers, and nothing here does, so no failure of this application leaves a trace",
        "log it (app.logger.exception) before answering 500, or register the handler for 500: Flask logs before that one",
        severity="medium",
    )
    return replace(found, trace=(*found.trace, Evidence(hook.path, hook.line, f"registered for {hook.detail}")))


def _leaves_no_trace(arm: HandlerEffects) -> bool:
    if any(log.level not in QUIET for log in arm.logs) or hardly_fails(arm):
        return False
    if arm.tracebacks or arm.prints or arm.reports or arm.exits or arm.counts or arm.stores:
        return False
    return not (probes(arm.func) or any(word in arm.func.name.lower() for word in HEALTH))


def _answer(project: Project, arm: HandlerEffects) -> str:
    """What an arm that takes any exception tells the client: ``5xx``, ``4xx`` or ``success``; empty for anything else."""
    if arm.broad and _answers_server_error(arm):
        return "5xx"
    if blames_the_client(project, arm):
        return "4xx"
    return "success" if answers_as_done(project, arm) or answers_with_its_text(project, arm) else ""


def _answers_server_error(arm: HandlerEffects) -> bool:
    """Every way out of the arm is an answer of 5xx: returned, or raised as the framework's exception, which no framework logs
    (Starlette and Flask turn an HTTPException into its answer and write nothing of what caused it)."""
    if arm.raised:
        statuses = [
            error_status(p.stmt.exc) for p in places_of(arm.handler.body, ()) if isinstance(p.stmt, m.Raise)
        ]
        named = all(raised.name.rpartition(".")[2] == "HTTPException" for raised in arm.raised)
        return named and not arm.returns and all(status in SERVER_ERRORS for status in statuses)
    return bool(arm.returns) and "fall" not in arm.ends and all(r.status in SERVER_ERRORS for r in arm.returns)


def _told_before(project: Project, arm: HandlerEffects) -> bool:
    """Whether what the body calls logs its failures itself and raises them on; of an object that was not followed any method
    of that name may be meant."""
    called = {target for site in arm.body_calls for target in site.targets if isinstance(target, Func)}
    called |= {target for func in called for site in func.sites if not site.weak for target in site.targets}
    names = {site.method for site in arm.body_calls if (site.weak or not site.targets) and site.dotted is None and "." in site.text}
    return any(
        other.raises != "never" and (other.logs or other.tracebacks) and (other.func in called or _is_named(project, other.func, names))
        for other in project.failures
    )


def _is_named(project: Project, func: Func, names: set[str]) -> bool:
    """Whether a method, or one that does its work by it (``delete()`` by ``_delete_server()``), has one of the names."""
    if func.cls is None:
        return False
    return func.name in names or any(
        edge.how == "call" and not edge.site.weak and edge.caller.cls is func.cls and edge.caller.name in names
        for edge in project.links.callers.get(func, ())
    )


def _logging_handlers(project: Project) -> frozenset[str]:
    """What the registered error handlers that log take: the names of exceptions and statuses, empty for a mapping of handlers
    that was not taken apart. Only Flask's handler for Exception gets an HTTPException too (flask 3.1, _find_error_handler goes
    by the class's ancestors; Starlette's stands outside the one that answers HTTPException)."""
    found: set[str] = set()
    for hook in project.hooks:
        if hook.kind != "error-handler" or hook.func is None:
            continue
        called = (target for site in hook.func.sites if not site.weak for target in site.targets)
        if not any(map(_logs, (hook.func, *called))):
            continue
        last = hook.detail.rpartition(".")[2]
        if last != "Exception":
            found.add(last)
        elif hook.via.rpartition(".")[2] in FLASK:
            found.add("HTTPException")
    return frozenset(found)


def _logs(func: Func) -> bool:
    """Whether a function logs, also by ``log = logger.warning if … else logger.error``."""
    if any(log_call(site) is not None for site in func.sites):
        return True
    bound = (b.expr for bindings in func.bindings.values() for b in bindings if b.expr is not None)
    return any(BY_NAME.search(node.id) for expr in bound for node in m.walk(expr) if isinstance(node, m.Name))


def _told_after(arm: HandlerEffects, handlers: frozenset[str]) -> bool:
    """Whether a registered handler logs the framework's exception that the arm raises, itself or by ``abort``."""
    statuses = [error_status(p.stmt.exc) for p in places_of(arm.handler.body, ()) if isinstance(p.stmt, m.Raise)]
    statuses += [s.call.args[0].value for s in arm.calls if s.method == "abort" and s.call.args and isinstance(s.call.args[0], m.Const)]
    if arm.returns or not statuses:
        return False
    names = {raised.name.rpartition(".")[2] for raised in arm.raised}
    return not handlers.isdisjoint({"", "HTTPException", *names}) or all(str(status) in handlers for status in statuses)


def _finding(project: Project, first: HandlerEffects, others: list[HandlerEffects], answer: str, *, django: bool) -> Finding:
    """``django``: the framework writes a line of every answer of 4xx and 5xx, with the request's path (Django 5.2, log_response):
    what is lost is why. Of one statement whose error is told to the client, that is little."""
    many = len(others) + 1
    handlers = len({arm.func for arm in (first, *others)})
    told = "the client is told the text" if first.uses_error else "not even its text is told"
    if answer != "5xx":
        told += ", with a status that says it was the client's fault" if answer == "4xx" else ", with the status of success"
    logs, unseen = "nothing", "nobody who runs the service"
    seen = "sees more of it than the request's path" if django and answer != "success" else "can see why requests fail, or where"
    if first.logs:
        logs, unseen, seen = f"it as {first.logs[0].level} only, without a traceback", "neither the error rate nor an alert", "sees it"
    what = f"{handlers} request handlers of this file catch" if handlers > 1 else f"{first.func.name}() catches"
    answers = f"answer {answer} and log {logs}" if handlers > 1 else f"answers {answer} and logs {logs}"
    minor = django and not others and first.uses_error and first.body_statements == 1
    found = RULE.in_function(
        project,
        first.func,
        first.line,
        f"{what} {caught(first)}, {answers}: {told}, and {unseen} {seen}",
        "log it with exc_info (or log.exception) before answering, or let it pass to the framework, which logs it and answers 500",
        end_line=first.handler.body[0].end_line if first.handler.body else first.line,
        severity="medium" if many >= 3 and answer == "5xx" else "low",
        confidence="possible" if minor else "likely",
    )
    return replace(found, count=many, also=tuple(Evidence(a.path, a.line, "the same") for a in others[:8])) if others else found
