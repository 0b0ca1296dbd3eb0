"""What takes part in logging, wherever it is written: set-up calls, formatters, handlers, filters, correlation, trackers.

A part is used by a call (``JsonFormatter(…)``), by its name in a text (``"()": "pythonjsonlogger.json.JsonFormatter"`` of
a dictConfig, a middleware of Django's settings), by a reference (``"()": JsonFormatter``), or by a class of the
project that does the same: a ``logging.Formatter`` whose ``format`` dumps JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.observability import LogPart, log_part
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Site

JSON_DUMPS = ("json.dumps", "orjson.dumps", "ujson.dumps", "simplejson.dumps", "msgspec.json.encode", "rapidjson.dumps")
OWN_FORMATTER = "logging.Formatter"


class LogUse(NamedTuple):
    """One use. ``role`` is that of `LogPart.role`; ``structured`` tells whether what it writes is one parsable record a
    line (None: it does not say). ``site`` is the call, when it is one. ``klass`` the project's class, when it is one."""

    name: str
    role: str
    structured: bool | None
    function: Func
    line: int
    site: Site | None = None
    klass: Klass | None = None

    @property
    def path(self) -> str:
        return self.function.path


def find_log_parts(links: Links) -> tuple[LogUse, ...]:
    """Every use, in path and line order."""
    found: list[LogUse] = []
    for dotted, sites in links.by_dotted.items():
        part = log_part(dotted)
        if part is not None:
            found.extend(
                LogUse(part.call, part.role, _holds(part, site), site.function, site.line, site) for site in sites
            )
    for module in links.modules():
        for func in module.functions.values():
            found.extend(_named(func, links))
        for klass in module.classes.values():
            structured = writes_json(klass)
            if structured is not None:
                found.append(LogUse(klass.name, "formatter", structured, module.level, klass.facts.line, None, klass))
    return tuple(sorted(found, key=lambda u: (u.path, u.line, u.name)))


def _holds(part: LogPart, site: Site) -> bool | None:
    """Whether the part is structured as it is called here."""
    if not part.structured and not part.when:
        return False if part.role in ("formatter", "handler") and part.call.endswith("Formatter") else None
    for key, wanted in part.when.items():
        given = site.call.keyword(key)
        if not (isinstance(given, m.Const) and given.value == wanted):
            return False
    return True


def _named(func: Func, links: Links) -> Iterator[LogUse]:
    """Parts named in texts and references of the displays of one function."""
    for node, place, root in func.inventory.displays:
        stmt = place.stmt
        if not isinstance(stmt, m.Assign | m.ExprStmt | m.Return | m.AugAssign) or root is not stmt.value:
            continue
        if isinstance(node, m.Mapping):
            for _, value in node.items:
                yield from _part_of(value, func, links, node.line)
        else:
            for item in node.items:
                yield from _part_of(item, func, links, stmt.line)


def _part_of(expr: m.Expr, func: Func, links: Links, line: int) -> Iterator[LogUse]:
    if isinstance(expr, m.Const) and isinstance(expr.value, str) and "." in expr.value and " " not in expr.value:
        part = log_part(expr.value)
        if part is not None:
            yield LogUse(part.call, part.role, part.structured or None, func, line)
    elif isinstance(expr, m.Name):
        value = links.names.value(expr, func)
        if value is not None and value.kind == "external":
            part = log_part(value.name)
            if part is not None:
                yield LogUse(part.call, part.role, part.structured or None, func, expr.line)


def writes_json(klass: Klass) -> bool | None:
    """For a formatter class of the project: whether its ``format`` dumps JSON or extends a structured one; else None."""
    bases = [log_part(base) for base in klass.external_bases]
    formatters = [part for part in bases if part is not None and part.role == "formatter"]
    if not formatters and OWN_FORMATTER not in klass.external_bases:
        return None
    if any(part.structured for part in formatters if part.call != OWN_FORMATTER):
        return True
    return any(site.dotted in JSON_DUMPS for method in klass.methods.values() for site in method.sites)
