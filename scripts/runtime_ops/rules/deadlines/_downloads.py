"""``curl`` and ``wget`` in what starts a container: entry scripts and init containers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import artifacts as a
from runtime_ops.project.build import Project

LIMITS = {
    "curl": re.compile(r"^(?:--max-time|--speed-time|-[a-zA-Z]*m\d*$|-[a-zA-Z]*y\d*$)"),
    "wget": re.compile(r"^(?:--timeout|--read-timeout|-[a-zA-Z]*T\d*$)"),
}
"""Options that limit the whole transfer or a silence in it (curl 8 and GNU wget 1.21 manuals)."""
OFFLINE = ("--version", "--help", "-V", "-h")


class Download(NamedTuple):
    """A download without a limit: the file, the command, what it keeps from starting (``program``: one of those that a
    supervisor starts, or a script in the background), and the other places with the same command (manifests are copied
    between a chart, a kustomization and a release file) or in the same script."""

    path: str
    command: a.SimpleCommand
    holds: str
    copies: tuple[tuple[str, int], ...] = ()


def unlimited_downloads(project: Project) -> Iterator[Download]:
    """Downloads that start a container and that nothing ends, in path and line order; copies of one make one."""
    found: dict[tuple[str, int], Download] = {}
    # what starts no Python of this repository (an nginx, a collector) is somebody else's to judge
    ours = [x for e in project.entrypoints for x in e.launches if not x.development]
    pods = {(x.path, x.workload.line) for x in ours if x.workload is not None}
    for artifact in project.artifacts_of(a.KubernetesFile):
        for workload in artifact.workloads:
            if (artifact.path, workload.line) not in pods:
                continue
            for container in workload.init_containers:
                for command in (container.command, container.args):
                    for part in command.parts if command is not None else ():
                        if _unlimited(part):
                            found[(artifact.path, part.line)] = Download(artifact.path, part, "pod")
    started = {link.path for launch in ours for link in launch.chain}
    alone = {link.path for launch in ours if not launch.supervisor and not launch.background for link in launch.chain}
    for script in project.artifacts_of(a.ShellScript):
        if script.path in started:
            for part in script.commands:
                if _unlimited(part) and not part.background:
                    found[(script.path, part.line)] = Download(script.path, part, "container" if script.path in alone else "program")
    same: dict[str, list[tuple[str, int]]] = {}
    first_of: dict[tuple[str, str], str] = {}
    for key in sorted(found, key=lambda k: (k[0].count("/"), k)):
        raw = found[key].command.raw
        if found[key].holds != "pod":  # several of one script have one mend
            raw = first_of.setdefault((key[0], found[key].command.program), raw)
        same.setdefault(raw, []).append(key)
    for first, *others in sorted(same.values()):
        yield found[first]._replace(copies=tuple(others))


def _unlimited(command: a.SimpleCommand) -> bool:
    limit = LIMITS.get(command.program.rpartition("/")[2])
    words = command.argv[1:]
    return limit is not None and bool(words) and not any(limit.match(w) or w in OFFLINE for w in words)
