"""A message is given to a second worker while the first still works on it."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func
from runtime_ops.rules.api import Rule

RULE = Rule(__name__, severity="medium", summary="The visibility or ack timeout is shorter than the job may run.")
WINDOWS = frozenset({"visibility_timeout", "VisibilityTimeout"})
LIMITS = frozenset({"task_time_limit", "CELERY_TASK_TIME_LIMIT", "time_limit"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    windows = list(_numbers(project, WINDOWS))
    limits = list(_numbers(project, LIMITS))
    for func, line, window in windows:
        longer = [(f, n, limit) for f, n, limit in limits if limit > window]
        if not longer or window <= 0:
            continue
        other, other_line, limit = max(longer, key=lambda found: found[2])
        yield RULE.finding(
            func.path, line,
            f"A message that is not acknowledged after {window:g} s is given to another worker, but a job may "
            f"run for {limit:g} s: a slow job runs "
            "twice at the same time",
            "make the window longer than the longest job and the longest countdown, and the job idempotent",
            entrypoints=project.imported_by(func.module), trace=(Evidence(other.path, other_line, f"limit of {limit:g} s"),),
            anchor=f"{func.qualname}:window",
        )  # fmt: skip


def _numbers(project: Project, names: frozenset[str]) -> Iterator[tuple[Func, int, float]]:
    """Every number that is written for one of the names: keyword, mapping item, or name."""
    for func in project.functions:
        for place in func.places:
            line = place.stmt.line
            for node in m.walk(place.stmt):
                pairs: list[tuple[object, m.Expr]] = []
                if isinstance(node, m.Call):
                    pairs = [(k, v) for k, v in node.keywords]
                    line = node.line
                elif isinstance(node, m.Mapping):
                    pairs = [(k.value, v) for k, v in node.items if isinstance(k, m.Const)]
                    line = node.line
                elif isinstance(node, m.Assign) and node.value is not None:
                    pairs = [(t.id.rpartition(".")[2], node.value) for t in node.targets if isinstance(t, m.Name)]
                    line = node.line
                for key, value in pairs:
                    if key in names:
                        number = _number(project, value, func)
                        if number is not None:
                            yield func, line, number
            if isinstance(place.stmt, m.If | m.While | m.For | m.With | m.Try):
                continue
        for decorator in func.facts.decorators:
            if isinstance(decorator, m.Call):
                for key, value in decorator.keywords:
                    if key in names:
                        number = _number(project, value, func.module.level)
                        if number is not None:
                            yield func, decorator.line, number


def _number(project: Project, expr: m.Expr, func: Func) -> float | None:
    if isinstance(expr, m.BinOp) and expr.op == "*":
        left, right = _number(project, expr.left, func), _number(project, expr.right, func)
        return left * right if left is not None and right is not None else None
    value = project.names.constant(expr, func)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
