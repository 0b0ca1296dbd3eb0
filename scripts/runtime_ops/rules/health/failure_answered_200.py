"""A health route that answers success when its own check failed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.model import Func
from runtime_ops.project.route_model import Route, looks_like_health
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import asked, belongs, functions_of, needs_login

RULE = Rule(
    __name__,
    severity="medium",
    summary="The health handler answers success although its check failed, or a probe cannot reach it without a login.",
    lead=True,
)
NAMED = re.compile(
    r"((^|[/_\-])(health|healthz|healthcheck|readiness|liveness)|(^|/|is[_\-])(healthy|ready))([/_\-]|$)", re.IGNORECASE
)
CHECKS = re.compile(r"health|check|ping|status|alive|ready|probe", re.IGNORECASE)
FAILING = re.compile(
    r"status_code\s*=|HTTP_5|SERVICE_UNAVAILABLE|HTTPException|abort|NOT_SERVING|set_status|\b50[0-9]\b|\bstatus\s*="
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    probed = {(x.route.file, x.route.line) for x in asked(project)}
    arms: dict[Func, list[HandlerEffects]] = {}
    for effects in project.failures:
        arms.setdefault(effects.func, []).append(effects)
    seen = set()
    for entrypoint in project.entrypoints:
        if entrypoint.kind != "service" or not (entrypoint.production or entrypoint.app):
            continue
        for route in project.routes:
            is_probed = (route.file, route.line) in probed
            if not belongs(route, entrypoint) or not (is_probed or _named(route)) or not route.answers("GET"):
                continue
            for func in functions_of(route):
                if func not in seen:
                    seen.add(func)
                    yield from _judge(project, entrypoint, route, func, arms.get(func, []), is_probed)


def _named(route: Route) -> bool:
    if route.kind not in ("http", "grpc") or "<" in route.path or "{" in route.path.replace("{?}", ""):
        return False
    return looks_like_health(route) or NAMED.search(route.path.rstrip("/").rpartition("/")[2]) is not None


def _judge(
    project: Project, entrypoint: Entrypoint, route: Route, func: Func, arms: list[HandlerEffects], probed: bool
) -> Iterator[Finding]:
    own = route.path.strip("/").count("/") < 2 and "admin" not in route.path
    if needs_login(route) and (probed or (own and NAMED.search(route.path))):
        yield RULE.finding(
            func.path, func.line,
            f"{route.path} needs a login: a probe without one gets a redirect or an answer that says nothing about health, and a "
            "redirect counts as success",
            "serve health without a login, with no detail in the answer; keep the detailed status behind it",
            severity="medium" if probed else "low", phase="serving", entrypoints=(entrypoint,), anchor=f"{route.path}:login",
            # a page for people that a probe asks may be given a user and a password with the question
            confidence="certain" if NAMED.search(route.path) else "possible",
        )  # fmt: skip
    fails = _can_fail(func)
    arm = next((e for e in arms if _answers_success(e)), None)
    if arm is not None and not (fails and not probed and _other_failing_return(func)):
        yield RULE.finding(
            func.path, arm.line,
            f"the check of {route.path} failed here and the answer is a success: probes and monitors see a healthy instance while "
            "the body says otherwise",
            "answer 503 (or NOT_SERVING) when the check fails; the body may say why",
            severity="high" if probed else None, phase="serving",
            # ``/status`` may be the status of something else
            confidence="certain" if probed or NAMED.search(route.path) else "likely",
            entrypoints=(entrypoint,), anchor=route.path,
        )  # fmt: skip
        return
    if not fails and arm is None and (what := _looked_at(func)):
        yield RULE.finding(
            func.path, _answer_line(func),
            f"{route.path} asks {what}() and answers success whatever it says: what looks at the status code never learns of a "
            "failure",
            "answer 503 unless the result says that all is well",
            severity="medium" if not probed else "high", phase="serving", entrypoints=(entrypoint,), anchor=route.path,
            # a status in the body may be the contract (green, yellow, red), where nobody is known to ask for the code
            confidence="certain" if probed or _counts_workers(what) else "possible",
        )  # fmt: skip


def _counts_workers(what: str) -> bool:
    """Whether the check is named for the health of parts of this program, not for the status of something else."""
    last = what.rpartition(".")[2].lower()
    return last.startswith(("check_", "is_")) and "health" in last


def _answers_success(effects: HandlerEffects) -> bool:
    """An arm that returns a plain value: no failing status, no raise, and it was the check that failed."""
    if effects.raises == "always" or effects.exits or not effects.body_calls:
        return False
    if FAILING.search(" ".join(source_of(c.call.func, 400) + repr(c.call.keywords) for c in effects.calls)):
        return False
    if any(_sets_status(stmt) for stmt in effects.handler.body):
        return False
    for returned in effects.returns:
        text = repr(returned.expr)
        if returned.kind in ("error", "false", "none") or FAILING.search(text) or returned.status not in (None, 200):
            return False
    return bool(effects.returns) and all(
        r.kind in ("value", "exception", "failure", "true", "empty") for r in effects.returns
    )


def _sets_status(stmt: object) -> bool:
    """``response.status_code = 503``: the answer's status, set on an object that the framework made."""
    return isinstance(stmt, m.Assign) and any(source_of(t).endswith((".status_code", ".status")) for t in stmt.targets)


def _can_fail(func: Func) -> bool:
    """Whether any way through the handler gives a failing status or raises."""
    if any(isinstance(p.stmt, m.Raise) for p in func.places):
        return True
    if any(FAILING.search(f"{s.text} {_keywords(s.call)}") for s in func.sites):
        return True
    for place in func.places:
        stmt = place.stmt
        if isinstance(stmt, m.Return) and isinstance(stmt.value, m.Sequence) and len(stmt.value.items) > 1:
            return True  # a body with a status of its own
        if _sets_status(stmt):
            return True
    return False


def _keywords(call: m.Call) -> str:
    return " ".join(f"{name}=" for name, _ in call.keywords if name)


def _other_failing_return(func: Func) -> bool:
    return sum(isinstance(p.stmt, m.Raise) for p in func.places) > 0


def _looked_at(func: Func) -> str:
    """A check whose result the handler puts into its answer and decides nothing by."""
    if any(isinstance(p.stmt, m.If | m.Try | m.Match) for p in func.places):
        return ""
    if any(isinstance(n, m.IfExp) for n in m.walk(func.facts.body)):
        return ""
    for site in func.sites:
        if site.targets and site.used and CHECKS.search(site.method) and not site.method.startswith("get_"):
            return site.text
    return ""


def _answer_line(func: Func) -> int:
    returns = [p.stmt.line for p in func.places if isinstance(p.stmt, m.Return)]
    return returns[-1] if returns else func.line
