"""A set-up of logging that writes plain text where records are collected and queried."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.observability import all_log_parts
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, in_main_block, main_block
from runtime_ops.project.kept import kept
from runtime_ops.project.log_parts import LogUse
from runtime_ops.project.model import Func, Site, Step, own_expressions
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._programs import Program, deployed, logs_at_all, programs, unread_imports
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
QUERIED = frozenset({"kubernetes", "ecs", "nomad", "marathon", "fly", "render", "appengine", "heroku"})
"""Platforms that take the output into a store which is queried; of one container, people read the lines."""
WATCHED = re.compile(
    r"(?i)(^|[._])(\w*sentry\w*|rollbar|bugsnag|honeybadger|airbrake|newrelic|ddtrace|datadog|elasticapm)($|[._])"
)
"""Packages of error trackers and agents, by name: whoever runs the program looks at it from outside."""
CHOSEN = re.compile(r"(?i)log\w*(conf|format|json|struct|render|style)|(json|struct)\w*log")
"""Settings by which the operator chooses the form of the records."""
TIMES = ("asctime", "created", "{time", "time:")
NO_OUTPUT = ("logging.NullHandler", "logging.captureWarnings", "logging.handlers.SMTPHandler")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported = set()
    for program in programs(project):
        entrypoint, modules = program.entrypoint, program.modules
        parts = [use for use in project.log_parts if use.function.module in modules]
        if any(use.structured for use in parts) or not logs_at_all(program) or not deployed(project, program):
            continue
        if any(_of_operator(project, use) for use in parts) or speaks_of_json(project, program) or chosen(project, program):
            continue
        setup = setup_of(project, program, parts)
        if setup is None or (setup.path, setup.line) in reported or comes_too_late(program, setup, parts):
            continue  # without a set-up that is seen nothing can be said of its form
        bare = timeless(project, setup)
        asked = bare or queried(program)
        reported.add((setup.path, setup.line))
        yield RULE.finding(
            setup.path,
            setup.line,
            f"{setup.name} sets up plain text{' without a time' if bare else ''} for {entrypoint.kind} {entrypoint.path}: its records are "
            "lines for the eye; level, time, logger and ids cannot be queried, and a traceback is many records",
            "configure one JSON formatter (python-json-logger, structlog JSONRenderer) where production starts, before the first record",
            confidence="possible" if not asked or (_into_files(setup) and not collected(program)) else "likely",
            entrypoints=(entrypoint,),
            trace=[Evidence(entrypoint.path, entrypoint.line, f"{entrypoint.kind} {entrypoint.id}")],
            phase="startup",
            anchor=entrypoint.id,
        )


def _into_files(setup: LogUse) -> bool:
    """Whether the set-up writes to files on the host: people read them there, and no store asks for fields."""
    scopes = (setup.function, setup.function.module.level)
    texts = (n.value for func in scopes for p in func.places for e in own_expressions(p.stmt) for n in m.walk(e) if isinstance(n, m.Const))
    return any(isinstance(text, str) and text.endswith("FileHandler") for text in texts)


def collected(program: Program) -> bool:
    """Whether production runs on a platform that takes the output into a store."""
    return any(x.platform in QUERIED for e in program.all for x in e.production if x.role == "main")


def queried(program: Program) -> bool:
    """Whether the records end where somebody queries them: a platform collects them, or the program also reports to a tracker
    or agent, as what is watched from outside does. One container of a home has a person who reads the lines."""
    if collected(program):
        return True
    bindings = (b for module in program.modules for found in module.level.bindings.values() for b in found)
    return any(b.kind == "import" and WATCHED.search(b.text) for b in bindings)


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
    heads = (text.partition(".")[0] for text in unread_imports(project, program, UNREAD))
    return any(head not in known and head not in PLAIN for head in heads)


def _of_operator(project: Project, use: LogUse) -> bool:
    """``dictConfig(config["logging"])``, ``fileConfig(path)``: the form of the records is the operator's choice."""
    if use.site is None or use.name not in ("logging.config.dictConfig", "logging.config.fileConfig") or not use.site.call.args:
        return False
    given = use.site.call.args[0]
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
        and not (use.role == "formatter" and use.site is not None and unused(use.site))
        and any(reached(project, entrypoint, use) for entrypoint in program.all)
    ]
    own = program.entrypoint.main.module

    def rank(use: LogUse) -> tuple[int, bool, bool, bool, str, int]:
        # of several settings modules production takes the one that is not named for development
        return ROLES.index(use.role), for_development(use.path), use.function.module is not own, not _about_logging(use), use.path, use.line

    return min(found, key=rank, default=None)


def unused(site: Site) -> bool:
    """Whether a formatter is bound to a name of which only methods are called: no handler writes by it."""
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
