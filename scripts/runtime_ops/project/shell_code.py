"""A shell text that a start runs: a script of the repository, or the text of ``sh -c``."""

from __future__ import annotations

import re

from runtime_ops.facts import artifacts as a
from runtime_ops.facts.shell_commands import read_text
from runtime_ops.plain import dataclass
from runtime_ops.project.commands import Word

_TRAPPED = frozenset(("TERM", "INT", "EXIT", "QUIT", "HUP", "15", "2", "0", "SIGTERM", "SIGINT"))
_FORWARDS = re.compile(r"\bkill\b|\bpkill\b|supervisorctl|\bstop\b|\bshutdown\b")


@dataclass(frozen=True, slots=True)
class ShellCode:
    """The commands of a script, or of the text of ``sh -c`` (``inline``)."""

    path: str
    interpreter: str
    commands: tuple[a.SimpleCommand, ...]
    functions: frozenset[str]
    cases: tuple[a.Case, ...]
    inline: bool = False
    zero: str | None = None
    """What ``$0`` stands for: the word behind the text of ``sh -c``."""

    @property
    def forwards_signals(self) -> bool:
        """Whether a trap passes a stop on to children in the background, and the shell waits for them.

        A trap runs only when the foreground command has ended, or inside ``wait`` (POSIX, 2.11 "Signals and Error
        Handling").
        """
        if not any(c.program == "wait" for c in self.commands):
            return False
        for command in self.commands:
            if command.program == "trap" and len(command.argv) > 2 and _TRAPPED & set(command.argv[2:]):
                action = command.argv[1]
                body = [c.raw for c in self.commands if c.function is not None and c.function in action.split()]
                if _FORWARDS.search(action) or any(_FORWARDS.search(text) for text in body):
                    return True
        return False


def code_of_script(script: a.ShellScript) -> ShellCode:
    """A script of the repository."""
    names = frozenset(f.name for f in script.functions)
    return ShellCode(script.path, script.interpreter, script.commands, names, script.cases)


def code_of_text(word: Word, interpreter: str, zero: str | None = None) -> ShellCode:
    """The text of ``sh -c``, and the word behind it."""
    facts = read_text(word.text, word.line)
    names = frozenset(f.name for f in facts.functions)
    return ShellCode(word.path, interpreter, tuple(facts.commands), names, tuple(facts.cases), inline=True, zero=zero)
