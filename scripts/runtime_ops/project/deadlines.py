"""What limits a wait: the deadline type, and judging the expression that is given for a limit.

Nothing is guessed: a variable that cannot be followed is ``unknown``, unless its name or its source (settings,
environment) says that it is a limit: then it is an ``expression``, which counts as bounded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence
from runtime_ops.libraries.timeouts import Wait
from runtime_ops.plain import dataclass
from runtime_ops.project.links import Links, argument_of
from runtime_ops.project.model import Func, Klass, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.project.texts import bound_expression

DEPTH = 8  # names of names, parameters of callers; deeper chains are unknown
LIMIT_NAME = re.compile(
    r"time_?out|deadline|seconds|_secs?$|_ms$|limit|interval|ttl|period|delay|duration|grace|expir|max_?wait|wait_time",
    re.I,
)
SETTING_NAME = re.compile(
    r"(?:^|\.|_)(?:settings?|conf|config|cfg|options|opts|args|env|environ|constants|defaults)(?:\.|\[|\(|$)", re.I
)
CONNECT_NAME = re.compile(r"conn(?:ect|ection)?_?(?:time_?out)|^cto$|open_?timeout|^connect$|login_timeout", re.I)
STATES = ("seconds", "expression", "unknown", "partly", "disabled", "unbounded")
"""From the best known limit to none."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """How long a wait can last.

    ``state``: ``seconds`` (a number in ``seconds``; 0 = it does not wait), ``expression`` (a limit whose value is not
    known, ``text`` as written), ``unbounded`` (no limit given and the default has none), ``disabled`` (the limit is
    switched off where ``source`` says), ``partly`` (one stage has no limit), ``unknown`` (cannot be followed; ``text``
    says why). ``how`` names the kind of source: ``call``, ``constructor``, ``subclass``, ``adapter``, ``partial``,
    ``wrapper``, ``connect string``, ``config``, ``method``, ``attribute``, ``outer``, ``default socket timeout``,
    ``library default``. ``callers``: for a wrapper whose callers differ, each with its own deadline.
    """

    state: str
    text: str
    how: str
    seconds: float | None = None
    source: Evidence | None = None
    callers: tuple[tuple[Site, Deadline], ...] = ()

    def __post_init__(self) -> None:
        if self.state not in STATES or (self.state == "seconds") != (self.seconds is not None):
            raise ValueError(
                f"deadline {self.state!r} with {self.seconds!r} seconds: expected one of {STATES}, seconds only for 'seconds'"
            )

    @property
    def bounded(self) -> bool | None:
        """True: it ends by itself. False: nothing ends it. None: not known, or one stage only."""
        if self.state in ("seconds", "expression"):
            return True
        return False if self.state in ("unbounded", "disabled") else None


def tightest(found: Sequence[Deadline]) -> Deadline | None:
    """Of several limits that act at the same time: the one that ends the wait first, as far as it is known."""
    numbers = [d for d in found if d.seconds is not None]
    if numbers:
        return min(numbers, key=lambda d: d.seconds or 0.0)
    return min(found, key=lambda d: STATES.index(d.state), default=None)


def loosest(found: Sequence[Deadline]) -> Deadline | None:
    """Of several stages one after another, or of several callers: the one without a limit, or the longest."""
    if found and all(d.bounded for d in found):
        return max(found, key=lambda d: (d.state == "expression", d.seconds or 0.0))
    return max(found, key=lambda d: STATES.index(d.state), default=None)


class Judge:
    """Judges expressions given for limits; follows names and callers to a fixed depth.

    What a parameter comes to is remembered: where functions hand a limit on to each other, the ways through their
    callers multiply (Patroni's HTTP calls: a million of them).
    """

    def __init__(self, links: Links) -> None:
        self.links = links
        self._parameters: dict[tuple[Func, str, Wait, str, str, int], Deadline] = {}

    def given(
        self, expr: m.Expr, func: Func, row: Wait, parameter: str, how: str, line: int, depth: int = 0
    ) -> Deadline:
        """The deadline that ``parameter=expr``, written in ``func`` at ``line``, sets. ``row`` has the unit and what
        switches the limit off."""
        at = Evidence(func.path, getattr(expr, "line", line) or line, f"{parameter}={source_of(expr, 60)}")
        if parameter == "operation":  # fcntl.flock, fcntl.lockf
            waits = not any(word in at.note for word in ("LOCK_NB", "LOCK_UN"))
            return (
                Deadline("unbounded", at.note, how, source=at) if waits else Deadline("seconds", at.note, how, 0.0, at)
            )
        if depth > DEPTH:
            return Deadline("unknown", f"{parameter}={source_of(expr)}: followed too far", how, source=at)
        if isinstance(expr, m.Const):
            return self._constant(expr.value, row, parameter, how, at)
        number = _number(expr)
        if number is not None:
            return self._constant(number, row, parameter, how, at)
        if isinstance(expr, m.Sequence):
            return self._stages(
                [self.given(i, func, row, parameter, how, line, depth + 1) for i in expr.items], at, how
            )
        if isinstance(expr, m.BoolOp):
            inner = [self.given(v, func, row, parameter, how, line, depth + 1) for v in expr.values]
            if expr.op == "or":
                return inner[-1] if inner[-1].bounded else replace(inner[0], source=at)
            return loosest(inner) or Deadline("unknown", source_of(expr), how, source=at)
        if isinstance(expr, m.IfExp):
            arms = [self.given(v, func, row, parameter, how, line, depth + 1) for v in (expr.body, expr.orelse)]
            test = source_of(expr.test)
            for one, other, written in ((arms[0], arms[1], expr.body), (arms[1], arms[0], expr.orelse)):
                # ``timeout if timeout else DEFAULT``: the arm without a limit is the one that was asked about
                if (
                    not one.bounded
                    and other.bounded
                    and isinstance(written, m.Name | m.Attr)
                    and source_of(written) in test
                ):
                    return other
            if all(a.bounded for a in arms) or not any(a.bounded for a in arms):
                return loosest(arms) or Deadline("unknown", source_of(expr), how, source=at)
            return Deadline("partly", f"{source_of(expr)}: one arm has no limit", how, source=at)
        if isinstance(expr, m.BinOp):
            return Deadline("expression", source_of(expr), how, source=at)  # arithmetic gives a number or fails
        if isinstance(expr, m.Call):
            return self._made(expr, func, row, parameter, how, at, depth)
        if isinstance(expr, m.Name | m.Attr):
            return self._named(expr, func, row, parameter, how, line, at, depth)
        return _by_name(expr, how, at)

    # ------------------------------------------------------------ values

    def _constant(self, value: object, row: Wait, parameter: str, how: str, at: Evidence) -> Deadline:
        if parameter in ("wait", "block", "blocking"):
            if value is False or value == 0:
                return Deadline("seconds", f"{parameter}={value!r}", how, 0.0, at)
            return Deadline("unbounded", f"{parameter}={value!r}", how, source=at)
        off = any(
            (value == u and type(value) is type(u)) or (value is not None and u is not None and _same(value, u))
            for u in row.unbounded_values
        )
        if off or value is None:
            return Deadline("disabled", f"{parameter}={value!r}", how, source=at)
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                return Deadline("expression", f"{parameter}={value!r}", how, source=at)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return Deadline("unknown", f"{parameter}={value!r}", how, source=at)
        if value == float("inf"):
            return Deadline("disabled", f"{parameter}=inf", how, source=at)
        seconds = value / 1000 if row.unit == "milliseconds" or parameter.lower().endswith("_ms") else float(value)
        return Deadline("seconds", f"{parameter}={value!r}", how, seconds, at)

    def _stages(self, parts: list[Deadline], at: Evidence, how: str) -> Deadline:
        """``(connect, read)``: without a read limit the wait is unbounded, without a connect limit partly bounded."""
        if not parts:
            return Deadline("unknown", "an empty tuple", how, source=at)
        if all(p.state == "disabled" for p in parts) or parts[-1].state == "disabled":
            return Deadline("disabled", at.note, how, source=at)
        if any(p.state == "disabled" for p in parts):
            return Deadline("partly", at.note, how, source=at)
        worst = loosest(parts)
        return (
            replace(worst, text=at.note, source=at)
            if worst is not None
            else Deadline("unknown", at.note, how, source=at)
        )

    def _made(
        self, call: m.Call, func: Func, row: Wait, parameter: str, how: str, at: Evidence, depth: int
    ) -> Deadline:
        value = self.links.names.value(call.func, func)
        name = value.name if value is not None else source_of(call.func)
        last = name.rpartition(".")[2]
        if last == "timedelta":
            seconds = _timedelta(call)
            return (
                Deadline("seconds", at.note, how, seconds, at)
                if seconds is not None
                else Deadline("expression", at.note, how, source=at)
            )
        if last in ("Timeout", "ClientTimeout", "DeadlineTimeout", "TimeoutSauce", "Retry"):
            return self._timeout_object(call, func, row, parameter, how, at, depth)
        if last in ("int", "float", "abs", "round", "timedelta", "Decimal") and len(call.args) == 1:
            return self.given(call.args[0], func, row, parameter, how, call.line, depth + 1)
        if last in ("min", "max") and call.args:
            return Deadline("expression", at.note, how, source=at)
        if value is not None and isinstance(value.target, Func):
            target = value.target
            returned = [
                p.stmt.value for p in target.places if isinstance(p.stmt, m.Return) and p.stmt.value is not None
            ]
            if len(returned) == 1:
                inner = self.given(returned[0], target, row, parameter, how, target.line, depth + 1)
                if inner.state != "unknown":
                    return inner
        return _by_name(call, how, at)

    def _timeout_object(
        self, call: m.Call, func: Func, row: Wait, parameter: str, how: str, at: Evidence, depth: int
    ) -> Deadline:
        """``httpx.Timeout(10, connect=5)``, ``aiohttp.ClientTimeout(total=None)``, ``urllib3.Timeout(connect=1, read=2)``."""
        if call.expands:
            return Deadline("unknown", f"{at.note}: arguments unpacked", how, source=at)
        main = (
            call.args[0] if call.args else call.keyword("total") or call.keyword("timeout") or call.keyword("default")
        )
        parts = {k: self.given(v, func, row, k, how, call.line, depth + 1) for k, v in call.keywords if k is not None}
        read = next((parts[k] for k in ("read", "sock_read") if k in parts), None)
        if main is not None:
            overall = self.given(main, func, row, parameter, how, call.line, depth + 1)
            if overall.bounded and read is not None and read.state == "disabled" and "total" not in parts:
                return Deadline("disabled", at.note, how, source=at)  # httpx: read=None beats the default
            if overall.bounded or read is None:
                return replace(overall, text=at.note, source=at)
        if read is not None:
            return replace(read, text=at.note, source=at)
        if parts:
            return Deadline("partly", f"{at.note}: no limit for reading", how, source=at)
        return Deadline("disabled", at.note, how, source=at)

    # ------------------------------------------------------------ names

    def _named(
        self,
        expr: m.Name | m.Attr,
        func: Func,
        row: Wait,
        parameter: str,
        how: str,
        line: int,
        at: Evidence,
        depth: int,
    ) -> Deadline:
        if isinstance(expr, m.Name):
            scope, param = scope_of_parameter(expr.id, func)
            if scope is not None and param is not None:
                return self.parameter(scope, param, row, parameter, how, line, depth)
            local = [
                b
                for b in func.bindings.get(expr.id, ())
                if b.kind in ("assign", "augment", "with", "for", "unpack", "walrus")
            ]
            if len(local) == 1 and local[0].kind in ("assign", "walrus") and local[0].expr is not None:
                # of a parameter as well: ``if timeout is None: timeout = DEFAULT``
                found = self.given(local[0].expr, func, row, parameter, how, local[0].line, depth + 1)
                return found if found.state != "unknown" else _by_name(expr, how, at)
            if len(local) > 1:
                return self._several(
                    expr, [b.expr for b in local if b.expr is not None], func, row, parameter, how, at, depth
                )
            attribute = self._attribute(expr.id, func)
            if attribute is not None:
                owner, exprs = attribute
                if len(exprs) == 1:
                    found = self.given(exprs[0], owner, row, parameter, how, owner.line, depth + 1)
                    return found if found.state != "unknown" else _by_name(expr, how, at)
                return self._several(expr, exprs, owner, row, parameter, how, at, depth)
        bound = bound_expression(self.links, expr, func)
        if bound is not None:
            inner, where = bound
            if inner is not expr:
                found = self.given(inner, where, row, parameter, how, getattr(inner, "line", line), depth + 1)
                if found.state != "unknown":
                    return found
        return _by_name(expr, how, at)

    def _several(
        self,
        expr: m.Expr,
        exprs: list[m.Expr],
        func: Func,
        row: Wait,
        parameter: str,
        how: str,
        at: Evidence,
        depth: int,
    ) -> Deadline:
        """A name that is bound more than once: bounded when each value is; disabled when each value switches it off."""
        found = [self.given(e, func, row, parameter, how, at.line, depth + 1) for e in exprs]
        if found and all(d.bounded for d in found):
            return Deadline("expression", at.note, how, source=at)
        if found and all(d.state == "disabled" for d in found):
            return found[0]
        return _by_name(expr, how, at)

    def _attribute(self, dotted: str, func: Func) -> tuple[Func, list[m.Expr]] | None:
        """What ``self.x`` is assigned in its class."""
        head, _, attribute = dotted.rpartition(".")
        if func.cls is None or not func.facts.params or head != func.facts.params[0].name:
            return None
        for klass in func.cls.ancestry:
            if isinstance(klass, Klass) and attribute in klass.attributes:
                pairs = [
                    (f, b.expr) for f, b in klass.attributes[attribute] if b.expr is not None and b.kind != "annotation"
                ]
                pairs = pairs or [(f, b.expr) for f, b in klass.attributes[attribute] if b.expr is not None]
                if pairs:
                    owner = pairs[0][0]
                    return owner, [e for f, e in pairs if f is owner and e is not None]
        return None

    def parameter(
        self, scope: Func, param: m.Param, row: Wait, parameter: str, how: str, line: int, depth: int = 0
    ) -> Deadline:
        """A limit that is a parameter of the project's function: its default, or what each caller gives."""
        key = (scope, param.name, row, parameter, how, depth)
        known = self._parameters.get(key)
        if known is None:
            known = self._parameters[key] = self._parameter(scope, param, row, parameter, how, line, depth)
        return known

    def _parameter(
        self, scope: Func, param: m.Param, row: Wait, parameter: str, how: str, line: int, depth: int
    ) -> Deadline:
        at = Evidence(scope.path, scope.line, f"parameter {param.name} of {scope.qualname}")
        default: Deadline | None = None
        if param.default is not None:
            default = self.given(param.default, scope.parent or scope, row, parameter, "wrapper", scope.line, depth + 1)
            default = replace(
                default,
                source=Evidence(scope.path, scope.line, f"{param.name}={source_of(param.default, 40)} by default"),
            )
            if default.state == "disabled":
                default = replace(default, state="unbounded")
        found: list[tuple[Site, Deadline]] = []
        for site in calls_of(scope, self.links):
            given = argument_of(site, scope, param)
            if not_blocking(site.call):
                found.append((site, Deadline("seconds", "it is asked not to wait", "wrapper", 0.0, at)))
            elif given is not None:
                found.append((site, self.given(given, site.function, row, parameter, "wrapper", site.line, depth + 1)))
            elif site.call.expands:
                found.append((site, Deadline("unknown", f"{site.text}(…) unpacks its arguments", "wrapper", source=at)))
            elif default is not None:
                found.append((site, default))
        if not found:
            if default is not None:
                return default
            return _by_name(m.Name(param.name, line), how, at)
        states = {d.bounded for _, d in found}
        worst = loosest([d for _, d in found])
        assert worst is not None  # found is not empty
        if worst.state == "unknown" and (LIMIT_NAME.search(param.name) or (default is not None and default.bounded)):
            return default if default is not None and default.bounded else _by_name(m.Name(param.name, line), how, at)
        return replace(worst, callers=tuple(found)) if len(states) > 1 else worst


def scope_of_parameter(name: str, func: Func) -> tuple[Func | None, m.Param | None]:
    """The function, from the inner to the outer, of which ``name`` is a parameter (a local of the same name hides it)."""
    scope: Func | None = func
    while scope is not None and not scope.is_module:
        param = scope.param(name)
        if param is not None and not any(b.kind == "assign" for b in scope.bindings.get(name, ())):
            return scope, param
        if name in scope.bindings:
            return None, None
        scope = scope.parent
    return None, None


def calls_of(func: Func, links: Links) -> list[Site]:
    """The calls that surely mean a project function."""
    return [e.site for e in links.callers.get(func, ()) if e.how == "call" and not e.site.weak]


def not_blocking(call: m.Call) -> bool:
    """``get(block=False)``, ``acquire(blocking=False)``, ``recv(flags=zmq.NOBLOCK)``: the call does not wait."""
    given = (call.keyword("block"), call.keyword("blocking"))
    if any(isinstance(g, m.Const) and g.value is not None and not g.value for g in given):
        return True
    flags = [v for k, v in call.keywords if k == "flags"] + list(call.args)
    return any(isinstance(n, m.Name) and n.id.endswith((".NOBLOCK", ".DONTWAIT")) for f in flags for n in m.walk(f))


def _by_name(expr: m.Expr, how: str, at: Evidence) -> Deadline:
    """A value that could not be followed: bounded when its name, or where it comes from, says that it is a limit."""
    text = source_of(expr)
    if LIMIT_NAME.search(text) or SETTING_NAME.search(text) or "environ" in text or "getenv" in text:
        return Deadline("expression", at.note, how, source=at)
    return Deadline("unknown", f"{at.note} cannot be followed", how, source=at)


def _same(value: object, other: object) -> bool:
    return (
        isinstance(value, int | float)
        and isinstance(other, int | float)
        and not isinstance(value, bool)
        and float(value) == float(other)
    )


def _number(expr: m.Expr) -> float | None:
    """The value of an expression of numbers (``5 * 60``, ``-1``), else None."""
    if isinstance(expr, m.Const):
        value = expr.value
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
    if isinstance(expr, m.UnaryOp) and expr.op == "-":
        inner = _number(expr.operand)
        return -inner if inner is not None else None
    if isinstance(expr, m.BinOp):
        left, right = _number(expr.left), _number(expr.right)
        if left is None or right is None:
            return None
        if expr.op == "*":
            return left * right
        if expr.op == "+":
            return left + right
        if expr.op == "-":
            return left - right
        if expr.op == "/" and right:
            return left / right
    return None


UNITS = {
    "days": 86400,
    "seconds": 1,
    "microseconds": 1e-6,
    "milliseconds": 1e-3,
    "minutes": 60,
    "hours": 3600,
    "weeks": 604800,
}


def _timedelta(call: m.Call) -> float | None:
    total = 0.0
    pairs = [*zip(("days", "seconds", "microseconds"), call.args, strict=False), *call.keywords]
    for unit, expr in pairs:
        number = _number(expr)
        if number is None or unit not in UNITS:
            return None
        total += number * UNITS[unit]
    return total if pairs else None
