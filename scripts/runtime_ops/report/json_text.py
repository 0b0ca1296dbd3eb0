"""Values as indented JSON text, as ``json.dumps(value, indent=2)`` writes it: that one is pure Python when it indents, and
a report of a large repository holds some hundred thousand values."""

from __future__ import annotations

from collections.abc import Mapping
from json import dumps
from json.encoder import encode_basestring_ascii as quoted

MANY = 50_000


def indented(value: object) -> str:
    """The text of a value made of dictionaries with text keys, lists, tuples, texts, numbers, booleans and None."""
    blocks: list[str] = []
    parts: list[str] = []
    _write(value, "\n", parts, blocks)
    del value  # often the last who knows it: what it takes is free before the text is put together
    blocks.append("".join(parts))
    parts.clear()
    return "".join(blocks)


def _write(value: object, line: str, parts: list[str], blocks: list[str]) -> None:
    """``line`` is the line break with the indent of the value's own line. ``parts`` are put together and go to ``blocks``
    when there are many: each takes several times the room of its letters."""
    if isinstance(value, str):
        parts.append(quoted(value))
    elif isinstance(value, Mapping):
        if not value:
            parts.append("{}")
            return
        inner = line + "  "
        before = "{" + inner
        for key, each in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key of the report is {key!r}, expected a text")
            # most values are texts, which saves a call
            if type(each) is str:
                parts.append(f"{before}{quoted(key)}: {quoted(each)}")
            else:
                parts.append(f"{before}{quoted(key)}: ")
                _write(each, inner, parts, blocks)
            before = "," + inner
        parts.append(line + "}")
    elif isinstance(value, (list, tuple)):
        if not value:
            parts.append("[]")
            return
        inner = line + "  "
        before = "[" + inner
        for each in value:
            parts.append(before)
            _write(each, inner, parts, blocks)
            before = "," + inner
            if len(parts) > MANY:
                blocks.append("".join(parts))
                parts.clear()
        parts.append(line + "]")
    else:
        parts.append(dumps(value))
