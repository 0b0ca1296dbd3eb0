"""Many tries at one constant pace."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import ends
from runtime_ops.project.loops import counts_attempts, has_sleep
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.jobs._retries import PACE, Configured, configured, stop_given

RULE = Rule(
    __name__, severity="low", summary="Many retries at a constant pace, without growth or jitter.",
    yields_to=("endless-retry", "retry-everything", "unsafe-retry"), lead=True,
)  # fmt: skip
MANY = 4
OF_PUBLISHING = ("interval_start", "interval_step", "interval_max")
CONSTANT = ("wait_fixed", "wait_none", "constant")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from as_one(_findings(project))
    yield from as_one(_loops(project))


def _loops(project: Project) -> Iterator[Finding]:
    """``for attempt in range(n): try … except Timeout: continue`` without any pause."""
    for arm in project.failures:
        loop = arm.loop
        if (
            not isinstance(loop, m.For | m.While)
            or not any(s is arm.attempt for s in loop.body)
            or "continue"
            not in arm.ends | ({"continue"} if "fall" in arm.ends and loop.body[-1] is arm.attempt else set())
        ):
            continue
        bound = counts_attempts(loop, arm.func)
        if (
            bound is None
            or bound.how not in ("range", "counter")
            or not ends(arm.attempt.body + arm.attempt.orelse, arm.func) & {"return", "break"}
        ):
            continue
        if (
            not _passing(arm)
            or has_sleep(loop.body, arm.func, project.links)
            or not project.function_runs_in(arm.func, "serving")
        ):
            continue
        yield RULE.in_function(
            project, arm.func, arm.line,
            f"The next try follows at once ({bound.text}): a fault that lasts some seconds uses up every try, "
            "and a slow dependency gets "
            "the load several times over",
            "wait between the tries, longer each time, with jitter",
            end_line=arm.handler.end_line, confidence="likely" if _waited_itself(arm) else "certain",
        )  # fmt: skip


def _waited_itself(arm: HandlerEffects) -> bool:
    """Whether time-outs alone are tried again: each try has waited by then."""
    names = [name.lower() for name in (*arm.catches, *arm.handler.types)]
    return bool(names) and all("timeout" in name for name in names)


def _passing(arm: HandlerEffects) -> bool:
    """Whether the arm is about a dependency that may come back: time-outs, lost connections."""
    names = " ".join((*arm.catches, *arm.handler.types)).lower()
    outside = any(
        s.dotted is not None and "." in s.dotted and not s.dotted.startswith(("builtins", "os.path", "re.", "json."))
        for s in arm.body_calls
    )
    return outside and any(
        w in names for w in ("timeout", "connection", "requestexception", "httperror", "retryable", "transport")
    )


def _findings(project: Project) -> Iterator[Finding]:
    for use in configured(project):
        if use.func is None or use.call is None or stop_given(use, project) is not True:
            continue
        tries = _tries(use)
        inert = [key for key, _ in use.call.keywords if key in OF_PUBLISHING and use.policy.distribution == "celery"]
        if tries is None or tries < MANY or not _flat(use):
            continue
        if not project.function_runs_in(use.func, "serving", "startup", kinds=("service", "worker")):
            continue  # one run of a command is no crowd
        yield RULE.in_function(
            project, use.func, use.line,
            f"{tries} tries of {use.func.name}() follow each other at one pace: "
            + (
                f"{inert[0]} is an option of publishing a message, and a task's retries do not know it (they come default_retry_delay, "
                "180 s, apart)"
                if inert
                else "when a dependency fails, every caller comes back at the same moments and meets it while it recovers"
            ),
            "let the pause grow and add jitter (wait_random_exponential, retry_backoff=True, interval=[10, 60, 300])",
            # how many come back together, and whether they hurt whom they ask, is seldom seen
            confidence="certain" if inert else "possible",
        )  # fmt: skip


def _tries(use: Configured) -> int | None:
    assert use.call is not None
    for key, value in use.call.keywords:
        if isinstance(value, m.Call) and source_of(value.func).endswith("stop_after_attempt"):
            value = value.args[0] if value.args else value
            return value.value if isinstance(value, m.Const) and isinstance(value.value, int) else None
        if PACE.search(key or "") and key != "retry_kwargs":
            continue  # how long the pauses are, not how many there are
        if key in use.policy.stop_parameters and isinstance(value, m.Const) and isinstance(value.value, int):
            return value.value + (1 if "retries" in str(key) else 0)
        if key == "retry_kwargs" and isinstance(value, m.Mapping):
            for name, item in value.items:
                if (
                    isinstance(name, m.Const)
                    and name.value == "max_retries"
                    and isinstance(item, m.Const)
                    and isinstance(item.value, int)
                ):
                    return item.value + 1
    return None


def _flat(use: Configured) -> bool:
    """Whether the pause is the same each time, as written or by default."""
    assert use.call is not None
    policy, call = use.policy, use.call
    if policy.distribution == "celery" and call.keyword("autoretry_for") is None:
        return False  # ``self.retry()`` decides by itself
    waits = [v for k in policy.wait_parameters if (v := call.keyword(k)) is not None]
    if not waits:
        return not policy.grows and policy.wait is not None
    texts = [source_of(w.func if isinstance(w, m.Call) else w).rpartition(".")[2] for w in waits]
    if any(
        t in ("backoff", "True") or "expo" in t or "random" in t or "jitter" in t or "chain" in t or "incr" in t
        for t in texts
    ):
        return False
    if any(
        call.keyword(k) is not None
        for k in ("backoff", "jitter", "retry_backoff", "wait_jitter_max", "wait_exponential_multiplier")
    ):
        return False
    return all(t in CONSTANT or isinstance(w, m.Const) for t, w in zip(texts, waits, strict=True))
