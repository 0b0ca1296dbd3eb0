"""What a check of the bundle found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: where, and a sentence that says what was got, what was expected, what to do."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.message}"


@dataclass(frozen=True)
class Outcome:
    """A check's name, how many things it looked at (of what kind), and its problems, sorted.

    A check that looked at nothing has not passed: `problems` then holds one that says so.
    """

    name: str
    inspected: int
    noun: str
    problems: tuple[Problem, ...]

    @classmethod
    def of(cls, name: str, inspected: int, noun: str, problems: Iterable[Problem]) -> Outcome:
        found = sorted(set(problems))
        if inspected == 0:
            found.append(Problem(".", 0, f"the check '{name}' found no {noun} to inspect, so it proves nothing"))
        return cls(name, inspected, noun, tuple(found))
