"""What a compose file says of where its services run: at a desk, or for good."""

from __future__ import annotations

import re

from runtime_ops.facts.artifacts import ComposeFile, ComposeService
from runtime_ops.project.build import Project
from runtime_ops.project.launch import Launch

RESTARTS = frozenset({"always", "unless-stopped", "on-failure", "any"})
PRODUCTION = frozenset("prod production live staging deploy deployment swarm".split())
_SPLIT = re.compile(r"[^a-z0-9]+")


def restarted(service: ComposeService) -> bool:
    """Whether compose is told to start the service again when it ends."""
    return service.restart is not None and service.restart.text.strip("'\"").partition(":")[0] in RESTARTS


def named_production(path: str) -> bool:
    """Whether the file's name, or its folder's, says that it is for production: ``docker-compose.prod.yml``."""
    return bool(PRODUCTION.intersection(_SPLIT.split("/".join(path.lower().split("/")[-2:]))))


def made_here(service: ComposeService) -> bool:
    """Whether the service is built from this repository, or gets its source mounted."""
    return service.build is not None or any(x.bind and x.source.startswith(".") for x in service.mounts)


def ours(launch: Launch, project: Project) -> bool:
    """Whether the compose service runs code of the repository: where others of its file are built here or get the source
    mounted, one with another image alone is a neighbour's program, whose command only reads like one of ours."""
    if launch.service is None or made_here(launch.service):
        return True
    beside = [s for f in project.artifacts_of(ComposeFile) if f.path == launch.path for s in f.services if made_here(s)]
    image = launch.service.image.text if launch.service.image is not None else ""
    return not beside or any(s.image is not None and s.image.text == image for s in beside)


def for_good(launch: Launch) -> bool:
    """Whether the compose service is where the program runs for good, not only built or tried out: compose is told to start it
    again, or the file is named for production."""
    return launch.service is not None and (restarted(launch.service) or named_production(launch.path))
