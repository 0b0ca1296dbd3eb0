"""Which files git keeps, read from its index: an ignore file has no say about those.

Git itself is never run (see `runtime_ops.ignore`). Source: git's ``Documentation/gitformat-index.txt``, versions 2 to 4.
"""

from __future__ import annotations

import struct
from functools import cached_property
from pathlib import Path

from runtime_ops.reading import read_bounded

LIMIT = 128 * 1024 * 1024
HEAD = struct.Struct(">4sII")
STAT, SHA = 40, (20, 32)  # bytes before the object's name; of a name by SHA-1 or SHA-256
EXTENDED, NAME_LENGTH = 0x4000, 0x0FFF
MARK = "gitdir:"


class Tracked:
    """What the repository around a root keeps. The index is read when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None)

    @property
    def known(self) -> bool:
        """Whether the root lies in a work tree of git at all; else it is an export, and holds nothing that git would not keep."""
        return self.top is not None

    def __contains__(self, path: str) -> bool:
        """Whether git keeps a file, or something below a folder, by its path relative to the root with ``/``."""
        return path.rstrip("/") in self._paths

    @cached_property
    def _paths(self) -> frozenset[str]:
        """All files of the index below the root, and the folders that hold them."""
        if self.top is None:
            return frozenset()
        data = read_bounded(_git_folder(self.top) / "index", LIMIT)
        inner = self.root.relative_to(self.top).as_posix()
        prefix = "" if inner == "." else inner + "/"
        found: set[str] = set()
        for name in index_paths(data if isinstance(data, bytes) else b""):
            if name.startswith(prefix):
                path = name[len(prefix) :]
                while path and path not in found:
                    found.add(path)
                    path = path.rpartition("/")[0]
        return frozenset(found)


def _git_folder(top: Path) -> Path:
    """``.git``, or where a file of that name says that it is (worktrees, submodules)."""
    place = top / ".git"
    said = read_bounded(place, 4096) if place.is_file() else ""
    text = said.decode("utf-8", "replace").strip() if isinstance(said, bytes) else ""
    return top / text.removeprefix(MARK).strip() if text.startswith(MARK) else place


def index_paths(data: bytes) -> list[str]:
    """The paths of an index's entries; an empty list for bytes that are no index of a known version, and those before the first
    entry that makes no sense."""
    for width in SHA:
        found = _entries(data, width)
        if found is not None:
            return found
    return []


def _entries(data: bytes, width: int) -> list[str] | None:
    """The paths where object names are ``width`` bytes; None when the entries do not fit that."""
    if len(data) < HEAD.size:
        return None
    signature, version, count = HEAD.unpack_from(data)
    if signature != b"DIRC" or version not in (2, 3, 4):
        return None
    place, before, found = HEAD.size, b"", []
    for _ in range(count):
        start = place
        place += STAT + width
        if place + 2 > len(data):
            return None
        flags = int.from_bytes(data[place : place + 2], "big")
        place += 4 if flags & EXTENDED else 2
        if version == 4:
            dropped, place = _number(data, place)
            end = data.find(b"\0", place)
            name = before[: len(before) - dropped] + data[place:end]
        else:
            end = data.find(b"\0", place)
            name = data[place:end]
        if end < 0 or (flags & NAME_LENGTH not in (NAME_LENGTH, len(name))):
            return None
        place = end + 1 if version == 4 else start + (end - start + 8) // 8 * 8  # padded to eight bytes, one NUL at least
        before = name
        found.append(name.decode("utf-8", "surrogateescape"))
    return found


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A number of git's variable length, and the place behind it (varint.c)."""
    value = -1
    while place < len(data):
        byte = data[place]
        place += 1
        value = ((value + 1) << 7) | (byte & 0x7F)
        if not byte & 0x80:
            break
    return max(value, 0), place
