"""Whether the conditions of a shell text hold, as far as its arguments and variables are known."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import NamedTuple

from runtime_ops.facts import artifacts as a
from runtime_ops.project.commands import Words
from runtime_ops.project.shell_values import ShellValues

TESTS = ("[", "[[", "test", "true", "false", ":")
_SUBJECT = re.compile(r"\$(?:\{(\w+)(?::?-[^}]*)?\}|(\w+))\Z")
_COMPARISON = re.compile(
    r"(?:\[\[?|test)\s+[\"']?(?P<left>\$[\w@*#]+|\$\{[^}]*\}|[\w.\-/]*)[\"']?\s*"
    r"(?P<operator>==?|!=|-eq|-ne|-gt|-ge|-lt|-le)\s*[\"']?(?P<right>\$\w+|\$\{[^}]*\}|[^\"'\s\]]*)[\"']?\s*(?:\]\]?)?\Z"
)
_EMPTY = re.compile(
    r"(?:\[\[?|test)\s+(?P<other>!\s+)?(?P<sign>-[nz])\s+[\"']?(?P<what>\$\w+|\$\{[^}]*\}|\$[@*#])[\"']?\s*(?:\]\]?)?\Z"
)


_BEFORE_STAR = re.compile(r"""(["'])([\w.=/-]+)\1(?=\*)""")
_BEHIND_STAR = re.compile(r"""(?<=\*)(["'])([\w.=/-]+)\1""")
_NOT = re.compile(r"^(\[\[? |test )?! ")
_ON = frozenset(("1", "true", "yes", "on", "y", "t"))
_OFF = frozenset(("0", "false", "no", "off", "n", "f", ""))
_DESK = frozenset(("dev", "develop", "development", "devel", "debug", "local", "localhost", "desk"))
_DESK_NAMES = (_DESK - {"local", "localhost"}) | {"reload", "autoreload", "hotreload", "livereload"}
"""Words of names of variables that switch something on for developers."""
_LETTERS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


class Asked(NamedTuple):
    """What a branch asks of a variable: that it holds ``word``, or (``word`` empty) that it is set."""

    variable: str
    word: str


def asked_by(branch: a.Branch) -> Asked | None:
    """What the variable of a branch must hold for it to run; None for a branch that runs by default, and for a test that is
    not understood. Of several that must hold (``&&``) the one that tells of a developer's desk, else the first."""
    test = " ".join(branch.test.split())
    negated = branch.kind == "else"
    joined = _joined(test)
    if joined is None or joined[0] or negated:
        return _asked_in(test, negated)
    asked = [found for part in joined[1] if (found := _asked_in(part, negated)) is not None]
    return next((found for found in asked if _of_the_desk(found)), asked[0] if asked else None)


def _asked_in(test: str, negated: bool) -> Asked | None:
    while _NOT.match(test):
        test, negated = _NOT.sub(r"\1", test), not negated
    found = _EMPTY.match(test)
    if found is not None:
        name = subject_of(found["what"])
        return Asked(name, "") if name is not None and (found["sign"] == "-n") != negated else None
    found = _COMPARISON.match(test)
    name = subject_of(found["left"]) if found is not None else None
    if found is None or name is None or found["operator"] not in ("=", "==", "!="):
        return None
    word = found["right"]
    if (found["operator"] != "!=") != negated:
        return Asked(name, word) if plain(word) and word.lower() not in _OFF else None
    return Asked(name, "") if word.lower() in _OFF else None


def for_developers(branch: a.Branch) -> bool:
    """Whether a branch runs at a developer's desk only: ``[ "$LOCAL_DEV" = true ]``, ``[ "$APP_ENV" = development ]``."""
    asked = asked_by(branch)
    return asked is not None and _of_the_desk(asked)


def _of_the_desk(asked: Asked) -> bool:
    if _DESK & {word.lower() for word in _LETTERS.findall(asked.word)}:
        return True
    switch = asked.word.lower() in _ON or not asked.word
    words = set(asked.variable.lower().split("_"))
    return switch and bool(_DESK_NAMES & words or {"local", "environment"} <= words)


def opted_for(branch: a.Branch) -> str | None:
    """The variable that switches a branch on (``[ "$SUPERVISED" = True ]``, ``[ -n "$SOCKET" ]``), or None."""
    asked = asked_by(branch)
    return asked.variable if asked is not None and (not asked.word or asked.word.lower() in _ON) else None


def _without_quotes(test: str) -> str:
    """The test without the quotes beside a star: ``*'.py'`` is the pattern ``*.py``."""
    return _BEFORE_STAR.sub(r"\2", _BEHIND_STAR.sub(r"\2", test)) if "*" in test else test


def _joined(test: str) -> tuple[bool, list[str]] | None:
    """The tests that ``&&`` or ``||`` joins, within ``[[ … ]]`` or between commands, and the answer of one that decides all
    (False for ``&&``); None for a test that is not joined, or by both."""
    if (" && " in test) == (" || " in test) or "(" in test:
        return None
    decides = " || " in test
    whole = test.startswith("[[ ") and test.endswith(" ]]") and test.count("[[ ") == 1
    parts = (test[3:-3] if whole else test).split(" || " if decides else " && ")
    return decides, [f"[[ {part} ]]" for part in parts] if whole else parts


class Choice(NamedTuple):
    """A word that a text compares with: ``subject`` is ``1`` … for an argument, else a variable's name."""

    subject: str
    word: str


def subject_of(text: str) -> str | None:
    """The name in ``$1``, ``${NAME}``, ``${NAME:-default}``; None for any other text."""
    found = _SUBJECT.match(text)
    return (found.group(1) or found.group(2)) if found else None


def plain(word: str) -> bool:
    """Whether a pattern is a word without wildcards and variables."""
    return bool(word) and not set(word) & set("*?[$")


class Conditions:
    """Judges conditions; ``choices`` gathers the words that arguments and variables are compared with."""

    def __init__(self, values: ShellValues) -> None:
        self.values = values
        self.choices: dict[Choice, None] = {}

    def holds(self, test: str, arguments: Words | None) -> bool | None:
        """Whether a condition is true; None when that is not known."""
        test = _without_quotes(" ".join(test.split()))
        joined = _joined(test)
        if joined is not None:
            decides, answers = joined[0], [self.holds(part, arguments) for part in joined[1]]
            return decides if decides in answers else None if None in answers else not decides
        if test.startswith("! "):
            inner = self.holds(test[2:], arguments)
            return None if inner is None else not inner
        if test in ("true", ":"):
            return True
        if test == "false":
            return False
        found = _EMPTY.match(test)
        if found:
            value, known = self.values.settled(found["what"], arguments)
            wanted = (found["sign"] == "-n") != bool(found["other"])
            return bool(value) == wanted if known else None
        found = _COMPARISON.match(test)
        return self._compare(found, test.startswith("[["), arguments) if found else None

    def _compare(self, found: re.Match[str], patterns: bool, arguments: Words | None) -> bool | None:
        left, left_known = self.values.settled(found["left"], arguments)
        right, right_known = self.values.settled(found["right"], arguments)
        operator = found["operator"]
        subject = subject_of(found["left"])
        if subject is not None and right_known and operator in ("=", "==") and plain(right):
            self.choices[Choice(self.values.named.get(subject, subject), right)] = None
        if not left_known or not right_known:
            return None
        if operator in ("=", "==", "!="):
            same = fnmatchcase(left, right) if patterns else left == right
            return same if operator != "!=" else not same
        try:
            one, two = int(left), int(right)
        except ValueError:
            return None
        return {
            "-eq": one == two, "-ne": one != two, "-gt": one > two, "-ge": one >= two, "-lt": one < two, "-le": one <= two,
        }[operator]  # fmt: skip

    def arm(self, case: a.Case, arguments: Words | None) -> int | None:
        """The index of the arm that a ``case`` runs, the number of its arms for none, None when it is not known."""
        name = subject_of(case.subject)
        if name is not None:
            for pattern in (p for arm in case.arms for p in arm.patterns):
                if plain(pattern):
                    self.choices[Choice(self.values.named.get(name, name), pattern)] = None
        value, known = self.values.fill(case.subject, arguments)
        if not known or "{{" in value:
            return None
        if not value and name is not None and not self._given(name):
            return None  # may be set by hand
        matching = (
            index
            for index, arm in enumerate(case.arms)
            if any(fnmatchcase(value, self.values.fill(pattern, arguments)[0]) for pattern in arm.patterns)
        )
        return next(matching, len(case.arms))

    def _given(self, name: str) -> bool:
        """Whether a subject is an argument or a variable that something sets."""
        return name.isdigit() or name in self.values.locals or name in self.values.variables.known
