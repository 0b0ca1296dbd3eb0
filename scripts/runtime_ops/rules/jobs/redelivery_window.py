"""A message is given to a second worker while the first still works on it."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func
from runtime_ops.rules.api import Rule

RULE = Rule(__name__, severity="medium", summary="The visibility or ack timeout is shorter than the job may run.", lead=True)
WINDOWS = frozenset({"visibility_timeout", "VisibilityTimeout"})
LIMITS = frozenset({"task_time_limit", "CELERY_TASK_TIME_LIMIT", "time_limit"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    windows = list(_numbers(project, WINDOWS))
    if not windows:
        return
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
    """Every number that is written for one of the names: keyword, item of a mapping, name or attribute."""
    for func in project.functions:
        written = func.inventory
        if (
            names.isdisjoint(written.keywords)
            and names.isdisjoint(written.texts)
            and names.isdisjoint(written.header_texts)
            and not any(name in func.wording for name in names)
        ):
            continue
        for line, key, value in _named(func):
            if key in names:
                number = _number(project, value, func)
                if number is not None:
                    yield func, line, number


def _named(func: Func) -> Iterator[tuple[int, object, m.Expr]]:
    for site in func.sites:
        for key, value in site.call.keywords:
            yield site.line, key, value
        for given in (*site.call.args, *(v for _, v in site.call.keywords)):
            if isinstance(given, m.Mapping):
                yield from _items(given)
    for place in func.by_kind.get(m.Assign, ()):
        stmt = place.stmt
        if isinstance(stmt, m.Assign) and isinstance(stmt.value, m.Mapping):
            yield from _items(stmt.value)
        elif isinstance(stmt, m.Assign) and isinstance(stmt.value, m.Const | m.BinOp | m.Name):
            for target in stmt.targets:
                if isinstance(target, m.Name):
                    yield stmt.line, target.id.rpartition(".")[2], stmt.value
                elif isinstance(target, m.Subscript) and isinstance(target.key, m.Const):
                    yield stmt.line, target.key.value, stmt.value


def _items(mapping: m.Mapping) -> Iterator[tuple[int, object, m.Expr]]:
    for key, value in mapping.items:
        if isinstance(key, m.Const):
            yield mapping.line, key.value, value
        if isinstance(value, m.Mapping):
            yield from _items(value)


def _number(project: Project, expr: m.Expr, func: Func) -> float | None:
    if isinstance(expr, m.BinOp) and expr.op == "*":
        left, right = _number(project, expr.left, func), _number(project, expr.right, func)
        return left * right if left is not None and right is not None else None
    value = project.names.constant(expr, func)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
