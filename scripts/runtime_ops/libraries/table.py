"""Read one data table of this package: a JSON array, one row a line, under ``data/``.

A row is a JSON object whose keys are the fields of one frozen dataclass; lists become tuples, so a row is immutable.
Rows are compared by identity (``eq=False``): each exists once, and can stand in sets. A key that is absent takes the field's
default, which keeps the files short.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

DATA = Path(__file__).with_name("data")

Row = TypeVar("Row")


class TableError(ValueError):
    """A table of this package does not have the shape its dataclass asks for."""


def freeze(value: object) -> object:
    """Lists to tuples, at every depth; objects stay plain dictionaries."""
    if isinstance(value, list):
        return tuple(freeze(item) for item in value)
    if isinstance(value, dict):
        return {key: freeze(item) for key, item in value.items()}
    return value


def load(
    name: str, build: Callable[..., Row], nested: Mapping[str, Callable[..., object]] | None = None
) -> tuple[Row, ...]:
    """All rows of ``data/<name>.json``, each through ``build(**fields)``.

    ``nested`` names fields whose objects are dataclasses themselves: one object, or a list of them.
    Raises TableError with file and line for a row that does not fit.
    """
    path = DATA / f"{name}.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    rows: list[Row] = []
    for number, fields in enumerate(raw, start=2):  # line 1 holds the opening bracket
        try:
            values = {key: value if type(value) is str else freeze(value) for key, value in fields.items()}
            for key, kind in (nested or {}).items():
                if key in values:
                    values[key] = _build(kind, values[key])
            rows.append(build(**values))
        except (TypeError, AttributeError) as error:
            raise TableError(f"{path.name}:{number}: got {fields!r:.200}, which does not fit: {error}") from error
    return tuple(rows)


def _build(kind: Callable[..., object], value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_build(kind, item) for item in value)
    if isinstance(value, dict):
        return kind(**value)
    raise TypeError(f"expected an object or a list of objects, got {value!r}")
