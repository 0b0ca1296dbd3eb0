"""YAML as light nodes with lines: no objects are made, aliases stay shared, depth and size are bounded.

Built from the parser's events (libyaml when PyYAML has it), not by its recursive composer, so nesting costs no stack.
Source of the rules: YAML 1.2.2 (3.2.1.1, 7.1), the merge key of YAML 1.1 (yaml.org/type/merge.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field
from functools import cache
from typing import Any

from runtime_ops.facts.artifacts import Unread, Value
from runtime_ops.plain import dataclass

MAX_DEPTH = 60
MAX_NODES = 200_000
MAX_TEXT = 2_000_000
_DOCUMENT = re.compile(r"^---(?=\s|\Z)[^\n]*$", re.MULTILINE)
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True)
class Node:
    """A node; ``templated``: a template makes it uncertain (see `helm_templates`)."""

    line: int
    end_line: int
    templated: bool = False


@dataclass(slots=True)
class Scalar(Node):
    """``text`` decoded; ``style`` is ``""`` for plain, else ``'``, ``"``, ``|``, ``>``."""

    text: str = ""
    style: str = ""

    @property
    def null(self) -> bool:
        """Whether it stands for nothing (an empty value, ``~``, ``null``)."""
        return not self.style and self.text in _NULLS

    @property
    def text_line(self) -> int:
        """The line of the text's first line: the next one for block scalars."""
        return self.line + 1 if self.style in ("|", ">") else self.line

    @property
    def value(self) -> Value:
        """As a fact."""
        return Value(self.text, self.line, self.end_line, self.templated)


@dataclass(slots=True)
class Sequence(Node):
    """A list."""

    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping(Node):
    """A mapping; ``pairs`` in their order, merges applied, each key once. ``others``: what further branches of a template write
    under keys that are there already."""

    pairs: list[tuple[Scalar, Node]] = field(default_factory=list)
    index: dict[str, Node] = field(default_factory=dict)
    others: list[tuple[Scalar, Node]] = field(default_factory=list)

    def get(self, key: str) -> Node | None:
        """The value of a key, None when it is not there."""
        return self.index.get(key)

    def key(self, name: str) -> Scalar | None:
        """The key's own node (its line)."""
        return next((key for key, _ in self.pairs if key.text == name), None)


class YamlProblem(Exception):
    """A document is not read: what is wrong, and on which line."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


def documents(text: str) -> Iterator[tuple[int, str]]:
    """The documents of a stream: the number of the first line, and the text. Split by ``---`` lines, so that one
    document that does not parse takes no other with it."""
    start, line = 0, 1
    for found in _DOCUMENT.finditer(text):
        yield line, text[start : found.start()]
        line += text.count("\n", start, found.start())
        # the rest of the line may hold content (``--- {a: 1}``): keep it
        start = found.start() + 3
    yield line, text[start:]


def parse_yaml(text: str) -> tuple[list[Node], list[Unread]]:
    """All documents of a text that parse and are not empty, and what is wrong with the others. Never raises."""
    nodes: list[Node] = []
    unread: list[Unread] = []
    for line, document in documents(text):
        try:
            node = parse_document(document, line, unread)
        except YamlProblem as problem:
            unread.append(Unread(problem.line, problem.reason))
            continue
        if node is not None:
            nodes.append(node)
    return nodes, unread


def parse_document(
    text: str, first_line: int, notes: list[Unread] | None = None, templates: bool = False
) -> Node | None:
    """One document; None for an empty one. Raises `YamlProblem`.

    ``notes`` gets duplicate keys. In a template two branches may write one key: the first is kept, as uncertain.
    """
    if len(text) > MAX_TEXT:
        raise YamlProblem(first_line, f"a YAML document of {len(text):,} characters, more than {MAX_TEXT:,}")
    bad = _NOT_PRINTABLE.search(text)
    if bad:
        line = first_line + text.count("\n", 0, bad.start())
        raise YamlProblem(line, f"YAML: the character {bad.group()!r} is not allowed")
    yaml = _yaml()
    builder = _Builder(first_line, notes, templates)
    try:
        for event in yaml.parse(text, Loader=_loader()):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        last = text.rstrip().count("\n")  # at the end of a text the mark stands behind it
        line = first_line + min(mark.line if mark is not None else 0, last)
        raise YamlProblem(line, f"YAML: {error.problem or error.context or 'not understood'}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise YamlProblem(first_line, f"YAML: {str(error).splitlines()[0][:120]}") from None
    return builder.root


@cache
def _yaml() -> Any:
    import yaml  # late: most audits of small trees read no YAML

    return yaml


@cache
def _loader() -> Any:
    yaml = _yaml()
    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Builder:
    """Turns events into nodes with an explicit stack."""

    def __init__(self, first_line: int, notes: list[Unread] | None, templates: bool) -> None:
        self.root: Node | None = None
        self._first = first_line
        self._notes = notes
        self._templates = templates
        self._stack: list[tuple[Mapping | Sequence, list[Node], str | None]] = []
        self._anchors: dict[str, Node] = {}
        self._count = 0

    def take(self, event: Any) -> None:
        kind = type(event).__name__
        if kind == "ScalarEvent":
            self._scalar(event)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            line = event.start_mark.line + self._first
            if len(self._stack) >= MAX_DEPTH:
                raise YamlProblem(line, f"YAML: nested deeper than {MAX_DEPTH}")
            node: Mapping | Sequence = Mapping(line, line) if kind == "MappingStartEvent" else Sequence(line, line)
            self._stack.append((node, [], event.anchor))
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            node, children, anchor = self._stack.pop()
            last = max((child.end_line for child in children[-2:]), default=node.line)
            node.end_line = max(last, node.line)
            if event.end_mark.index > event.start_mark.index:  # a flow collection has its own closing sign
                node.end_line = max(node.end_line, event.end_mark.line + self._first)
            if isinstance(node, Mapping):
                self._fill(node, children)
            else:
                node.items = children
            self._add(node, anchor)
        elif kind == "AliasEvent":
            line = event.start_mark.line + self._first
            target = self._anchors.get(event.anchor)
            if target is None:
                raise YamlProblem(line, f"YAML: the alias *{event.anchor} has no finished anchor before it")
            self._add(target, None)

    def _scalar(self, event: Any) -> None:
        start, end = event.start_mark, event.end_mark
        style = event.style or ""
        end_line = end.line + self._first
        if style in ("|", ">") and end.column == 0:
            end_line -= 1
        line = start.line + self._first
        self._add(Scalar(line, max(line, end_line), text=event.value, style=style), event.anchor)

    def _add(self, node: Node, anchor: str | None) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise YamlProblem(node.line, f"YAML: more than {MAX_NODES:,} nodes")
        if anchor is not None:
            self._anchors[anchor] = node
        if self._stack:
            self._stack[-1][1].append(node)
        elif self.root is None:
            self.root = None if isinstance(node, Scalar) and node.null else node

    def _fill(self, node: Mapping, children: list[Node]) -> None:
        merged: list[Mapping] = []
        position: dict[str, int] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if not isinstance(key, Scalar):
                continue  # a list or mapping as key: nothing that artifacts use
            if key.text == "<<" and not key.style:
                merged.extend(_mergeable(value))
                continue
            if key.text in position:
                self._duplicate(node, key, value, position[key.text])
                continue
            position[key.text] = len(node.pairs)
            node.pairs.append((key, value))
        for other in merged:
            for key, value in other.pairs:
                if key.text not in position:
                    position[key.text] = len(node.pairs)
                    node.pairs.append((key, value))
        node.index = {key.text: value for key, value in node.pairs}

    def _duplicate(self, node: Mapping, key: Scalar, value: Node, at: int) -> None:
        if self._templates:
            node.pairs[at][1].templated = True
            node.others.append((key, value))
            return
        node.pairs[at] = (key, value)
        if self._notes is not None:
            self._notes.append(Unread(key.line, f"YAML: the key {key.text[:60]!r} stands twice, the last one is used"))


def _mergeable(value: Node) -> list[Mapping]:
    if isinstance(value, Mapping):
        return [value]
    return [item for item in value.items if isinstance(item, Mapping)] if isinstance(value, Sequence) else []


# ---------------------------------------------------------------- looking into nodes


def child(node: Node | None, *keys: str) -> Node | None:
    """The node under a path of keys, None where one is missing or not a mapping."""
    for key in keys:
        if not isinstance(node, Mapping):
            return None
        node = node.get(key)
    return node


def value_of(node: Node | None, *keys: str) -> Value | None:
    """The scalar under a path as a fact, None when it is missing, null, or no scalar."""
    found = child(node, *keys)
    return found.value if isinstance(found, Scalar) and not found.null else None


def text_of(node: Node | None, *keys: str) -> str:
    """The scalar's text under a path, empty when there is none."""
    found = value_of(node, *keys)
    return found.text if found is not None else ""


def items_of(node: Node | None, *keys: str) -> list[Node]:
    """The items of the list under a path, none when it is missing or no list."""
    found = child(node, *keys)
    return found.items if isinstance(found, Sequence) else []


def pairs_of(node: Node | None, *keys: str) -> list[tuple[Scalar, Node]]:
    """The pairs of the mapping under a path, none when it is missing or no mapping."""
    found = child(node, *keys)
    return found.pairs if isinstance(found, Mapping) else []
