"""Whether the errors of a Django project reach anything that somebody reads: where its loggers write when DEBUG is off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import PackagingFile
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Module
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._plain_text import debug_only, displays, pairs, shipped
from runtime_ops.rules.logging._programs import programs
from runtime_ops.rules.startup._reads import for_development

MAIL = "django.utils.log.AdminEmailHandler"
TRACKERS = re.compile(
    r"(?i)sentry|^raven|rollbar|bugsnag|honeybadger|airbrake|newrelic|elastic-?apm|ddtrace|opentelemetry|logfire|scout|appsignal|opencensus"
    r"|applicationinsights|azure.monitor"
)
"""Packages that take the errors of requests themselves, from Django's signal or around its handler."""


class Written(NamedTuple):
    """The one ``LOGGING`` of the settings: its module and line, its parts by name."""

    module: Module
    line: int
    handlers: dict[str, m.Mapping]
    loggers: dict[str, m.Mapping]
    root: m.Expr | None

    def given(self, name: str) -> tuple[str, ...] | None:
        """The handlers of a logger by name; None where they are not written out."""
        logger = self.root if name == "root" else self.loggers.get(name)
        listed = pairs(logger).get("handlers") if logger is not None else None
        if listed is None:
            return ()
        if not isinstance(listed, m.Sequence) or any(not isinstance(item, m.Const) for item in listed.items):
            return None
        return tuple(str(item.value) for item in listed.items if isinstance(item, m.Const))

    def kind(self, handler: str) -> str:
        """``debug``: writes with DEBUG only; ``mail``: mails ADMINS; ``none``; ``file``; ``terminal``; ``other`` for the rest."""
        parts = pairs(self.handlers.get(handler))
        given = parts.get("class", parts.get("()"))
        name = str(given.value) if isinstance(given, m.Const) else ""
        if debug_only(parts):
            return "debug"
        if name == MAIL:
            return "mail"
        if name.endswith("NullHandler"):
            return "none"
        if name.startswith("logging.") and name.endswith("FileHandler"):
            return "file"
        return "terminal" if name == "logging.StreamHandler" else "other"


def written(project: Project) -> Written | None:
    """The ``LOGGING`` of the settings, where there is one, written out whole, and no other module changes it."""
    found = [each for module in project.modules if not for_development(module.path) for each in displays(module, "LOGGING")]
    changed, root = _changed_root(project)
    if len(found) != 1 or changed:
        return None
    module, mapping, _ = found[0]
    parts = pairs(mapping)
    handlers, loggers = parts.get("handlers"), parts.get("loggers")
    if not isinstance(handlers, m.Mapping) or not isinstance(loggers, m.Mapping | None):
        return None
    made = {name: value for name, value in pairs(handlers).items() if isinstance(value, m.Mapping)}
    named = {name: value for name, value in pairs(loggers).items() if isinstance(value, m.Mapping)}
    if len(made) != len(handlers.items) or (loggers is not None and len(named) != len(loggers.items)):
        return None
    return Written(module, mapping.line, made, named, root or parts.get("root", named.get("")))


def _changed_root(project: Project) -> tuple[bool, m.Expr | None]:
    """Whether code changes a ``LOGGING`` that was made in a way that is not read, and the root that it is given by an item of its
    own (``LOGGING["root"] = {…}``)."""
    root: m.Expr | None = None
    for module in project.modules:
        level = module.level
        if for_development(module.path) or not ({"LOGGING", "LOGGING_CONFIG"} & set(level.inventory.names)):
            continue
        if "LOGGING_CONFIG" in level.bindings or any(s.text.startswith(("LOGGING.", "LOGGING[")) for s in level.sites):
            return True, None
        for place in level.places:
            stmt = place.stmt
            if not isinstance(stmt, m.Assign):
                continue
            for target in stmt.targets:
                if not isinstance(target, m.Subscript) or not any(isinstance(n, m.Name) and n.id == "LOGGING" for n in m.walk(target)):
                    continue
                key = target.key.value if isinstance(target.key, m.Const) else None
                if key == "level":
                    continue
                if key != "root" or not isinstance(target.value, m.Name) or root is not None or place.steps:
                    return True, None
                root = stmt.value
    return False, root


def deployed_django(project: Project) -> tuple[Entrypoint, ...]:
    """The Django services that production starts where their output is collected."""
    return tuple(
        p.entrypoint
        for p in programs(project)
        if p.entrypoint.kind == "service" and any(e.framework == "django" for e in p.all) and shipped(project, p)
    )


def tracked(project: Project) -> bool:
    """Whether an error tracker takes what fails, or may."""
    if any(TRACKERS.search(r.name) for file in project.artifacts_of(PackagingFile) for r in file.requirements):
        return True
    imported = (b for module in project.modules for bindings in module.level.bindings.values() for b in bindings if b.kind == "import")
    return any(TRACKERS.search(binding.text) for binding in imported)


def admins(project: Project) -> bool:
    """Whether any module or file names those whom Django mails."""
    if any("ADMINS" in module.level.bindings for module in project.modules):
        return True
    return any(
        isinstance(n, m.Const) and isinstance(n.value, str) and "ADMINS" in n.value
        for module in project.modules
        if "settings" in module.path or "conf" in module.path
        for place in module.level.places
        for n in m.walk(place.stmt)
    )


def always_debugs(project: Project) -> bool:
    """Whether the settings switch DEBUG on by a constant, and nothing for production says otherwise."""
    bound = [b.expr for module in project.modules if not for_development(module.path) for b in module.level.bindings.get("DEBUG", ())]
    return bool(bound) and all(isinstance(expr, m.Const) and expr.value is True for expr in bound)


def errors_nowhere(project: Project, rule: Rule) -> Iterator[Finding]:
    """What the settings' ``LOGGING`` leaves of Django's errors, and of the terminal, when DEBUG is off."""
    config = written(project)
    started = deployed_django(project)
    if config is None or not started or always_debugs(project):
        return
    given = [config.given(name) for name in (*config.loggers, "root")]
    used = [handler for listed in given for handler in (("?",) if listed is None else listed)]
    kinds = {config.kind(h) for h in used}
    debug = next((h for h in used if config.kind(h) == "debug" and _terminal(config, h)), None)
    mail = next(((name, h) for name in config.loggers for h in config.given(name) or () if config.kind(h) == "mail"), None)
    if debug is not None and kinds <= {"debug", "mail", "none", "file"}:
        yield rule.finding(
            config.module.path,
            config.handlers[debug].line,
            f"The handler {debug} writes to the terminal only with DEBUG (require_debug_true), and no other one does: in production the "
            "container's log stays empty, " + ("and the files that get records go with the container" if "file" in kinds else "errors too"),
            "give production a StreamHandler without that filter, for the root logger",
            confidence="certain",
            entrypoints=started,
            phase="startup",
            anchor=f"{debug}:debug only",
        )
    if mail is not None and not admins(project) and _only_mail(config, mail[0]):
        nowhere = "only in the error tracker" if tracked(project) else "nowhere"
        yield rule.finding(
            config.module.path,
            config.handlers[mail[1]].line,
            f"With DEBUG off the errors of {mail[0]} go to AdminEmailHandler alone, and no settings module sets ADMINS: Django mails "
            f"nobody, and the traceback of a failing request is {nowhere}",
            "add a StreamHandler to the logger (or let it propagate to a root that has one), and set ADMINS or leave the mail out",
            severity="low" if tracked(project) else None,
            confidence="certain",
            entrypoints=started,
            phase="serving",
            anchor=f"{mail[0]}:no ADMINS",
        )


def _terminal(config: Written, handler: str) -> bool:
    given = pairs(config.handlers[handler]).get("class")
    return isinstance(given, m.Const) and str(given.value).endswith("StreamHandler")


def _only_mail(config: Written, name: str) -> bool:
    """Whether nothing but mail, and what is off in production, gets a logger's records, those above it included."""
    while True:
        given = config.given(name)
        if given is None or {config.kind(h) for h in given} - {"debug", "mail", "none"}:
            return False
        stops = pairs(config.root if name == "root" else config.loggers.get(name)).get("propagate")
        if name == "root" or (isinstance(stops, m.Const) and stops.value is False):
            return True
        name = name.rpartition(".")[0] or "root"
