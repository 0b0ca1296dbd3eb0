"""The first half of an audit: discover → extract, from a folder to the facts of its files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from runtime_ops import not_runtime
from runtime_ops.configuration import Configuration
from runtime_ops.discover import PYTHON, Discovery, discover
from runtime_ops.gather import Begin, Gathered, gather
from runtime_ops.report.wording import count, listed, skipped_summary

Progress = Callable[[str], None]


class NothingToAudit(Exception):
    """The root holds nothing that could be judged: what was got, what was expected, what to do."""


def read(
    root: Path, shown_root: str, configuration: Configuration, progress: Progress, meanwhile: Callable[[], Begin] | None = None
) -> Gathered:
    """The facts of all files of a root. ``meanwhile`` is called once, when there are other processes that read; what it gives
    is called with each module (see `runtime_ops.gather`).

    Raises NothingToAudit when the root holds no Python, OSError when it cannot be listed.
    """
    discovery = discover(root, configuration.exclude, lambda n: progress(f"looking at files: {n:,}"))
    if not any(file.kind == PYTHON for file in discovery.files) and not discovery.unreadable:
        raise NothingToAudit(nothing(root, shown_root, discovery))
    gathered = gather(
        root, discovery, lambda done, of: progress(f"reading {of:,} files: {100 * done // of} %"), meanwhile=meanwhile
    )
    if gathered.python_files == 0 and not gathered.unparsed:
        raise NothingToAudit(nothing(root, shown_root, discovery, gathered))
    return gathered


def nothing(root: Path, shown_root: str, discovery: Discovery, gathered: Gathered | None = None) -> str:
    """Why there is nothing to judge, and what to do."""
    skipped = gathered.skipped if gathered is not None else discovery.skipped
    left_out = [row for row in skipped if row.reason in not_runtime.REASONS and holds_python(root / row.path)]
    expected = "expected a folder with the Python files of a service, worker, job or command-line program"
    if not discovery.paths and not skipped:
        return f"{shown_root}: got an empty folder; {expected}"
    if left_out:
        summary = listed(skipped_summary(left_out))
        return (
            f"{shown_root}: got no Python file outside of what is no runtime surface: {summary}; {expected}. "
            f"To audit one of those folders, name it itself, as {shown_root.rstrip('/')}/{left_out[0].path}"
        )
    others = count(len(discovery.files), "deployment or packaging file")
    return (
        f"{shown_root}: got {count(len(discovery.paths), 'file')}, {others} among them, but no Python file; {expected}. "
        "If they are there, look whether .gitignore or `exclude` leaves them out"
    )


def holds_python(place: Path) -> bool:
    """Whether a file is Python or a folder holds some, by a look at its first few thousand files."""
    if place.is_file():
        return place.suffix == ".py"
    seen = 0
    for _, _, files in os.walk(place):
        seen += len(files)
        if any(name.endswith(".py") for name in files):
            return True
        if seen > 5000:
            break
    return False
