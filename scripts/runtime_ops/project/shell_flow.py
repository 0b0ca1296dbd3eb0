"""Which commands of a shell text run, in what order and with which words, for given arguments.

`Walk` follows functions, ``case`` arms and tests on arguments, ``set --``, ``shift``, sourced files and assignments as
far as constants are known. A test that is not understood counts as either way; an arm of a ``case`` whose subject is
not known is left out (its patterns are in `Walk.choices`, so that it can be walked by its word).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import field, replace

from runtime_ops.facts import artifacts as a
from runtime_ops.plain import dataclass
from runtime_ops.project.commands import Words, split_word
from runtime_ops.project.shell_code import ShellCode
from runtime_ops.project.shell_conditions import TESTS, Choice, Conditions
from runtime_ops.project.shell_values import ALL_ARGUMENTS, ShellValues
from runtime_ops.project.variables import Variables

_PREFIXES = ("eval", "exec", "command", "builtin")
_MAX_DEPTH = 10
_MAX_COMMANDS = 3_000
_MAX_ALTERNATIVES = 4


@dataclass(frozen=True, slots=True)
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
    branches: tuple[a.Branch, ...] = ()
    """Branches of ``if`` around it, those around the calls of its functions first."""
    alternative: bool = False
    """One of several command lines that ``"$@"`` may stand for."""


@dataclass(slots=True)
class _Frame:
    """One level of commands: the text, a function, a sourced file."""

    arguments: Words | None
    background: bool = False
    last: bool = True
    repeated: bool = False
    certain: bool = True
    arms: tuple[str, ...] = ()
    branches: tuple[a.Branch, ...] = ()
    others: list[Words] = field(default_factory=list)
    """What the arguments are if a ``set --`` under a condition that is not known does not run."""
    chains: list[tuple[a.Branch, bool | None, bool | None]] = field(default_factory=list)
    """For each depth of ``if``: the branch, whether it is taken, whether an earlier one of its ``if`` was."""
    groups: dict[int, bool | None] = field(default_factory=dict)
    """Number of a group to whether it runs."""
    loops: dict[a.Loop, bool] = field(default_factory=dict)
    """Whether a loop may run at all."""
    chosen: dict[int, int | None] = field(default_factory=dict)
    """Line of a ``case`` to the index of its arm, None when the subject is not known."""


class Walk:
    """One walk through a text. ``arguments`` None: not known. ``source`` gives the text of a sourced file."""

    def __init__(
        self,
        code: ShellCode,
        arguments: Words | None,
        variables: Variables,
        source: Callable[[str], ShellCode | None],
    ) -> None:
        self.code = code
        self.values = ShellValues(variables, code.zero)
        self.conditions = Conditions(self.values)
        self._moves: list[tuple[a.SimpleCommand, str, bool]] = []
        """Each ``cd``, where it goes, and whether it is certain to have run."""
        self._source = source
        self._ended = False
        self._count = 0
        self._top = _Frame(arguments)

    @property
    def choices(self) -> dict[Choice, None]:
        """The words that arguments and variables were compared with."""
        return self.conditions.choices

    def run(self) -> Iterator[Ran]:
        """The commands that run."""
        yield from self._walk(self.code, None, self._top, 0)

    # ------------------------------------------------------------ what is taken

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
                holds = True if branch.kind == "else" else self.conditions.holds(branch.test, frame.arguments)
                taken = False if before or holds is False else None if before is None else holds
                del frame.chains[depth:]
                frame.chains.append((branch, taken, before))
            if taken is False:
                return False
            state = state and taken
        if not command.branches:
            frame.chains.clear()
        return state

    def _looped(self, command: a.SimpleCommand, frame: _Frame) -> bool:
        """Whether the loops around a command may run: one over leading words (``while [[ "$1" == *=* ]]``) does not without any."""
        for loop in command.loops:
            if loop not in frame.loops:  # what the loop does changes what it asks
                frame.loops[loop] = loop.kind != "while" or self.conditions.holds(loop.test, frame.arguments) is not False
            if not frame.loops[loop]:
                return False
        return True

    def _arms(self, command: a.SimpleCommand, code: ShellCode, frame: _Frame) -> bool:
        for arm in command.arms:
            case = next((c for c in code.cases if arm in c.arms and c.line <= arm.line <= c.end_line), None)
            if case is None:
                return False
            if case.line not in frame.chosen:
                frame.chosen[case.line] = self.conditions.arm(case, frame.arguments)
            chosen = frame.chosen[case.line]
            if chosen is None or chosen >= len(case.arms) or case.arms[chosen] != arm:
                return False
        return True

    def _linked(self, command: a.SimpleCommand, previous: a.SimpleCommand | None, frame: _Frame) -> bool | None:
        """Whether ``&&``/``||`` lets a command run, also those in front of the groups it stands in."""
        own = self._by_operator(command, previous, frame)
        state: bool | None = True
        for group in command.groups:
            if group not in frame.groups:  # the operator before a group stands before its first command
                frame.groups[group] = own
            state = frame.groups[group] if state is True else state
            if state is False:
                return False
        return own if state is True or own is False else state

    def _by_operator(self, command: a.SimpleCommand, previous: a.SimpleCommand | None, frame: _Frame) -> bool | None:
        """By the operator in front of the command itself; a program before ``&&`` is taken to succeed."""
        if command.before not in ("&&", "||") or previous is None:
            return True
        if previous.program in TESTS:
            holds = self.conditions.holds(previous.raw, frame.arguments)
        else:
            holds = True if command.before == "&&" else None
        if command.before == "&&" or holds is None:
            return holds
        return not holds

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
            if taken is False or linked is False or not self._arms(command, code, frame) or not self._looped(command, frame):
                continue
            certain = frame.certain and taken is True and linked is True and not command.loops
            if command.tested and command.program in TESTS:
                self.conditions.holds(command.raw, frame.arguments)
            yield from self._one(code, command, frame, self._inner(command, own[position + 1 :], frame, certain), depth)
            ends = command.exec and command.argv and not command.argv[0].startswith("{") and not command.background
            if certain and (ends or (command.program == "exit" and not command.subshell)):
                self._ended = True
                self._other_arms(command, own[position + 1 :], frame)
            if certain and command.program == "return":
                return

    def _other_arms(self, command: a.SimpleCommand, following: list[a.SimpleCommand], frame: _Frame) -> None:
        """Asks the ``elif`` behind the branch that ended the text, whose words nothing asks otherwise: they choose arms as the
        patterns of a ``case`` do, which are known before one of them runs."""
        asked: set[a.Branch] = set()
        for later in following:
            if later.tested:
                continue  # the condition itself, which stands outside of the branch that it opens
            depth = next((n for n, (one, other) in enumerate(zip(command.branches, later.branches, strict=False)) if one != other), None)
            if depth is None or later.branches[depth].kind == "if":
                return  # behind the ``fi``
            branch = later.branches[depth]
            if branch.kind == "elif" and branch not in asked:
                asked.add(branch)
                self.conditions.holds(branch.test, frame.arguments)

    def _inner(
        self, command: a.SimpleCommand, following: list[a.SimpleCommand], frame: _Frame, certain: bool
    ) -> _Frame:
        """The frame of what a command runs."""
        leaves = bool(following) and following[0].program in ("exit", "wait") and (
            following[0].branches == command.branches and following[0].arms == command.arms
        )  # fmt: skip
        return _Frame(
            arguments=None,
            background=frame.background or command.background,
            last=frame.last and (command.tail or leaves),
            repeated=frame.repeated or bool(command.loops),
            certain=certain,
            arms=frame.arms + tuple(p for arm in command.arms for p in arm.patterns),
            branches=frame.branches + command.branches,
        )

    def _one(
        self, code: ShellCode, command: a.SimpleCommand, frame: _Frame, inner: _Frame, depth: int
    ) -> Iterator[Ran]:
        values = self.values
        values.assign(command, code.path, frame.arguments, inner.certain)
        words = values.words(command, code.path, frame.arguments)
        program = words[0].text if words else ""
        if program == "set" and len(words) > 1 and words[1].text == "--":
            if not inner.certain and frame.arguments is not None and len(frame.others) < _MAX_ALTERNATIVES:
                frame.others.append(frame.arguments)
            frame.arguments = words[2:]
        elif program == "shift":
            count = int(words[1].text) if len(words) > 1 and words[1].text.isdigit() else 1
            frame.arguments = frame.arguments[count:] if frame.arguments is not None else None
            values.shifted = True
        elif program == "cd" and len(words) > 1:
            self._moves.append((command, words[1].text, inner.certain))
        elif program in ("source", ".") and len(words) > 1:
            other = self._source(words[1].text)
            if other is not None and depth < _MAX_DEPTH:
                inner.arguments = words[2:] or frame.arguments
                inner.last = False
                yield from self._walk(other, None, inner, depth + 1)
        elif program in code.functions and not command.exec:
            if depth < _MAX_DEPTH:
                inner.arguments = words[1:]
                yield from self._walk(code, program, inner, depth + 1)
        elif words:
            ran = self._ran(code, command, words, frame, inner)
            others = frame.others if command.argv[0] in ALL_ARGUMENTS else []
            yield replace(ran, alternative=bool(others))
            for arguments in others:
                words = values.words(command, code.path, arguments)
                if words:
                    yield replace(self._ran(code, command, words, frame, inner), alternative=True)

    def _ran(self, code: ShellCode, command: a.SimpleCommand, words: Words, frame: _Frame, inner: _Frame) -> Ran:
        replaces = command.exec
        while words[0].text in _PREFIXES and len(words) > 1:
            replaces = replaces or words[0].text == "exec"
            again = words[0].text == "eval" and not any("$(" in word.text or "`" in word.text for word in words)
            words = (tuple(part for word in words[1:] for part in split_word(word)) if again else ()) or words[1:]
        environment = self.values.environment_of(command, code.path, frame.arguments)
        return Ran(
            command, code.path, words, environment, self._directory(command), replaces, inner.background, inner.last,
            inner.repeated, inner.arms, inner.branches,
        )  # fmt: skip

    def _directory(self, command: a.SimpleCommand) -> str | None:
        """Where the ``cd`` before a command leave it: those that are certain, and those that its own branch begins with."""
        here: str | None = None
        for move, text, certain in self._moves:
            if not certain and not _below(command, move):
                continue
            if move.subshell and command.groups[: len(move.groups)] != move.groups:
                continue
            relative = here is not None and "$" not in here and not text.startswith(("/", "$"))
            here = f"{here}/{text}" if relative else text
        return here


def _below(command: a.SimpleCommand, move: a.SimpleCommand) -> bool:
    """Whether a command runs only where an earlier one of the same function has run as well."""
    return (
        command.function == move.function
        and command.branches[: len(move.branches)] == move.branches
        and command.arms[: len(move.arms)] == move.arms
        and command.loops[: len(move.loops)] == move.loops
        and command.groups[: len(move.groups)] == move.groups
        and move.before not in ("&&", "||")
    )
