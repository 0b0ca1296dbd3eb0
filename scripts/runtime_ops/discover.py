"""Find the files worth reading below a root, and say of each other one why it is not read.

Links are not followed, so that nothing outside the root is read and no loop is walked. Nothing is opened but ignore
files and the first bytes of files without a suffix (scripts), and of the packages in a folder of libraries.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Sequence
from dataclasses import field
from pathlib import Path

from runtime_ops import ignore, not_runtime
from runtime_ops.facts.artifact_kinds import MAX_LOCK_BYTES, artifact_kind
from runtime_ops.findings import Skipped, Unparsed
from runtime_ops.plain import dataclass
from runtime_ops.reading import kind_of, read_bounded, size_text
from runtime_ops.tracked import Tracked

SIZE_LIMIT = 2_000_000
PYTHON = "python"
INIT = "__init__.py"
SCRIPT = "script"
SHEBANG_LIMIT = 200_000
SHEBANG = re.compile(rb"^#!\s*\S*?(?:/env\s+(?:-S\s+)?)?([\w.+-]+)(?:\s|$)")
PYTHON_STATEMENT = re.compile(rb"^(?:import \w|from \w+(?:\.\w+)* import \w|def \w+\()", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class File:
    """A file to read: path relative to the root with ``/``, size in bytes, ``python`` or an artifact's kind."""

    path: str
    size: int
    kind: str


@dataclass(frozen=True, slots=True)
class Discovery:
    """What lies below a root. ``paths`` are all files that no rule left out, read or not (a Dockerfile may name them).

    ``skipped`` was left out on purpose, ``unreadable`` should have been read and could not be.
    """

    files: tuple[File, ...]
    skipped: tuple[Skipped, ...]
    unreadable: tuple[Unparsed, ...]
    paths: tuple[str, ...]


@dataclass(slots=True)
class _Walk:
    root: Path
    exclude: ignore.IgnoreFile | None
    tracked: Tracked
    files: list[File] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    unreadable: list[Unparsed] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


def discover(root: Path, exclude: Sequence[str] = (), progress: Callable[[int], None] | None = None) -> Discovery:
    """Walk ``root``; ``exclude`` are further patterns in the syntax of ``.gitignore``, relative to the root.

    ``progress`` is called with the number of files seen so far, once a folder. Raises OSError when the root itself
    cannot be listed.
    """
    root = root.resolve()
    walk = _Walk(root, ignore.parse("exclude", "", exclude), Tracked(root))
    os.listdir(root)  # an unreadable root is the caller's error, an unreadable folder below it a row
    pending: list[tuple[str, str, tuple[ignore.IgnoreFile, ...]]] = [("", "", tuple(ignore.above_root(root)))]
    while pending:
        relative, parent, ignores = pending.pop()
        pending.extend(reversed(_folder(walk, relative, parent, ignores)))
        if progress is not None:
            progress(len(walk.paths))
    return Discovery(
        tuple(sorted(walk.files, key=lambda f: f.path)),
        tuple(sorted(walk.skipped, key=lambda s: (s.path, s.reason))),
        tuple(sorted(walk.unreadable, key=lambda u: u.path)),
        tuple(sorted(walk.paths)),
    )


def _folder(
    walk: _Walk, relative: str, parent: str, ignores: tuple[ignore.IgnoreFile, ...]
) -> list[tuple[str, str, tuple[ignore.IgnoreFile, ...]]]:
    """Look at one folder; answers the folders below it that are to be looked at."""
    try:
        with os.scandir(walk.root / relative) as listing:
            entries = sorted(listing, key=lambda e: e.name)
    except OSError as error:
        walk.unreadable.append(Unparsed(relative, 1, f"the folder cannot be listed: {error.strerror or error}"))
        return []
    names = {entry.name for entry in entries}
    if relative:
        reason = not_runtime.folder_reason(relative.rpartition("/")[2], parent.rpartition("/")[2], names)
        if reason is not None:
            walk.skipped.append(Skipped(relative, reason))
            if reason == not_runtime.MIGRATIONS and not_runtime.ALEMBIC_RUNNER in names:
                # no revision: each run of the migrations begins with it, in the container that starts
                runner = next(entry for entry in entries if entry.name == not_runtime.ALEMBIC_RUNNER)
                _file(walk, f"{relative}/{runner.name}", runner, ignores)
            return []
    if ".gitignore" in names and walk.tracked.known:
        own = ignore.read(walk.root / relative / ".gitignore", f"{relative}/.gitignore".lstrip("/"), relative)
        ignores = (*ignores, own) if own is not None else ignores
    below: list[tuple[str, str, tuple[ignore.IgnoreFile, ...]]] = []
    foreign = _foreign(walk, relative, parent)
    for entry in entries:
        if entry.name in not_runtime.INVISIBLE:
            continue
        path = f"{relative}/{entry.name}" if relative else entry.name
        if not _printable(path):
            walk.skipped.append(Skipped(_visible(path), "its name is not UTF-8"))
        elif entry.is_symlink():
            _link(walk, path)
        elif entry.is_dir(follow_symlinks=False):
            reason = not_runtime.VENDORED if entry.name in foreign else _ignored(walk, path + "/", ignores)
            if reason is None:
                below.append((path, relative, ignores))
            else:
                walk.skipped.append(Skipped(path, reason))
        else:
            _file(walk, path, entry, ignores)
    return below


def _foreign(walk: _Walk, relative: str, parent: str) -> frozenset[str]:
    """The packages of a folder, if it is one of libraries by its name and no part of a package itself, that are other people's."""
    if not not_runtime.LIBRARIES.fullmatch(relative.rpartition("/")[2].lower()) or (walk.root / parent / INIT).is_file():
        return frozenset()
    heads = {}
    for package in sorted((walk.root / relative).glob(f"*/{INIT}")):
        if package.is_file() and not (package.is_symlink() or package.parent.is_symlink()):
            with contextlib.suppress(OSError), package.open("rb") as stream:
                heads[package.parent.name] = stream.read(not_runtime.HEAD_BYTES)
    return not_runtime.foreign_packages(heads)


def _file(walk: _Walk, path: str, entry: os.DirEntry[str], ignores: tuple[ignore.IgnoreFile, ...]) -> None:
    kind = kind_by_name(path)
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        walk.unreadable.append(Unparsed(path, 1, f"cannot be looked at: {error.strerror or error}"))
        return
    if not stat.S_ISREG(status.st_mode):
        walk.skipped.append(Skipped(path, f"is {kind_of(status.st_mode)}, not a file"))
        return
    if kind == SCRIPT and is_python_script(walk.root / path, status.st_size):
        kind = PYTHON
    if kind == "config" and entry.name.startswith("gunicorn") and is_python_configuration(walk.root / path, status.st_size):
        kind = PYTHON
    if kind is None and not entry.name.endswith(".ipynb"):
        walk.paths.append(path)
        return
    reason = _ignored(walk, path, ignores)
    if reason is None and kind == PYTHON:
        reason = not_runtime.python_file_reason(entry.name)
    if reason is None and kind is None:
        reason = not_runtime.NOTEBOOKS
    if reason is None and status.st_size > size_limit(kind):
        reason = f"too large: {size_text(status.st_size)}, the limit is {size_text(size_limit(kind))}"
    if reason is not None or kind is None:
        walk.skipped.append(Skipped(path, reason or ""))
        return
    walk.paths.append(path)
    walk.files.append(File(path, status.st_size, kind))


def kind_by_name(path: str) -> str | None:
    """``python``, an artifact's kind, or None for a file that the audit has no reader for."""
    return PYTHON if path.endswith((".py", ".pyw", ".wsgi")) else artifact_kind(path)


def is_python_script(file: Path, size: int) -> bool:
    """Whether a file without a suffix begins by naming Python as its interpreter."""
    if not 8 < size <= SHEBANG_LIMIT:
        return False
    data = read_bounded(file, SHEBANG_LIMIT)
    found = SHEBANG.match(data[:200]) if isinstance(data, bytes) else None
    return found is not None and found[1].startswith((b"python", b"pypy"))


def is_python_configuration(file: Path, size: int) -> bool:
    """Whether a ``.conf`` is Python, as gunicorn reads its configuration under any name; other programs have files named
    after it (a unit, an upstart job, a proxy)."""
    data = read_bounded(file, SHEBANG_LIMIT) if size <= SHEBANG_LIMIT else b""
    return isinstance(data, bytes) and PYTHON_STATEMENT.search(data) is not None


def size_limit(kind: str | None) -> int:
    """Bytes of a file of a kind that are still read: lock files are larger than what people write."""
    return MAX_LOCK_BYTES if kind is not None and kind.endswith("-lock") else SIZE_LIMIT


def _ignored(walk: _Walk, path: str, ignores: Sequence[ignore.IgnoreFile]) -> str | None:
    line = ignore.ignored(path, ignores)
    if line is not None and path not in walk.tracked:
        return f"ignored by {line}"
    decision = walk.exclude.decide(path) if walk.exclude is not None else None
    return "excluded by the configuration" if decision is not None and decision[0] else None


def _link(walk: _Walk, path: str) -> None:
    """Report a link where a reader might expect its target to be read."""
    place = walk.root / path
    try:
        target = place.resolve(strict=True)
    except (OSError, RuntimeError):
        if kind_by_name(path) is not None:
            walk.skipped.append(Skipped(path, "a link that leads nowhere"))
        return
    if not target.is_relative_to(walk.root):
        walk.skipped.append(Skipped(path, "a link out of the root"))
        return
    inner = target.relative_to(walk.root).as_posix()
    walk.paths.append(path)
    if target.is_dir() or kind_by_name(path) is not None or kind_by_name(inner) is not None:
        seen = "a link to the root itself" if inner == "." else f"a link to {inner}, which is looked at in its own place"
        walk.skipped.append(Skipped(path, seen))


def _printable(path: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in path)


def _visible(path: str) -> str:
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
