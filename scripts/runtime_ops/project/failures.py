"""What the project does with failures: every ``except`` arm, what it catches, and what becomes of the failure.

`effects_of` describes one arm; `find_failures` all of them. Effects of project functions that the arm calls (a
``self._fail(job, error)``) are followed a little way and carry the place in that function.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.plain import dataclass
from runtime_ops.project import failure_signs as signs
from runtime_ops.project.flows import BROAD_EXCEPTIONS, ends, resolve_all, sites_in
from runtime_ops.project.links import Links
from runtime_ops.project.log_calls import LogCall, log_call
from runtime_ops.project.model import Func, Place, Site, Step, places_of
from runtime_ops.project.source_text import source_of
from runtime_ops.project.waits import WaitSite

CANCELLATIONS = frozenset(
    {
        "asyncio.CancelledError",
        "asyncio.exceptions.CancelledError",
        "concurrent.futures.CancelledError",
        "CancelledError",
    }
)
TOLD = ("exception", "error", "failure")
"""Kinds of `Returned` by which the caller learns of the failure."""
DEPTH = 2  # project functions followed from the arm: a helper, and the helper's helper


class Returned(NamedTuple):
    """A ``return`` of the arm.

    ``kind``: ``none`` (bare or None), ``false``, ``true``, ``empty`` (``""``, ``[]``, ``{}``, ``0``), ``exception``
    (the caught object or its text), ``error`` (an HTTP error answer: a tuple or call with a status ≥ 400), ``failure``
    (an object that says so: ``{"error": …}``, ``Result(success=False)``), ``value``.
    """

    kind: str
    line: int
    expr: m.Expr | None
    status: int | None = None


class Exit(NamedTuple):
    """An end of the process: ``code`` is the status as far as it is a literal (``None`` as written for a bare exit),
    ``unknown`` when it is a variable. ``success``: the status is 0 or absent."""

    line: int
    code: object
    success: bool


class Stored(NamedTuple):
    """The failure is kept: ``how`` is attribute, item, variable, list, counter, save, future or queue."""

    how: str
    text: str
    path: str
    line: int


class Raised(NamedTuple):
    """A raise of the arm: ``same`` for a re-raise (bare, or the caught name), ``chained`` unless ``from None``."""

    line: int
    same: bool
    chained: bool
    name: str


@dataclass(frozen=True, slots=True)
class HandlerEffects:
    """One ``except`` arm and what it does. Lines are those of the arm's own file unless a `Site` says otherwise."""

    func: Func
    attempt: m.Try
    handler: m.Handler
    steps: tuple[Step, ...]
    """What encloses the ``try`` statement."""
    catches: tuple[str, ...]
    """Canonical dotted names; empty for a bare ``except:``."""
    broad: bool
    """Bare, Exception or BaseException."""
    catches_cancellation: bool
    """It stops a cancellation or an interrupt: bare, BaseException, CancelledError, KeyboardInterrupt, SystemExit."""
    logs: tuple[LogCall, ...]
    tracebacks: tuple[Site, ...]
    """Calls that print a traceback: ``traceback.print_exc``, a log call with exc_info."""
    prints: tuple[Site, ...]
    """``print``, ``click.echo``, ``sys.stderr.write``."""
    raises: str
    """``always``, ``sometimes`` or ``never``."""
    raised: tuple[Raised, ...]
    ends: frozenset[str]
    """The ways out of the arm (`flows.WAYS`)."""
    returns: tuple[Returned, ...]
    exits: tuple[Exit, ...]
    counts: tuple[Site, ...]
    """Metric calls."""
    stores: tuple[Stored, ...]
    reports: tuple[Site, ...]
    """Calls of an error tracker or of a span's ``record_exception``."""
    answers: tuple[Site, ...]
    """Calls that tell a user or a peer: ``flash``, ``messages.error``, ``send_error``, gRPC ``set_code``."""
    settles: tuple[Site, ...]
    """Calls that settle a message or a transaction: ack, nack, reject, requeue, retry, rollback."""
    uses_error: bool
    """Whether the caught object is looked at (its name is used, or ``sys.exc_info``/``traceback``)."""
    calls: tuple[Site, ...]
    """Every call of the arm, outer before inner."""
    body_statements: int
    """Statements of the ``try`` body, at any depth."""
    body_calls: tuple[Site, ...]
    """Every call of the ``try`` body."""

    @property
    def line(self) -> int:
        return self.handler.line

    @property
    def path(self) -> str:
        return self.func.path

    @property
    def silent(self) -> bool:
        """Nothing tells of the failure: no log, print, raise, metric, tracker, answer, stored failure, failing exit."""
        told = self.logs or self.prints or self.tracebacks or self.counts or self.stores or self.reports or self.answers
        return (
            not told
            and self.raises != "always"
            and not any(not e.success for e in self.exits)
            and not self.tells_caller
        )

    @property
    def tells_caller(self) -> bool:
        """The arm hands the failure on by its return: the error itself or an error answer, on every way."""
        return bool(self.returns) and all(r.kind in TOLD for r in self.returns)

    @property
    def swallows(self) -> bool:
        """Some way through the arm goes on as if nothing had happened, for the caller or the next turn."""
        return bool(self.ends & {"fall", "continue", "break"}) or any(r.kind not in TOLD for r in self.returns)

    @property
    def loop(self) -> m.While | m.For | None:
        """The innermost loop around the ``try`` within the function."""
        found = next(
            (s.stmt for s in reversed(self.steps) if isinstance(s.stmt, m.While | m.For) and s.arm == "body"), None
        )
        return found if isinstance(found, m.While | m.For) else None

    @property
    def loudest(self) -> str | None:
        """The highest level that the arm logs at, or None."""
        order = ("unknown", "debug", "info", "warning", "error", "critical")
        return max((call.level for call in self.logs), key=order.index, default=None)


def effects_of(
    handler: m.Handler, attempt: m.Try, func: Func, links: Links, steps: tuple[Step, ...] = ()
) -> HandlerEffects:
    """What one arm of ``attempt``, written in ``func``, catches and does. ``steps``: what encloses the ``try``."""
    calls = sites_in(handler.body, func)
    followed = tuple(_followed(calls, handler.bound, 0, {func}))
    catches = resolve_all(func, links, handler.types)
    tails = {c.rpartition(".")[2] for c in catches}
    found = ends(handler.body, func)
    leaves = found & {"raise", "exit"}
    places = places_of(handler.body, ())
    logs = tuple(c for site in followed if (c := log_call(site)) is not None)
    tracebacks = tuple(c.site for c in logs if c.traceback) + tuple(s for s in followed if signs.prints_traceback(s))
    return HandlerEffects(
        func=func,
        attempt=attempt,
        handler=handler,
        steps=steps,
        catches=catches,
        broad=not handler.types or bool(tails & BROAD_EXCEPTIONS),
        catches_cancellation=not handler.types
        or bool(tails & {"BaseException", "KeyboardInterrupt", "SystemExit"} or set(catches) & CANCELLATIONS),
        logs=logs,
        tracebacks=tracebacks,
        prints=tuple(s for s in followed if signs.is_print(s)),
        raises="never" if "raise" not in found else "always" if found == {"raise"} else "sometimes",
        raised=tuple(_raised(handler, places)),
        ends=found,
        returns=tuple(_returned(handler, places)),
        exits=tuple(_exits(places, followed, bool(leaves))),
        counts=tuple(s for s in followed if signs.is_metric(s)),
        stores=tuple(_stores(handler, places, func, calls, followed)),
        reports=tuple(s for s in followed if signs.is_tracker(s)),
        answers=tuple(s for s in followed if signs.is_answer(s)),
        settles=tuple(s for s in followed if signs.settles(s)),
        uses_error=_uses_error(handler, calls),
        calls=calls,
        body_statements=len(places_of(attempt.body, ())),
        body_calls=sites_in(attempt.body, func),
    )


def find_failures(links: Links) -> tuple[HandlerEffects, ...]:
    """Every ``except`` arm of the project, in path and line order."""
    found = []
    for path in sorted(links.index.modules):
        for func in links.index.modules[path].functions.values():
            found += [effects_of(h, t, func, links, p.steps) for p, t in attempts(func) for h in t.handlers]
    return tuple(sorted(found, key=lambda e: (e.path, e.line)))


def attempts(func: Func) -> Iterator[tuple[Place, m.Try]]:
    """Every ``try`` of a function that has an ``except`` arm, with its place."""
    for place in func.by_kind.get(m.Try, ()):
        if isinstance(place.stmt, m.Try) and place.stmt.handlers:
            yield place, place.stmt


def _followed(calls: tuple[Site, ...], bound: str | None, depth: int, seen: set[Func]) -> Iterator[Site]:
    """The calls, and those of the project functions they mean that deal with the failure: by name, or given the error."""
    for site in calls:
        yield site
        if depth >= DEPTH or site.weak or not 1 <= len(site.targets) <= 2 or site.dotted is not None:
            continue
        given = (*site.call.args, *(value for _, value in site.call.keywords))
        if not signs.DEALS.search(site.method) and not any(signs.is_failure_value(a, bound) for a in given):
            continue
        for target in site.targets:
            if target not in seen and not target.facts.is_generator:
                seen.add(target)
                yield from _followed(target.sites, None, depth + 1, seen)


def _raised(handler: m.Handler, places: list[Place]) -> Iterator[Raised]:
    for place in places:
        stmt = place.stmt
        if not isinstance(stmt, m.Raise):
            continue
        name = source_of(stmt.exc.func if isinstance(stmt.exc, m.Call) else stmt.exc)
        same = stmt.exc is None or (handler.bound is not None and name == handler.bound)
        # inside an arm Python keeps the first error as __context__ unless ``from None`` is written
        hidden = isinstance(stmt.cause, m.Const) and stmt.cause.value is None
        yield Raised(stmt.line, same, same or not hidden, name)


def _returned(handler: m.Handler, places: list[Place]) -> Iterator[Returned]:
    for place in places:
        if isinstance(place.stmt, m.Return):
            status = signs.error_status(place.stmt.value)
            kind = "error" if status is not None and status >= 400 else _kind_of(place.stmt.value, handler.bound)
            yield Returned(kind, place.stmt.line, place.stmt.value, status)


def _kind_of(expr: m.Expr | None, bound: str | None) -> str:
    if expr is None:
        return "none"
    if isinstance(expr, m.Const):
        if expr.value is None:
            return "none"
        if isinstance(expr.value, bool):
            return "true" if expr.value else "false"
        return "value" if expr.value else "empty"
    if isinstance(expr, m.Sequence | m.Mapping) and not expr.items:
        return "empty"
    if (
        isinstance(expr, m.Call)
        and not expr.args
        and not expr.keywords
        and source_of(expr.func) in ("list", "dict", "set", "tuple")
    ):
        return "empty"
    if bound is not None and any(isinstance(n, m.Name) and n.id.split(".")[0] == bound for n in m.walk(expr)):
        return "exception"
    return "failure" if signs.says_failure(expr) else "value"


def _exits(places: list[Place], followed: tuple[Site, ...], leaves: bool) -> Iterator[Exit]:
    if not leaves:
        return
    for site in followed:
        if (site.dotted or site.text) in signs.EXITS:
            yield _exit(site.line, site.call.args[0] if site.call.args else None)
    for place in places:
        if isinstance(place.stmt, m.Raise) and isinstance(place.stmt.exc, m.Call | m.Name):
            exc = place.stmt.exc
            name = source_of(exc.func if isinstance(exc, m.Call) else exc)
            tail = name.rpartition(".")[2]
            if tail in ("SystemExit", "Exit"):
                given = exc.argument("code", 0) if isinstance(exc, m.Call) else None
                yield _exit(place.stmt.line, given)
            elif tail in ("CommandError", "ClickException", "UsageError", "Abort", "BadParameter"):
                yield Exit(place.stmt.line, 1, False)


def _exit(line: int, given: m.Expr | None) -> Exit:
    if given is None:
        return Exit(line, None, True)
    if isinstance(given, m.Const):
        return Exit(line, given.value, given.value in (None, 0, False))
    return Exit(line, "unknown", False)


def _stores(
    handler: m.Handler, places: list[Place], func: Func, calls: tuple[Site, ...], followed: tuple[Site, ...]
) -> Iterator[Stored]:
    for place in places:
        stmt = place.stmt
        if isinstance(stmt, m.AugAssign):
            yield Stored("counter", source_of(stmt.target), func.path, stmt.line)
        elif isinstance(stmt, m.Assign) and stmt.value is not None:
            for target in stmt.targets:
                kept = signs.is_failure_place(target) or signs.is_failure_value(stmt.value, handler.bound)
                if isinstance(target, m.Subscript) and kept:
                    yield Stored("item", source_of(target), func.path, stmt.line)
                elif isinstance(target, m.Attr) or (isinstance(target, m.Name) and "." in target.id):
                    if kept:
                        yield Stored("attribute", source_of(target), func.path, stmt.line)
                elif isinstance(target, m.Name) and kept:
                    yield Stored("variable", target.id, func.path, stmt.line)
    for site in followed:
        own = any(s is site for s in calls)
        how = signs.stores(site, handler.bound) if own else "save" if signs.records_failure(site) else None
        if how is not None:
            yield Stored(how, site.text, site.path, site.line)


def _uses_error(handler: m.Handler, calls: tuple[Site, ...]) -> bool:
    if any((s.dotted or s.text).startswith(("sys.exc_info", "sys.exception", "traceback.")) for s in calls):
        return True
    bound = handler.bound
    return bound is not None and any(
        isinstance(n, m.Name) and n.id.split(".")[0] == bound for n in m.walk(handler.body)
    )


def outside_calls(effects: HandlerEffects, waits: Iterable[WaitSite]) -> tuple[WaitSite, ...]:
    """The waits (see `project.waits`) that stand in the ``try`` body itself."""
    sites = {id(site) for site in effects.body_calls}
    return tuple(w for w in waits if id(w.site) in sites)
