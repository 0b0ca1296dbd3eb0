"""A loop of attempts that runs out of them and ends like one that succeeded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import statements_after
from runtime_ops.project.loops import Loop, counts_attempts
from runtime_ops.project.model import Func, Place
from runtime_ops.rules.api import Rule
from runtime_ops.rules.jobs._words import aside, optional, stated, words

RULE = Rule(
    __name__,
    severity="medium",
    summary="A retry loop ends after its last attempt as after a success: the function returns, and nobody learns of the failure.",
)
WAITS = frozenset("wait poll await sleep try probe check ping test demo".split())
"""First words of functions that look whether something is there; `inert-startup-check` asks those."""
COUNTED = re.compile(r"(?:^|\.)x?range$")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    arms: dict[int, list[HandlerEffects]] = {}
    for effects in project.failures:
        arms.setdefault(id(effects.attempt), []).append(effects)
    for func in project.functions:
        for kind in (m.For, m.While):
            for place in func.by_kind.get(kind, ()):
                yield from _surrendering(project, func, place, arms)


def _surrendering(project: Project, func: Func, place: Place, arms: dict[int, list[HandlerEffects]]) -> Iterator[Finding]:
    loop = place.stmt
    if not isinstance(loop, m.For | m.While) or loop.orelse or func.facts.is_generator or func.is_module or place.steps:
        return
    attempt = next((s for s in loop.body if isinstance(s, m.Try)), None)
    if attempt is None or statements_after(place, func) or _names_a_look(func):
        return
    bound = counts_attempts(loop, func)
    if bound is None or bound.how not in ("range", "counter"):
        return
    of_try = arms.get(id(attempt), [])
    behind = loop.body[loop.body.index(attempt) + 1 :]
    after = any(isinstance(stmt, m.Break | m.Return) for stmt in behind)  # an arm that falls is then a success, too
    goes_on = [arm for arm in of_try if _tries_again(arm) and not (after and "fall" in arm.ends)]
    if not goes_on or any(arm.raises == "sometimes" for arm in of_try) or not (after or _done_leaves(attempt)):
        return
    if _answers(func) or not goes_on[0].body_calls:
        return
    if not (project.phases_by_entrypoint(func) or project.imported_by(func.module)):
        return
    caught = " / ".join(dict.fromkeys(c.rpartition(".")[2] for arm in goes_on for c in arm.catches)) or "every exception"
    yield RULE.in_function(
        project,
        func,
        loop.line,
        f"after the last attempt ({bound.text}) the loop just ends: {func.name}() returns as after a success, what it was to do is not "
        f"done, and its caller never learns of {caught}",
        "raise when the attempts are used up: for … else: raise, or re-raise in the arm at the last one",
        end_line=attempt.line,
        confidence="possible" if any(_tells_of_the_last(arm, loop) for arm in goes_on) else "certain",
    )


def _tells_of_the_last(arm: HandlerEffects, loop: Loop) -> bool:
    """Whether the arm does something else at the last attempt: it says there that it gives up."""
    counted = {n.id for n in m.walk(loop.target) if isinstance(n, m.Name)} if isinstance(loop, m.For) else set()
    counted |= {n.target.id for n in m.walk(loop.body) if isinstance(n, m.AugAssign) and isinstance(n.target, m.Name)}
    tests = (n.test for n in m.walk(arm.handler.body) if isinstance(n, m.If))
    return any(isinstance(n, m.Name) and n.id in counted for test in tests for n in m.walk(test))


def _names_a_look(func: Func) -> bool:
    return bool(set(words(func.name)[:1]) & WAITS) or optional(func.name) or aside(func) or stated(func)


def _tries_again(arm: HandlerEffects) -> bool:
    """Whether the arm takes the failure and lets the loop turn again, and keeps nothing of it that somebody could look at."""
    kept = [s for s in arm.stores if s.how not in ("variable", "counter")]
    told = arm.reports or arm.answers or arm.settles or kept
    return arm.ends <= {"fall", "continue"} and arm.raises == "never" and not arm.exits and not told


def _done_leaves(attempt: m.Try) -> bool:
    """Whether a success leaves the loop: by ``break`` or ``return`` as the last of the work."""
    return any(isinstance(stmt, m.Break | m.Return) for stmt in (attempt.orelse or attempt.body)[-1:])


def _answers(func: Func) -> bool:
    """Whether the function gives a value back, which may tell a success from the end of the loop."""
    return any(
        isinstance(p.stmt, m.Return) and p.stmt.value is not None and not (isinstance(p.stmt.value, m.Const) and p.stmt.value.value is None)
        for p in func.places
    )
