"""The launches of Dockerfiles, compose services and Kubernetes workloads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from runtime_ops.facts import artifacts as a
from runtime_ops.project import patches
from runtime_ops.project.base_images import home_of, starts_of
from runtime_ops.project.charts import EnvironmentFiles
from runtime_ops.project.commands import Word, Words, words_of
from runtime_ops.project.development import (
    development_compose,
    development_image,
    development_name,
    development_path,
    development_variables,
    local_cluster,
    mounts_source,
)
from runtime_ops.project.following import Follower
from runtime_ops.project.images import Image, Images, base_entrypoint, plain_base
from runtime_ops.project.launch import Launch
from runtime_ops.project.layout import Layout, absolute, layout_of
from runtime_ops.project.locations import Surroundings
from runtime_ops.project.variables import Variables
from runtime_ops.project.way import Way, link_of

_ARGUMENTS = re.compile(r"\$\{?[@*]")
"""Where a shell text asks for its arguments."""
_DEVELOPMENT_PROFILES = frozenset(("dev", "development", "debug", "test", "tests", "testing", "ci"))


class ContainerStarts:
    """Makes the launches of everything that runs an image."""

    def __init__(
        self, artifacts: tuple[a.Artifact, ...], follower: Follower, images: Images, environment: EnvironmentFiles
    ) -> None:
        self.artifacts = artifacts
        self.follower = follower
        self.images = images
        self.environment = environment
        self.tree = images.tree
        self._layouts: dict[tuple[str, int], Layout] = {}

    def find(self) -> list[Launch]:
        """All launches, in the order of the artifacts."""
        made: list[Launch] = []
        overlays = patches.commanding(self.artifacts)
        for artifact in self.artifacts:
            if isinstance(artifact, a.Dockerfile) and artifact.stages:
                made.extend(self.dockerfile(artifact))
            elif isinstance(artifact, a.ComposeFile):
                awaited = {
                    d.name
                    for s in artifact.services
                    for d in s.depends_on
                    if d.condition == "service_completed_successfully"
                }
                for service in artifact.services:
                    made.extend(self.compose(artifact, service, service.name in awaited))
            elif isinstance(artifact, a.KubernetesFile):
                for workload in artifact.workloads:
                    if workload.patch:
                        continue
                    laid = patches.of(workload, overlays)
                    for file, patch in laid:
                        made.extend(self.kubernetes(file, patches.laid_over(workload, patch)))
                    if not laid:
                        made.extend(self.kubernetes(artifact, workload))
        return made

    # ------------------------------------------------------------ images

    def layout(self, image: Image) -> Layout:
        """What stands where in an image."""
        key = (image.dockerfile.path, image.stage.index)
        if key not in self._layouts:
            self._layouts[key] = layout_of(image.dockerfile, image.stage, image.context, self.tree)
        return self._layouts[key]

    def in_image(self, way: Way, image: Image | None, workdir: a.Value | None = None) -> Way:
        """The way inside a container of an image; ``workdir`` overrides the image's."""
        folder = way.chain[0].path.rpartition("/")[0] if way.chain else ""
        if image is None:
            place = workdir.text if workdir is not None else None
            return replace(way, where=Surroundings(way.where.layout, place, folders_above(folder)))
        stage = image.stage
        variables = Variables().plus(stage.env, image.dockerfile.path)
        python_path = variables.lookup("PYTHONPATH") or ""
        home = home_of(image.base)
        place = stage.workdir.text if stage.workdir is not None else home
        if home is not None:
            python_path = f"{home}:{python_path}"
        if workdir is not None:
            place = absolute(workdir.text, place or "/")
        near = (image.dockerfile.path.rpartition("/")[0], image.context)
        where = Surroundings(
            self.layout(image), place, folders_above(*near, folder), tuple(p for p in python_path.split(":") if p)
        )
        stop = stage.stop_signal
        probe = stage.healthcheck
        return replace(
            way,
            where=where,
            image_text=image.base,
            variables=variables,
            stage=stage,
            stop_signal=stop,
            probes=((probe, image.dockerfile.path),) if probe is not None else (),
            artifacts=(*way.artifacts, image.dockerfile) if image.dockerfile not in way.artifacts else way.artifacts,
        )

    def started(self, way: Way, image: Image | None, entrypoint: Words | None, command: Words | None) -> list[Launch]:
        """What a container starts, ``entrypoint`` and ``command`` given from outside or None.

        As Docker and Kubernetes do: an entrypoint from outside takes the image's CMD away; an ENTRYPOINT in shell form
        takes no arguments, unless its text asks for them: ``/start.sh $0 $@`` (the shell gets the words as its own).
        """
        own_entrypoint = own_command = None
        stage = image.stage if image is not None else None
        if image is not None and stage is not None:
            if stage.entrypoint is not None:
                own_entrypoint = words_of(stage.entrypoint, image.dockerfile.path, stage.shell)
            if stage.cmd is not None:
                own_command = words_of(stage.cmd, image.dockerfile.path, stage.shell)
        first = own_entrypoint if entrypoint is None else entrypoint
        if command is None and entrypoint is None:
            command = own_command
        if (
            entrypoint is None
            and stage is not None
            and stage.entrypoint is not None
            and stage.entrypoint.form == "shell"
            and not _ARGUMENTS.search(stage.entrypoint.raw)
        ):
            command = ()
        words = (*(first or ()), *(command or ()))
        if not words:
            return self._by_base(way, image) if image is not None else []
        if image is not None and stage is not None:
            way = self._through(way, image, words)
        base = way.image_text
        if first is None and entrypoint is None:
            program = base_entrypoint(base)
            if program is not None:
                words = (words[0]._replace(text=program), *words)
            elif not plain_base(base):  # its ENTRYPOINT is not known
                way = replace(way, alone=False)
        return self.follower.follow(way, words)

    def _by_base(self, way: Way, image: Image) -> list[Launch]:
        """What the base image starts by itself, of the code that the Dockerfile copies into it."""
        stage, path = image.stage, image.dockerfile.path
        for argv in starts_of(image.base, lambda name: way.variables.lookup(name) or None):
            words = tuple(Word(text, path, stage.line) for text in argv)
            inner = way.to(path, stage.line, f"FROM {stage.image.text}", image.dockerfile)
            if argv[0] == "uwsgi":  # beside nginx, below a supervisor
                inner = replace(inner, alone=False)
            made = self.follower.follow(inner, words)
            if any(x.target.path is not None for x in made):
                return made
        return []

    def _through(self, way: Way, image: Image, words: Words) -> Way:
        """The way with the link of the image's ENTRYPOINT or CMD, when its words are run."""
        path = image.dockerfile.path
        for keyword, command in (("ENTRYPOINT", image.stage.entrypoint), ("CMD", image.stage.cmd)):
            if (
                command is not None
                and words[0].path == path
                and words[0].line in range(command.line, command.end_line + 1)
            ):
                return way.to(path, command.line, f"{keyword} {command.raw}", image.dockerfile)
        return way

    # ------------------------------------------------------------ Dockerfile

    def dockerfile(self, dockerfile: a.Dockerfile) -> list[Launch]:
        """The launches of a Dockerfile's last stage, run as it is; also of the one before a stage for development."""
        images = [self.images.last(dockerfile)]
        default = self.images.default(dockerfile)
        if default.stage is not images[0].stage:
            images.append(default)
        return [launch for image in images for launch in self._image(image)]

    def _image(self, image: Image) -> list[Launch]:
        dockerfile, stage = image.dockerfile, image.stage
        command = stage.entrypoint or stage.cmd
        if command is not None:
            keyword = "ENTRYPOINT" if stage.entrypoint is not None else "CMD"
            line, text = command.line, f"{keyword} {command.raw}"
        else:
            line, text = stage.line, f"FROM {stage.image.text}"
        link = link_of(dockerfile.path, line, text)
        way = Way(
            "dockerfile", (link,), Surroundings(Layout(), None, ()), contained=True, explore=True,
            development=development_image(dockerfile) or development_name(stage.name or ""),
        )  # fmt: skip
        way = self.in_image(way, image)
        made = self.started(way, image, None, None) or ([] if command is not None else self.follower.services(way))
        if stage.healthcheck is not None:
            made += self.probe(way, stage.healthcheck, dockerfile.path)
        return made

    def probe(self, way: Way, probe: a.Probe, path: str) -> list[Launch]:
        """The program of the repository that a health check runs, if it is one."""
        if probe.command is None:
            return []
        way = replace(way.to(path, probe.line, f"{probe.role} probe"), role="probe", explore=False, probes=())
        found = self.follower.command(way, probe.command, path)
        return [replace(x, role="probe") for x in found if x.target.path is not None]

    # ------------------------------------------------------------ compose

    def compose(self, file: a.ComposeFile, service: a.ComposeService, awaited: bool) -> list[Launch]:
        """The launches of a compose service."""
        image = self.images.built(file.path, service)
        if image is None and service.build is None and service.image is not None:
            image = self.images.named(service.image.text)
        text = f"service {service.name}"
        way = Way(
            "compose", (link_of(file.path, service.line, text),), Surroundings(Layout(), None, ()), artifacts=(file,),
            contained=True, service=service, role="init" if awaited else "main",
            image_text=service.image.text if service.image is not None else "",
        )  # fmt: skip
        way = self.in_image(way, image, service.working_dir)
        folder = file.path.rpartition("/")[0]
        way = replace(
            way, where=replace(way.where, layout=way.where.layout.with_mounts(service.mounts, folder, self.tree))
        )
        variables = self.environment.fill(way.variables, service.env_from, file.path).plus(service.env, file.path)
        way = replace(
            way,
            variables=variables.opened(service.extends_file is not None),
            init=service.init.truth if service.init is not None else False,
            grace=service.grace,
            stop_signal=service.stop_signal or way.stop_signal,
            replicas=count_of(service.replicas),
            probes=_probes(service.healthcheck, file.path, way.probes),
            development=(
                development_compose(file) or development_name(service.name)
                or bool(_DEVELOPMENT_PROFILES & set(service.profiles)) or service.watched
                or mounts_source(service, file.path, way.where.workdir, self.tree)
                or development_variables(service)
                or (image is not None and development_image(image.dockerfile))
                or (image is not None and development_name(image.stage.name or ""))
            ),
        )  # fmt: skip
        entrypoint = words_of(service.entrypoint, file.path) if service.entrypoint is not None else None
        command = words_of(service.command, file.path) if service.command is not None else None
        made = self.started(way, image, entrypoint, command)
        if service.healthcheck is not None:
            made += self.probe(way, service.healthcheck, file.path)
        return made

    # ------------------------------------------------------------ Kubernetes

    def kubernetes(self, file: a.KubernetesFile, workload: a.Workload) -> list[Launch]:
        """The launches of a workload's containers and init containers."""
        made: list[Launch] = []
        for container in (*workload.init_containers, *workload.containers):
            made.extend(self._container(file, workload, container))
        return made

    def _container(self, file: a.KubernetesFile, workload: a.Workload, container: a.Container) -> list[Launch]:
        image = self.images.named(container.image.text) if container.image is not None else None
        name = workload.name.text if workload.name is not None else ""
        own = container.name.text if container.name is not None else ""
        text = f"{workload.kind} {name}: {'init ' if container.init else ''}container {own}"
        way = Way(
            "kubernetes", (link_of(file.path, container.line, text),), Surroundings(Layout(), None, ()),
            artifacts=(file,), contained=True, image_text=container.image.text if container.image is not None else "",
        )  # fmt: skip
        way = self.in_image(way, image, container.working_dir)
        variables = self.environment.fill(way.variables, container.env_from, file.path).plus(container.env, file.path)
        opened = container.templated or workload.templated or name in self.environment.patched
        way = replace(
            way,
            container=container,
            workload=workload,
            variables=variables.opened(opened),
            role=_role(workload, container),
            init=False,
            alone=not (workload.share_process_namespace is not None and workload.share_process_namespace.truth),
            grace=workload.grace,
            probes=tuple((p, file.path) for p in container.probes),
            replicas=count_of(workload.replicas),
            development=development_path(file.path) or development_name(name) or local_cluster(container),
        )
        entrypoint = words_of(container.command, file.path) if container.command is not None else None
        command = words_of(container.args, file.path) if container.args is not None else None
        made = self.started(way, image, entrypoint, command)
        for probe in container.probes:
            made += self.probe(way, probe, file.path)
        return made


def folders_above(*folders: str) -> tuple[str, ...]:
    """Folders to look in: each and those above it, nearest first."""
    made: list[str] = []
    for folder in folders:
        while folder:
            made.append(folder)
            folder = folder.rpartition("/")[0]
    return tuple(dict.fromkeys((*made, "")))


def _role(workload: a.Workload, container: a.Container) -> str:
    hooks = [s.value.text for s in workload.annotations if s.name == "helm.sh/hook"]
    if any("test" in hook for hook in hooks):
        return "management"
    if (container.init and not container.sidecar) or any(h.startswith(("pre-", "post-")) for h in hooks):
        return "init"
    return "job" if workload.kind in ("Job", "CronJob", "ScaledJob") else "main"


def count_of(value: a.Value | None) -> int | None:
    """A number of replicas, where it is one."""
    return int(value.text) if value is not None and value.text.isdigit() else None


def _probes(
    own: a.Probe | None, path: str, inherited: Iterable[tuple[a.Probe, str]]
) -> tuple[tuple[a.Probe, str], ...]:
    """A compose health check overrides the image's; ``none`` switches it off."""
    if own is None:
        return tuple(inherited)
    return () if own.method == "none" else ((own, path),)
