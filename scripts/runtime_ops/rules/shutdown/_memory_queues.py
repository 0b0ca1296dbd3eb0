"""Queues in memory whose items a stop drops: the loop that takes them, the thread it runs in, where it is stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.project.build import Project
from runtime_ops.project.jobs import Consumer
from runtime_ops.project.resources import Resource
from runtime_ops.project.signals import Act, Registration
from runtime_ops.rules.shutdown._long_running import owners
from runtime_ops.rules.shutdown._running import for_developers, lasting_phases

DRAINS = frozenset({"join", "drain", "flush", "get_nowait", "empty", "qsize", "put"})


class Taken(NamedTuple):
    """A loop over a queue in memory that runs in a daemon thread which nothing joins."""

    consumer: Consumer
    thread: Resource
    queue: str


def taken(project: Project) -> Iterator[Taken]:
    """Every such loop of what stays up in production."""
    threads = {r.target: r for r in project.resources if r.kind == "thread" and r.target is not None}
    for consumer in project.jobs.consumers:
        thread = threads.get(consumer.func)
        if consumer.system is not None or thread is None or thread.daemon is not True or thread.stops:
            continue
        entrypoints, _ = lasting_phases(project, thread.site)
        if entrypoints:
            yield Taken(consumer, thread, consumer.source.rpartition(".")[2] or consumer.source)


def dropping_stop(project: Project, found: Taken) -> tuple[Registration, Act | None] | None:
    """The SIGTERM handler that ends the program without draining the queue, with the call on the queue if there is one."""
    for registration in project.registrations:
        known = [e for e in owners(project, registration.site) if not for_developers(project, e)]
        if "SIGTERM" not in registration.signals or not known or registration.how != "signal":
            continue
        on_queue = [
            act
            for act in registration.acts
            if act.kind == "call"
            and act.site is not None
            and act.site.text.rpartition(".")[0].rpartition(".")[2] == found.queue
        ]
        if any(act.site is not None and act.site.method in DRAINS for act in on_queue):
            return None
        if not any(act.kind in ("exit", "raise") for act in registration.acts):
            continue
        if not on_queue and registration.handler is None:
            continue  # a lambda that raises: the way down is written elsewhere
        return registration, on_queue[0] if on_queue else None
    return None
