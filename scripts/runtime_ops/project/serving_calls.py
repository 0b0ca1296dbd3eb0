"""Calls in which a program stays until it is stopped: a library's serving call, a consumer that is known by its names alone."""

from __future__ import annotations

import re

from runtime_ops.facts import model as m
from runtime_ops.libraries.servers import server_run_by
from runtime_ops.libraries.surface import surface
from runtime_ops.project.model import Func, Site

CONSUMES = re.compile(
    r"^(?!(?:threading|multiprocessing|concurrent|PyQt|PySide|kafka|aiokafka|confluent_kafka|aio_pika|watchdog)[.\w])"
    r".*(?:Consumer|Worker|Listener|Subscriber|Daemon)\.(?:start|run|run_forever|consume|start_consuming|listen|work|serve_forever|loop)$"
)
"""A consumer or worker that is started, of a library whose start does not return at once as those of threads and clients do."""
BY_NAME = re.compile(r"(?i)(?:^|[._])(?:\w*consumer|\w*listener|\w*subscriber)\.(?:run|consume|listen|start_consuming)$")
"""A consumer that is run, by the name of what holds it."""


def kind_served(dotted: str) -> str:
    """The kind of program that a library's call keeps up: ``service`` or ``worker``; empty for another call."""
    row = surface("serve", dotted)
    if row is not None:
        return row.kind
    server = server_run_by(dotted)
    # A starting call returns at once (``grpc.Server.start``): what keeps the program up is the wait after it.
    return "service" if server is not None and server.is_run_by(dotted) else ""


def starts_consumer(site: Site) -> bool:
    """Whether a call starts a consumer or worker of a library that no table knows, by its names."""
    return site.dotted is not None and CONSUMES.search(site.dotted) is not None and surface("starter", site.dotted) is None


def is_bounded_run(site: Site) -> bool:
    """A serving call that is given a bound (``rq worker.work(burst=True)``)."""
    burst = site.call.keyword("burst")
    return isinstance(burst, m.Const) and burst.value is True


def consumes_at_last(func: Func) -> bool:
    """Whether the last word of a function is to run a consumer of which only the name is known (``consumer.run()``)."""
    last = func.facts.body[-1] if func.facts.body else None
    named = (s for s in func.sites if s.stmt is last and s.dotted is None and (s.weak or not s.targets))
    return any(BY_NAME.search(s.text) for s in named)
