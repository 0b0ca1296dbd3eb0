"""How long client calls wait by default, by library and version: the table behind ``call-without-timeout``.

``data/timeouts.json`` holds one row a client API. Each was read in the installed package or measured against a mute
server; ``Wait.source`` says which.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import cache

from runtime_ops.plain import dataclass

from .names import pattern, quiet, spellings
from .table import load

Seconds = float | str | None
"""Seconds; ``None`` = no limit; ``"os"`` = the kernel's own limit (a TCP connect: minutes); other text = words."""


@dataclass(frozen=True, slots=True)
class Retries:
    """Tries that the library makes by itself, which multiply the limit of one call."""

    attempts: int | str | None = None
    """All tries, the first included; None = endless."""
    longest: float | str | None = None
    """Seconds until the last try has failed, where it was measured or computed."""
    wait: float | None = None
    """Seconds between tries."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """How it was before ``version``."""

    version: str
    """First version in which the newer behaviour was seen."""
    last_seen: str = ""
    """Last version in which this older behaviour was seen; between the two nobody looked. Empty: right up to ``version``."""
    bounded: str = ""
    """Empty: as in the row."""
    default: Mapping[str, Seconds] = field(default_factory=dict)
    retries: Retries | None = None
    distribution: str = ""
    """Whose version it is, when not the row's own (Django's cache over redis)."""
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Wait:
    """One client API that waits, and what limits it."""

    name: str
    distribution: str
    """Name on PyPI, or ``stdlib``."""
    version: str
    """What was looked at."""
    bounded: str
    """``yes``, ``no`` or ``partly`` (one stage has no limit, or the limit can be outlasted: the note says)."""
    source: str
    kind: str = "wait"
    """``wait``, or ``job-limit`` for the time limit that a job system sets on a job."""
    constructors: tuple[str, ...] = ()
    """Dotted names whose arguments set a limit for all later calls."""
    calls: tuple[str, ...] = ()
    """Dotted names that wait; ``Class.*`` = every method of it that does I/O; a star inside = any text."""
    parameters: tuple[str, ...] = ()
    """Names of the limit, most general first; empty = there is none. ``a.b`` = field ``b`` of an object given as ``a``."""
    where: tuple[str, ...] = ()
    """Where the limit is written: constructor, call, config, decorator, connect string, environment, attribute."""
    unit: str = "seconds"
    positions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Dotted name (``*`` = each of the row) to parameter to 0-based position without self."""
    default: Mapping[str, Seconds] = field(default_factory=dict)
    """Stage (connect, read, write, pool, total, …) to its limit in seconds."""
    unbounded_values: tuple[object, ...] = ()
    """Argument values that switch the limit off: None, 0, -1, or an expression as text."""
    quiet_with: tuple[str, ...] = ()
    """Constants that, given to the constructor of the receiver, make the calls return at once (``zmq.PUB``: it drops)."""
    aside: tuple[str, ...] = ()
    """Arguments that, given as true, make the call return at once what is asked for the answer later (``async_req``: a
    ``get()`` waits, of a future ``result()``); ``*`` = every call does."""
    parts: bool = False
    """The calls read parts of messages that arrive whole: a read right after another of the same object does not wait."""
    socket_default: bool = False
    """Its sockets take ``socket.setdefaulttimeout``; requests passes an explicit None and does not (facts 4.6)."""
    wrappers: tuple[str, ...] = ()
    """Classes that take a configured client instead of the parameter."""
    retries: Retries | None = None
    holds: str = ""
    """Who holds the caller, where that is not a peer that accepts and stays silent."""
    asynchronous: str = "no"
    """``yes``, ``no``, ``both``: whether the calls are awaited."""
    changed: tuple[Change, ...] = ()
    """Older behaviours, newest first."""
    note: str = ""
    sure: bool = True

    def position(self, dotted: str, parameter: str) -> int | None:
        """0-based position of ``parameter`` in a call of ``dotted``, or None when it can only be given by name."""
        for spelling in spellings(dotted):
            if spelling in self.positions:
                return self.positions[spelling].get(parameter)
        return self.positions.get("*", {}).get(parameter)

    def awaited(self, dotted: str) -> bool:
        """Whether this call must be awaited; where a row holds both kinds, the name tells them apart (``aio``, ``async``)."""
        if self.asynchronous == "both":
            return any(word in dotted.lower() for word in ("aio", "async"))
        return self.asynchronous == "yes"

    @property
    def versioned_by(self) -> str:
        """The distribution whose version decides about ``changed``."""
        return next((change.distribution for change in self.changed if change.distribution), self.distribution)


@cache
def all_waits() -> tuple[Wait, ...]:
    """Every row of the table."""
    return load("timeouts", Wait, {"retries": Retries, "changed": _change})


def _change(**fields: object) -> Change:
    retries = fields.pop("retries", None)
    if isinstance(retries, dict):
        fields["retries"] = Retries(**retries)
    return Change(**fields)  # type: ignore[arg-type]


class _Index:
    def __init__(self) -> None:
        self.calls: dict[str, list[Wait]] = {}
        self.classes: dict[str, list[Wait]] = {}
        self.constructors: dict[str, list[Wait]] = {}
        self.patterns: list[tuple[re.Pattern[str], Wait]] = []
        for row in all_waits():
            if row.kind != "wait":
                continue
            for call in row.calls:
                if "*" in call[:-2]:
                    self.patterns.append((pattern(call), row))
                    continue
                table, key = (self.classes, call[:-2]) if call.endswith(".*") else (self.calls, call)
                table.setdefault(key, []).append(row)
            for constructor in row.constructors:
                self.constructors.setdefault(constructor, []).append(row)


@cache
def _index() -> _Index:
    return _Index()


def waits(dotted: str, *, inherited: bool = False) -> list[Wait]:
    """Rows for a call, by its full dotted name in any known spelling: ``redis.client.Redis.get`` as ``redis.Redis.get``.

    Gives the rows that name the call itself; if none does, those of ``Class.*`` for the nearest enclosing class, unless
    the method is known not to wait (``redis.Redis.pipeline``). With ``inherited`` both, the nearer ones first: a
    ``redis.Redis.blpop`` is also limited by the client's own socket timeout. Empty: nothing is known, or it does not wait.
    """
    index = _index()
    found: list[Wait] = []
    names = spellings(dotted)
    for name in names:
        found += [row for row in index.calls.get(name, ()) if row not in found]
    exact = [row for row in found if dotted in row.calls]
    found = exact or found  # a subclass's own method is not the base's, of which it is another spelling
    if (found and not inherited) or quiet(dotted):
        return found
    for name in names:
        near = next((index.classes[prefix] for prefix in _prefixes(name) if prefix in index.classes), [])
        found += [row for row in near if row not in found]
    return found or [row for expression, row in index.patterns if expression.match(dotted)]


def _prefixes(dotted: str) -> Iterator[str]:
    while "." in dotted:
        dotted = dotted.rpartition(".")[0]
        yield dotted


def constructor(dotted: str) -> list[Wait]:
    """Rows whose limit may be set by a call of ``dotted``: ``redis.from_url``, ``httpx.Client``, ``psycopg2.connect``."""
    found: list[Wait] = []
    for name in spellings(dotted):
        found += [row for row in _index().constructors.get(name, ()) if row not in found]
    return found


def wrapped_by(dotted: str) -> list[Wait]:
    """Rows whose configured client is handed to ``dotted``, which has no limit of its own (``stripe.StripeClient``)."""
    names = set(spellings(dotted))
    return [row for row in all_waits() if names.intersection(row.wrappers)]


def job_limits(dotted: str) -> list[Wait]:
    """Rows for the time limit that a job system sets on a job, by decorator or enqueuing call (``celery.shared_task``)."""
    names = set(spellings(dotted))
    return [row for row in all_waits() if row.kind == "job-limit" and names.intersection(row.calls + row.constructors)]
