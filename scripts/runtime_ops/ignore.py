"""Ignore files: which paths git would leave out, by every ``.gitignore`` from the repository's top down to a folder.

Git itself is never run: an audited repository's ``.git/config`` can make it run programs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

from runtime_ops.plain import dataclass
from runtime_ops.reading import read_bounded

LIMIT = 256 * 1024
WILDCARDS = re.compile(r"\*+")
MOST_WILDCARDS = 6  # the pattern becomes a regular expression that backtracks over each of them


@dataclass(frozen=True, slots=True)
class IgnoreFile:
    """The patterns of one file (or of the configuration). ``folder`` is where they hold, relative to the root with
    ``/`` and no final one; empty for the root. ``above`` is the root's own place below the file's folder, for files
    that stand above the root."""

    source: str
    folder: str
    spec: GitIgnoreSpec
    lines: tuple[int, ...]
    above: str = ""

    def decide(self, path: str) -> tuple[bool, str] | None:
        """Whether the file ignores ``path`` (a folder ends in ``/``), with the deciding line; None: it has no say."""
        inner = path[len(self.folder) + 1 :] if self.folder else self.above + path
        found = self.spec.check_file(inner)
        if found.include is None or found.index is None:
            return None
        return found.include, f"{self.source}:{self.lines[found.index]}"


def parse(source: str, folder: str, lines: Iterable[str], above: str = "") -> IgnoreFile | None:
    """Patterns of the lines in git's syntax; None when there is none. Lines that git could not read are dropped."""
    kept: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if not text.strip() or text.startswith("#") or len(WILDCARDS.findall(text)) > MOST_WILDCARDS:
            continue
        try:
            GitIgnoreSpec.from_lines([text])
        except ValueError:
            continue
        kept.append((number, text))
    if not kept:
        return None
    spec = GitIgnoreSpec.from_lines([text for _, text in kept])
    return IgnoreFile(source, folder, spec, tuple(number for number, _ in kept), above)


def read(file: Path, source: str, folder: str, above: str = "") -> IgnoreFile | None:
    """The patterns of an ignore file; None when it is missing, no plain file, or holds none."""
    data = read_bounded(file, LIMIT)
    if not isinstance(data, bytes):
        return None
    return parse(source, folder, data.decode("utf-8", "replace").splitlines(), above)


def above_root(root: Path, top: Path | None) -> list[IgnoreFile]:
    """The ignore files between the repository's top folder (None: the root is in no repository) and the root, outermost first.

    Empty when the root is in no repository, or when they ignore the root itself: somebody who names an ignored folder
    wants it read.
    """
    if top is None:
        return []
    found: list[IgnoreFile] = []
    for folder in reversed([x for x in root.parents if x.is_relative_to(top)]):
        inner = root.relative_to(folder).as_posix() + "/"
        ignore = read(folder / ".gitignore", f"{'../' * inner.count('/')}.gitignore", "", inner)
        if ignore is not None:
            found.append(ignore)
    for ignore in found:
        parts = ignore.above.rstrip("/").split("/")
        for depth in range(1, len(parts) + 1):
            outer = ignore.spec.check_file("/".join(parts[:depth]) + "/")
            if outer.include:
                return []
    return found


def ignored(path: str, files: Sequence[IgnoreFile]) -> str | None:
    """The line (``.gitignore:3``) that ignores ``path``, None when nothing does; the innermost file decides."""
    for ignore in reversed(files):
        decision = ignore.decide(path)
        if decision is not None:
            return decision[1] if decision[0] else None
    return None
