"""Logging configurations that are written out whole: ``LOGGING`` of Django, what ``dictConfig`` gets, files for both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.plain import dataclass
from runtime_ops.project.model import Func, Module
from runtime_ops.project.modules import in_order

DJANGO = "LOGGING"
"""The setting that Django applies, by ``dictConfig``, when it is set up."""
NAMES = (DJANGO, "LOGGING_CONFIG", "LOG_CONFIG", "logconfig_dict", "LOGGING_CONF")


@dataclass(frozen=True, slots=True)
class LogConfig:
    """One configuration. Loggers whose values are not all known are left out, and so is a root of that kind."""

    path: str
    line: int
    module: Module | None
    """The Python module that holds it, None for a file."""
    loggers: tuple[a.LoggerEntry, ...]
    handlers: tuple[a.HandlerEntry, ...]

    def logger(self, name: str) -> a.LoggerEntry | None:
        """A logger by its name."""
        return next((entry for entry in self.loggers if entry.name == name), None)

    def handler(self, name: str) -> a.HandlerEntry | None:
        """A handler by its name."""
        return next((entry for entry in self.handlers if entry.name == name), None)

    def above(self, logger: a.LoggerEntry) -> Iterator[a.LoggerEntry]:
        """The configured loggers that get the records of another too, nearest first."""
        name = logger.name
        while name != "root" and logger.propagate is not False:
            name = name.rpartition(".")[0] or "root"
            found = self.logger(name)
            if found is not None:
                yield found
                logger = found


def of_django(modules: Iterable[Module]) -> list[Module]:
    """The settings modules among some that hold Django's own configuration, in path order."""
    return in_order(module for module in modules if DJANGO in module.level.bindings)


def find_log_configs(modules: Iterable[Module], files: Iterable[a.LoggingFile]) -> Iterator[LogConfig]:
    """Every configuration of the repository, in path order."""
    for file in files:
        yield LogConfig(file.path, 1, None, file.loggers, file.handlers)
    for module in modules:
        seen: set[int] = set()
        for mapping in _displays(module):
            if mapping.line not in seen:
                seen.add(mapping.line)
                made = _of_mapping(module, mapping)
                if made is not None:
                    yield made


def _displays(module: Module) -> Iterator[m.Mapping]:
    for name in NAMES:
        bindings = module.level.bindings.get(name, ())
        if len(bindings) == 1 and isinstance(bindings[0].expr, m.Mapping) and not _changed(module.level, name):
            yield bindings[0].expr
    for func in module.functions.values():
        for site in func.sites:
            if site.dotted != "logging.config.dictConfig" or not site.call.args:
                continue
            given = site.call.args[0]
            if isinstance(given, m.Mapping):
                yield given
            elif isinstance(given, m.Name):
                scope = func if given.id in func.bindings else module.level
                bindings = scope.bindings.get(given.id, ())
                made = bindings[0].expr if len(bindings) == 1 else None
                if isinstance(made, m.Mapping) and not _changed(scope, given.id):
                    yield made


def _changed(scope: Func, name: str) -> bool:
    """Whether code changes the mapping after it was made: ``LOGGING["root"]["level"] = …``, ``LOGGING.update(…)``."""
    for place in scope.places:
        targets = place.stmt.targets if isinstance(place.stmt, m.Assign) else ()
        if any(isinstance(t, m.Subscript) and any(isinstance(n, m.Name) and n.id == name for n in m.walk(t)) for t in targets):
            return True
    return any(site.text.startswith((f"{name}.", f"{name}[")) for site in scope.sites)


def _of_mapping(module: Module, mapping: m.Mapping) -> LogConfig | None:
    parts = _pairs(mapping)
    handlers, loggers, root = parts.get("handlers"), parts.get("loggers"), parts.get("root")
    if not isinstance(handlers, m.Mapping):
        return None
    made_handlers = [
        a.HandlerEntry(
            name, _text(_pairs(value).get("class")), _text(_pairs(value).get("stream")),
            bool({"level", "filters", "()"} & set(_pairs(value))), value.line,
        )
        for name, value in _pairs(handlers).items()
        if isinstance(value, m.Mapping)
    ]  # fmt: skip
    entries = [*_pairs(loggers).items()] if isinstance(loggers, m.Mapping) else []
    if root is not None:
        entries.append(("root", root))
    made_loggers = [
        made for name, value in entries if isinstance(value, m.Mapping) and (made := _logger(name or "root", value)) is not None
    ]
    return LogConfig(module.path, mapping.line, module, tuple(made_loggers), tuple(made_handlers))


def _logger(name: str, mapping: m.Mapping) -> a.LoggerEntry | None:
    parts = _pairs(mapping)
    listed = parts.get("handlers")
    items = listed.items if isinstance(listed, m.Sequence) else () if listed is None else None
    propagate = parts.get("propagate")
    if items is None or any(not isinstance(i, m.Const) for i in items) or not isinstance(propagate, m.Const | None):
        return None
    names = tuple(str(item.value) for item in items if isinstance(item, m.Const))
    own = None if propagate is None else bool(propagate.value)
    return a.LoggerEntry(name, _text(parts.get("level")), names, own, mapping.line, mapping.line)


def _pairs(mapping: m.Expr | None) -> dict[str, m.Expr]:
    """The values under constant keys; none where other mappings are merged in, which may hold anything."""
    if not isinstance(mapping, m.Mapping) or any(key is None for key, _ in mapping.items):
        return {}
    return {key.value: value for key, value in mapping.items if isinstance(key, m.Const) and isinstance(key.value, str)}


def _text(expr: m.Expr | None) -> str:
    return str(expr.value) if isinstance(expr, m.Const) else ""
