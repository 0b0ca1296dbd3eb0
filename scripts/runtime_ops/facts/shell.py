"""Reads shell scripts: what they run, in which order, what they end in, and how signals pass through them."""

from __future__ import annotations

import re

from runtime_ops.facts.artifacts import ShellOption, ShellScript, SimpleCommand, Trap, Unread
from runtime_ops.facts.shell_commands import read_text, split_shell

__all__ = ["interpreter_of", "read_shell", "split_shell"]

SHELLS = frozenset(("sh", "bash", "dash", "ash", "ksh", "zsh", "mksh", "busybox", "bashio"))
_SHELL_OF = {"busybox": "sh", "bashio": "bash"}
_OPTION_LETTERS = {
    "e": "errexit", "u": "nounset", "x": "xtrace", "m": "monitor", "n": "noexec", "f": "noglob", "a": "allexport",
    "b": "notify", "v": "verbose", "E": "errtrace", "T": "functrace", "C": "noclobber",
}  # fmt: skip
_SIGNAL_NUMBERS = {
    "0": "EXIT",
    "1": "HUP",
    "2": "INT",
    "3": "QUIT",
    "9": "KILL",
    "10": "USR1",
    "12": "USR2",
    "15": "TERM",
}
_TRAP_RESET = re.compile(r"-[lp]+\Z")


def interpreter_of(first_line: str) -> tuple[str, tuple[str, ...]] | None:
    """The shell that ``#!…`` names, and its options; None when it names something else or there is no ``#!``.

    The shell may stand behind ``env`` or a wrapper (``#!/usr/bin/with-contenv bash``, ``#!/usr/bin/env -S bash -e``).
    """
    if not first_line.startswith("#!"):
        return None
    words = first_line[2:].split()
    for index, word in enumerate(words):
        name = word.rsplit("/", 1)[-1]
        if name in SHELLS:
            return _SHELL_OF.get(name, name), tuple(words[index + 1 :])
    return None


def read_shell(path: str, text: str) -> ShellScript:
    """The facts of a script's text. Never raises on bad text: the place where reading ended is in ``unread``."""
    found = interpreter_of(text[:500].split("\n", 1)[0])
    if found is None and text.startswith("#!"):
        reason = f"not a shell that is understood: {text[:80].splitlines()[0]}"
        return ShellScript(path=path, unread=(Unread(1, reason),))
    interpreter, flags = found or ("sh", ())
    facts = read_text(text)
    options = [ShellOption(name, on, None, 1, 1) for name, on in _options(flags)]
    traps = []
    for command in facts.commands:
        if command.program == "set" and not command.substitution:
            options.extend(
                ShellOption(name, on, command.function, command.line, command.end_line)
                for name, on in _options(command.argv[1:])
            )
        elif command.program == "trap":
            trap = _trap(command)
            if trap is not None:
                traps.append(trap)
    return ShellScript(
        path=path,
        unread=tuple(facts.unread),
        interpreter=interpreter,
        commands=tuple(facts.commands),
        functions=tuple(facts.functions),
        options=tuple(options),
        traps=tuple(traps),
        cases=tuple(facts.cases),
        other_uses=tuple(facts.uses),
    )


def _options(words: tuple[str, ...]) -> list[tuple[str, bool]]:
    """Names and states of ``-euo pipefail``, ``+e``, ``-o errexit``; ends at the first word that is no option."""
    made: list[tuple[str, bool]] = []
    index = 0
    while index < len(words):
        word = words[index]
        index += 1
        if len(word) < 2 or word[0] not in "-+" or word.startswith("--"):
            break
        for letter in word[1:]:
            if letter == "o":
                if index < len(words):
                    made.append((words[index], word[0] == "-"))
                    index += 1
            elif letter.isalpha():
                made.append((_OPTION_LETTERS.get(letter, letter), word[0] == "-"))
    return made


def _trap(command: SimpleCommand) -> Trap | None:
    words = list(command.argv[1:])
    if words and words[0] == "--":
        words = words[1:]
    if not words or _TRAP_RESET.match(words[0]):
        return None
    if len(words) == 1:  # ``trap TERM`` resets, POSIX 2.14 trap: an operand that is a number or a lone condition
        action, names = "-", words
    else:
        action, names = words[0], words[1:]
    signals = tuple(_SIGNAL_NUMBERS.get(name, name.upper().removeprefix("SIG")) for name in names)
    commands = () if action in ("", "-") else tuple(split_shell(action, command.line))
    return Trap(action, signals, commands, command.function, command.line, command.end_line)
