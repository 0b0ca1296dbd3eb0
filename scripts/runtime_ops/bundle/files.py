"""Every file: encodings, line ends, names that unpack everywhere, no second skill, no path of one machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from runtime_ops.bundle.outcome import Outcome, Problem
from runtime_ops.bundle.tree import Tree, is_shipped

PORTABLE = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
PATH_LIMIT = 120
PUBLISHED_FOLDERS = ("install/", ".claude-plugin/")
# Placeholder accounts that documents and container examples use on purpose.
PLACEHOLDERS = r"(?:app|appuser|user|nonroot|node|runner|you|me|alice|bob|name|service)"
MACHINE_PATH = re.compile(
    rf"(?<![\w.~-])(?:/home/(?!{PLACEHOLDERS}\b)[a-z_][\w-]*/|/Users/(?!{PLACEHOLDERS}\b)[A-Za-z][\w.-]*/"
    r"|/root/\.?\w|/work/(?:main|shared|notes|corpus|\.)|[A-Z]:\\Users\\(?!you\b|name\b)\w+)"
)


def check(tree: Tree) -> Outcome:
    """Check the names of all files, and the content of those that are published."""
    return Outcome.of("files", len(tree.paths), "files", problems(tree))


def is_published(path: str) -> bool:
    """Whether users get to see the file: shipped, the installers, plugin manifests, documents at the root."""
    return is_shipped(path) or path.startswith(PUBLISHED_FOLDERS) or ("/" not in path and path.endswith(".md"))


def problems(tree: Tree) -> Iterator[Problem]:
    """Everything that is wrong with names and contents."""
    folded: dict[str, str] = {}
    for path in tree.paths:
        yield from name_problems(path)
        other = folded.setdefault(path.lower(), path)
        if other != path:
            yield Problem(path, 0, f"differs from {other} in case only; one of them is lost on macOS and Windows")
        if is_published(path):
            if (tree.root / path).is_symlink():
                yield Problem(path, 0, "a symbolic link; archives and Windows lose it, put the file itself here")
            else:
                yield from content_problems(path, tree.bytes(path))


def name_problems(path: str) -> Iterator[Problem]:
    """Names that break a client or an archiver."""
    name = PurePosixPath(path).name
    if name.lower() == "skill.md" and path != "SKILL.md":
        yield Problem(path, 0, "a second SKILL.md: Codex and opencode list it as a skill; let the test create it")
    if name == "metadata.json":
        yield Problem(path, 0, "the skills CLI leaves out files of this name; rename it")
    if is_published(path) and (not PORTABLE.fullmatch(path) or len(path) > PATH_LIMIT):
        yield Problem(path, 0, f"expected letters, digits, '.', '_', '-' and at most {PATH_LIMIT} characters")


def content_problems(path: str, content: bytes) -> Iterator[Problem]:
    """Bytes that a published text file must not hold."""
    if content.startswith(b"\xef\xbb\xbf"):
        yield Problem(path, 1, "starts with a byte-order mark; save as UTF-8 without one")
    if b"\r" in content:
        yield Problem(path, content.count(b"\n", 0, content.index(b"\r")) + 1, "has a carriage return; use LF only")
    if b"\0" in content:
        yield Problem(path, 0, "has a NUL byte; only text files are published")
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        yield Problem(path, content.count(b"\n", 0, error.start) + 1, "is not UTF-8")
        return
    if content and not content.endswith(b"\n"):
        yield Problem(path, text.count("\n") + 1, "the last line has no line end")
    for number, line in enumerate(text.splitlines(), start=1):
        found = MACHINE_PATH.search(line)
        if found:
            yield Problem(path, number, f"'{found.group()}' is a path of one machine; write it relative or as ~/…")
