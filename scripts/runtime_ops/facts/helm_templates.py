"""Makes YAML of a Helm (or Jinja) template without running it: each line keeps its number, expressions become marks.

An expression inside a line becomes a mark of private-use characters around a number, so that the line stays YAML;
`Template.settle` puts its text back after parsing, or its value where the chart's values say it. Lines that only
control (``if``, ``range``, ``end`` …) become empty: both branches stay. A line that only injects a block (``toYaml``,
``include``) becomes an entry of what it stands in. Source: Helm's "Chart Template Guide".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import field
from typing import Any

from runtime_ops.facts.helm_expressions import Scopes, evaluate
from runtime_ops.facts.yaml_nodes import Mapping, Node, Scalar, Sequence
from runtime_ops.plain import dataclass

OPEN, CLOSE = "\ue000", "\ue001"
INJECTED = "\ue002"
"""Begins the key of a mapping entry that a template injects."""
_MARK = re.compile(f"{OPEN}(\\d+){CLOSE}")
_STRING_OR_END = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|`[^`]*`|/\*.*?\*/|\}\}", re.DOTALL)
_OPENING = re.compile(r"\{\{|\{%|\{#(?=[-\s])")
_CLOSING = {"{%": "%}", "{#": "#}"}
_CONTROL = re.compile(r"(?:if|else|end|range|with|define|block|break|continue|fail)\b|\$\w*\s*(?:,\s*\$\w+\s*)?:?=|/\*")
_INJECTS = re.compile(r"\b(?:toYaml|include|template|tpl|nindent|indent)\b")
_INDENT = re.compile(r"\bn?indent\s+(\d+)")
_BLOCK_SCALAR = re.compile(r"(?:^|[:\-]\s+)[|>][-+0-9]*\s*(?:#.*)?$")
_MAX_ACTION = 5_000
_MAX_ACTIONS = 20_000
_MAX_UNCLOSED = 100
_MAX_FLOW_NODES = 2_000


@dataclass(slots=True)
class Template:
    """A template made into YAML: ``text`` to parse, and the expressions of its marks with their values if known."""

    text: str = ""
    expressions: list[str] = field(default_factory=list)
    known: dict[int, str] = field(default_factory=dict)

    def restore(self, text: str) -> tuple[str, bool]:
        """The text with its marks filled in; second, whether an expression stayed unresolved."""
        if OPEN not in text:
            return text, False
        unresolved = False

        def fill(found: re.Match[str]) -> str:
            nonlocal unresolved
            number = int(found.group(1))
            if number in self.known:
                return self.known[number]
            unresolved = True
            return "{{ " + self.expressions[number] + " }}"

        return _MARK.sub(fill, text), unresolved

    def settle(self, root: Node) -> None:
        """Fill in the marks of a parsed document, in place; entries that templates inject are taken out."""
        stack, done = [root], set()
        while stack:
            node = stack.pop()
            if id(node) in done:
                continue
            done.add(id(node))
            if isinstance(node, Scalar):
                node.text, unresolved = self.restore(node.text)
                node.templated = node.templated or unresolved
            elif isinstance(node, Sequence):
                kept = [item for item in node.items if not self._injects(item)]
                node.templated = node.templated or len(kept) < len(node.items)
                node.items = kept
                stack.extend(kept)
            elif isinstance(node, Mapping):
                node.templated = node.templated or any(key.text.startswith(INJECTED) for key, _ in node.pairs)
                node.pairs = [self._written(node, key, value) for key, value in node.pairs if not key.text.startswith(INJECTED)]
                for key, value in node.pairs:
                    stack.append(value)
                    key.text, unresolved = self.restore(key.text)
                    key.templated = key.templated or unresolved
                node.index = {key.text: value for key, value in node.pairs}

    def _written(self, node: Mapping, key: Scalar, value: Node) -> tuple[Scalar, Node]:
        """The branch that writes a key: where the chart's values leave the first one empty (``image: {{ .Values.image }}`` under
        ``if .Values.image``), it is the next that has something to write."""
        if not self._empty(value):
            return key, value
        return next(((k, v) for k, v in node.others if k.text == key.text and not self._empty(v)), (key, value))

    def _empty(self, node: Node) -> bool:
        """Whether a scalar is an expression that writes nothing."""
        return isinstance(node, Scalar) and OPEN in node.text and self.restore(node.text) == ("", False)

    def _injects(self, node: Node) -> bool:
        """Whether an item of a list stands for a block of items that is not known."""
        found = _MARK.fullmatch(node.text) if isinstance(node, Scalar) else None
        if found is None or int(found.group(1)) in self.known:
            return False
        return _INJECTS.search(self.expressions[int(found.group(1))]) is not None


def is_template(text: str) -> bool:
    """Whether a text holds template expressions."""
    return ("{{" in text and "}}" in text) or ("{%" in text and "%}" in text)


def make_yaml(text: str, values: Node | None = None) -> Template:
    """The template as YAML. ``values``: the root node of the chart's values, to fill in what they say."""
    return _Maker(text, values).make()


def _actions(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and inside of each ``{{ … }}`` (Helm, Jinja), ``{% … %}`` and ``{# … #}`` (Jinja; given as ``/*``, a
    comment); what is not closed within reach is left as it stands."""
    at = unclosed = 0
    while unclosed < _MAX_UNCLOSED and (opening := _OPENING.search(text, at)):
        start, position = opening.start(), opening.end()
        limit = position + _MAX_ACTION
        at = position
        if opening.group() != "{{":
            close = text.find(_CLOSING[opening.group()], position, limit)
            if close >= 0:
                at = close + 2
                yield start, at, "/* Jinja */"
            unclosed += close < 0
            continue
        while found := _STRING_OR_END.search(text, position, limit):
            position = found.end()
            if found.group() == "}}":
                inside = text[start + 2 : found.start()].strip()
                yield start, position, inside.removeprefix("-").removesuffix("-").strip()
                at = position
                break
        unclosed += at == opening.end()


@dataclass(slots=True)
class _Injection:
    """A line that only injects a block: at ``indent`` columns."""

    number: int
    indent: int


class _Maker:
    def __init__(self, text: str, values: Node | None) -> None:
        self.source = text
        self.values = values
        self.template = Template()
        self.scopes = Scopes()
        self.blocks: dict[int, Node] = {}  # expression -> the list or mapping that it writes, when known
        self.injections: dict[int, _Injection] = {}  # line index -> what is injected there

    def make(self) -> Template:
        lines = self._marked().split("\n")
        for index, line in enumerate(lines):
            if OPEN in line or INJECTED in line:
                lines[index] = self._line(index, line)
        for index, injection in self.injections.items():
            lines[index] = self._inject(lines, index, injection)
        self.template.text = "\n".join(lines)
        return self.template

    def _marked(self) -> str:
        """The source with each expression as a mark; controls become a sign that `_line` takes out."""
        pieces: list[str] = []
        at = 0
        for start, end, inside in _actions(self.source):
            if len(self.template.expressions) >= _MAX_ACTIONS:
                break
            between = self.source[at:start]
            defining = self.scopes.defining
            pieces.append("\n" * between.count("\n") if defining else between)
            at = end
            newlines = "\n" * self.source.count("\n", start, end)
            expression = " ".join(inside.split())
            if defining and not _CONTROL.match(expression):
                pieces.append(newlines)
                continue
            if _CONTROL.match(expression):
                self.scopes.enter(expression)
                pieces.append(INJECTED + newlines)
                continue
            number = len(self.template.expressions)
            self.template.expressions.append(expression)
            pieces.append(f"{OPEN}{number}{CLOSE}{newlines}")
            if self.values is not None:
                self._resolve(number, expression, self.values)
        pieces.append(self.source[at:])
        return "".join(pieces)

    def _resolve(self, number: int, expression: str, values: Node) -> None:
        node, default = evaluate(expression, self.scopes, values)
        if isinstance(node, Scalar):
            text = "" if node.null else node.text
            if "default" not in expression or text not in ("", "0", "false"):
                self.template.known[number] = text
            elif default is not None:  # ``default`` replaces what counts as empty
                self.template.known[number] = default
        elif node is not None:
            if "toYaml" in expression:
                self.blocks[number] = node
        elif default is not None:
            self.template.known[number] = default

    # -- lines

    def _line(self, index: int, line: str) -> str:
        if not line.replace(INJECTED, "").strip():
            return ""
        bare = self._without_controls(line)
        text = bare.strip()
        whole = _MARK.fullmatch(text)
        if whole:
            number = int(whole.group(1))
            found = _INDENT.search(self.template.expressions[number])
            indent = int(found.group(1)) if found else len(bare) - len(bare.lstrip())
            self.injections[index] = _Injection(number, min(indent, 200))
            return ""
        key, colon, rest = bare.partition(": ")
        inline = _MARK.fullmatch(rest.strip()) if colon else None
        if inline and int(inline.group(1)) in self.blocks:
            flow = _flow(self.blocks[int(inline.group(1))])
            return f"{key}: {flow}" if flow else bare
        return bare

    def _without_controls(self, line: str) -> str:
        """The line without the controls around its content; one amid the content leaves a mark: it is uncertain."""
        text = line.strip(f" {INJECTED}\r")
        at = line.index(text)
        indent = line[:at].replace(INJECTED, "")
        if INJECTED in text:
            self.template.expressions.append("…")
            text = text.replace(INJECTED, f"{OPEN}{len(self.template.expressions) - 1}{CLOSE}")
        return indent + text

    def _inject(self, lines: list[str], index: int, injection: _Injection) -> str:
        """The line for a block that is injected here: an entry of the list or mapping that it stands in."""
        indent, number = injection.indent, injection.number
        pad, mark = " " * indent, f'"{OPEN}{number}{CLOSE}"'
        if _in_block_scalar(lines, index, indent):
            return pad + mark.strip('"')
        node = self.blocks.get(number)
        before, nearest = _sibling(lines, index, -1, indent)
        after, _ = _sibling(lines, index, 1, indent)
        if before.startswith("- ") or after.startswith("- "):
            flow = _flow(node.items[0]) if isinstance(node, Sequence) and len(node.items) == 1 else ""
            return f"{pad}- {flow or mark}"
        is_value = nearest and before.rstrip().endswith(":")  # ``env:`` and its list in the same column
        if is_value or (not before and not after and not self._followed(lines, index, indent)):
            return f"{pad} {(_flow(node) if node is not None else '') or mark}"
        flow = _flow(node) if isinstance(node, Mapping) else ""
        return f"{pad}<<: {flow}" if flow else f'{pad}"{INJECTED}{number}": {mark}'

    def _followed(self, lines: list[str], index: int, indent: int) -> bool:
        """Whether another block is injected into the same place further down."""
        for later, injection in self.injections.items():
            if later > index and injection.indent == indent:
                between = lines[index + 1 : min(later, index + 200)]
                return all(not line.strip() or _indent_of(line) >= indent for line in between)
        return False


def _indent_of(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _in_block_scalar(lines: list[str], index: int, indent: int) -> bool:
    """Whether the place is text of a ``key: |`` further up."""
    for at in range(index - 1, max(index - 400, -1), -1):
        line = lines[at]
        own = _indent_of(line)
        if own < indent and line.strip():
            if _BLOCK_SCALAR.search(line):
                return True
            indent = own
            if not indent:
                return False
    return False


def _sibling(lines: list[str], index: int, step: int, indent: int) -> tuple[str, bool]:
    """The text of the nearest line above or below at this indentation that has the same parent, empty when none;
    second, whether no deeper line is between."""
    nearest = True
    at = index + step
    while 0 <= at < len(lines) and abs(at - index) < 400:
        line = lines[at]
        text = line.strip()
        at += step
        if not text or text.startswith("#"):
            continue
        own = _indent_of(line)
        if own == indent:
            return text, nearest
        dash = re.match(r"-\s+", text)
        if dash and own + dash.end() == indent and own < indent:
            return (text[dash.end() :] if step < 0 else ""), nearest
        if own < indent:
            return "", nearest
        nearest = False
    return "", nearest


def _flow(node: Node) -> str:
    """A node as one line of JSON (which is YAML); empty when it is too large."""
    budget = _MAX_FLOW_NODES

    def plain(part: Node, depth: int) -> Any:
        nonlocal budget
        budget -= 1
        if budget < 0 or depth > 20:
            raise ValueError
        if isinstance(part, Mapping):
            return {key.text: plain(value, depth + 1) for key, value in part.pairs}
        if isinstance(part, Sequence):
            return [plain(item, depth + 1) for item in part.items]
        if isinstance(part, Scalar):
            return None if part.null else part.text
        return None

    try:
        return json.dumps(plain(node, 0))
    except ValueError:
        return ""
