"""The files of a checkout or of an unpacked bundle, and which of them are shipped."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

NAME = "python-runtime-operations"
SHIPPED_FILES = frozenset({"SKILL.md", "LICENSE", "README.md", "CHANGELOG.md"})
SHIPPED_FOLDERS = ("references/", "scripts/")
NOT_WALKED = frozenset({".git", ".venv", "node_modules", "dist", "build", ".mypy_cache", ".ruff_cache", "__pycache__"})


def is_shipped(path: str) -> bool:
    """Whether the file at `path` (relative, with `/`) is part of the bundle."""
    return path in SHIPPED_FILES or path.startswith(SHIPPED_FOLDERS)


@dataclass(frozen=True)
class Tree:
    """A folder with the skill's files: a git checkout, or an unpacked bundle."""

    root: Path

    @property
    def is_checkout(self) -> bool:
        """Whether this is the development tree, which has more than what is shipped."""
        return (self.root / "pyproject.toml").is_file()

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """All files, relative to the root with `/`, sorted. In a git checkout: those that git tracks."""
        if (self.root / ".git").exists():
            listed = subprocess.run(
                ["git", "ls-files", "-z"], cwd=self.root, capture_output=True, check=True, timeout=60
            ).stdout.decode()
            names = [name for name in listed.split("\0") if name]
            return tuple(sorted(name for name in names if os.path.lexists(self.root / name)))
        return tuple(sorted(self._walk()))

    def _walk(self) -> list[str]:
        found: list[str] = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if name not in NOT_WALKED]
            found += [(Path(folder) / name).relative_to(self.root).as_posix() for name in files]
        return found

    @cached_property
    def shipped(self) -> tuple[str, ...]:
        """The files that are part of the bundle."""
        return tuple(path for path in self.paths if is_shipped(path))

    @property
    def documents(self) -> tuple[str, ...]:
        """The Markdown files that users or contributors read: at the root, and the guides."""
        return tuple(
            path for path in self.paths if path.endswith(".md") and ("/" not in path or path.startswith("references/"))
        )

    @property
    def guides(self) -> tuple[str, ...]:
        """The guides: the Markdown files right under `references/`."""
        return tuple(path for path in self.documents if path.startswith("references/"))

    def has(self, path: str) -> bool:
        """Whether `path` is one of the files, or a folder that holds one."""
        clean = path.rstrip("/")
        return clean in self.paths or any(known.startswith(clean + "/") for known in self.paths)

    def bytes(self, path: str) -> bytes:
        """The content of one file."""
        return (self.root / path).read_bytes()

    def text(self, path: str) -> str:
        """The text of one file; bytes that are not UTF-8 become U+FFFD (the check of encodings reports them)."""
        return self.bytes(path).decode("utf-8", errors="replace")
