"""A program that logs by Python's logging while nothing in its start sets that up."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import LoggingFile
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.launch import Launch
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Module, Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._django_errors import admins, always_debugs, tracked
from runtime_ops.rules.logging._plain_text import django_settings, shipped
from runtime_ops.rules.logging._programs import Program, programs, traced_around, unread_imports
from runtime_ops.rules.logging._setups import adds_to

RULE = Rule(
    __name__,
    severity="medium",
    summary="A deployed program logs, and nothing it starts sets logging up: INFO is dropped, WARNING and above come without a time.",
)
FRAMEWORKS = frozenset(
    {"", "loop", "flask", "flask-restful", "flask-restx", "flask-smorest", "fastapi", "starlette", "django", "falcon", "bottle"}
)
"""Those that give the root logger nothing (Flask 3.1, FastAPI 0.13x, Django 5.2, Falcon 4, bottle 0.13 read)."""
SERVERS = frozenset({None, "gunicorn", "uvicorn", "uwsgi", "hypercorn", "mod_wsgi"})
"""Servers whose own set-up has loggers of their own names only (gunicorn 27.0, uvicorn 0.54, hypercorn 0.17)."""
OPTIONS = frozenset({"log_config", "logconfig", "logconfig_dict", "logconfig_json", "logger_class", "log-config", "log_config_file"})
SETTING = re.compile(
    r"(?i)(^|[._])(log(?!in|out|on|ic|ist)\w*|structlog|loguru|observability|telemetry|monitoring|sentry\w*|commons?|core_?lib)($|[._])"
)
"""What a package that sets logging up may be called, or a module or function of one."""
OTHERS = frozenset(
    "absl airflow azure azureml connexion dagster daphne discord dramatiq elasticapm eventlet faust flytekit functions_framework hydra "
    "kopf litestar locust logbook loguru logfire mode nameko newrelic ddtrace opentelemetry prefect pyramid ray robyn sanic scrapy "
    "streamlit structlog tornado twisted waitress daiquiri oslo_log coloredlogs verboselogs rich celery rq huey".split()
)
"""Packages that give the root logger a handler themselves, or records a way of their own, at least sometimes."""
HELD = ("gunicorn", "uvicorn", "hypercorn", "werkzeug", "django", "celery")
"""Loggers to which their library gives handlers."""
STARTERS = re.compile(r"(^|[._])(init|init_?app|set_?up|configure|bootstrap|register|create_app|initialize|initialise)$", re.IGNORECASE)
KNOWN = frozenset(
    "flask flask_sqlalchemy flask_migrate flask_login flask_cors flask_wtf flask_caching flask_mail flask_session flask_restful django "
    "sentry_sdk raven fastapi starlette sqlalchemy alembic boto3 redis pymongo prometheus_client flask_limiter flask_compress "
    "flask_talisman flask_marshmallow flask_jwt_extended flask_bcrypt whitenoise openai stripe cloudinary kubernetes firebase_admin".split()
)
"""Packages whose functions of such names leave logging alone."""
FEW = 3


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    found: list[tuple[Program, list[Site]]] = []
    for program in programs(project):
        if not _unaided(project, program) or not shipped(project, program) or _set_up(project, program):
            continue
        lost = list(_informing(_with_settings(project, program)))
        if len(lost) >= FEW or _errors_lost(project, program):
            found.append((program, lost))
    if not found:
        return
    found.sort(key=lambda row: (-len(row[1]), row[0].home.path))
    program, lost = found[0]
    path, line, trace = _place(project, program)
    entrypoint = program.entrypoint
    many = len(lost) >= FEW
    yield RULE.finding(
        path,
        line,
        f"Nothing that {entrypoint.kind} {entrypoint.path} starts sets Python's logging up: the root logger stays at WARNING without a "
        f"handler, so {len(lost)} INFO calls (the first in {lost[0].path}:{lost[0].line}) write nothing, and what is written has no time"
        if many
        else f"No settings of {entrypoint.kind} {entrypoint.path} set logging up: with DEBUG off Django writes nothing to the terminal and "
        "mails its errors to ADMINS, which is not set either, so the traceback of a failing request is written nowhere",
        "call logging.basicConfig or dictConfig with a JSON formatter and level INFO where production starts"
        + (" (Django: LOGGING in its settings)" if entrypoint.framework == "django" else ""),
        entrypoints=[p.entrypoint for p, _ in found],
        phase="startup",
        confidence="certain",
        trace=[*trace, *(Evidence(site.path, site.line, "is never written") for site in lost[:1])],
        anchor=entrypoint.id,
        count=len(found),
        also=[Evidence(p.home.path, p.home.line, "the same") for p, _ in found[1:9]],
    )


def _errors_lost(project: Project, program: Program) -> bool:
    """Whether Django's own set-up is all there is, no error tracker, and nobody whom it may mail: with DEBUG off it gives its records
    to no terminal (Django 5.2, utils/log.py DEFAULT_LOGGING), and the traceback of a failing request is written nowhere."""
    return (
        any(e.framework == "django" for e in program.all)
        and program.entrypoint.kind == "service"
        and not tracked(project)
        and not admins(project)
        and not always_debugs(project)
        and not any(h.kind in ("error-handler", "middleware") and h.func is not None and "exception" in h.func.name for h in project.hooks)
    )


def _unaided(project: Project, program: Program) -> bool:
    """Whether framework and server are known to give the root logger nothing, and no option of a start command does."""
    launches = [x for e in program.all for x in e.production if x.role == "main"]
    return (
        all((e.framework or "") in FRAMEWORKS for e in program.all)
        and all(x.server in SERVERS and not OPTIONS & set(x.options) and _config_read(project, x) for x in launches)
        and not traced_around(program)
    )


def _config_read(project: Project, launch: Launch) -> bool:
    """Whether the configuration file of the server, when its command names one, is in the repository."""
    named = launch.options.get("config")
    if named is None or not isinstance(named.value, str):
        return named is None
    last = named.value.removeprefix("python:").rpartition("/")[2]
    return any(path.rpartition("/")[2] in (last, f"{last}.py") for path in project.files)


def _set_up(project: Project, program: Program) -> bool:
    """Whether anything the program imports sets logging up, or may: a part of logging, an attached handler, a package by name."""
    modules = _with_settings(project, program)
    parts = (u for u in project.log_parts if u.role in ROLES and not u.name.endswith(("NullHandler", "captureWarnings")))
    if any(use.function.module in modules for use in parts):
        return True
    if any(_touches(module) for module in modules) or any(True for _ in unread_imports(project, program, SETTING)):
        return True
    return any(_foreign(project, module) for module in modules)


ROLES = ("configure", "formatter", "handler", "filter", "correlate")


def _with_settings(project: Project, program: Program) -> frozenset[Module]:
    """The program's modules; all of the repository for Django, which loads what its settings and URLs name."""
    return frozenset(project.modules) if any(e.framework == "django" for e in program.all) else program.modules


def _touches(module: Module) -> bool:
    """Whether code of a module gives a logger a handler, binds Django's ``LOGGING``, or derives a handler."""
    if {"LOGGING", "LOGGING_CONFIG", "LOG_CONFIG"} & set(module.level.bindings):
        return True
    for func in module.functions.values():
        if any(adds_to(s) or s.method in ("addHandler", "dictConfig", "fileConfig", "basicConfig", "exec") for s in func.sites):
            return True
        for place in func.places:
            if isinstance(place.stmt, m.Assign) and any(
                isinstance(t, m.Name | m.Attr) and (t.id if isinstance(t, m.Name) else t.name).rpartition(".")[2] in ("handlers", "LOGGING")
                for t in place.stmt.targets
            ):
                return True
    return False


def _foreign(project: Project, module: Module) -> bool:
    """Whether a module imports a package that sets logging up, star-imports one that was not read, or hands its application to one."""
    index = project.links.names.index
    unread: dict[str, str] = {}
    for name, bindings in module.level.bindings.items():
        for binding in bindings:
            if binding.kind != "import":
                continue
            if binding.text.partition(".")[0] in OTHERS:
                return True
            if index.find(module, binding.text)[0] is None and binding.text.partition(".")[0] not in KNOWN:
                if binding.text.endswith("*") or name == "*":
                    return True
                unread[name] = binding.text
    return any(
        (site.call.args or site.call.keywords) and STARTERS.search(unread[head] + site.text.removeprefix(head))
        for func in module.functions.values()
        for site in func.sites
        if (head := site.text.partition(".")[0]) in unread
    )


def _informing(modules: frozenset[Module]) -> Iterator[Site]:
    """Calls at level INFO of loggers of the standard library that nobody but the program gives handlers."""
    for module in sorted(modules, key=lambda x: x.path):
        for func in module.functions.values():
            for site in func.sites:
                call = log_call(site)
                ours = call is not None and call.level == "info" and call.sure and (site.dotted or "").startswith("logging.")
                if ours and not _held(site):
                    yield site


def _held(site: Site) -> bool:
    """Whether the logger is by its name one to which a library gives handlers, or has a name that is not written."""
    origin = site.origin.call if site.origin is not None else None
    if origin is None or not origin.args:
        return False
    name = origin.args[0]
    if isinstance(name, m.Const):
        return str(name.value).partition(".")[0] in HELD
    return not (isinstance(name, m.Name) and name.id in ("__name__", "__file__"))


def _place(project: Project, program: Program) -> tuple[str, int, list[Evidence]]:
    """Where the mend would be written: the settings of Django; the command that leaves out the configuration the repository holds;
    the program's own logger, or its start."""
    entrypoint = program.entrypoint
    started = [Evidence(entrypoint.path, entrypoint.line, f"{entrypoint.kind} {entrypoint.id}")]
    if any(e.framework == "django" for e in program.all):
        settings = django_settings(project)
        if settings is not None:
            return settings.path, settings.level.bindings["INSTALLED_APPS"][0].line, started
    files = [f for f in project.artifacts_of(LoggingFile) if f.handlers]
    launch = next((x for e in program.all for x in e.production if x.role == "main" and x.server is not None), None)
    if files and launch is not None:
        link = launch.chain[-1]
        return link.path, link.line, [*started, Evidence(files[0].path, 1, "sets logging up, and is not loaded")]
    home = program.home
    logger = next((s for s in home.main.module.level.sites if s.dotted == "logging.getLogger"), None)
    return home.path, logger.line if logger is not None else home.line, started
