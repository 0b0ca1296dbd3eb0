"""Which Dockerfile of the repository an image name means, and which shell an image has.

A name is matched only where something says so: a compose service that builds the image, a folder of its name, a root
Dockerfile whose project has its name. Otherwise there is no match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from runtime_ops.facts import artifacts as a
from runtime_ops.plain import cached_property, dataclass
from runtime_ops.project.development import development_name
from runtime_ops.project.layout import Tree, build_context, join
from runtime_ops.project.variables import fill

DASH = "dash"
_PLACEHOLDER = re.compile(r"\{\{.*?\}\}|\$\{[^}]*\}|\$\([^)]*\)|\$\w+")
_DEFAULT = re.compile(r"\$\{\w+:?-([^}]*)\}")
_DIGEST_OR_TAG = re.compile(r"(?:@sha256:.*|:[^/]*)\Z")
_TAG = re.compile(r":([a-z][a-z_-]+)\Z")
"""A tag that is a word."""
_GENERIC_FOLDERS = frozenset(
    ("docker", "src", "build", "app", "container", "images", "image", "deploy", "deployment", ".docker")
)
_ASIDE = frozenset(("contrib", "example", "examples", "docs", "test", "tests"))
"""Folders of programs beside the project: an image that is built from one of them is not the project's own."""
_COMMON_PROGRAMS = frozenset("api app main manage run serve server service start web worker wsgi asgi entrypoint bot".split())
_COMMON_FOLDERS = frozenset(("tests", "test", "docs", "scripts", "app", "src"))

# Images whose /bin/sh is dash (Debian and what is built on it), busybox ash, or bash. Sources: the images' own
# documentation on Docker Hub; facts 1.53 for what dash and bash do.
_BASH = re.compile(
    r"centos|fedora|\bubi\d*\b|redhat|rhel|rockylinux|almalinux|amazonlinux|oraclelinux|archlinux|opensuse|lambda/python"
)
_ASH = re.compile(r"alpine|busybox|wolfi|chainguard")
_DASH = re.compile(
    r"python|debian|ubuntu|slim|bookworm|bullseye|buster|trixie|jammy|noble|focal|bionic|conda|mamba|pypy|node|nvidia|cuda|"
    r"pytorch|tensorflow|playwright|jupyter|buildpack|airflow|uwsgi|gunicorn|fastapi|poetry|astral-sh/uv"
)
# Images that start what they are given as it is: they have no ENTRYPOINT, or one that replaces itself.
_PLAIN = re.compile(
    r"(?:.*/)?(?:python|debian|ubuntu|alpine|centos|fedora|ubi\d*(?:-minimal|-micro)?|rockylinux|almalinux|amazonlinux|node|pypy|"
    r"miniconda3?|micromamba|uv|scratch|buildpack-deps|cuda|busybox)\Z"
)
# Images whose ENTRYPOINT is an interpreter or runtime, by their documentation: its words come before the command.
_ENTRYPOINTS = (
    (re.compile(r"distroless/python|chainguard/python|cgr\.dev/[^/]+/python"), "python3"),
    (re.compile(r"lambda/python"), "awslambdaric"),
)


def plain_base(image: str) -> bool:
    """Whether a base image is known to start the given command as process 1."""
    return _PLAIN.match(plain_image(image)) is not None


def base_entrypoint(image: str) -> str | None:
    """The program that a base image's own ENTRYPOINT puts before the command, where it is known."""
    return next((program for pattern, program in _ENTRYPOINTS if pattern.search(image)), None)


def shell_of_image(image: str, shell: str = "sh") -> str:
    """``dash``, ``bash``, ``ash`` or ``unknown`` for the shell ``sh`` (or the one named) of a base image."""
    if shell in ("bash", "dash", "ash"):
        return shell
    if _PLACEHOLDER.search(image):
        return "unknown"
    image = image.lower()
    if _ASH.search(image):
        return "ash"
    if _BASH.search(image):
        return "bash"
    return DASH if _DASH.search(image) else "unknown"


def plain_image(text: str) -> str:
    """An image's name without tag and digest; what a template fills in is ``*``."""
    text = _PLACEHOLDER.sub("*", _DEFAULT.sub(r"\1", text.strip()))
    return _DIGEST_OR_TAG.sub("", text).lower()


def simple(text: str) -> str:
    """A name without case and punctuation."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


@dataclass(frozen=True, slots=True)
class Image:
    """An image that the repository builds."""

    dockerfile: a.Dockerfile
    stage: a.Stage
    context: str

    @property
    def base(self) -> str:
        """The name of the image that the first of its stages builds on."""
        stage = self.stage
        while stage.parent is not None:
            stage = self.dockerfile.stages[stage.parent]
        return stage.image.text


class Images:
    """The images of the repository, by their names."""

    def __init__(self, artifacts: tuple[a.Artifact, ...], tree: Tree) -> None:
        self.tree = tree
        self.dockerfiles = {x.path: x for x in artifacts if isinstance(x, a.Dockerfile) and x.stages}
        self.contexts: dict[str, str] = {}
        self._by_name: dict[str, list[Image]] = {}
        self._by_last: dict[str, list[Image]] = {}
        self._dotenv = {
            x.path.rpartition("/")[0]: {v.name: v.value.text for v in x.variables if v.value is not None}
            for x in artifacts
            if isinstance(x, a.DotenvFile) and x.path.rsplit("/", 1)[-1] == ".env"
        }
        for artifact in artifacts:
            if isinstance(artifact, a.ComposeFile):
                for service in artifact.services:
                    self._note(artifact.path, service)
        self._deployed = {
            plain_image(container.image.text)
            for artifact in artifacts
            if isinstance(artifact, a.KubernetesFile)
            for workload in artifact.workloads
            for container in workload.containers
            if container.image is not None
        }
        self._projects = {simple(n) for n in _project_names(artifacts, tree)}
        if len(self.dockerfiles) == 1:
            self._projects |= {simple(n) for x in self.dockerfiles.values() for n in _programs(x)}

    def _note(self, path: str, service: a.ComposeService) -> None:
        """Note the image that a compose service builds, and the context it is built from."""
        image = self.built(path, service)
        if image is None:
            return
        self.contexts.setdefault(image.dockerfile.path, image.context)
        names = [f"*/{service.name}"]
        if service.image is not None:
            names.append(plain_image(service.image.text))
        for name in names:
            self._add(self._by_name, name, image)
            self._add(self._by_last, name.rsplit("/", 1)[-1], image)

    @staticmethod
    def _add(table: dict[str, list[Image]], name: str, image: Image) -> None:
        images = table.setdefault(name, [])
        if image not in images:
            images.append(image)

    def context(self, dockerfile: a.Dockerfile) -> str:
        """The build context of a Dockerfile: what a compose file says, else what fits its COPY lines."""
        found = self.contexts.get(dockerfile.path)
        if found is None:
            found = self.contexts[dockerfile.path] = build_context(dockerfile, self.tree)
        return found

    def default(self, dockerfile: a.Dockerfile) -> Image:
        """What a Dockerfile builds for production: its last stage, unless that is named for development or tests and
        another one starts something."""
        stage = dockerfile.stages[-1]
        if development_name(stage.name or ""):
            others = [
                s for s in dockerfile.stages[:-1] if (s.cmd or s.entrypoint) and not development_name(s.name or "")
            ]
            stage = others[-1] if others else stage
        return Image(dockerfile, stage, self.context(dockerfile))

    def last(self, dockerfile: a.Dockerfile) -> Image:
        """What a Dockerfile builds when no target is named."""
        return Image(dockerfile, dockerfile.stages[-1], self.context(dockerfile))

    def built(self, path: str, service: a.ComposeService) -> Image | None:
        """The image that a service of the compose file at ``path`` builds."""
        build = service.build
        if build is None:
            return None
        folder = path.rpartition("/")[0]
        context = join(folder, self._filled(build.context.text, folder) if build.context else ".")
        name = self._filled(build.dockerfile.text, folder) if build.dockerfile else "Dockerfile"
        dockerfile = self.dockerfiles.get(join(context, name)) or self.dockerfiles.get(join(folder, name))
        if dockerfile is None and build.dockerfile is None:
            dockerfile = self.dockerfiles.get(join(context, "Containerfile"))
        if dockerfile is None:
            return None
        stage = (
            dockerfile.stage(self._filled(build.target.text, folder) if build.target else None) or dockerfile.stages[-1]
        )
        return Image(dockerfile, stage, context)

    def _filled(self, text: str, folder: str) -> str:
        """A text of a compose file with the variables of the ``.env`` beside it, else their defaults."""
        if "$" not in text:
            return text
        env = self._dotenv.get(folder, {})
        return _DEFAULT.sub(r"\1", fill(text, env.get)[0])

    def named(self, text: str) -> Image | None:
        """The image of the repository that a name means, None when nothing says so."""
        name = plain_image(text)
        last = name.rsplit("/", 1)[-1]
        if not last.strip("*"):
            return None
        image = self._of_name(name, last)
        tag = _TAG.search(text.strip())
        # ``shop:migration`` where the folder ``migration`` builds an image: several are kept under one name
        tagged = self._by_folder(tag[1]) if image is not None and tag is not None else None
        return tagged or image

    def _of_name(self, name: str, last: str) -> Image | None:
        for found in (self._by_name.get(name), self._by_last.get(last) if "*" not in last else None):
            images = {i.dockerfile.path: i for i in found or ()}
            if images:
                return self._for_production(self._most_plain(images))
        return self._by_folder(last) or self._by_project(name) or self._by_family(name) or self._by_module(last)

    def _by_module(self, last: str) -> Image | None:
        found = [d for d in self.dockerfiles.values() if simple(last) in _dotted(d)]
        return self.default(found[0]) if len(found) == 1 else None

    def _by_family(self, name: str) -> Image | None:
        """The image of a family: of ``shop/store_web`` and ``shop/store_worker`` the folders ``web`` and ``worker`` are built.
        One such name alone may be anybody's (``bitnami/redis-exporter``)."""
        stem, end = _parted(name)
        family = self._families.get(stem, {})
        return family.get(end) if len({image.dockerfile.path for image in family.values()}) > 1 else None

    @cached_property
    def _families(self) -> dict[str, dict[str, Image]]:
        """By the stem of deployed images' names, what is built in the folders that the ends of these names mean."""
        found: dict[str, dict[str, Image]] = {}
        for stem, end in map(_parted, self._deployed):
            image = self._by_folder(end) if stem else None
            if image is not None:
                found.setdefault(stem, {})[end] = image
        return found

    def _for_production(self, image: Image) -> Image:
        """What is pulled under a name: a file for developers may build its own stage under the same one."""
        return self.default(image.dockerfile) if development_name(image.stage.name or "") else image

    def _most_plain(self, images: dict[str, Image]) -> Image:
        """Of several Dockerfiles of one name the plain one (``Dockerfile`` before ``Dockerfile.dev``)."""
        return images[min(images, key=lambda path: (len(path), path))]

    def _by_folder(self, last: str) -> Image | None:
        found = [d for d in self.dockerfiles.values() if last in _names_of(d.path)]
        if len(found) > 1:
            plain = [d for d in found if d.path.rsplit("/", 1)[-1].lower() in ("dockerfile", "containerfile")]
            found = plain if len(plain) == 1 else found
        return self.default(found[0]) if len(found) == 1 else None

    def _by_project(self, name: str) -> Image | None:
        """The root Dockerfile, when the image has the project's own name."""
        parts = [simple(part) for part in name.split("/")]
        if parts[-1] not in self._projects:
            return None
        at_root = [
            d for p, d in self.dockerfiles.items() if "/" not in p and p.lower() in ("dockerfile", "containerfile")
        ]
        if not at_root:
            # beside images that only others are built on, the one that starts something
            starting = [d for d in self.dockerfiles.values() if d.stages[-1].cmd or d.stages[-1].entrypoint]
            only = starting if len(self.dockerfiles) > 1 else self.dockerfiles.values()
            at_root = [d for d in only if self.context(d).partition("/")[0] not in _ASIDE]
        return self.default(at_root[0]) if len(at_root) == 1 else None


def _parted(name: str) -> tuple[str, str]:
    """An image's name up to its last hyphen or underscore, and what follows: ``("shop/store", "web")``; no stem without one."""
    found = re.fullmatch(r"(.*[a-z0-9])[-_]+([a-z0-9]+)", name)
    return (found.group(1), found.group(2)) if found is not None and "/" not in found.group(2) else ("", name)


def _programs(dockerfile: a.Dockerfile) -> list[str]:
    """The names of the programs in what the only image of a repository starts: ``/app/mailer.py`` is the program that an
    image ``example/mailer`` holds."""
    stage = dockerfile.stages[-1]
    words = [w for command in (stage.entrypoint, stage.cmd) if command is not None for w in command.argv or command.raw.split()]
    stems = [word.rpartition("/")[2].removesuffix(".py") for word in words if word.endswith(".py")]
    return [stem for stem in stems if stem.lower() not in _COMMON_PROGRAMS]


def _dotted(dockerfile: a.Dockerfile) -> set[str]:
    """The names of the package in what an image starts, with the packages around it: an image ``example/shop-mailer`` holds what
    ``python -m shop.mailer.main`` starts. One part alone may be anybody's."""
    stage = dockerfile.stages[-1]
    words = [w for command in (stage.entrypoint, stage.cmd) if command is not None for w in command.argv or command.raw.split()]
    modules = [word.split(".") for flag, word in pairwise(words) if flag == "-m"]
    return {simple("".join(parts[:end])) for parts in modules for end in range(2, len(parts) + 1)}


def _names_of(path: str) -> set[str]:
    """The names that an image may have by the place of its Dockerfile."""
    folders, _, file = path.lower().rpartition("/")
    parts = [p for p in folders.split("/") if p]
    while parts and parts[-1] in _GENERIC_FOLDERS:
        parts.pop()
    names = {parts[-1]} if parts else set()
    for pattern in (r"dockerfile[._-](.+)\Z", r"(.+)[._-]dockerfile\Z"):
        found = re.match(pattern, file)
        if found:
            suffix = found.group(1)
            names = {f"{n}-{suffix}" for n in names} | {suffix}
    return names


def _project_names(artifacts: Iterable[a.Artifact], tree: Tree) -> list[str]:
    """The names under which the project itself may be known: its distribution, its packages at the root."""
    found: list[str] = []
    for artifact in artifacts:
        if isinstance(artifact, a.PackagingFile | a.ComposeFile) and artifact.name and "/" not in artifact.path:
            found.append(artifact.name)
    for folder in tree.folders:
        at_root = "/" not in folder or (folder.count("/") == 1 and folder.startswith("src/"))
        if folder and at_root and f"{folder}/__init__.py" in tree.files and folder not in _COMMON_FOLDERS:
            found.append(folder.rsplit("/", 1)[-1])
    return found
