"""Starts: each way in which the platform runs the entrypoint, with what restarts, probes and stops it."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, MapRow
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.grace import grace_of
from runtime_ops.project.launch import Launch

LONGEST = 80


def rows(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """One row a start of production: the artifact's line, then the links that lead to the program's own command."""
    for launch in entrypoint.production:
        command = " ".join(launch.argv)[:LONGEST] or launch.program
        source = tuple(Evidence(link.path, link.line, link.text) for link in launch.chain[1:])
        deaf = launch.shell == "parent" and launch.init is not True and entrypoint.long_running
        known = not deaf and (not entrypoint.long_running or grace_of(launch) is not None)
        yield MapRow(
            "start", f"{launch.platform}: {command}", launch.path, launch.line, "startup", "ok" if known else "unknown",
            "; ".join(_said(launch, entrypoint, deaf)) or None, source,
        )  # fmt: skip


def _said(launch: Launch, entrypoint: Entrypoint, deaf: bool) -> Iterator[str]:
    """What holds of the process while it lives, and of its end."""
    if not entrypoint.long_running:
        return
    grace = grace_of(launch)
    if deaf:
        yield "a shell stays in between and passes no signal on"
    if grace is not None:
        yield f"SIGKILL {grace.seconds:g} s after the stop{'' if grace.written else ' (the default)'}"
    if launch.service is not None:
        restart = launch.service.restart
        yield f"restart: {restart.text}" if restart is not None else "no restart policy"
    if not launch.probes and launch.platform in ("compose", "dockerfile", "kubernetes"):
        yield "nothing probes it"
