"""The launches of process managers, hosting platforms and packages: systemd, supervisord, Procfile, render, fly …"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from runtime_ops.facts import artifacts as a
from runtime_ops.project.application_targets import Resolved
from runtime_ops.project.charts import EnvironmentFiles
from runtime_ops.project.commands import Word, base_name, words_of
from runtime_ops.project.container_starts import ContainerStarts, count_of, folders_above
from runtime_ops.project.development import development_name, development_path
from runtime_ops.project.following import Follower
from runtime_ops.project.images import Image, Images
from runtime_ops.project.launch import Launch, Link
from runtime_ops.project.layout import Layout, join
from runtime_ops.project.locations import Surroundings
from runtime_ops.project.variables import Variables
from runtime_ops.project.way import Way, link_of

_CONTAINERS = frozenset(("fly", "marathon", "ecs", "nomad"))
_STARTED_BY_ANOTHER = frozenset(("procfile", "apache"))
"""Platforms whose files a container may start by a program of its own."""
_INIT_KINDS = frozenset(("release", "predeploy"))
_INSTALLED = frozenset(("console_scripts", "gui_scripts", "scripts", "flask.commands"))
"""Groups of entry points whose target is called with a command line: a program of its own, or a command of ``flask``."""
_JOB_KINDS = frozenset(("cron", "job", "oneshot", "clock_job", "batch"))


class PlatformStarts:
    """Makes the launches of everything but images. ``before``: the launches of containers."""

    def __init__(
        self,
        artifacts: tuple[a.Artifact, ...],
        follower: Follower,
        images: Images,
        environment: EnvironmentFiles,
        before: Sequence[Launch],
    ) -> None:
        self.artifacts = artifacts
        self.follower = follower
        self.images = images
        self.environment = environment
        self.containers = ContainerStarts(artifacts, follower, images, environment)
        self._used = {artifact.path for launch in before for artifact in launch.artifacts}

    def find(self) -> list[Launch]:
        """All launches, in the order of the artifacts."""
        made: list[Launch] = []
        for artifact in self.artifacts:
            if isinstance(artifact, a.PlatformFile):
                if artifact.platform not in _STARTED_BY_ANOTHER or artifact.path not in self._used:
                    for program in artifact.programs:
                        made.extend(self.program(artifact, artifact.platform, program))
            elif isinstance(artifact, a.SystemdUnit) and artifact.program is not None:
                made.extend(self.program(artifact, "systemd", artifact.program))
            elif isinstance(artifact, a.SupervisordConfig) and artifact.path not in self._used:
                made.extend(self.supervisord(artifact))
            elif isinstance(artifact, a.PackagingFile):
                made.extend(self.packaging(artifact))
        for artifact in self.artifacts:
            if isinstance(artifact, a.ShellScript) and artifact.path not in self.follower.scripts.reached:
                made.extend(self.script(artifact))
        return made

    def program(self, file: a.Artifact, platform: str, program: a.Program) -> list[Launch]:
        """The launches of one program of a platform's file: those that run before it, and its own."""
        folder = file.path.rpartition("/")[0]
        image = self._image(file, program)
        first = link_of(file.path, program.line, f"{program.kind} {program.name}")
        base = (
            join(folder, program.working_dir.text.lstrip("/"))
            if program.working_dir and platform != "systemd"
            else folder
        )
        way = Way(
            platform, (first,), Surroundings(Layout(), None, folders_above(base, folder)), artifacts=(file,),
            contained=platform in _CONTAINERS or image is not None, unit=program, role=_role(program),
        )  # fmt: skip
        if image is not None:
            way = self.containers.in_image(way, image)
        elif program.working_dir is not None:
            way = replace(way, where=replace(way.where, workdir=program.working_dir.text))
        variables = self.environment.fill(way.variables, program.env_from, file.path).plus(program.env, file.path)
        managed = platform in ("procfile", "render", "appengine", "heroku")  # variables are also set by hand there
        way = replace(
            way,
            variables=variables.opened(managed or (platform == "systemd" and bool(program.env_from))),
            grace=program.grace,
            stop_signal=program.stop_signal or way.stop_signal,
            replicas=count_of(program.replicas),
            probes=tuple((p, file.path) for p in program.probes) or (way.probes if platform != "ecs" else ()),
            supervisor="systemd" if platform == "systemd" else None,
            development=development_path(file.path) or development_name(program.name),
        )
        made: list[Launch] = []
        for command in program.pre_commands:
            inner = replace(way.to(file.path, command.line, command.raw), role="init", probes=())
            made.extend(replace(x, role="init") for x in self.follower.command(inner, command, file.path))
        if program.command is not None:
            words = words_of(program.command, file.path)
            inner = way.to(file.path, program.command.line, program.command.raw)
            made.extend(self.containers.started(inner, image, words, None) if words else [])
        elif image is not None:
            made.extend(self.containers.started(way, image, None, None))
        for probe in program.probes:
            made.extend(self.containers.probe(way, probe, file.path))
        return made

    def _image(self, file: a.Artifact, program: a.Program) -> Image | None:
        folder = file.path.rpartition("/")[0]
        if program.dockerfile is not None:
            for base in (folder, ""):
                found = self.images.dockerfiles.get(join(base, program.dockerfile.text))
                if found is not None:
                    return self.images.default(found)
        if program.image is not None:
            return self.images.named(program.image.text)
        if isinstance(file, a.PlatformFile) and file.platform in ("fly", "appengine"):
            found = self.images.dockerfiles.get(join(folder, "Dockerfile"))
            return self.images.default(found) if found is not None else None
        return None

    def supervisord(self, config: a.SupervisordConfig) -> list[Launch]:
        """The programs of a configuration that no container starts."""
        folder = config.path.rpartition("/")[0]
        section = next((s for s in config.sections if s.name == "supervisord"), None)
        line = section.line if section is not None else 1
        way = Way(
            "supervisord", (link_of(config.path, line, "supervisord"),), Surroundings(Layout(), None, folders_above(folder)),
            artifacts=(config,), development=development_path(config.path),
        )  # fmt: skip
        return self.follower.supervisord_programs(way, config, Variables(open=True).plus(config.env, config.path))

    def packaging(self, file: a.PackagingFile) -> list[Launch]:
        """The console scripts that a package installs, and the commands that it adds to ``flask``."""
        made = []
        for entry in file.scripts:
            if entry.group not in _INSTALLED:
                continue
            programs = self.follower.programs
            found = programs.console_script(entry, file.path.rpartition("/")[0])
            if found is not None:
                found = programs.with_run_call(found, Variables(open=True))
                link = link_of(file.path, entry.line, f"{entry.name} = {entry.target}")
                made.append(
                    Launch(
                        "packaging", (link,), (base_name(entry.name),), found.program, found.target, found.server,
                        found.options, env_open=True,
                        artifacts=(file,), development=development_path(file.path),
                    )
                )  # fmt: skip
                made.extend(self._of_commands(file, entry, found, link))
        return made

    def _of_commands(self, file: a.PackagingFile, entry: a.ScriptEntry, found: Resolved, link: Link) -> list[Launch]:
        """The servers and workers that the commands of an installed script start."""
        folders = folders_above(file.path.rpartition("/")[0])
        way = Way(
            "packaging", (link,), Surroundings(Layout(), None, folders), Variables(open=True), (file,),
            development=development_path(file.path),
        )  # fmt: skip
        words = (Word(base_name(entry.name), file.path, entry.line),)
        return self.follower.of_code(way, words, found)[0]

    def script(self, script: a.ShellScript) -> list[Launch]:
        """The servers and workers that a script starts which nothing runs: a start by hand."""
        folder = script.path.rpartition("/")[0]
        way = Way(
            "shell", (link_of(script.path, 1, script.path),), Surroundings(Layout(), None, folders_above(folder)),
            Variables(open=True), (script,), role="management",
            development=development_path(script.path) or "scripts" in script.path.split("/"),
        )  # fmt: skip
        found = self.follower.scripts.by_hand(way, script)
        return [x for x in found if x.server is not None and x.target.path is not None]


def _role(program: a.Program) -> str:
    if program.kind in _INIT_KINDS:
        return "init"
    return "job" if program.kind in _JOB_KINDS or program.schedule is not None else "main"
