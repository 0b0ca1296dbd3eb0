"""What the rules about artifacts ask of a launch: its server or job system, where a mend would stand."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.libraries.jobs import JobSystem, all_job_systems, is_clock, worker_program
from runtime_ops.libraries.servers import Server, all_servers, worker_class
from runtime_ops.project.build import Project
from runtime_ops.project.launch import Launch, Link, Option


def production(project: Project) -> Iterator[Launch]:
    """Launches of production that stay up."""
    for launch in project.launches:
        if not launch.development and launch.role in ("main", "management"):
            yield launch


def server_of(launch: Launch) -> Server | None:
    """The server that the launch starts; for gunicorn with a worker class of its own rules, that class's row."""
    row = next((s for s in all_servers() if s.name == launch.server), None)
    if row is not None and row.name == "gunicorn":
        given = launch.options.get("worker_class")
        if given is not None and given.value:
            return worker_class(given.value) or row
    return row


def system_of(launch: Launch) -> JobSystem | None:
    """The job system whose worker the launch starts, also through a program of the project (``manage.py rq worker``).

    None for a clock (``celery beat``): what its row says about jobs in hand holds for no job of that process.
    """
    if is_clock(launch.argv):
        return None
    row = next((s for s in all_job_systems() if s.name == launch.server), None)
    if row is not None:
        return row
    words = tuple(w.rpartition("/")[2] for w in launch.argv)
    if launch.program in ("manage.py", "flask") and len(words) > 1:
        return worker_program(words[1:])
    return None


def option(launch: Launch, *names: str) -> Option | None:
    """An option of the launch by any of its spellings (``--graceful-timeout``, ``graceful_timeout``)."""
    for name in names:
        found = launch.options.get(name.lstrip("-").replace("-", "_"))
        if found is not None:
            return found
    return None


def seconds_in(text: str | None) -> float | None:
    """A number of seconds, None for anything else."""
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def command_link(launch: Launch) -> Link:
    """Where the command of the program is written."""
    return launch.chain[-1]
