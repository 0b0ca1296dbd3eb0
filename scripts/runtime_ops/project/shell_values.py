"""What the variables, arrays and arguments of a shell hold while its text is walked, as far as that is known."""

from __future__ import annotations

import re
from collections.abc import Callable

from runtime_ops.facts import artifacts as a
from runtime_ops.facts.shell_commands import split_shell
from runtime_ops.project.commands import Word, Words, split_word
from runtime_ops.project.variables import Variables, fill

ALL_ARGUMENTS = ("$@", "$*", "${@}", "${*}")
_REFERENCE = re.compile(r"\$\{[^}]*\}")
_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\"']*$")
"""A comment up to the end of its line; one with quotes in it is taken for a word's rest, and left."""
_ARRAY = re.compile(r"\$\{(\w+)\[[@*]\]\}\Z")
_FIRST_LETTER = re.compile(r"\$\{(\d):0:1\}\Z")
_WITHOUT_PREFIX = re.compile(r"\$\{(\d)##?([^}*?\[]+)\}\Z")
_PLACE_OF_PROGRAM = re.compile(r"\$\((?:which|command -v|type -p) ([\w./-]+)\)")
_QUOTED_ARGUMENTS = re.compile(r"""\$\(printf\s+(['"])\s*%q\s*\1\s+"\$@"\)""")
_AN_ARGUMENT = re.compile(r"(?:^|:?[-=])[\"']?\$\{?([1-9])(?:\}|:?-[^}]*\})?[\"']?\}?\Z")
"""``$1``, ``${1:-web}``, and ``${SERVICE:-$1}``."""
_DECLARING = frozenset(("export", "local", "readonly", "declare", "typeset"))


class ShellValues:
    """The state of one shell. ``variables`` is its environment; ``arguments`` None: not known; ``zero``: its ``$0``."""

    def __init__(self, variables: Variables, zero: str | None = None) -> None:
        self.variables = variables
        self.zero = zero
        self.locals: dict[str, str | None] = {}
        self.named: dict[str, str] = {}
        """Variables that hold an argument as it was first given, by its number: ``SERVICE=$1``."""
        self.shifted = False
        self._perhaps_empty: set[str] = set()
        """Variables that a branch which may not run leaves empty."""
        self._partial: dict[str, str] = {}
        """Texts of variables that are not known to the end (``${PORT:-80}``), to show in their place."""
        self._arrays: dict[str, Words] = {}

    # ------------------------------------------------------------ texts

    def lookup(self, arguments: Words | None) -> Callable[[str], str | None]:
        """The text of a variable or argument; None when it is not known, empty when it is unset."""

        def look(name: str) -> str | None:
            if name.isdigit():
                if name == "0":
                    return self.zero
                if arguments is None:
                    return None
                return arguments[int(name) - 1].text if int(name) <= len(arguments) else ""
            if name in ("@", "*"):
                return " ".join(w.text for w in arguments) if arguments is not None else None
            if name == "#":
                return str(len(arguments)) if arguments is not None else None
            if name in self.locals:
                return self.locals[name]
            return self.variables.lookup(name)

        return look

    def fill(self, text: str, arguments: Words | None) -> tuple[str, bool]:
        """The text with its variables filled in; second, whether all of them are known."""
        text = told(text)
        if "`" in text or "$(" in text:
            return text, False
        special = self._special(text, arguments)
        if special is not None:
            return special, True
        filled, complete = fill(text, self.lookup(arguments))
        if not complete and self._partial:
            filled, _ = fill(filled, self._partial.get)
        return filled, complete

    def _special(self, text: str, arguments: Words | None) -> str | None:
        """``${1:0:1}`` and ``${1#-}``, by which entry scripts look for options."""
        found = _FIRST_LETTER.match(text) or _WITHOUT_PREFIX.match(text)
        if found is None or arguments is None or found.group(1) == "0":
            return None
        index = int(found.group(1)) - 1
        value = arguments[index].text if index < len(arguments) else ""
        return value[:1] if found.re is _FIRST_LETTER else value.removeprefix(found.group(2))

    def settled(self, text: str, arguments: Words | None) -> tuple[str, bool]:
        """As `fill`, but a variable that neither the text nor an artifact sets is not known: somebody may set it."""
        for name in re.findall(r"\$\{?([A-Za-z_]\w*)", text):
            unset = name not in self.locals and self.variables.constant(name) is None
            if unset or name in self._perhaps_empty:
                return text, False
        return self.fill(text, arguments)

    # ------------------------------------------------------------ words

    def words(self, command: a.SimpleCommand, path: str, arguments: Words | None) -> Words:
        """The words of a command."""
        made: list[Word] = []
        used = {use.word: use for use in command.variables if use.word >= 0}
        for index, text in enumerate(command.argv):
            use = used.get(index)
            plain = told(text)
            word = Word(plain, path, command.line)
            if use is None:
                made.append(word if plain == text else word._replace(text=self.fill(plain, arguments)[0]))
                continue
            array = _ARRAY.match(text)
            if text in ALL_ARGUMENTS or text.startswith("${@:"):
                skipped = int(text[4:-1]) - 1 if text.startswith("${@:") and text[4:-1].isdigit() else 0
                made.extend((arguments or ())[skipped:])
            elif array is not None and array.group(1) in self._arrays:
                made.extend(self._arrays[array.group(1)])
            else:
                filled, complete = self.fill(plain, arguments)
                word = word._replace(text=filled)
                # ``${statsd}--timeout``: what a variable is seen to hold up to a space is a word of its own, whatever is in it
                if not use.quoted and (complete or (" " not in plain and " " in _REFERENCE.sub("", filled))):
                    made.extend(split_word(word))
                else:
                    made.append(word)
        return tuple(made)

    # ------------------------------------------------------------ assignments

    def assign(self, command: a.SimpleCommand, path: str, arguments: Words | None, certain: bool) -> None:
        """Note the assignments that stay: those that stand alone, or are given to ``export`` and its like."""
        if command.argv and command.program not in _DECLARING:
            return
        for assignment in command.assignments:
            if assignment.value.startswith("(") and assignment.value.endswith(")"):
                self._assign_array(assignment, command, path, arguments, certain)
                continue
            argument = _AN_ARGUMENT.search(assignment.value)
            if argument is not None and not self.shifted:
                self.named.setdefault(assignment.name, argument.group(1))
            text, complete = self.fill(assignment.value, arguments)
            self.locals[assignment.name] = text if complete else None
            if complete and not text and not certain:
                self._perhaps_empty.add(assignment.name)
            else:
                self._perhaps_empty.discard(assignment.name)
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

    def _assign_array(
        self, assignment: a.Assignment, command: a.SimpleCommand, path: str, arguments: Words | None, certain: bool
    ) -> None:
        """``NAME=(…)`` and ``NAME+=(…)``; what is added under a condition that is not known is left out."""
        name = assignment.name
        adds = f"{name}+=" in command.raw
        if not certain and (adds or name in self._arrays):
            return
        lines = assignment.value[1:-1].split("\n")
        text = " \\\n".join(_COMMENT.sub("", line) for line in lines)  # a new line ends no array
        inner = split_shell(f": {text}", assignment.line)
        words = self.words(inner[0], path, arguments)[1:] if inner else ()
        self._arrays[name] = (*self._arrays.get(name, ()), *words) if adds else words

    def environment_of(self, command: a.SimpleCommand, path: str, arguments: Words | None) -> Variables:
        """The environment of a command, with the assignments in front of it."""
        made = []
        for assignment in command.assignments if command.argv else ():
            text, complete = self.fill(assignment.value, arguments)
            made.append(variable_of(assignment, text, complete))
        return self.variables.plus(made, path)


def told(text: str) -> str:
    """The text with the substitutions told whose answer is written in them: ``$(which shop)`` is ``shop``, and
    ``$(printf ' %q' "$@")`` the arguments, quoted for a second shell."""
    if "$(" not in text:
        return text
    return _QUOTED_ARGUMENTS.sub("$@", _PLACE_OF_PROGRAM.sub(r"\1", text))


def variable_of(assignment: a.Assignment, text: str, complete: bool) -> a.EnvironmentVariable:
    """The variable that a script's assignment sets; ``text`` is its value as far as it is known."""
    line, end_line = assignment.line, assignment.end_line
    value = a.Value(text, line, end_line, not complete)
    return a.EnvironmentVariable(assignment.name, value, line, end_line, templated=not complete)
