"""Where the words of a container's command stand in the repository: COPY, WORKDIR, build contexts, image names."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from runtime_ops.facts.artifacts import ComposeFile, Dockerfile, Stage

DEVELOPMENT = frozenset(
    "dev develop development local test tests testing ci debug example examples sample e2e devcontainer benchmark".split()
)
WORD = re.compile(r"[a-z0-9]+")


class Files:
    """All paths of the repository, and which of them have a name."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = frozenset(paths)
        self._named: dict[str, list[str]] = {}
        for path in sorted(self.paths):
            self._named.setdefault(path.rpartition("/")[2], []).append(path)

    def __contains__(self, path: object) -> bool:
        return path in self.paths

    def ending(self, tail: str) -> list[str]:
        """The paths that are ``tail`` or end in it, whole folders compared."""
        return [p for p in self._named.get(tail.rpartition("/")[2], ()) if p == tail or p.endswith("/" + tail)]


@dataclass(slots=True)
class Surroundings:
    """Folders in which a command's files are looked for, nearest first, and how container paths map to them."""

    folders: tuple[str, ...]
    files: Files
    stage: Stage | None = None
    contexts: tuple[str, ...] = ()
    chdir: tuple[str, ...] = field(default=())

    def find(self, name: str) -> str | None:
        """The repository's path of a file that the command names; None when nothing fits, or several do."""
        if not name or "{{" in name or "$" in name or " " in name:
            return None
        workdir = self.stage.workdir.text if self.stage is not None and self.stage.workdir is not None else "/"
        absolute = posixpath.normpath(name if name.startswith("/") else posixpath.join(workdir, *self.chdir, name))
        for candidate in self._copied(absolute, workdir):
            if candidate in self.files:
                return candidate
        relative = (
            posixpath.relpath(absolute, workdir)
            if absolute.startswith(workdir.rstrip("/") + "/")
            else name.lstrip("./")
        )
        for folder in self.folders:
            for tail in dict.fromkeys((relative, name.lstrip("/").removeprefix("./"))):
                for inner in ("", *self.chdir):
                    candidate = posixpath.normpath(posixpath.join(folder, inner, tail))
                    if candidate in self.files:
                        return candidate
        return self._unique(name)

    def _copied(self, absolute: str, workdir: str) -> Iterable[str]:
        for copy in reversed(self.stage.copies if self.stage is not None else ()):
            if copy.stage is not None:
                continue
            target = copy.target if copy.target.startswith("/") else posixpath.join(workdir, copy.target)
            target = posixpath.normpath(target)
            for source in copy.sources:
                for context in self.contexts:
                    base = posixpath.normpath(posixpath.join(context, source.lstrip("/")))
                    if absolute == target:
                        yield base
                    if absolute.startswith(target.rstrip("/") + "/"):
                        rest = absolute[len(target.rstrip("/")) + 1 :]
                        yield posixpath.normpath(posixpath.join(base, rest))
                        if posixpath.basename(base) == rest:
                            yield base

    def _unique(self, name: str) -> str | None:
        tail = name.lstrip("/").removeprefix("./")
        while "/" in tail or tail:
            fits = self.files.ending(tail)
            near = [f for f in fits if any(not d or f.startswith(d.rstrip("/") + "/") for d in self.folders)]
            if len(near) == 1:
                return near[0]
            if len(fits) == 1 and "/" in tail:
                return fits[0]
            if fits or "/" not in tail:
                return None
            tail = tail.partition("/")[2]
        return None


class Images:
    """Finds the Dockerfile behind an image name or a build."""

    def __init__(
        self, dockerfiles: Sequence[Dockerfile], composes: Sequence[ComposeFile], names: Collection[str]
    ) -> None:
        self.dockerfiles = {d.path: d for d in dockerfiles}
        self.names = {n.lower() for n in names}
        self.built: dict[str, tuple[Dockerfile, str | None]] = {}
        self.contexts: dict[str, set[str]] = {}
        for compose in composes:
            for service in compose.services:
                found = self.of_build(compose.path, service)
                if found is not None:
                    self.contexts.setdefault(found[0].path, set()).add(found[2])
                    self.built.setdefault(service.name.lower(), (found[0], found[1]))
                    if service.image is not None:
                        self.built[basename(service.image.text)] = (found[0], found[1])

    def of_build(self, path: str, service: object) -> tuple[Dockerfile, str | None, str] | None:
        """The Dockerfile, target stage and context of a compose service's ``build``."""
        build = getattr(service, "build", None)
        if build is None:
            return None
        folder = posixpath.dirname(path)
        context = posixpath.normpath(posixpath.join(folder, build.context.text if build.context is not None else "."))
        context = "" if context == "." else context
        name = build.dockerfile.text if build.dockerfile is not None else "Dockerfile"
        target = build.target.text if build.target is not None else None
        for candidate in (posixpath.join(context, name), posixpath.join(folder, name), name):
            found = self.dockerfiles.get(posixpath.normpath(candidate).removeprefix("./"))
            if found is not None:
                return found, target, context
        return None

    def of_image(self, image: str) -> tuple[Dockerfile, str | None] | None:
        """The Dockerfile that makes an image of this name, when the repository says so plainly."""
        name = basename(image)
        if not name or "{" in name:
            return None
        if name in self.built:
            return self.built[name]
        plain = squashed(name)
        fits = [d for p, d in self.dockerfiles.items() if squashed(posixpath.basename(posixpath.dirname(p))) == plain]
        fits += [d for p, d in self.dockerfiles.items() if squashed(_suffix(p)) == plain]
        production = [d for d in fits if not is_development(d.path)] or fits
        if len({d.path for d in production}) == 1:
            return production[0], None
        words = set(WORD.findall(name))
        owners = [
            d
            for d in self.dockerfiles.values()
            if posixpath.dirname(d.path) in ("", "docker", "deploy") and not is_development(d.path)
        ]
        if len(owners) == 1 and any(set(WORD.findall(n)) & words for n in self.names):
            return owners[0], None
        return None

    def contexts_of(self, dockerfile: Dockerfile) -> tuple[str, ...]:
        """Build contexts: those that compose files give, else its own folder, then the root."""
        own = posixpath.dirname(dockerfile.path)
        given = sorted(self.contexts.get(dockerfile.path, ()))
        parents = [own]
        while parents[-1]:
            parents.append(posixpath.dirname(parents[-1]))
        return tuple(dict.fromkeys((*given, *parents)))


def basename(image: str) -> str:
    """``registry/x/web:1.2@sha…`` → ``web``."""
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[0].lower()


def squashed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _suffix(path: str) -> str:
    """``Dockerfile.web`` and ``web.Dockerfile`` → ``web``."""
    name = posixpath.basename(path)
    return name.replace("Dockerfile", "").replace("dockerfile", "").strip(".-_")


def is_development(path: str) -> bool:
    """Whether the words of a path say that it is for development, tests or examples."""
    return bool(DEVELOPMENT & set(WORD.findall(path.lower()))) or path.endswith("docker-compose.override.yml")
