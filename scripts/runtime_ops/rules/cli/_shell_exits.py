"""Shell text that tells of an error and exits by the status of the telling: ``echo "[ERROR] …"; exit``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.facts.artifact_commands import SimpleCommand
from runtime_ops.facts.shell_commands import split_shell
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.launch import Launch
from runtime_ops.project.model import Func, own_expressions
from runtime_ops.rules.api import Rule, together

TELLS = frozenset({"echo", "printf"})
ERROR = re.compile(r"(?i)\b(?:error|fatal|fail(?:ed|ure)?|abort(?:ed|ing)?|missing|is not set|not found|cannot|can't|invalid|required)\b")
BARE = re.compile(r"\bexit\s*(?:;|\n|$|\})")
"""What a text with such an exit holds: others are not read as shell."""


def bare_exits(commands: Iterable[SimpleCommand]) -> Iterator[SimpleCommand]:
    """The ``exit`` commands without a status that follow an ``echo`` of an error in the same branch."""
    before: SimpleCommand | None = None
    for command in commands:
        if command.argv == ("exit",) and before is not None and _told(before) and _beside(before, command):
            yield command
        before = command


def _told(command: SimpleCommand) -> bool:
    return command.program in TELLS and bool(ERROR.search(" ".join(command.argv[1:])))


def _beside(one: SimpleCommand, other: SimpleCommand) -> bool:
    return (one.branches, one.arms, one.loops, one.function) == (other.branches, other.arms, other.loops, other.function)


def exits_of_scripts(project: Project) -> Iterator[tuple[str, int]]:
    """Path and line of each one in a script that starts a program of the project."""
    seen: set[str] = set()
    for launch in project.launches:
        for script in launch.artifacts:
            if isinstance(script, a.ShellScript) and script.path not in seen and launch.platform not in ("shell", "packaging"):
                seen.add(script.path)
                yield from ((script.path, command.line) for command in bare_exits(script.commands))


def exits_of_texts(func: Func) -> Iterator[int]:
    """The lines of statements of a function that hold such shell text, one for each text."""
    if not any("echo" in text and BARE.search(text) for text in func.inventory.texts):
        return
    for place in func.places:
        for root in own_expressions(place.stmt):
            for text in m.texts(root):
                if BARE.search(text) and "echo" in text and any(bare_exits(split_shell(text))):
                    yield place.stmt.line


def masked_ends(project: Project) -> Iterator[tuple[Launch, SimpleCommand]]:
    """The launches whose script goes on to an ``echo`` as its last command, which gives the script its status, with that echo."""
    for launch in project.launches:
        link = launch.chain[-1]
        script = next((x for x in launch.artifacts if isinstance(x, a.ShellScript) and x.path == link.path), None)
        if script is None or launch.background or launch.development or launch.role not in ("main", "job", "init"):
            continue
        if launch.platform in ("shell", "packaging", "crontab") or any(o.name == "errexit" and o.on for o in script.options):
            continue
        ran = next((i for i, c in enumerate(script.commands) if c.line == link.line and not c.substitution), None)
        if ran is None or any(t.action for t in script.traps):
            continue
        command, behind = script.commands[ran], script.commands[ran + 1 :]
        if command.exec or command.tested or command.negated or command.function or command.after in ("|", "|&", "&", "&&"):
            continue
        if behind and all(c.program in TELLS and _beside(c, command) for c in behind):
            yield launch, behind[-1]


def shell_findings(project: Project, rule: Rule) -> Iterator[Finding]:
    """``echo "[ERROR] VAR is not set"; exit`` in a script that starts the program, or in the command of a container that the
    program makes: ``exit`` alone ends with the status of the ``echo``."""
    what = "exit without a status after the error gives that of the echo, 0: whatever started this takes the failed start for success"
    found = [rule.finding(path, line, what, "exit 1", confidence="certain") for path, line in exits_of_scripts(project)]
    for func in project.functions:
        lines = list(exits_of_texts(func))
        if lines and (project.phases_by_entrypoint(func) or project.imported_by(func.module)):
            found += [rule.in_function(project, func, line, what, "exit 1", confidence="certain") for line in lines]
    yield from together(found)
    masked = {(launch.chain[-1].path, last.line): launch for launch, last in masked_ends(project)}
    for (path, line), launch in masked.items():
        yield rule.finding(
            path,
            launch.chain[-1].line,
            f"the status of the script is that of its last command, the echo in line {line}: {launch.program} may crash, and the container "
            "ends with 0",
            "start the program by exec, as the last command, or begin the script with set -e",
            end_line=line,
            severity="low" if launch.workload is not None and launch.role == "main" else None,
            confidence="certain",
        )
