"""What a call waits for that joins threads or greenlets: the calls that made them, here or in another method."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.kept import bound_calls, listed_calls
from runtime_ops.project.model import Func, Site

GREENLETS = ("eventlet.", "gevent.")
"""How the calls that make greenlets begin."""
THREADS = (".Thread", ".Process", ".Greenlet")
"""Ends of the classes whose objects run in a thread, process or greenlet of their own."""
JOINS = frozenset({"gevent.joinall", "gevent.wait"})
"""Functions that wait for all greenlets of a list."""


def greenlets_waited_for(site: Site) -> Iterator[tuple[Func, m.Call]]:
    """The calls that make what a call waits for without a limit, with the functions that they stand in: ``server.join()``,
    ``gevent.joinall([server, clock])``, ``gevent.joinall(threads)``."""
    call = site.call
    if call.keywords or not isinstance(call.func, m.Name):
        return
    if site.method in ("wait", "join") and not call.args:
        yield from bound_calls(site.text.rpartition(".")[0], site.function)
    given = call.args[0] if site.dotted in JOINS and len(call.args) == 1 else None
    if isinstance(given, m.Sequence):
        for item in given.items:
            yield from bound_calls(item.id, site.function) if isinstance(item, m.Name) else ()
    elif isinstance(given, m.Name):
        for made in listed_calls(given.id, site.function):
            yield site.function, made


def joined_in_turn(joins: list[Site], made: m.Call, func: Func) -> Site | None:
    """The join of a loop over the list that a thread was put into: ``for thread in threads: thread.join()``."""
    for join in joins:
        name = join.text.rpartition(".")[0]
        for binding in func.bindings.get(name, ()):
            if binding.kind == "for" and isinstance(binding.expr, m.Name) and any(c is made for c in listed_calls(binding.expr.id, func)):
                return join
    return None
