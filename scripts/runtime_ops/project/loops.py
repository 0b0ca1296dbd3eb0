"""Questions about one loop: can it end, does it pause, does it count its tries."""

from __future__ import annotations

import re
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.dead_arms import truth
from runtime_ops.project.flows import ends, sites_by_call, sites_in
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Site, blocks_of
from runtime_ops.project.source_text import source_of

Loop = m.While | m.For
STOP_WORDS = tuple("run stop shutdown exit quit interrupt alive active closed terminat kill done cancel abort".split())
SLEEPS = frozenset(
    """time.sleep asyncio.sleep anyio.sleep trio.sleep gevent.sleep eventlet.sleep eventlet.greenthread.sleep
    curio.sleep tornado.gen.sleep twisted.internet.task.deferLater anyio.sleep_until trio.sleep_until signal.pause
    signal.sigtimedwait""".split()
)
TIMED_WAITS = frozenset("wait get poll join acquire wait_for select getmany receive get_message".split())
LIMITS = re.compile(r"(?i)(?:^|_)(?:timeout|time_?limit|deadline|countdown|retries|attempts|tries|budget)$")
"""Names of objects that are asked whether a loop may go round once more."""
DEPTH = 2  # project functions followed to find a pause


class Bound(NamedTuple):
    """What limits the turns of a loop.

    ``how``: ``range`` (a for loop over a range), ``items`` (a for loop over a collection), ``counter`` (a variable that
    is counted and compared), ``deadline`` (a clock is compared). ``text`` is the limit as it is written.
    """

    how: str
    text: str
    line: int


def is_endless(loop: Loop) -> bool:
    """A loop that ends only by being told to: ``while True``, ``while not stop.is_set()``, ``while self.running``,
    ``for n in itertools.count()``."""
    if isinstance(loop, m.For):
        return isinstance(loop.iterable, m.Call) and _endless_call(loop.iterable)
    return _endless_test(loop.test) and not _empties(loop)


def _empties(loop: m.While) -> bool:
    """``while self.running_jobs: self.running_jobs.pop()``: the name is that of a collection, which the loop uses up."""
    if not isinstance(loop.test, m.Name):
        return False
    ends = {f"{loop.test.id}.{method}" for method in ("pop", "popleft", "popitem", "get_nowait", "remove", "clear")}
    return any(isinstance(call.func, m.Name) and call.func.id in ends for call in m.calls(loop.body))


def _endless_call(call: m.Call) -> bool:
    name = call.func.id if isinstance(call.func, m.Name) else ""
    if name == "iter":
        return len(call.args) == 2 and isinstance(call.args[0], m.Name) and call.args[0].id == "int"
    if name in ("count", "cycle", "itertools.count", "itertools.cycle"):
        return True
    return name in ("repeat", "itertools.repeat") and len(call.args) == 1 and not call.keywords


def _endless_test(test: m.Expr) -> bool:
    if isinstance(test, m.Const):
        return bool(test.value)
    if isinstance(test, m.UnaryOp) and test.op == "not":
        return _endless_test(test.operand) or _is_stop_flag(test.operand)
    if isinstance(test, m.BoolOp):
        parts = [_endless_test(v) for v in test.values]
        return all(parts) if test.op == "and" else any(parts)
    if isinstance(test, m.Compare) and len(test.rights) == 1 and isinstance(test.rights[0], m.Const):
        # ``self.state is not STOPPED`` is no constant; ``running == True``, ``stop is False`` are
        return isinstance(test.rights[0].value, bool) and _is_stop_flag(test.left)
    return _is_stop_flag(test)


def _is_stop_flag(expr: m.Expr) -> bool:
    if isinstance(expr, m.Call):
        expr = expr.func
        if isinstance(expr, m.Name) and LIMITS.search(expr.id.rpartition(".")[0].rpartition(".")[2]):
            return False  # ``while timeout.run()``: an object that says when the time or the tries are used up
    if isinstance(expr, m.Subscript):
        expr = expr.key
    if isinstance(expr, m.Const) and isinstance(expr.value, str):
        text = expr.value.lower()
    elif isinstance(expr, m.Name):
        text = expr.id.lower()
    elif isinstance(expr, m.Attr):
        text = expr.name.lower()
    else:
        return False
    return text.endswith(("is_set", ".wait")) or any(word in text for word in STOP_WORDS)


def loop_ends(loop: Loop, func: Func) -> frozenset[str]:
    """The ways in which a loop can end: ``test`` (its condition, or its items run out), ``break``, ``return``,
    ``raise``, ``exit``."""
    found = set(ends(loop.body, func) & {"break", "return", "raise", "exit"})
    if isinstance(loop, m.For):
        if not is_endless(loop):
            found.add("test")
    elif not (isinstance(loop.test, m.Const) and loop.test.value):
        found.add("test")
    return frozenset(found)


def loop_can_end(loop: Loop, func: Func) -> bool:
    """Whether anything that is written can end the loop."""
    return bool(loop_ends(loop, func))


def told_to_end(block: m.Block, loop: m.While, func: Func) -> bool:
    """Whether a block surely makes the loop's own condition false: ``done = True`` in a ``while not done``, ``self.running = False``
    (there, or in a method that it calls), ``stop.set()`` in a ``while not stop.is_set()``. What it does in some of its arms only,
    or takes back, does not count."""
    names = {node.id for node in m.walk(loop.test) if isinstance(node, m.Name)}
    if not names:
        return False  # ``while True``
    known: dict[str, object] = {}
    _learn(block, known, func, 0)
    told = {name: value for name, value in known.items() if name in names and value is not _UNSURE}
    return bool(told) and truth(_without_calls(loop.test), told) is False


_UNSURE = object()
_FLAGS = {"set": True, "clear": False}
"""Methods of an Event, and what its ``is_set()`` gives from then on."""


def _learn(block: m.Block, known: dict[str, object], func: Func, depth: int) -> None:
    """What a block leaves in names, as far as it is a literal; `_UNSURE` where it may be another value."""
    for stmt in block:
        if isinstance(stmt, m.Assign):
            value = stmt.value.value if isinstance(stmt.value, m.Const) else _UNSURE
            known.update({target.id: value for target in stmt.targets if isinstance(target, m.Name)})
            continue
        if isinstance(stmt, m.AugAssign) and isinstance(stmt.target, m.Name):
            known[stmt.target.id] = _UNSURE
        for inner, _ in blocks_of(stmt):
            perhaps: dict[str, object] = {}
            _learn(inner, perhaps, func, depth)
            known.update(dict.fromkeys(perhaps, _UNSURE))
        if not isinstance(stmt, m.ExprStmt) or not isinstance(stmt.value, m.Call) or not isinstance(stmt.value.func, m.Name):
            continue
        owner, _, method = stmt.value.func.id.rpartition(".")
        if method in _FLAGS:
            known[f"{owner}.is_set"] = known[f"{owner}.isSet"] = _FLAGS[method]
        site = sites_by_call(func).get(id(stmt.value))
        if owner in ("self", "cls") and site is not None and len(site.targets) == 1 and not site.weak and depth < DEPTH:
            _learn(site.targets[0].facts.body, known, site.targets[0], depth + 1)


def _without_calls(test: m.Expr) -> m.Expr:
    """The condition with ``stop.is_set()`` as a name of its own, so that what is known of it can be asked."""
    if isinstance(test, m.Call) and isinstance(test.func, m.Name) and not test.args:
        return test.func
    if isinstance(test, m.UnaryOp):
        return test._replace(operand=_without_calls(test.operand))
    if isinstance(test, m.BoolOp):
        return test._replace(values=tuple(_without_calls(value) for value in test.values))
    return test


def sleep_sites(block: object, func: Func, links: Links, depth: int = 0) -> tuple[Site, ...]:
    """The calls in a block (or statement, handler) that pause: sleeps, timed waits, project functions that pause."""
    return tuple(site for site in sites_in(block, func) if _pauses(site, links, depth))


def has_sleep(block: object, func: Func, links: Links) -> bool:
    """Whether a block pauses: ``time.sleep``, ``stop.wait(n)``, ``queue.get(timeout=n)``, a helper that sleeps."""
    return bool(sleep_sites(block, func, links))


def _pauses(site: Site, links: Links, depth: int) -> bool:
    if site.dotted in SLEEPS or (site.method in ("sleep", "_sleep") and not site.targets):
        zero = site.call.args and isinstance(site.call.args[0], m.Const) and not site.call.args[0].value
        return not zero
    asks = site.method == "get" and site.dotted is not None and "ueue" not in site.dotted  # requests.get(timeout=3)
    if site.method in TIMED_WAITS and not site.targets and not asks:
        given = site.call.keyword("timeout") or site.call.keyword("timeout_ms") or site.call.keyword("block")
        if given is None and site.method in ("wait", "poll") and site.call.args:
            given = site.call.args[0]
        if given is None and site.method == "wait_for" and len(site.call.args) > 1:
            given = site.call.args[1]
        return given is not None and not (isinstance(given, m.Const) and not given.value)
    if depth >= DEPTH or site.weak or not 1 <= len(site.targets) <= 3:
        return False
    return any(sleep_sites(t.facts.body, t, links, depth + 1) for t in site.targets)


def counts_attempts(loop: Loop, func: Func | None = None) -> Bound | None:
    """What limits the turns of the loop, or None when nothing that is written does."""
    if isinstance(loop, m.For):
        if is_endless(loop):
            return _compared_counter(loop, loop.target)
        if isinstance(loop.iterable, m.Call) and source_of(loop.iterable.func) in (
            "range",
            "trange",
            "six.moves.range",
        ):
            return Bound("range", source_of(loop.iterable), loop.line)
        return Bound("items", source_of(loop.iterable), loop.line)
    return _compared_counter(loop, None) or _deadline(loop, func)


def _tests(loop: Loop) -> list[m.Expr]:
    """The conditions that can end the loop: its own, and those of ``if`` statements whose arms leave it."""
    found: list[m.Expr] = [loop.test] if isinstance(loop, m.While) else []
    stack: list[m.Stmt] = list(loop.body)
    while stack:
        stmt = stack.pop()
        if isinstance(stmt, m.If):
            leaves = {"break", "return", "raise", "exit"}
            if (ends(stmt.body) | (ends(stmt.orelse) if stmt.orelse else frozenset())) & leaves:
                found.append(stmt.test)
        for block, _ in blocks_of(stmt):
            stack.extend(block)
    return found


def _compared_counter(loop: Loop, target: m.Expr | None) -> Bound | None:
    counted = {target.id} if isinstance(target, m.Name) else set()
    for node in m.walk(loop.body):
        if isinstance(node, m.AugAssign) and node.op.strip("=") in ("+", "-") and isinstance(node.target, m.Name):
            counted.add(node.target.id)
        elif isinstance(node, m.Assign) and isinstance(node.value, m.BinOp) and node.value.op in ("+", "-"):
            names = {t.id for t in node.targets if isinstance(t, m.Name)}
            counted |= {n.id for n in m.walk(node.value) if isinstance(n, m.Name) and n.id in names}
    for test in _tests(loop):
        for node in m.walk(test):
            if not isinstance(node, m.Compare):
                if isinstance(node, m.Name) and node.id in counted and not isinstance(test, m.Compare | m.BoolOp):
                    return Bound("counter", source_of(test), loop.line)  # ``while retries:``
                continue
            if any(isinstance(n, m.Name) and n.id in counted for n in m.walk(node)):
                return Bound("counter", source_of(node), node.line)
    return None


CLOCKS = frozenset(
    """time.time time.monotonic time.perf_counter monotonic perf_counter now utcnow time_ns monotonic_ns perf_counter_ns
    time.time_ns time.monotonic_ns time.perf_counter_ns""".split()
)


def _deadline(loop: m.While, func: Func | None) -> Bound | None:
    for test in _tests(loop):
        for node in m.walk(test):
            if not isinstance(node, m.Compare):
                continue
            names = [n.id for n in m.walk(node) if isinstance(n, m.Name)]
            timed = any(word in name for name in names for word in ("elapsed", "deadline", "waited"))
            if timed or any(reads_clock(c, func) for c in m.calls(node)):
                return Bound("deadline", source_of(node), node.line)
    return None


def reads_clock(call: m.Call, func: Func | None) -> bool:
    """Whether a call tells the time."""
    site = sites_by_call(func).get(id(call)) if func is not None else None
    text = (site.dotted if site is not None else None) or source_of(call.func)
    return text in CLOCKS or text.endswith((".now", ".utcnow", ".time", ".monotonic", "_ns"))


def left_behind(site: Site, loop: m.Stmt) -> bool:
    """Whether a loop is left behind a call, in the block of the call: it waits for one thing, does it, and ends."""
    if not isinstance(loop, m.While | m.For):
        return False
    blocks = [loop.body, *(s.stmt.body for s in site.steps if isinstance(s.stmt, m.If) and s.stmt.line > loop.line)]
    own = next((block for block in reversed(blocks) if any(s.line <= site.line <= s.end_line for s in block)), ())
    return any(isinstance(stmt, m.Break | m.Return) for stmt in own if stmt.line > site.line)
