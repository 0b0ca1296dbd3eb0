"""A context manager whose generator yields twice."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.decorators import decorated_by
from runtime_ops.project.flows import takes_anything
from runtime_ops.project.model import Func
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="high",
    summary="A generator under @contextmanager yields a second time, so that the with block ends in RuntimeError.",
)
MANAGERS = frozenset({"contextlib.contextmanager", "contextlib.asynccontextmanager"})
Yields = tuple[m.Yield, ...]
MOST = 40  # ways kept: more of them say nothing new


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        if not func.facts.is_generator or not func.facts.decorators or func.facts.body == ():
            continue
        if not any(decorated_by(d, func, project.links) in MANAGERS for d in func.facts.decorators):
            continue
        twice = next((way for way in _all(func) if len(way) > 1), None)
        if twice is not None:
            first, second = twice[0], twice[1]
            yield RULE.in_function(
                project,
                func,
                second.line,
                f"{func.name}() yields in line {first.line} and, when the with block has ended, here once more: contextlib raises "
                "RuntimeError (generator didn't stop), so every user fails after its work is done",
                "yield once; what has to be done after the block stands behind the one yield, in finally",
                confidence="certain",
            )
            continue
        caught = _in_arm(func)
        if caught is not None:
            first, again = caught
            yield RULE.in_function(
                project,
                func,
                again.line,
                f"an exception of the with block comes out of the yield in line {first.line}, this arm takes it and yields once more: "
                "contextlib raises RuntimeError (generator didn't stop after throw()) in place of the failure",
                "let only what stands before the yield be caught: yield behind the try, and re-raise in the arm",
                severity="medium",
                confidence="certain",
            )


def _all(func: Func) -> list[Yields]:
    """What is yielded on each way through a function."""
    falling, ended = _ways(func.facts.body)
    return falling + ended


def _ways(block: m.Block) -> tuple[list[Yields], list[Yields]]:
    """The yields on each way that falls out of a block, and on each that leaves the function within it. Loops are passed over:
    how often they turn is not known."""
    falling: list[Yields] = [()]
    ended: list[Yields] = []
    for stmt in block:
        on, off = _ways_of(stmt)
        ended += [a + b for a in falling for b in off]
        falling = list(dict.fromkeys(a + b for a in falling for b in on))[:MOST]
        if not falling:
            break
    return falling, ended[:MOST]


def _ways_of(stmt: m.Stmt) -> tuple[list[Yields], list[Yields]]:
    if isinstance(stmt, m.If):
        tests = _of(stmt.test)
        (a, x), (b, y) = _ways(stmt.body), _ways(stmt.orelse)
        return [tests + w for w in (*a, *b)], [tests + w for w in (*x, *y)]
    if isinstance(stmt, m.With):
        return _ways(stmt.body)
    if isinstance(stmt, m.Try):
        on, off = _ways(stmt.body)
        also, gone = _ways(stmt.orelse)
        last, out = _ways(stmt.final)
        through = [a + b + c for a in on for b in also for c in last]
        left = [a + c for a in off for c in last] + [a + b + c for a in on for b in gone for c in last] + [a + c for a in on for c in out]
        return through[:MOST], left[:MOST]
    if isinstance(stmt, m.While | m.For | m.Match):
        return [()], []
    if isinstance(stmt, m.Return | m.Raise):
        return [], [_of(stmt)]
    if isinstance(stmt, m.Break | m.Continue):
        return [], []
    return [_of(stmt)], []


def _of(node: object) -> Yields:
    """The yields of a statement that holds no block. One under a condition may not happen."""
    if not isinstance(node, m.ExprStmt | m.Assign | m.AugAssign | m.Return):
        return ()
    value = node.value
    value = value.value if isinstance(value, m.Await) else value
    return (value,) if isinstance(value, m.Yield) and not value.delegates else ()


def _in_arm(func: Func) -> tuple[m.Yield, m.Yield] | None:
    """A yield within a ``try`` and one in an arm of it that takes any exception and ends without raising."""
    for place in func.by_kind.get(m.Try, ()):
        attempt = place.stmt
        if not isinstance(attempt, m.Try) or any(isinstance(s.stmt, m.While | m.For) for s in place.steps):
            continue
        inside = next((way[0] for way in _ways(attempt.body)[0] if way), None)
        for handler in attempt.handlers:
            again = next((way[0] for way in _ways(handler.body)[0] if way), None)
            if inside is not None and again is not None and takes_anything(handler):
                return inside, again
    return None
