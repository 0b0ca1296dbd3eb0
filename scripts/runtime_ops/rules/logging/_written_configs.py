"""What a logging configuration that is written out whole does to records: twice at the terminal, or nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain

from runtime_ops.facts import artifacts as a
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.project.log_configs import LogConfig
from runtime_ops.project.model import Module
from runtime_ops.rules.api import Rule
from runtime_ops.rules.startup._reads import for_development

KINDS = ("service", "worker", "job")
ALTERNATIVE = re.compile(r"(?:^|/)alembic[\w.-]*\.ini$|debug")
"""Files that the service does not run with: that of the migrations' own command, and one for looking into a fault."""
ELSEWHERE = re.compile(r"(?i)/dev/|/proc/|none$|off$|syslog")
"""Values of ``stdout_logfile`` that are no file of the container."""
TAILS = re.compile(r"(?:^|[\s/'\"])tail\s+(?:\S+\s+)*?-\w*[fF]")
"""A ``tail`` that goes on as files grow."""
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
            shared = any(set(logger.handlers) & set(upper.handlers) for logger, upper in found)
            yield rule.finding(
                config.path,
                first.line,
                f"The loggers {', '.join(list(named)[:4])} write by handlers of their own and pass their records on to "
                f"{above.name}, which writes them to the same output: every record comes twice, and counts twice in alerts",
                'set "propagate": False on them, or leave the handlers to the logger above',
                severity="low",
                confidence="certain" if shared and config.module is not None else "likely",
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
    if first is None or second is None:
        return False
    if one == other:  # what it lets through comes by both
        return not first.kind.endswith("NullHandler")
    return not (first.selective or second.selective) and _terminal(first) and _terminal(second)


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
                if logger is None or for_development(config.path) or not _drops(logger) or not _loaded(project, launch, config):
                    continue
                yield rule.finding(
                    config.path,
                    logger.line,
                    f"The start command asks {launch.server} for an access log, and this configuration gives {name} "
                    + (f"the level {logger.level}, above the INFO of its records" if _above(logger) else "no handler and no way up")
                    + ": no request is logged, neither its status nor its time",
                    "give the logger the level INFO and a handler, or leave it out of the configuration",
                    end_line=logger.end_line,
                    confidence="certain" if logger.propagate is False and not logger.handlers else "likely",
                    entrypoints=(entrypoint,),
                    phase="startup",
                    trace=[Evidence(asked.path, asked.line, "asks for the access log")],
                    anchor=name,
                )
                return


def _loaded(project: Project, launch: Launch, config: LogConfig) -> bool:
    """Whether something names a file of logging that no module holds: an option of the server, or a text of the code."""
    return config.module is not None or names_file(config.path, (launch,), project.modules)


def names_file(path: str, launches: Iterable[Launch], modules: Iterable[Module]) -> bool:
    """Whether an option of the launches, or a text in the code of the modules, names a file, in whatever folder."""
    name = path.rpartition("/")[2]
    options = (option.value or "" for launch in launches for option in launch.options.values())
    texts = (text for module in modules for func in module.functions.values() for text in func.inventory.texts)
    return any(text.rpartition("/")[2] == name for text in chain(options, texts))


def kept_inside(project: Project, rule: Rule) -> Iterator[Finding]:
    """supervisord, started in a container, writes the output of a program to a file there: nothing collects it, and it goes with
    the container. Without ``stdout_logfile`` it is a temporary file (supervisor 4.2.5, options.py: AUTO)."""
    seen: set[tuple[str, int]] = set()
    for entrypoint in project.entrypoints:
        # a supervisord that puts itself into the background is a step before the main program, and its programs live on
        started = [x for x in entrypoint.launches if x.role in ("main", "init") and not x.development]
        for launch in sorted(started, key=lambda x: x.optional) if entrypoint.long_running else ():
            config = next((x for x in launch.artifacts if isinstance(x, a.SupervisordConfig)), None)
            if launch.supervisor != "supervisord" or config is None or launch.unit is None or launch.stage is None:
                continue
            if _tailed(launch) or _forwarded(config):
                continue
            own = config.section(launch.unit)
            kept = own.get("stdout_logfile") if own is not None else None
            if own is None or (kept is not None and (kept.templated or ELSEWHERE.match(kept.text))):
                continue
            place = (config.path, kept.line if kept is not None else own.line)
            if place in seen:
                continue
            seen.add(place)
            yield rule.finding(
                *place,
                f"supervisord writes what {launch.unit.name} prints to "
                + (kept.text if kept is not None and kept.text.upper() != "AUTO" else "a temporary file, since no stdout_logfile is set")
                + " inside the container: it is not in the container's log, and is gone with the container",
                "stdout_logfile=/dev/fd/1 with stdout_logfile_maxbytes=0, and redirect_stderr=true or the same for stderr_logfile",
                entrypoints=(entrypoint,),
                phase="serving",
                confidence="possible" if launch.optional else "likely",  # somebody may mount the folder, or be told to
                trace=[Evidence(x.path, x.line, x.text) for x in launch.chain],
                anchor=f"inside:{launch.unit.name}",
            )


def _tailed(launch: Launch) -> bool:
    """Whether the entry script writes files of the container to its output: ``tail -f /var/log/*.log``."""
    scripts = (x for x in launch.artifacts if isinstance(x, a.ShellScript))
    return any(command.program == "tail" for script in scripts for command in script.commands)


def _forwarded(config: a.SupervisordConfig) -> bool:
    """Whether supervisord itself starts what writes the files of its programs to the container's output: a ``tail``, or a listener
    for the lines that they print (supervisor's manual, Events: PROCESS_LOG)."""
    for program in config.programs:
        section = next((x for x in config.sections if x.line == program.line), None)
        events = section.get("events") if section is not None else None
        if program.kind == "eventlistener" and events is not None and "PROCESS_LOG" in events.text:
            return True
        command = section.get("command") if section is not None else None
        if command is not None and TAILS.search(command.text):
            return True
    return False


def _drops(logger: a.LoggerEntry) -> bool:
    return _above(logger) or (logger.propagate is False and not logger.handlers)


def _above(logger: a.LoggerEntry) -> bool:
    return logger.level.upper() in ABOVE_INFO
