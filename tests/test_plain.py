"""The package's own ``dataclass`` does what the standard library's does, where the package relies on it."""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import field, replace

import pytest

from runtime_ops import plain


@plain.dataclass(frozen=True, slots=True)
class Place:
    path: str
    line: int = 1
    note: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if self.line < 1:
            object.__setattr__(self, "line", 1)


@plain.dataclass(slots=True)
class Open:
    names: list[str] = field(default_factory=list)


@plain.dataclass(frozen=True, eq=False)
class Thing:
    name: str


@plain.dataclass(frozen=True)
class Wide(Place):
    end: int = 0

    def __repr__(self) -> str:
        return "wide"


def test_records_compare_hash_and_show_by_their_fields() -> None:
    assert Place("a", 0) == Place("a", 1, "another note") != Place("b")
    assert len({Place("a"), Place("a", 1, "x"), Place("b")}) == 2
    assert Place("a") != Wide("a") and Place("a") != "a"
    assert repr(Place("a")) == "Place(path='a', line=1, note='')" and repr(Wide("a")) == "wide"
    assert Wide("a", end=2) != Wide("a", end=3)


def test_records_that_can_change_have_no_hash_and_things_their_own() -> None:
    assert Open(["a"]) == Open(["a"]) and Open() is not Open()
    with pytest.raises(TypeError):
        hash(Open())
    assert Thing("a") != Thing("a") and len({Thing("a"), Thing("a")}) == 2


def test_records_can_be_replaced_and_pickled_and_have_no_further_attributes() -> None:
    assert replace(Place("a"), line=4) == Place("a", 4)
    assert pickle.loads(pickle.dumps(Place("a", 2), 5)) == Place("a", 2)
    assert [f.name for f in dataclasses.fields(Wide)] == ["path", "line", "note", "end"]
    with pytest.raises(AttributeError):
        Open().other = 1  # type: ignore[attr-defined]
