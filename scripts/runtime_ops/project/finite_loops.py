"""Loops that look endless and end by themselves: a retry, a search, a batch that is worked off, a single turn.

A stop flag, a switch for one turn (``--once``) and a limit that can be switched off are no such ends: without them the loop goes on.
"""

from __future__ import annotations

import re

from runtime_ops.facts import model as m
from runtime_ops.project.flows import ends
from runtime_ops.project.loops import CLOCKS
from runtime_ops.project.model import Func
from runtime_ops.project.source_text import source_of

STOP_NAMES = ("stop", "shutdown", "exit", "quit", "alive", "active", "closed", "terminat", "kill", "done", "cancel")
"""Parts of the names of flags and sockets by which a program is told to stop."""
ONCE = re.compile(r"(?i)(?:^|_)(?:run_?)?(?:once|one_?shot)$|^single_?(?:run|pass)$")
"""Names of switches for one turn."""


def works_off(loop: m.While, func: Func) -> bool:
    """``while not stopped: batch = …; if not batch: break`` without a pause: it ends when everything is done."""
    inside = [site for site in func.sites if any(step.stmt is loop for step in site.steps)]
    if isinstance(loop.test, m.Const) or any(s.method.startswith(("sleep", "wait", "poll", "recv", "receive")) for s in inside):
        return False
    bound = {t.id for s in m.walk(loop.body) if isinstance(s, m.Assign) for t in s.targets if isinstance(t, m.Name)}
    return any(
        isinstance(s, m.If)
        and isinstance(s.test, m.UnaryOp)
        and s.test.op == "not"
        and isinstance(s.test.operand, m.Name)
        and s.test.operand.id in bound
        and any(isinstance(x, m.Break) for x in s.body)
        for s in m.walk(loop.body)
    )


def exits_in_an_arm(block: m.Block, func: Func) -> bool:
    """Whether an arm of a condition of the block always ends the program: the answer has come, or will not come."""
    arms = [arm for stmt in block if isinstance(stmt, m.If) for arm in (stmt.body, stmt.orelse) if arm]
    return any(ends(arm, func) == {"exit"} or exits_in_an_arm(arm, func) for arm in arms)


def runs_until_done(loop: m.While, func: Func) -> bool:
    """``done = False; while not done: done = work()``: what it works on says when there is nothing left.

    A name that says stop, or that takes what a wait for a stop says, is how a program is told to end.
    """
    test = loop.test
    if not isinstance(test, m.UnaryOp) or test.op != "not" or not isinstance(test.operand, m.Name):
        return False
    name = test.operand.id
    if not re.search(r"(?i)done|finish|complete|exhaust", name):
        return False
    results = [
        s.value
        for s in m.walk(loop.body)
        if isinstance(s, m.Assign) and any(isinstance(t, m.Name) and t.id == name for t in s.targets)
    ]
    calls = [site for site in func.sites if any(site.call is result for result in results)]
    return bool(calls) and not any(site.method in ("is_set", "wait") or asks_for_stop(site.call.func) for site in calls)


def ends_by_itself(loop: m.While, func: Func) -> bool:
    """``while True`` with a break or return at the loop's own level of work is a retry or a read loop."""
    ends = 0

    def scan(block: m.Block, nested: bool) -> None:
        nonlocal ends
        for stmt in block:
            if isinstance(stmt, m.Return) or (isinstance(stmt, m.Break) and not nested):
                ends += 1
            elif isinstance(stmt, m.If):
                switch = asks_for_stop(stmt.test) or _asks_for_once(stmt.test) or _off_unless_asked(stmt.test, func)
                if not switch and not _renews(stmt, loop):
                    scan(stmt.body, nested)
                scan(stmt.orelse, nested)
            elif isinstance(stmt, m.While | m.For):
                scan(stmt.body, True)
            elif isinstance(stmt, m.With):
                scan(stmt.body, nested)
            elif isinstance(stmt, m.Try):
                scan(stmt.body, nested)
                scan(stmt.orelse, nested)
                for handler in stmt.handlers:
                    if any(word in t for t in handler.types for word in ("Empty", "StopIteration", "StopAsync", "EOFError")):
                        scan(handler.body, nested)  # nothing is left

    if not isinstance(loop.test, m.Const):
        return _sets_its_flag(loop.test, loop.body)
    scan(loop.body, False)
    return ends > 0


def _sets_its_flag(test: m.Expr, block: m.Block) -> bool:
    """``while not stopped: work(); stopped = True``: every turn that goes well is the last; the others try again."""
    wanted, flag = (True, test.operand) if isinstance(test, m.UnaryOp) and test.op == "not" else (False, test)
    if not isinstance(flag, m.Name):
        return False
    for stmt in block:
        if isinstance(stmt, m.Try):
            if _sets_its_flag(test, stmt.body) or _sets_its_flag(test, stmt.orelse):
                return True
        elif isinstance(stmt, m.With):
            if _sets_its_flag(test, stmt.body):
                return True
        elif isinstance(stmt, m.Assign) and isinstance(stmt.value, m.Const):
            named = any(isinstance(t, m.Name) and t.id == flag.id for t in stmt.targets)
            if named and stmt.value.value is wanted:
                return True
    return False


def asks_for_stop(test: m.Expr) -> bool:
    """A condition on a stop flag or shutdown socket: a break behind it is how a serving loop ends."""
    names = [n.id.lower() for n in m.walk(test) if isinstance(n, m.Name)]
    return any(word in name for name in names for word in STOP_NAMES)


def _asks_for_once(test: m.Expr) -> bool:
    """``if not KEEP_RUNNING: return``, ``if args.once: break``: a switch that no turn of the loop changes, which decides whether
    the program works once or goes on; started without a schedule it goes on."""
    names = [n.id.rpartition(".")[2] for n in m.walk(test) if isinstance(n, m.Name)]
    return bool(names) and all(name.isupper() or ONCE.search(name) for name in names)


def _off_unless_asked(test: m.Expr, func: Func) -> bool:
    """``def run(self, forever=True): while True: …; if not forever: break``: a parameter that nothing changes, whose default goes on."""
    negated = isinstance(test, m.UnaryOp) and test.op == "not"
    name = test.operand if isinstance(test, m.UnaryOp) and negated else test
    if not isinstance(name, m.Name) or func.bindings.get(name.id):
        return False
    default = next((param.default for param in func.facts.params if param.name == name.id), None)
    return isinstance(default, m.Const) and isinstance(default.value, bool) and default.value is negated


def _renews(stmt: m.If, loop: m.While) -> bool:
    """``if limit and served >= limit: break``, ``if limit != 0: if time.time() >= end: break``: a limit of work or age that can be
    switched off. Without it the program goes on; with it, it makes room for a fresh one."""
    if isinstance(stmt.test, m.BoolOp) and stmt.test.op == "and" and len(stmt.test.values) == 2:
        switch, limit, block = stmt.test.values[0], stmt.test.values[1], stmt.body
    elif len(stmt.body) == 1 and isinstance(stmt.body[0], m.If) and not stmt.orelse:
        switch, limit, block = stmt.test, stmt.body[0].test, stmt.body[0].body
    else:
        return False
    return isinstance(block[-1], m.Break | m.Return) and _may_be_off(switch) and _counted_or_timed(limit, loop)


def _may_be_off(switch: m.Expr) -> bool:
    """``limit``, ``limit is not None``, ``limit != 0``, ``limit > 0``."""
    if isinstance(switch, m.Name | m.Attr | m.Subscript):
        return True
    if not isinstance(switch, m.Compare) or len(switch.rights) != 1 or not isinstance(switch.rights[0], m.Const):
        return False
    return switch.rights[0].value in (None, 0) and switch.ops[0] in ("is not", "!=", ">")


def _counted_or_timed(limit: m.Expr, loop: m.While) -> bool:
    """Whether a number that the loop counts up, or a clock, has come to a limit."""
    if not isinstance(limit, m.Compare) or limit.ops[0] not in (">", ">="):
        return False
    sums = [s.target for s in m.walk(loop.body) if isinstance(s, m.AugAssign) and s.op.startswith("+")]
    counted = {target.id for target in sums if isinstance(target, m.Name)}
    clock = any(source_of(call.func) in CLOCKS for call in m.calls(limit))
    return clock or any(isinstance(n, m.Name) and n.id in counted for n in m.walk(limit.left))
