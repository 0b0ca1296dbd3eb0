"""Which ways a block of statements can go: small path questions that many rules ask.

The ways are ``return``, ``raise``, ``break``, ``continue``, ``exit`` (the process ends: ``sys.exit``, ``os._exit``,
``raise SystemExit``) and ``fall`` (it goes on behind the block). Only what is written counts: that any call may raise
is not considered. A call of a project function that never comes back counts as what that function does.
"""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Place, Site, blocks_of

WAYS = ("return", "raise", "break", "continue", "exit", "fall")
EXIT_CALLS = frozenset(
    """sys.exit exit quit os._exit os.abort os.execv os.execve os.execvp os.execvpe os.execl os.execle os.execlp
    os.execlpe argparse.ArgumentParser.error argparse.ArgumentParser.exit click.Context.exit click.Context.fail
    click.Context.abort posix._exit""".split()
)
RAISE_CALLS = frozenset(
    """flask.abort werkzeug.exceptions.abort quart.abort bottle.abort aiohttp.web.abort sanic.exceptions.abort
    flask_restx.abort flask_restful.abort flask_smorest.abort pytest.fail pytest.skip""".split()
)
EXIT_EXCEPTIONS = frozenset("SystemExit Exit Abort CommandError ClickException UsageError BadParameter".split())
BASE_EXCEPTIONS = frozenset({"BaseException", "SystemExit"})
BROAD_EXCEPTIONS = frozenset({"Exception", "BaseException"})
DEPTH = 4  # project functions followed for "never comes back"; deeper chains were not seen


def sites_by_call(func: Func) -> dict[int, Site]:
    """The sites of a function by ``id`` of their call."""
    known: dict[int, Site] | None = func.__dict__.get("_sites_by_call")
    if known is None:
        known = {id(site.call): site for site in func.sites}
        func.__dict__["_sites_by_call"] = known
    return known


def sites_in(node: object, func: Func) -> tuple[Site, ...]:
    """The sites of ``func`` at or below a node (statement, block, handler, expression), in source order."""
    known = sites_by_call(func)
    return tuple(known[id(call)] for call in m.calls(node) if id(call) in known)


# ---------------------------------------------------------------- how a block ends


def ends(block: m.Block, func: Func | None = None, depth: int = 0) -> frozenset[str]:
    """The ways in which control can leave ``block``, a subset of `WAYS`.

    With ``func`` (the function it stands in) calls that never come back are known: exits, ``flask.abort``, and project
    functions that always raise. An empty block falls.
    """
    if func is None:
        return _ends(block, None, depth)
    # Rules ask for each block of a function in turn, and each answer holds those of all blocks in it: without a memory
    # a long elif chain takes minutes. The block is kept beside its answer, so that its id stays its own.
    memory: dict[tuple[int, int], tuple[m.Block, frozenset[str]]] = func.__dict__.setdefault("_ends", {})
    key = (id(block), depth)
    if key not in memory:
        memory[key] = (block, _ends(block, func, depth))
    return memory[key][1]


def _ends(block: m.Block, func: Func | None, depth: int) -> frozenset[str]:
    found: set[str] = set()
    for stmt in block:
        ways = _ends_of(stmt, func, depth)
        found |= ways - {"fall"}
        if "fall" not in ways:
            return frozenset(found)
    return frozenset(found | {"fall"})


def _ends_of(stmt: m.Stmt, func: Func | None, depth: int) -> frozenset[str]:
    if isinstance(stmt, m.Return):
        return _never_back(stmt.value, func, depth) or frozenset({"return"})
    if isinstance(stmt, m.Raise):
        return frozenset({"exit" if _is_exit(stmt.exc) else "raise"})
    if isinstance(stmt, m.Break):
        return frozenset({"break"})
    if isinstance(stmt, m.Continue):
        return frozenset({"continue"})
    if isinstance(stmt, m.ExprStmt | m.Assign):
        return _never_back(stmt.value, func, depth) or frozenset({"fall"})
    if isinstance(stmt, m.Assert):
        return frozenset({"raise"} if _truth(stmt.test) is False else {"fall"})
    if isinstance(stmt, m.If):
        truth = _truth(stmt.test)
        if truth is not None:
            return ends(stmt.body if truth else stmt.orelse, func, depth)
        return ends(stmt.body, func, depth) | ends(stmt.orelse, func, depth)
    if isinstance(stmt, m.While | m.For):
        return _ends_of_loop(stmt, func, depth)
    if isinstance(stmt, m.Try):
        return _ends_of_try(stmt, func, depth)
    if isinstance(stmt, m.With):
        ways = ends(stmt.body, func, depth)
        suppresses = any("suppress" in _name(item.func) for item, _ in stmt.items if isinstance(item, m.Call))
        return ways | {"fall"} if suppresses and "raise" in ways else ways
    if isinstance(stmt, m.Match):
        return _ends_of_match(stmt, func, depth)
    return frozenset({"fall"})


def _ends_of_loop(stmt: m.While | m.For, func: Func | None, depth: int) -> frozenset[str]:
    inner = ends(stmt.body, func, depth)
    out = set(inner - {"break", "continue", "fall"})
    if "break" in inner:
        out.add("fall")
    if not (isinstance(stmt, m.While) and _truth(stmt.test) is True):
        out |= ends(stmt.orelse, func, depth)
    return frozenset(out)


def takes_anything(handler: m.Handler) -> bool:
    """A bare ``except``, or one that names Exception or BaseException."""
    return not handler.types or not BROAD_EXCEPTIONS.isdisjoint([t.rpartition(".")[2] for t in handler.types])


def _ends_of_try(stmt: m.Try, func: Func | None, depth: int) -> frozenset[str]:
    out = set(ends(stmt.body, func, depth))
    if "fall" in out and stmt.orelse:
        out = (out - {"fall"}) | ends(stmt.orelse, func, depth)
    caught = {t.rpartition(".")[2] for h in stmt.handlers for t in h.types}
    bare = any(not h.types for h in stmt.handlers)
    if bare or caught & BROAD_EXCEPTIONS:
        out.discard("raise")
    if bare or caught & BASE_EXCEPTIONS:
        out.discard("exit")
    for handler in stmt.handlers:
        out |= ends(handler.body, func, depth)
    final = ends(stmt.final, func, depth)
    return frozenset(out | (final - {"fall"})) if "fall" in final else final


def _ends_of_match(stmt: m.Match, func: Func | None, depth: int) -> frozenset[str]:
    out: set[str] = set()
    complete = False
    for patterns, guard, body in stmt.cases:
        out |= ends(body, func, depth)
        complete = complete or (not patterns and guard is None)
    return frozenset(out if complete else out | {"fall"})


def _never_back(expr: m.Expr | None, func: Func | None, depth: int) -> frozenset[str]:
    """What an expression's outermost call does when it never comes back; empty when it does."""
    if isinstance(expr, m.Await):
        expr = expr.value
    if not isinstance(expr, m.Call):
        return frozenset()
    site = sites_by_call(func).get(id(expr)) if func is not None else None
    dotted = (site.dotted if site is not None else None) or _name(expr.func)
    if dotted in EXIT_CALLS:
        return frozenset({"exit"})
    if dotted in RAISE_CALLS:
        return frozenset({"raise"})
    if site is None or site.weak or not site.targets or depth >= DEPTH:
        return frozenset()
    if any(target.facts.is_async for target in site.targets) and not site.awaited:
        return frozenset()
    found: set[str] = set()
    for target in site.targets:
        way = never_returns(target, depth + 1)
        if way is None:
            return frozenset()
        found.add(way)
    return frozenset(found)


def never_returns(func: Func, depth: int = 0) -> str | None:
    """``exit`` or ``raise`` for a project function that never comes back, else None.

    A method that only raises NotImplementedError is meant to be overridden, so it counts as coming back.
    """
    if "_never_returns" in func.__dict__:
        known: str | None = func.__dict__["_never_returns"]
        return known
    func.__dict__["_never_returns"] = None  # recursion: a function that calls itself is not known to end
    if func.is_module or func.facts.is_generator or _is_abstract(func):
        return None
    ways = ends(func.facts.body, func, depth)
    way = None if ways & {"fall", "return"} or not ways else "raise" if "raise" in ways else "exit"
    if way is not None or depth < 2:
        func.__dict__["_never_returns"] = way
    else:  # an answer cut short by depth must not be remembered
        del func.__dict__["_never_returns"]
    return way


def always_raises(func: Func) -> bool:
    """Whether every way through a project function raises or ends the process."""
    return never_returns(func) is not None


def _is_abstract(func: Func) -> bool:
    body = [s for s in func.facts.body if not isinstance(s, m.Pass)]
    if len(body) != 1 or not isinstance(body[0], m.Raise) or body[0].exc is None:
        return False
    exc = body[0].exc
    return _name(exc.func if isinstance(exc, m.Call) else exc) == "NotImplementedError"


def _is_exit(exc: m.Expr | None) -> bool:
    if exc is None:
        return False
    return _name(exc.func if isinstance(exc, m.Call) else exc).rpartition(".")[2] in EXIT_EXCEPTIONS


def _name(expr: m.Expr) -> str:
    return expr.id if isinstance(expr, m.Name) else expr.name if isinstance(expr, m.Attr) else ""


def _truth(expr: m.Expr) -> bool | None:
    if isinstance(expr, m.Const):
        return bool(expr.value)
    return None


# ---------------------------------------------------------------- what comes after


def statements_after(place: Place, func: Func) -> tuple[m.Stmt, ...]:
    """The statements that run after a place when it falls through, outermost statements only, in running order.

    First the rest of its own block, then what follows each enclosing statement; ``else`` and ``finally`` of an
    enclosing ``try`` are included, other arms and the next turn of a loop are not.
    """
    found: list[m.Stmt] = []
    current: m.Stmt = place.stmt
    for position in range(len(place.steps), -1, -1):
        step = place.steps[position - 1] if position else None
        block = func.facts.body if step is None else block_at(step.stmt, current)
        found += behind(block, current)
        if step is None:
            break
        if isinstance(step.stmt, m.Try):
            if step.arm == "body":
                found += step.stmt.orelse
            if step.arm != "final":
                found += step.stmt.final
        current = step.stmt
    return tuple(found)


def block_at(stmt: m.Stmt, inner: m.Stmt) -> m.Block:
    """The block of a statement that another one stands in directly; empty where it is in none."""
    for block, _ in blocks_of(stmt):
        if any(s is inner for s in block):
            return block
    return ()


def behind(block: m.Block, stmt: m.Stmt) -> Iterator[m.Stmt]:
    """What follows a statement in its block."""
    seen = False
    for current in block:
        if seen:
            yield current
        seen = seen or current is stmt


def place_of(site: Site) -> Place:
    """The place of a call."""
    return Place(site.stmt, site.steps)


def inside(stmts: m.Block, place: Place) -> bool:
    """Whether a place is one of the statements or stands in one of them."""
    return any(place.stmt is s or any(step.stmt is s for step in place.steps) for s in stmts)


def resolve_all(func: Func, links: Links, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names (of caught exceptions) as canonical dotted names; a name bound to a tuple display gives its items."""
    found: list[str] = []
    for name in names:
        value = links.names.name(name, func)
        if value is not None and value.kind in ("external", "class", "made") and value.name:
            found.append(value.name)
            continue
        items = _tuple_items(name, func)
        found += resolve_all(func, links, items) if items else (name,)
    return tuple(dict.fromkeys(found))


def _tuple_items(name: str, func: Func) -> tuple[str, ...]:
    scope: Func | None = func
    while scope is not None:
        for binding in scope.bindings.get(name, ()):
            if binding.kind == "assign" and isinstance(binding.expr, m.Sequence):
                return tuple(n for item in binding.expr.items if (n := _name(item)) and n != name)
        scope = scope.parent or (scope.module.level if not scope.is_module else None)
    return ()
