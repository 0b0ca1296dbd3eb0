"""What a logging configuration that is written out whole does to records: twice at the terminal, or nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.log_configs import LogConfig
from runtime_ops.rules.api import Rule
from runtime_ops.rules.startup._reads import for_development

KINDS = ("service", "worker", "job")
ALTERNATIVE = re.compile(r"(?:^|/)alembic[\w.-]*\.ini$|debug")
"""Files that the service does not run with: that of the migrations' own command, and one for looking into a fault."""
ABOVE_INFO = frozenset(("WARN", "WARNING", "ERROR", "CRITICAL", "FATAL", "30", "40", "50"))
ACCESS = {"gunicorn": ("gunicorn.access", ("accesslog",)), "hypercorn": ("hypercorn.access", ("accesslog",))}
"""The logger of a server's access records, and the option that asks for them (gunicorn 23.0.0 glogging.py: ``access_log.info``;
hypercorn 0.17.3 logging.py)."""


def written_twice(project: Project, rule: Rule) -> Iterator[Finding]:
    """A logger and one above it, which gets its records too, both write to the terminal or by the same handler."""
    for config in project.log_configs:
        users = _users(project, config)
        if not users:
            continue
        found = [
            (logger, above)
            for logger in config.loggers
            for above in config.above(logger)
            if any(_same(config, one, other) for one in logger.handlers for other in above.handlers)
        ]
        if found:
            first, above = found[0]
            named = dict.fromkeys(logger.name for logger, _ in found)
            yield rule.finding(
                config.path,
                first.line,
                f"The loggers {', '.join(list(named)[:4])} write by handlers of their own and pass their records on to "
                f"{above.name}, which writes them to the same output: every record comes twice, and counts twice in alerts",
                'set "propagate": False on them, or leave the handlers to the logger above',
                severity="low",
                entrypoints=users,
                phase="startup",
                trace=[Evidence(config.path, above.line, "writes them once more")],
                anchor=f"twice:{first.name}",
                count=len(named),
            )


def _users(project: Project, config: LogConfig) -> tuple[Entrypoint, ...]:
    """The programs that use a configuration as far as is known: those that import its module, or any that is no command."""
    if for_development(config.path) or ALTERNATIVE.search(config.path):
        return ()
    if config.module is not None:
        return project.imported_by(config.module, *KINDS)
    return tuple(e for e in project.entrypoints if e.kind in KINDS)


def _same(config: LogConfig, one: str, other: str) -> bool:
    """Whether two handlers write each record to one output: one and the same, or both to the terminal without a choice."""
    first, second = config.handler(one), config.handler(other)
    if first is None or second is None or first.selective or second.selective:
        return False
    return (one == other and not first.kind.endswith("NullHandler")) or (_terminal(first) and _terminal(second))


def _terminal(handler: a.HandlerEntry) -> bool:
    return handler.kind.endswith("StreamHandler")


def shut_access_log(project: Project, rule: Rule) -> Iterator[Finding]:
    """The start command asks for an access log, and the logging configuration drops the records of its logger."""
    for entrypoint in project.entrypoints:
        for launch in entrypoint.production:
            name, options = ACCESS.get(launch.server or "", ("", ()))
            asked = next((launch.options[o] for o in options if o in launch.options), None)
            if asked is None or asked.value in ("", "None", None):
                continue
            for config in project.log_configs:
                logger = config.logger(name)
                if logger is None or for_development(config.path) or not _drops(logger):
                    continue
                yield rule.finding(
                    config.path,
                    logger.line,
                    f"The start command asks {launch.server} for an access log, and this configuration gives {name} "
                    + (f"the level {logger.level}, above the INFO of its records" if _above(logger) else "no handler and no way up")
                    + ": no request is logged, neither its status nor its time",
                    "give the logger the level INFO and a handler, or leave it out of the configuration",
                    end_line=logger.end_line,
                    entrypoints=(entrypoint,),
                    phase="startup",
                    trace=[Evidence(asked.path, asked.line, "asks for the access log")],
                    anchor=name,
                )
                return


def _drops(logger: a.LoggerEntry) -> bool:
    return _above(logger) or (logger.propagate is False and not logger.handlers)


def _above(logger: a.LoggerEntry) -> bool:
    return logger.level.upper() in ABOVE_INFO
