"""Where the runtime libraries come from: the bundle, the interpreter, or a private folder in the user's cache."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

LOCK = Path(__file__).with_name("requirements.lock")
SCRIPTS = Path(__file__).resolve().parents[2]
VENDOR = SCRIPTS / "_vendor"
NO_BOOTSTRAP = "PYRUNOPS_NO_BOOTSTRAP"


class BootstrapError(Exception):
    """The libraries are missing and could not be had; the text names them and the commands to run."""


@dataclass(frozen=True)
class Library:
    """A runtime dependency: the distribution's name, the module it gives, and the oldest version that will do."""

    distribution: str
    module: str
    minimum: tuple[int, ...]


# The minima repeat pyproject.toml, which is not part of the bundle; a test compares the two.
LIBRARIES = (
    Library("markdown-it-py", "markdown_it", (3,)),
    Library("mdurl", "mdurl", (0,)),
    Library("packaging", "packaging", (24,)),
    Library("pathspec", "pathspec", (0, 12)),
    Library("pyyaml", "yaml", (6, 0, 2)),
)


def provide() -> None:
    """Make every library of `LIBRARIES` importable in this process.

    Raises `BootstrapError` when that is impossible (offline, forbidden by `PYRUNOPS_NO_BOOTSTRAP=1`, no pip).
    """
    if VENDOR.is_dir():
        put_on_path(VENDOR)
        return
    lacking = missing()
    if not lacking:
        return
    if os.environ.get(NO_BOOTSTRAP, "") not in ("", "0"):
        raise BootstrapError(explain(lacking, f"{NO_BOOTSTRAP} is set, so nothing was installed"))
    # late: it needs processes, hashes and temporary folders, and all that for one start in its life
    from runtime_ops.bootstrap import private

    try:
        folder = private.folder(LOCK, usable)
    except private.PrivateFolderError as error:
        raise BootstrapError(explain(lacking, str(error))) from error
    put_on_path(folder)


def put_on_path(folder: Path) -> None:
    """Put `folder` right behind `scripts/`, before the interpreter's own libraries."""
    sys.path.insert(1, str(folder))
    importlib.invalidate_caches()


def missing() -> list[str]:
    """The libraries, as requirements, that the running interpreter lacks or has in a version that is too old."""
    return [requirement(library) for library in LIBRARIES if not importable(library)]


def importable(library: Library) -> bool:
    """Whether the interpreter has the library in a version that will do. Imports nothing."""
    spec = importlib.util.find_spec(library.module)
    if spec is None:
        return False
    beside = version_beside(spec.origin, library.distribution)
    if beside is not None:
        return release(beside) >= library.minimum
    from importlib import metadata  # takes longer than the rest of the bootstrap together

    try:
        version = metadata.version(library.distribution)
    except metadata.PackageNotFoundError:
        return False
    return release(version) >= library.minimum


def version_beside(module: str | None, distribution: str) -> str | None:
    """The version in the name of the folder that installers leave beside a package, ``pyyaml-6.0.2.dist-info``; None where
    there is none, or more than one."""
    if module is None:
        return None
    wanted = normal(distribution)
    try:
        names = os.listdir(Path(module).parent.parent)
    except OSError:
        return None
    parts = [name.removesuffix(".dist-info").partition("-") for name in names if name.endswith(".dist-info")]
    found = [version for name, _, version in parts if normal(name) == wanted]
    return found[0] if len(found) == 1 else None


def normal(distribution: str) -> str:
    """A distribution's name as all spellings of it are compared."""
    return distribution.replace("_", "-").replace(".", "-").lower()


def release(version: str) -> tuple[int, ...]:
    """The leading numbers of a version: `6.0.2rc1` gives (6, 0, 2)."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def requirement(library: Library) -> str:
    """The requirement as pip reads it, `pyyaml>=6.0.2`."""
    return f"{library.distribution}>={'.'.join(str(part) for part in library.minimum)}"


def usable(folder: Path) -> bool:
    """Whether a private folder still holds every library (cache cleaners remove files one by one)."""
    return all((folder / library.module / "__init__.py").is_file() for library in LIBRARIES)


def explain(lacking: list[str], reason: str) -> str:
    """The error text: what is missing, why it was not installed, and the commands that mend it."""
    python = shlex.quote(sys.executable or "python3")
    script = shlex.quote(sys.argv[0] or "scripts/audit.py")
    lock = shlex.quote(str(LOCK))
    venv = Path("~/.cache/python-runtime-operations/venv") if os.name == "posix" else Path(r"%TEMP%\pyrunops-venv")
    bin_python = venv / ("bin/python" if os.name == "posix" else r"Scripts\python")
    return (
        f"missing Python libraries: {', '.join(lacking)}\n"
        f"  {reason}\n"
        f"  Either install them for this interpreter:\n"
        f"    {python} -m pip install --require-hashes -r {lock}\n"
        f"  or give them an environment of their own and run the script with it:\n"
        f"    {python} -m venv {venv}\n"
        f"    {bin_python} -m pip install --require-hashes -r {lock}\n"
        f"    {bin_python} {script} ...\n"
        f"  or use the released bundle, which brings them along."
    )
