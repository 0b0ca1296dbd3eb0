"""Calls that hold a whole event loop while they wait (``data/blocking.json``, and every synchronous row of timeouts.json)."""

from functools import cache

from runtime_ops.plain import dataclass

from .names import quiet, spellings
from .table import load
from .timeouts import waits


@dataclass(frozen=True, slots=True, eq=False)
class Blocking:
    """One call, or ``Class.*`` or ``module.*`` for all calls below that name."""

    call: str
    source: str
    kind: str = "network"
    """sleep, network, database, process, file, name lookup, lock, cpu, server."""
    instead: str = ""
    """What to write in a coroutine."""
    blocks: bool = True
    """False: it looks like a waiting call and returns at once."""
    sure: bool = True


@cache
def all_blocking() -> tuple[Blocking, ...]:
    """Every row."""
    return load("blocking", Blocking)


@cache
def _index() -> dict[str, Blocking]:
    return {row.call: row for row in all_blocking()}


@cache
def blocks_loop(dotted: str) -> Blocking | None:
    """The row for a call that must not stand in a coroutine without a thread around it, or None.

    A synchronous call that timeouts.json knows counts as well, with a row made from it. Plain file reads and writes are
    not in the table: on local disks they are short.
    """
    names = spellings(dotted)
    for name in names:
        row = _index().get(name)
        if row is not None:
            return row if row.blocks else None
    if quiet(dotted):
        return None
    for name in names:
        owner = name
        while "." in owner:
            owner = owner.rpartition(".")[0]
            row = _index().get(f"{owner}.*")
            if row is not None:
                return row if row.blocks else None
    for wait in waits(dotted):
        if not wait.awaited(dotted) and wait.sure:
            return Blocking(dotted, f"timeouts.json, {wait.name}: {wait.source}")
    return None
