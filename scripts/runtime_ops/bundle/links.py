"""Links of the documents: each leads to a file that is there, and to a heading that is there."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from runtime_ops.bundle.outcome import Outcome, Problem
from runtime_ops.bundle.tree import Tree, is_shipped

OWN_FILE = re.compile(r"(?:references|scripts|install|tests)/[\w./-]+\.(?:md|py|sh|ps1|lock)")


@dataclass(frozen=True)
class Link:
    """A link or an own path in inline code: the line of its paragraph (1-based), the target as written."""

    line: int
    target: str


def check(tree: Tree) -> Outcome:
    """Check every relative link, and every own path that a document names in inline code."""
    links = [(path, link) for path in tree.documents for link in read(tree.text(path))]
    return Outcome.of("links", len(links), "links in documents", problems(tree, links))


def read(text: str) -> list[Link]:
    """The links, images and own paths of a Markdown text."""
    found: list[Link] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "inline":
            line = token.map[0] + 1 if token.map else 0
            found += [Link(line, target) for child in token.children or () for target in targets(child)]
    return found


def targets(token: Token) -> Iterator[str]:
    """What one inline token points to."""
    if token.type == "link_open":
        yield str(token.attrGet("href"))
    elif token.type == "image":
        yield str(token.attrGet("src"))
    elif token.type == "code_inline":
        yield from (found.group() for found in OWN_FILE.finditer(token.content))


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives the headings: lower case, no punctuation, hyphens for spaces, -1 for a repeat."""
    seen: dict[str, int] = {}
    result: set[str] = set()
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for token, following in pairwise(tokens):
        if token.type != "heading_open":
            continue
        words = "".join(child.content for child in following.children or ())
        slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        result.add(f"{slug}-{count}" if count else slug)
    return result


def problems(tree: Tree, links: list[tuple[str, Link]]) -> Iterator[Problem]:
    """The links that lead nowhere, and those that lead out of the bundle."""
    for path, link in links:
        parts = urlsplit(link.target)
        if parts.scheme or parts.netloc:
            continue
        target = path
        if parts.path:
            base = "" if OWN_FILE.fullmatch(link.target) and tree.has(link.target) else posixpath.dirname(path)
            target = posixpath.normpath(posixpath.join(base, unquote(parts.path)))
        if not tree.has(target):
            yield Problem(path, link.line, f"'{link.target}' leads to {target}, which is not there (or not tracked)")
        elif is_shipped(path) and not is_shipped(target) and not shipped_folder(tree, target):
            yield Problem(path, link.line, f"'{link.target}' is not in the bundle that this file is in; link its URL")
        elif parts.fragment and target.endswith(".md") and unquote(parts.fragment) not in anchors(tree.text(target)):
            yield Problem(path, link.line, f"'{link.target}': no heading of {target} has the anchor '{parts.fragment}'")


def shipped_folder(tree: Tree, target: str) -> bool:
    """Whether `target` is a folder of which something is shipped."""
    return any(path.startswith(target.rstrip("/") + "/") for path in tree.shipped)
