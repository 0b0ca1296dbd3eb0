"""What one rule says of a small repository that a test writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from runtime_ops.discover import discover
from runtime_ops.findings import Finding
from runtime_ops.gather import gather
from runtime_ops.judge import judge
from runtime_ops.project.build import Project
from runtime_ops.rules.api import load


def said(root: Path, rule: str, files: Mapping[str, str]) -> list[Finding]:
    """The findings of a rule, leads among them, on the files (path → text) that are written below the root. ``rule`` is the
    rule's id, with its concern before a slash or without."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    gathered = gather(root, discover(root), workers=1)
    assert not gathered.unparsed
    judged = judge(Project(gathered.modules, gathered.artifacts, gathered.paths), [load()[rule.rpartition("/")[2]]])
    assert not judged.failed, judged.failed
    return list(judged.findings)


def shown(root: Path, rule: str, files: Mapping[str, str]) -> list[Finding]:
    """The findings that are more than possible."""
    return [finding for finding in said(root, rule, files) if finding.confidence != "possible"]
