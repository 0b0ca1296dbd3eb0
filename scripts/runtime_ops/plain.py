"""``dataclass`` and ``cached_property`` in forms that take less time than the standard library's.

``dataclass`` is for the many small records of this package, made in a third of the time.

The standard library compiles six methods for each class, and the package makes some hundred and fifty classes at each
start: a fifth of what a small repository's audit takes. Here only ``__init__`` is compiled; comparison, hash and text
are shared by all classes. That nothing assigns to a frozen one is the type checker's business alone.

``cached_property`` of Python 3.11 takes a lock for each value that it makes, and linking makes tens of thousands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["cached_property", "dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
    from functools import cached_property
else:

    class cached_property:
        """As ``functools.cached_property``, for objects that one thread has."""

        def __init__(self, make):
            self.make = make
            self.name = make.__name__
            self.__doc__ = make.__doc__

        def __get__(self, owner, kind=None):
            if owner is None:
                return self
            value = owner.__dict__[self.name] = self.make(owner)
            return value

    from dataclasses import dataclass as full

    def dataclass(cls=None, /, *, frozen=False, slots=False, eq=True, kw_only=False):
        """As ``dataclasses.dataclass``, with the options that the package uses."""
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen, slots=slots, eq=eq, kw_only=kw_only)
        made = full(cls, repr=False, eq=False, slots=slots, kw_only=kw_only)
        shared = {"__repr__": text_of, **({"__eq__": same, "__hash__": hash_of if frozen else None} if eq else {})}
        for name, method in shared.items():
            if name not in cls.__dict__:
                setattr(made, name, method)
        return made


def values_of(record: Any) -> Any:
    """The fields of a record that tell it from others, in order; its class keeps what gets them."""
    kind = type(record)
    getter: Callable[[Any], Any] | None = kind.__dict__.get("_values")
    if getter is None:
        names = [field.name for field in fields(kind) if field.compare]
        getter = attrgetter(*names) if len(names) > 1 else lambda one: tuple([getattr(one, name) for name in names])
        kind._values = getter
    return getter(record)


def same(record: Any, other: Any) -> Any:
    """Equality: of one class, with equal fields."""
    if other.__class__ is not record.__class__:
        return NotImplemented
    return record is other or values_of(record) == values_of(other)


def hash_of(record: Any) -> int:
    """The hash of the fields."""
    return hash(values_of(record))


def text_of(record: Any) -> str:
    """The record as one would write it."""
    shown = ", ".join(f"{field.name}={getattr(record, field.name)!r}" for field in fields(record) if field.repr)
    return f"{type(record).__qualname__}({shown})"
