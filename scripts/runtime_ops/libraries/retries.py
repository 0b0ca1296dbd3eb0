"""Retry libraries and the retries built into clients and job systems: their stop, pause and defaults (``data/retries.json``)."""

from collections.abc import Mapping
from dataclasses import field
from functools import cache

from runtime_ops.plain import dataclass

from .names import spellings
from .table import load


@dataclass(frozen=True, slots=True, eq=False)
class RetryPolicy:
    """One decorator, call or class that tries again."""

    name: str
    distribution: str
    source: str
    version: str = ""
    calls: tuple[str, ...] = ()
    stop_parameters: tuple[str, ...] = ()
    """Any of them given with a limit bounds the tries."""
    unlimited_values: tuple[object, ...] = ()
    """Values of those that mean without limit."""
    stop_calls: tuple[str, ...] = ()
    """Calls that make a value for a stop parameter."""
    unlimited_calls: tuple[str, ...] = ()
    """Names that, given as a stop, mean without limit."""
    wait_parameters: tuple[str, ...] = ()
    no_wait_values: tuple[object, ...] = ()
    """Names or values that, given as a wait, mean none."""
    error_parameters: tuple[str, ...] = ()
    """What decides which failures are tried again."""
    error_position: int | None = None
    positions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Dotted name (``*`` = each) to stop parameter to 0-based position."""
    attempts: int | None = None
    """Tries in all by default; None = without limit."""
    seconds: float | None = None
    """Limit on the whole by default."""
    wait: float | str | None = None
    """Seconds before the second try by default, or the rule in words."""
    grows: bool = False
    """Whether the pause grows by default."""
    jitter: bool = False
    errors: str = ""
    """Failures tried again by default: exception names, or words."""
    reraises: bool = True
    """Whether the last failure itself is raised at the end."""
    bounded: str = "yes"
    unit: str = "seconds"
    asynchronous: str = "no"
    note: str = ""
    sure: bool = True


@cache
def all_retry_policies() -> tuple[RetryPolicy, ...]:
    """Every row."""
    return load("retries", RetryPolicy)


@cache
def _index() -> dict[str, list[RetryPolicy]]:
    index: dict[str, list[RetryPolicy]] = {}
    for row in all_retry_policies():
        for call in row.calls:
            index.setdefault(call, []).append(row)
    return index


def retry_policies(dotted: str) -> list[RetryPolicy]:
    """Rows for a decorator, call or constructor: ``tenacity.retry``, ``urllib3.util.Retry``, ``celery.shared_task``."""
    found: list[RetryPolicy] = []
    for name in spellings(dotted):
        found += [row for row in _index().get(name, ()) if row not in found]
    return found
