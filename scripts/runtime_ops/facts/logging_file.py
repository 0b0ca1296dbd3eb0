"""Reads logging configurations: YAML for ``dictConfig``, ini for ``fileConfig``. Source: CPython 3.13, logging/config.py."""

from __future__ import annotations

import re

from runtime_ops.facts.artifacts import FormatterEntry, HandlerEntry, LoggerEntry, LoggingFile, OptionSection
from runtime_ops.facts.ini_sections import read_sections
from runtime_ops.facts.yaml_nodes import Node, child, items_of, pairs_of, parse_yaml, text_of, value_of

_YAML = re.compile(r"^version\s*:\s*1\b", re.MULTILINE)
_YAML_PARTS = re.compile(r"^(?:loggers|handlers|root)\s*:", re.MULTILINE)
_INI = re.compile(r"^\[loggers\]", re.MULTILINE)
_FALSE = frozenset(("false", "no", "off", "0"))


def is_logging_yaml(text: str) -> bool:
    """Whether a YAML text is what ``dictConfig`` takes."""
    return _YAML.search(text) is not None and len(set(_YAML_PARTS.findall(text))) > 1


def is_logging_ini(text: str) -> bool:
    """Whether an ini text is what ``fileConfig`` takes."""
    return _INI.search(text) is not None


def read_logging_yaml(path: str, text: str) -> LoggingFile:
    """The loggers and handlers of a YAML file. Never raises on bad text."""
    nodes, unread = parse_yaml(text)
    node = nodes[0] if nodes else None
    loggers = [_logger(key.text, value, key.line) for key, value in pairs_of(node, "loggers")]
    root = child(node, "root")
    if root is not None:
        loggers.append(_logger("root", root, root.line))
    handlers = [
        HandlerEntry(
            key.text, text_of(value, "class"), text_of(value, "stream"),
            bool(text_of(value, "level")) or child(value, "filters") is not None, key.line,
        )
        for key, value in pairs_of(node, "handlers")
    ]  # fmt: skip
    formatters = [_formatter(key.text, value, key.line) for key, value in pairs_of(node, "formatters")]
    return LoggingFile(
        path=path, unread=tuple(unread), loggers=tuple(loggers), handlers=tuple(handlers), formatters=tuple(formatters)
    )


def _formatter(name: str, node: Node, line: int) -> FormatterEntry:
    written = value_of(node, "format")
    kind = text_of(node, "()") or text_of(node, "class")
    return FormatterEntry(name, _own(kind), text_of(node, "format"), line if written is None else written.line)


def _own(kind: str) -> str:
    """The class of a formatter, empty for that of the standard library."""
    return "" if kind == "logging.Formatter" else kind


def _logger(name: str, node: Node, line: int) -> LoggerEntry:
    written = value_of(node, "propagate")
    names = tuple(item.text for item in items_of(node, "handlers") if hasattr(item, "text"))
    propagate = None if written is None else written.text.lower() not in _FALSE
    return LoggerEntry(name or "root", text_of(node, "level"), names, propagate, line, max(node.end_line, line))


def read_logging_ini(path: str, text: str) -> LoggingFile:
    """The loggers and handlers of an ini file. Never raises on bad text."""
    sections, unread = read_sections(text, bare="", inline_comments=False)
    loggers, handlers, formatters = [], [], []
    for section in sections:
        if section.name.startswith("logger_"):
            loggers.append(_ini_logger(section))
        elif section.name.startswith("handler_"):
            kind = _text(section, "class")
            handlers.append(
                HandlerEntry(
                    section.name.removeprefix("handler_"), kind if "." in kind else f"logging.{kind}", _text(section, "args"),
                    _text(section, "level").upper() not in ("", "NOTSET"), section.line,
                )
            )  # fmt: skip
        elif section.name.startswith("formatter_"):
            written = next((option for option in section.options if option.name == "format"), None)
            formatters.append(
                FormatterEntry(
                    section.name.removeprefix("formatter_"), _own(_text(section, "class")), _text(section, "format"),
                    section.line if written is None else written.line,
                )
            )  # fmt: skip
    return LoggingFile(
        path=path, unread=tuple(unread), loggers=tuple(loggers), handlers=tuple(handlers), formatters=tuple(formatters)
    )


def _ini_logger(section: OptionSection) -> LoggerEntry:
    short = section.name.removeprefix("logger_")
    names = tuple(name.strip() for name in _text(section, "handlers").split(",") if name.strip())
    propagate = _text(section, "propagate")
    return LoggerEntry(
        "root" if short == "root" else _text(section, "qualname") or short, _text(section, "level"), names,
        None if not propagate else propagate.lower() not in _FALSE, section.line, section.end_line,
    )  # fmt: skip


def _text(section: OptionSection, name: str) -> str:
    value = section.get(name)
    return value.text.strip() if value is not None else ""
