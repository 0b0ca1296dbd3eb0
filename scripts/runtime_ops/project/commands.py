"""Command lines as words with their places, and the wrappers taken off them."""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from runtime_ops.facts import artifacts as a
from runtime_ops.libraries.programs import Wrapper, wrapper_of
from runtime_ops.plain import dataclass

SHELLS = frozenset(("sh", "bash", "ash", "dash", "zsh", "ksh"))
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_MAX_WRAPPERS = 12


class Word(NamedTuple):
    """One word of a command line and the place where it is written."""

    text: str
    path: str
    line: int


Words = tuple[Word, ...]


def texts(words: Words) -> tuple[str, ...]:
    """The words without their places."""
    return tuple(word.text for word in words)


def base_name(text: str) -> str:
    """The name of a program without its folder."""
    return text.rstrip("/").rsplit("/", 1)[-1]


def words_of(command: a.Command, path: str, shell: tuple[str, ...] = ()) -> Words | None:
    """The words that the platform runs: for the shell form ``shell`` (``/bin/sh -c``) and the text; None when the text
    could not be split."""
    if command.form == "shell":
        words = (*(shell or ("/bin/sh", "-c")), command.raw)
        return tuple(Word(text, path, command.line) for text in words)
    if command.argv is None:
        return None
    lines = command.word_lines or (command.line,) * len(command.argv)
    return tuple(Word(text, path, line) for text, line in zip(command.argv, lines, strict=False))


def split_word(word: Word) -> Words:
    """The words of a text that something splits once more (an unquoted variable, ``env -S``)."""
    try:
        parts = shlex.split(word.text)
    except ValueError:
        parts = word.text.split()
    return tuple(Word(part, word.path, word.line) for part in parts)


@dataclass(frozen=True, slots=True)
class Unwrapped:
    """A command line without the programs that only start another one."""

    words: Words
    env: tuple[a.EnvironmentVariable, ...] = ()
    init: bool = False
    """An init for containers was among them."""
    parent: str = ""
    """``forwards``, ``blocks`` or ``unknown`` when one of them stays the parent of the program."""
    parent_word: Word | None = None
    development: bool = False
    shell_text: Word | None = None
    """The text that ``su -c`` gives to a shell; ``words`` is empty then."""


def unwrap(words: Words) -> Unwrapped:
    """Take off env, tini, gosu, poetry run and their like (``libraries/data/wrappers.json``), and ``su``."""
    env: list[a.EnvironmentVariable] = []
    init = development = False
    parent, parent_word = "", None
    for _ in range(_MAX_WRAPPERS):
        if not words:
            break
        name = base_name(words[0].text)
        if name in ("su", "runuser"):
            parent, parent_word = "unknown", words[0]
            text, words = _su(words)
            if text is not None:
                return Unwrapped((), tuple(env), init, parent, parent_word, development, text)
            continue
        if name == "watchfiles" and len(words) > 1:
            command = next((w for w in words[1:] if not w.text.startswith("-")), None)
            words = split_word(command) if command is not None and " " in command.text else words[1:]
            development, parent, parent_word = True, "forwards", command
            continue
        row = wrapper_of((name, *texts(words[1:])))
        if row is None:
            break
        rest, assigned = _without(row, words)
        if rest is None:
            break
        env.extend(assigned)
        init = init or row.keeps == "init"
        development = development or row.development
        if row.keeps in ("forwards", "blocks", "unknown") and parent != "blocks":
            parent, parent_word = row.keeps, words[0]
        words = rest
    return Unwrapped(words, tuple(env), init, parent, parent_word, development)


def _without(row: Wrapper, words: Words) -> tuple[Words | None, list[a.EnvironmentVariable]]:
    """The words behind a wrapper and its own options, and the variables it sets; None when no command follows."""
    env: list[a.EnvironmentVariable] = []
    if row.separator:
        at = next((i for i, word in enumerate(words) if word.text == "--"), None)
        return (words[at + 1 :] if at is not None and at + 1 < len(words) else None), env
    index, subcommands, positional = 1, list(row.subcommands), row.positional
    split: Words = ()
    while index < len(words):
        text = words[index].text
        if text == "--":
            index += 1
            if not positional and not subcommands:
                break
            continue
        if text in row.stop:
            if row.name == "uv" or not row.becomes:
                break
            break
        if row.name == "env" and text in ("-S", "--split-string") and index + 1 < len(words):
            split = split_word(words[index + 1])
            index += 2
            break
        if row.name == "uv" and text in ("-m", "--module") and not subcommands:
            python = Word("python", words[0].path, words[0].line)
            return (python, Word("-m", words[index].path, words[index].line), *words[index + 1 :]), env
        if text.startswith("-") and text != "-":
            own = text in row.values or _last_takes(text, row) or (row.long_values and text.startswith("--") and text not in row.switches)
            index += 2 if own and "=" not in text else 1
        elif row.assigns and _ASSIGNMENT.match(text):
            name, _, value = text.partition("=")
            line = words[index].line
            env.append(a.EnvironmentVariable(name, a.Value(value, line, line), line, line))
            index += 1
        elif subcommands and text == subcommands[0]:
            subcommands.pop(0)
            index += 1
        elif positional:
            positional -= 1
            index += 1
        else:
            break
    rest = (*split, *words[index:])
    if not rest or subcommands:
        return None, env
    if row.becomes:
        return (Word(row.becomes, words[0].path, words[0].line), *rest), env
    return rest, env


def _last_takes(text: str, row: Wrapper) -> bool:
    """``sudo -EHu web``: of short options in one word the last one takes the next word."""
    letters = [f"-{letter}" in row.values for letter in text[1:]]
    return len(letters) > 1 and not text.startswith("--") and letters[-1] and not any(letters[:-1])


def _su(words: Words) -> tuple[Word | None, Words]:
    """The text of ``su … -c TEXT``, or the words behind ``runuser -u USER --``; neither for an interactive ``su``."""
    index = 1
    while index < len(words):
        text = words[index].text
        if text in ("-c", "--command") and index + 1 < len(words):
            return words[index + 1], ()
        if text.startswith("--command="):
            return words[index]._replace(text=text.partition("=")[2]), ()
        if text == "--" and base_name(words[0].text) == "runuser":
            return None, words[index + 1 :]
        if text in ("-u", "-s", "-g", "-G", "--shell", "--user", "--group"):
            index += 2
            continue
        if base_name(words[0].text) == "runuser" and not text.startswith("-") and words[1].text == "-u":
            return None, words[index:]
        index += 1
    return None, ()
