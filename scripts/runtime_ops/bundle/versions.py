"""One version and one owner, everywhere they are written."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

from runtime_ops.bundle.outcome import Outcome, Problem
from runtime_ops.bundle.release import OWNER, REPOSITORY
from runtime_ops.bundle.tree import NAME, Tree, is_shipped

SOURCE = "scripts/runtime_ops/__init__.py"
PLACES = (
    (".claude-plugin/plugin.json", r'"version":\s*"([^"]*)"'),
    ("install/install.sh", r'(?m)^VERSION="([^"]*)"'),
    ("install/install.ps1", r'(?m)^\s*\$InstallerVersion = "([^"]*)"'),
)
SEMANTIC = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?")
ANY_OWNER = re.compile(rf"(?:github\.com[/:]|githubusercontent\.com/|skills add |marketplace add )([\w.-]+)/{NAME}\b")
MARKETPLACE = ".claude-plugin/marketplace.json"


def version_of(tree: Tree) -> str:
    """The version in the package, the one source; empty when there is none."""
    found = re.search(r'(?m)^__version__ = "([^"]*)"', tree.text(SOURCE)) if SOURCE in tree.paths else None
    return found.group(1) if found else ""


def check(tree: Tree) -> Outcome:
    """Compare every place that states the version with the package's."""
    version = version_of(tree)
    if not SEMANTIC.fullmatch(version):
        problem = Problem(SOURCE, 0, f"__version__ is '{version}', expected a version like 1.2.3")
        return Outcome.of("versions", 1, "versions", [problem])
    places = [place for place in PLACES if tree.is_checkout or place[0] in tree.paths]
    return Outcome.of("versions", 1 + len(places), "versions", version_problems(tree, version, places))


def version_problems(tree: Tree, version: str, places: list[tuple[str, str]]) -> Iterator[Problem]:
    """The places that state another version, or none."""
    for path, pattern in places:
        if path not in tree.paths:
            yield Problem(path, 0, "the file is missing (or not tracked by git)")
            continue
        stated = re.findall(pattern, tree.text(path))
        if stated != [version]:
            yield Problem(path, 0, f"states version {stated or 'nowhere'}, expected '{version}' once, as in {SOURCE}")
    if MARKETPLACE in tree.paths and '"version"' in tree.text(MARKETPLACE):
        yield Problem(MARKETPLACE, 0, "states a version; plugin.json is the only manifest that does")
    changelog = tree.text("CHANGELOG.md") if "CHANGELOG.md" in tree.paths else ""
    if not re.search(rf"(?m)^## \[(?:Unreleased|{re.escape(version)})\]", changelog):
        yield Problem("CHANGELOG.md", 0, f"no heading '## [{version}]' and no '## [Unreleased]'")
    yield from tag_problems(tree, version)


def tag_problems(tree: Tree, version: str) -> Iterator[Problem]:
    """A released version whose files changed since: plugin clients would never fetch the change."""
    if not (tree.root / ".git").exists():
        return
    command = ["git", "diff", "--name-only", f"v{version}", "--"]
    done = subprocess.run(command, cwd=tree.root, capture_output=True, text=True, check=False, timeout=60)
    changed = [path for path in done.stdout.splitlines() if is_shipped(path)] if done.returncode == 0 else []
    if changed:
        more = f"{changed[0]} and {len(changed) - 1} more" if len(changed) > 1 else changed[0]
        yield Problem(SOURCE, 0, f"version {version} is tagged and {more} changed since; raise the version")


def check_owner(tree: Tree) -> Outcome:
    """Compare every address of the repository with the owner in `release.py`."""
    uses = [
        (path, number, found.group(1))
        for path in tree.paths
        if not path.startswith(("tests/", "scripts/runtime_ops/bundle/"))
        for number, line in enumerate(tree.text(path).splitlines(), start=1)
        for found in ANY_OWNER.finditer(line)
    ]
    wrong = [
        Problem(path, line, f"the repository is {owner}/{NAME} here, and {REPOSITORY} in release.py")
        for path, line, owner in uses
        if owner != OWNER
    ]
    return Outcome.of("owner", len(uses), "addresses of the repository", wrong)
