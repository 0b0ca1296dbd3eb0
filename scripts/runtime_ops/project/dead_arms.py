"""Arms of a condition that no caller of the function enters: a switch that is off by default, and that nobody turns on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.project.links import Links, argument_of
from runtime_ops.project.model import Func, Step
from runtime_ops.project.names import decorator_name

_PLAIN = frozenset({"staticmethod", "classmethod"})


def never_entered(func: Func, steps: Iterable[Step], links: Links) -> bool:
    """Whether a place of the function stands in an arm that no known caller enters."""
    return any(isinstance(s.stmt, m.If) and s.arm in ("body", "orelse") and _dead(func, s, links) for s in steps)


def _dead(func: Func, step: Step, links: Links) -> bool:
    assert isinstance(step.stmt, m.If)
    if not func.facts.params or not _names(step.stmt.test).intersection(func.params):
        return False
    return shut_out(step, _settled(func, links))


def shut_out(step: Step, values: Mapping[str, object]) -> bool:
    """Whether what is known of the names closes the arm of a condition in which a place stands."""
    if not isinstance(step.stmt, m.If) or step.arm not in ("body", "orelse"):
        return False
    told = truth(step.stmt.test, values)
    return told is not None and told is not (step.arm == "body")


def _names(test: m.Expr) -> set[str]:
    return {node.id for node in m.walk(test) if isinstance(node, m.Name)}


@cache
def _settled(func: Func, links: Links) -> Mapping[str, object]:
    """The parameters that are a switch (default True, False or None) for which every caller gives the same literal, or nothing.
    Of a function that others may call as well, by a name alone or by a reference, none is."""
    edges = links.callers.get(func, ())
    if not edges or any(e.how != "call" or e.site.weak or e.site.call.expands for e in edges):
        return {}
    if any(decorator_name(d) not in _PLAIN for d in func.facts.decorators):
        return {}
    if func.cls is not None and any(func.name in k.methods for k in func.cls.subclasses):
        return {}
    found: dict[str, object] = {}
    for param in func.facts.params:
        if param.name in func.bindings or not _switch(param.default):
            continue
        given = [argument_of(e.site, func, param) or param.default for e in edges]
        values = {each.value for each in given if isinstance(each, m.Const) and isinstance(each.value, bool | None)}
        if len(values) == 1 and all(isinstance(each, m.Const) for each in given):
            found[param.name] = values.pop()
    return found


def _switch(default: m.Expr | None) -> bool:
    return isinstance(default, m.Const) and isinstance(default.value, bool | None)


def truth(test: m.Expr, values: Mapping[str, object]) -> bool | None:
    """Whether the test holds for what is known of the names; None where that is not told."""
    if isinstance(test, m.Name):
        return bool(values[test.id]) if test.id in values else None
    if isinstance(test, m.UnaryOp) and test.op == "not":
        told = truth(test.operand, values)
        return None if told is None else not told
    if isinstance(test, m.BoolOp):
        parts = [truth(part, values) for part in test.values]
        if test.op == "and":
            return False if False in parts else None if None in parts else True
        return True if True in parts else None if None in parts else False
    if isinstance(test, m.Compare) and isinstance(test.left, m.Name) and test.left.id in values and len(test.rights) == 1:
        right = test.rights[0]
        if isinstance(right, m.Const) and right.value is None and test.ops in (("is",), ("is not",)):
            return (values[test.left.id] is None) is (test.ops == ("is",))
        if isinstance(right, m.Const) and isinstance(right.value, bool) and test.ops[0] in ("is", "==", "is not", "!="):
            return (values[test.left.id] == right.value) is (test.ops[0] in ("is", "=="))
    return None
