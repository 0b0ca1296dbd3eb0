"""Where libraries call the program back: what serves, what makes a function a handler, a job, a command, a thread.

``data/surface.json``: one row a name. ``role`` is ``serve`` (the call that serves until the process stops), ``serve-
wait`` (a wait that serves when main ends in it), ``app`` (makes an application), ``handler-decorator``, ``job-
decorator``, ``command-decorator``, ``handler-base`` (methods of subclasses are called by the library), ``handler-
registration`` (functions handed over are handlers), ``handler-object`` (methods of an object that is handed over are),
``starter`` (the function runs in a thread, task or process of its own), ``on-signal``, ``on-exit``. A name that ends in
``.*`` covers everything below it.
"""

from __future__ import annotations

from functools import cache

from runtime_ops.plain import dataclass

from .names import spellings
from .table import load


@dataclass(frozen=True, slots=True)
class Surface:
    """One row; ``kind`` is the kind of entrypoint that such code belongs to, empty where it says nothing."""

    role: str
    name: str
    source: str
    kind: str = ""
    match: str = ""
    """``overrides`` for base classes, ``instances`` for those of which the library makes one for each request; ``enqueue`` where
    the function runs later, in another process; for ``handler-object`` how the names of the methods begin, apart by blanks."""
    sigterm: str = ""
    """For ``serve``: ``none`` where SIGTERM is left to its default; empty: it is handled, or `servers` knows."""


@cache
def all_surfaces() -> tuple[Surface, ...]:
    """Every row of ``surface.json``."""
    return load("surface", Surface)


@cache
def _index() -> dict[tuple[str, str], Surface]:
    return {(row.role, row.name): row for row in all_surfaces()}


@cache
def surface(role: str, dotted: str) -> Surface | None:
    """The row of a role for a dotted name, under any of its spellings; the most exact one."""
    for name in spellings(dotted):
        row = _index().get((role, name))
        if row is not None:
            return row
        head = name
        while "." in head:
            head = head.rpartition(".")[0]
            row = _index().get((role, f"{head}.*"))
            if row is not None:
                return row
    return None
