"""What the rules about artifacts ask of a launch: its server or job system, where a mend would stand."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import artifacts as a
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


def placements(project: Project, launch: Launch) -> list[Launch]:
    """The launches in a Kubernetes cluster of what a launch starts, itself among them; those whose container opens ports, where
    some do: the others get no requests."""
    found = [
        x for x in production(project)
        if x.platform == "kubernetes" and x.role == "main" and x.container is not None and x.chain[-1] == launch.chain[-1]
        and (x == launch or launch.platform == "dockerfile")
    ]  # fmt: skip
    return [x for x in found if x.container is not None and x.container.ports] or found


def pause_before_stop(launch: Launch) -> float:
    """Seconds that the ``preStop`` hook of a container sleeps before the signal comes; new requests go elsewhere meanwhile."""
    hook = launch.container.pre_stop if launch.container is not None else None
    return (hook.seconds or 0.0) if hook is not None else 0.0


def own_image(launch: Launch) -> a.Dockerfile | None:
    """The Dockerfile of a launch that is an image's own, by no other artifact."""
    images = (x for x in launch.artifacts if isinstance(x, a.Dockerfile))
    return next(images, None) if launch.platform == "dockerfile" else None


def built_at_the_desk(project: Project, launch: Launch) -> bool:
    """Whether the launch is an image's own that only compose files for development build, beside the Dockerfile of its folder that
    has the plain name: what is published is then most likely the other one."""
    image = own_image(launch)
    if image is None:
        return False
    folder, _, name = image.path.rpartition("/")
    beside = {x.path for x in project.artifacts_of(a.Dockerfile)}
    if name == "Dockerfile" or f"{folder}/Dockerfile".lstrip("/") not in beside:
        return False
    builders = [x for x in project.launches if x.platform == "compose" and x.stage is not None and image in x.artifacts]
    return bool(builders) and all(x.development for x in builders)


def run_by_nobody(project: Project, launch: Launch) -> bool:
    """Whether the launch is an image's own command that every compose service of the image replaces, while a Procfile starts what is
    published."""
    image = own_image(launch)
    if image is None or not any(x.platform == "procfile" for x in project.launches):
        return False
    builders = [x for x in project.launches if x.platform == "compose" and image in x.artifacts]
    own = launch.chain[0][:2]
    return bool(builders) and not any(link[:2] == own for x in builders for link in x.chain)


def command_link(launch: Launch) -> Link:
    """Where the command of the program is written."""
    return launch.chain[-1]
