"""TOML with line numbers: the standard library parses, a scan of the text says where tables and keys stand."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from runtime_ops.facts.artifacts import Unread, Value

_TABLE = re.compile(r"\s*\[(\[?)([^\[\]]+)\]\]?\s*(?:#.*)?\Z")
_KEY = re.compile(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_PART = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")
_LINE = re.compile(r"line (\d+)")
MAX_TEXT = 8_000_000
"""Lock files of large projects have some megabytes."""


class TomlText:
    """A parsed TOML text. ``root`` is its content, empty when it does not parse (then ``unread`` says why)."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.root: dict[str, Any] = {}
        self.unread: tuple[Unread, ...] = ()
        self._places: dict[tuple[str, ...], int] | None = None
        try:
            self.root = tomllib.loads(text.replace("\r\n", "\n"))
        except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
            found = _LINE.search(str(error))
            self.unread = (Unread(int(found.group(1)) if found else 1, f"TOML: {str(error)[:120]}"),)

    def get(self, *keys: str) -> Any:
        """What stands under a path of keys, None where one is missing."""
        node: Any = self.root
        for key in keys:
            if not isinstance(node, dict):
                return None
            node = node.get(key)
        return node

    def line(self, *keys: str) -> int:
        """The line of a key or table, else of the nearest table around it; 1 when none is known.

        Tables of an array are told apart by a number after the name: ``("package", "0", "name")``.
        """
        places = self._places if self._places is not None else self._scan()
        for length in range(len(keys), 0, -1):
            if (place := places.get(keys[:length])) is not None:
                return place
        return 1

    def line_of_text(self, text: str, *keys: str) -> int:
        """The line at or after a key (and within its value) that holds a text, else the key's line."""
        start = self.line(*keys)
        for number in range(start, min(start + 500, len(self.lines)) + 1):
            if text in self.lines[number - 1]:
                return number
            if number > start and _TABLE.match(self.lines[number - 1]):
                break
        return start

    def value(self, *keys: str) -> Value | None:
        """A scalar as a fact, None when it is missing or no scalar."""
        found = self.get(*keys)
        if isinstance(found, bool):
            found = "true" if found else "false"
        if not isinstance(found, str | int | float):
            return None
        line = self.line(*keys)
        return Value(str(found), line, line)

    def _scan(self) -> dict[tuple[str, ...], int]:
        places: dict[tuple[str, ...], int] = {}
        counts: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(self.lines, 1):
            if "[" not in line and "=" not in line:
                continue
            header = _TABLE.match(line)
            if header and line.lstrip()[0] == "[":
                table = self._parts(header.group(2), counts)
                if header.group(1):
                    counts[table] = counts.get(table, -1) + 1
                    places.setdefault(table, number)
                    table = (*table, str(counts[table]))
                places.setdefault(table, number)
                continue
            key = _KEY.match(line)
            if key:
                parts = (*table, *(part.strip("\"'") for part in _PART.findall(key.group(1))))
                for length in range(len(table) + 1, len(parts) + 1):
                    places.setdefault(parts[:length], number)
        self._places = places
        return places

    @staticmethod
    def _parts(text: str, counts: dict[tuple[str, ...], int]) -> tuple[str, ...]:
        """The path of a table's name; a table below one of an array gets that one's number."""
        path: tuple[str, ...] = ()
        names = [part.strip("\"'") for part in _PART.findall(text)]
        for index, name in enumerate(names):
            path = (*path, name)
            if index < len(names) - 1 and path in counts:
                path = (*path, str(counts[path]))
        return path
