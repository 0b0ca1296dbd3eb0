"""An answer of requests that is asked for by its truth: every answer of 4xx and 5xx is false."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.model import Func, own_expressions
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="medium",
    summary="An answer of requests is asked whether it is there by its truth, which is false for every status of 400 and above.",
    lead=True,
)
ERRORS = frozenset(
    f"{module}.{name}" for module in ("requests", "requests.exceptions") for name in ("HTTPError", "RequestException")
)
"""Exceptions of requests that carry the answer; what ``raise_for_status()`` raises carries one of 4xx or 5xx, always."""
RESPONSE = "requests.Response"
OF_ANSWER = re.compile(r"\.(?:status_code|content|text|json|headers|reason)\b")
ASK = "ask `is not None`; the truth of an answer is its .ok, and says nothing of whether there is one"


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for arm in project.failures:
        if arm.handler.bound is not None and ERRORS & set(arm.catches):
            yield from _of_error(project, arm)
    for func in project.functions:
        if OF_ANSWER.search(func.wording):
            yield from _of_answer(project, func)


# ---------------------------------------------------------------- the answer that an exception carries


def _of_error(project: Project, arm: HandlerEffects) -> Iterator[Finding]:
    """``except HTTPError as e: if e.response and e.response.status_code == 404``: never true."""
    carried = f"{arm.handler.bound}.response"
    asked = next((name for test in _tests(arm.handler.body) for name in _truths(test) if name.id == carried), None)
    if asked is None or not _runs(project, arm.func):
        return
    only = all(caught.endswith("HTTPError") for caught in arm.catches)
    yield RULE.in_function(
        project,
        arm.func,
        asked.line,
        f"{carried} is false for every answer of 4xx and 5xx, "
        f"{'and an HTTPError has no other' if only else 'which is what an error carries'}: it is taken for "
        "no answer, and what is written here for its status or text never applies",
        ASK,
        confidence="certain",
    )


# ---------------------------------------------------------------- the answer itself


def _of_answer(project: Project, func: Func) -> Iterator[Finding]:
    for place in func.places:
        for root in own_expressions(place.stmt):
            for node in m.walk(root):
                if isinstance(node, m.BoolOp) and node.op == "and":
                    yield from _dead_status(project, func, node)
                elif isinstance(node, m.IfExp):
                    yield from _given_up(project, func, node)


def _dead_status(project: Project, func: Func, both: m.BoolOp) -> Iterator[Finding]:
    """``answer and answer.status_code == 409``."""
    for name in (value for value in both.values if isinstance(value, m.Name)):
        test = next((v for v in both.values if isinstance(v, m.Compare) and _asks_for_error(v, name.id)), None)
        if test is not None and _is_answer(project, func, name) and _runs(project, func):
            yield RULE.in_function(
                project,
                func,
                test.line,
                f"{source_of(both)} is never true: {name.id} is false for every answer of 4xx and 5xx",
                ASK,
                confidence="certain",
            )


def _asks_for_error(test: m.Compare, name: str) -> bool:
    """Whether a comparison holds for statuses of errors alone."""
    if not isinstance(test.left, m.Name) or test.left.id != f"{name}.status_code" or len(test.ops) != 1:
        return False
    right = test.rights[0]
    given = right.items if isinstance(right, m.Sequence) else (right,)
    codes = [item.value for item in given if isinstance(item, m.Const)]
    known = bool(given) and len(codes) == len(given) and all(type(code) is int and code >= 400 for code in codes)
    return known and test.ops[0] in ("==", "in", ">=")


def _given_up(project: Project, func: Func, choice: m.IfExp) -> Iterator[Finding]:
    """``answer.content if answer else None``: meant is perhaps an answer that is an error, too."""
    name = choice.test
    if not isinstance(name, m.Name) or not any(_of(node, name.id) for node in m.walk(choice.body)):
        return
    if _is_answer(project, func, name) and _runs(project, func):
        yield RULE.in_function(
            project,
            func,
            name.line,
            f"{name.id} is false for every answer of 4xx and 5xx, not only when there is none: {source_of(choice)} then gives "
            f"{source_of(choice.orelse)}",
            "if an answer of an error counts, ask `is not None`; if not, write .ok",
            confidence="possible",
        )


def _of(node: object, name: str) -> bool:
    return isinstance(node, m.Name) and node.id.startswith(f"{name}.")


# ---------------------------------------------------------------- signs


def _tests(block: m.Block) -> Iterator[m.Expr]:
    """Every expression of a block whose truth alone counts: of conditions, choices and what stands before an ``and``."""
    for node in m.walk(block):
        if isinstance(node, m.If | m.While | m.IfExp):
            yield node.test
        elif isinstance(node, m.BoolOp) and node.op == "and":
            yield from node.values[:-1]


def _truths(test: m.Expr) -> Iterator[m.Name]:
    """The names that a test asks for their truth."""
    if isinstance(test, m.Name):
        yield test
    elif isinstance(test, m.UnaryOp) and test.op == "not":
        yield from _truths(test.operand)
    elif isinstance(test, m.BoolOp):
        for value in test.values:
            yield from _truths(value)


def _is_answer(project: Project, func: Func, name: m.Name) -> bool:
    """Whether a name is bound to answers of requests, or to None, and to nothing else."""
    bound = func.bindings.get(name.id, ())
    made = [b for b in bound if not (isinstance(b.expr, m.Const) and b.expr.value is None)]
    if not made or any(b.kind not in ("assign", "walrus") for b in made):
        return False
    values = [project.names.value(b.expr, func) for b in made]
    return all(v is not None and v.kind == "made" and v.name == RESPONSE for v in values)


def _runs(project: Project, func: Func) -> bool:
    return bool(project.phases_by_entrypoint(func) or project.imported_by(func.module))
