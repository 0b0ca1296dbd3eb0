"""The files of the bundle as git holds them: from the commit of a clean checkout, never from the working tree."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from runtime_ops.bundle.tree import is_shipped

GIT_SECONDS = 60


class BuildError(Exception):
    """The bundle cannot be built or is not what it should be; the text says what to do."""


@dataclass(frozen=True)
class Entry:
    """One file of the archive: its content and whether it may be executed."""

    content: bytes
    executable: bool = False


def git(root: Path, *arguments: str) -> bytes:
    """The output of one git command in our own checkout; `BuildError` with git's words when it fails."""
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False, timeout=GIT_SECONDS)
    if done.returncode != 0:
        raise BuildError(f"git {arguments[0]} failed in {root}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def refuse_dirty(root: Path) -> None:
    """Raise `BuildError` when files are changed or untracked: what is shipped must be what is committed."""
    changed = git(root, "status", "--porcelain").decode(errors="replace").splitlines()
    if changed:
        shown = "\n".join(f"  {line}" for line in changed[:10])
        more = f"\n  … and {len(changed) - 10} more" if len(changed) > 10 else ""
        raise BuildError(f"the tree is dirty; commit or remove these first:\n{shown}{more}")


def committed(root: Path) -> dict[str, Entry]:
    """The shipped files of HEAD, by path."""
    found: dict[str, Entry] = {}
    with tarfile.open(fileobj=io.BytesIO(git(root, "archive", "--format=tar", "HEAD"))) as archive:
        for member in archive:
            if not is_shipped(member.name) or member.isdir():
                continue
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is None:
                raise BuildError(f"{member.name} is neither a file nor a folder (a link?); the bundle holds files only")
            found[member.name] = Entry(stream.read(), bool(member.mode & 0o100))
    return found


def text_of(root: Path, path: str) -> str:
    """The text of one file of HEAD, shipped or not."""
    return git(root, "show", f"HEAD:{path}").decode()


def build_time(root: Path) -> int:
    """Seconds since 1970 for all files of the archive: SOURCE_DATE_EPOCH, else the time of the commit."""
    chosen = os.environ.get("SOURCE_DATE_EPOCH")
    if chosen is None:
        return int(git(root, "log", "-1", "--format=%ct").decode())
    if not chosen.isdecimal():
        raise BuildError(f"SOURCE_DATE_EPOCH is {chosen!r}, expected seconds since 1970")
    return int(chosen)
