"""Limits around a wait: ``asyncio.timeout`` blocks, ``asyncio.wait_for``, ``anyio.fail_after``, here or in every caller."""

from __future__ import annotations

import re
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence
from runtime_ops.libraries.timeouts import Wait
from runtime_ops.project.deadlines import Deadline, Judge, calls_of, loosest
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Site, Value
from runtime_ops.project.source_text import source_of

BLOCKS = frozenset(
    """asyncio.timeout asyncio.timeout_at asyncio.timeouts.timeout async_timeout.timeout anyio.fail_after
    anyio.move_on_after anyio.fail_at trio.fail_after trio.move_on_after trio.fail_at trio.move_on_at
    asyncer.timeout""".split()
)
GREEN_BLOCKS = frozenset({"gevent.Timeout", "gevent.timeout.Timeout", "eventlet.Timeout", "eventlet.timeout.Timeout"})
"""Blocks that also end blocking calls, since these yield to the hub when the library is patched in."""
OWN_BLOCK = re.compile(r"(?i)time_?out|time_?limit|deadline")
"""Names of context managers of the project that end what stands in their block (by an alarm, by a timer of the hub)."""
RUN_LIMITED = {
    "gevent.with_timeout": (0, 1), "gevent.timeout.with_timeout": (0, 1), "eventlet.with_timeout": (0, 1),
    "eventlet.timeout.with_timeout": (0, 1), "eventlet.greenthread.with_timeout": (0, 1), "func_timeout.func_timeout": (0, 1),
    "func_timeout.dafunc.func_timeout": (0, 1),
}  # fmt: skip
"""Calls that run a function and give up on it after a time (func_timeout 4.3.5, dafunc.py: in a thread), with the positions of the
time and of the function."""
WAIT_FOR = frozenset({"asyncio.wait_for", "asyncio.wait", "asyncio.tasks.wait_for", "async_timeout.wait_for"})
ALARMS = frozenset({"signal.alarm", "signal.setitimer"})
DECORATORS = ("timeout", "timeout_decorator", "with_timeout", "time_limit", "func_set_timeout")
DEPTH = 4  # callers of callers; deeper chains were not seen to carry a limit
LIMIT = Wait("outer limit", "stdlib", "", "no", "", unbounded_values=(None,))


def _own_block(value: Value | None, call: m.Call) -> bool:
    """``with time_limit(120): …``, of the project: what a context manager of that name is given is what it limits."""
    target = value.target if value is not None else None
    return isinstance(target, Func | Klass) and bool(call.args or call.keywords) and OWN_BLOCK.search(target.name) is not None


class OuterLimits:
    """Finds the limit that acts around a call. Remembers what it found for each function."""

    def __init__(self, links: Links, judge: Judge) -> None:
        self.links = links
        self.judge = judge
        self._functions: dict[tuple[Func, bool], Deadline | None] = {}
        self._busy: set[Func] = set()
        self._blocking = any(links.by_dotted.get(name) for name in (*GREEN_BLOCKS, *RUN_LIMITED))
        """Whether the project sets limits that also end calls that block."""

    def around(self, site: Site, asynchronous: bool) -> Deadline | None:
        """The limit around a call, or None. ``asynchronous``: the call yields to the event loop, so its limits act."""
        here = self._here(site, asynchronous)
        return here if here is not None else self._function(site.function, 0, asynchronous)

    def _here(self, site: Site, asynchronous: bool) -> Deadline | None:
        found: list[Deadline] = []
        for step in site.steps:
            if not isinstance(step.stmt, m.With) or step.arm != "body":
                continue
            for item, _ in step.stmt.items:
                if isinstance(item, m.Call):
                    value = self.links.names.value(item.func, site.function)
                    name = value.name if value is not None else source_of(item.func)
                    if name in GREEN_BLOCKS or (asynchronous and name in BLOCKS) or _own_block(value, item):
                        found.append(self._limit(item, site.function, "outer"))
        if asynchronous:
            found += [d for other in site.function.sites if (d := self._wait_for(other, site)) is not None]
        else:
            found += self._alarms(site)
        # a limit that is written but not followed is one whose value is not known, never none
        known = [d for d in found if d.bounded] or [d for d in found if d.state == "unknown"]
        return known[0] if known else None

    def _limit(self, call: m.Call, func: Func, how: str) -> Deadline:
        given = call.args[0] if call.args else None
        for key, value in call.keywords:
            if key in ("delay", "seconds", "timeout", "when", "deadline", "shield"):
                given = value if given is None else given
        at = Evidence(func.path, call.line, source_of(call, 60))
        if given is None:
            return Deadline("unbounded", source_of(call, 60), how, source=at)
        return replace(self.judge.given(given, func, LIMIT, "limit", how, call.line), source=at)

    def _wait_for(self, other: Site, site: Site) -> Deadline | None:
        """``asyncio.wait_for(CALL, 5)``, also with the task that the call was made into."""
        if other.dotted not in WAIT_FOR or other is site or not other.call.args:
            return None
        inner = other.call.args[0]
        within = any(call is site.call for call in m.calls(inner))
        if not within:
            names = (
                {t.id for t in site.stmt.targets if isinstance(t, m.Name)} if isinstance(site.stmt, m.Assign) else set()
            )
            within = any(isinstance(n, m.Name) and n.id in names for n in m.walk(inner))
        if not within:
            return None
        given = other.call.argument("timeout", 1 if other.dotted.endswith("wait_for") else None)
        if given is None:
            return None
        at = Evidence(other.path, other.line, f"{other.text}(…, {source_of(given, 40)})")
        return replace(self.judge.given(given, other.function, LIMIT, "timeout", "outer", other.line), source=at)

    def _alarms(self, site: Site) -> list[Deadline]:
        found = []
        for other in site.function.sites:
            if other.dotted in ALARMS and other.line < site.line:
                given = other.call.args[-1] if other.call.args else None
                if given is not None and not (isinstance(given, m.Const) and not given.value):
                    at = Evidence(other.path, other.line, source_of(other.call, 60))
                    found.append(Deadline("expression", source_of(given), "outer", source=at))
        return found

    def _function(self, func: Func, depth: int, asynchronous: bool) -> Deadline | None:
        """The limit that acts on every call of a function: a decorator, or a limit around it in every caller."""
        decorated = self._decorator(func)
        if decorated is not None:
            return decorated
        followed = func.facts.is_async if asynchronous else self._blocking
        if not followed or depth > DEPTH or func in self._busy:
            return None
        key = (func, asynchronous)
        if key in self._functions:
            return self._functions[key]
        self._busy.add(func)
        try:
            run = self._run_limited(func)
            found: list[Deadline] = [limit for _, limit in run]
            sites = calls_of(func, self.links)
            for site in sites:
                limit = self._here(site, asynchronous) or self._function(site.function, depth + 1, asynchronous)
                if limit is None:
                    break
                found.append(limit)
            complete = bool(found) and len(found) == len(run) + len(sites) and not self._handed_over(func, [site for site, _ in run])
        finally:
            self._busy.discard(func)
        answer = loosest(found) if complete else None
        if depth == 0 or answer is not None:
            self._functions[key] = answer
        return answer

    def _run_limited(self, func: Func) -> list[tuple[Site, Deadline]]:
        """``gevent.with_timeout(60, task.run)``: where the function is handed to what gives up on it after a time."""
        found = []
        for edge in self.links.callers.get(func, ()) if self._blocking else ():
            positions = RUN_LIMITED.get(edge.site.dotted or "") if edge.how == "reference" else None
            given = edge.site.call.argument("timeout", positions[0]) if positions is not None else None
            if given is not None and positions is not None and len(edge.site.call.args) > positions[1]:
                site = edge.site
                at = Evidence(site.path, site.line, f"{site.text}({source_of(given, 40)}, …)")
                limit = replace(self.judge.given(given, site.function, LIMIT, "timeout", "outer", site.line), source=at)
                if limit.bounded is not False:
                    found.append((site, limit))
        return found

    def _handed_over(self, func: Func, limited: list[Site]) -> bool:
        """Whether the function is also given to others to call (a route, a callback), where no limit is known."""
        handed = (e for e in self.links.callers.get(func, ()) if e.how != "call" and e.site not in limited)
        return bool(func.facts.decorators) or any(True for _ in handed)

    def _decorator(self, func: Func) -> Deadline | None:
        for expr in func.facts.decorators:
            if isinstance(expr, m.Call):
                name = source_of(expr.func).rpartition(".")[2]
                if name in DECORATORS and (expr.args or expr.keywords):
                    limit = self._limit(expr, func, "outer")
                    if limit.bounded:
                        return limit
        return None
