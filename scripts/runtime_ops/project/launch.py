"""A launch: one way in which the repository's artifacts start a program, followed to the program itself.

``kubernetes/web.yaml: container web`` → ``Dockerfile: ENTRYPOINT`` → ``entrypoint.sh: exec gunicorn`` is one launch
whose ``chain`` has three links. `runtime_ops.project.launches` makes them; entrypoints and the rules that read
artifacts (⇄) ask them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import NamedTuple

from runtime_ops.facts import artifacts as a
from runtime_ops.plain import dataclass

CLUSTERS = frozenset({"kubernetes", "nomad", "ecs", "marathon"})
"""Platforms that give each container a network of its own, and whose artifacts are written to be deployed, unlike a compose
file, which also serves the desk."""


class Link(NamedTuple):
    """One step of the way: the place and the text that stands there (at most 160 characters)."""

    path: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Option:
    """An option that the launched program gets: from its command line, its configuration file, or its environment."""

    value: str | None
    """None for a bare switch."""
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Target:
    """What the launched program runs.

    ``kind``: ``script`` (a Python file), ``module`` (``-m``), ``app`` (``module:attribute`` given to a server or worker),
    ``console-script``, ``program`` (no Python of this repository is known behind it). ``path``: the Python file, relative
    to the root, when it was found. ``attribute``: ``app``, ``create_app()``, a function's name.
    """

    kind: str
    text: str
    path: str | None = None
    attribute: str | None = None


@dataclass(frozen=True, slots=True)
class Launch:
    """One started program, with everything that surrounds it."""

    platform: str
    """dockerfile, compose, kubernetes, procfile, systemd, supervisord, render, fly, appengine, heroku, marathon, ecs,
    nomad, crontab, apache, shell, packaging."""
    chain: tuple[Link, ...]
    """Outermost artifact first; the last link is the command of the program itself."""
    argv: tuple[str, ...]
    """Words of the program's own command, wrappers (env, tini, poetry run, nice …) taken off."""
    program: str
    """Name of the program, without path and version: ``gunicorn``, ``python``, ``celery``, ``flask``, ``manage.py``."""
    target: Target
    server: str | None = None
    """Row of `runtime_ops.libraries.servers` or ``jobs`` (``gunicorn``, ``celery``, ``rq`` …) when the program is one."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """Long option names of the program, as its configuration spells them (``graceful_timeout``, ``workers``)."""
    shell: str = "none"
    """``none``: no shell between the platform and the program; ``exec``: a shell that is replaced by it; ``parent``: a
    shell that stays its parent and passes no signal on; ``trap``: one that traps and passes it on; ``unknown``."""
    shell_link: Link | None = None
    """Where the shell that stays is written (the CMD, or the script's line that should have ``exec``)."""
    init: bool | None = None
    """An init forwards signals (tini, dumb-init, ``init: true``, supervisord's own children have none). None: unknown."""
    pid1: bool = False
    """The program itself is process 1 of its container."""
    supervisor: str | None = None
    """supervisord, systemd, or another program that starts it."""
    background: bool = False
    """Started with ``&`` by its script."""
    grace: a.Value | None = None
    """Seconds between the stop signal and SIGKILL, where an artifact sets it (read it by ``.seconds``)."""
    stop_signal: a.Value | None = None
    env: Mapping[str, tuple[a.EnvironmentVariable, str]] = field(default_factory=dict)
    """Variables that the artifacts on the way set: name to (variable, path of the artifact), the innermost winning."""
    env_open: bool = False
    """More variables may come from elsewhere (envFrom, env_file that is not there, templates)."""
    probes: tuple[tuple[a.Probe, str], ...] = ()
    """Health checks that guard it, each with the path of its artifact."""
    replicas: int | None = None
    """Copies that the platform starts, where it says so."""
    artifacts: tuple[a.Artifact, ...] = ()
    """Every artifact on the way, outermost first."""
    container: a.Container | None = None
    workload: a.Workload | None = None
    service: a.ComposeService | None = None
    stage: a.Stage | None = None
    unit: a.Program | None = None
    role: str = "main"
    """``main``, ``init`` (an init container, a release phase, a pre-start command), ``probe`` (a health check's own
    command), ``job`` (Job, CronJob, crontab line), ``management`` (an arm of an entry script that nothing starts)."""
    optional: bool = False
    """A branch of its script starts it that a variable switches on which no artifact sets."""
    development: bool = False
    """The artifact is for development: its name says so, it mounts the source, or it starts a reloader."""

    @property
    def adds_unread(self) -> bool:
        """The image's entry script was not found (it is copied from a place that a build argument names): what it puts to the
        command, options and variables, is not known."""
        for link, following in zip(self.chain, (*self.chain[1:], None), strict=True):
            script = link.text.removeprefix("ENTRYPOINT ").split(" ")[0] if link.text.startswith("ENTRYPOINT ") else ""
            if script.endswith(".sh") and (following is None or not following.path.endswith((".sh", "entrypoint"))):
                return not script.rpartition("/")[2].startswith("wait")
        return False

    @property
    def path(self) -> str:
        """The outermost artifact."""
        return self.chain[0].path

    @property
    def line(self) -> int:
        return self.chain[0].line
