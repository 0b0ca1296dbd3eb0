"""Where the program tries again: configured retries (decorators, policies) and loops written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.retries import RetryPolicy, retry_policies
from runtime_ops.project.build import Project
from runtime_ops.project.decorators import handed_through
from runtime_ops.project.flows import ends
from runtime_ops.project.loops import counts_attempts, has_sleep, is_endless, told_to_end
from runtime_ops.project.model import Func, Place, Step, Value
from runtime_ops.project.source_text import source_of

PACE = re.compile(r"delay|backoff|kwargs|interval|wait|initial|maximum|multiplier")
"""Parameters that say how long the pauses are."""
GENERIC = frozenset({"Exception", "any exception", "the exception given"})
"""Policies that try anything again that the function raises: those around an application's own code."""
WAITS_FOR_ITEM = frozenset("get recv accept read readline input poll next".split())


class Configured(NamedTuple):
    """One use of a retry library. ``func``: the function around which it stands, None when unknown; ``call``: the call
    that carries the settings (None for a bare decorator), written in ``owner``."""

    policy: RetryPolicy
    dotted: str
    func: Func | None
    call: m.Call | None
    owner: Func
    line: int


def configured(project: Project) -> list[Configured]:
    """Every retry decorator and policy object of the project, each once."""
    known: list[Configured] | None = project.__dict__.get("_configured_retries")
    if known is None:
        known = list(_configured(project))
        project.__dict__["_configured_retries"] = known
    return known


def _configured(project: Project) -> Iterator[Configured]:
    used: set[int] = set()
    for func in project.functions:
        for decorator in func.facts.decorators:
            scope = func.parent or func.module.level
            call = decorator if isinstance(decorator, m.Call) else None
            value = project.names.value(call.func if call is not None else decorator, scope)
            owner = scope
            if call is not None and value is not None and isinstance(value.target, Func):
                inner = handed_through(value.target, project.links)
                value = Value("external", inner) if inner is not None else value
            if call is None and value is not None and value.kind == "made" and value.origin is not None:
                call, owner = value.origin.call, value.origin.function
                value = Value("external", value.name.removesuffix("()"))
            if value is None or value.kind != "external":
                continue
            policies = retry_policies(value.name)
            if policies:
                if call is not None:
                    used.add(id(call))
                line = call.line if call is not None and owner is scope else func.line
                if call is not None and owner is not scope:
                    line = func.line
                yield Configured(policies[0], value.name, func, call, owner, line)
    for func in project.functions:
        for site in func.sites:
            if site.dotted is None or id(site.call) in used:
                continue
            policies = retry_policies(site.dotted)
            if policies and site.dotted.rpartition(".")[2] in ("Retrying", "AsyncRetrying", "retry_call", "Retry"):
                yield Configured(policies[0], site.dotted, None, site.call, func, site.line)


def stop_given(use: Configured, project: Project) -> bool | None:
    """Whether the tries are limited: True, False, or None when it cannot be seen (``**options``)."""
    call, policy = use.call, use.policy
    if call is None:
        return policy.attempts is not None or policy.seconds is not None
    if call.expands:
        return None
    positions = policy.positions.get(use.dotted) or policy.positions.get("*") or {}
    limited = False
    given = False
    for parameter in policy.stop_parameters:
        expr = call.argument(parameter, positions.get(parameter)) if parameter in positions else call.keyword(parameter)
        if expr is None:
            continue
        if PACE.search(parameter) and not parameter.startswith("stop"):
            continue  # how long between the tries, not how many
        given = True
        expr = _in_production(expr)
        if isinstance(expr, m.Const):
            limited = limited or expr.value not in policy.unlimited_values
        else:
            name = source_of(expr.func if isinstance(expr, m.Call) else expr)
            limited = limited or not any(name and u.endswith(name.rpartition(".")[2]) for u in policy.unlimited_calls)
    if given:
        return limited
    return policy.attempts is not None or policy.seconds is not None


def _in_production(expr: m.Expr) -> m.Expr:
    """``1 if settings.DEBUG else None``: the arm that counts."""
    if isinstance(expr, m.IfExp) and isinstance(expr.test, m.Name | m.Attr | m.UnaryOp):
        test = source_of(expr.test)
        if re.search(r"(?i)\bdebug\b", test):
            return expr.body if test.startswith("not ") else expr.orelse
    return expr


class RetryLoop(NamedTuple):
    """A loop written by hand around one unit of work: it is left on success and goes round again on a failure."""

    func: Func
    loop: m.While
    attempt: m.Try
    handler: m.Handler
    steps: tuple[Step, ...]
    """What encloses the loop."""


def retry_loops(project: Project) -> list[RetryLoop]:
    """Every endless loop around a ``try`` that a success leaves and an arm repeats, without a count or a deadline."""
    known: list[RetryLoop] | None = project.__dict__.get("_retry_loops")
    if known is None:
        known = [found for func in project.functions for place in func.places for found in _retry_loop(func, place)]
        project.__dict__["_retry_loops"] = known
    return known


def _retry_loop(func: Func, place: Place) -> Iterator[RetryLoop]:
    loop = place.stmt
    if not isinstance(loop, m.While) or not is_endless(loop) or counts_attempts(loop, func) is not None:
        return
    for number, stmt in enumerate(loop.body):
        if not isinstance(stmt, m.Try) or not stmt.handlers:
            continue
        success = ends(stmt.body, func)
        if "fall" in success:
            success = success - {"fall"} | ends(stmt.orelse + stmt.final + loop.body[number + 1 :], func)
        if not success <= {"return", "break", "raise", "exit"} or not success & {"return", "break"}:
            continue
        for handler in stmt.handlers:
            out = ends(handler.body, func)
            if out & {"raise", "exit", "return", "break"} or told_to_end(handler.body, loop, func):
                continue
            after = ends(loop.body[number + 1 :], func) if "fall" in out else frozenset({"continue"})
            if after & {"continue", "fall"} and not (after & {"break", "return"} and "fall" in out):
                yield RetryLoop(func, loop, stmt, handler, place.steps)
                return


def pauses(loop: m.While, func: Func, project: Project) -> bool:
    """Whether a loop waits anywhere between two turns."""
    return has_sleep(loop.body, func, project.links)
