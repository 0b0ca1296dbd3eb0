"""Locks that a signal handler takes, and the main thread as well: interrupted while it holds one, it waits for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.life import Life
from runtime_ops.project.model import Func, Klass, Module
from runtime_ops.project.signals import Registration
from runtime_ops.rules.shutdown._running import below

PLAIN_LOCKS = frozenset(("_thread.LockType", "threading.Lock", "multiprocessing.Lock", "multiprocessing.synchronize.Lock"))
"""Locks that the thread which holds one cannot take again."""


class Taken(NamedTuple):
    """A ``with`` over a lock: where, as it is written, and whose it is (an attribute of a class, a name of a module)."""

    func: Func
    line: int
    text: str
    owner: Klass | Module
    name: str


class SharedLock(NamedTuple):
    """A lock that the handler takes in ``own``, and the main thread in ``other``."""

    own: Taken
    other: Taken


def shared_lock(project: Project, registration: Registration, started: tuple[Entrypoint, ...]) -> SharedLock | None:
    """The first lock that the handler of a signal takes although the main thread may hold it at that moment."""
    if registration.handler is None:
        return None
    handling = [registration.handler, *below(project, registration.handler, 2)]
    for own in (taken for func in handling for taken in _taken(project, func)):
        for entrypoint in started:
            life = project.lives[entrypoint]
            other = next((t for func in _of_main_thread(project, life) for t in _taken(project, func) if _same(own, t, handling)), None)
            if other is not None:
                return SharedLock(own, other)
    return None


def _taken(project: Project, func: Func) -> Iterator[Taken]:
    for place in func.by_kind.get(m.With, ()):
        stmt = place.stmt
        for item, _ in stmt.items if isinstance(stmt, m.With) else ():
            value = project.names.name(item.id, func) if isinstance(item, m.Name) else None
            if value is None or value.kind != "made" or value.name not in PLAIN_LOCKS or not isinstance(item, m.Name):
                continue
            attribute = item.id.removeprefix("self.")
            if attribute != item.id and func.cls is not None and "." not in attribute:
                yield Taken(func, stmt.line, item.id, func.cls, attribute)
            elif item.id.isidentifier() and item.id not in func.bindings and item.id not in func.params:
                yield Taken(func, stmt.line, item.id, func.module, item.id)


def _same(own: Taken, other: Taken, handling: list[Func]) -> bool:
    if other.func in handling or own.name != other.name:
        return False
    if isinstance(own.owner, Klass) and isinstance(other.owner, Klass):
        return own.owner in other.owner.ancestry or other.owner in own.owner.ancestry
    return own.owner is other.owner


def _of_main_thread(project: Project, life: Life) -> Iterator[Func]:
    """The functions on the way to where the program serves, those that they call, and the properties that they read."""
    for func in life.spine:
        yield func
        yield from (e.callee for e in project.links.callees.get(func, ()) if e.how == "call" and not e.callee.facts.is_async)
        for name in func.inventory.names if func.cls is not None else ():
            method = func.cls.method(name.removeprefix("self.")) if name.startswith("self.") and func.cls is not None else None
            if method is not None and any(isinstance(d, m.Name) and d.id.endswith("property") for d in method.facts.decorators):
                yield method
