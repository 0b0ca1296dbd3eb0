"""A status that a command computes and nobody gives to the shell."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.cli._commands import main_calls

RULE = Rule(
    __name__,
    severity="medium",
    summary="main() returns a failing status that nobody passes to sys.exit, so the command always ends with 0.",
    lead=True,
)
RUNNERS = frozenset({"asyncio.run", "anyio.run", "trio.run"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for entrypoint in project.entrypoints:
        level = entrypoint.main
        seen: set[int] = set()
        for site in main_calls(entrypoint):
            target = site.targets[0]
            if not _dropped(site, level) or target.facts.is_generator or id(target) in seen:
                continue
            code = _failing_status(target)
            if code is not None:
                seen.add(id(target))
                yield RULE.finding(
                    level.path,
                    site.line,
                    f"{target.name}() returns {code} when it fails, but the result is dropped here: the program ends with 0 and "
                    "its caller takes a failed run for a good one",
                    f"write sys.exit({site.text}(…))",
                    phase="serving",
                    entrypoints=(entrypoint,),
                    # what other programs import, and nothing starts, is run by hand, if at all
                    confidence="certain" if entrypoint.launches or not _imported(project, entrypoint) else "possible",
                    anchor=f"{level.qualname}:{target.name}",
                )


def _imported(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether another program that an artifact starts imports the module, whose own ``__main__`` block then does not run."""
    return any(entrypoint.main.module in other.modules and other.launches for other in project.entrypoints if other is not entrypoint)


def _dropped(site: Site, level: Func) -> bool:
    """The call, or the runner around it, is a statement of its own."""
    stmt = site.stmt
    if not isinstance(stmt, m.ExprStmt):
        return False
    value = stmt.value.value if isinstance(stmt.value, m.Await) else stmt.value
    if value is site.call:
        return True
    if not isinstance(value, m.Call) or not value.args or value.args[0] is not site.call:
        return False
    outer = next((s for s in level.sites if s.call is value), None)
    return outer is not None and outer.dotted in RUNNERS


def _failing_status(func: Func) -> int | None:
    """The failing status among the literal returns of a function that returns statuses; None when it returns other things."""
    codes: list[int] = []
    for place in func.places:
        if isinstance(place.stmt, m.Return) and place.stmt.value is not None:
            value = place.stmt.value
            if isinstance(value, m.IfExp):
                both = (value.body, value.orelse)
            else:
                both = (value, value)
            for part in both:
                if isinstance(part, m.UnaryOp) and part.op == "-" and isinstance(part.operand, m.Const) and part.operand.value == 1:
                    codes.append(-1)  # exits with 255
                elif isinstance(part, m.Const) and isinstance(part.value, int) and not isinstance(part.value, bool):
                    codes.append(part.value)
                elif not isinstance(part, m.Name | m.Call):
                    return None
    failing = [c for c in codes if c]
    return failing[0] if failing and all(-1 <= c < 256 for c in codes) else None
