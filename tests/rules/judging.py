"""What one rule says of a small repository that a test writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from project.made_repository import written

from runtime_ops.findings import Finding
from runtime_ops.judge import judge
from runtime_ops.rules.api import load


def said(root: Path, rule: str, files: Mapping[str, str]) -> list[Finding]:
    """The findings of a rule, leads among them, on the files (path → text) that are written below the root. ``rule`` is the
    rule's id, with its concern before a slash or without."""
    judged = judge(written(root, files), [load()[rule.rpartition("/")[2]]])
    assert not judged.failed, judged.failed
    return list(judged.findings)


def shown(root: Path, rule: str, files: Mapping[str, str]) -> list[Finding]:
    """The findings that are more than possible."""
    return [finding for finding in said(root, rule, files) if finding.confidence != "possible"]
