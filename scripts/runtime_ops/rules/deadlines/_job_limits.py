"""The time limit that the project gives to the jobs of its job system, followed to the setting that it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.timeouts import Wait, job_limits
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.project.texts import bound_expression

DEPTH = 8  # names of names, returns of functions: a setting is nearer than this
DEFAULTS = frozenset("os.environ.get os.getenv environ.get getenv".split())
CASTS = frozenset("int float".split())


class Unlimited(NamedTuple):
    """A job limit that is switched off: the place where the value is written, and the call that it reaches. ``default``: it is
    what an environment variable stands for that nobody has set, so what everybody gets who has not asked."""

    path: str
    line: int
    text: str
    value: str
    system: str
    site: Site
    default: bool


def switched_off(project: Project) -> Iterator[Unlimited]:
    """Job limits whose value, or whose setting's default, means without limit; each place once."""
    found: dict[tuple[str, int], Unlimited] = {}
    for dotted, sites in list(project.links.by_dotted.items()):
        rows = [row for row in job_limits(dotted) if row.unbounded_values]
        for site in sites if rows else ():
            for row in rows:
                for expr in _given(site, row):
                    for path, line, text, value, default in _ends(project, expr, site.function, site.line, 0):
                        if any(type(value) is type(u) and value == u for u in row.unbounded_values) and value is not None:
                            limit = Unlimited(path, line, text, repr(value), row.distribution, site, default)
                            found.setdefault((path, line), limit)
    last: dict[tuple[str, str], Unlimited] = {}
    for limit in found.values():
        known = last.get((limit.path, limit.system))
        if known is None or limit.line > known.line:
            last[(limit.path, limit.system)] = limit
    yield from sorted(last.values(), key=lambda u: (u.path, u.line))


def _given(site: Site, row: Wait) -> Iterator[m.Expr]:
    for parameter in row.parameters:
        expr = site.call.keyword(parameter)
        if expr is not None:
            yield expr
    for key, value in site.call.keywords:
        if key is None and isinstance(value, m.Name):
            for binding in site.function.bindings.get(value.id, ()):
                if isinstance(binding.expr, m.Mapping):
                    for name, item in binding.expr.items:
                        if isinstance(name, m.Const) and name.value in row.parameters:
                            yield item


def _ends(project: Project, expr: m.Expr, func: Func, line: int, depth: int) -> Iterator[tuple[str, int, str, object, bool]]:
    """The literals that an expression may stand for: path, line, what it is called, value, whether the environment may say else."""
    if depth > DEPTH:
        return
    value = _literal(expr, func, project)
    if value is not None:
        asked = any(source_of(call.func) in DEFAULTS for call in m.calls(expr))
        yield func.path, line, source_of(expr, 60), value[0], asked
        return
    if isinstance(expr, m.IfExp):
        yield from _ends(project, expr.body, func, line, depth + 1)
        yield from _ends(project, expr.orelse, func, line, depth + 1)
    elif isinstance(expr, m.Name | m.Attr):
        for inner, where, at in _bound(project, expr, func):
            for path, number, text, found, asked in _ends(project, inner, where, at, depth + 1):
                yield path, number, source_of(expr, 60) if (path, number) == (where.path, at) else text, found, asked
    elif isinstance(expr, m.Call):
        callee = project.links.names.value(expr.func, func)
        targets = [callee.target] if callee is not None and isinstance(callee.target, Func) else []
        if not targets:  # a settings module that is loaded by its name at run time
            targets = _only_function(project, source_of(expr.func).rpartition(".")[2])
        for target in targets:
            for place in target.places:
                if isinstance(place.stmt, m.Return) and place.stmt.value is not None:
                    yield from _ends(project, place.stmt.value, target, place.stmt.line, depth + 1)


def _bound(project: Project, expr: m.Name | m.Attr, func: Func) -> Iterator[tuple[m.Expr, Func, int]]:
    if isinstance(expr, m.Name) and expr.id in func.bindings:
        for binding in func.bindings[expr.id]:
            if binding.kind in ("assign", "annotation") and binding.expr is not None:
                yield binding.expr, func, binding.line
        return
    bound = bound_expression(project.links, expr, func)
    if bound is None or bound[0] is expr:
        return
    inner, where = bound
    line = next((b.line for bs in where.bindings.values() for b in bs if b.expr is inner), getattr(inner, "line", 1))
    yield inner, where, line


def _only_function(project: Project, name: str) -> list[Func]:
    """The one module-level function of the project that has this name, if it is long enough to mean one thing."""
    if len(name) < 8 or "_" not in name:
        return []
    found = [f for module in project.modules for f in (module.functions.get(name),) if f is not None]
    return found if len(found) == 1 else []


def _literal(expr: m.Expr, func: Func, project: Project) -> tuple[object] | None:
    """The number of ``-1``, ``int(os.environ.get("X", -1))``, ``os.environ.get("X", "-1")``, in a tuple; else None."""
    if isinstance(expr, m.UnaryOp) and expr.op == "-" and isinstance(expr.operand, m.Const):
        number = expr.operand.value
        return (-number,) if isinstance(number, int | float) else None
    if isinstance(expr, m.Const):
        if isinstance(expr.value, str):
            text = expr.value.strip()
            return (int(text),) if text.lstrip("-").isdigit() else None
        return (expr.value,) if isinstance(expr.value, int | float) and not isinstance(expr.value, bool) else None
    if isinstance(expr, m.Call):
        name = source_of(expr.func)
        if name in CASTS and len(expr.args) == 1:
            return _literal(expr.args[0], func, project)
        given = expr.argument("default", 1)
        if given is not None and (name in DEFAULTS or name.rpartition(".")[2] in ("getenv", "env", "config", "int", "get")):
            return _literal(given, func, project)
    return None
