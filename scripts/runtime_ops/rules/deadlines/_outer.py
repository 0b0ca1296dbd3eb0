"""Limits that act around a whole request or job: the server's, and those of proxies before it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import artifacts as a
from runtime_ops.findings import Evidence
from runtime_ops.libraries.servers import all_servers
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.rules.deadlines._waiting import job_limit_holds

NGINX_SECONDS = 60.0  # proxy_read_timeout (nginx documentation, ngx_http_proxy_module)
THREADED = ("gthread", "uvicorn", "gevent", "eventlet", "tornado", "asgi")
"""Worker classes whose requests gunicorn's timeout does not limit: it watches the worker's own loop (gunicorn 23 docs, timeout)."""


class Limit(NamedTuple):
    """How long the outer side waits, in seconds, who it is, and where that is written."""

    seconds: float
    who: str
    at: Evidence


def server_limit(entrypoint: Entrypoint) -> Limit | None:
    """The longest request limit among the production launches of a service; None when one of them has none."""
    limits = [_of_launch(launch) for launch in entrypoint.production if launch.role == "main"]
    known = [limit for limit in limits if limit is not None]
    return max(known, key=lambda limit: limit.seconds) if known and len(known) == len(limits) else None


def outer_end(project: Project, entrypoints: tuple[Entrypoint, ...]) -> str:
    """What ends the caller anyway, empty where nothing does in one of the entrypoints: then the wait is for ever there."""
    services = [e for e in entrypoints if e.kind == "service"]
    others = [e for e in entrypoints if e.kind != "service"]
    limits = [server_limit(e) for e in services]
    if not entrypoints or None in limits or (others and not job_limit_holds(project, others)):
        return ""
    longest = max((limit for limit in limits if limit is not None), key=lambda limit: limit.seconds, default=None)
    if longest is None:
        return "until the time limit of its job"
    return f"until {longest.who} kills its process after {longest.seconds:g} s"


def _of_launch(launch: Launch) -> Limit | None:
    row = next((r for r in all_servers() if r.name == launch.server), None)
    if row is None or not (row.request_seconds or row.request_option.flags):
        return None
    worker = launch.options.get("worker_class") or launch.options.get("k")
    threads = launch.options.get("threads")
    if row.worker_names == () and worker is not None and any(word in (worker.value or "") for word in THREADED):
        return None
    if row.name == "gunicorn" and threads is not None and threads.value not in (None, "1"):
        return None
    names = (*row.request_option.settings, *(f.lstrip("-").replace("-", "_") for f in row.request_option.flags))
    for name in names:
        option = launch.options.get(name)
        if option is not None:
            number = _number(option.value)
            at = Evidence(option.path, option.line, f"{row.name} {name} = {option.value}")
            return Limit(number, row.name, at) if number else None
    at = Evidence(launch.chain[-1].path, launch.chain[-1].line, f"{row.name} ends a request after {row.request_seconds} s by default")
    return Limit(float(row.request_seconds), row.name, at) if row.request_seconds else None


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"\d+(?:\.\d+)?", text) else None


def proxy_limits(project: Project, entrypoint: Entrypoint) -> Iterator[Limit]:
    """The read timeouts of the nginx locations that pass to the service, matched by the service's name."""
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
            yield Limit(seconds, "nginx", Evidence(config.path, proxy.line, f"location {proxy.location} waits {seconds:g} s for an answer"))


def _names(launch: Launch) -> Iterator[str]:
    for part in (launch.service, launch.workload, launch.container):
        name = getattr(part, "name", None)
        if isinstance(name, str) and len(name) > 2:
            yield name
