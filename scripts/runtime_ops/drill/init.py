"""Writes a first `drill.toml` from the audit's JSON."""

from __future__ import annotations

from pathlib import Path

from runtime_ops.drill.options import WrongOption


def from_audit(path: Path, entrypoint: str) -> str:
    """TEXT of drill.toml."""
    raise WrongOption("not yet")
