"""A count as exit status: 256 failures are 0."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="medium",
    summary="A count is the exit status: only its last eight bits arrive, so 256 failures look like success.",
    lead=True,
)
EXITS = ("sys.exit", "os._exit", "exit", "quit")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for site in project.sites(*EXITS):
        if not site.call.args:
            continue
        text = _count(site.call.args[0], site.function, project, 0)
        if text is not None and (project.phases(site) or project.imported_by(site.function.module)):
            yield RULE.at(
                project,
                site,
                f"{source_of(site.call.func)}() gets a count ({text}): the shell sees it modulo 256, so 256 failures end with status 0 "
                "and 128 and more look like signals",
                "exit with 1 when the count is not 0, and print the number",
            )


def _count(expr: m.Expr, func: Func, project: Project, depth: int) -> str | None:
    """The text of an expression that counts without bound, else None."""
    if depth > 3:
        return None
    if isinstance(expr, m.Call):
        name = source_of(expr.func)
        if name in ("len", "sum") and expr.args:
            return source_of(expr, 60)
        value = project.links.names.value(expr.func, func)
        if value is not None and isinstance(value.target, Func):
            target = value.target
            for place in target.places:
                if isinstance(place.stmt, m.Return) and place.stmt.value is not None:
                    found = _count(place.stmt.value, target, project, depth + 1)
                    if found is not None:
                        return found
        return None
    if isinstance(expr, m.Name) and "." not in expr.id:
        bindings = func.bindings.get(expr.id, ())
        assigned = [b.expr for b in bindings if b.kind == "assign" and b.expr is not None]
        counts = any(isinstance(e, m.Const) and type(e.value) is int for e in assigned)  # a text grows by += too
        if counts and any(b.kind == "augment" and b.text.startswith("+") for b in bindings):
            return f"{expr.id} is counted up"
        if len(assigned) == 1:
            return _count(assigned[0], func, project, depth + 1)
    return None
