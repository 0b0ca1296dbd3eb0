"""The libraries that the scripts need, as pure Python, from the wheels that the lock file names by hash."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from runtime_ops.bundle.source import BuildError, Entry

VENDOR = "scripts/_vendor"
# PyYAML publishes compiled wheels only. It falls back to its own Python code where `_yaml` is missing, so its compiled
# part is left out; always the same wheel is taken, whatever machine builds, so that the archive is the same.
PLATFORM = (
    *("--platform", "manylinux2014_x86_64", "--implementation", "cp"),
    *("--python-version", "3.11", "--abi", "cp311"),
)
COMPILED = (".so", ".pyd", ".dylib")
LEFT_OUT = ("/tests/", "/test/")
UNUSED = (
    *("packaging/licenses/", "packaging/metadata.py", "packaging/pylock.py", "packaging/direct_url.py", "packaging/dependency_groups.py"),
    *("markdown_it/cli/", "markdown_it/port.yaml"),
)
"""Parts that neither the scripts nor the rest of their library import; the archive must stay small."""
LICENCE = re.compile(r"(?:licen[cs]e|copying|notice|authors)", re.IGNORECASE)
SECONDS = 300


def entries(lock: str, wheels: Path | None = None) -> dict[str, Entry]:
    """The files under `scripts/_vendor/`, by path in the bundle.

    `lock` is the text of the lock file. `wheels`: a folder to take the wheels from instead of the package index (the
    hashes are checked either way). Raises `BuildError`.
    """
    found: dict[str, Entry] = {}
    pinned: list[str] = []
    with tempfile.TemporaryDirectory(prefix="pyrunops-wheels-") as folder:
        download(lock, Path(folder), wheels)
        for wheel in sorted(Path(folder).glob("*.whl")):
            digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
            if digest not in lock:
                raise BuildError(f"{wheel.name} has the hash {digest}, which the lock file does not name")
            pinned.append(f"{wheel.name} sha256:{digest}")
            found |= unpack(wheel)
    if not pinned:
        raise BuildError("the lock file named no library, or pip brought none")
    note = "Third-party libraries, unchanged but for compiled parts, tests and unused parts left out; licences beside.\n"
    found[f"{VENDOR}/PINNED.txt"] = Entry((note + "\n".join(pinned) + "\n").encode())
    return found


def download(lock: str, folder: Path, wheels: Path | None) -> None:
    """Let pip fetch the wheels into `folder`, checking each against the lock's hashes."""
    requirements = folder / "requirements.lock"
    requirements.write_text(lock, encoding="utf-8")
    source = ("--no-index", "--find-links", str(wheels.resolve())) if wheels else ()
    command = [
        *(sys.executable, "-I", "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"),
        *("--no-deps", "--only-binary", ":all:", "--require-hashes", *PLATFORM, *source),
        *("--dest", str(folder), "-r", str(requirements)),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode != 0:
        last = [line for line in done.stderr.splitlines() if line.strip()][-3:]
        raise BuildError("pip could not fetch the locked libraries:\n  " + "\n  ".join(last))


def unpack(wheel: Path) -> dict[str, Entry]:
    """The modules and licences of one wheel, by path in the bundle."""
    found: dict[str, Entry] = {}
    licences = 0
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            path = PurePosixPath(info.filename)
            if info.is_dir() or path.is_absolute() or ".." in path.parts:
                continue
            if path.parts[0].endswith(".dist-info"):
                if LICENCE.search(path.name):
                    licences += 1
                    distribution = path.parts[0].removesuffix(".dist-info")
                    found[f"{VENDOR}/LICENSES/{distribution}/{path.name}"] = Entry(archive.read(info))
            elif not (path.name.endswith(COMPILED) or any(part in f"/{path}" for part in LEFT_OUT) or str(path).startswith(UNUSED)):
                found[f"{VENDOR}/{path}"] = Entry(archive.read(info))
    if not licences:
        raise BuildError(f"{wheel.name} brings no licence file; it cannot be passed on without one")
    return found
