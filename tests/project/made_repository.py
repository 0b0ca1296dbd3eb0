"""A small repository that a test writes: its launches, without touching the disk, or all of it as a project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from runtime_ops.discover import discover
from runtime_ops.facts import model as m
from runtime_ops.facts.artifact_kinds import artifact_kind, read_artifact
from runtime_ops.facts.artifacts import Artifact
from runtime_ops.facts.python import read_python
from runtime_ops.gather import gather
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Closure
from runtime_ops.project.launch import Launch
from runtime_ops.project.launches import find_launches
from runtime_ops.project.links import Links
from runtime_ops.project.modules import ModuleIndex
from runtime_ops.project.names import Names

APP = "app = object()\n"
MANAGE = "def main():\n    from django.core.management import execute_from_command_line\n"


def launches(files: dict[str, str], *others: str) -> tuple[Launch, ...]:
    """The launches of a repository of these files; ``others`` are files that nobody reads."""
    modules: list[m.ModuleFacts] = []
    artifacts: list[Artifact] = []
    for path, text in files.items():
        data = dedent(text).lstrip("\n").encode()
        kind = artifact_kind(path)
        artifact = read_artifact(kind, path, data) if kind is not None else None
        if artifact is not None:
            assert not artifact.unread, artifact.unread
            artifacts.append(artifact)
        if path.endswith(".py"):
            facts = read_python(path, data)
            assert isinstance(facts, m.ModuleFacts), facts
            modules.append(facts)
    index = ModuleIndex(modules)
    return find_launches(artifacts, Closure(Links(index, Names(index))), {*files, *others})


def written(root: Path, files: Mapping[str, str]) -> Project:
    """The repository of these files (path → text), written below the root, read and linked."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    gathered = gather(root, discover(root), workers=1)
    assert not gathered.unparsed
    return Project(gathered.modules, gathered.artifacts, gathered.paths)


def only(files: dict[str, str], *others: str, **wanted: object) -> Launch:
    """The only launch whose attributes are as wanted."""
    found = launches(files, *others)
    kept = [x for x in found if all(getattr(x, name) == value for name, value in wanted.items())]
    assert len(kept) == 1, "\n".join(f"{x.platform} {x.role} {x.argv} {x.target}" for x in found)
    return kept[0]


def values(launch: Launch) -> dict[str, str | None]:
    """The options of a launch without their places."""
    return {name: option.value for name, option in launch.options.items()}


def places(launch: Launch) -> list[str]:
    """The chain of a launch as ``path:line``."""
    return [f"{link.path}:{link.line}" for link in launch.chain]
