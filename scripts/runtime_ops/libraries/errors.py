"""Exceptions with a meaning at run time: a lost connection (``data/connection_errors.json``), a limit or a stop (``interrupts.json``),
and what stands above them (``exceptions.json``)."""

import builtins
from collections.abc import Mapping
from dataclasses import field
from functools import cache

from runtime_ops.plain import dataclass

from .names import spellings
from .table import load


@dataclass(frozen=True, slots=True, eq=False)
class ConnectionErrors:
    """What one library raises when its connection is gone."""

    library: str
    """First segment, or segments, of the client's dotted names."""
    distribution: str
    raised: tuple[str, ...]
    """Each may be raised for a loss: a reconnect must name all, or a base of each."""
    source: str
    bases: tuple[str, ...] = ()
    """A base of all of them, narrow enough to catch."""
    covers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Which of them one of them is a base of, by last names."""
    note: str = ""
    sure: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Interrupt:
    """An exception by which a library delivers a limit, a stop or a cancellation into running code."""

    exception: str
    source: str
    carries: str = "limit"
    """``limit``, ``stop``, ``cancel`` or ``retry``."""
    system: str = ""
    """Row of jobs.json, if a job system raises it."""
    caught_by_exception: bool = True
    """Whether ``except Exception`` swallows it."""
    changed: str = ""
    """A version (of the system's distribution) in which ``caught_by_exception`` was seen the other way round, and so was it in
    all older ones."""
    delivered_by: str = ""
    """Only in jobs of this worker class; empty = of every worker, or not in jobs."""
    sure: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class ExceptionType:
    """An exception of a library, and the classes that it is one of."""

    name: str
    bases: tuple[str, ...]
    """In every version since Python 3.8, or of the library: what a change of versions moved elsewhere has no row."""
    source: str
    also: tuple[str, ...] = ()
    """Other dotted names of it."""
    sure: bool = True


@cache
def all_exceptions() -> tuple[ExceptionType, ...]:
    """Every row."""
    return load("exceptions", ExceptionType)


@cache
def _exception_index() -> dict[str, ExceptionType]:
    return {name: row for row in all_exceptions() for name in (row.name, *row.also)}


@cache
def above(name: str) -> frozenset[str]:
    """An exception and every class that it is one of, so far as they are known; each under one name, whatever it is written as."""
    own = getattr(builtins, name, None)
    if isinstance(own, type) and issubclass(own, BaseException):  # IOError is OSError
        return frozenset(kind.__name__ for kind in own.__mro__ if kind is not object)
    row = _exception_index().get(name)
    if row is None:
        return frozenset((name,))
    return frozenset((row.name,)).union(*map(above, row.bases))


def one_name(name: str) -> str:
    """The name under which `above` gives an exception."""
    own = getattr(builtins, name, None)
    row = _exception_index().get(name)
    return own.__name__ if isinstance(own, type) else row.name if row is not None else name


@cache
def all_connection_errors() -> tuple[ConnectionErrors, ...]:
    """Every row."""
    return load("connection_errors", ConnectionErrors)


@cache
def all_interrupts() -> tuple[Interrupt, ...]:
    """Every row."""
    return load("interrupts", Interrupt)


@cache
def connection_errors(dotted: str) -> ConnectionErrors | None:
    """The row of the library that a call, class or exception belongs to; the longest library name wins."""
    best: ConnectionErrors | None = None
    for name in spellings(dotted):
        for row in all_connection_errors():
            fits = name == row.library or name.startswith(row.library + ".")
            if fits and (best is None or len(row.library) > len(best.library)):
                best = row
    return best


@cache
def interrupt(dotted: str) -> Interrupt | None:
    """The row of an exception, by its dotted name."""
    names = set(spellings(dotted))
    return next((row for row in all_interrupts() if row.exception in names), None)


def interrupts_of(system: str) -> tuple[Interrupt, ...]:
    """The exceptions that a job system (a name in jobs.json) raises in its jobs."""
    return tuple(row for row in all_interrupts() if row.system == system)
