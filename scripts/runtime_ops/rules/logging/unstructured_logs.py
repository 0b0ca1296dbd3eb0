"""A set-up of logging that writes plain text where records are collected and queried."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.observability import all_log_parts
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.kept import kept
from runtime_ops.project.log_configs import of_django
from runtime_ops.project.log_parts import LogUse
from runtime_ops.project.main_blocks import in_main_block, main_block
from runtime_ops.project.model import Func, Site, Step, own_expressions
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._plain_text import (
    COLLECTED,
    INSTALLED,
    Written,
    dictionary_of,
    django_settings,
    may_be_fields,
    sent_elsewhere,
    shipped,
    traces,
    written,
)
from runtime_ops.rules.logging._programs import (
    Program,
    deployed,
    log_calls,
    logs_at_all,
    operated,
    programs,
    unread_imports,
)
from runtime_ops.rules.logging._setups import forced, resets_root
from runtime_ops.rules.startup._reads import for_development

RULE = Rule(
    __name__,
    severity="low",
    summary="Where output is collected and queried, the logging set-up writes plain text, not one structured record an event.",
    lead=True,
)


UNREAD = re.compile(r"(?i)(^|[._])(observability|telemetry|structlog|logs?|logging|logger|log_?config|logging_?utils|log_?utils)($|[._])")
"""Packages that set logging up, by name: of the company, or of a framework."""
PLAIN = frozenset("absl alembic click django flask kombu scrapy sqlalchemy tornado tqdm twisted uvicorn werkzeug".split())
"""Packages whose module of that name is known to set up no structured record by itself."""
SETTINGS = ("LOGGING", "LOGGING_CONFIG")
"""What Django sets logging up from."""
ROLES = ("configure", "formatter", "handler")
CONSOLE = "structlog.dev.ConsoleRenderer"
DEFAULT_STRUCTLOG = "structlog, which is never configured,"
LOSS = "what a message tells (ids, amounts) is no field to query"
FORMS = {CONSOLE: "renders records for a terminal", DEFAULT_STRUCTLOG: "renders records for the eye"}
LOSSES = {
    CONSOLE: "colour codes stand within key=value, which no search finds as written",
    DEFAULT_STRUCTLOG: "no record names its logger, and key=value stands behind free text",
}
"""What the renderer of structlog writes (structlog 26.1): as it is made by hand it colours on every system but Windows, wherever its
output goes (dev.py: ``_has_colors``); as nothing configures it, only on a terminal (_config.py), and no processor adds the logger."""
CHOSEN = re.compile(r"(?i)log\w*(conf|format|json|struct|render|style)|(json|struct)\w*log")
"""Settings by which the operator chooses the form of the records."""
TIMES = ("asctime", "created", "{time", "time:")
NO_OUTPUT = ("logging.NullHandler", "logging.captureWarnings", "logging.handlers.SMTPHandler")


HELPER = 4  # modules of a program that is more than one small script
REPOSITORY = 10  # modules of a repository that is more than such a script


class Plain(NamedTuple):
    """A program whose records are plain text for certain, its set-up, and where that is written."""

    program: Program
    setup: LogUse
    place: Written
    severity: str
    parts: tuple[LogUse, ...]


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported = set()
    certain: list[Plain] = []
    for program in programs(project):
        parts = [use for use in project.log_parts if use.function.module in program.modules]
        console = console_renderer(project, program, parts)
        if not logs_at_all(program) or not shipped(project, program, INSTALLED if console is not None else COLLECTED):
            continue
        if any(renders_fields(use) for use in parts) or any(_of_operator(project, use) for use in parts):
            continue
        default = None if console is not None else never_configured(project, program)
        if (default is None and speaks_of_json(project, program)) or chosen(project, program):
            continue
        setup = console or default or setup_of(project, program, parts)
        if setup is None or comes_too_late(program, setup, parts):
            continue  # without a set-up that is seen nothing can be said of its form
        place = written(project, setup)
        if place is None:
            continue
        renderer = setup is console or setup is default
        if not renderer and resets_root(project, program.entrypoint):
            continue  # the worker's own lines have a level and a time (celery 5.7.0, app/defaults.py: worker_log_format)
        # what renders was not seen, or spans carry the ids and the exceptions beside lines that lack nothing else
        doubt = setup.name.startswith("structlog.configure") or may_be_fields(project, program, setup)
        doubt = doubt or (not place.lacks and traces(program)) or not place.plain or sent_elsewhere(project, program, parts)
        # a script beside the repository's own program has few lines, and is read where it runs
        helper = len(program.modules) < HELPER and len(project.index.modules) >= REPOSITORY
        seen = not _into_files(setup) and not _one_of_two(setup, parts)
        if setup is console:
            # given colours (``sys.stderr.isatty()``) may be off, and what is only installed is as often run at somebody's terminal
            seen = seen and _colours(setup) and shipped(project, program)
        # Lines with a level and a time in fixed places are what many choose: of nine such findings, on code that was never looked
        # at before, readers would have defended none.
        lossy = renderer or bool(place.lacks)
        if seen and lossy and not helper and operated(program) and (not doubt or "level" in place.lacks):
            # what carries the records elsewhere as fields leaves the printed lines without a level all the same
            severity = "medium" if "level" in place.lacks and not doubt else "low"
            certain.append(Plain(program, setup, place, severity, tuple(parts)))
        elif (deployed(project, program) or setup is console) and (setup.path, setup.line) not in reported:
            reported.add((setup.path, setup.line))
            yield _lead(project, program, setup)
    if certain:
        yield _finding(certain)


def _finding(certain: list[Plain]) -> Finding:
    """One finding for the repository, at the set-up that leaves out most, then at that of the most talkative program."""
    certain.sort(key=lambda row: (-len(row.place.lacks), -log_calls(row.program), row.place.path, row.place.line))
    program, setup, place, severity, parts = certain[0]
    entrypoint = program.entrypoint
    others = {(row.place.path, row.place.line) for row in certain} - {(place.path, place.line)}
    without = f" without a {' or a '.join(place.lacks)}" if place.lacks else ""
    # what a tracker takes of a failure has its fields there
    apart = " where no error tracker shows it" if any(use.role == "tracker" for use in parts) else ""
    return RULE.finding(
        place.path,
        place.line,
        f"{setup.name} {FORMS.get(setup.name, 'sets up plain text')}{without} for {entrypoint.kind} {entrypoint.path}, and no setting of "
        "the repository turns fields on: "
        + ("errors cannot be told from other lines, " if "level" in place.lacks else "")
        + f"{_loss(setup)}, and a traceback is many records{apart}",
        "configure one JSON formatter (python-json-logger, structlog JSONRenderer) where production starts, before the first record",
        end_line=place.end_line,
        severity=severity,
        confidence="certain",
        entrypoints=[row.program.entrypoint for row in certain],
        trace=[Evidence(entrypoint.path, entrypoint.line, f"{entrypoint.kind} {entrypoint.id}")],
        phase="startup",
        anchor=entrypoint.id,
        count=1 + len(others),
        also=[Evidence(path, line, "plain text too") for path, line in sorted(others)][:8],
    )


def never_configured(project: Project, program: Program) -> LogUse | None:
    """structlog as it is where nothing configures it: its default is the renderer for the eye (structlog 26.1, _config.py)."""
    logs = any(s.function.module in program.modules for s in project.sites("structlog.get_logger", "structlog.stdlib.get_logger"))
    if not logs or any(use.name.startswith("structlog.") for use in project.log_parts):
        return None
    unread = {text.partition(".")[0] for text in unread_imports(project, program, UNREAD)} - PLAIN - {"structlog", "django_structlog"}
    if unread or any(site.dotted is not None and site.dotted.startswith("logging.config.") for site in project.sites("logging.config.*")):
        return None
    module = django_settings(project) if any(e.framework in ("django", "celery") for e in program.all) else None
    if module is not None:
        return LogUse(DEFAULT_STRUCTLOG, "configure", False, module.level, module.level.bindings["INSTALLED_APPS"][0].line)
    return LogUse(DEFAULT_STRUCTLOG, "configure", False, program.home.main.module.level, program.home.line)


def _lead(project: Project, program: Program, setup: LogUse) -> Finding:
    entrypoint = program.entrypoint
    bare = timeless(project, setup)
    return RULE.finding(
        setup.path,
        setup.line,
        f"{setup.name} {FORMS.get(setup.name, 'sets up plain text')}{' without a time' if bare else ''} for {entrypoint.kind} "
        f"{entrypoint.path}: its records are lines for the eye; {_loss(setup)}, and a traceback is many records",
        "configure one JSON formatter (python-json-logger, structlog JSONRenderer) where production starts, before the first record",
        confidence="possible",
        entrypoints=(entrypoint,),
        trace=[Evidence(entrypoint.path, entrypoint.line, f"{entrypoint.kind} {entrypoint.id}")],
        phase="startup",
        anchor=entrypoint.id,
    )


def renders_fields(use: LogUse) -> bool:
    """Whether a part writes fields; what only binds values for structlog leaves their form to its renderer."""
    binds = use.role in ("correlate", "middleware") and use.name.startswith(("structlog.", "django_structlog."))
    return bool(use.structured) and not binds


def console_renderer(project: Project, program: Program, parts: list[LogUse]) -> LogUse | None:
    """structlog's renderer for the eye, where the program's set-up uses it in every case and no other renderer is there."""
    ours = [use for use in parts if use.name.startswith("structlog.") and use.role in ("formatter", "configure")]
    if any(use.role == "formatter" and use.name != CONSOLE for use in ours):
        return None
    found = [use for use in ours if use.name == CONSOLE]
    if len(found) != 1 or not any(use.role == "configure" for use in ours):
        return None
    (use,) = found
    sometimes = use.site is not None and any(isinstance(step.stmt, m.If | m.Try) for step in use.site.steps)
    return use if not sometimes and any(reached(project, e, use) for e in program.all) else None


def _loss(setup: LogUse) -> str:
    """What a store cannot do with what the set-up writes."""
    behind = setup.name == CONSOLE and not _colours(setup)
    return "key=value stands behind free text" if behind else LOSSES.get(setup.name, LOSS)


def _colours(use: LogUse) -> bool:
    """Whether structlog's renderer colours what it writes, wherever that goes: nothing else is asked of it."""
    given = use.site.call.argument("colors", 1) if use.site is not None else None
    return given is None or (isinstance(given, m.Const) and bool(given.value))


def _into_files(setup: LogUse) -> bool:
    """Whether the set-up writes to files on the host: people read them there, and no store asks for fields."""
    if setup.site is not None and setup.name == "logging.basicConfig" and setup.site.call.keyword("filename") is not None:
        return True
    scopes = setup.function.module.functions.values()
    texts = (n.value for func in scopes for p in func.places for e in own_expressions(p.stmt) for n in m.walk(e) if isinstance(n, m.Const))
    made = (site.text for func in scopes for site in func.sites)
    return any(isinstance(text, str) and text.endswith("FileHandler") for text in (*texts, *made))


def _one_of_two(setup: LogUse, parts: list[LogUse]) -> bool:
    """Whether the other arm of a condition around the set-up sets logging up in another form: which of them production has is not seen."""
    if setup.site is None:
        return False
    arms = {id(step.stmt): step.arm for step in setup.site.steps if isinstance(step.stmt, m.If)}
    return any(
        id(step.stmt) in arms and arms[id(step.stmt)] != step.arm
        for other in parts
        if other.name == setup.name and other.site is not None and other.site is not setup.site
        for step in other.site.steps
    )


def chosen(project: Project, program: Program) -> bool:
    """Whether a setting lets the operator choose the form of the records, or give a configuration of logging."""
    return any(CHOSEN.search(read.name) for read in project.settings if read.function.module in program.modules)


def comes_too_late(program: Program, setup: LogUse, parts: list[LogUse]) -> bool:
    """Whether a ``basicConfig`` of the program's own module does nothing, since an imported module has set logging up by then."""
    main = program.entrypoint.main.module
    return (
        setup.name == "logging.basicConfig"
        and setup.function.module is main
        and (setup.site is None or setup.site.call.keyword("force") is None)
        and any(
            u.name == setup.name and u.function.is_module and u.function.module is not main and not in_main_block(u.site)
            for u in parts
            if u.site is not None
        )
    )


def timeless(project: Project, setup: LogUse) -> bool:
    """Whether the format that is set up has no time: that of ``basicConfig()`` as it is, or one that is written so."""
    if setup.site is None or setup.name not in ("logging.basicConfig", "logging.Formatter"):
        return False
    call = setup.site.call
    if call.expands or call.keyword("handlers") is not None or call.keyword("filename") is not None:
        return False  # a handler brings a format of its own, and a file is read where it lies
    basic = setup.name == "logging.basicConfig"
    given = call.keyword("format") if basic else call.argument("fmt", 0)
    if given is None:
        return basic
    text = project.links.names.constant(given, setup.function)
    return isinstance(text, str) and not any(word in text for word in TIMES)


def speaks_of_json(project: Project, program: Program) -> bool:
    """Whether a logging dictionary of the program names a JSON formatter that no table knows, or its settings run a file of
    the operator's, in which one may stand."""
    if set_up_elsewhere(project, program):
        return True
    if any(site.text in ("exec", "execfile") for module in program.modules for site in module.level.sites):
        return True
    return any(
        isinstance(node, m.Const) and isinstance(node.value, str) and "json" in node.value.lower()
        for module in program.modules
        for name in SETTINGS
        for binding in module.level.bindings.get(name, ())
        if binding.expr is not None
        for node in m.walk(binding.expr)
    )


def set_up_elsewhere(project: Project, program: Program) -> bool:
    """Whether the program imports a package for logging that no table knows: what that sets up is not read."""
    known = {part.call.partition(".")[0] for part in all_log_parts()} - {"structlog"}  # own set-up, often in a company's package
    if any(u.name.startswith("structlog.configure") and u.function.module in program.modules for u in project.log_parts):
        known.add("structlog")
    # a constant (``acme.config.LOG_FORMAT``) sets nothing up
    heads = (text.partition(".")[0] for text in unread_imports(project, program, UNREAD) if not text.rpartition(".")[2].isupper())
    return any(head not in known and head not in PLAIN for head in heads)


def _of_operator(project: Project, use: LogUse) -> bool:
    """``dictConfig(config["logging"])``, ``fileConfig(path)``: the form of the records is the operator's choice."""
    if use.site is None or use.name not in ("logging.config.dictConfig", "logging.config.fileConfig") or not use.site.call.args:
        return False
    given = use.site.call.args[0]
    if use.name == "logging.config.dictConfig" and dictionary_of(project, use) is not None:
        return False  # the repository holds what the setting is by default
    if isinstance(given, m.Name) and "." in given.id:
        handed = use.function.param(given.id.partition(".")[0]) is not None
        unknown = handed or project.links.names.value(given, use.function) is None
        return unknown and given.id.rpartition(".")[2].isupper()  # ``config.LOG_CONFIG``
    if isinstance(given, m.Name):
        found = [b.expr for b in use.function.bindings.get(given.id, ()) or use.function.module.level.bindings.get(given.id, ())]
        given = found[0] if len(found) == 1 and found[0] is not None else given
    return isinstance(given, m.Subscript | m.Call) and not project.links.names.constant(given, use.function)


def setup_of(project: Project, program: Program, parts: list[LogUse]) -> LogUse | None:
    """The set-up that the program reaches: a configuring call first, then a formatter, then a handler of its own."""
    found = [
        use
        for use in parts
        if use.role in ROLES
        and use.klass is None
        and use.name not in NO_OUTPUT
        and not use.name.startswith("sentry_sdk.")
        and not (use.function.cls is not None and use.function.cls.name.endswith("Handler"))
        and not (use.name == "logging.basicConfig" and use.site is not None and not forced(use.site) and _set_up_by_command(program))
        and not _beside_django(use, program)
        and not (use.role == "formatter" and use.site is not None and unused(use.site))
        and any(reached(project, entrypoint, use) for entrypoint in program.all)
    ]
    own = program.entrypoint.main.module

    def rank(use: LogUse) -> tuple[int, bool, bool, bool, str, int]:
        # of several settings modules production takes the one that is not named for development
        return ROLES.index(use.role), for_development(use.path), use.function.module is not own, not _about_logging(use), use.path, use.line

    return min(found, key=rank, default=None)


def _beside_django(use: LogUse, program: Program) -> bool:
    """A ``basicConfig`` of some module that Django loads after its settings, whose LOGGING is what sets the program's logging up."""
    settings = [module for module in of_django(program.modules) if "INSTALLED_APPS" in module.level.bindings]
    bare = use.name == "logging.basicConfig" and use.site is not None and not forced(use.site)
    return bare and use.function.is_module and bool(settings) and use.function.module not in settings


def _set_up_by_command(program: Program) -> bool:
    """dramatiq's command line gives the root logger a handler before it imports the tasks (dramatiq 2.2.1, cli.py:
    setup_worker_logging): what they ask of ``basicConfig`` does nothing."""
    return any(e.framework == "dramatiq" and not any("skip_logging" in x.options for x in e.production) for e in program.all)


def unused(site: Site) -> bool:
    """Whether a formatter is made for a method of its own (``Formatter().formatException(…)``), or bound to a name of which only
    methods are called: no handler writes by it."""
    if any(isinstance(other.call.func, m.Attr) and other.call.func.value is site.call for other in site.function.sites):
        return True
    where = kept(site)
    if where.scope not in ("local", "module") or not where.name or "." in where.name:
        return False
    funcs = site.function.module.functions.values() if where.scope == "module" else (site.function,)
    return not any(
        isinstance(node, m.Name) and node.id == where.name
        for func in funcs
        for place in func.places
        if place.stmt is not site.stmt
        for expr in own_expressions(place.stmt)
        for node in m.walk(expr)
    )


def _about_logging(use: LogUse) -> bool:
    """Whether the place is by its name one that sets logging up, or a settings module."""
    text = f"{use.path} {use.function.name}".lower()
    return any(word in text for word in ("log", "settings", "config", "conf.py", "__init__"))


def reached(project: Project, entrypoint: Entrypoint, use: LogUse) -> bool:
    """Whether the entrypoint runs the place."""
    life = project.lives[entrypoint]
    steps = steps_at(use)
    if use.function.is_module and foreign_main(entrypoint, use.function, steps):
        return False
    return bool(life.at(use.function, use.line, steps))


def steps_at(use: LogUse) -> tuple[Step, ...]:
    """What encloses the use."""
    if use.site is not None:
        return use.site.steps
    places = [p for p in use.function.places if p.stmt.line <= use.line <= p.stmt.end_line]
    return places[-1].steps if places else ()


def foreign_main(entrypoint: Entrypoint, level: Func, steps: tuple[Step, ...]) -> bool:
    """Whether the place stands under ``__main__`` of a module that this entrypoint only imports."""
    block = main_block(level.module)
    inside = block is not None and any(s.stmt is block for s in steps)
    return inside and not (entrypoint.guarded and entrypoint.main.module is level.module)
