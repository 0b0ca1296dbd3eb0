"""When a constructor connects (``data/constructors.json``), and which calls start another process (``data/children.json``)."""

from functools import cache

from runtime_ops.plain import dataclass

from .names import spellings
from .table import load


@dataclass(frozen=True, slots=True, eq=False)
class Constructor:
    """One call that makes a client, pool or connection."""

    call: str
    source: str
    connects: str = "first use"
    """``now`` (the call itself does I/O), ``first use``, ``background`` (threads connect; the call returns)."""
    check: str = ""
    """What, called on the result, really asks the server."""
    note: str = ""
    sure: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Child:
    """One call that starts a process."""

    call: str
    starts: str
    """What runs then, in words."""
    source: str
    ends: tuple[str, ...] = ()
    """Methods or functions that end it."""
    end_of: str = "result"
    """On what they are called: ``result``, ``receiver``, ``function`` (dotted names)."""
    scoped: bool = False
    """It has ended when the call returns (``subprocess.run``)."""
    survives: bool = True
    """Whether it goes on when the parent is killed."""
    group: bool = False
    """Known to start processes of its own, so that ending the direct child leaves some."""
    when: str = ""
    """Only when this argument is given."""
    note: str = ""
    sure: bool = True


@cache
def all_constructors() -> tuple[Constructor, ...]:
    """Every row."""
    return load("constructors", Constructor)


@cache
def all_children() -> tuple[Child, ...]:
    """Every row."""
    return load("children", Child)


@cache
def _constructors() -> dict[str, Constructor]:
    return {row.call: row for row in all_constructors()}


@cache
def _children() -> dict[str, Child]:
    return {row.call: row for row in all_children()}


@cache
def connects(dotted: str) -> Constructor | None:
    """How the constructor ``dotted`` connects, or None when it is not known."""
    return next((_constructors()[name] for name in spellings(dotted) if name in _constructors()), None)


@cache
def child_started_by(dotted: str) -> Child | None:
    """The row of a call that starts a process: ``subprocess.Popen``, ``playwright…launch``, ``multiprocessing.Process.start``."""
    return next((_children()[name] for name in spellings(dotted) if name in _children()), None)
