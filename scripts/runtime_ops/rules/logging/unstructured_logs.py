"""An entrypoint whose logging never reaches a structured formatter."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.observability import all_log_parts
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, main_block
from runtime_ops.project.log_parts import LogUse
from runtime_ops.project.model import Func, Step
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._programs import Program, deployed, logs_at_all, programs, unread_imports

RULE = Rule(
    __name__,
    severity="low",
    summary="The logging set-up that a service or worker reaches writes plain text, not one structured record an event.",
)


UNREAD = re.compile(r"(?i)(^|[._])(observability|telemetry|structlog|logs?|logging|logger|log_?config|logging_?utils|log_?utils)($|[._])")
"""Packages that set logging up, by name: of the company, or of a framework."""
PLAIN = frozenset("absl alembic click django flask kombu scrapy sqlalchemy tornado tqdm twisted uvicorn werkzeug".split())
"""Packages whose module of that name is known to set up no structured record by itself."""
SETTINGS = ("LOGGING", "LOGGING_CONFIG")
"""What Django sets logging up from; a text or a dictionary, also one that the operator gives."""
ROLES = ("configure", "formatter", "handler")
NO_OUTPUT = ("logging.NullHandler", "logging.captureWarnings", "logging.handlers.SMTPHandler")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported = set()
    for program in programs(project):
        entrypoint, modules = program.entrypoint, program.modules
        parts = [use for use in project.log_parts if use.function.module in modules]
        if any(use.structured for use in parts) or not logs_at_all(program) or not deployed(project, program):
            continue
        if any(_of_operator(project, use) for use in parts) or speaks_of_json(project, program):
            continue
        setup = setup_of(project, program, parts)
        unused = under_main(program, parts) if setup is None else None
        if setup is None and unused is None and sets_up_somewhere(program, parts):
            continue  # how the program comes to it was not seen, which is no reason to say that it does not
        place = setup or unused
        path, line = (place.path, place.line) if place is not None else (program.home.path, program.home.line)
        if (path, line) in reported:
            continue
        reported.add((path, line))
        what = f"{setup.name} sets up plain text" if setup is not None else "no logging set-up is reached"
        if unused is not None:
            what = "the only set-up stands under __main__ and is not reached"
        trace = [Evidence(entrypoint.path, entrypoint.line, f"{entrypoint.kind} {entrypoint.id}")]
        yield RULE.finding(
            path,
            line,
            f"{what} for {entrypoint.kind} {entrypoint.path}: its records are lines for the eye; level, time, logger and ids cannot be "
            "queried, and a traceback is many records",
            "configure one JSON formatter (python-json-logger, structlog JSONRenderer) where production starts, before the first record",
            entrypoints=(entrypoint,),
            trace=trace,
            phase="startup",
            anchor=entrypoint.id,
        )


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
    if isinstance(given, m.Name) and "." not in given.id:
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
        and any(reached(project, entrypoint, use) for entrypoint in program.all)
    ]
    own = program.entrypoint.main.module

    def rank(use: LogUse) -> tuple[int, bool, bool, str, int]:
        return ROLES.index(use.role), use.function.module is not own, not _about_logging(use), use.path, use.line

    return min(found, key=rank, default=None)


def sets_up_somewhere(program: Program, parts: list[LogUse]) -> bool:
    """Whether code of the program sets logging up, or a framework's settings take that from the operator."""
    if any(use.role == "configure" and use.name not in NO_OUTPUT for use in parts):
        return True
    return any(
        name in module.level.bindings or any(name in k.attributes or name in k.methods for k in module.classes.values())
        for module in program.modules
        for name in SETTINGS
    )


def under_main(program: Program, parts: list[LogUse]) -> LogUse | None:
    """A set-up of the program's main module that stands only under ``__main__``, where production does not come by."""
    level = program.entrypoint.main.module.level
    return next(
        (
            u
            for u in parts
            if u.function is level and u.role in ROLES and foreign_main(program.entrypoint, level, steps_at(u))
        ),
        None,
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
