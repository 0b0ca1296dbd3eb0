"""Which version of a distribution holds for a source file: the nearest requirement or lock up the folders.

A repository may hold one service a folder, each with its own requirements. The files nearest to the source decide; an
exact version (a pin, a lock) is preferred to a range as long as it fits the nearest range.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from runtime_ops.facts.artifacts import Artifact, PackagingFile, Requirement
from runtime_ops.plain import dataclass

REQUIREMENT_FOLDERS = frozenset(
    {"requirements", "requirement", "reqs", "deps", "dependencies", "docker", "build", ".config"}
)
SAME_PACKAGE = {
    "psycopg2": ("psycopg2-binary",),
    "psycopg2-binary": ("psycopg2",),
    "psycopg": ("psycopg-binary", "psycopg-c"),
    "opencv-python": ("opencv-python-headless",),
}
"""Distributions that install the same package under another name (PyPI pages of psycopg2-binary, psycopg-binary)."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a source file gets of a distribution.

    ``text`` is an exact version (``exact``) or a specifier; an empty specifier allows any version. ``path`` and
    ``line`` say where it is written.
    """

    distribution: str
    text: str
    exact: bool
    path: str
    line: int


class Versions:
    """Answers for every source path of one audited root. ``artifacts`` may hold anything; packaging files are used."""

    def __init__(self, artifacts: Iterable[Artifact]) -> None:
        self.files: tuple[PackagingFile, ...] = tuple(a for a in artifacts if isinstance(a, PackagingFile))
        self._by_folder: dict[str, list[PackagingFile]] = {}
        for file in self.files:
            self._by_folder.setdefault(_stands_in(file.path), []).append(file)
        self._answers: dict[tuple[str, str], Held | None] = {}

    def of(self, distribution: str, source: str) -> Held | None:
        """What holds for ``distribution`` (any spelling) at a source path relative to the root; None when nothing says.

        ``stdlib`` and ``python`` ask for the interpreter: the ``requires-python`` of the nearest file. When no file up
        the folders names the distribution, an answer on which all other files of the root agree is given.
        """
        name = normalised(distribution)
        key = (name, source.rpartition("/")[0])
        if key not in self._answers:
            self._answers[key] = self._python(key[1]) if name in ("stdlib", "python") else self._search(name, key[1])
        return self._answers[key]

    def text(self, distribution: str, source: str) -> str | None:
        """The version or specifier alone, as `libraries.versions.bounded_at` takes it; None when nothing is known."""
        held = self.of(distribution, source)
        return held.text if held is not None else None

    def _search(self, name: str, folder: str) -> Held | None:
        names = (name, *SAME_PACKAGE.get(name, ()))
        wanted: Held | None = None
        for current in upward(folder):
            found = _best(_rows(self._by_folder.get(current, ()), names))
            if found is None:
                continue
            if found.exact and (wanted is None or _fits(found.text, wanted.text)):
                return found
            if wanted is None or (not wanted.text and found.text and not found.exact):
                wanted = found
        if wanted is not None:
            return wanted
        others = [_held(file, row) for file, row in _rows(self.files, names)]
        return others[0] if len({(h.exact, h.text) for h in others}) == 1 else None

    def _python(self, folder: str) -> Held | None:
        for current in upward(folder):
            for file in self._by_folder.get(current, ()):
                if file.requires_python:
                    return Held("python", file.requires_python, _is_version(file.requires_python), file.path, 1)
        return None


def normalised(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def upward(folder: str) -> list[str]:
    """The folder and those above it, nearest first, the root (empty) last."""
    chain = [folder]
    while chain[-1]:
        chain.append(chain[-1].rpartition("/")[0])
    return chain


def _stands_in(path: str) -> str:
    """The folder that a packaging file speaks for: ``requirements/base.txt`` speaks for what ``requirements`` stands in."""
    folder = path.rpartition("/")[0]
    parent, _, last = folder.rpartition("/")
    return parent if last.lower() in REQUIREMENT_FOLDERS else folder


def _rows(files: Sequence[PackagingFile], names: tuple[str, ...]) -> list[tuple[PackagingFile, Requirement]]:
    return [(f, r) for f in files for r in f.requirements if normalised(r.name) in names]


def _best(rows: list[tuple[PackagingFile, Requirement]]) -> Held | None:
    """Of several statements in one folder: exact before ranges, run time before extras, locks before the rest."""
    if not rows:
        return None

    def rank(pair: tuple[PackagingFile, Requirement]) -> tuple[bool, bool, bool, bool]:
        file, row = pair
        side = bool(row.group) or bool(re.search(r"dev|test|doc|lint", file.path.rpartition("/")[2], re.I))
        return side, row.version is None, not file.locked, not row.specifier

    return _held(*min(rows, key=rank))


def _held(file: PackagingFile, row: Requirement) -> Held:
    exact = row.version is not None
    return Held(
        normalised(row.name), row.version if row.version is not None else row.specifier, exact, file.path, row.line
    )


def _fits(version: str, specifier: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return True  # what cannot be compared contradicts nothing


def _is_version(text: str) -> bool:
    try:
        Version(text)
    except InvalidVersion:
        return False
    return True
