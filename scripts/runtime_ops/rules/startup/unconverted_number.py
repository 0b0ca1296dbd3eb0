"""The text of an environment variable where a number is needed."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.settings import Flow, SettingRead
from runtime_ops.rules.api import Rule
from runtime_ops.rules.startup._reads import ENVIRONMENT, read_for_development

RULE = Rule(
    __name__,
    severity="medium",
    summary="The text of an environment variable reaches a parameter that needs a number.",
    lead=True,
)
NUMERIC = frozenset(
    """timeout connect_timeout read_timeout socket_timeout socket_connect_timeout request_timeout max_retries retries
    max_workers pool_size max_overflow pool_recycle pool_timeout pool_maxsize interval maxsize max_size min_size
    max_connections heartbeat prefetch_count seconds minutes hours days microseconds milliseconds backoff_factor
    ttl expire max_tries max_attempts concurrency max_bytes maxbytes backupcount""".split()
)
"""Parameters that libraries document as numbers, under whatever client."""
FIRST_IS_NUMBER = frozenset(("time.sleep", "asyncio.sleep", "range", "datetime.timedelta", "signal.alarm"))
"""Callables of the standard library whose first argument is a number."""

PORTS = {
    "prometheus_client.start_http_server": ("0", "port"), "prometheus_client.start_wsgi_server": ("0", "port"),
    "werkzeug.serving.run_simple": ("1", "port"),
}  # fmt: skip
"""Servers that bind the port as they were given it (prometheus-client 0.26, exposition.py: wsgiref's make_server, whose socket.bind
takes no text; werkzeug 3.1.9, serving.py: "port must be an integer"). Flask.run does int(port) first (flask 3.1.3, app.py); uvicorn,
aiohttp and waitress resolve a text."""
CONVERTING = {
    "psycopg2.connect": ("connect_timeout",), "psycopg.connect": ("connect_timeout",),
    "psycopg.Connection.connect": ("connect_timeout",), "psycopg.AsyncConnection.connect": ("connect_timeout",),
}  # fmt: skip
"""Parameters that take a text as well: part of the text that libpq is given (psycopg 3.3, conninfo.py, timeout_from_conninfo:
int(float(value)))."""
OTHER_ERRORS = {"requests.": "ValueError", "urllib3.": "ValueError"}
"""What a library raises for a text that is not TypeError (urllib3 2, util/timeout.py, _validate_timeout, which requests calls)."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for read in project.settings:
        if read.how not in ENVIRONMENT or read.conversion or read_for_development(read):
            continue
        flow = _numeric(project, read)
        if flow is None:
            continue
        sure = flow.to in FIRST_IS_NUMBER or flow.to in PORTS
        always = read.required or (isinstance(read.default, m.Const) and isinstance(read.default.value, str))
        found = project.phases_by_entrypoint(read.function, read.line, read.steps)
        if not found:
            continue
        yield RULE.finding(
            read.path,
            read.line,
            f"{read.name} reaches {flow.to}({flow.parameter}=…) as text{_consequence(read, flow, always)}",
            f"convert it where it is read: int(os.environ.get({read.name!r}, …)) or float(…)",
            phase="serving" if any("serving" in p for p in found.values()) else "startup",
            entrypoints=tuple(found),
            anchor=read.name,
            # What the standard library does with a text is known; a library may convert what it is given: one that is given a text
            # by every deployment very likely does.
            confidence="certain" if sure else "possible" if always else "likely",
        )


def _consequence(read: SettingRead, flow: Flow, always: bool) -> str:
    error = next((error for start, error in OTHER_ERRORS.items() if flow.to.startswith(start)), "TypeError")
    if always:
        return f", {'whatever it is' if read.required else 'whether it is set or not'}: the call raises {error}"
    default = "" if read.has_default else " or None"
    return f"{default}: when the variable is set the call raises {error}, so it works only as long as nobody configures it"


def _numeric(project: Project, read: SettingRead) -> Flow | None:
    for flow in read.flows:
        if _needs_number(flow):
            return flow
    for use in project.settings.uses(read):
        for flow in use.flows[:1]:
            if _needs_number(flow):
                return flow
    return None


def _needs_number(flow: Flow) -> bool:
    if flow.kind != "argument":
        return False
    if flow.parameter in CONVERTING.get(flow.to, ()):
        return False
    if flow.to in PORTS:
        return flow.parameter in PORTS[flow.to]
    if flow.to in FIRST_IS_NUMBER:
        return flow.parameter in ("0", *NUMERIC)
    if flow.to.startswith("redis.") and flow.to.count(".") > 1 and not flow.to.rpartition(".")[2][:1].isupper():
        return False  # a command's arguments are sent as text
    # a function of the project may convert what it is given
    return flow.parameter.lower() in NUMERIC and "." in flow.to and not flow.to.startswith(("self.", "cls."))
