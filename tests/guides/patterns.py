"""The complete programs of the guides: level-2 sections ``Pattern: …``, and the files that they share.

A pattern's files are the fences of its section that have a file name. A pattern that imports a module of a section
``Shared file: …`` gets that file too, as a reader would copy it.
"""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from runtime_ops import guides

GUIDES = ("runtime-behavior.md", "process-lifecycle-and-cleanup.md", "logging-metrics-tracing.md")
PATTERN, SHARED = "Pattern: ", "Shared file: "


@dataclass(frozen=True)
class Pattern:
    """One section with the files that it lays out. ``title`` is without the word ``Pattern``."""

    title: str
    guide: str
    line: int
    files: dict[str, str]

    def write(self, folder: Path) -> None:
        """Lay the files out below a folder, with the shared ones that they import."""
        for name, text in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


def named_fences(text: str) -> dict[str, tuple[int, dict[str, str]]]:
    """Title of each level-2 section of a program to its line and its named files.

    The sections of the rules stay out: their wrong and right snippets have file names too, each several times.
    """
    found: dict[str, tuple[int, dict[str, str]]] = {}
    tokens = MarkdownIt("commonmark").parse(text)
    files: dict[str, str] | None = None
    for token, following in zip(tokens, [*tokens[1:], None], strict=False):
        if token.type == "heading_open" and token.tag in ("h1", "h2", "h3"):
            files = None
            if token.tag == "h2" and following is not None and following.content.startswith((PATTERN, SHARED)):
                files = {}
                found[following.content] = (token.map[0] + 1 if token.map else 0, files)
        elif files is not None and token.type == "fence" and (len(token.info.split()) > 1 or token.info.strip() == "dockerfile"):
            made = guides.snippet(token, "guide", token.map[0] + 1 if token.map else 0)
            assert made.name not in files, f"two files {made.name} in one section"
            files[made.name] = made.text
    return found


@functools.cache
def everything() -> dict[str, Pattern]:
    """All patterns by title."""
    patterns: dict[str, Pattern] = {}
    shared: dict[str, str] = {}
    sections = {name: named_fences((guides.folder() / name).read_text(encoding="utf-8")) for name in GUIDES}
    for found in sections.values():
        for title, (_, files) in found.items():
            if title.startswith(SHARED):
                shared.update(files)
    for name, found in sections.items():
        for title, (line, files) in found.items():
            if title.startswith(PATTERN):
                assert files, f"{name}:{line}: a pattern without a file"
                plain = title.removeprefix(PATTERN)
                patterns[plain] = Pattern(plain, name, line, complete(files, shared))
    return patterns


def complete(files: dict[str, str], shared: dict[str, str]) -> dict[str, str]:
    """The files with those shared ones that they need, directly or by another shared one."""
    found = dict(files)
    waiting = list(files.items())
    while waiting:
        name, text = waiting.pop()
        if not name.endswith(".py"):
            continue
        for module in imported(text):
            if (needed := f"{module}.py") in shared and needed not in found:
                found[needed] = shared[needed]
                waiting.append((needed, shared[needed]))
    return found


def imported(text: str) -> set[str]:
    """The modules that a program imports, by their first name."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found
