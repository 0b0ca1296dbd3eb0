"""Facts of files that configure Python's logging: what ``dictConfig`` or ``fileConfig`` are given."""

from __future__ import annotations

from runtime_ops.facts.artifact_values import Artifact
from runtime_ops.plain import dataclass


@dataclass(frozen=True, slots=True)
class LoggerEntry:
    """One logger; the root has the name ``root``. ``propagate`` is None where nothing is written (it does then)."""

    name: str
    level: str
    handlers: tuple[str, ...]
    propagate: bool | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class HandlerEntry:
    """One handler; ``selective``: a level or a filter of its own keeps records away from it."""

    name: str
    kind: str
    stream: str
    selective: bool
    line: int


@dataclass(frozen=True, slots=True)
class FormatterEntry:
    """One formatter: its format as it is written, and its class where that is not `logging.Formatter`."""

    name: str
    kind: str
    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingFile(Artifact):
    """A YAML or ini file with loggers, handlers and formatters."""

    loggers: tuple[LoggerEntry, ...] = ()
    handlers: tuple[HandlerEntry, ...] = ()
    formatters: tuple[FormatterEntry, ...] = ()
