"""Releases of the made-up skill: the archive, the sums, and our real installers with the archive's hash in them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from runtime_ops.bundle import archive
from runtime_ops.bundle.build import INSTALLERS
from runtime_ops.bundle.source import Entry
from runtime_ops.bundle.tree import NAME, is_shipped
from shipping import made_up

ROOT = Path(__file__).resolve().parents[2]


def content(version: str) -> dict[str, str]:
    """The shipped files of one version of the made-up skill."""
    shipped = {path: text for path, text in made_up.files().items() if is_shipped(path)}
    shipped["scripts/runtime_ops/__init__.py"] = f'__version__ = "{version}"\n'
    shipped[f"references/only-in-{version}.md"] = f"# {version}\n"
    return shipped


def publish(folder: Path, version: str, shipped: dict[str, str] | None = None) -> Path:
    """Write a release as `bundle.py build` would and return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = {path: Entry(text.encode()) for path, text in (shipped or content(version)).items()}
    packed = archive.pack(entries, 1_767_225_600)
    digest = hashlib.sha256(packed).hexdigest()
    for name in (f"{NAME}.zip", f"{NAME}.skill"):
        (folder / name).write_bytes(packed)
    (folder / "SHA256SUMS").write_text(f"{digest}  {NAME}.skill\n{digest}  {NAME}.zip\n")
    for name, (pattern, value) in INSTALLERS.items():
        text, places = re.subn(pattern, value.format(digest), (ROOT / "install" / name).read_text(encoding="utf-8"))
        assert places == 1
        (folder / name).write_text(text, encoding="utf-8")
    return folder
