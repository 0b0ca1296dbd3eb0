"""Where a resource is stopped: calls of its closing methods, with blocks, awaits, exit hooks, across the whole project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.names import Type
from runtime_ops.libraries.timeouts import waits
from runtime_ops.project.kept import Kept
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Place, Site, Step, own_expressions
from runtime_ops.project.source_text import source_of

CLOSERS = frozenset(
    """close aclose join terminate kill shutdown stop cancel cleanup quit disconnect dispose wait_closed server_close
    shutdown_default_executor release exit wait communicate wait_for_stop unsubscribe remove finish close_all
    disconnect_all""".split()
)
"""Methods that end things, beside those that the type's own row names."""
WAITING = frozenset({"join", "wait", "communicate", "shutdown", "stop", "result", "wait_closed", "close"})
WAITS_FOR_WORK = frozenset(
    {"thread", "timer", "process", "executor", "pool", "scheduler", "server", "listener", "observer"}
)
WAITERS = frozenset(
    """asyncio.gather asyncio.wait asyncio.wait_for asyncio.as_completed concurrent.futures.wait
    concurrent.futures.as_completed asyncio.shield gevent.joinall gevent.killall""".split()
)
EXIT_HOOKS = frozenset({"atexit.register", "weakref.finalize", "threading._register_atexit"})
ENTERERS = frozenset({"enter_context", "enter_async_context", "closing", "callback", "push_async_callback"})
GROUPS = ("TaskGroup", "task_group", "nursery", "tg")


class Stop(NamedTuple):
    """One place that ends a resource.

    ``how``: the method (``join``, ``close``, ``terminate``, ``kill``, ``shutdown``, ``cancel`` …), or ``with``,
    ``await``, ``group``. ``where``: ``with``, ``finally``, ``handler``, ``__exit__`` (a closing method of the class that
    keeps it), ``atexit``, ``group``, or ``plain``. ``bounded``: whether a wait in it has a limit; None when it does not
    wait or that is not known.
    """

    path: str
    line: int
    how: str
    where: str
    bounded: bool | None
    function: Func | None
    site: Site | None


class StopFinder:
    """Finds stops. ``by_origin`` has the calls on an object by the ``id`` of the call that made it."""

    def __init__(self, links: Links, by_origin: Mapping[int, list[Site]]) -> None:
        self.links = links
        self.by_origin = by_origin
        self.hooks = tuple(links.sites(*EXIT_HOOKS))
        self._known_items: dict[tuple[Func, frozenset[str]], frozenset[str]] = {}
        self.exit_functions = {f for s in self.hooks for a in s.call.args for f in links.referenced(a, s.function)}

    def of(self, site: Site, where: Kept, known: Type) -> tuple[Stop, ...]:
        """Every stop of the resource that ``site`` makes, in path and line order."""
        methods = frozenset(known.closes) | (
            CLOSERS if not known.closes or known.kind in WAITS_FOR_WORK else frozenset({"close", "aclose"})
        )
        found: list[Stop] = []
        if where.scope == "with":
            found.append(Stop(site.path, site.line, "with", "with", _with_bound(known), site.function, site))
        if where.scope == "argument" and where.name in WAITERS:
            found.append(Stop(site.path, site.line, "await", "plain", None, site.function, site))
        if known.kind == "task" and (site.awaited or _in_group(site)):
            how = "await" if site.awaited else "group"
            found.append(
                Stop(site.path, site.line, how, "group" if how == "group" else "plain", None, site.function, site)
            )
        for other in {id(s): s for s in (*self.by_origin.get(id(site.call), ()), *self.sites_of(site, where))}.values():
            if other.method in methods and other.call is not site.call:
                found.append(self._stop(other, known))
        if where.scope == "chained" and where.name in methods and not any(stop.how == where.name for stop in found):
            found.append(Stop(site.path, site.line, where.name, "plain", None, site.function, site))
        for func, names in self._names(site, where):
            found += self._mentions(func, names, known, methods)
        if not found and where.klass is not None:
            found += self._from_outside(where, methods, known)
        unique = {(s.path, s.line, s.how): s for s in reversed(found)}
        return tuple(sorted(unique.values(), key=lambda s: (s.path, s.line)))

    def sites_of(self, site: Site, where: Kept) -> Iterator[Site]:
        """Calls on the name that keeps the resource (``self.pool.shutdown``), or on the items of its collection."""
        for func, names in self._names(site, where):
            items = self._items(func, names)
            for other in func.sites:
                receiver = other.text.rpartition(".")[0] or _receiver(other)
                if receiver in items or receiver.partition("[")[0] in items:
                    yield other

    def _items(self, func: Func, names: frozenset[str]) -> frozenset[str]:
        """The names, and what else stands for the object or its members there; remembered."""
        key = (func, names)
        if key not in self._known_items:
            self._known_items[key] = names | _items(func, names)
        return self._known_items[key]

    def _names(self, site: Site, where: Kept) -> Iterator[tuple[Func, frozenset[str]]]:
        """The functions that mention the resource by a name, with its names there."""
        for func, names in self._scopes(site, where):
            if names & mentioned(func):
                yield func, names

    def _scopes(self, site: Site, where: Kept) -> Iterator[tuple[Func, frozenset[str]]]:
        """The functions in which the resource has a name."""
        name = where.name
        if where.scope in ("dropped", "returned", "argument", "chained") or not name:
            return
        if where.klass is not None and "." in name:
            attribute = name.partition(".")[2].partition(".")[0]
            classes = [k for k in (*where.klass.ancestry, *where.klass.descendants()) if isinstance(k, Klass)]
            for klass in classes:
                for method in klass.methods.values():
                    for func in (method, *_inner(method)):
                        own = method.facts.params[0].name if method.facts.params else "self"
                        yield func, _with_aliases(func, f"{own}.{attribute}")
            return
        if where.scope == "module" or site.function.is_module:
            for func in site.function.module.functions.values():
                if func is site.function or func.param(name) is None:
                    yield func, frozenset({name})
            return
        for func in (site.function, *_inner(site.function)):
            yield func, _with_aliases(func, name)

    def _from_outside(self, where: Kept, methods: frozenset[str], known: Type) -> Iterator[Stop]:
        """``worker.thread.join()`` elsewhere in the module of the class that keeps it."""
        assert where.klass is not None  # asked only for attributes of classes
        attribute = f".{where.name.partition('.')[2]}"
        for func in where.klass.module.functions.values():
            for site in func.sites:
                receiver, _, method = site.text.rpartition(".")
                if method in methods and f".{receiver}".endswith(attribute) and "." in receiver:
                    yield self._stop(site, known)

    def _stop(self, site: Site, known: Type) -> Stop:
        return Stop(
            site.path,
            site.line,
            site.method,
            self._where(site.function, site.steps),
            _bound(site, known),
            site.function,
            site,
        )

    def _where(self, func: Func, steps: tuple[Step, ...]) -> str:
        for step in reversed(steps):
            if step.arm == "final":
                return "finally"
            if step.arm == "handler":
                return "handler"
        if func.name in ("__exit__", "__aexit__", "__del__"):
            return "__exit__"
        if func in self.exit_functions:
            return "atexit"
        return "__exit__" if func.cls is not None and func.name in CLOSERS else "plain"

    def _mentions(self, func: Func, names: frozenset[str], known: Type, methods: frozenset[str]) -> Iterator[Stop]:
        """Stops without a call of a method: ``with pool:``, ``await task``, ``gather(*tasks)``, ``atexit.register(pool.close)``."""
        items = self._items(func, names)
        for place in func.places:
            yield from self._in_statement(place, func, items, known)
        for site in func.sites:
            texts = {
                source_of(a.value if isinstance(a, m.Star) else a)
                for a in (*site.call.args, *(v for _, v in site.call.keywords))
            }
            if site.dotted in WAITERS and texts & items:
                limit = site.call.keyword("timeout") or (
                    site.call.argument("", 1) if site.dotted == "asyncio.wait_for" else None
                )
                bounded = limit is not None and not (isinstance(limit, m.Const) and limit.value is None)
                yield Stop(site.path, site.line, "await", self._where(func, site.steps), bounded, func, site)
            elif any(t.rpartition(".")[0] in items and t.rpartition(".")[2] in methods for t in texts):
                how = next(t.rpartition(".")[2] for t in texts if t.rpartition(".")[0] in items)
                where = (
                    "atexit"
                    if site.dotted in EXIT_HOOKS
                    else "with"
                    if site.method in ENTERERS
                    else self._where(func, site.steps)
                )
                waits = how in WAITING and known.kind in WAITS_FOR_WORK
                yield Stop(site.path, site.line, how, where, _handed_limit(site, how) if waits else None, func, site)
            elif site.method in ENTERERS and texts & items:
                yield Stop(site.path, site.line, "with", "with", _with_bound(known), func, site)

    def _in_statement(self, place: Place, func: Func, items: frozenset[str], known: Type) -> Iterator[Stop]:
        stmt = place.stmt
        if isinstance(stmt, m.With):
            for item, _ in stmt.items:
                text = source_of(item.value if isinstance(item, m.Await) else item)
                if text in items:
                    yield Stop(func.path, stmt.line, "with", "with", _with_bound(known), func, None)
        if known.kind != "task":
            return
        for expr in own_expressions(stmt):
            for node in m.walk(expr):
                if isinstance(node, m.Await) and source_of(node.value) in items:
                    yield Stop(func.path, node.line, "await", self._where(func, place.steps), None, func, None)


def mentioned(func: Func) -> frozenset[str]:
    """Every name that a function's own statements mention, dotted ones with their beginnings (``self.a.b``: also
    ``self.a``). Remembered on the function."""
    known: frozenset[str] | None = func.__dict__.get("_mentioned")
    if known is None:
        found: set[str] = set()
        for node in m.walk(func.facts.body):
            if isinstance(node, m.Name):
                text = node.id
                while text not in found:
                    found.add(text)
                    text = text.rpartition(".")[0] or text
        known = frozenset(found)
        func.__dict__["_mentioned"] = known
    return known


def _with_aliases(func: Func, name: str) -> frozenset[str]:
    return frozenset({name} | _aliases(func, name)) if name in mentioned(func) else frozenset({name})


def _inner(func: Func) -> list[Func]:
    """The functions defined in a function."""
    return [f for f in func.module.functions.values() if f.parent is func]


def _aliases(func: Func, name: str) -> set[str]:
    """Other names that are bound to the same object in the function (``pool = self.pool``, ``self.pool = pool``)."""
    found: set[str] = set()
    for place in func.places:
        if isinstance(place.stmt, m.Assign) and place.stmt.value is not None:
            targets = {source_of(t) for t in place.stmt.targets}
            if source_of(place.stmt.value) == name:
                found |= targets
            if isinstance(place.stmt.value, m.Sequence) and name in {source_of(i) for i in place.stmt.value.items}:
                found |= targets
    return found


def _items(func: Func, names: frozenset[str]) -> frozenset[str]:
    """Loop variables over the names (``for t in threads``), and collections that the names are added to."""
    found: set[str] = set()
    for place in func.places:
        stmt = place.stmt
        if isinstance(stmt, m.For):
            iterable = source_of(stmt.iterable)
            inner = source_of(stmt.iterable.args[0]) if isinstance(stmt.iterable, m.Call) and stmt.iterable.args else ""
            over = iterable.removesuffix(".values()").removesuffix(".items()").removesuffix(".copy()")
            if names & {iterable, over, inner, inner.removesuffix(".values()").removesuffix(".items()")}:
                found |= {n.id for n in m.walk(stmt.target) if isinstance(n, m.Name)}
    for site in func.sites:
        if site.method in ("append", "add") and any(source_of(a) in names for a in site.call.args):
            collection = site.text.rpartition(".")[0]
            found |= {collection} | (set(_items(func, frozenset({collection}))) if collection not in names else set())
        if isinstance(site.stmt, m.Assign | m.ExprStmt | m.Return):
            for node in m.walk(site.stmt):
                if isinstance(node, m.Comprehension):
                    for target, iterable_expr, _ in node.generators:
                        if source_of(iterable_expr) in names:
                            found |= {n.id for n in m.walk(target) if isinstance(n, m.Name)}
    return frozenset(found)


def _receiver(site: Site) -> str:
    func = site.call.func
    return source_of(func.value) if isinstance(func, m.Attr) else ""


def _bound(site: Site, known: Type) -> bool | None:
    """Whether a closing call that waits has a limit."""
    if (
        site.method not in WAITING
        or (site.method == "close" and known.kind != "pool")
        or known.kind not in WAITS_FOR_WORK
    ):
        return None
    for name in ("wait", "block"):
        given = site.call.keyword(name)
        if isinstance(given, m.Const) and not given.value:
            return True
    first = site.call.args[0] if site.call.args else None
    if site.method == "shutdown" and isinstance(first, m.Const) and first.value is False:
        return True
    if any(row.bounded == "yes" for row in waits(site.dotted or "")):
        return True
    return _has_limit(site)


def _has_limit(site: Site) -> bool:
    given = site.call.keyword("timeout") or site.call.keyword("grace")
    if given is None and site.method in ("join", "wait", "stop", "result") and site.call.args:
        given = site.call.args[0]
    return given is not None and not (isinstance(given, m.Const) and given.value is None)


def _handed_limit(site: Site, how: str) -> bool:
    """``asyncio.to_thread(process.join, 5)``: whether the method that is handed over gets a limit."""
    given = site.call.keyword("timeout")
    if given is None:
        texts = [source_of(a).rpartition(".")[2] for a in site.call.args]
        after = site.call.args[texts.index(how) + 1 :] if how in texts else ()
        given = after[0] if after else None
    return given is not None and not (isinstance(given, m.Const) and given.value is None)


def _with_bound(known: Type) -> bool | None:
    """Leaving the block of a pool, an executor or a child waits for their work without a limit."""
    return False if known.kind in ("executor", "process") else None


def _in_group(site: Site) -> bool:
    receiver = (_receiver(site) or site.text.rpartition(".")[0]).rpartition(".")[2]
    return "TaskGroup" in (site.dotted or "") or receiver in GROUPS
