"""Logging set-up that has no effect, or the wrong one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Module, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._django_errors import errors_nowhere
from runtime_ops.rules.logging._formatters import without_error
from runtime_ops.rules.logging._programs import Program, logs_given, programs
from runtime_ops.rules.logging._rotations import never_turned_over, turned_over_by_each
from runtime_ops.rules.logging._setups import (
    CONFIGURES,
    ROOT_CALLS,
    STREAMS,
    adds_to,
    asks_otherwise,
    forced,
    is_handler,
    level_of,
    root_users,
    set_up_by_import,
    unattached,
)
from runtime_ops.rules.logging._written_configs import kept_inside, shut_access_log, written_twice
from runtime_ops.rules.logging.unstructured_logs import foreign_main

RULE = Rule(
    __name__,
    severity="medium",
    summary="A logging set-up does nothing, or less than it says: records are dropped, written twice, or in the wrong form.",
    alone=False,
    lead=True,
)
NUMBERS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
DEV_NULL = re.compile(r"(?:2>>?|&>>?|>&)\s*/dev/null|>>?\s*/dev/null\s+2>&1")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    seen: set[tuple[str, int]] = set()
    for finding in _all(project):
        if (finding.path, finding.line) not in seen:
            seen.add((finding.path, finding.line))
            yield finding


def _all(project: Project) -> Iterator[Finding]:
    for program in programs(project):
        yield from _under_main(project, program)
        yield from _second_set_up(project, program)
        yield from _silenced(project, program)
        yield from _disabled(project, program)
        yield from turned_over_by_each(project, program, RULE)
    yield from never_turned_over(project, RULE)
    yield from _unattached(project)
    yield from _twice(project)
    yield from written_twice(project, RULE)
    yield from shut_access_log(project, RULE)
    yield from kept_inside(project, RULE)
    yield from errors_nowhere(project, RULE)
    yield from _thrown_away(project)
    yield from _forwarded_without_error(project)
    yield from _formatted_without_error(project)
    yield from without_error(project, RULE)


def _under_main(project: Project, program: Program) -> Iterator[Finding]:
    """Set-up under ``__main__`` of the module that production imports as an application."""
    entrypoint = program.entrypoint
    level = entrypoint.main.module.level
    if not entrypoint.app:
        return
    places = [
        s for s in level.sites if (s.dotted in CONFIGURES or is_handler(s)) and foreign_main(entrypoint, level, s.steps)
    ]
    outside = any(
        (s.dotted in CONFIGURES or adds_to(s)) and not foreign_main(entrypoint, level, s.steps) for s in level.sites
    )
    if places and not outside:
        yield RULE.finding(
            level.path,
            places[0].line,
            f"Logging is set up only under __main__, and production loads {entrypoint.app} from this module: it runs with the defaults "
            "instead, so level, format and handlers written here never apply",
            "call one set-up function at the module's level or in the application factory",
            end_line=places[-1].call.end_line,
            entrypoints=(entrypoint,),
            phase="startup",
            # what gives the root logger a handler elsewhere may be what production is meant to have
            confidence="likely" if any(s not in places for s in root_users(project, program.modules)) else "certain",
            anchor="under __main__",
            trace=[Evidence(x.path, x.line, x.text) for launch in entrypoint.production[:1] for x in launch.chain[-1:]],
        )


def _second_set_up(project: Project, program: Program) -> Iterator[Finding]:
    """A ``basicConfig`` in the program's own start after an imported module has already given the root a handler."""
    entrypoint = program.entrypoint
    main = entrypoint.main
    for site in main.sites:
        if site.dotted != "logging.basicConfig" or forced(site):
            continue
        before = [s for s in main.sites if s.dotted in ROOT_CALLS and s.line < site.line and not s.steps and main.is_module]
        before += set_up_by_import(project, main.module, site.line if main.is_module else sys.maxsize)
        first = next(iter(before), None)
        if first is None or not asks_otherwise(site, first):
            continue
        yield RULE.finding(
            site.path,
            site.line,
            f"basicConfig() comes after {first.text}() in {first.path}, which has already given the root logger a handler: this call is "
            "ignored without a word, its level and format too",
            "set logging up once, first thing in the program; force=True replaces the handlers",
            end_line=site.call.end_line,
            entrypoints=(entrypoint,),
            phase="startup",
            trace=[Evidence(first.path, first.line, "gives the root logger a handler")],
            confidence="certain" if _more_wanted(site, first) and main.is_module and not site.steps else "likely",
            anchor="second basicConfig",
        )
        return


def _more_wanted(own: Site, first: Site) -> bool:
    """Whether records of a level that is written out are lost: the second set-up asks for a lower one than the first gives."""
    levels = [level_of(site) for site in (own, first)]
    numbers = [NUMBERS.get(str(level)) for level in levels]
    wanted, given = numbers
    return first.dotted == "logging.basicConfig" and wanted is not None and wanted < (given or NUMBERS["WARNING"])


def _silenced(project: Project, program: Program) -> Iterator[Finding]:
    """Only named loggers have handlers, and the server reports failures of handlers by a logger that drops them."""
    modules = program.modules
    server = next((u for u in project.log_parts if u.role == "silenced" and u.function.module in modules), None)
    if server is None or logs_given(program) or any(True for _ in root_users(project, modules)):
        return
    if any(u.role == "configure" and u.function.module in modules for u in project.log_parts):
        return
    ordered = [f for module in sorted(modules, key=lambda x: x.path) for f in module.functions.values()]
    named = next((s for func in ordered for s in func.sites if adds_to(s) == "named"), None)
    if named is None:
        return
    place = _called_from(project, named.function, program) or named
    yield RULE.finding(
        place.path,
        place.line,
        f"Only a named logger gets a handler and the root logger none; {server.name} reports exceptions of handlers by its own logger, "
        "which has a NullHandler: a failing request is answered UNKNOWN and nothing is logged",
        "attach the handler to the root logger (logging.getLogger())",
        entrypoints=(program.entrypoint,),
        phase="startup",
        trace=[Evidence(named.path, named.line, "the only handler"), Evidence(server.path, server.line, "the server")],
        confidence="certain",
        anchor=f"{program.entrypoint.id}:named only",
    )


def _called_from(project: Project, func: Func, program: Program) -> Site | None:
    main = program.entrypoint.main.module
    return next((e.site for e in project.links.callers.get(func, ()) if e.caller.module is main), None)


def _disabled(project: Project, program: Program) -> Iterator[Finding]:
    """``dictConfig`` at start-up that disables the loggers which the imported modules have already made."""
    if program.entrypoint.framework == "django":
        return
    for site in project.sites("logging.config.dictConfig"):
        func = site.function
        if func.module not in program.modules or (func.is_module and func.module is not program.entrypoint.main.module):
            continue
        if not any(project.lives[e].at(func, site.line, site.steps) & {"startup", "import"} for e in program.all):
            continue
        config = mapping_of(project, site.call.args[0] if site.call.args else None, func)
        if (
            config is None
            or _keys(config) & {"disable_existing_loggers", "incremental"}
            or None in [k for k, _ in config.items]
        ):
            continue
        early = _module_logger(project, program, func.module)
        if early is None:
            continue
        yield RULE.finding(
            site.path,
            site.line,
            "dictConfig() without disable_existing_loggers=False disables every logger made before it; the imported modules made theirs "
            f"at import ({early.path}): their records are dropped, errors too",
            'add "disable_existing_loggers": False',
            end_line=site.call.end_line,
            entrypoints=(program.entrypoint,),
            phase="startup",
            trace=[Evidence(early.path, early.line, "made at import")],
            anchor="disable_existing_loggers",
        )


def mapping_of(project: Project, expr: m.Expr | None, func: Func) -> m.Mapping | None:
    """The display that a configuration is written as, directly or through one name."""
    if isinstance(expr, m.Mapping):
        return expr
    if isinstance(expr, m.Name):
        for scope in (func, func.module.level):
            bindings = scope.bindings.get(expr.id, ())
            if len(bindings) == 1 and isinstance(bindings[0].expr, m.Mapping):
                touched = any(
                    isinstance(p.stmt, m.Assign) and any(isinstance(t, m.Subscript) for t in p.stmt.targets)
                    for p in scope.places
                )
                return None if touched else bindings[0].expr
    return None


def _keys(config: m.Mapping) -> set[str]:
    return {k.value for k, _ in config.items if isinstance(k, m.Const) and isinstance(k.value, str)}


def _module_logger(project: Project, program: Program, setter: Module) -> Site | None:
    """A logger that an imported module makes at its own level and uses for errors."""
    main = program.entrypoint.main.module
    for site in project.sites("logging.getLogger"):
        module = site.function.module
        if site.function.is_module and module in program.modules and module not in (main, setter) and site.call.args:
            return site
    return None


def _unattached(project: Project) -> Iterator[Finding]:
    """A handler that is made and given to nothing."""
    for use in project.log_parts:
        site = use.site
        if site is None or use.role != "handler" or not is_handler(site) or not unattached(site, project.links):
            continue
        entrypoints = tuple(project.phases(site)) or project.imported_by(
            site.function.module, "service", "worker", "job"
        )
        if not entrypoints:
            continue
        yield RULE.finding(
            site.path,
            site.line,
            f"The handler {site.text}() is made and set up, but no logger gets it: its level and format apply to nothing, and records go "
            "wherever they went before",
            "logging.getLogger().addHandler(handler), or remove it",
            end_line=site.call.end_line,
            entrypoints=entrypoints,
            phase="startup",
            confidence="certain",
            anchor=f"{site.function.qualname}:unattached",
        )


def _twice(project: Project) -> Iterator[Finding]:
    """The root logger gets two handlers for the terminal: ``basicConfig`` and a StreamHandler, in one function."""
    for site in project.sites("logging.basicConfig"):
        if any(key in ("filename", "handlers") for key, _ in site.call.keywords) or not project.phases(site):
            continue
        for other in site.function.sites:
            if adds_to(other) != "root" or not _stream(other) or other.steps != site.steps:
                continue
            yield RULE.finding(
                other.path,
                other.line,
                "basicConfig() has given the root logger a handler for stderr, and this adds one more for the terminal: every record is "
                "written twice",
                "leave one of the two: basicConfig(handlers=[handler])",
                end_line=other.call.end_line,
                entrypoints=tuple(project.phases(other)),
                phase="startup",
                trace=[Evidence(site.path, site.line, "the first handler")],
                anchor=f"{other.function.qualname}:twice",
            )
            break


def _stream(site: Site) -> bool:
    """Whether what ``addHandler`` gets is a StreamHandler to stdout or stderr."""
    for argument in site.call.args:
        made = argument
        if isinstance(argument, m.Name):
            bindings = site.function.bindings.get(argument.id, ())
            made = bindings[0].expr if len(bindings) == 1 and bindings[0].expr is not None else argument
        if isinstance(made, m.Call) and isinstance(made.func, m.Name):
            return made.func.id.endswith(tuple(s.rpartition(".")[2] for s in STREAMS))
    return False


def _thrown_away(project: Project) -> Iterator[Finding]:
    """The start command sends stderr to /dev/null."""
    seen = set()
    for launch in project.launches:
        link = launch.chain[-1]
        if launch.role == "probe" or (link.path, link.line) in seen or not DEV_NULL.search(link.text):
            continue
        if (launch.target.path is None and launch.server is None) or launch.development:
            continue
        started = tuple(e for e in project.entrypoints if launch in e.launches)
        if not any(e.long_running for e in started):
            continue
        seen.add((link.path, link.line))
        yield RULE.finding(
            link.path,
            link.line,
            f"The command that starts {launch.program} sends its stderr to /dev/null: a program that cannot start, or fails later, leaves "
            "no line in the logs",
            "leave stderr alone and set the level by the program's own option",
            severity="low",
            phase="startup",
            entrypoints=started,
            anchor=f"{launch.program}:/dev/null",
        )


def _forwarded_without_error(project: Project) -> Iterator[Finding]:
    """A bridge handler (``class InterceptHandler(logging.Handler)``) that hands on the message of a record only."""
    for module in project.modules:
        for klass in module.classes.values():
            emit = klass.methods.get("emit")
            if emit is None or not any(b.startswith("logging.") for b in klass.external_bases):
                continue
            calls = [c for c in map(log_call, emit.sites) if c is not None and not (c.site.dotted or "").startswith("logging.")]
            hands_on = [c for c in calls if any("record" in source_of(a) for a in c.site.call.args)]
            whole = any(
                isinstance(n, m.Name | m.Attr) and source_of(n).endswith(("exc_info", "exc_text", "self.format", "super().emit"))
                for place in emit.places
                for n in m.walk(place.stmt)
            )
            if hands_on and not whole and not any(c.traceback for c in hands_on) and project.imported_by(module, "service", "worker"):
                yield RULE.in_function(
                    project,
                    emit,
                    hands_on[0].site.line,
                    f"{klass.name} hands on the message of a record and not its exc_info: every traceback that a library logs "
                    "(an unhandled error of the server, too) is lost",
                    "pass it on: logger.opt(exception=record.exc_info).log(level, record.getMessage())",
                    phase="serving",
                )


def _formatted_without_error(project: Project) -> Iterator[Finding]:
    """A loguru format that is made by a function: loguru adds ``{exception}`` only to a format that is a text (loguru 0.7)."""
    for site in project.sites("loguru.logger.add"):
        given = site.call.keyword("format")
        value = project.links.names.value(given, site.function) if given is not None else None
        if value is None or not isinstance(value.target, Func) or not project.imported_by(site.function.module, "service", "worker"):
            continue
        maker = value.target
        scope = maker.module.functions.values() if maker.cls is None else maker.cls.methods.values()
        texts = [
            n.value
            for func in (maker, *scope)
            for place in func.places
            for n in m.walk(place.stmt)
            if isinstance(n, m.Const) and isinstance(n.value, str)
        ]
        if any("{message}" in text for text in texts) and not any("exception" in text for text in texts):
            yield RULE.at(
                project,
                site,
                f"{maker.name}() makes the format and leaves {{exception}} out, which loguru adds to a format that is a text only: "
                "logger.exception() and opt(exception=True) write no traceback",
                "end the format that the function returns with {exception}",
                kinds=("service", "worker"),
            )
