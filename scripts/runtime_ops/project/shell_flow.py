"""Which commands of a shell text run, in what order and with which words, for given arguments.

`Walk` follows functions, ``case`` arms and tests on arguments, ``set --``, ``shift``, sourced files and assignments as
far as constants are known. A test that is not understood counts as either way; an arm of a ``case`` whose subject is
not known is left out (its patterns are in `Walk.choices`, so that it can be walked by its word).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

from runtime_ops.facts import artifacts as a
from runtime_ops.facts.shell_commands import read_text
from runtime_ops.project.commands import Word, Words, split_word
from runtime_ops.project.variables import Variables, fill

_SUBJECT = re.compile(r"\$(?:\{(\w+)(?::?-[^}]*)?\}|(\w+))\Z")
_TEST = re.compile(
    r"(?:\[\[?|test)\s+[\"']?(?P<left>\$[\w@*#]+|\$\{[^}]*\}|[\w.\-/]*)[\"']?\s*"
    r"(?P<operator>==?|!=|-eq|-ne|-gt|-ge|-lt|-le)\s*[\"']?(?P<right>[^\"'\s\]]*)[\"']?\s*(?:\]\]?)?\Z"
)
_EMPTY = re.compile(
    r"(?:\[\[?|test)\s+(?P<sign>-[nz])\s+[\"']?(?P<what>\$\w+|\$\{[^}]*\}|\$[@*#])[\"']?\s*(?:\]\]?)?\Z"
)
_ALL_ARGUMENTS = ("$@", "$*", "${@}", "${*}")
_TRAPPED = frozenset(("TERM", "INT", "EXIT", "QUIT", "HUP", "15", "2", "0", "SIGTERM", "SIGINT"))
_FORWARDS = re.compile(r"\bkill\b|\bpkill\b|supervisorctl|\bstop\b|\bshutdown\b")
_MAX_DEPTH = 10
_MAX_COMMANDS = 3_000


@dataclass(frozen=True, slots=True)
class ShellCode:
    """A script, or the text of ``sh -c`` (``inline``)."""

    path: str
    interpreter: str
    commands: tuple[a.SimpleCommand, ...]
    functions: frozenset[str]
    cases: tuple[a.Case, ...]
    inline: bool = False

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


def code_of_text(word: Word, interpreter: str) -> ShellCode:
    """The text of ``sh -c``."""
    facts = read_text(word.text, word.line)
    names = frozenset(f.name for f in facts.functions)
    return ShellCode(word.path, interpreter, tuple(facts.commands), names, tuple(facts.cases), inline=True)


class Choice(NamedTuple):
    """A word that selects an arm: ``subject`` is ``1`` … for an argument, else a variable's name."""

    subject: str
    word: str


@dataclass(slots=True)
class Ran:
    """A command that runs."""

    command: a.SimpleCommand
    path: str
    words: Words
    variables: Variables
    directory: str | None
    """What ``cd`` changed to, None where it did not."""
    replaces: bool
    """By ``exec``."""
    background: bool
    last: bool
    """Nothing of the text runs after it."""
    repeated: bool
    """Stands in a loop."""
    arms: tuple[str, ...]
    """Patterns of the arms around it."""


@dataclass(slots=True)
class _Frame:
    arguments: Words | None
    background: bool = False
    last: bool = True
    repeated: bool = False
    certain: bool = True
    arms: tuple[str, ...] = ()
    chains: list[tuple[a.Branch, bool | None, bool | None]] = field(default_factory=list)
    """For each depth of ``if``: the branch, whether it is taken, whether an earlier one of its ``if`` was."""
    chosen: dict[int, int | None] = field(default_factory=dict)
    """Line of a ``case`` to the index of its arm, None when the subject is not known."""


class Walk:
    """One walk through a text. ``arguments`` None: not known."""

    def __init__(
        self,
        code: ShellCode,
        arguments: Words | None,
        variables: Variables,
        source: Callable[[str], ShellCode | None],
    ) -> None:
        self.code = code
        self.variables = variables
        self.locals: dict[str, str | None] = {}
        self._partial: dict[str, str] = {}
        """Texts of variables that are not known to the end (``${PORT:-80}``), to show in their place."""
        self.directory: str | None = None
        self.choices: dict[Choice, None] = {}
        self._source = source
        self._ended = False
        self._count = 0
        self._top = _Frame(arguments)

    def run(self) -> Iterator[Ran]:
        """The commands that run."""
        yield from self._walk(self.code, None, self._top, 0)

    # ------------------------------------------------------------ texts

    def _lookup(self, frame: _Frame) -> Callable[[str], str | None]:
        def look(name: str) -> str | None:
            if name.isdigit():
                if frame.arguments is None or name == "0":
                    return None
                index = int(name) - 1
                return frame.arguments[index].text if index < len(frame.arguments) else ""
            if name in ("@", "*"):
                return " ".join(w.text for w in frame.arguments) if frame.arguments is not None else None
            if name == "#":
                return str(len(frame.arguments)) if frame.arguments is not None else None
            if name in self.locals:
                return self.locals[name]
            return self.variables.lookup(name)

        return look

    def _fill(self, text: str, frame: _Frame) -> tuple[str, bool]:
        if "`" in text or "$(" in text:
            return text, False
        filled, complete = fill(text, self._lookup(frame))
        if not complete and self._partial:
            filled, _ = fill(filled, self._partial.get)
        return filled, complete

    def _words(self, command: a.SimpleCommand, path: str, frame: _Frame) -> Words:
        made: list[Word] = []
        used = {use.word: use for use in command.variables if use.word >= 0}
        for index, text in enumerate(command.argv):
            use = used.get(index)
            word = Word(text, path, command.line)
            if use is None:
                made.append(word)
            elif text in _ALL_ARGUMENTS or text.startswith("${@:"):
                skipped = int(text[4:-1]) - 1 if text.startswith("${@:") and text[4:-1].isdigit() else 0
                made.extend((frame.arguments or ())[skipped:])
            else:
                filled, complete = self._fill(text, frame)
                word = word._replace(text=filled)
                if complete and not use.quoted:
                    made.extend(split_word(word))
                else:
                    made.append(word)
        return tuple(made)

    # ------------------------------------------------------------ tests

    def _holds(self, test: str, frame: _Frame) -> bool | None:
        """Whether a condition is true; None when that is not known."""
        test = " ".join(test.split())
        if test.startswith("! "):
            inner = self._holds(test[2:], frame)
            return None if inner is None else not inner
        if test in ("true", ":"):
            return True
        if test == "false":
            return False
        found = _EMPTY.match(test)
        if found:
            value, complete = self._known(found["what"], frame)
            return None if not complete else bool(value) == (found["sign"] == "-n")
        found = _TEST.match(test)
        if found is None:
            return None
        left, known = self._known(found["left"], frame)
        right, right_known = self._known(found["right"], frame)
        subject = _SUBJECT.match(found["left"])
        operator = found["operator"]
        if subject and right_known and operator in ("=", "==") and not set(right) & set("*?["):
            self.choices[Choice(subject.group(1) or subject.group(2), right)] = None
        if not known or not right_known:
            return None
        if operator in ("=", "==", "!="):
            same = fnmatchcase(left, right) if test.startswith("[[") else left == right
            return same if operator != "!=" else not same
        try:
            a_, b_ = int(left), int(right)
        except ValueError:
            return None
        return {"-eq": a_ == b_, "-ne": a_ != b_, "-gt": a_ > b_, "-ge": a_ >= b_, "-lt": a_ < b_, "-le": a_ <= b_}[
            operator
        ]

    def _known(self, text: str, frame: _Frame) -> tuple[str, bool]:
        """The text and whether it is known for sure: a variable that no artifact sets may be set by hand."""
        plain = _SUBJECT.match(text)
        if plain and not text.startswith("${") and not (plain.group(2) or "").isdigit():
            name = plain.group(2) or ""
            if name not in self.locals and self.variables.constant(name) is None:
                return text, False
        elif text.startswith("${"):
            name = re.sub(r"\W.*", "", text[2:])
            if name and not name.isdigit() and name not in self.locals and name not in self.variables.known:
                return text, False
        return self._fill(text, frame)

    def _branches(self, command: a.SimpleCommand, frame: _Frame) -> bool | None:
        """Whether the branches around a command are taken."""
        state: bool | None = True
        for depth, branch in enumerate(command.branches):
            if depth < len(frame.chains) and frame.chains[depth][0] == branch:
                taken = frame.chains[depth][1]
            else:
                before: bool | None = False
                if branch.kind != "if" and depth < len(frame.chains):
                    _, taken_before, earlier = frame.chains[depth]
                    before = True if taken_before or earlier else None if None in (taken_before, earlier) else False
                holds = True if branch.kind == "else" else self._holds(branch.test, frame)
                taken = False if before or holds is False else None if before is None else holds
                del frame.chains[depth:]
                frame.chains.append((branch, taken, before))
            if taken is False:
                return False
            state = state and taken
        if len(frame.chains) > len(command.branches) and not command.branches:
            frame.chains.clear()
        return state

    def _arms(self, command: a.SimpleCommand, code: ShellCode, frame: _Frame) -> bool:
        for arm in command.arms:
            case = next((c for c in code.cases if arm in c.arms and c.line <= arm.line <= c.end_line), None)
            if case is None:
                return False
            if case.line not in frame.chosen:
                frame.chosen[case.line] = self._choose(case, frame)
            chosen = frame.chosen[case.line]
            if chosen is None or chosen >= len(case.arms) or case.arms[chosen] != arm:
                return False
        return True

    def _choose(self, case: a.Case, frame: _Frame) -> int | None:
        subject = _SUBJECT.match(case.subject)
        if subject:
            name = subject.group(1) or subject.group(2)
            for arm in case.arms:
                for pattern in arm.patterns:
                    if pattern and not set(pattern) & set("*?[$"):
                        self.choices[Choice(name, pattern)] = None
        value, known = self._fill(case.subject, frame)
        if not known or "{{" in value:
            return None
        if not value and subject and not self._given(subject):
            return None  # may be set by hand
        matching = (
            index
            for index, arm in enumerate(case.arms)
            if any(fnmatchcase(value, self._fill(pattern, frame)[0]) for pattern in arm.patterns)
        )
        return next(matching, len(case.arms))

    def _given(self, subject: re.Match[str]) -> bool:
        """Whether the subject is an argument or a variable that something sets."""
        name = subject.group(1) or subject.group(2)
        return name.isdigit() or name in self.locals or name in self.variables.known

    # ------------------------------------------------------------ commands

    def _walk(self, code: ShellCode, function: str | None, frame: _Frame, depth: int) -> Iterator[Ran]:
        previous: a.SimpleCommand | None = None
        own = [c for c in code.commands if c.function == function and not c.substitution]
        for position, command in enumerate(own):
            self._count += 1
            if self._ended or self._count > _MAX_COMMANDS:
                return
            linked = self._linked(command, previous, frame)
            previous = command
            taken = self._branches(command, frame)
            if taken is False or linked is False or not self._arms(command, code, frame):
                continue
            certain = frame.certain and taken is True and linked is True and not command.loops
            words = self._words(command, code.path, frame)
            following = own[position + 1] if position + 1 < len(own) else None
            leaves = following is not None and following.program in ("exit", "wait") and (
                following.branches == command.branches and following.arms == command.arms
            )  # fmt: skip
            inner = _Frame(
                arguments=words[1:],
                background=frame.background or command.background,
                last=frame.last and (command.tail or leaves),
                repeated=frame.repeated or bool(command.loops),
                certain=certain,
                arms=frame.arms + tuple(p for arm in command.arms for p in arm.patterns),
            )
            if command.tested and command.program in ("[", "[[", "test"):
                self._holds(command.raw, frame)
            yield from self._one(code, command, words, frame, inner, depth)
            if command.exec and command.argv and certain and not command.background:
                self._ended = True
            if certain and command.program == "exit" and not command.subshell:
                self._ended = True
            if certain and command.program == "return":
                return

    def _linked(self, command: a.SimpleCommand, previous: a.SimpleCommand | None, frame: _Frame) -> bool | None:
        """Whether ``&&``/``||`` lets a command run; a program before ``&&`` is taken to succeed."""
        if command.before not in ("&&", "||") or previous is None:
            return True
        is_test = previous.program in ("[", "[[", "test", "true", "false", ":")
        holds = self._holds(previous.raw, frame) if is_test else True if command.before == "&&" else None
        if command.before == "&&":
            return holds
        return None if holds is None else not holds

    def _one(
        self, code: ShellCode, command: a.SimpleCommand, words: Words, frame: _Frame, inner: _Frame, depth: int
    ) -> Iterator[Ran]:
        self._assign(command, frame, code.path, bool(command.argv))
        program = words[0].text if words else ""
        if program == "set" and len(words) > 1 and words[1].text == "--":
            frame.arguments = words[2:]
        elif program == "shift":
            count = int(words[1].text) if len(words) > 1 and words[1].text.isdigit() else 1
            frame.arguments = frame.arguments[count:] if frame.arguments is not None else None
        elif program == "cd" and len(words) > 1:
            self.directory = words[1].text if inner.certain else self.directory
        elif program in ("source", ".") and len(words) > 1:
            other = self._source(words[1].text)
            if other is not None and depth < _MAX_DEPTH:
                sourced = _Frame(words[2:] or frame.arguments, frame.background, False, inner.repeated, inner.certain)
                yield from self._walk(other, None, sourced, depth + 1)
        elif program in code.functions and not command.exec:
            if depth < _MAX_DEPTH:
                yield from self._walk(code, program, inner, depth + 1)
        elif words:
            replaces = command.exec
            while words and words[0].text in ("eval", "exec", "command", "builtin", "nohup") and len(words) > 1:
                replaces = replaces or words[0].text == "exec"
                words = words[1:]
            yield Ran(
                command, code.path, words, self._local_env(command, frame, code.path), self.directory, replaces,
                inner.background, inner.last, inner.repeated, inner.arms,
            )  # fmt: skip

    def _assign(self, command: a.SimpleCommand, frame: _Frame, path: str, has_words: bool) -> None:
        """Note the assignments that stay: alone, or by ``export`` and its like."""
        declaring = command.program in ("export", "local", "readonly", "declare", "typeset", "set")
        if has_words and not declaring:
            return
        for assignment in command.assignments:
            text, complete = self._fill(assignment.value, frame)
            self.locals[assignment.name] = text if complete else None
            if not complete and f"${assignment.name}" not in text and f"${{{assignment.name}" not in text:
                self._partial[assignment.name] = text
            if assignment.exported or assignment.name in self.variables.known:
                self.variables = self.variables.plus((variable_of(assignment, text, complete),), path)
        if command.program == "export":  # of a variable that was assigned before
            for name in command.argv[1:]:
                if name in self.locals and "=" not in name:
                    value = self.locals[name]
                    made = a.Assignment(name, value or "", True, command.line, command.end_line)
                    self.variables = self.variables.plus((variable_of(made, value or "", value is not None),), path)

    def _local_env(self, command: a.SimpleCommand, frame: _Frame, path: str) -> Variables:
        """The environment with the assignments in front of a command."""
        made = []
        for assignment in command.assignments if command.argv else ():
            text, complete = self._fill(assignment.value, frame)
            made.append(variable_of(assignment, text, complete))
        return self.variables.plus(made, path)


def variable_of(assignment: a.Assignment, text: str, complete: bool) -> a.EnvironmentVariable:
    """The variable that a script's assignment sets; ``text`` is its value as far as it is known."""
    line, end_line = assignment.line, assignment.end_line
    value = a.Value(text, line, end_line, not complete)
    return a.EnvironmentVariable(assignment.name, value, line, end_line, templated=not complete)
