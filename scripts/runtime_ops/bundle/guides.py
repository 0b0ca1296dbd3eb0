"""Rules and guides are the same set of ids: each rule has its section, each section named like a rule has its rule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import PurePosixPath

from markdown_it import MarkdownIt

from runtime_ops.bundle.outcome import Outcome, Problem
from runtime_ops.bundle.tree import Tree

RULES = "scripts/runtime_ops/rules/"
GUIDES = tuple(
    f"references/{name}.md"
    for name in ("runtime-behavior", "logging-metrics-tracing", "process-lifecycle-and-cleanup")
)
SLUG = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+")


def check(tree: Tree) -> Outcome:
    """Compare the rule files with the third-level headings of the guides."""
    rules = rule_files(tree)
    return Outcome.of("guides", len(rules), f"rules under {RULES}", problems(tree, rules))


def rule_files(tree: Tree) -> dict[str, str]:
    """Rule id → path, from `rules/<concern>/<id_with_underscores>.py`."""
    found: dict[str, str] = {}
    for path in tree.paths:
        inner = PurePosixPath(path.removeprefix(RULES))
        if path.startswith(RULES) and len(inner.parts) == 2 and inner.suffix == ".py" and inner.stem[0] != "_":
            found[inner.stem.replace("_", "-")] = path
    return found


def sections(text: str) -> Iterator[tuple[str, int]]:
    """The third-level headings that are named like a rule, with their lines."""
    tokens = MarkdownIt("commonmark").parse(text)
    for token, following in pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h3" and SLUG.fullmatch(following.content.strip()):
            yield following.content.strip(), token.map[0] + 1 if token.map else 0


def problems(tree: Tree, rules: dict[str, str]) -> Iterator[Problem]:
    """Rules without a section, sections without a rule, sections that stand twice."""
    yield from (Problem(path, 0, "the guide is missing (or not tracked)") for path in GUIDES if path not in tree.paths)
    places: dict[str, tuple[str, int]] = {}
    for path in tree.guides:
        for slug, line in sections(tree.text(path)):
            if slug in places:
                first = places[slug]
                yield Problem(path, line, f"a second section '{slug}'; the first is at {first[0]}:{first[1]}")
            elif slug not in rules:
                yield Problem(path, line, f"section '{slug}' has no rule {RULES}*/{slug.replace('-', '_')}.py")
            places.setdefault(slug, (path, line))
    for slug, path in rules.items():
        if slug not in places:
            yield Problem(path, 0, f"the rule has no section; expected '### {slug}' in a guide under references/")
