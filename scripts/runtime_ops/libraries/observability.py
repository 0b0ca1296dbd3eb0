"""Logging, correlation, error trackers (``data/logging.json``) and metrics, traces, exporters (``data/metrics.json``)."""

from collections.abc import Mapping
from dataclasses import field
from functools import cache

from runtime_ops.plain import dataclass

from .names import spellings
from .table import load

SIGNALS = ("latency", "errors", "in_flight", "queue_depth", "startup", "shutdown")
"""What a service should track; ``Instrument.covers`` names those that come without further code."""


@dataclass(frozen=True, slots=True, eq=False)
class LogPart:
    """One name that plays a part in logging."""

    call: str
    """Dotted name of a class, call or function; also what stands as text in a dictConfig (``class`` or ``()``)."""
    role: str
    """``formatter``, ``handler``, ``filter``, ``configure`` (sets logging up), ``correlate`` (binds an id to records),
    ``middleware`` (does so for each request), ``capture`` (sends an error to a tracker), ``tracker`` (starts one), ``flush``,
    ``silenced`` (a server that reports failures only by a logger of its own that has a NullHandler)."""
    distribution: str
    source: str
    structured: bool = False
    """Its output is one parsable record a line (or it ships structured records)."""
    when: Mapping[str, object] = field(default_factory=dict)
    """Argument and value for which ``structured`` holds (loguru: ``serialize=True``)."""
    buffered: bool = False
    """Records wait in memory and are lost without ``flush``."""
    flush: tuple[str, ...] = ()
    """Calls or methods that empty it."""
    traceback: bool = False
    """It records the traceback of the exception in hand."""
    leaks: tuple[str, ...] = ()
    """Arguments whose default (or given value, as text ``name=value``) prints variable values of frames."""
    note: str = ""
    sure: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Instrument:
    """One name that plays a part in metrics or traces."""

    call: str
    role: str
    """``counter``, ``gauge``, ``histogram``, ``summary``, ``info``, ``observe`` (a call that records), ``instrument`` (measures a
    framework by itself), ``serve`` (answers a scrape), ``start`` (sets a library up), ``exporter`` (buffers and sends), ``flush``."""
    distribution: str
    source: str
    covers: tuple[str, ...] = ()
    """Of SIGNALS."""
    buffered: bool = False
    seconds: float | None = None
    """How often a buffer is sent by itself."""
    flush: tuple[str, ...] = ()
    """Methods on it, or dotted functions, that send what is buffered."""
    at_exit: bool | None = None
    """Whether it flushes by ``atexit``: lost on default SIGTERM, ``os._exit`` and under uvicorn (facts 5.20, 2.3)."""
    program: tuple[str, ...] = ()
    """Commands that do the same around a whole process (``opentelemetry-instrument``)."""
    note: str = ""
    sure: bool = True


@cache
def all_log_parts() -> tuple[LogPart, ...]:
    """Every row of logging.json."""
    return load("logging", LogPart)


@cache
def all_instruments() -> tuple[Instrument, ...]:
    """Every row of metrics.json."""
    return load("metrics", Instrument)


@cache
def _log_index() -> dict[str, LogPart]:
    return {row.call: row for row in all_log_parts()}


@cache
def _metric_index() -> dict[str, Instrument]:
    return {row.call: row for row in all_instruments()}


@cache
def log_part(dotted: str) -> LogPart | None:
    """The part that ``dotted`` plays in logging, by any of its names; None when it plays none that is known."""
    return next((_log_index()[name] for name in spellings(dotted) if name in _log_index()), None)


@cache
def instrument(dotted: str) -> Instrument | None:
    """The part that ``dotted`` plays in metrics or traces, or None."""
    return next((_metric_index()[name] for name in spellings(dotted) if name in _metric_index()), None)
