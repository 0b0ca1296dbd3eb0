"""Names as user code writes them: aliases, classes and what a call returns.

``data/aliases.json``: the same object under another dotted name. ``data/types.json``: classes, their bases, how they are
closed. ``data/returns.json``: the type of what a call or an attribute gives.
"""

import re
from functools import cache

from runtime_ops.plain import dataclass

from .table import load

MAX_STEPS = 6  # aliases of aliases and base classes: no table row needs more


@dataclass(frozen=True, slots=True, eq=False)
class Alias:
    """``name`` is the same object as ``target``."""

    name: str
    """A ``*`` stands for one segment: ``boto3.client.*``."""
    target: str
    source: str
    sure: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """A class whose instances matter at run time."""

    name: str
    """A ``*`` stands for any text, for classes of generated code."""
    kind: str
    """client, connection, cursor, pool, session, stream, thread, process, executor, future, lock, event, condition, queue, task, timer,
    server, app, router, scheduler, job, producer, consumer, channel, exporter, handler, listener, observer, browser, temporary, other."""
    source: str
    bases: tuple[str, ...] = ()
    """Classes whose methods it has, by dotted name, so far as this package knows them."""
    quiet: tuple[str, ...] = ()
    """Methods that do not wait, though the class has a ``Class.*`` row."""
    starts: tuple[str, ...] = ()
    """Methods that begin its work (a thread's ``start``); empty = the constructor."""
    closes: tuple[str, ...] = ()
    """Methods that end or release it."""
    context: str = ""
    """``with``, ``async with``, ``both``: leaving the block closes it; empty = no context manager, or it does not close."""
    asynchronous: bool = False
    """Its methods that wait are awaited."""
    note: str = ""
    sure: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Returns:
    """What a call, or an attribute, of a known name gives."""

    call: str
    type: str
    """Dotted type name. ``{0}`` = the first argument, a text (``boto3.client("sqs")`` gives ``boto3.client.sqs``)."""
    source: str
    how: str = "call"
    """call, attribute, await (the type that awaiting the call gives), with (what entering the block gives), item (what iterating gives),
    argument (a method that programs write: the class, or a stand-in for it, that the library hands over first)."""
    sure: bool = True


@cache
def all_aliases() -> tuple[Alias, ...]:
    """Every row of ``aliases.json``."""
    return load("aliases", Alias)


@cache
def all_types() -> tuple[Type, ...]:
    """Every row of ``types.json``."""
    return load("types", Type)


@cache
def all_returns() -> tuple[Returns, ...]:
    """Every row of ``returns.json``."""
    return load("returns", Returns)


@cache
def _alias_index() -> dict[str, str]:
    return {row.name: row.target for row in all_aliases()}


@cache
def _type_index() -> dict[str, Type]:
    return {row.name: row for row in all_types()}


@cache
def _type_patterns() -> tuple[tuple[re.Pattern[str], Type], ...]:
    return tuple((pattern(row.name), row) for row in all_types() if "*" in row.name)


def pattern(name: str) -> re.Pattern[str]:
    """The expression for a name with stars, each for any text: generated code has no fixed names (``*_pb2_grpc.*Stub``)."""
    return re.compile(".*".join(map(re.escape, name.split("*"))) + r"\Z")


@cache
def _returns_index() -> dict[str, Returns]:
    return {row.call: row for row in all_returns()}


@cache
def canonical(dotted: str) -> str:
    """The name this package uses for ``dotted``; unchanged if it knows no other. ``redis.client.Redis.get`` gives ``redis.Redis.get``."""
    return _follow(dotted)[-1]


@cache
def _follow(dotted: str) -> tuple[str, ...]:
    """``dotted`` and the names it becomes, alias by alias."""
    names, index = [dotted], _alias_index()
    for _ in range(MAX_STEPS):
        renamed = _rename(names[-1], index)
        if renamed is None or renamed in names:
            break
        names.append(renamed)
    return tuple(names)


def _rename(dotted: str, index: dict[str, str]) -> str | None:
    head, tail = dotted, ""
    while head:
        target = index.get(head) or index.get(f"{head.rpartition('.')[0]}.*")
        if target is not None:
            return target + tail
        head, _, last = head.rpartition(".")
        tail = f".{last}{tail}"
    return None


@cache
def spellings(dotted: str) -> tuple[str, ...]:
    """Every name under which the tables may know ``dotted``, nearest first: itself, its aliases, then the same member of base classes."""
    names = list(_follow(dotted))
    for name in names:  # grows while read: bases of bases
        if len(names) > 8 * MAX_STEPS:
            break
        owner, _, member = name.rpartition(".")
        row = _type_index().get(owner) or _of_pattern(owner)
        for base in row.bases if row else ():
            names += [found for found in _follow(f"{base}.{member}") if found not in names]
    return tuple(names)


@cache
def _of_pattern(dotted: str) -> Type | None:
    """The row of a class whose name is known in part."""
    return next((row for expression, row in _type_patterns() if expression.match(dotted)), None)


@cache
def type_of(dotted: str) -> Type | None:
    """The row of a class, by any of its names."""
    found = next((row for name in _follow(dotted) if (row := _type_index().get(name))), None)
    return found or _of_pattern(dotted)


@cache
def supertypes(dotted: str) -> tuple[str, ...]:
    """``dotted`` by its canonical name, then its known base classes, nearest first."""
    names = [canonical(dotted)]
    for name in names:
        row = _type_index().get(name) or _of_pattern(name)
        names += [base for base in (row.bases if row else ()) if base not in names]
    return tuple(names)


@cache
def quiet(dotted: str) -> bool:
    """Whether a method is known not to wait, though its class has methods that do; or what it belongs to (``session.headers``)."""
    for name in spellings(dotted):
        owner, _, member = name.rpartition(".")
        while owner:
            row = _type_index().get(owner)
            if row is not None:
                if member in row.quiet:
                    return True
                break
            owner, _, member = owner.rpartition(".")
    return False


@cache
def returned(dotted: str, argument: str | None = None) -> Returns | None:
    """The row for what ``dotted`` gives, ``{0}`` not yet filled in."""
    return next((row for name in spellings(dotted) if (row := _returns_index().get(name))), None)


@cache
def returns(dotted: str, argument: str | None = None) -> str | None:
    """The dotted type that a call (or an attribute) of ``dotted`` gives, or None when it is not known.

    Calling a known class gives that class. ``argument`` is the first argument when it is a text, for
    ``boto3.client("sqs")``; without it such a call gives the type for any service (``boto3.client.?``).
    """
    row = returned(dotted)
    if row is not None:
        return row.type.replace("{0}", argument or "?")
    known = type_of(dotted)
    if known is None:
        return None
    return dotted if "*" in known.name else known.name
