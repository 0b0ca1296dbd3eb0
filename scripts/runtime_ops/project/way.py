"""A started command on its way to the program: everything that surrounds it so far."""

from __future__ import annotations

from dataclasses import field, replace

from runtime_ops.facts import artifacts as a
from runtime_ops.plain import dataclass
from runtime_ops.project.launch import Link
from runtime_ops.project.layout import absolute, join
from runtime_ops.project.locations import Surroundings
from runtime_ops.project.variables import Variables

_TEXT = 160
_RANK = {"none": 0, "exec": 1, "unknown": 2, "trap": 3, "parent": 4}


def link_of(path: str, line: int, text: str) -> Link:
    """A link, its text on one line and cut."""
    return Link(path, line, " ".join(text.split())[:_TEXT])


@dataclass(frozen=True, slots=True)
class Way:
    """A started command so far: what surrounds it."""

    platform: str
    chain: tuple[Link, ...]
    where: Surroundings
    variables: Variables = field(default_factory=Variables)
    artifacts: tuple[a.Artifact, ...] = ()
    shell: str = "none"
    shell_link: Link | None = None
    init: bool | None = None
    contained: bool = False
    """In a container, where the first process is number 1."""
    alone: bool = True
    """No process stands between the container and the program."""
    image_text: str = ""
    """The image that the container's image builds on, or the image itself where it is none of the repository's."""
    supervisor: str | None = None
    background: bool = False
    grace: a.Value | None = None
    stop_signal: a.Value | None = None
    probes: tuple[tuple[a.Probe, str], ...] = ()
    replicas: int | None = None
    container: a.Container | None = None
    workload: a.Workload | None = None
    service: a.ComposeService | None = None
    stage: a.Stage | None = None
    unit: a.Program | None = None
    role: str = "main"
    development: bool = False
    optional: bool = False
    """In a branch of a script that a variable switches on which no artifact sets."""
    running: frozenset[str] = frozenset()
    """Scripts that are being walked: one that runs itself is not walked again."""
    explore: bool = False
    """Also walk the arms of scripts that the given words do not choose."""

    def to(self, path: str, line: int, text: str, artifact: a.Artifact | None = None) -> Way:
        """One step further."""
        link = link_of(path, line, text)
        chain = self.chain if self.chain and self.chain[-1][:2] == link[:2] else (*self.chain, link)
        artifacts = self.artifacts if artifact is None or artifact in self.artifacts else (*self.artifacts, artifact)
        return replace(self, chain=chain, artifacts=artifacts)

    def through_shell(self, state: str, link: Link) -> Way:
        """Behind a shell."""
        if _RANK[state] <= _RANK[self.shell]:
            return self
        return replace(self, shell=state, shell_link=link if state != "exec" else self.shell_link)

    def moved(self, directory: str) -> Way:
        """After ``cd``, seen from the working directory."""
        where = self.where
        folders = tuple(dict.fromkeys((*(join(f, directory.strip("/")) for f in where.folders[:2]), *where.folders)))
        workdir = absolute(directory, where.workdir or "/")
        return replace(self, where=replace(where, workdir=workdir, folders=folders))

    def with_artifact(self, artifact: a.Artifact | None) -> Way:
        """With one more artifact."""
        if artifact is None or artifact in self.artifacts:
            return self
        return replace(self, artifacts=(*self.artifacts, artifact))
