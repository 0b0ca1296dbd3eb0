"""Read a file that somebody else put there: never blocks, never follows a link, never takes more than a bound."""

from __future__ import annotations

import os
import stat
from pathlib import Path

FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def read_bounded(file: Path | str, limit: int) -> bytes | str:
    """The file's bytes, or the reason why there are none (a link, a FIFO, a device, too large, not readable).

    ``limit`` is in bytes. The descriptor is opened first and looked at then, so a file that is exchanged in between
    is caught too; a FIFO opened without blocking cannot make us wait.
    """
    try:
        descriptor = os.open(file, FLAGS)
    except OSError as error:
        return f"cannot be opened: {error.strerror or error}"
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return f"is {kind_of(status.st_mode)}, not a file"
        if status.st_size > limit:
            return f"is too large ({size_text(status.st_size)}; the limit is {size_text(limit)})"
        parts: list[bytes] = []
        left = limit + 1
        while left > 0 and (part := os.read(descriptor, left)):
            parts.append(part)
            left -= len(part)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    finally:
        os.close(descriptor)
    if left <= 0:
        return f"is too large (more than {size_text(limit)})"
    return b"".join(parts)


def kind_of(mode: int) -> str:
    """What a mode stands for, with its article: ``a FIFO``, ``a device``."""
    names = (
        (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket"), (stat.S_ISBLK, "a device"), (stat.S_ISCHR, "a device"),
        (stat.S_ISDIR, "a folder"), (stat.S_ISLNK, "a link"),
    )  # fmt: skip
    return next((name for test, name in names if test(mode)), "something else")


def size_text(size: int) -> str:
    """A size for people: ``812 bytes``, ``2.0 MB``."""
    if size < 10_000:
        return f"{size} bytes"
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1000:.0f} kB"
