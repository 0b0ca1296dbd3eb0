"""One failure that is logged again at each level it passes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import is_management_command
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.logging._failing import hardly_fails

RULE = Rule(
    __name__,
    severity="low",
    summary="A failure is logged as an error, raised on, and logged as an error again by the caller.",
    alone=False,
    lead=True,
)
PLACES = 3  # findings of their own; beyond that the habit is one finding


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    arms: dict[int, list[HandlerEffects]] = defaultdict(list)
    for arm in project.failures:
        arms[id(arm.attempt)].append(arm)
    found = list(together(_findings(project, arms)))  # those of a file have one mend
    yield from found[: PLACES - 1]
    rest = found[PLACES - 1 :]
    if rest:
        also = tuple(Evidence(f.path, f.line, "the same") for f in rest[1:9])
        yield replace(rest[0], count=sum(f.count for f in rest), also=also)


def _findings(project: Project, arms: dict[int, list[HandlerEffects]]) -> Iterator[Finding]:
    told: set[tuple[Func, Func]] = set()
    for arm in project.failures:
        if is_management_command(arm.path):
            continue  # read by whoever runs the command
        if not arm.broad or arm.raises != "always" or not any(r.same for r in arm.raised) or not loud(arm):
            continue
        again = _logged_again(project, arm.func, arms)
        if again is None or (arm.func, again.func) in told or not _repeats(project, arm.func, again):
            continue
        if _levels(arm).isdisjoint(_levels(again)) or hardly_fails(arm):
            continue
        told.add((arm.func, again.func))
        yield RULE.in_function(
            project,
            arm.func,
            arm.logs[0].site.line,
            f"{arm.func.name} logs the failure and raises it on, and {again.func.name} ({again.path}) logs the same one again: "
            "one failure counts twice in alerts, under two messages",
            "log where it is dealt with; add what this level knows by raise … from, or add_note()",
            end_line=arm.logs[0].site.call.end_line,
        )


def loud(arm: HandlerEffects) -> bool:
    """Whether the arm logs what it caught at ERROR or above with a traceback."""
    return bool(_levels(arm))


def _levels(arm: HandlerEffects) -> set[str]:
    """The levels at which the arm logs what it caught: a CRITICAL and an ERROR are two alerts for two readers. A line of an inner
    ``except``, around a rollback for example, is about another failure."""
    return {call.level for call in arm.logs if call.at_least("error") and call.traceback and not _of_inner(call.site, arm)}


def _of_inner(site: Site, arm: HandlerEffects) -> bool:
    handlers = [step.handler for step in site.steps if step.handler is not None]
    return site.function is arm.func and bool(handlers) and handlers[-1] is not arm.handler


def _repeats(project: Project, func: Func, again: HandlerEffects) -> bool:
    """Whether the two records can come again and again, so that somebody counts them: what ends a start, or a module's last
    arm, tells once more at the end, and nobody minds."""
    if again.func.is_module:
        return False
    if again.raises == "always" or again.exits:
        return not project.function_runs_in(func, "import", "startup")
    return bool(project.function_runs_in(func, "startup", "serving", "shutdown"))


def _logged_again(project: Project, func: Func, arms: dict[int, list[HandlerEffects]]) -> HandlerEffects | None:
    """The arm of a direct caller that catches what the function raises and logs it loudly."""
    for edge in project.links.callers.get(func, ()):
        if edge.how != "call" or edge.site.weak:
            continue
        for step in reversed(edge.site.steps):
            if isinstance(step.stmt, m.Try) and step.arm == "body":
                for other in arms.get(id(step.stmt), ()):
                    if other.broad and loud(other):
                        return other
                break
    return None
