"""A reconnect that misses part of the ways in which the connection is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.errors import ConnectionErrors, connection_errors
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.jobs._retries import configured

RULE = Rule(
    __name__, severity="medium", summary="A reconnect-and-resend names only part of the ways a connection is lost.", lead=True
)
RECONNECTS = re.compile(
    r"re_?connect|^_?connect$|^_?(?:open|create|init|new|get)_(?:connection|channel|client|session|conn)$|^_?connect_|^ping$",
    re.I,
)

SENDS = re.compile(r"(?i)^_*(?:re_?)?(?:send|publish|produce|push|emit)(?:_|$)")
RETRIES = re.compile(r"(?i)retry|retries|again|attempt|backoff")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    done: set[int] = set()
    for arm in project.failures:
        if id(arm.attempt) in done or arm.broad or not arm.catches:
            continue
        again = _resent(arm)
        connect = next((s for s in arm.calls if RECONNECTS.search(s.method)), None)
        if again is None or connect is None or _for_other_work(connect, again):
            continue
        row = next((r for c in arm.catches if (r := connection_errors(c)) is not None), None)
        caught = {c for e in project.failures if e.attempt is arm.attempt for c in e.catches}
        if row is None or any(e.broad for e in project.failures if e.attempt is arm.attempt):
            continue
        lacking = _lacking(row, caught)
        if not lacking:
            continue
        if _tried_again_around(project, arm.func):
            continue
        done.add(id(arm.attempt))
        shown = ", ".join(n.rpartition(".")[2] for n in lacking[:3])
        guarded = any(s.stmt is not arm.attempt and isinstance(s.stmt, m.Try) for s in connect.steps)
        also = "" if guarded else f", and so does a failure of {connect.text}() itself, which is tried once and at once"
        yield RULE.in_function(
            project, arm.func, arm.line,
            f"The reconnect catches only {', '.join(c.rpartition('.')[2] for c in arm.catches)}: {shown} "
            f"escape{also}; what was to be sent "
            "is lost during a short restart of the other side",
            f"catch {(row.bases or row.raised)[0]}, and retry connect and send together, a few times with a "
            "growing pause",
            end_line=arm.handler.end_line,
            confidence=_confidence(project, arm, again),
        )  # fmt: skip


def _confidence(project: Project, arm: HandlerEffects, again: Site) -> str:
    """Certain only of something that is sent, once more by this arm alone: what is taken, or what a loop or an arm further out
    comes back to, is not lost."""
    if not project.phases_by_entrypoint(arm.func):
        return "possible"
    outer = [s.stmt for s in arm.steps if s.stmt is not arm.attempt]
    held = any(isinstance(stmt, m.Try | m.While | m.For) for stmt in outer)
    return "certain" if SENDS.match(again.method) and not held else "likely"


def _tried_again_around(project: Project, func: Func) -> bool:
    """Whether a retry stands around the whole function: a decorator, or what the function is handed to says so by name."""
    edges = project.links.callers.get(func, ())
    around = [e.site.text for e in edges if e.how == "reference"]
    handed = any(
        isinstance(a, m.Name) and a.id == func.name and RETRIES.search(s.text)
        for s in (func.parent.sites if func.parent is not None else ())
        for a in s.call.args
    )
    return handed or any(RETRIES.search(text) for text in around) or any(use.func is func for use in configured(project))


def _for_other_work(connect: Site, again: Site) -> bool:
    """``with engine.connect() as connection: connection.execute("ALTER TABLE …")``: a connection for what the arm does
    itself, and not for the call that it makes again outside."""
    within = next((s for s in (*again.steps, *connect.steps) if isinstance(s.stmt, m.With) and _entered(s.stmt, connect)), None)
    opened = within.stmt if within is not None else connect.stmt if isinstance(connect.stmt, m.With) else None
    return opened is not None and not any(s.stmt is opened for s in again.steps)


def _entered(stmt: m.With, site: Site) -> bool:
    return any(call is site.call for item in stmt.items for call in m.calls(item))


def _resent(arm: HandlerEffects) -> Site | None:
    """A call of the ``try`` that the arm makes again."""
    tried = {s.text for s in arm.body_calls}
    return next((s for s in arm.calls if s.text in tried and not RECONNECTS.search(s.method)), None)


def _lacking(row: ConnectionErrors, caught: set[str]) -> list[str]:
    tails = {c.rpartition(".")[2] for c in caught}
    if any(b.rpartition(".")[2] in tails for b in row.bases):
        return []
    wanted = [r for r in row.raised if r.rpartition(".")[2] not in tails and not r.startswith("builtins.")]
    out = {name for base, below in row.covers.items() if base in tails for name in below}
    wanted = [w for w in wanted if w.rpartition(".")[2] not in out]
    return wanted if len(row.raised) > 1 else []
