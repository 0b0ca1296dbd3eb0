"""Follow every artifact that starts something to the program it starts (`Launch`).

Start points are Dockerfiles, compose services, Kubernetes containers, process files, units, supervisors and console
scripts. Shell scripts of the repository are followed: ``"$@"`` takes the words given, ``case`` arms are chosen by them,
functions are entered. Nothing is guessed: what cannot be followed ends in a launch whose target has no path.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from runtime_ops.facts import artifacts as a
from runtime_ops.project.container_files import Files, Images, Surroundings, is_development
from runtime_ops.project.launch import Launch, Link, Target
from runtime_ops.project.modules import ModuleIndex
from runtime_ops.project.programs import SHELLS, Program, program_of, strip_wrappers

MAX_DEPTH = 8
CONTAINER_PLATFORMS = frozenset(("dockerfile", "compose", "kubernetes", "marathon", "ecs", "nomad"))
BUILTINS = frozenset(
    (
        "echo printf export set cd source . test [ [[ exit return trap wait sleep mkdir chown chmod rm cp mv ln touch cat sed awk "
        "grep true false : shift local declare readonly unset eval if then fi while for do done getopts hash type ulimit umask id "
        "whoami tee find sort head tail cut tr date curl wget nc pg_isready redis-cli mysqladmin psql apt-get apk pip pip3 npm yarn "
        "node kill pkill break continue"
    ).split()
)


@dataclass(frozen=True, slots=True)
class State:
    """What is known on the way to a program."""

    launch: Launch
    where: Surroundings
    words: tuple[str, ...] | None
    """What ``"$@"`` stands for; None when unknown."""
    depth: int = 0


def find_launches(artifacts: Sequence[a.Artifact], index: ModuleIndex, files: Collection[str]) -> tuple[Launch, ...]:
    """Every launch, in a stable order: by platform's path and line."""
    finder = LaunchFinder(artifacts, index, files)
    found = list(finder.all())
    unique: dict[tuple[object, ...], Launch] = {}
    for launch in found:
        unique.setdefault((launch.chain, launch.argv, launch.role), launch)
    return tuple(sorted(unique.values(), key=lambda x: (x.path, x.line, tuple(x.chain), x.argv)))


class LaunchFinder:
    """Walks from start points to programs."""

    def __init__(self, artifacts: Sequence[a.Artifact], index: ModuleIndex, files: Collection[str]) -> None:
        self.index = index
        self.files = Files(files)
        self.artifacts = tuple(artifacts)
        self.scripts = {x.path: x for x in artifacts if isinstance(x, a.ShellScript)}
        self.uwsgi = {x.path: x for x in artifacts if isinstance(x, a.UwsgiConfig)}
        self.supervisors = {x.path: x for x in artifacts if isinstance(x, a.SupervisordConfig)}
        packaging = [x for x in artifacts if isinstance(x, a.PackagingFile)]
        self.console = self._console_scripts(packaging)
        names = [x.name for x in packaging if x.name] + [p for p in {f.partition("/")[0] for f in files} if p]
        composes = [x for x in artifacts if isinstance(x, a.ComposeFile)]
        self.images = Images([x for x in artifacts if isinstance(x, a.Dockerfile)], composes, names)
        self.followed: set[str] = set()

    def all(self) -> Iterator[Launch]:
        for artifact in self.artifacts:
            if isinstance(artifact, a.ComposeFile):
                for service in artifact.services:
                    yield from self._compose(artifact, service)
            elif isinstance(artifact, a.KubernetesFile):
                for workload in artifact.workloads:
                    if not workload.patch:
                        yield from self._workload(artifact, workload)
            elif isinstance(artifact, a.PlatformFile):
                for program in artifact.programs:
                    yield from self._unit(artifact, program, artifact.platform)
            elif isinstance(artifact, a.SystemdUnit) and artifact.program is not None:
                yield from self._unit(artifact, artifact.program, "systemd")
            elif isinstance(artifact, a.Dockerfile):
                stage = artifact.stage()
                if stage is not None:
                    yield from self._dockerfile(artifact, stage)
        for config in self.supervisors.values():
            if config.path not in self.followed:
                yield from self._supervised(config, None)
        yield from self._packaged()

    # ------------------------------------------------------------ start points

    def _console_scripts(self, packaging: Sequence[a.PackagingFile]) -> dict[str, tuple[str, str]]:
        found: dict[str, tuple[str, str]] = {}
        for file in packaging:
            for script in file.scripts:
                if script.group not in ("console_scripts", "gui_scripts", "scripts"):
                    continue
                module, _, function = script.target.partition(":")
                path = self._module(module, posixpath.dirname(file.path), file.package_roots)
                if path is not None and function:
                    found.setdefault(script.name, (path, function))
        return found

    def _module(self, dotted: str, folder: str, roots: Sequence[str]) -> str | None:
        stem = dotted.replace(".", "/")
        for root in (*roots, "", "src", "lib", "python"):
            for tail in (f"{stem}.py", f"{stem}/__init__.py"):
                path = posixpath.normpath(posixpath.join(folder, root, tail))
                if path in self.index.modules:
                    return path
        return None

    def _packaged(self) -> Iterator[Launch]:
        for file in self.artifacts:
            if not isinstance(file, a.PackagingFile):
                continue
            for script in file.scripts:
                if script.name in self.console and script.group in ("console_scripts", "scripts"):
                    link = Link(file.path, script.line, f"{script.name} = {script.target}")
                    where = Surroundings((posixpath.dirname(file.path),), self.files)
                    blank = self._blank("packaging", link, (file,), is_development(posixpath.dirname(file.path)))
                    program = self._program((script.name,), link, where, {})
                    if program is not None:
                        yield self._made(blank, program)

    def _blank(self, platform: str, link: Link, artifacts: tuple[a.Artifact, ...], development: bool) -> Launch:
        return Launch(platform, (link,), (), "", Target("program", ""), artifacts=artifacts, development=development)

    def _dockerfile(self, file: a.Dockerfile, stage: a.Stage) -> Iterator[Launch]:
        command = stage.entrypoint or stage.cmd
        if command is None:
            return
        link = Link(file.path, command.line, _text("ENTRYPOINT" if stage.entrypoint else "CMD", command))
        probes = ((stage.healthcheck, file.path),) if stage.healthcheck is not None else ()
        blank = replace(
            self._blank("dockerfile", link, (file,), is_development(file.path)),
            stage=stage,
            env=_environment(stage.env, file.path, {}),
            stop_signal=stage.stop_signal,
            probes=probes,
        )
        yield from self._combined(blank, self._around(file, stage), stage.entrypoint, stage.cmd, file.path)

    def _around(self, file: a.Dockerfile | None, stage: a.Stage | None, folder: str = "") -> Surroundings:
        if file is None:
            parents = [folder]
            while parents[-1]:
                parents.append(posixpath.dirname(parents[-1]))
            return Surroundings(tuple(parents), self.files)
        contexts = self.images.contexts_of(file)
        return Surroundings(contexts, self.files, stage, contexts)

    def _combined(
        self, blank: Launch, where: Surroundings, entrypoint: a.Command | None, cmd: a.Command | None, path: str
    ) -> Iterator[Launch]:
        """ENTRYPOINT and CMD put together as Docker does."""
        if entrypoint is None:
            if cmd is not None:
                yield from self._command(State(blank, where, ()), cmd, path)
            return
        extra: tuple[str, ...] = ()
        if cmd is not None and entrypoint.form != "shell":
            extra = ("/bin/sh", "-c", cmd.raw) if cmd.form == "shell" else cmd.argv or ()
        yield from self._command(State(blank, where, extra), entrypoint, path, extra)

    def _compose(self, file: a.ComposeFile, service: a.ComposeService) -> Iterator[Launch]:
        built = self.images.of_build(file.path, service)
        dockerfile = stage = None
        if built is not None:
            dockerfile, stage = built[0], built[0].stage(built[1])
        elif service.image is not None:
            image = self.images.of_image(service.image.text)
            if image is not None:
                dockerfile, stage = image[0], image[0].stage(image[1])
        entrypoint = service.entrypoint or (stage.entrypoint if stage is not None else None)
        cmd = service.command or (stage.cmd if stage is not None and service.entrypoint is None else None)
        if entrypoint is None and cmd is None:
            return
        line = (service.command or service.entrypoint).line if (service.command or service.entrypoint) else service.line  # type: ignore[union-attr]
        link = Link(
            file.path, line if service.command or service.entrypoint else service.line, f"service {service.name}"
        )
        env = _environment(stage.env, dockerfile.path, {}) if stage is not None and dockerfile is not None else {}
        env = _environment(service.env, file.path, env)
        probes: tuple[tuple[a.Probe, str], ...] = ()
        if service.healthcheck is not None:
            probes = ((service.healthcheck, file.path),) if service.healthcheck.method != "none" else ()
        elif stage is not None and stage.healthcheck is not None and dockerfile is not None:
            probes = ((stage.healthcheck, dockerfile.path),)
        binds = [x for x in service.mounts if x.bind and x.source in (".", "./", "..", "./src", "./app", "../")]
        development = is_development(file.path) or is_development(service.name) or service.watched or bool(binds)
        blank = replace(
            self._blank("compose", link, (file, *((dockerfile,) if dockerfile is not None else ())), development),
            stage=stage,
            service=service,
            env=env,
            env_open=any(x.templated or x.kind for x in service.env_from),
            grace=service.grace,
            stop_signal=service.stop_signal or (stage.stop_signal if stage is not None else None),
            probes=probes,
            init=service.init.truth if service.init is not None else None,
            replicas=_count(service.replicas),
        )
        where = self._around(dockerfile, stage, posixpath.dirname(file.path))
        yield from self._through_image(
            blank, where, dockerfile, stage, entrypoint, cmd, file.path, service.entrypoint is not None
        )

    def _through_image(
        self,
        blank: Launch,
        where: Surroundings,
        dockerfile: a.Dockerfile | None,
        stage: a.Stage | None,
        entrypoint: a.Command | None,
        cmd: a.Command | None,
        path: str,
        own_entrypoint: bool,
    ) -> Iterator[Launch]:
        """Through the image's ENTRYPOINT, so that the link to the Dockerfile is in the chain."""
        if dockerfile is not None and stage is not None and not own_entrypoint:
            source = stage.entrypoint or stage.cmd
            if source is not None and (entrypoint is stage.entrypoint or cmd is stage.cmd):
                word = "ENTRYPOINT" if stage.entrypoint is not None else "CMD"
                if entrypoint is not None or cmd is stage.cmd:
                    link = Link(dockerfile.path, source.line, _text(word, source))
                    blank = replace(blank, chain=(*blank.chain, link))
                    path = dockerfile.path
        yield from self._combined(blank, where, entrypoint, cmd, path)

    def _workload(self, file: a.KubernetesFile, workload: a.Workload) -> Iterator[Launch]:
        job = workload.kind in ("Job", "CronJob")
        for container in (*workload.containers, *workload.init_containers):
            image = self.images.of_image(container.image.text) if container.image is not None else None
            dockerfile = image[0] if image is not None else None
            stage = dockerfile.stage(image[1]) if dockerfile is not None and image is not None else None
            entrypoint = container.command or (stage.entrypoint if stage is not None else None)
            cmd = container.args or (stage.cmd if stage is not None and container.command is None else None)
            if entrypoint is None and cmd is None:
                continue
            name = container.name.text if container.name is not None else "?"
            link = Link(file.path, container.line, f"{workload.kind} container {name}")
            env = _environment(stage.env, dockerfile.path, {}) if stage is not None and dockerfile is not None else {}
            probes = tuple((probe, file.path) for probe in container.probes)
            role = "init" if container.init and not container.sidecar else "job" if job else "main"
            blank = replace(
                self._blank(
                    "kubernetes",
                    link,
                    (file, *((dockerfile,) if dockerfile is not None else ())),
                    is_development(file.path),
                ),
                stage=stage,
                container=container,
                workload=workload,
                env=_environment(container.env, file.path, env),
                env_open=bool(container.env_from) or container.templated or workload.templated,
                grace=workload.grace,
                stop_signal=stage.stop_signal if stage is not None else None,
                probes=probes,
                replicas=_count(workload.replicas),
                role=role,
            )
            where = self._around(dockerfile, stage, posixpath.dirname(file.path))
            yield from self._through_image(
                blank, where, dockerfile, stage, entrypoint, cmd, file.path, container.command is not None
            )

    def _unit(self, file: a.Artifact, program: a.Program, platform: str) -> Iterator[Launch]:
        role = "job" if program.schedule is not None or program.kind in ("cron", "job") else "main"
        if program.kind in ("release", "predeploy"):
            role = "init"
        link = Link(
            file.path, program.command.line if program.command else program.line, f"{program.kind} {program.name}"
        )
        image = self.images.of_image(program.image.text) if program.image is not None else None
        dockerfile = image[0] if image is not None else None
        stage = dockerfile.stage(image[1]) if dockerfile is not None and image is not None else None
        blank = replace(
            self._blank(
                platform, link, (file, *((dockerfile,) if dockerfile is not None else ())), is_development(file.path)
            ),
            stage=stage,
            unit=program,
            env=_environment(program.env, file.path, {}),
            env_open=bool(program.env_from),
            grace=program.grace,
            stop_signal=program.stop_signal,
            probes=tuple((probe, file.path) for probe in program.probes),
            replicas=_count(program.replicas),
            supervisor=platform if platform in ("systemd", "supervisord") else None,
            role=role,
        )
        where = self._around(dockerfile, stage, posixpath.dirname(file.path))
        if program.working_dir is not None and not program.working_dir.templated:
            where.chdir = (program.working_dir.text.lstrip("/"),)
        entrypoint = None if program.command is not None else stage.entrypoint if stage is not None else None
        cmd = program.command or (stage.cmd if stage is not None else None)
        if dockerfile is not None and program.command is None:
            yield from self._through_image(blank, where, dockerfile, stage, entrypoint, cmd, file.path, False)
        elif cmd is not None:
            yield from self._command(State(blank, where, ()), cmd, file.path)
        for before in program.pre_commands:
            yield from self._command(State(replace(blank, role="init"), where, ()), before, file.path)

    def _supervised(self, config: a.SupervisordConfig, parent: State | None) -> Iterator[Launch]:
        """The programs of a supervisord configuration, under the launch of supervisord when one is known."""
        self.followed.add(config.path)
        for program in config.programs:
            if program.command is None or not program.autostart:
                continue
            link = Link(config.path, program.command.line, f"[{program.kind}:{program.name}]")
            base = (
                parent.launch
                if parent is not None
                else self._blank("supervisord", link, (), is_development(config.path))
            )
            chain = (*base.chain, link) if parent is not None else (link,)
            where = parent.where if parent is not None else self._around(None, None, posixpath.dirname(config.path))
            blank = replace(
                base,
                chain=chain,
                artifacts=(*base.artifacts, config),
                supervisor="supervisord",
                unit=program,
                shell="none",
                shell_link=None,
                pid1=False,
                init=None,
                grace=program.grace,
                stop_signal=program.stop_signal,
                env=_environment(program.env, config.path, base.env),
                role="main"
                if base.role == "main" and program.kind == "program"
                else base.role
                if base.role != "main"
                else "job",
            )
            yield from self._command(State(blank, where, ()), program.command, config.path)

    # ------------------------------------------------------------ following

    def _command(self, state: State, command: a.Command, path: str, extra: tuple[str, ...] = ()) -> Iterator[Launch]:
        link = Link(path, command.line, command.raw[:160])
        if command.shell:
            yield from self._shell_text(state, command, path)
            return
        words = (*(command.argv or ()), *extra)
        yield from self._words(state, words, link)

    def _shell_text(self, state: State, command: a.Command, path: str) -> Iterator[Launch]:
        bash = "bash" in command.raw[:20] or (
            state.launch.stage is not None and "bash" in " ".join(state.launch.stage.shell)
        )
        parts = [p for p in command.parts if not p.substitution and not (p.tested and not p.exec)]
        parts = [p for p in parts if p.argv and posixpath.basename(p.argv[0]) not in BUILTINS]
        single = len(parts) == 1
        for part in parts:
            link = Link(path, part.line, part.raw[:160])
            if part.exec or (single and bash):
                shell = "exec"
            elif single and _busybox(state.launch.stage):
                shell = "unknown"
            else:
                shell = "parent"
            after = parts[-1] is not part and not part.background
            state_ = self._shelled(state, shell, link, part.background)
            if after and not part.exec:
                state_ = replace(
                    state_,
                    launch=replace(state_.launch, role="init" if state_.launch.role == "main" else state_.launch.role),
                )
            yield from self._words(state_, _assigned(part), link)

    def _shelled(self, state: State, shell: str, link: Link, background: bool) -> State:
        """One more shell on the way: a parent anywhere makes the whole way one."""
        launch = state.launch
        if launch.shell in ("parent", "trap"):
            shell, link_ = launch.shell, launch.shell_link
        else:
            link_ = link if shell in ("parent", "trap", "unknown") else None
        return replace(
            state, launch=replace(launch, shell=shell, shell_link=link_, background=launch.background or background)
        )

    def _words(self, state: State, words: Sequence[str], link: Link) -> Iterator[Launch]:
        if state.depth > MAX_DEPTH or not words:
            return
        chain = state.launch.chain
        if not (chain and chain[-1].path == link.path and chain[-1].line == link.line):
            state = replace(state, launch=replace(state.launch, chain=(*chain, link)))
        variables = {
            name: v.value.text for name, (v, _) in state.launch.env.items() if v.value is not None and not v.templated
        }
        found = self._script_among(words, state, variables)
        if found is not None:
            script, rest, init = found
            launch = replace(
                state.launch, init=True if init else state.launch.init, artifacts=(*state.launch.artifacts, script)
            )
            yield from self._script(
                replace(state, launch=launch, words=rest, depth=state.depth + 1), script, None, rest
            )
            return
        program = self._program(tuple(words), link, state.where, variables)
        if program is None:
            return
        if program.name == "supervisord":
            config = self._supervisor_config(program, state)
            if config is not None:
                yield from self._supervised(config, state)
                return
        yield self._made(state.launch, program)

    def _script_among(
        self, words: Sequence[str], state: State, variables: Mapping[str, str]
    ) -> tuple[a.ShellScript, tuple[str, ...], bool] | None:
        """A shell script of the repository that the words run, with the words given to it."""
        argv, init, _ = strip_wrappers(words)
        if not argv:
            return None
        name = posixpath.basename(argv[0])
        number = 0
        if name in SHELLS:
            number = next((i for i, w in enumerate(argv[1:], 1) if not w.startswith("-")), 0)
            if not number or any(w.startswith("-") and "c" in w for w in argv[1:number]):
                return None
        path = state.where.find(argv[number])
        script = self.scripts.get(path or "")
        return (script, argv[number + 1 :], init) if script is not None else None

    def _supervisor_config(self, program: Program, state: State) -> a.SupervisordConfig | None:
        option = program.options.get("c") or program.options.get("configuration")
        if option is not None and option.value:
            return self.supervisors.get(state.where.find(option.value) or "")
        near = [c for p, c in self.supervisors.items() if any(p.startswith(f) for f in state.where.folders)]
        return near[0] if len(near) == 1 else None

    def _script(
        self, state: State, script: a.ShellScript, function: str | None, words: tuple[str, ...] | None
    ) -> Iterator[Launch]:
        if state.depth > MAX_DEPTH:
            return
        functions = {f.name for f in script.functions}
        commands = [c for c in script.commands if c.function == function and not c.substitution]
        starting = [c for c in commands if self._starts(c, functions, state)]
        traps = [t for t in script.traps if set(t.signals) & {"TERM", "SIGTERM"} and t.action not in ("", "-")]
        unset = {
            name: value
            for name, value in ((x.name, x.value) for c in script.commands for x in c.assignments)
            if "$" not in value
        }
        for command in starting:
            role = state.launch.role
            chosen = _chosen(command, script, words)
            if chosen is False and not (words is state.words and state.launch.platform == "dockerfile"):
                continue
            if not chosen and role == "main":
                role = "management"
            development = state.launch.development or any(
                is_development(p) for arm in command.arms for p in arm.patterns
            )
            waits = any(c.program == "wait" for c in script.commands)
            if command.exec:
                shell = "exec"
            elif traps and (command.background or waits):
                shell = "trap"
            else:
                shell = "parent"
            given = _given(command, words)
            link = Link(script.path, command.line, command.raw[:160])
            if command.program in functions:
                launch = replace(state.launch, role=role, development=development)
                inner = replace(state, launch=launch, depth=state.depth + 1)
                yield from self._script(inner, script, command.program, given[1:])
                continue
            later = [
                c
                for c in starting
                if c.line > command.line and c.arms == command.arms and c.branches == command.branches
            ]
            if later and not command.exec and not command.background and role == "main":
                role = "init"
            following = self._shelled(state, shell, link, command.background)
            env = dict(state.launch.env)
            for name, value in unset.items():
                env.setdefault(name, _plain(name, value, script.path, command.line))
            launch = replace(following.launch, role=role, env=env, development=development)
            yield from self._words(replace(following, launch=launch, depth=state.depth + 1), given, link)

    def _starts(self, command: a.SimpleCommand, functions: set[str], state: State) -> bool:
        if not command.argv or (command.tested and not command.exec):
            return False
        first = posixpath.basename(command.argv[0])
        if first in functions or command.argv[0] in ("$@", "$*", "${@}"):
            return True
        return first not in BUILTINS

    # ------------------------------------------------------------ programs

    def _program(
        self, words: Sequence[str], link: Link, where: Surroundings, variables: Mapping[str, str]
    ) -> Program | None:
        chdir = next((w.partition("=")[2] for w in words if w.startswith("--chdir=")), None)
        if chdir is None and "--chdir" in words[:-1]:
            chdir = words[list(words).index("--chdir") + 1]
        here = where
        if chdir or variables.get("PYTHONPATH"):
            extra = tuple(
                p.strip("/") for p in (chdir or "", *variables.get("PYTHONPATH", "").split(":")) if p and "$" not in p
            )
            here = Surroundings(where.folders, where.files, where.stage, where.contexts, (*where.chdir, *extra))
        program = program_of(words, link, here.find, self.index.modules, self.uwsgi, self.console, variables)
        if program is None or program.target.path is None:
            return program
        if program.target.path not in self.index.modules:
            program.target = replace(program.target, path=None)
        return program

    def _made(self, launch: Launch, program: Program) -> Launch:
        init = True if program.init else launch.init
        pid1 = (
            launch.platform in CONTAINER_PLATFORMS
            and launch.supervisor is None
            and launch.shell in ("none", "exec")
            and init is not True
            and not launch.background
        )
        return replace(
            launch,
            argv=program.argv,
            program=program.name,
            target=program.target,
            server=program.server,
            options=program.options,
            init=init,
            pid1=pid1,
            development=launch.development or program.reloads,
        )


def _environment(
    variables: Sequence[a.EnvironmentVariable], path: str, outer: Mapping[str, tuple[a.EnvironmentVariable, str]]
) -> dict[str, tuple[a.EnvironmentVariable, str]]:
    found = dict(outer)
    for variable in variables:
        found[variable.name] = (variable, path)
    return found


def _plain(name: str, value: str, path: str, line: int) -> tuple[a.EnvironmentVariable, str]:
    return a.EnvironmentVariable(name, a.Value(value, line, line), line, line), path


def _count(value: a.Value | None) -> int | None:
    number = value.number if value is not None and not value.templated else None
    return int(number) if number is not None else None


def _text(word: str, command: a.Command) -> str:
    return f"{word} {command.raw}"[:160]


def _busybox(stage: a.Stage | None) -> bool:
    return stage is not None and "alpine" in stage.image.text


def _assigned(part: a.SimpleCommand) -> tuple[str, ...]:
    return part.argv


def _chosen(command: a.SimpleCommand, script: a.ShellScript, words: tuple[str, ...] | None) -> bool | None:
    """Whether the ``case`` arms around a command are taken; None when that depends on words nobody gave."""
    for arm in command.arms:
        number = re.search(r"\$\{?(\d)", arm.subject)
        if number is None:
            continue
        place = int(number.group(1)) - 1
        if not words:
            return None
        default = re.search(r":-([^}]*)\}", arm.subject)
        given = words[place] if place < len(words) else default.group(1) if default else ""
        if "$" in given:
            return None
        case = next((c for c in script.cases if arm in c.arms), None)
        arms = case.arms if case is not None else (arm,)
        taken = next((x for x in arms if any(fnmatch.fnmatchcase(given, p.strip()) for p in x.patterns)), None)
        if taken != arm:
            return False
    return True


def _given(command: a.SimpleCommand, words: tuple[str, ...] | None) -> tuple[str, ...]:
    """The command's words with ``"$@"`` and ``$1`` replaced by what is known."""
    found: list[str] = []
    for word in command.argv:
        if word in ("$@", "$*", "${@}", "${*}"):
            found.extend(words or ())
        elif word in ("${@:2}", "${*:2}"):
            found.extend((words or ())[1:])
        elif re.fullmatch(r"\$\{?[1-9]\}?", word):
            place = int(word.strip("${}")) - 1
            if words is not None and place < len(words):
                found.append(words[place])
        else:
            found.append(word)
    return tuple(found)
