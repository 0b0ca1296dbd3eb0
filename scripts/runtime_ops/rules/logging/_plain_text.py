"""What makes it certain that a program's records are plain text, where the text is written, and what it leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import PackagingFile
from runtime_ops.libraries.observability import log_part
from runtime_ops.project.build import Project
from runtime_ops.project.log_configs import NAMES
from runtime_ops.project.log_parts import LogUse
from runtime_ops.project.model import Func, Module, Site
from runtime_ops.rules.logging._programs import Program, deployed
from runtime_ops.rules.startup._reads import for_development

DEFAULT = "%(levelname)s:%(name)s:%(message)s"
"""The format of ``basicConfig()`` (CPython 3.13, logging.BASIC_FORMAT); that of ``Formatter()`` is the message alone."""
TIMES = ("asctime", "created", "{time", "time:", "msecs")
LEVELS = ("levelname", "levelno", "{level", "level}", "[level]")
FIELDS = re.compile(r"""^\s*\{\s*"|(?<![\w%(.])level=%\(""")
"""A format that is written as JSON or as ``key=value``: a store takes it apart."""
SEPARATED = re.compile(r"(?:%\(\w+\)[-\d.]*[a-z]|\{\w+[^}]*\})\s*([|;,\t])\s*(?=%\(|\{)")
"""A place for a value, a sign that stands between fields, and the next place."""
FIELDS_APART = 3  # such signs, all of one kind: a line that a store splits
SHIPS = re.compile(
    r"(?i)(json[-_]?log|log\w*[-_]json|logstash|gelf|graypy|\becs[-_]logging|fluent[-_]?logger|fluentd|watchtower|loki|seqlog|logfire|dockerflow|mozlog"
    r"|google[-_]cloud[-_]logging|opencensus|azure[-_]monitor|applicationinsights|powertools|splunk|logz|logtail|loguru|stackdriver"
    r"|logmatic|eliot|datadog|ddtrace|newrelic|opentelemetry[-_.]instrumentation[-_.]logging|logmanager|cloudlog)"
)
"""Distributions and modules that write fields, or carry records to a store as such."""
SENDS = re.compile(r"(?i)(enable_logs|enableLogs|LoggingHandler|LoggerProvider|OTLPLogExporter|_logs\b)")
"""Names by which Sentry's logs and OpenTelemetry's logs are switched on."""

ELSEWHERE = frozenset(
    f"logging.handlers.{name}" for name in ("SysLogHandler", "SocketHandler", "DatagramHandler", "HTTPHandler")
)
"""Handlers that give records to another host or program, one message each, whose form there is not that of the lines (CPython 3.13,
logging.handlers: a record of SysLogHandler has its level in the message's priority, SocketHandler pickles the record's fields)."""
PLAIN_CLASSES = frozenset({"logging", "django", "colorlog", "uvicorn", "rich", "celery", "gunicorn"})
"""Packages whose handlers and formatters write text."""
COLLECTED = frozenset({"procfile"})
"""A Procfile's platform takes what its processes print into one stream."""
INSTALLED = COLLECTED | {"packaging"}


class Written(NamedTuple):
    """Where the text is written, as a range of lines, and what a line of it lacks (``level``, ``time``). ``plain``: whether its form
    was read and is text that nothing takes apart by a sign between its fields."""

    path: str
    line: int
    end_line: int
    lacks: tuple[str, ...]
    plain: bool = True


def shipped(project: Project, program: Program, platforms: frozenset[str] = COLLECTED) -> bool:
    """Whether production starts the program where its output is collected: in a container, or by one of ``platforms``."""
    return deployed(project, program) or any(x.platform in platforms and x.role == "main" for e in program.all for x in e.production)


def django_settings(project: Project) -> Module | None:
    """The module of Django's settings that stands highest, apart from those for development."""
    found = [x for x in project.modules if "INSTALLED_APPS" in x.level.bindings and not for_development(x.path)]
    return min(found, key=lambda x: (x.path.count("/"), x.path), default=None)


def may_be_fields(project: Project, program: Program, setup: LogUse) -> bool:
    """Whether anything suggests that the records reach somebody as fields after all: a library for it, a handler of the project's
    own, records that an error tracker or OpenTelemetry takes, or a text that is JSON by itself."""
    if any(_sends(module) for module in program.modules) or _required(project):
        return True
    if any(FIELDS.search(text) for text in _texts(setup.function) if "message" in text or "asctime" in text):
        return True
    return any(
        any(base.endswith("Handler") for base in klass.external_bases) and "emit" in klass.methods
        for module in program.modules
        for klass in module.classes.values()
    )


def sent_elsewhere(project: Project, program: Program, parts: list[LogUse]) -> bool:
    """Whether the set-up gives the records to another host or program as well, by a handler of the library or of a package that was
    not read, or by an integration that sends an error tracker what is no failure yet: people query that channel, and the printed lines
    are for the console."""
    if any(use.name in ELSEWHERE or _takes_warnings(use) for use in parts):
        return True
    given = (site for module in program.modules for func in module.functions.values() for site in func.sites)
    return any(_unread_part(site) for site in given if site.method in ("addHandler", "setFormatter") and len(site.call.args) == 1)


def _takes_warnings(use: LogUse) -> bool:
    """``LoggingIntegration(event_level=logging.WARNING)``: by default only errors become events (sentry-sdk 2.75, logging.py)."""
    if use.site is None or use.name != "sentry_sdk.integrations.logging.LoggingIntegration":
        return False
    level = use.site.call.argument("event_level", 1)
    return isinstance(level, m.Name) and level.id.rpartition(".")[2] in ("DEBUG", "INFO", "WARNING", "WARN")


def _unread_part(site: Site) -> bool:
    """Whether a handler is given a formatter, or a logger a handler, that is made by a class of a package that no table knows."""
    given = _bound(site.call.args[0], site.function)
    if not isinstance(given, m.Call):
        return False
    made = next((other for other in site.function.sites if other.call is given), None)
    if made is None or made.targets or made.dotted is None or not made.dotted.endswith(("Handler", "Formatter")):
        return False
    head = made.dotted.partition(".")[0]
    return "." in made.dotted and head not in PLAIN_CLASSES and log_part(made.dotted) is None


def traces(program: Program) -> bool:
    """Whether the program sets OpenTelemetry's spans up."""
    return any(
        binding.kind == "import" and binding.text.startswith("opentelemetry.sdk.trace")
        for module in program.modules
        for bindings in module.level.bindings.values()
        for binding in bindings
    )


def _required(project: Project) -> bool:
    return any(
        SHIPS.search(requirement.name)
        for file in project.artifacts_of(PackagingFile)
        if not file.locked
        for requirement in file.requirements
        if not requirement.group
    )


def _sends(module: Module) -> bool:
    """Whether a module imports what ships records, or switches it on by name."""
    for bindings in module.level.bindings.values():
        if any(b.kind == "import" and SHIPS.search(b.text) for b in bindings):
            return True
        if any(b.kind == "import" and "opentelemetry" in b.text and SENDS.search(b.text) for b in bindings):
            return True
    return any(
        (site.method == "init" and any(key is not None and SENDS.search(key) for key, _ in site.call.keywords))
        or ((site.dotted or "").startswith("opentelemetry.") and SENDS.search(site.dotted or ""))
        for func in module.functions.values()
        for site in func.sites
    )


def written(project: Project, setup: LogUse) -> Written | None:
    """Where the text of the set-up is written: the ``LOGGING`` that Django or ``dictConfig`` takes, the constant that a formatter
    gets, or the call. None for a configuration that writes to the terminal in development only."""
    display = _display(project, setup)
    if display is not None:
        module, mapping, end = display
        lacks = _lacks_of_mapping(mapping)
        return Written(module.path, mapping.line, end, lacks) if lacks is not None else None
    if setup.site is None:
        return Written(setup.path, setup.line, setup.line, ())
    call = setup.site.call
    if setup.name == "logging.basicConfig" and call.keyword("handlers") is not None:
        made = _formatter_in(setup.function)
        return _of_format(project, setup.function, made, "fmt") if made is not None else Written(setup.path, call.line, call.end_line, ())
    if setup.name == "logging.basicConfig" and any(site.method == "setFormatter" for site in setup.function.sites):
        return Written(setup.path, call.line, call.end_line, ())
    if setup.name == "logging.basicConfig":
        return _of_format(project, setup.function, call, "format", DEFAULT)
    if setup.name == "logging.Formatter":
        return _of_format(project, setup.function, call, "fmt", "%(message)s")
    return Written(setup.path, call.line, call.end_line, ())


def _formatter_in(func: Func) -> m.Call | None:
    """The formatter that the function makes, of whatever class."""
    found = [s.call for s in func.sites if s.method.endswith("Formatter") or s.text.endswith("Formatter")]
    return found[0] if len(found) == 1 else None


def _of_format(project: Project, func: Func, call: m.Call, key: str, default: str | None = None) -> Written:
    at = Written(func.path, call.line, call.end_line, ())
    given = call.keyword(key) if key == "format" else call.argument(key, 0)
    if call.expands:
        return at._replace(plain=False)
    if given is None:
        return at._replace(lacks=_lacks(default)) if default is not None else at
    text = project.links.names.constant(given, func)
    parameter = func.param(given.id) if isinstance(given, m.Name) else None
    if text is None and parameter is not None and parameter.default is not None:
        given = parameter.default
        text = project.links.names.constant(given, func)
    held = _bound(given, func)
    if text is None and isinstance(held, m.Const):
        text = held.value  # ``FORMAT: str = "…"``
    if not isinstance(text, str):
        # the constant of another package, a setting: what it holds was not seen, and is not this call's to choose
        return at._replace(plain=any("message" in part for part in _strings(held)))
    if isinstance(given, m.Name) and given.id not in func.bindings:
        bindings = [b for b in func.module.level.bindings.get(given.id, ()) if b.kind != "annotation"]
        if len(bindings) == 1 and bindings[0].kind != "import":
            at = at._replace(line=bindings[0].line, end_line=bindings[0].line)
    return at._replace(lacks=_lacks(text), plain=not _separated(text))


def _bound(given: m.Expr, func: Func) -> m.Expr:
    """What a name is bound to once, in the function or at its module's level; else the expression itself."""
    if isinstance(given, m.Name):
        every = func.bindings.get(given.id) or func.module.level.bindings.get(given.id) or []
        bound = [b for b in every if b.kind != "annotation"]
        return bound[0].expr if len(bound) == 1 and bound[0].expr is not None else given
    return given


def _separated(text: str) -> bool:
    """``%(asctime)s | %(levelname)s | %(name)s | %(message)s``: a line that a store splits at the sign, each field with its level."""
    signs = SEPARATED.findall(text)
    return len(signs) >= FIELDS_APART and len(set(signs)) == 1 and "level" not in _lacks(text)


def _lacks(text: str) -> tuple[str, ...]:
    if FIELDS.search(text):
        return ()
    return tuple(
        name for name, words in (("level", LEVELS), ("time", TIMES)) if not any(word in text for word in words)
    )


def _display(project: Project, setup: LogUse) -> tuple[Module, m.Mapping, int] | None:
    """The module and display of the dictionary that the set-up stands in, or that its ``dictConfig`` takes by name."""
    if setup.site is not None and setup.name == "logging.config.dictConfig":
        call = setup.site.call
        given = call.args[0] if call.args else None
        if isinstance(given, m.Mapping):
            return setup.function.module, given, call.end_line
        if isinstance(given, m.Name) and given.id in setup.function.bindings:
            bound = setup.function.bindings[given.id]
            given = bound[0].expr if len(bound) == 1 and not setup.function.is_module else given
        name = _last_name(given)
        if name is None:
            return None
        here = setup.function.module
        modules = (here,) if isinstance(given, m.Name) and "." not in given.id else tuple(project.modules)
        found = [d for module in modules for d in displays(module, name) if not for_development(module.path)]
        near = [d for d in found if d[0].path.partition("/")[0] == here.path.partition("/")[0]]
        if any("json" in text.lower() for d in found for text in _strings(d[1])):
            return None
        return near[0] if len(near) == 1 else found[0] if len(found) == 1 else None
    for name in NAMES:
        for display in displays(setup.function.module, name):
            if display[1].line <= setup.line <= display[2]:
                return display
    return None


def dictionary_of(project: Project, setup: LogUse) -> m.Mapping | None:
    """The display that a ``dictConfig`` takes by the name of a setting: ``dictConfig(app.config["LOGGING"])``."""
    found = _display(project, setup)
    return found[1] if found is not None else None


def _last_name(given: m.Expr | None) -> str | None:
    """``LOGGING`` of ``settings.LOGGING`` and of ``app.config["LOGGING"]``."""
    if isinstance(given, m.Subscript) and isinstance(given.key, m.Const) and isinstance(given.key.value, str):
        return given.key.value
    if isinstance(given, m.Name):
        return given.id.rpartition(".")[2]
    return None


def displays(module: Module, name: str) -> Iterator[tuple[Module, m.Mapping, int]]:
    """Displays bound to a name at a module's level or in one of its classes, with their last line."""
    for place in (*module.level.places, *(p for klass in module.classes.values() for p in klass.places)):
        stmt = place.stmt
        if not isinstance(stmt, m.Assign) or not isinstance(stmt.value, m.Mapping):
            continue
        if any(isinstance(t, m.Name) and t.id == name for t in stmt.targets):
            yield module, stmt.value, stmt.end_line


def _lacks_of_mapping(mapping: m.Mapping) -> tuple[str, ...] | None:
    """What the lines of a written configuration lack, where every handler that writes to the terminal lacks it; None where it has
    such handlers for development alone, none at all, or classes that were not read."""
    parts = pairs(mapping)
    formatters = {name: pairs(value) for name, value in pairs(parts.get("formatters")).items()}
    handlers = [pairs(value) for value in pairs(parts.get("handlers")).values()]
    kinds = [_class_of(part) for part in (*handlers, *formatters.values())]
    if not handlers or any(kind and kind.partition(".")[0] not in PLAIN_CLASSES for kind in kinds):
        return None  # nothing writes by it, or a class that was not read does, perhaps as fields
    terminal = [h for h in handlers if isinstance(kind := h.get("class"), m.Const) and str(kind.value).endswith("StreamHandler")]
    shown = [h for h in terminal if not debug_only(h)]
    if terminal and not shown:
        return None
    lacking: list[set[str]] = []
    for handler in shown:
        chosen = handler.get("formatter")
        if chosen is None:
            lacking.append({"level", "time"})
            continue
        text = formatters.get(str(chosen.value), {}).get("format") if isinstance(chosen, m.Const) else None
        lacking.append(set(_lacks(text.value)) if isinstance(text, m.Const) and isinstance(text.value, str) else set())
    common = set.intersection(*lacking) if lacking else set()
    return tuple(name for name in ("level", "time") if name in common)


def _class_of(part: dict[str, m.Expr]) -> str:
    """The class that makes a handler or formatter: its name, ``?`` where it is no text, empty where the default does."""
    given = part.get("()", part.get("class"))
    return "" if given is None else str(given.value) if isinstance(given, m.Const) else "?"


def debug_only(handler: dict[str, m.Expr]) -> bool:
    """Whether a written handler has Django's filter for DEBUG."""
    filters = handler.get("filters")
    return filters is not None and any("debug_true" in text.lower() or "requiredebugtrue" in text.lower() for text in _strings(filters))


def pairs(mapping: m.Expr | None) -> dict[str, m.Expr]:
    if not isinstance(mapping, m.Mapping) or any(key is None for key, _ in mapping.items):
        return {}
    return {key.value: value for key, value in mapping.items if isinstance(key, m.Const) and isinstance(key.value, str)}


def _texts(func: Func) -> Iterator[str]:
    """The texts of a function and of its module's level."""
    for scope in {func, func.module.level}:
        for place in scope.places:
            yield from _strings(place.stmt)


def _strings(node: m.Expr | m.Stmt) -> Iterator[str]:
    return (n.value for n in m.walk(node) if isinstance(n, m.Const) and isinstance(n.value, str))
