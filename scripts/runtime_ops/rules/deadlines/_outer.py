"""Limits that act around a whole request or job: the server's, and those of proxies before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence
from runtime_ops.libraries.servers import Server, all_servers
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.launch import Launch
from runtime_ops.project.model import Module
from runtime_ops.rules.deadlines._worker_limits import job_limit_holds, job_system_ends
from runtime_ops.rules.jobs._time_limits import one_for_all

NGINX_SECONDS = 60.0  # proxy_read_timeout (nginx documentation, ngx_http_proxy_module)
THREADED = ("gthread", "uvicorn", "gevent", "eventlet", "tornado", "asgi")
"""Worker classes whose requests gunicorn's timeout does not limit: it watches the worker's own loop (gunicorn 23 docs, timeout)."""


class Limit(NamedTuple):
    """How long the outer side waits, in seconds, who it is, and where that is written."""

    seconds: float
    who: str
    at: Evidence


class End(NamedTuple):
    """What ends a caller that waits without a limit of its own: ``text`` says for how long it is held, where that is known;
    ``by`` is ``server`` (it kills the process, after ``seconds``), ``request`` (a middleware ends the request), ``job`` (the
    job system's limit), ``nothing``, or ``unknown``, where what surrounds the caller was not seen."""

    text: str
    by: str
    seconds: float = 0.0


FOR_EVER = End("for ever", "nothing")
UNKNOWN = End("", "unknown")
LOOSER = ("job", "request", "server", "unknown", "nothing")
"""Ends by how little they promise: of several entrypoints the loosest counts."""
LIMITING = re.compile(r"(?i)time_?out.*(middleware|wrapper)$|(middleware|wrapper).*time_?out$")
"""Wrappers around an application that end a request which takes too long, by name."""
OF_LOGINS = re.compile(r"(?i)session|idle|login|logout|auth")
"""What ends somebody's login after a time, and no request (``SessionTimeoutMiddleware``)."""
LIMITING_ENDS = ("middleware", "wrapper", "timeout", "time_out")
"""How such a name ends, in lower case: asked first, for it is asked of every call."""


def server_limit(entrypoint: Entrypoint) -> Limit | None:
    """The longest request limit among the production launches of a service; None when one of them has none, or it is not known."""
    limits = _limits(entrypoint)
    known = [limit for limit in limits if isinstance(limit, Limit)]
    return max(known, key=lambda limit: limit.seconds) if known and len(known) == len(limits) else None


def outer_end(project: Project, entrypoints: tuple[Entrypoint, ...]) -> End:
    """What ends the caller anyway, the loosest of all entrypoints. Of two servers of requests, of which one ends them and one does
    not, it is not known which one gets the request: a proxy before them decides."""
    ends = [_end(project, entrypoint) for entrypoint in that_run(entrypoints)]
    if {"server", "nothing"} <= {end.by for end in ends} and all(e.kind == "service" for e in that_run(entrypoints)):
        return UNKNOWN
    return max(ends, key=lambda end: (LOOSER.index(end.by), end.seconds), default=FOR_EVER)


def start_end(project: Project, entrypoints: tuple[Entrypoint, ...]) -> End:
    """What ends the start of services that hangs: gunicorn kills every worker, of whatever class, that does not come up in its time
    (arbiter.py, murder_workers; a worker tells that it lives only once it serves), unless the application is loaded before they are
    there."""
    launches = [x for e in entrypoints for x in e.production if x.role == "main" and x.platform != "packaging"]
    limits = [_of_launch(x, starting=True) for x in launches]
    known = [limit for limit in limits if isinstance(limit, Limit)]
    if not limits or len(known) < len(limits):
        return FOR_EVER if limits and not known and "unknown" not in limits else UNKNOWN
    longest = max(known, key=lambda limit: limit.seconds)
    return End(f"until {longest.who} kills its process after {longest.seconds:g} s, and starts it again", "server", longest.seconds)


def that_run(entrypoints: tuple[Entrypoint, ...]) -> tuple[Entrypoint, ...]:
    """The entrypoints that say how long somebody is held: no command beside what stays up, no application that nothing serves
    (``asgi.py``) beside one that is served, and no loop that nothing starts beside what is started."""
    lasting = tuple(e for e in entrypoints if e.long_running) or entrypoints
    if not any(e.production for e in lasting):
        return lasting
    served = any(e.kind == "service" and e.production for e in lasting)
    return tuple(e for e in lasting if e.production or not (e.framework == "loop" or (served and e.kind == "service")))


def _end(project: Project, entrypoint: Entrypoint) -> End:
    if entrypoint.framework == "aws lambda":
        return End("until Lambda ends it at its time limit", "job")
    if entrypoint.kind != "service":
        limit = job_limit_holds(project, (entrypoint,))
        if limit is None or (is_management_command(entrypoint.path) and not entrypoint.production):
            return UNKNOWN
        return _of_job(project, entrypoint) if limit else FOR_EVER
    if _ended_by_wrapper(entrypoint):
        return End("until a middleware's time-out ends the request", "request")
    limits = _limits(entrypoint)
    if not limits or "unknown" in limits:
        return UNKNOWN
    longest = server_limit(entrypoint)
    if longest is None:
        return FOR_EVER
    return End(f"until {longest.who} kills its process after {longest.seconds:g} s", "server", longest.seconds)


@cache
def _ended_by_wrapper(entrypoint: Entrypoint) -> bool:
    return any(_wraps(module) for module in entrypoint.modules)


@cache
def _wraps(module: Module) -> bool:
    """Whether a module wraps something in what limits the time of a request: by the name of a call, or of its argument; or names
    such a class in a text, as Django's ``MIDDLEWARE`` does."""
    return any("." in text and _is_limiting(text) for text in module.level.inventory.texts) or any(
        _is_limiting(site.text) or any(isinstance(a, m.Name) and _is_limiting(a.id) for a in site.call.args[:1])
        for func in module.functions.values()
        for site in func.sites
    )


def _is_limiting(name: str) -> bool:
    return name.lower().endswith(LIMITING_ENDS) and LIMITING.search(name) is not None and OF_LOGINS.search(name) is None


def _of_job(project: Project, entrypoint: Entrypoint) -> End:
    """The end of a job where limits are set: by the system itself or for all of them, or for some, of which this may be none."""
    if one_for_all(project) or job_system_ends(project, entrypoint):
        return End("until the time limit of its job", "job")
    return End("for ever, unless its job has a time limit of its own", "nothing")


def _limits(entrypoint: Entrypoint) -> list[Limit | str | None]:
    """The limits of the launches by which production serves. A program that runs gunicorn by itself gives it options that are not
    followed; by default it ends a request."""
    own = any(place.site is not None and (place.site.dotted or "").startswith("gunicorn.") for place in entrypoint.places)
    launches = (x for x in entrypoint.production if x.role == "main" and x.platform != "packaging")
    return ["unknown" if own and x.server is None else _of_launch(x) for x in launches]


def _of_launch(launch: Launch, *, starting: bool = False) -> Limit | str | None:
    """The limit that the launched server sets on a request (``starting``: on the start of the application in a worker); None for
    none, ``unknown`` where it is given by a value that was not followed."""
    row = next((r for r in all_servers() if r.name == launch.server), None)
    if row is None or not (row.request_seconds or row.request_option.flags):
        return None
    if starting:
        preload = launch.options.get("preload_app")
        return None if row.name != "gunicorn" or (preload is not None and preload.value not in ("False", "false")) else _time(row, launch)
    worker = launch.options.get("worker_class") or launch.options.get("k")
    threads = launch.options.get("threads")
    if row.worker_names == () and worker is not None and any(word in (worker.value or "") for word in THREADED):
        return None
    if row.name == "gunicorn":
        if any(option is not None and not _written(option.value) for option in (worker, threads)):
            return "unknown"
        if threads is not None and threads.value != "1":
            return None
    return _time(row, launch)


def _time(row: Server, launch: Launch) -> Limit | str | None:
    """The time that a server gives to a request, by its options or its default."""
    names = (*row.request_option.settings, *(f.lstrip("-").replace("-", "_") for f in row.request_option.flags))
    for name in names:
        option = launch.options.get(name)
        if option is not None:
            number = _number(option.value)
            at = Evidence(option.path, option.line, f"{row.name} {name} = {option.value}")
            return Limit(number, row.name, at) if number else None if number == 0 else "unknown"
    if launch.adds_unread or _names_unread_file(launch):
        return "unknown"
    at = Evidence(launch.chain[-1].path, launch.chain[-1].line, f"{row.name} ends a request after {row.request_seconds} s by default")
    return Limit(float(row.request_seconds), row.name, at) if row.request_seconds else None


def _names_unread_file(launch: Launch) -> bool:
    """Whether the launch names a configuration file (``-c gunicorn_conf.py``) that is not in the repository, so that nothing of it is
    among the options."""
    given = launch.options.get("config")
    name = (given.value or "").rpartition("/")[2] if given is not None else ""
    return given is not None and not any(x.path.rpartition("/")[2] == name for key, x in launch.options.items() if key != "config")


def _written(value: str | None) -> bool:
    """Whether an option's value is a literal, not a variable of the shell or an expression."""
    return value is not None and bool(re.fullmatch(r"[\w.:-]+", value))


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"\d+(?:\.\d+)?", text) else None


def proxy_limits(project: Project, entrypoint: Entrypoint) -> tuple[tuple[a.NginxProxy, Limit], ...]:
    """The read timeouts of the nginx locations that pass to the service, matched by the service's name."""
    return tuple(_proxy_limits(project, entrypoint))


def limit_of_path(limits: tuple[tuple[a.NginxProxy, Limit], ...], path: str | None) -> Limit:
    """The limit of the location that nginx chooses for a path of the service; of several configurations, and where no location is
    seen to lead to it, that of the most patient one."""
    chosen: list[Limit] = []
    for file in {limit.at.path for _, limit in limits}:
        ranked = [(rank, limit) for proxy, limit in limits if limit.at.path == file and (rank := _rank(proxy, path)) is not None]
        if ranked:
            best = max(rank for rank, _ in ranked)
            chosen += [limit for rank, limit in ranked if rank == best]
    return max(chosen or [limit for _, limit in limits], key=lambda limit: limit.seconds)


def _rank(proxy: a.NginxProxy, path: str | None) -> tuple[int, int] | None:
    """How a location competes for a path of the service, as nginx chooses (ngx_http_core_module, location): the exact one, a prefix
    that forbids expressions, the first expression that matches, the longest prefix; None where it does not match."""
    if path is None:
        return None
    sign, _, pattern = proxy.location.rpartition(" ")
    if sign in ("~", "~*"):
        try:
            matches = re.search(pattern, path, re.I if sign == "~*" else 0)
        except re.error:
            return None
        return (1, -proxy.line) if matches else None
    replaced = re.search(r"://[^/]+(/[^$]*)$", proxy.target.text)  # a path there stands in the place of the location's
    prefix = replaced.group(1) if replaced else pattern
    if sign == "=":
        return (3, 0) if path == prefix else None
    if not path.startswith(prefix):
        return None
    return (2 if sign == "^~" else 0, len(prefix))


def _proxy_limits(project: Project, entrypoint: Entrypoint) -> Iterator[tuple[a.NginxProxy, Limit]]:
    names = {name.lower() for launch in entrypoint.production for name in _names(launch)}
    for config in project.artifacts_of(a.NginxConfig):
        for proxy in config.proxies:
            host = re.split(r"://", proxy.target.text)[-1].split("/")[0].lower()
            words = set(re.split(r"[^a-z0-9-]+|_", host)) | {host.split(":")[0]}
            if not names & words:
                continue
            seconds = NGINX_SECONDS
            if proxy.read_timeout is not None:
                if proxy.read_timeout.seconds is None:
                    continue
                seconds = proxy.read_timeout.seconds
            at = Evidence(config.path, proxy.line, f"location {proxy.location} waits {seconds:g} s for an answer")
            yield proxy, Limit(seconds, "nginx", at)


def _names(launch: Launch) -> Iterator[str]:
    for part in (launch.service, launch.workload, launch.container):
        name = getattr(part, "name", None)
        if isinstance(name, str) and len(name) > 2:
            yield name
