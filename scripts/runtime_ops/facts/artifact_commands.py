"""Facts of artifacts: commands, alone and in shell scripts."""

from __future__ import annotations

from runtime_ops.facts.artifact_values import Artifact, VariableUse
from runtime_ops.plain import dataclass


@dataclass(frozen=True, slots=True)
class Redirect:
    """A redirection: ``operator`` (``>``, ``>>``, ``<``, ``>&``, ``&>``, ``<<<``, ``<<`` …), ``target`` word,
    ``descriptor`` as written (``2`` in ``2>&1``) or None."""

    operator: str
    target: str
    descriptor: int | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Assignment:
    """``NAME=value``, alone, before a command, or given to ``export``/``local``/``readonly``/``declare``."""

    name: str
    value: str
    exported: bool
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class CaseArm:
    """One arm of ``case SUBJECT in``; ``patterns`` as written, quotes removed (``*`` is the default arm)."""

    subject: str
    patterns: tuple[str, ...]
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that encloses a command: ``kind`` ``if``, ``elif``, ``else``; ``test`` is the condition's text (for
    ``else`` that of its ``if``)."""

    kind: str
    test: str
    line: int


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop that encloses a command: ``kind`` ``while``, ``until``, ``for``, ``select``; ``test`` is its text."""

    kind: str
    test: str
    line: int


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """One simple command of a shell text, in the order of the text.

    ``argv`` holds the words with quotes removed and ``$VAR`` left in them; a leading ``exec`` is not in it but in
    ``exec`` (also ``exec`` with redirections only: empty ``argv``). ``before``/``after`` are the operators around it
    (``;`` also for a new line; ``""`` at the ends): ``&&``, ``||``, ``|``, ``|&``, ``;``, ``&``. ``background``: it, or
    the list or group it stands in, is ended by ``&``. ``substitution``: it stands in ``$(…)``, backquotes or ``<(…)``.
    ``tested``: its status decides an ``if``/``while``/``until``, or is consumed by a following ``&&``/``||``, or it is
    negated. ``tail``: after it nothing else of its function (of the text, when it stands in none) can run, so its
    status is the result and a shell may stay its parent. ``subshell`` is the depth of enclosing ``( … )``. ``groups``
    are the enclosing ``{ … }`` and ``( … )``, outermost first, each by a number of its own within the text.
    """

    argv: tuple[str, ...]
    raw: str
    line: int
    end_line: int
    exec: bool = False
    assignments: tuple[Assignment, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    variables: tuple[VariableUse, ...] = ()
    before: str = ""
    after: str = ""
    background: bool = False
    negated: bool = False
    tested: bool = False
    tail: bool = False
    substitution: bool = False
    subshell: int = 0
    function: str | None = None
    arms: tuple[CaseArm, ...] = ()
    branches: tuple[Branch, ...] = ()
    loops: tuple[Loop, ...] = ()
    groups: tuple[int, ...] = ()

    @property
    def program(self) -> str:
        """The first word, empty when there is none."""
        return self.argv[0] if self.argv else ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that an artifact gives to a platform.

    ``form`` is ``exec`` (a list of words, or a text the platform splits itself: systemd, supervisord, compose) or
    ``shell`` (the platform runs ``sh -c TEXT``). ``argv``: the words; for the shell form those of its only simple
    command, None when there are several or the text could not be split. ``word_lines`` runs beside ``argv``. ``parts``:
    the simple commands that run as far as read: of the shell text, also of the text after ``sh -c``; else one for argv.
    Their ``variables`` are those that a shell or the platform (compose, systemd) fills in: an exec-form ``$X`` that
    nobody expands is not among them.
    """

    argv: tuple[str, ...] | None
    raw: str
    form: str
    line: int
    end_line: int
    word_lines: tuple[int, ...] = ()
    parts: tuple[SimpleCommand, ...] = ()
    templated: bool = False

    @property
    def shell(self) -> bool:
        """Whether a shell stands between the platform and the program: the shell form, or ``sh -c`` in the words."""
        if self.form == "shell":
            return True
        words = self.argv or ()
        return (
            len(words) > 1
            and words[0].rsplit("/", 1)[-1] in ("sh", "bash", "ash", "dash", "zsh")
            and any(word.startswith("-") and not word.startswith("--") and "c" in word for word in words[1:3])
        )


@dataclass(frozen=True, slots=True)
class ShellFunction:
    """A function definition; its commands are those of the script whose ``function`` is its name."""

    name: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class ShellOption:
    """``set -e`` and the like, also of the first line (``#!/bin/bash -e``): ``name`` is ``errexit``, ``nounset``,
    ``pipefail``, ``xtrace``, ``monitor`` … or the letter."""

    name: str
    on: bool
    function: str | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Trap:
    """``trap ACTION SIGNALS``: signals in upper case without ``SIG`` (``0`` is ``EXIT``); ``commands`` are those of
    the action; an empty ``action`` ignores the signals, ``-`` resets them."""

    action: str
    signals: tuple[str, ...]
    commands: tuple[SimpleCommand, ...]
    function: str | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Case:
    """A ``case SUBJECT in … esac``; ``subject`` as written, quotes removed."""

    subject: str
    arms: tuple[CaseArm, ...]
    function: str | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellScript(Artifact):
    """A shell script: all simple commands in order of the text, nested ones with their context.

    ``interpreter`` is ``sh``, ``bash`` … (``sh`` where the first line names none). ``other_uses``: variables outside
    simple commands (``case`` subjects, ``for`` lists, here-documents).
    """

    interpreter: str = ""
    commands: tuple[SimpleCommand, ...] = ()
    functions: tuple[ShellFunction, ...] = ()
    options: tuple[ShellOption, ...] = ()
    traps: tuple[Trap, ...] = ()
    cases: tuple[Case, ...] = ()
    other_uses: tuple[VariableUse, ...] = ()

    @property
    def sources(self) -> tuple[SimpleCommand, ...]:
        """The commands that read in another file (``source FILE``, ``. FILE``)."""
        return tuple(c for c in self.commands if c.program in ("source", ".") and len(c.argv) > 1)

    @property
    def exits(self) -> tuple[SimpleCommand, ...]:
        """The ``exit``/``return`` commands; ``argv[1]`` is the status where written."""
        return tuple(c for c in self.commands if c.program in ("exit", "return"))

    def calls(self, function: str) -> tuple[SimpleCommand, ...]:
        """The commands that call a function of this script."""
        return tuple(c for c in self.commands if c.program == function)
