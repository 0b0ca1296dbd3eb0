"""Where the files of the repository stand in an image or a mounted container, from ``COPY`` lines and bind mounts."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from runtime_ops.facts import artifacts as a
from runtime_ops.plain import dataclass
from runtime_ops.project.base_images import home_of


class Placed(NamedTuple):
    """A file or folder of the repository at a place of the container. ``source`` is empty for the whole repository."""

    source: str
    target: str
    folder: bool


class Tree:
    """The paths of the repository, with its folders."""

    def __init__(self, files: Collection[str]) -> None:
        self.files = frozenset(files)
        folders = {""}
        for path in self.files:
            folder = path.rpartition("/")[0]
            while folder and folder not in folders:
                folders.add(folder)
                folder = folder.rpartition("/")[0]
        self.folders = frozenset(folders)
        self._by_name: dict[str, list[str]] = {}
        for path in sorted(self.files):
            self._by_name.setdefault(path.rpartition("/")[2], []).append(path)

    def named(self, name: str) -> list[str]:
        """The files of a name, in path order."""
        return self._by_name.get(name, [])

    def holds_python(self, folder: str) -> bool:
        """Whether a Python file stands in or below a folder."""
        start = f"{folder}/" if folder else ""
        return any(path.endswith(".py") and path.startswith(start) for path in self.files)

    def matching(self, pattern: str) -> list[str]:
        """Files and folders that a pattern of a COPY names."""
        if not any(sign in pattern for sign in "*?["):
            return [pattern] if pattern in self.files or pattern in self.folders else []
        depth = pattern.count("/")
        found = [path for path in self.files if path.count("/") == depth and fnmatchcase(path, pattern)]
        found += [path for path in self.folders if path and path.count("/") == depth and fnmatchcase(path, pattern)]
        return sorted(found)


def join(*parts: str) -> str:
    """A path of the repository, ``..`` taken out; empty for the root; begins with ``..`` when it leaves the root."""
    made = posixpath.normpath("/".join(part for part in parts if part) or ".")
    return "" if made == "." else made.lstrip("/")


def absolute(path: str, workdir: str) -> str:
    """A path of a container, seen from its working directory."""
    return posixpath.normpath(posixpath.join(workdir or "/", path))


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands where; later entries hide earlier ones."""

    placed: tuple[Placed, ...] = ()

    def find(self, path: str, tree: Tree) -> str | None:
        """The repository's file or folder at an absolute path of the container."""
        for entry in reversed(self.placed):
            if entry.folder:
                if path == entry.target or path.startswith(f"{entry.target.rstrip('/')}/"):
                    found = join(entry.source, path[len(entry.target.rstrip("/")) :].lstrip("/"))
                    if found in tree.files or found in tree.folders:
                        return found
            elif path == entry.target:
                return entry.source
        return None

    def with_mounts(self, mounts: Iterable[a.Mount], folder: str, tree: Tree) -> Layout:
        """The layout with the bind mounts of a compose service whose file stands in ``folder``."""
        made = []
        for mount in mounts:
            if not mount.bind or "$" in mount.source or mount.source.startswith(("/", "~")):
                continue
            source = join(folder, mount.source)
            if source in tree.files or source in tree.folders:
                made.append(Placed(source, posixpath.normpath(mount.target), source in tree.folders))
        return Layout((*self.placed, *made)) if made else self


def layout_of(dockerfile: a.Dockerfile, stage: a.Stage, context: str, tree: Tree, depth: int = 0) -> Layout:
    """The files that a stage's ``COPY``/``ADD`` lines bring from the build context, also by way of other stages.

    Relative targets are seen from the stage's last WORKDIR.
    """
    workdir = stage.workdir.text if stage.workdir is not None else home_of(stage.image.text) or "/"
    made: list[Placed] = []
    for copy in stage.copies:
        target = absolute(copy.target, workdir)
        many = copy.target.endswith("/") or len(copy.sources) > 1 or copy.target in (".", "..")
        if copy.stage is not None:
            other = dockerfile.stage(copy.stage)
            if other is not None and other.index < stage.index and depth < 8:
                made.extend(_from_stage(copy, target, layout_of(dockerfile, other, context, tree, depth + 1), other))
            continue
        for source in copy.sources:
            if source.startswith(("http://", "https://", "git@", "<<")):
                continue
            for found in tree.matching(join(context, source.lstrip("/"))):
                if found in tree.folders:
                    made.append(Placed(found, target, True))
                    continue
                inside = posixpath.join(target, posixpath.basename(found))
                if many:
                    made.append(Placed(found, inside, False))
                else:  # a target without a last slash may be a folder that exists
                    made.append(Placed(found, inside, False))
                    made.append(Placed(found, target, False))
    return Layout(tuple(made))


def _from_stage(copy: a.Copy, target: str, layout: Layout, other: a.Stage) -> list[Placed]:
    workdir = other.workdir.text if other.workdir is not None else "/"
    made = []
    for source in copy.sources:
        path = absolute(source, workdir)
        for entry in layout.placed:
            if entry.target == path or entry.target.startswith(f"{path.rstrip('/')}/"):
                rest = entry.target[len(path.rstrip("/")) :].lstrip("/")
                made.append(Placed(entry.source, posixpath.normpath(posixpath.join(target, rest)), entry.folder))
            elif entry.folder and path.startswith(f"{entry.target.rstrip('/')}/"):
                inner = path[len(entry.target.rstrip("/")) :].lstrip("/")
                made.append(Placed(join(entry.source, inner), target, True))
    return made


def build_context(dockerfile: a.Dockerfile, tree: Tree) -> str:
    """The folder that a Dockerfile was most likely written for: the nearest one at or above it that holds most of
    what it copies."""
    folder = dockerfile.path.rpartition("/")[0]
    candidates = [folder]
    while candidates[-1]:
        candidates.append(candidates[-1].rpartition("/")[0])
    sources = [
        source
        for stage in dockerfile.stages
        for copy in stage.copies
        if copy.stage is None
        for source in copy.sources
        if not source.startswith(("http://", "https://", "<<")) and source.strip("./")
    ]
    scores = [sum(bool(tree.matching(join(c, s.lstrip("/")))) for s in sources) for c in candidates]
    if any(scores):
        return candidates[scores.index(max(scores))]
    return next((c for c in candidates if tree.holds_python(c)), folder)
