"""Follows a command line through wrappers, shells, scripts and process supervisors to the programs that it starts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from runtime_ops.facts import artifacts as a
from runtime_ops.libraries.programs import wrapper_of
from runtime_ops.project.commands import SHELLS, Unwrapped, Word, Words, base_name, texts, unwrap, words_of
from runtime_ops.project.development import development_path
from runtime_ops.project.images import DASH, shell_of_image
from runtime_ops.project.launch import Launch, Link
from runtime_ops.project.layout import absolute, join
from runtime_ops.project.locations import Locator, Surroundings
from runtime_ops.project.program_targets import Programs, Resolved
from runtime_ops.project.shell_code import ShellCode, code_of_script, code_of_text
from runtime_ops.project.shell_conditions import Choice
from runtime_ops.project.shell_flow import Ran, Walk
from runtime_ops.project.shell_tools import TOOLS
from runtime_ops.project.shell_values import variable_of
from runtime_ops.project.supervisors import PROCFILE_RUNNERS, S6_INITS, Supervisors
from runtime_ops.project.variables import Variables, fill, fill_platform

_MAX_DEPTH = 12
_MAX_CHOICES = 40
_TEXT = 160
_FOR_DEVELOPERS = frozenset(("compose", "shell", "procfile"))
_ITSELF = ("$0", "${0}", "$BASH_SOURCE", "${BASH_SOURCE[0]}")
"""A script that starts itself anew, as another user or with another environment."""
_RANK = {"none": 0, "exec": 1, "unknown": 2, "trap": 3, "parent": 4}
_DEVELOPMENT_WORDS = frozenset(("dev", "debug", "test", "tests", "shell", "bash", "develop", "development", "pytest"))


@dataclass(frozen=True, slots=True)
class Way:
    """A started command so far: what surrounds it."""

    platform: str
    chain: tuple[Link, ...]
    where: Surroundings
    variables: Variables = field(default_factory=Variables)
    artifacts: tuple[a.Artifact, ...] = ()
    shell: str = "none"
    shell_link: Link | None = None
    init: bool | None = None
    contained: bool = False
    """In a container, where the first process is number 1."""
    alone: bool = True
    """No process stands between the container and the program."""
    image_text: str = ""
    """The image that the container's image builds on, or the image itself where it is none of the repository's."""
    supervisor: str | None = None
    background: bool = False
    grace: a.Value | None = None
    stop_signal: a.Value | None = None
    probes: tuple[tuple[a.Probe, str], ...] = ()
    replicas: int | None = None
    container: a.Container | None = None
    workload: a.Workload | None = None
    service: a.ComposeService | None = None
    stage: a.Stage | None = None
    unit: a.Program | None = None
    role: str = "main"
    development: bool = False
    explore: bool = False
    """Also walk the arms of scripts that the given words do not choose."""

    def to(self, path: str, line: int, text: str, artifact: a.Artifact | None = None) -> Way:
        """One step further."""
        link = Link(path, line, " ".join(text.split())[:_TEXT])
        chain = self.chain if self.chain and self.chain[-1][:2] == link[:2] else (*self.chain, link)
        artifacts = self.artifacts if artifact is None or artifact in self.artifacts else (*self.artifacts, artifact)
        return replace(self, chain=chain, artifacts=artifacts)

    def through_shell(self, state: str, link: Link) -> Way:
        """Behind a shell."""
        if _RANK[state] <= _RANK[self.shell]:
            return self
        return replace(self, shell=state, shell_link=link if state != "exec" else self.shell_link)


class Follower:
    """Follows command lines of one repository."""

    def __init__(self, locator: Locator, artifacts: tuple[a.Artifact, ...]) -> None:
        self.locator = locator
        self.programs = Programs(locator, artifacts)
        self.scripts = {x.path: x for x in artifacts if isinstance(x, a.ShellScript)}
        self.supervisors = Supervisors(locator, artifacts)
        self.by_path = {x.path: x for x in artifacts}
        self._script_names = {path.rpartition("/")[2] for path in self.scripts}
        self.reached: set[str] = set()
        """Paths of the scripts that some start runs."""

    # ------------------------------------------------------------ command lines

    def command(self, way: Way, command: a.Command, path: str) -> list[Launch]:
        """What a platform's command starts."""
        words = words_of(command, path)
        return self.follow(way, words) if words else []

    def follow(self, way: Way, words: Words, depth: int = 0) -> list[Launch]:
        """What a command line starts."""
        if depth > _MAX_DEPTH or not words:
            return []
        if way.shell == "none" or way.shell_link is None:
            words = self._filled(words, way)
        bare = unwrap(words)
        way = self._unwrapped(way, bare)
        if bare.shell_text is not None:
            return self._run(way, code_of_text(bare.shell_text, "sh"), (), depth + 1)
        words = bare.words
        if not words or not words[0].text or words[0].text.startswith("-"):
            return []  # arguments of an image's own entrypoint that nobody knows
        if words[0].text in _ITSELF or "\n" in words[0].text:
            return []
        name = base_name(words[0].text)
        if name in SHELLS or (name == "busybox" and len(words) > 1 and words[1].text in SHELLS):
            return self._shell(way, words[1:] if name == "busybox" else words, depth)
        script = self._script(words[0].text, way)
        if script is not None:
            inner = way.to(words[0].path, words[0].line, " ".join(texts(words)))
            return self._run(inner, code_of_script(script), words[1:], depth + 1, script)
        if name == "supervisord" or (
            name.startswith("python") and any(w.text.endswith("supervisord") for w in words[:2])
        ):
            found = self._supervised(way, words, depth)
            if found:
                return found
        if name in PROCFILE_RUNNERS and len(words) > 1:
            found = self._procfile(way, words, depth)
            if found:
                return found
        if name in S6_INITS:
            return self._services(way, words, depth)
        return self._program(way, words)

    def _filled(self, words: Words, way: Way) -> Words:
        """Words with the variables filled in that the platform itself knows (Kubernetes, supervisord, systemd)."""
        platform = way.supervisor or way.platform
        if platform not in ("kubernetes", "supervisord", "systemd"):
            return words
        lookup = way.variables.lookup
        return tuple(word._replace(text=fill_platform(word.text, lookup, platform)) for word in words)

    def _unwrapped(self, way: Way, bare: Unwrapped) -> Way:
        variables = way.variables.plus(bare.env, way.chain[-1].path)
        made = replace(
            way,
            variables=variables,
            init=True if bare.init else way.init,
            alone=way.alone and not bare.parent,
            development=way.development or bare.development,
        )
        if bare.parent == "blocks" and bare.parent_word is not None:
            word = bare.parent_word
            made = made.through_shell("parent", Link(word.path, word.line, base_name(word.text)))
        return made

    def _program(self, way: Way, words: Words) -> list[Launch]:
        if {"--help", "--version"} & set(texts(words[1:])):
            return []
        found = self.programs.resolve(words, way.where, way.variables)
        last = words[0]
        text = " ".join(texts(words))
        way = way.to(last.path, last.line, text, self.by_path.get(last.path))
        for path in found.sources:
            artifact = self.by_path.get(path)
            if artifact is not None and artifact not in way.artifacts:
                way = replace(way, artifacts=(*way.artifacts, artifact))
        return [self._launch(way, words, found)]

    def _launch(self, way: Way, words: Words, found: Resolved) -> Launch:
        reloads = found.options.get("reload") or found.options.get("use_reloader")
        reloading = (
            reloads is not None
            and (reloads.value or "true").lower() in ("true", "1", "yes", "on")
            and way.platform in _FOR_DEVELOPERS  # elsewhere a reloader is a fault of what production starts
        )
        return Launch(
            platform=way.platform,
            chain=way.chain,
            argv=texts(words),
            program=found.program,
            target=found.target,
            server=found.server,
            options=found.options,
            shell=way.shell,
            shell_link=way.shell_link if way.shell in ("parent", "trap", "unknown") else None,
            init=way.init,
            pid1=(
                way.contained and way.alone and way.shell in ("none", "exec") and not way.init
                and not way.background and way.supervisor is None
            ),
            supervisor=way.supervisor,
            background=way.background,
            grace=way.grace,
            stop_signal=way.stop_signal,
            env=dict(way.variables.known),
            env_open=way.variables.open,
            probes=way.probes,
            replicas=way.replicas,
            artifacts=way.artifacts,
            container=way.container,
            workload=way.workload,
            service=way.service,
            stage=way.stage,
            unit=way.unit,
            role=way.role,
            development=(
                way.development or reloading or found.development
                or (found.target.path is not None and development_path(found.target.path))
            ),
        )  # fmt: skip

    # ------------------------------------------------------------ shells and scripts

    def _script(self, text: str, way: Way) -> a.ShellScript | None:
        """The repository's shell script that a program's name or path means."""
        if "/" in text or text.endswith(".sh"):
            path = self.locator.file(text, way.where)
        else:
            places = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin", "/opt/bin")
            found = (way.where.layout.find(f"{place}/{text}", self.locator.tree) for place in places)
            path = next((p for p in found if p is not None), None)
            if path is None and "entrypoint" in text:
                path = self.locator.file(text, way.where)
        return self.scripts.get(path or "")

    def script(self, way: Way, script: a.ShellScript) -> list[Launch]:
        """What a script starts that is run by hand."""
        return self._run(way, code_of_script(script), (), 0, script)

    def _shell(self, way: Way, words: Words, depth: int) -> list[Launch]:
        """``sh -c TEXT``, ``sh SCRIPT``."""
        shell = base_name(words[0].text)
        index, is_text = 1, False
        while index < len(words) and words[index].text[:1] in ("-", "+") and len(words[index].text) > 1:
            flag = words[index].text
            is_text = is_text or (flag.startswith("-") and not flag.startswith("--") and "c" in flag[1:])
            index += 2 if flag.endswith("o") and not flag.startswith("--") else 1
            if flag == "--":
                break
        if index >= len(words):
            return []
        if is_text:
            interpreter = "bash" if shell == "bash" else shell_of_image(way.image_text, shell)
            word = words[index]
            at = Link(word.path, word.line, " ".join(word.text.split())[:_TEXT])
            way = way.to(*at, self.by_path.get(word.path))
            return self._run(way, code_of_text(word, interpreter), words[index + 2 :], depth + 1)
        script = self._script(words[index].text, way) or self._script(f"./{words[index].text}", way)
        if script is None:
            return []
        inner = way.to(words[index].path, words[index].line, " ".join(texts(words)))
        return self._run(inner, code_of_script(script), words[index + 1 :], depth + 1, script)

    def _run(
        self, way: Way, code: ShellCode, arguments: Words, depth: int, script: a.ShellScript | None = None
    ) -> list[Launch]:
        """The programs that a shell text starts, and those of arms that its arguments do not choose."""
        if script is not None:
            self.reached.add(script.path)
            if script not in way.artifacts:
                way = replace(way, artifacts=(*way.artifacts, script))
        given: Words | None = arguments
        if any("{{" in word.text for word in arguments):
            given = None
        walk, made = self._walk(way, code, given, way.variables, depth)
        if not way.explore:
            return made
        seen = {(x.chain[-1], x.argv) for x in made}
        for choice in list(walk.choices)[:_MAX_CHOICES]:
            for launch in self._chosen(way, code, choice, depth):
                if (launch.chain[-1], launch.argv) not in seen:
                    seen.add((launch.chain[-1], launch.argv))
                    made.append(launch)
        return made

    def _chosen(self, way: Way, code: ShellCode, choice: Choice, depth: int) -> list[Launch]:
        """The launches of an arm, walked by its word."""
        arguments: Words | None = None
        variables = way.variables
        if choice.subject == "1":
            arguments = (Word(choice.word, code.path, way.chain[-1].line),)
        elif choice.subject.isdigit():
            return []
        else:
            made = a.Assignment(choice.subject, choice.word, True, way.chain[-1].line, way.chain[-1].line)
            variables = variables.plus((variable_of(made, choice.word, True),), code.path)
        development = way.development or bool(_tokens(choice.word) & _DEVELOPMENT_WORDS)
        other = replace(way, role="management", development=development, explore=False)
        return self._walk(other, code, arguments, variables, depth)[1]

    def _walk(
        self, way: Way, code: ShellCode, arguments: Words | None, variables: Variables, depth: int
    ) -> tuple[Walk, list[Launch]]:
        walk = Walk(code, arguments, variables, lambda text: self._sourced(text, way))
        made: list[Launch] = []
        only = sum(not c.substitution for c in code.commands) == 1
        alternatives: list[Launch] = []
        for ran in walk.run():
            found = self._ran(way, code, ran, only, depth)
            (alternatives if ran.alternative else made).extend(found)
        known = [x for x in alternatives if x.target.path is not None or x.server is not None]
        return walk, made + (known or alternatives)

    def _sourced(self, text: str, way: Way) -> ShellCode | None:
        path = self.locator.file(text, way.where)
        script = self.scripts.get(path or "")
        if script is not None:
            self.reached.add(script.path)
        return code_of_script(script) if script is not None else None

    def _ran(self, way: Way, code: ShellCode, ran: Ran, only: bool, depth: int) -> list[Launch]:
        command = ran.command
        if not self._may_start(ran, way):
            return []
        link = Link(ran.path, command.line, " ".join(command.raw.split())[:_TEXT])
        ends = ran.replaces or ran.last or ran.background or ran.repeated
        inner = replace(way, variables=ran.variables, background=way.background or ran.background)
        inner = inner.to(*link, self.by_path.get(link.path))
        inner = inner.through_shell(self._shell_state(code, ran, only), link)
        if ran.directory is not None and "$" not in ran.directory:
            inner = replace(inner, where=_moved(inner.where, ran.directory))
        if not ends and inner.role == "main":
            inner = replace(inner, role="init")
        if {t for arm in ran.arms for t in _tokens(arm)} & _DEVELOPMENT_WORDS:
            inner = replace(inner, development=True)
        found = self.follow(inner, ran.words, depth + 1)
        keep_program = ran.replaces or (ran.last and way.role == "main" and not command.loops)
        made = []
        for launch in found:
            if launch.server is not None and launch.role == "init" and way.role == "main" and not launch.background:
                launch = replace(launch, role="main")  # it serves until it is stopped, whatever stands behind it
            of_ours = launch.target.path is not None or launch.server is not None
            if of_ours or (keep_program and base_name(launch.argv[0]) not in TOOLS):
                made.append(launch)
        return made

    def _may_start(self, ran: Ran, way: Way) -> bool:
        """Whether a command can lead to a launch worth keeping; most commands of a script are tools."""
        text = ran.words[0].text
        name = base_name(text)
        if (name in TOOLS and name not in SHELLS) or text.startswith("{") or "::" in name:
            return False  # ``exec {fd}<file``; a function of a library of scripts
        if ran.replaces or (ran.last and way.role == "main" and not ran.repeated):
            return True
        return (
            "/" in text or "." in name or "$" in text or name in SHELLS or name in PROCFILE_RUNNERS or name in S6_INITS
            or name in ("su", "runuser", "watchfiles", "supervisord", "busybox") or self.programs.known(name)
            or wrapper_of((name, *texts(ran.words[1:]))) is not None or "entrypoint" in name or self._on_path(name, way)
        )  # fmt: skip

    def _on_path(self, name: str, way: Way) -> bool:
        """Whether a script of that name stands in a folder of the container's PATH."""
        return name in self._script_names and self._script(name, way) is not None

    def _shell_state(self, code: ShellCode, ran: Ran, only: bool) -> str:
        if ran.background:
            return "trap" if code.forwards_signals else "parent"
        if ran.replaces:
            return "exec"
        if code.inline and only and not ran.command.branches and not ran.command.loops:
            if code.interpreter == "bash":
                return "exec"
            return "parent" if code.interpreter == DASH else "unknown"
        if code.inline and ran.last and code.interpreter != DASH:
            return "unknown"
        return "parent"

    # ------------------------------------------------------------ supervisors

    def _supervised(self, way: Way, words: Words, depth: int) -> list[Launch]:
        config = self.supervisors.supervisord(words, way.where)
        if config is None:
            return []
        way = way.to(words[0].path, words[0].line, " ".join(texts(words)), self.by_path.get(words[0].path))
        made: list[Launch] = []
        for part in (config, *self.supervisors.included(config)):
            made.extend(self.supervisord_programs(way, part, way.variables.plus(config.env, config.path), depth))
        return made

    def supervisord_programs(
        self, way: Way, config: a.SupervisordConfig, variables: Variables, depth: int = 0
    ) -> list[Launch]:
        """The programs of a supervisord configuration."""
        made: list[Launch] = []
        for program in config.programs:
            if program.command is None:
                continue
            count = fill(program.replicas.text, variables.lookup)[0] if program.replicas is not None else ""
            inner = replace(
                way.to(config.path, program.line, f"[{program.kind}:{program.name}]", config),
                supervisor="supervisord",
                shell="none",
                shell_link=None,
                background=False,
                grace=program.grace,
                stop_signal=program.stop_signal,
                unit=program,
                variables=variables.plus(program.env, config.path),
                replicas=int(count) if count.isdigit() else None,
            )
            if not program.autostart and inner.role == "main":
                inner = replace(inner, role="management")
            if program.working_dir is not None:
                inner = replace(inner, where=_moved(inner.where, program.working_dir.text))
            inner = inner.to(config.path, program.command.line, program.command.raw)
            words = words_of(program.command, config.path)
            made.extend(self.follow(inner, words, depth + 1) if words else [])
        return made

    def _procfile(self, way: Way, words: Words, depth: int) -> list[Launch]:
        made: list[Launch] = []
        file, names = self.supervisors.procfile(words, way.where)
        if file is None:
            return []
        way = way.to(words[0].path, words[0].line, " ".join(texts(words)), self.by_path.get(words[0].path))
        for program in file.programs:
            if program.command is None or (names and program.name not in names) or program.kind == "release":
                continue
            inner = replace(
                way.to(file.path, program.line, f"{program.name}: {program.command.raw}", file),
                supervisor=base_name(words[0].text), unit=program, alone=False,
            )  # fmt: skip
            made.extend(self.follow(inner, words_of(program.command, file.path) or (), depth + 1))
        return made

    def _services(self, way: Way, words: Words, depth: int) -> list[Launch]:
        """The services of an init for services, and the command that s6's ``/init`` runs besides."""
        way = way.to(words[0].path, words[0].line, " ".join(texts(words)), self.by_path.get(words[0].path))
        made = self.services(way, depth)
        if len(words) > 1:
            made.extend(self.follow(replace(way, supervisor="s6", alone=False), words[1:], depth + 1))
        return made

    def services(self, way: Way, depth: int = 0) -> list[Launch]:
        """What the service folders of s6-overlay or runit in a container start."""
        made: list[Launch] = []
        for script, oneshot in self.supervisors.services(way.where):
            inner = replace(
                way.to(script.path, 1, script.path, script), supervisor="s6", alone=False, shell="none",
                role="init" if oneshot and way.role == "main" else way.role,
            )  # fmt: skip
            made.extend(self._run(inner, code_of_script(script), (), depth + 1, script))
        return made


def _tokens(text: str) -> set[str]:
    return set(text.lower().replace("-", "_").replace(".", "_").split("_"))


def _moved(where: Surroundings, directory: str) -> Surroundings:
    """The surroundings after ``cd``."""
    folders = tuple(dict.fromkeys((*(join(f, directory.strip("/")) for f in where.folders[:2]), *where.folders)))
    return replace(where, workdir=absolute(directory, where.workdir or "/"), folders=folders)
