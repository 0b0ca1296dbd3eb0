"""All checks of the bundle, in the order in which their problems are best mended."""

from __future__ import annotations

from runtime_ops.bundle import files, flags, frontmatter, guides, links, versions
from runtime_ops.bundle.outcome import Outcome
from runtime_ops.bundle.tree import Tree

CHECKS = (
    frontmatter.check,
    files.check,
    versions.check,
    versions.check_owner,
    guides.check,
    links.check,
    flags.check,
)


def run(tree: Tree) -> list[Outcome]:
    """Run every check over `tree`."""
    return [check(tree) for check in CHECKS]
