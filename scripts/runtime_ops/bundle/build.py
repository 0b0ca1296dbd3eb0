"""Build what a release publishes: the archive under two names, the installers with its hash, and the sums."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from runtime_ops.bundle import archive, source, vendor
from runtime_ops.bundle.source import BuildError
from runtime_ops.bundle.tree import NAME

LOCK = "scripts/runtime_ops/bootstrap/requirements.lock"
INSTALLERS = {
    "install.sh": (r'(?m)^SHA256=""$', 'SHA256="{}"'),
    "install.ps1": (r'(?m)^(\s*)\$Sha256 = ""$', r'\g<1>$Sha256 = "{}"'),
}


@dataclass(frozen=True)
class Built:
    """The files that were written, and the archive's size in bytes and SHA-256."""

    files: tuple[Path, ...]
    size: int
    sha256: str


def build(root: Path, output: Path, wheels: Path | None = None) -> Built:
    """Build from HEAD of the clean checkout `root` into the folder `output`.

    Nothing is written unless everything could be built. Raises `BuildError`.
    """
    source.refuse_dirty(root)
    entries = source.committed(root)
    for needed in ("SKILL.md", "LICENSE", "scripts/audit.py", LOCK):
        if needed not in entries:
            raise BuildError(f"{needed} is not in HEAD; the bundle is nothing without it")
    entries |= vendor.entries(entries[LOCK].content.decode(), wheels)
    packed = archive.pack(entries, source.build_time(root))
    if len(packed) > archive.SIZE_LIMIT:
        raise BuildError(f"the archive has {len(packed):,} bytes, expected at most {archive.SIZE_LIMIT:,}")
    digest = hashlib.sha256(packed).hexdigest()
    products = {f"{NAME}.zip": packed, f"{NAME}.skill": packed}
    products |= {name: installer(root, name, digest) for name in INSTALLERS}
    sums = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(products.items()))
    products["SHA256SUMS"] = "".join(sums).encode()
    output.mkdir(parents=True, exist_ok=True)
    return Built(tuple(write(output / name, content) for name, content in products.items()), len(packed), digest)


def installer(root: Path, name: str, digest: str) -> bytes:
    """The installer with the archive's hash in the place that the repository's copy leaves empty."""
    pattern, value = INSTALLERS[name]
    text, places = re.subn(pattern, value.format(digest), source.text_of(root, f"install/{name}"))
    if places != 1:
        raise BuildError(f"install/{name} has {places} places for the archive's hash, expected one")
    return text.encode()


def write(path: Path, content: bytes) -> Path:
    """Write beside and rename, so that no reader sees half a file."""
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        os.chmod(beside, 0o755 if path.suffix == ".sh" else 0o644)
        os.replace(beside, path)
    except BaseException:
        os.unlink(beside)
        raise
    return path
