"""Facts of Dockerfiles and compose files."""

from __future__ import annotations

from runtime_ops.facts.artifact_commands import (
    Command,
    ShellScript,
)
from runtime_ops.facts.artifact_parts import (
    EnvironmentSource,
    EnvironmentVariable,
    Port,
    Probe,
    Resource,
)
from runtime_ops.facts.artifact_values import Artifact, Value
from runtime_ops.plain import dataclass


@dataclass(frozen=True, slots=True)
class Copy:
    """``COPY``/``ADD``: ``stage`` is the ``--from`` (a stage or image), None for the build context."""

    sources: tuple[str, ...]
    target: str
    stage: str | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Stage:
    """One build stage, with what it inherits from earlier stages of the file by ``FROM stage``.

    ``image`` is the base image as written with ARG defaults filled in where known; ``parent`` the index of the stage
    it builds on, None for an image. ``cmd``/``entrypoint``/``healthcheck``/``stop_signal``/``workdir``/``user``/
    ``env``/``ports`` are effective: the nearest along the parents (an ENTRYPOINT clears an inherited CMD, as the
    builder does). ``copies``, ``runs`` are of the whole chain, parents first, and so are ``scripts``: shell scripts that
    its instructions write, each with its path in the image as written.
    """

    index: int
    name: str | None
    image: Value
    parent: int | None
    line: int
    end_line: int
    cmd: Command | None = None
    entrypoint: Command | None = None
    healthcheck: Probe | None = None
    stop_signal: Value | None = None
    workdir: Value | None = None
    user: Value | None = None
    shell: tuple[str, ...] = ()
    env: tuple[EnvironmentVariable, ...] = ()
    args: tuple[EnvironmentVariable, ...] = ()
    ports: tuple[Port, ...] = ()
    copies: tuple[Copy, ...] = ()
    runs: tuple[Command, ...] = ()
    scripts: tuple[tuple[str, ShellScript], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile(Artifact):
    """A Dockerfile or Containerfile; ``stages`` in their order; ``head``: the text of the comments before its first
    instruction."""

    stages: tuple[Stage, ...] = ()
    head: str = ""

    def stage(self, target: str | None = None) -> Stage | None:
        """The stage that a build makes: the last, or the one that ``--target`` names (by name or number)."""
        if target is None:
            return self.stages[-1] if self.stages else None
        for stage in reversed(self.stages):
            if (stage.name or "").lower() == target.lower() or str(stage.index) == target:
                return stage
        return None


@dataclass(frozen=True, slots=True)
class Build:
    """``build:`` of a compose service; paths as written, relative to the compose file (context) and the context."""

    context: Value | None
    dockerfile: Value | None
    target: Value | None
    args: tuple[EnvironmentVariable, ...]
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Dependency:
    """``depends_on``: ``condition`` ``service_started`` (also the list form), ``service_healthy``,
    ``service_completed_successfully``."""

    name: str
    condition: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume of a compose service; ``bind`` when the source is a path of the host."""

    source: str
    target: str
    bind: bool
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class ComposeService:
    """One service, anchors, merges and ``extends`` within the file applied. ``extends_file``: the other file that
    ``extends`` names (its service is ``extends_service``), not followed here."""

    name: str
    line: int
    end_line: int
    build: Build | None = None
    image: Value | None = None
    command: Command | None = None
    entrypoint: Command | None = None
    env: tuple[EnvironmentVariable, ...] = ()
    env_from: tuple[EnvironmentSource, ...] = ()
    healthcheck: Probe | None = None
    grace: Value | None = None
    stop_signal: Value | None = None
    init: Value | None = None
    pid: Value | None = None
    """``pid:``: whose process numbers it sees."""
    restart: Value | None = None
    replicas: Value | None = None
    user: Value | None = None
    working_dir: Value | None = None
    depends_on: tuple[Dependency, ...] = ()
    ports: tuple[Port, ...] = ()
    mounts: tuple[Mount, ...] = ()
    profiles: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    watched: bool = False
    extends_file: str | None = None
    extends_service: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposeFile(Artifact):
    """A compose (or swarm stack) file. ``includes``: other compose files it names; ``head``: the text of the comments that stand
    before its services."""

    services: tuple[ComposeService, ...] = ()
    includes: tuple[Value, ...] = ()
    name: str | None = None
    head: str = ""
