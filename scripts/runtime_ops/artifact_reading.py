"""Temporary bridge to `runtime_ops.facts.artifact_kinds` while that module is being written."""

from __future__ import annotations

import importlib
from typing import Any

try:
    _kinds: Any = importlib.import_module("runtime_ops.facts.artifact_kinds")
except ImportError:
    _kinds = None


def artifact_kind(path: str) -> str | None:
    return None if _kinds is None else _kinds.artifact_kind(path)


def read_artifact(kind: str, path: str, data: bytes) -> Any:
    return _kinds.read_artifact(kind, path, data)
