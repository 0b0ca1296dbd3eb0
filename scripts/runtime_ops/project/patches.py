"""Kustomize's patches: what an overlay lays over a workload of its base."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from runtime_ops.facts import artifacts as a

Patches = dict[tuple[str, str], list[tuple[a.KubernetesFile, a.Workload]]]


def commanding(artifacts: Iterable[a.Artifact]) -> Patches:
    """The patches that give a container its command, by kind and name of the workload, with their files. What a base says alone
    is then no way in which anything is started."""
    found: Patches = {}
    for file in artifacts:
        if not isinstance(file, a.KubernetesFile):
            continue
        for workload in file.workloads:
            if workload.patch and workload.name is not None and _commanded(workload):
                found.setdefault((workload.kind, workload.name.text), []).append((file, workload))
    return found


def of(workload: a.Workload, patches: Patches) -> list[tuple[a.KubernetesFile, a.Workload]]:
    """Those of a workload that command a container to which the workload itself gives no command."""
    bare = {c.name.text for c in workload.containers if c.name is not None} - _commanded(workload)
    key = (workload.kind, workload.name.text if workload.name is not None else "")
    return [(file, patch) for file, patch in patches.get(key, ()) if _commanded(patch) & bare]


def _commanded(workload: a.Workload) -> set[str]:
    """The names of the containers to which a workload gives a command."""
    return {c.name.text for c in workload.containers if c.name is not None and (c.command or c.args)}


def laid_over(workload: a.Workload, patch: a.Workload) -> a.Workload:
    """The workload as the patch makes it. All that comes from the base stands at the patch's own lines: it is in another file."""
    return replace(
        workload,
        line=patch.line,
        end_line=patch.end_line,
        containers=tuple(_laid_on(patch.containers, c, patch.line) for c in workload.containers),
        init_containers=tuple(_laid_on(patch.init_containers, c, patch.line) for c in workload.init_containers),
        replicas=patch.replicas or workload.replicas,
        grace=patch.grace or workload.grace,
    )


def _laid_on(patches: Iterable[a.Container], base: a.Container, line: int) -> a.Container:
    """A container of the base with what the patch says of the one of its name."""
    named = (c for c in patches if c.name is not None and base.name is not None and c.name.text == base.name.text)
    return _container(base, next(named, None), line)


def _container(base: a.Container, patch: a.Container | None, line: int) -> a.Container:
    at = patch.line if patch is not None else line
    moved = replace(
        base,
        line=at,
        end_line=patch.end_line if patch is not None else at,
        liveness=_probe(base.liveness, at),
        readiness=_probe(base.readiness, at),
        startup=_probe(base.startup, at),
    )
    if patch is None:
        return moved
    return replace(
        moved,
        command=patch.command or base.command,
        args=patch.args or base.args,
        image=patch.image or base.image,
        env=(*base.env, *patch.env),
        env_from=(*base.env_from, *patch.env_from),
        liveness=patch.liveness or moved.liveness,
        readiness=patch.readiness or moved.readiness,
        startup=patch.startup or moved.startup,
        pre_stop=patch.pre_stop or base.pre_stop,
    )


def _probe(probe: a.Probe | None, line: int) -> a.Probe | None:
    return replace(probe, line=line, end_line=line) if probe is not None else None
