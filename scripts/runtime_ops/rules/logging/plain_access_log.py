"""Structured application logs beside the server's own plain access log."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.launch import Launch
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Module
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._programs import Program, programs
from runtime_ops.rules.logging.unstructured_logs import reached

RULE = Rule(
    __name__,
    severity="low",
    summary="The application's records are structured, the server's access log is plain text in the same stream.",
    lead=True,
)
# per server: whether it writes an access log by default, options that switch it on, off, or give it a form
SERVERS: dict[str, tuple[bool, tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "gunicorn": (
        False,
        ("access_logfile", "accesslog"),
        ("disable_redirect_access_to_syslog",),
        ("logger_class", "logconfig", "logconfig_dict", "log_config", "logconfig_json", "log_config_json"),
    ),
    "uvicorn": (True, ("access_log",), ("no_access_log",), ("log_config",)),
    "hypercorn": (False, ("access_logfile", "accesslog"), (), ("log_config", "logconfig", "logconfig_dict")),
}
LOGGERS = ("uvicorn.access", "gunicorn.access", "hypercorn.access")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for program in programs(project):
        if not structured(project, program) or _taken_over(program) or _logs_requests(project, program):
            continue
        yield from _by_launch(program)
        if not any(launch.program == launch.server for e in program.all for launch in e.production):
            yield from _by_code(project, program)  # else that call is for the desk


def structured(project: Project, program: Program) -> bool:
    """Whether the program reaches a structured formatter."""
    return any(
        use.structured and use.function.module in program.modules and any(reached(project, e, use) for e in program.all)
        for use in project.log_parts
    )


def _logs_requests(project: Project, program: Program) -> bool:
    """Whether a hook of the application writes its own record of each request."""
    return any(
        hook.kind in ("after-request", "middleware", "teardown")
        and hook.func is not None
        and hook.func.module in program.modules
        and any(log_call(site) is not None for site in hook.func.sites)
        for hook in project.hooks
    )


def _taken_over(program: Program) -> bool:
    """Whether the code names the server's access logger: it gives it a form, or switches it off, or calls what does
    (``configure_uvicorn_logging``)."""
    return any(_names_logger(module) or _sets_up(module) for module in program.modules)


def _sets_up(module: Module) -> bool:
    """A call by the name of a server and of logs: a company's own set-up of both."""
    return any(
        "log" in name and any(server in name for server in SERVERS)
        for func in module.functions.values()
        for site in func.sites
        for name in [site.method.lower()]
    )


def _names_logger(module: Module) -> bool:
    bodies = [f.facts.body for f in module.functions.values()]
    return any(
        isinstance(node, m.Const) and isinstance(node.value, str) and node.value in (*LOGGERS, "uvicorn", "gunicorn")
        for body in bodies
        for node in m.walk(body)
    )


def _by_launch(program: Program) -> Iterator[Finding]:
    for launch in program.entrypoint.production:
        row = SERVERS.get(launch.server or "")
        if row is None or not writes(launch, row) or launch.program != launch.server:
            continue
        link = launch.chain[-1]
        yield RULE.finding(
            link.path,
            link.line,
            f"{launch.server} writes its access log as plain text between the application's structured records: the lines that say how "
            "long and with what status are the ones that cannot be queried",
            "give the server the same formatter (log_config, logconfig_dict, logger_class), or log requests in a middleware instead",
            phase="serving",
            entrypoints=(program.entrypoint,),
            trace=[Evidence(x.path, x.line, x.text) for x in launch.chain[:1]],
            anchor=f"{program.entrypoint.id}:{launch.server}",
        )
        return


def writes(launch: Launch, row: tuple[bool, tuple[str, ...], tuple[str, ...], tuple[str, ...]]) -> bool:
    """Whether the server of a launch writes a plain access log."""
    default, on, off, forms = row
    options = launch.options
    if any(name in options for name in (*off, *forms)):
        return False
    shape = options.get("access_log_format") or options.get("access_logformat")
    if shape is not None and (shape.value or "").lstrip("'\"").startswith("{"):
        return False
    given = next((options[name] for name in on if name in options), None)
    if given is None:
        return default
    return (given.value or "-").lower() not in ("", "none", "false", "/dev/null")


def _by_code(project: Project, program: Program) -> Iterator[Finding]:
    """``uvicorn.run(app)`` in the program itself."""
    for site in project.sites("uvicorn.run", "uvicorn.Config"):
        if site.function.module not in program.modules or any(key is None for key, _ in site.call.keywords):
            continue
        access = site.call.keyword("access_log")
        if site.call.keyword("log_config") is not None or (isinstance(access, m.Const) and access.value is False):
            continue
        if not any(project.lives[e].at(site.function, site.line, site.steps) for e in program.all if not e.app):
            continue
        yield RULE.at(
            project,
            site,
            f"{site.text}() keeps uvicorn's own plain-text access log between the application's structured records",
            "pass log_config= with the same formatter, or access_log=False and log requests in a middleware",
        )
        return
