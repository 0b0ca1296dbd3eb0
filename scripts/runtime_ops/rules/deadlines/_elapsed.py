"""How code measures the time that has passed: ``.seconds`` of a difference, the wall clock in a deadline."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.flows import ends, sites_by_call
from runtime_ops.project.model import Func, own_expressions
from runtime_ops.project.source_text import source_of
from runtime_ops.project.texts import bound_expression

WALL = frozenset(
    """time.time datetime.datetime.now datetime.datetime.utcnow datetime.datetime.today django.utils.timezone.now
    arrow.utcnow arrow.now pendulum.now""".split()
)
CLOCKS = frozenset("now utcnow now_datetime".split())
NAMES = 4  # names of names: a limit is nearer than this
UNITS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86400.0}


def lost_days(project: Project, func: Func) -> Iterator[tuple[int, str, str]]:
    """``(now - started).seconds`` in a comparison: lines, with the text and how sure it is that the difference grows a day old
    and somebody cares: likely where the earlier time is kept in a field (a local of a loop and the head of a queue are renewed
    all the time), certain where it is a record's and is taken from the clock to be compared with a limit."""
    found = func.inventory
    if "seconds" not in found.attributes and not any(name.endswith(".seconds") for name in found.names):
        return
    for place in func.places:
        for expr in own_expressions(place.stmt):
            text, sure = None, False
            for node in m.walk(expr):
                if isinstance(node, m.Compare):
                    for part in (node.left, *node.rights):
                        found_here = _seconds_of_difference(part, func, project)
                        text = text or found_here
                        sure = sure or (found_here is not None and _grows_old(part, node, func, project))
            if text is not None and ".days" not in source_of(expr, 400) and not _names_days(func):
                yield place.stmt.line, text, "certain" if sure else "likely" if _keeps_start(expr, func) else "possible"


def _seconds_of_difference(expr: m.Expr, func: Func, project: Project) -> str | None:
    if isinstance(expr, m.Attr) and expr.name == "seconds" and isinstance(expr.value, m.BinOp) and expr.value.op == "-":
        return f"({source_of(expr.value, 60)}).seconds"
    if isinstance(expr, m.Name) and expr.id.endswith(".seconds"):
        head = expr.id.rpartition(".")[0]
        bound = [b.expr for b in func.bindings.get(head, ()) if b.kind in ("assign", "walrus")]
        if bound and all(isinstance(b, m.BinOp) and b.op == "-" for b in bound):
            return expr.id
        value = project.links.names.name(head, func) if not bound else None
        if value is not None and value.kind == "made" and value.name == "datetime.timedelta":
            return expr.id
    if isinstance(expr, m.Call) and len(expr.args) == 1 and isinstance(expr.func, m.Name) and expr.func.id in ("int", "float", "abs"):
        return _seconds_of_difference(expr.args[0], func, project)
    return None


def _keeps_start(expr: m.Expr, func: Func) -> bool:
    """Whether a difference in the expression, or in what its names are bound to, takes ``record.started`` away."""
    heads = [n.id.rpartition(".")[0] for n in m.walk(expr) if isinstance(n, m.Name)]
    bound = tuple(b.expr for head in heads for b in func.bindings.get(head, ()) if b.expr is not None)
    return any(
        isinstance(n, m.BinOp) and n.op == "-" and isinstance(n.right, m.Name) and "." in n.right.id and not any(
            isinstance(part, m.Subscript) for part in m.walk(n)
        )
        for n in m.walk((expr, *bound))
    )


def _grows_old(part: m.Expr, compare: m.Compare, func: Func, project: Project) -> bool:
    """Whether ``.seconds`` is of ``now() - record.started`` and is compared with a limit. What is private to the object that
    asks is its own memory, mostly renewed all the time; a field that nothing ever sets has no difference."""
    while isinstance(part, m.Call) and part.args:  # int(delta.seconds)
        part = part.args[0]
    difference: m.Expr | None = part.value if isinstance(part, m.Attr) else None
    if isinstance(part, m.Name):
        bound = [b.expr for b in func.bindings.get(part.id.rpartition(".")[0], ()) if b.kind in ("assign", "walrus")]
        difference = bound[0] if len(bound) == 1 else None
    if not isinstance(difference, m.BinOp) or not isinstance(difference.right, m.Name) or not set(compare.ops) & {"<", ">", "<=", ">="}:
        return False
    owner, _, field = difference.right.id.rpartition(".")
    limits = [side for side in (compare.left, *compare.rights) if isinstance(side, m.Const)]
    if not owner or field.startswith("_") or any(not limit.value for limit in limits):
        return False
    return _reads_clock(difference.left, func) and not _never_set(field, project)


def _reads_clock(expr: m.Expr, func: Func) -> bool:
    """``now()``, or a local that was bound to such a call."""
    bound = [b.expr for b in func.bindings.get(expr.id, ())] if isinstance(expr, m.Name) else [expr]
    return bool(bound) and all(isinstance(b, m.Call) and source_of(b.func).rpartition(".")[2] in CLOCKS for b in bound)


def _never_set(field: str, project: Project) -> bool:
    """Whether all that the project ever writes into a field of this name is None."""
    written = [
        b.expr
        for each in project.functions
        for name, bindings in each.attribute_bindings.items()
        if name.endswith(f".{field}")
        for b in bindings
    ]
    return bool(written) and all(isinstance(expr, m.Const) and expr.value is None for expr in written)


def _names_days(func: Func) -> bool:
    return any(
        isinstance(n, m.Name | m.Attr) and (n.id if isinstance(n, m.Name) else n.name).endswith("days")
        for n in m.walk(func.facts.body)
    )


def wall_clock_limits(project: Project, func: Func) -> Iterator[tuple[int, str, float | None]]:
    """Tests that end a loop by the wall clock: ``while time.time() < deadline``, ``if time.time() - start > n: break``;
    with the seconds of the limit where they are written."""
    if m.While not in func.by_kind:
        return
    for place in func.places:
        stmt = place.stmt
        in_loop = any(isinstance(s.stmt, m.While) and s.arm == "body" for s in place.steps)
        if isinstance(stmt, m.While) or (isinstance(stmt, m.If) and in_loop and ends(stmt.body, func) & {"break", "return", "raise"}):
            test = stmt.test
        else:
            continue
        for node in m.walk(test):
            if isinstance(node, m.Compare) and _wall(node, func, project) and set(node.ops) & {"<", ">", "<=", ">="}:
                yield stmt.line, source_of(node, 80), _limit(node, func, project)
                break


def _wall(node: m.Compare, func: Func, project: Project) -> bool:
    sites = sites_by_call(func)
    for call in m.calls(node):
        site = sites.get(id(call))
        if site is not None and site.dotted in WALL and _meets_own_clock(node, func):
            return True
    return False


def _limit(node: m.Compare, func: Func, project: Project) -> float | None:
    """The seconds that a comparison with the clock allows: ``now - start > n``, ``now < start + n``, ``now < deadline``."""
    sides: list[m.Expr] = [node.left, *node.rights]
    for expr in sides:
        if isinstance(expr, m.Name):
            made = [b.expr for b in func.bindings.get(expr.id, ()) if isinstance(b.expr, m.BinOp)]
            expr = made[0] if len(made) == 1 else expr
        if not isinstance(expr, m.BinOp) or expr.op not in ("+", "-"):
            continue
        if expr.op == "-":
            limits: tuple[m.Expr, ...] = tuple(side for side in sides if side is not expr)
        else:
            limits = (expr.left, expr.right)
        found = [n for limit in limits if (n := _seconds(limit, func, project)) is not None]
        if found:
            return found[0]
    return None


def _seconds(expr: m.Expr | None, func: Func, project: Project, depth: int = 0) -> float | None:
    """The number that an expression comes to: a literal, a product of such, a name of one, a ``timedelta``."""
    if expr is None or depth > NAMES:
        return None
    if isinstance(expr, m.Const):
        return float(expr.value) if isinstance(expr.value, int | float) and not isinstance(expr.value, bool) else None
    if isinstance(expr, m.BinOp) and expr.op == "*":
        left, right = (_seconds(side, func, project, depth) for side in (expr.left, expr.right))
        return left * right if left is not None and right is not None else None
    if isinstance(expr, m.Call) and source_of(expr.func).rpartition(".")[2] == "timedelta":
        parts = [(UNITS.get(str(key)), _seconds(value, func, project, depth)) for key, value in expr.keywords]
        return sum(unit * n for unit, n in parts if unit and n is not None) or None
    if isinstance(expr, m.Name | m.Attr):
        bound = bound_expression(project.links, expr, func)
        return _seconds(bound[0], bound[1], project, depth + 1) if bound is not None and bound[0] is not expr else None
    return None


def _meets_own_clock(node: m.Compare, func: Func) -> bool:
    """The other side is a local that was read from a clock in this function, so both ends are this process's own."""
    names = {n.id for n in m.walk(node) if isinstance(n, m.Name) and "." not in n.id}
    for name in names:
        for binding in func.bindings.get(name, ()):
            if binding.kind == "assign" and any(
                source_of(c.func).rpartition(".")[2] in ("time", "now", "utcnow", "today") for c in m.calls(binding.expr)
            ):
                return True
    return False
