"""Follows shells and scripts to the commands that they start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from runtime_ops.facts import artifacts as a
from runtime_ops.libraries.programs import wrapper_of
from runtime_ops.project.commands import SHELLS, Word, Words, base_name, texts
from runtime_ops.project.images import DASH, shell_of_image
from runtime_ops.project.launch import Launch
from runtime_ops.project.layout import absolute
from runtime_ops.project.locations import Locator
from runtime_ops.project.program_targets import Programs
from runtime_ops.project.shell_code import ShellCode, code_of_script, code_of_text
from runtime_ops.project.shell_conditions import Choice, asked_by, for_developers, opted_for
from runtime_ops.project.shell_flow import Ran, Walk
from runtime_ops.project.shell_tools import TOOLS
from runtime_ops.project.shell_values import variable_of
from runtime_ops.project.supervisors import PROCFILE_RUNNERS, S6_INITS
from runtime_ops.project.variables import Variables
from runtime_ops.project.way import Way, link_of

_PATH = ("/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin", "/opt/bin")
_MAX_RUNS = 5_000
_MAX_CHOICES = 40
_DEVELOPMENT_WORDS = frozenset(("dev", "debug", "test", "tests", "shell", "bash", "develop", "development", "pytest"))
_AT_THE_DESK = frozenset(("compose", "shell", "procfile"))
"""Platforms whose artifacts may be for developers: what they set for a branch says nothing against that."""
_STARTERS = frozenset((*SHELLS, *PROCFILE_RUNNERS, *S6_INITS, "su", "runuser", "watchfiles", "supervisord", "busybox"))
_TALK = frozenset(("echo", "printf", "exit", "true", ":", "date"))
"""Commands that say something or end the script."""


class ScriptFollower:
    """Walks scripts; ``follow`` goes on with each command line that one runs."""

    def __init__(
        self,
        locator: Locator,
        programs: Programs,
        artifacts: tuple[a.Artifact, ...],
        follow: Callable[[Way, Words, int], list[Launch]],
    ) -> None:
        self.locator = locator
        self.programs = programs
        self.scripts = {x.path: x for x in artifacts if isinstance(x, a.ShellScript)}
        self.by_path = {x.path: x for x in artifacts}
        self.reached: set[str] = set()
        """Paths of the scripts that some start runs."""
        self._follow = follow
        self._script_names = {path.rpartition("/")[2] for path in self.scripts}
        self._runs = 0

    def named(self, text: str, way: Way) -> a.ShellScript | None:
        """The repository's shell script that a program's name or path means, or the one that the Dockerfile writes there."""
        written = _written(text, way)
        if written is not None:
            return written
        if "/" in text or text.endswith(".sh"):
            path = self.locator.file(text, way.where)
        else:
            path_variable = way.variables.known.get("PATH")
            own = path_variable[0].value.text.split(":") if path_variable and path_variable[0].value is not None else ()
            places = (*(place for place in own if place.startswith("/")), *_PATH)
            found = (way.where.layout.find(f"{place}/{text}", self.locator.tree) for place in places)
            path = next((p for p in found if p is not None), None)
            if path is None and "entrypoint" in text:
                path = self.locator.file(text, way.where)
        if path is None and "entrypoint" in text.rpartition("/")[2]:
            # a build step puts it where it is called (``cp docker/docker-entrypoint.sh /mnt/app/entrypoint.sh``): the only one it can be
            alike = [known for known in self.scripts if "entrypoint" in known.rpartition("/")[2]]
            path = alike[0] if len(alike) == 1 else None
        return self.scripts.get(path or "")

    def by_hand(self, way: Way, script: a.ShellScript) -> list[Launch]:
        """What a script starts that is run by hand."""
        return self.run(way, code_of_script(script), (), 0, script)

    def shell(self, way: Way, words: Words, depth: int) -> list[Launch]:
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
            way = way.to(word.path, word.line, word.text, self.by_path.get(word.path))
            zero = words[index + 1].text if index + 1 < len(words) else None
            return self.run(way, code_of_text(word, interpreter, zero), words[index + 2 :], depth + 1)
        script = self.named(words[index].text, way) or self.named(f"./{words[index].text}", way)
        if script is None:
            return []
        inner = way.to(words[index].path, words[index].line, " ".join(texts(words)))
        return self.run(inner, code_of_script(script), words[index + 1 :], depth + 1, script)

    def run(
        self, way: Way, code: ShellCode, arguments: Words, depth: int, script: a.ShellScript | None = None
    ) -> list[Launch]:
        """The programs that a shell text starts, and those of arms that its arguments do not choose."""
        self._runs += 1
        if script is not None:
            self.reached.add(script.path)
            if script.path in way.running or self._runs > _MAX_RUNS:
                return []
            way = replace(way, running=way.running | {script.path})
            way = way.with_artifact(script)
        given: Words | None = arguments
        if any("{{" in word.text for word in arguments):
            given = None
        walk, made = self._walk(way, code, given, way.variables, depth)
        if not way.explore:
            return made
        if not made and not arguments and not walk.choices:  # without any, it tells how it is called, and ends
            walk = self._walk(way, code, None, way.variables, depth)[0]
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
        made: list[tuple[Ran, Launch]] = []
        only = sum(not c.substitution for c in code.commands) == 1
        alternatives: list[Launch] = []
        for ran in walk.run():
            found = self._ran(way, code, ran, walk, only, depth)
            if ran.alternative:
                alternatives.extend(found)
            else:
                made.extend((ran, launch) for launch in found)
        known = [x for x in alternatives if x.target.path is not None or x.server is not None]
        return walk, _steps_before_the_last(made) + (known or alternatives)

    def _sourced(self, text: str, way: Way) -> ShellCode | None:
        path = self.locator.file(text, way.where)
        script = self.scripts.get(path or "")
        if script is not None:
            self.reached.add(script.path)
        return code_of_script(script) if script is not None else None

    def _ran(self, way: Way, code: ShellCode, ran: Ran, walk: Walk, only: bool, depth: int) -> list[Launch]:
        command = ran.command
        if not self._may_start(ran, way):
            return []
        link = link_of(ran.path, command.line, command.raw)
        ends = ran.replaces or ran.last or ran.background or ran.repeated or _only_talk_after(code, command)
        inner = replace(way, variables=ran.variables, background=way.background or ran.background)
        inner = inner.to(*link, self.by_path.get(link.path))
        inner = inner.through_shell(self._shell_state(code, ran, only), link)
        if ran.directory is not None and "$" not in ran.directory:
            inner = inner.moved(ran.directory)
        if not ends and inner.role == "main":
            inner = replace(inner, role="init")
        if {t for arm in ran.arms for t in _tokens(arm)} & _DEVELOPMENT_WORDS:
            inner = replace(inner, development=True)
        inner = self._in_branches(inner, ran, walk)
        found = self._follow(inner, ran.words, depth + 1)
        keep_program = ran.replaces or (ran.last and way.role == "main" and not command.loops)
        made = []
        for launch in found:
            # what this script did not make a step of its start is none of an inner script either
            waited = launch.role == inner.role == "init" and way.role == "main" and not launch.background
            if launch.server is not None and waited:
                launch = replace(launch, role="main")  # it serves until it is stopped, whatever stands behind it
            of_ours = launch.target.path is not None or launch.server is not None
            if of_ours or (keep_program and base_name(launch.argv[0]) not in TOOLS):
                made.append(launch)
        return made

    def _in_branches(self, way: Way, ran: Ran, walk: Walk) -> Way:
        """The way in the branches around a command: for developers, or one that a variable which nothing sets switches on."""
        for branch in ran.branches:
            asked = asked_by(branch)
            if asked is None:
                continue
            given = asked.variable in way.variables.known or asked.variable in walk.values.locals
            if for_developers(branch) and (not given or way.platform in _AT_THE_DESK):
                way = replace(way, development=True)
            elif opted_for(branch) and not given and not way.variables.open:
                way = replace(way, optional=True)
        return way

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
        return name in self._script_names and self.named(name, way) is not None

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


def _steps_before_the_last(made: list[tuple[Ran, Launch]]) -> list[Launch]:
    """The launches of a script in their order, those of a program that the script only asks something of made steps of the start.

    ``python app.py --check`` before ``gunicorn app:app``: the code of the first holds a call that serves, but it has to come back,
    or the script would not need what follows.
    """
    found = []
    for position, (ran, launch) in enumerate(made):
        waited_for = not (ran.replaces or ran.last or launch.background)
        by_code = launch.server is not None and launch.target.kind in ("script", "module", "console-script")
        behind = (
            later.command.branches[: len(ran.command.branches)] == ran.command.branches and other.server is not None
            for later, other in made[position + 1 :]
            if later is not ran and not other.background
        )
        found.append(replace(launch, role="init") if waited_for and by_code and launch.role != "init" and any(behind) else launch)
    return found


def _only_talk_after(code: ShellCode, command: a.SimpleCommand) -> bool:
    """Whether nothing that does anything stands behind a command in its script: it is what the script is for."""
    later = [c for c in code.commands if c.line > command.line and not c.substitution]
    return bool(later) and all(c.program in _TALK for c in later)


def _tokens(text: str) -> set[str]:
    return set(text.lower().replace("-", "_").replace(".", "_").split("_"))


def _written(text: str, way: Way) -> a.ShellScript | None:
    """The script that an instruction of the image's Dockerfile writes to the path that is started, or into a folder of ``PATH``."""
    if way.stage is None or not way.stage.scripts:
        return None
    folder = way.where.workdir or "/"
    names = (text,) if "/" in text or text.endswith(".sh") else tuple(f"{place}/{text}" for place in _PATH)
    wanted = {absolute(name, folder) for name in names}
    return next((script for target, script in reversed(way.stage.scripts) if absolute(target, folder) in wanted), None)
