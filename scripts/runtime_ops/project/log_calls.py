"""Recognise log calls: stdlib logging, loguru, structlog, application loggers, and names that say "logger".

Receivers whose type is known are trusted; of the others those whose last part is a logger's name (``log``, ``logger``,
``LOG``, ``_logger``, ``app.logger``).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.model import Site
from runtime_ops.project.source_text import source_of

LEVELS = {
    "trace": "debug", "debug": "debug", "info": "info", "success": "info", "notice": "info", "msg": "info",
    "warning": "warning", "warn": "warning", "error": "error", "err": "error", "exception": "error",
    "critical": "critical", "fatal": "critical",
}  # fmt: skip
ASYNC_PREFIX = "a"  # structlog: ``await log.ainfo(…)``
LOGGER_NAME = re.compile(r"(?:^|_)(?:log|logger|logging)$|^(?:log|logger)_", re.IGNORECASE)
LIBRARIES = ("logging.", "loguru.", "structlog.", "logbook.", "celery.utils.log.", "absl.logging.", "twisted.logger.")
NUMERIC_LEVELS = {10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"}
ORDER = ("debug", "info", "warning", "error", "critical")


TRACING = (".connector_logger",)
"""Loggers of libraries whose ``error`` writes the traceback by itself (pycti 7.260817, connector_logger: ``exc_info=1``)."""


class LogCall(NamedTuple):
    """One log call.

    ``level``: debug, info, warning, error, critical, or ``unknown`` (``log(level, …)`` with a variable). ``traceback``:
    the call itself prints the traceback (``.exception``, ``exc_info=…``, loguru's ``opt(exception=…)``). ``message``:
    the message argument. ``logger``: the receiver as written. ``sure``: the receiver's type is known.
    """

    site: Site
    level: str
    traceback: bool
    message: m.Expr | None
    logger: str
    sure: bool

    def at_least(self, level: str) -> bool:
        """Whether the call's level is ``level`` or above; an unknown level is not."""
        return self.level in ORDER and ORDER.index(self.level) >= ORDER.index(level)


def log_call(site: Site) -> LogCall | None:
    """What a call logs, or None when it is no log call."""
    method = site.method
    level = LEVELS.get(method) or (
        LEVELS.get(method[1:]) if method.startswith(ASYNC_PREFIX) and len(method) > 4 else None
    )
    if method == "log":
        level = "unknown"
    if level is None:
        return None
    func = site.call.func
    if isinstance(func, m.Name):
        receiver = func.id.rpartition(".")[0]
    elif isinstance(func, m.Attr):
        receiver = source_of(func.value)
    else:
        return None
    sure = _known(site)
    if not sure and ((site.targets and not site.weak and not _forwards(site)) or not _named_logger(func, receiver, site)):
        return None
    message: m.Expr | None = (
        site.call.args[0] if site.call.args else site.call.keyword("msg") or site.call.keyword("event")
    )
    if method == "log":
        level = _level(site.call.args[0] if site.call.args else site.call.keyword("level"))
        message = site.call.args[1] if len(site.call.args) > 1 else site.call.keyword("msg")
    return LogCall(site, level, _traceback(site, method, receiver), message, receiver, sure)


def _known(site: Site) -> bool:
    dotted = site.dotted
    if dotted is None:
        return False
    if dotted.startswith(LIBRARIES):
        owner = dotted.rpartition(".")[0]
        return not owner.startswith("logging.handlers") and not owner.endswith("Handler")
    return bool(LOGGER_NAME.search(dotted.rpartition(".")[0].rpartition(".")[2]))  # ``flask.Flask.logger.info``


def _forwards(site: Site) -> bool:
    """Whether the project's own method, ``Log.exception()``, calls one of that name on something else: a logger behind it."""
    return any(inner.method == site.method and not inner.targets for target in site.targets for inner in target.sites)


def _named_logger(func: m.Expr, receiver: str, site: Site) -> bool:
    if site.dotted is not None and not site.dotted.startswith(("()", "[")):
        last = site.dotted.rpartition(".")[0].rpartition(".")[2]
        if not LOGGER_NAME.search(last.removesuffix("()")):
            return bool(LOGGER_NAME.search(receiver.rpartition(".")[2])) and "." in receiver
        return True
    if isinstance(func, m.Attr):  # ``get_logger(__name__).info``, ``logger.bind(x=1).info``, ``logger.opt(…).error``
        inner = func.value
        while isinstance(inner, m.Call | m.Attr):
            part = inner.func if isinstance(inner, m.Call) else inner
            text = part.id if isinstance(part, m.Name) else part.name if isinstance(part, m.Attr) else ""
            if any(LOGGER_NAME.search(p) for p in text.lower().replace("getlogger", "logger").split(".")):
                return True
            inner = part.value if isinstance(part, m.Attr) else m.Const(None)
        return False
    return bool(LOGGER_NAME.search(receiver.rpartition(".")[2]))


def _level(expr: m.Expr | None) -> str:
    if isinstance(expr, m.Const):
        if isinstance(expr.value, int):
            return NUMERIC_LEVELS.get(expr.value, "unknown")
        return LEVELS.get(str(expr.value).lower(), "unknown")
    if isinstance(expr, m.Name):
        return LEVELS.get(expr.id.rpartition(".")[2].lower(), "unknown")
    return "unknown"


def _traceback(site: Site, method: str, receiver: str) -> bool:
    if method in ("exception", "aexception"):
        given = site.call.keyword("exc_info")
        return not (isinstance(given, m.Const) and not given.value)
    given = site.call.keyword("exc_info") or site.call.keyword("stack_info")
    if given is not None:
        return not (isinstance(given, m.Const) and not given.value)
    if receiver.endswith(TRACING) and method == "error":
        return True
    if "opt(" in receiver and "exception=" in receiver:
        return True
    arguments = (*site.call.args, *(value for _, value in site.call.keywords))
    return any("format_exc" in source_of(c.func) or "format_exception" in source_of(c.func) for c in m.calls(arguments))
