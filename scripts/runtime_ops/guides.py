"""The guides as data: for each rule its section, with the snippets that are the rule's first test.

A section is a level-3 heading that is a rule's id, up to the next heading of that level or above. In it, paragraphs
that begin with ``**Wrong**``, ``**Right**`` or ``**Silent**`` are labels: the fences between a label and the next one
are the files of one small repository. A fence's info string is its language and, optionally, the file's name
(``python app.py``, ``yaml k8s/web.yaml``). Each label may come several times. ``**Deviate when**`` begins the last
paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from runtime_ops.plain import dataclass

if TYPE_CHECKING:
    from markdown_it.token import Token

SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+")
HEADING = re.compile(r"###[ \t]+([a-z][a-z0-9]*(?:-[a-z0-9]+)+)[ \t]*#*[ \t]*$")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
LABEL = re.compile(r"\*\*(Wrong|Right|Silent|Deviate when)\b[^*]*\*\*")
DEFAULT_NAMES = {
    "python": "app.py", "dockerfile": "Dockerfile", "sh": "entrypoint.sh", "bash": "entrypoint.sh", "procfile": "Procfile",
}  # fmt: skip


class GuideError(Exception):
    """A guide that does not keep to the convention, with file and line."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """One file of an example. ``line`` is that of the fence."""

    name: str
    language: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Example:
    """One small repository: the fences below one label."""

    label: str
    files: tuple[Snippet, ...]
    line: int

    def write(self, folder: Path) -> None:
        """Lay the files out below a folder."""
        for snippet in self.files:
            file = folder / snippet.name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(snippet.text, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Section:
    """The documentation of one rule. ``file`` is relative to the skill's folder, ``text`` the Markdown source."""

    slug: str
    file: str
    line: int
    text: str
    examples: tuple[Example, ...]
    deviate: bool
    """Whether it ends with a paragraph that says when to deviate."""

    @property
    def anchor(self) -> str:
        """The fragment of the heading, as GitHub makes it."""
        return self.slug

    @property
    def link(self) -> str:
        """``references/logging.md#print-in-service``."""
        return f"{self.file}#{self.anchor}"

    @property
    def wrong(self) -> tuple[Example, ...]:
        """Repositories that the rule must report, and no other line than its own."""
        return self._labelled("Wrong")

    @property
    def right(self) -> tuple[Example, ...]:
        """Repositories that do the same thing well."""
        return self._labelled("Right")

    @property
    def silent(self) -> tuple[Example, ...]:
        """Look-alikes that the rule must leave alone."""
        return self._labelled("Silent")

    def _labelled(self, label: str) -> tuple[Example, ...]:
        return tuple(example for example in self.examples if example.label == label)


def folder() -> Path:
    """Where the guides lie: beside ``scripts/`` in a checkout or bundle, inside the package in a wheel."""
    package = Path(__file__).resolve().parent
    beside = package.parent.parent / "references"
    return beside if package.parent.name == "scripts" and beside.is_dir() else package / "references"


@cache
def links() -> dict[str, str]:
    """Rule id → ``references/FILE.md#id``, by a scan of the headings alone (a whole parse costs each run too much)."""
    found: dict[str, str] = {}
    for file in sorted(folder().glob("*.md")):
        fence = ""
        for line in file.read_text(encoding="utf-8").splitlines():
            mark = FENCE.match(line)
            if mark is not None and (not fence or (mark[1].startswith(fence) and line.strip() == mark[1])):
                fence = "" if fence else mark[1]
            elif not fence and (heading := HEADING.match(line)) is not None:
                found.setdefault(heading[1], f"references/{file.name}#{heading[1]}")
    return found


def sections(references: Path | None = None) -> dict[str, Section]:
    """Every section of every guide by rule id. Raises GuideError (file:line) for one that breaks the convention."""
    found: dict[str, Section] = {}
    for file in sorted((references or folder()).glob("*.md")):
        for section in read_guide(file):
            if section.slug in found:
                first = found[section.slug]
                raise GuideError(f"{section.file}:{section.line}: {section.slug} is explained at {first.file}:{first.line}")
            found[section.slug] = section
    return found


def section(slug: str) -> Section | None:
    """The section of one rule, None when no guide has it."""
    link = links().get(slug)
    if link is None:
        return None
    file = folder() / PurePosixPath(link.partition("#")[0]).name
    return next((found for found in read_guide(file) if found.slug == slug), None)


def read_guide(file: Path) -> Iterator[Section]:
    """The sections of one guide, in order."""
    from markdown_it import MarkdownIt

    text = file.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    tokens = MarkdownIt("commonmark").parse(text)
    starts = [
        (number, token) for number, token in enumerate(tokens) if token.type == "heading_open" and token.tag in ("h1", "h2", "h3")
    ]
    for place, (number, token) in enumerate(starts):
        slug = tokens[number + 1].content.strip()
        if token.tag != "h3" or SLUG.fullmatch(slug) is None or token.map is None:
            continue
        following = starts[place + 1] if place + 1 < len(starts) else None
        end = following[1].map[0] if following is not None and following[1].map is not None else len(lines)
        inner = tokens[number + 3 : following[0] if following is not None else len(tokens)]
        name = f"references/{file.name}"
        examples, deviate = parts(inner, name)
        body = "".join(lines[token.map[0] : end]).strip() + "\n"
        yield Section(slug, name, token.map[0] + 1, body, examples, deviate)


def parts(tokens: list[Token], file: str) -> tuple[tuple[Example, ...], bool]:
    """The labelled examples of a section, and whether it says when to deviate."""
    found: list[tuple[str, int, list[Snippet]]] = []
    deviate = collecting = False
    for before, token in zip([None, *tokens], tokens, strict=False):
        line = token.map[0] + 1 if token.map else 0
        if token.type == "inline" and before is not None and before.type == "paragraph_open":
            label = LABEL.match(token.content)
            if label is None:
                continue
            collecting = label[1] != "Deviate when"
            deviate = deviate or not collecting
            if collecting:
                found.append((label[1], line, []))
        elif token.type == "fence" and collecting:
            snippets = found[-1][2]
            made = snippet(token, file, line)
            if any(made.name == other.name for other in snippets):
                raise GuideError(f"{file}:{line}: a second file {made.name} in one example; give it another name or label")
            snippets.append(made)
    for name, line, snippets in found:
        if not snippets:
            raise GuideError(f"{file}:{line}: **{name}** without a fenced block below it")
    return tuple(Example(name, tuple(snippets), line) for name, line, snippets in found), deviate


def snippet(token: Token, file: str, line: int) -> Snippet:
    """The file that a fence stands for. Raises GuideError when it has no name and its language gives none."""
    words = token.info.split()
    language = words[0].lower() if words else ""
    name = words[1] if len(words) > 1 else DEFAULT_NAMES.get(language, "")
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts:
        raise GuideError(f"{file}:{line}: the fence {token.info!r} needs a file name, as in ```{language or 'yaml'} k8s/web.yaml")
    return Snippet(name, language, token.content, line)
