"""The nodes of a parsed shell text; they live between `shell_parser` and `shell_commands` only."""

from __future__ import annotations

from dataclasses import field
from typing import TypeAlias

from runtime_ops.facts.shell_words import Word
from runtime_ops.plain import dataclass


@dataclass(slots=True)
class RedirectNode:
    """``number`` ``operator`` ``target``."""

    operator: str
    target: Word
    number: int | None
    start: int


@dataclass(slots=True)
class SimpleNode:
    """Assignments, words and redirections between two offsets."""

    start: int
    end: int = 0
    assignments: list[Word] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    redirects: list[RedirectNode] = field(default_factory=list)


@dataclass(slots=True)
class ChainNode:
    """Commands joined by operators: a pipeline (``|``, ``|&``) or a list of them (``&&``, ``||``)."""

    items: list[Node]
    operators: list[str]
    negated: bool = False


@dataclass(slots=True)
class ListNode:
    """Commands one after another; ``ends`` are their terminators: ``;`` (also a new line), ``&`` or empty."""

    items: list[Node] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)


@dataclass(slots=True)
class GroupNode:
    """``{ … }`` or ``( … )``."""

    body: ListNode
    subshell: bool


@dataclass(slots=True)
class IfNode:
    """Branches: kind, condition (None for ``else``), body, and the offsets of the condition's text."""

    branches: list[tuple[str, ListNode | None, ListNode, int, int]]


@dataclass(slots=True)
class LoopNode:
    """``test`` is a list for ``while``/``until``; for the others ``words`` are what is looped over."""

    kind: str
    test: ListNode | None
    words: list[Word]
    body: ListNode
    start: int
    test_start: int
    test_end: int


@dataclass(slots=True)
class CaseNode:
    """Arms: patterns, body, start and end offset."""

    subject: Word
    arms: list[tuple[list[Word], ListNode, int, int]]
    start: int
    end: int


@dataclass(slots=True)
class FunctionNode:
    """A definition."""

    name: str
    body: Node
    start: int
    end: int


Node: TypeAlias = SimpleNode | ChainNode | ListNode | GroupNode | IfNode | LoopNode | CaseNode | FunctionNode
