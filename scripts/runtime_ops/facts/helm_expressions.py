"""What simple Helm expressions name: ``.Values`` paths with ``default``, ``quote``, ``toYaml`` and the like."""

from __future__ import annotations

import re

from runtime_ops.facts.yaml_nodes import Node, child

_PATH = re.compile(r"\$?\.(?:[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)?\Z")
_TOKEN = re.compile(r"\"(?:\\.|[^\"\\])*\"|`[^`]*`|\||[()]|[^\s|()]+")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?\Z")
_PASSING = frozenset(
    ("quote", "squote", "toString", "trim", "int", "int64", "float64", "toYaml", "tpl", "nindent", "indent", "required")
)


class Scopes:
    """What ``.`` means inside the open ``with``/``range``/``if`` blocks."""

    def __init__(self) -> None:
        self._stack: list[str | None] = []
        self._definitions: list[int] = []  # depths at which ``define`` stands

    @property
    def defining(self) -> bool:
        """Whether a ``define`` is open: its text belongs to whoever includes it, not to this file."""
        return bool(self._definitions)

    def enter(self, expression: str) -> None:
        """Follow one control expression (``if …``, ``with …``, ``range …``, ``else``, ``end``)."""
        word, _, rest = expression.partition(" ")
        if word == "end":
            if self._stack:
                self._stack.pop()
            if self._definitions and self._definitions[-1] > len(self._stack):
                self._definitions.pop()
        elif word == "if":
            self._stack.append(self._stack[-1] if self._stack else "")
        elif word == "with":
            self._stack.append(self.absolute(rest.strip()))
        elif word in ("range", "define", "block"):
            self._stack.append(None)
            if word == "define":
                self._definitions.append(len(self._stack))

    def absolute(self, path: str) -> str | None:
        """The path from the root (``Values.a.b``; empty for the root), None when it is not known or no path."""
        if not _PATH.match(path):
            return None
        if path.startswith("$"):
            return path[2:]
        scope = self._stack[-1] if self._stack else ""
        if scope is None or path == ".":
            return scope
        return scope + path if scope else path[1:]


def evaluate(expression: str, scopes: Scopes, values: Node) -> tuple[Node | None, str | None]:
    """The node of the chart's values that an expression writes, and its default text.

    (None, None) for whatever is not a chain of known functions around one ``.Values`` path.
    """
    target: str | None = None
    default: str | None = None
    for part in _pipes(expression):
        name, arguments = part[0], part[1:]
        if name == "default" and arguments:
            literal = _literal(arguments[0])
            default, arguments = literal if default is None else default, arguments[1:]
        elif name in _PASSING:
            arguments = [word for word in arguments if _PATH.match(word)]
            if name == "tpl":
                arguments = arguments[:1]
        elif len(part) == 1 and _PATH.match(name):
            arguments = [name]
        else:
            return None, None
        if arguments:
            if target is not None or len(arguments) > 1:
                return None, None
            target = scopes.absolute(arguments[0])
            if target is None:
                return None, None
    if target is None or target.split(".")[0] != "Values":
        return None, None
    return child(values, *target.split(".")[1:]), default


def _pipes(expression: str) -> list[list[str]]:
    """The words between the ``|`` signs; parentheses are dropped."""
    parts: list[list[str]] = [[]]
    for token in _TOKEN.findall(expression):
        if token == "|":
            parts.append([])
        elif token not in ("(", ")"):
            parts[-1].append(token)
    return [part for part in parts if part]


def _literal(word: str) -> str | None:
    if word[:1] in ('"', "`"):
        return word[1:-1]
    return word if _NUMBER.match(word) or word in ("true", "false") else None
