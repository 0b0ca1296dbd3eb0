"""A log call without a text, or whose text has more or fewer places than arguments; a format that makes broken JSON, or that
leaves the arguments out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import LoggingFile
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_path
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.log_calls import LogCall, log_call
from runtime_ops.project.model import Func, Module, Site
from runtime_ops.rules.api import Rule, as_one, together
from runtime_ops.rules.logging._written_configs import names_file

RULE = Rule(
    __name__,
    severity="low",
    summary="A log call has more or fewer arguments than its text has places, so the record is lost or the call raises.",
)
PLACE = re.compile(r"%(?:%|(?:\((?P<name>[^)]*)\))?[-+ #0]*(?P<width>\*|\d+)?(?:\.(?:\*|\d*))?[hlL]?[diouxXeEfFgGcrsa])")
DATE_PART = re.compile(r"(?<!%)(?:%%)*(?:%0\d?d|%f)")
RAISES = ("structlog.",)
"""structlog 26.1.0, _native.py: ``event % args`` is done in the call itself. The standard library (CPython 3.13, Handler.handleError)
writes the traceback of the failed formatting to stderr and drops the record."""
FILTERING = "make_filtering_bound_logger"
"""The wrapper that formats in the call: structlog's default. ``structlog.stdlib.BoundLogger`` puts the arguments into the event
(structlog 26.1.0, stdlib.py, _proxy_to_logger), where only a processor looks at them."""
FORMATTER = "PositionalArgumentsFormatter"
OTHERWISE = ("loguru.", "logbook.", "twisted.")
"""They format with braces, or (twisted.python.log.msg) put all arguments one after another."""
MAPPING = re.compile(
    r"(?i)dict|data|payload|params|kwargs|headers|json|event|config|info|response|result|body|context|extra|env|options|details"
)
"""Names of what may be a mapping: as the only argument it is accepted with any number of places (CPython 3.13, LogRecord)."""
CUT = 1_900  # longer literals are cut by the reader


BY_HAND = re.compile(r'^\s*\{\s*"[^"]*"\s*:[^{}]*"[^"{}]*%\(message\)s[^"{}]*".*\}\s*$', re.DOTALL)
"""A format that writes a record as JSON, with the message between quotes: nothing escapes what stands in it."""
PLAIN_FORMATTERS = ("logging.Formatter", "logging.basicConfig")
JSON_BY_HAND = (
    "the format writes JSON by hand: a quote, a backslash or a line break in a message breaks the record, and so does each "
    "traceback, so that of all records those of failures cannot be read by the store",
    "let a formatter write it that escapes (python-json-logger, or json.dumps in a Formatter of its own)",
)
TEMPLATES = (
    "%(msg)s is the text as the log call gives it, with its %-places: each record that is logged with arguments, those of libraries "
    "among them, is written without its values",
    "write %(message)s, which is the text with the arguments filled in",
)
PRINTS = frozenset({"print", "traceback.print_exc", "traceback.print_stack"})
TEXTS = ("msg", "message", "event")
"""Names under which a logger takes its text."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_findings(project))
    yield from together(_wordless(project))
    yield from together(_printed(project))
    yield from as_one(_json_by_hand(project))
    yield from together(_templates(project))
    yield from together(_date_formats(project))


def _date_formats(project: Project) -> Iterator[Finding]:
    """``datefmt="%H:%M:%S.%f"``: a record's time is written by time.strftime, which knows no part of a second."""
    for func in project.functions:
        if not any("%03d" in text or "%f" in text for text in func.inventory.texts):
            continue
        given = [(pair[1], display.expr.line) for display in func.inventory.displays if isinstance(display.expr, m.Mapping)
                 for pair in display.expr.items if isinstance(pair[0], m.Const) and pair[0].value == "datefmt"]  # fmt: skip
        given += [(value, site.line) for site in func.sites if (value := site.call.keyword("datefmt")) is not None]
        for value, line in given:
            text = value.value if isinstance(value, m.Const) and isinstance(value.value, str) else ""
            wrong = DATE_PART.search(text)
            if wrong is None or not (project.phases_by_entrypoint(func) or project.imported_by(func.module)):
                continue
            what = "the day of the month" if wrong.group().endswith("d") else "what the C library makes of it (with glibc the two signs)"
            yield RULE.in_function(
                project,
                func,
                line,
                f"datefmt goes to time.strftime, which has no part of a second: {wrong.group()} gives {what}, not milliseconds",
                "leave the milliseconds to the record: %(asctime)s.%(msecs)03d in the format, and out of datefmt",
                confidence="certain",
            )


def _wordless(project: Project) -> Iterator[Finding]:
    """``logger.exception()``: the standard library's methods have no default for their text (CPython 3.13, Logger.exception)."""
    for func in project.functions:
        for site in func.sites:
            call = log_call(site)
            if call is None or not call.sure or site.call.args or not (site.dotted or "").startswith("logging."):
                continue
            if any(not name or name in TEXTS for name, _ in site.call.keywords):
                continue  # given by its name, or perhaps by ``**fields``
            if not (project.phases(site) or project.imported_by(func.module)):
                continue
            yield RULE.at(
                project,
                site,
                f"{site.method}() has no default for its text, so that this line raises TypeError in place of logging"
                + (", and what is being handled goes on as another failure" if site.within(m.Try, "handler") is not None else ""),
                "give it a text that says what was being done",
                severity="medium",
                confidence="certain",
            )


def _printed(project: Project) -> Iterator[Finding]:
    """``log.debug(print(text))``: print answers None, and has written the text to stdout by then, at whatever level."""
    for func in project.functions:
        for site in func.sites:
            text = site.call.args[0] if site.call.args else None
            name = text.func.id if isinstance(text, m.Call) and isinstance(text.func, m.Name) else ""
            if name not in PRINTS or log_call(site) is None or not (project.phases(site) or project.imported_by(func.module)):
                continue
            yield RULE.at(
                project,
                site,
                f"the text of this record is what {name}() answers, which is None: what was to be logged goes to "
                f"{'stdout' if name == 'print' else 'stderr'} instead, past the level and the format",
                "give the log call the text itself" if name == "print" else "log with exc_info=True",
                severity="low",
                confidence="certain",
            )


def _json_by_hand(project: Project) -> Iterator[Finding]:
    """``format={"time": "%(asctime)s", "message": "%(message)s"}``: a formatter of the standard library only fills texts in."""
    for func in project.functions:
        if not any("%(message)s" in text for text in func.inventory.texts) or _escapes(func.module):
            continue
        for value, line in _formats_in(project, func):
            if BY_HAND.match(value) and (project.phases_by_entrypoint(func) or project.imported_by(func.module)):
                yield RULE.in_function(project, func, line, *JSON_BY_HAND, severity="medium", confidence="certain")
    for file in project.artifacts_of(LoggingFile):
        written = next((f for f in file.formatters if not f.kind and BY_HAND.match(f.text)), None)
        users = _configured_by(project, file) if written is not None else ()
        if written is not None and users and not development_path(file.path):
            yield RULE.finding(
                file.path, written.line, *JSON_BY_HAND, severity="medium", confidence="certain", phase="startup",
                entrypoints=users, anchor=f"{file.path}:{written.name}",
            )  # fmt: skip


def _templates(project: Project) -> Iterator[Finding]:
    """``%(msg)s`` in place of ``%(message)s``: the text as it was given to the log call, before its arguments were filled in (CPython
    3.13, LogRecord.getMessage and Formatter.format)."""
    for func in project.functions:
        if not any(_of_templates(text) for text in func.inventory.texts) or _sets_msg(func.module):
            continue
        for value, line in _formats_in(project, func):
            if _of_templates(value) and (project.phases_by_entrypoint(func) or project.imported_by(func.module)):
                yield RULE.in_function(project, func, line, *TEMPLATES, severity="medium", confidence="certain")
    for file in project.artifacts_of(LoggingFile):
        for written in file.formatters:
            users = _configured_by(project, file) if not written.kind and _of_templates(written.text) else ()
            if users and not development_path(file.path):
                yield RULE.finding(
                    file.path, written.line, *TEMPLATES, severity="medium", confidence="certain", phase="startup",
                    entrypoints=users, anchor=f"{file.path}:{written.name}",
                )  # fmt: skip


def _of_templates(text: str) -> bool:
    return "%(msg)s" in text and "%(message)s" not in text


def _sets_msg(module: Module) -> bool:
    """Whether the module fills the text in by itself: ``record.msg = record.getMessage()``."""
    return any(name.endswith(".msg") for func in module.functions.values() for name in func.bindings)


def _formats_in(project: Project, func: Func) -> Iterator[tuple[str, int]]:
    """The formats that a function gives to formatters of the standard library, with their lines."""
    for site in func.sites:
        if site.dotted in PLAIN_FORMATTERS:
            given = site.call.argument("fmt", 0) if site.dotted == "logging.Formatter" else site.call.keyword("format")
            text = project.links.names.constant(given, func) if given is not None else None
            if isinstance(text, str):
                yield text, site.line
    for display in func.inventory.displays:
        if isinstance(display.expr, m.Mapping):
            keys = {key.value: value for key, value in display.expr.items if isinstance(key, m.Const)}
            given = keys.get("format")
            if isinstance(given, m.Const) and isinstance(given.value, str) and not keys.keys() & {"()", "class"}:
                yield given.value, display.expr.line


def _escapes(module: Module) -> bool:
    """Whether the module escapes what it logs by itself: ``record.msg = json.dumps(record.getMessage())[1:-1]``."""
    return any(site.dotted == "json.dumps" for func in module.functions.values() for site in func.sites)


def _configured_by(project: Project, file: LoggingFile) -> tuple[Entrypoint, ...]:
    """The programs of the file's folder, or below it, that are started with it or name it."""
    folder = file.path.rpartition("/")[0]
    return tuple(
        entrypoint
        for entrypoint in project.entrypoints
        if entrypoint.path.startswith(f"{folder}/" if folder else "")
        and names_file(file.path, entrypoint.production, entrypoint.modules)
    )


def _findings(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        for site in func.sites:
            call = log_call(site)
            if call is None or not call.sure or (site.dotted or "").startswith(OTHERWISE):
                continue
            wrong = _mismatch(project, site, call)
            if wrong is None or not (project.phases(site) or project.imported_by(func.module)):
                continue
            places, given = wrong
            raises = (site.dotted or "").startswith(RAISES)
            if raises and not _formats(project):
                continue
            what = (
                "structlog formats at once, so that the call raises TypeError in place of the message"
                if raises
                else "logging drops the record, and writes a traceback of its own to stderr unless raiseExceptions is off"
            )
            yield RULE.at(
                project,
                site,
                f"the text has {places} {'place' if places == 1 else 'places'} and the call {given} "
                f"{'argument' if given == 1 else 'arguments'}: {what}",
                "give one argument for each %-place (and write %% for a percent sign)",
                severity="medium" if raises else None,
                confidence="likely" if raises or call.level != "debug" else "possible",  # which nobody may ever switch on
            )


@cache
def _formats(project: Project) -> bool:
    """Whether structlog puts arguments into the text: no set-up of the program chooses another wrapper for its loggers, or the
    processors that it names do it in its place."""
    for site in project.sites("structlog.configure", "structlog.configure_once"):
        wrapper = site.call.argument("wrapper_class", 1)
        if wrapper is None or (isinstance(wrapper, m.Const) and wrapper.value is None) or development_path(site.path):
            continue
        names = " ".join(func.wording for func in site.function.module.functions.values())
        if not any(isinstance(n, m.Name) and n.id.endswith(FILTERING) for n in m.walk(wrapper)) and FORMATTER not in names:
            return False
    return True


def _mismatch(project: Project, site: Site, call: LogCall) -> tuple[int, int] | None:
    """The number of places and of arguments, where they differ for certain."""
    message = _text_of(site.function, call.message)
    if message is None or len(message.value) >= CUT:
        return None
    first = 2 if site.method == "log" else 1
    args = site.call.args[first:]
    if not args or len(site.call.args) < first or any(isinstance(a, m.Star) for a in args):
        return None  # without arguments nothing is formatted
    found = [x for x in PLACE.finditer(message.value) if x.group() != "%%"]
    if any(x.group("name") is not None for x in found) or "*" in "".join(x.group() for x in found):
        return None  # a mapping, or a width among the arguments
    if len(args) == 1 and not found and _may_be_mapping(args[0], site):
        return None
    if "{" in message.value and not found and not (_caught(args, site) and _of_library(project, site)):
        return None  # another style of formatting, by an adapter
    return (len(found), len(args)) if len(found) != len(args) else None


def _text_of(func: Func, message: m.Expr | None) -> m.Const | None:
    """The text of a log call: a literal, or the one literal that the function binds its name to."""
    if isinstance(message, m.Name) and func.param(message.id) is None and message.id not in func.declared_global:
        bound = func.bindings.get(message.id, ())
        message = bound[0].expr if len(bound) == 1 and bound[0].kind == "assign" else None
    return message if isinstance(message, m.Const) and isinstance(message.value, str) else None


def _caught(args: tuple[m.Expr, ...], site: Site) -> bool:
    """Whether the only argument is the exception of an arm around the call, which is no mapping."""
    bound = {step.handler.bound for step in site.steps if step.handler is not None}
    return len(args) == 1 and isinstance(args[0], m.Name) and args[0].id in bound


@cache
def _own_records(project: Project) -> bool:
    """Whether the program may fill braces in: by records, loggers or adapters of its own."""
    return any(True for _ in project.sites("logging.setLogRecordFactory", "logging.setLoggerClass")) or any(
        base.startswith("logging.Log") for module in project.modules for klass in module.classes.values() for base in klass.external_bases
    )


def _of_library(project: Project, site: Site) -> bool:
    """Whether a logger of the standard library as it is takes the record."""
    return (site.dotted or "").startswith("logging.") and not _own_records(project)


def _may_be_mapping(arg: m.Expr, site: Site) -> bool:
    """Whether an only argument may be a mapping, by its name or by what it is bound to."""
    if not isinstance(arg, m.Name):
        return isinstance(arg, m.Mapping)
    bound = site.function.bindings.get(arg.id, ())
    return MAPPING.search(arg.id.rpartition(".")[2]) is not None or any(isinstance(b.expr, m.Mapping) for b in bound)
