"""Follows a command line through wrappers, shells, scripts and process supervisors to the programs that it starts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from runtime_ops.facts import artifacts as a
from runtime_ops.project.application_targets import Resolved
from runtime_ops.project.code_commands import CodeCommands
from runtime_ops.project.commands import SHELLS, Unwrapped, Words, base_name, split_word, texts, unwrap, words_of
from runtime_ops.project.development import development_path
from runtime_ops.project.handing_over import words_handed_over
from runtime_ops.project.launch import Launch, Link
from runtime_ops.project.locations import Locator
from runtime_ops.project.program_targets import Programs
from runtime_ops.project.script_follower import ScriptFollower
from runtime_ops.project.shell_code import code_of_script, code_of_text
from runtime_ops.project.supervisors import APACHE, PROCFILE_RUNNERS, S6_INITS, Supervisors, goes_to_background
from runtime_ops.project.variables import Variables, fill, fill_platform
from runtime_ops.project.way import Way

_MAX_DEPTH = 12
_FOR_DEVELOPERS = frozenset(("compose", "shell", "procfile"))
_UNKNOWN = re.compile(r"\$\{?\w+\}?\Z|.* .*\$")
"""A variable that nothing sets, before a program: some wrapper of it, or nothing (``$LIMIT uvicorn shop:app``)."""
_ITSELF = ("$0", "${0}", "$BASH_SOURCE", "${BASH_SOURCE[0]}")
"""A script that starts itself anew, as another user or with another environment."""


class Follower:
    """Follows command lines of one repository."""

    def __init__(self, locator: Locator, artifacts: tuple[a.Artifact, ...], code: CodeCommands) -> None:
        self.locator = locator
        self.code = code
        self.programs = Programs(locator, artifacts)
        self.supervisors = Supervisors(locator, artifacts)
        self.by_path = {x.path: x for x in artifacts}
        self.scripts = ScriptFollower(locator, self.programs, artifacts, self.follow)

    # ------------------------------------------------------------ command lines

    def command(self, way: Way, command: a.Command, path: str) -> list[Launch]:
        """What a platform's command starts."""
        words = words_of(command, path)
        return self.follow(way, words) if words else []

    def follow(self, way: Way, words: Words, depth: int = 0) -> list[Launch]:
        """What a command line starts."""
        if depth > _MAX_DEPTH or not words:
            return []
        bare = unwrap(self._filled(words, way))
        way = self._unwrapped(way, bare)
        if bare.shell_text is not None:
            return self.scripts.run(way, code_of_text(bare.shell_text, "sh"), (), depth + 1)
        words = self._opened(bare.words)
        if not words or not words[0].text or words[0].text.startswith("-"):
            return []  # arguments of an image's own entrypoint that nobody knows
        if words[0].text in _ITSELF or "\n" in words[0].text:
            return []
        if len(words) > 1 and _UNKNOWN.match(words[0].text) and self.programs.known(base_name(words[1].text)):
            return self.follow(replace(way, alone=False), words[1:], depth + 1)
        name = base_name(words[0].text)
        if name in SHELLS or (name == "busybox" and len(words) > 1 and words[1].text in SHELLS):
            return self.scripts.shell(way, words[1:] if name == "busybox" else words, depth)
        script = self.scripts.named(words[0].text, way)
        if script is not None:
            inner = way.to(words[0].path, words[0].line, " ".join(texts(words)))
            return self.scripts.run(inner, code_of_script(script), words[1:], depth + 1, script)
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
        if name in APACHE:
            found = self._apache(way, words, depth)
            if found:
                return found
        if name == "parallel":
            return self._beside_each_other(way, words, depth)
        given = self._opened(words[1:])
        if given and self._unread_entrypoint(name) and self.programs.known(base_name(given[0].text)):
            link = way.to(words[0].path, words[0].line, " ".join(texts(words)))
            return self.follow(replace(link, alone=False), given, depth + 1)
        return self._program(way, words, depth)

    def _opened(self, words: Words) -> Words:
        """A command line that is one word is for an entrypoint that splits it (``sh -c "$@"``), where it names a program."""
        parts = split_word(words[0]) if len(words) == 1 and " " in words[0].text.strip() else ()
        return parts if parts and self.programs.known(base_name(parts[0].text)) else words

    def _unread_entrypoint(self, name: str) -> bool:
        """Whether a program that was not found is an entry script by its name: such a script runs its arguments in the end (Docker's
        best practices for ENTRYPOINT); whether it becomes them is not known."""
        return (name.endswith(".sh") or "entrypoint" in name) and not self.programs.known(name)

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

    def _program(self, way: Way, words: Words, depth: int) -> list[Launch]:
        if {"--help", "--version"} & set(texts(words[1:])):
            return []
        found = self.programs.resolve(words, way.where, way.variables)
        last = words[0]
        text = " ".join(texts(words))
        way = way.to(last.path, last.line, text, self.by_path.get(last.path))
        for path in found.sources:
            way = way.with_artifact(self.by_path.get(path))
        command = self._handed_over(words, found)
        started = self.follow(way, command, depth + 1) if command else []
        replaced = bool(started)
        if not started:
            started, replaced = self.of_code(way, words, found, depth)
        started += self._daemons(way, found, depth)
        before = replace(way, role="init") if replaced and way.role == "main" else way
        return [self._launch(before, words, found), *started]

    def _handed_over(self, words: Words, found: Resolved) -> Words:
        """The command in its arguments that a program of the repository replaces itself by."""
        module = self.locator.index.modules.get(found.target.path or "")
        first = words_handed_over(module.facts) if module is not None and found.target.kind != "app" else None
        return _arguments(words, found)[first - 1 :] if first is not None else ()

    def of_code(self, way: Way, words: Words, found: Resolved, depth: int = 0) -> tuple[list[Launch], bool]:
        """The servers and workers that the code of a program starts, and whether it becomes one of them."""
        made: list[Launch] = []
        replaced = False
        for begun, always in self.code.of(found, texts(_arguments(words, found))):
            bare = unwrap(begun.words).words
            key = f"{begun.words[0].path}:{begun.words[0].line}"
            name = base_name(bare[0].text) if bare else ""
            script = begun.background and name.endswith(".py")  # what a start script leaves running beside the server
            if key in way.running or not (script or name in SHELLS or self.programs.known(name)):
                continue
            # what the program waits for is the container's work: its probe asks that
            probes = () if begun.background else way.probes
            inner = replace(way, running=way.running | {key}, development=way.development or begun.development, probes=probes)
            if not begun.replaces:
                word = begun.words[0]
                link = Link(word.path, word.line, base_name(word.text))
                inner = replace(inner, alone=False, background=way.background or begun.background)
                inner = inner.through_shell("parent" if begun.deaf and not begun.background else "unknown", link)
            launches = self.follow(inner, begun.words, depth + 1)
            if not any(x.server is not None or ((begun.replaces or script) and x.target.path is not None) for x in launches):
                continue
            made.extend(launches)
            replaced = replaced or (begun.replaces and always and not begun.development)
        return made, replaced

    def _daemons(self, way: Way, found: Resolved, depth: int) -> list[Launch]:
        """The programs that uWSGI's master starts beside its workers."""
        made: list[Launch] = []
        if found.server != "uwsgi":
            return made
        for words in self.programs.applications.daemons(found, way.variables):
            inner = replace(way, supervisor="uwsgi", alone=False, probes=())
            made.extend(self.follow(inner.to(words[0].path, words[0].line, " ".join(texts(words))), words, depth + 1))
        return made

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
            optional=way.optional,
            development=(
                way.development or reloading or found.development
                or (found.target.path is not None and development_path(found.target.path))
            ),
        )  # fmt: skip

    # ------------------------------------------------------------ supervisors

    def _beside_each_other(self, way: Way, words: Words, depth: int) -> list[Launch]:
        """The command lines that GNU parallel runs: those behind ``:::``, where no command stands before it."""
        at = next((n for n, word in enumerate(words) if word.text == ":::"), len(words))
        if any(not w.text.startswith("-") and not words[n].text.startswith("-") for n, w in enumerate(words[1:at])):
            return []
        link = Link(words[0].path, words[0].line, "parallel")
        inner = replace(way, alone=False, background=True).through_shell("parent", link)
        lines = (code_of_text(word, "sh") for word in words[at + 1 :])
        return [launch for line in lines for launch in self.scripts.run(inner, line, (), depth + 1)]

    def _supervised(self, way: Way, words: Words, depth: int) -> list[Launch]:
        config = self.supervisors.supervisord(words, way.where)
        if config is None:
            return []
        way = way.to(words[0].path, words[0].line, " ".join(texts(words)), self.by_path.get(words[0].path))
        if goes_to_background(config, words):
            # it leaves the shell that started it: no signal of the platform comes to it, and nothing waits for it
            way = replace(way, background=True, shell="unknown", shell_link=None)
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
                grace=program.grace,
                stop_signal=program.stop_signal,
                unit=program,
                variables=variables.plus(program.env, config.path),
                replicas=int(count) if count.isdigit() else None,
            )
            if not program.autostart and inner.role == "main":
                inner = replace(inner, role="management")
            if program.working_dir is not None:
                inner = inner.moved(program.working_dir.text)
            inner = inner.to(config.path, program.command.line, program.command.raw)
            words = words_of(program.command, config.path)
            made.extend(self.follow(inner, words, depth + 1) if words else [])
        return made

    def _procfile(self, way: Way, words: Words, depth: int) -> list[Launch]:
        file, names = self.supervisors.procfile(words, way.where)
        if file is None:
            return []
        programs = [p for p in file.programs if (not names or p.name in names) and p.kind != "release"]
        way = way.to(words[0].path, words[0].line, " ".join(texts(words)), self.by_path.get(words[0].path))
        return self._programs(way, base_name(words[0].text), file, programs, depth)

    def _apache(self, way: Way, words: Words, depth: int) -> list[Launch]:
        """The applications that Apache's mod_wsgi runs in processes of its own."""
        made: list[Launch] = []
        way = way.to(words[0].path, words[0].line, " ".join(texts(words)), self.by_path.get(words[0].path))
        for file in self.supervisors.apache_files(way.where):
            made.extend(self._programs(way, "apache", file, file.programs, depth))
        return made

    def _programs(
        self, way: Way, supervisor: str, file: a.PlatformFile, programs: Iterable[a.Program], depth: int
    ) -> list[Launch]:
        """What a supervisor starts of the programs of its file."""
        made: list[Launch] = []
        for program in programs:
            if program.command is not None:
                inner = way.to(file.path, program.line, f"{program.name}: {program.command.raw}", file)
                inner = replace(inner, supervisor=supervisor, unit=program, alone=False)
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
        for script, oneshot, stop_signal in self.supervisors.services(way.where):
            # the container's own stop signal reaches the init alone: it stops a service by SIGTERM, or as the folder says
            inner = replace(
                way.to(script.path, 1, script.path, script), supervisor="s6", alone=False, stop_signal=stop_signal,
                role="init" if oneshot and way.role == "main" else way.role,
            )  # fmt: skip
            made.extend(self.scripts.run(inner, code_of_script(script), (), depth + 1, script))
        return made


def _arguments(words: Words, found: Resolved) -> Words:
    """The words that a program of the repository gets behind its own name."""
    own = next((n for n, word in enumerate(words) if word.text == found.target.text), 0)
    return words[own + 1 :]
