"""Retries that do not tell a passing fault from a lasting one."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.jobs import all_job_systems
from runtime_ops.project.build import Project
from runtime_ops.project.flows import BROAD_EXCEPTIONS
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.jobs._retries import Configured, configured, stop_given

RULE = Rule(
    __name__, severity="low", summary="Every exception is retried, permanent failures included.",
    yields_to=("endless-retry", "unsafe-retry"), lead=True,
)  # fmt: skip
JOB_SYSTEMS = frozenset(row.distribution for row in all_job_systems())
"""Their retries are few, minutes apart, and hold no caller."""
HOOKS = frozenset("before after before_sleep on_backoff on_retry logger".split())
TRIES = ("stop_max_attempt_number", "max_tries", "tries", "attempts")
LONG = 10.0  # seconds of pauses for which a caller is kept from a fault that is there to stay


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from as_one(_findings(project))


def _findings(project: Project) -> Iterator[Finding]:
    for use in configured(project):
        if use.policy.distribution in JOB_SYSTEMS:
            continue  # a job that is tried again on anything and ends in a failed state is what a job system is for
        if use.func is None or stop_given(use, project) is not True or not _everything(use):
            continue
        if use.call is not None and use.call.keyword("giveup") is not None:
            continue
        if _told_of(use) or not project.function_runs_in(use.func, "serving", "startup", kinds=("service", "worker")):
            continue  # each try is logged; or a run that somebody waits for, to which the pauses are nothing
        attempts = _attempts(use)
        held = _pauses(use)
        yield RULE.in_function(
            project, use.func, use.line,
            f"{use.func.name}() is tried again{attempts} on any exception: a wrong argument, a refused login or "
            "a bug is repeated with all "
            "its pauses before anybody hears of it",
            "name the exceptions that pass by themselves (connection, time-out, 429, 5xx); let the others out at once",
            # a permanent fault that is heard of a few seconds later troubles nobody
            confidence="certain" if held is not None and held >= LONG else "possible",
        )  # fmt: skip


def _told_of(use: Configured) -> bool:
    """Whether a hook of the retry tells of each try: ``before_sleep=before_sleep_log(…)``, ``on_backoff=…``."""
    return use.call is not None and any(key in HOOKS and value is not None for key, value in use.call.keywords)


def _everything(use: Configured) -> bool:
    """Whether the retried failures are ``Exception``: by default, or as written."""
    policy, call = use.policy, use.call
    if call is None:
        return policy.errors == "Exception"
    given: m.Expr | None = None
    for number, parameter in enumerate(policy.error_parameters):
        given = call.argument(parameter, policy.error_position if number == 0 else None)
        if given is not None:
            break
    if given is None:
        return policy.errors == "Exception"
    names = {source_of(n).rpartition(".")[2] for n in m.walk(given) if isinstance(n, m.Name)}
    if isinstance(given, m.Call) and "if_" in source_of(given.func) and not names & BROAD_EXCEPTIONS:
        return False
    return bool(names & BROAD_EXCEPTIONS)


def _pauses(use: Configured) -> float | None:
    """Seconds of all pauses together before the failure comes out; None where they are not written as numbers."""
    tries = _number(use, *TRIES)
    if tries is None or tries < 2:
        return None
    scale = 0.001 if use.policy.unit == "milliseconds" else 1.0
    fixed = _number(use, "wait_fixed", "interval", "delay")
    if fixed is None:
        fixed = next((_value(c, "wait", 0) for c in _calls(use) if source_of(c.func).endswith("wait_fixed")), None)
    if fixed is not None:
        growth = _number(use, "backoff") or 1.0
        return float(sum(fixed * scale * growth**n for n in range(int(tries) - 1)))
    for call in _calls(use):
        if source_of(call.func).endswith("wait_exponential"):
            factor, least, most = _value(call, "multiplier", 0) or 1.0, _value(call, "min", 3) or 0.0, _value(call, "max", 1) or 1e9
            return float(sum(min(most, max(least, factor * 2**n)) for n in range(int(tries) - 1)))
    return None


def _calls(use: Configured) -> list[m.Call]:
    return [v for _, v in use.call.keywords if isinstance(v, m.Call)] if use.call is not None else []


def _number(use: Configured, *names: str) -> float | None:
    """A number that the retry is given under one of some names, or inside ``stop_after_attempt(…)``."""
    if use.call is None:
        return None
    for name in names:
        given = use.call.keyword(name)
        if isinstance(given, m.Const) and isinstance(given.value, int | float):
            return float(given.value)
    if names == TRIES:
        return next((_value(c, "max_attempt_number", 0) for c in _calls(use) if source_of(c.func).endswith("stop_after_attempt")), None)
    return None


def _value(call: m.Call, name: str, position: int) -> float | None:
    given = call.argument(name, position)
    return float(given.value) if isinstance(given, m.Const) and isinstance(given.value, int | float) else None


def _attempts(use: Configured) -> str:
    for _, value in use.call.keywords if use.call is not None else ():
        if (
            isinstance(value, m.Call)
            and source_of(value.func).endswith("stop_after_attempt")
            and value.args
            and isinstance(value.args[0], m.Const)
        ):
            return f" up to {value.args[0].value} times"
    return ""
