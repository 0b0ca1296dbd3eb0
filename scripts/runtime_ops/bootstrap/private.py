"""A private library folder in the user's cache: made once from the lock file, built beside its place and renamed."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

APPLICATION = "python-runtime-operations"
INSTALL_SECONDS = 300
VENV_SECONDS = 120
ABANDONED_SECONDS = 24 * 3600
BUILDING = ".building-"


class PrivateFolderError(Exception):
    """The folder could not be made; the text is the reason in one or two lines."""


def folder(lock: Path, usable: Callable[[Path], bool]) -> Path:
    """Return the folder that holds the libraries of `lock`, making it first when it is not there.

    The name carries the lock's hash and the interpreter, so another version of either gets its own folder. Two
    processes at once each build their own and the first rename wins. Raises `PrivateFolderError`.
    """
    home = cache_home() / APPLICATION
    place = home / name_for(lock)
    try:
        if place.exists():
            refuse_foreign(place)
            if usable(place):
                return place
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_foreign(home)
        sweep(home)
        building = Path(tempfile.mkdtemp(prefix=BUILDING, dir=home))
    except OSError as error:
        raise PrivateFolderError(f"cannot write to {home}: {error.strerror}; set XDG_CACHE_HOME elsewhere") from error
    try:
        sys.stderr.write(f"{APPLICATION}: installing its libraries into {place} (once)\n")
        sys.stderr.flush()
        install(lock, building / "libraries")
        if not usable(building / "libraries"):
            raise PrivateFolderError("pip reported success but not every library is there")
        move_in(building / "libraries", place, usable)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return place


def cache_home() -> Path:
    """The user's cache folder by the platform's convention; `PrivateFolderError` when there is none."""
    chosen = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if os.name == "nt" else None)
    if chosen and os.path.isabs(chosen):  # the XDG specification says that a relative value is to be ignored
        return Path(chosen)
    try:
        return Path.home() / ".cache"
    except RuntimeError as error:
        raise PrivateFolderError("no home folder to keep them in; set XDG_CACHE_HOME to an absolute path") from error


def name_for(lock: Path) -> str:
    """The folder's name: the lock's hash, the interpreter and the platform (home folders are shared over networks)."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    return f"libraries-{digest}-{sys.implementation.cache_tag}-{sysconfig.get_platform()}"


def refuse_foreign(place: Path) -> None:
    """Refuse a folder that somebody else owns or may write to: what lies in it is imported into this process."""
    if os.name != "posix":
        return
    status = place.stat()
    if status.st_uid != os.geteuid() or status.st_mode & stat.S_IWOTH:
        raise PrivateFolderError(f"{place} is another user's or writable by all; remove it or set XDG_CACHE_HOME")


def sweep(home: Path) -> None:
    """Remove what killed runs left behind, once it is old enough to belong to no live one."""
    for left in home.glob(f"{BUILDING}*"):
        with contextlib.suppress(FileNotFoundError):  # its own process ended and removed it
            if time.time() - left.lstat().st_mtime > ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)


def install(lock: Path, target: Path) -> None:
    """Install the lock's libraries into `target`.

    pip runs with `-I` and `--isolated`, from an empty folder: neither the audited repository (a `pip.py`, a
    `setup.cfg`) nor the user's pip settings take part. Only built wheels are taken, so no package code runs.
    """
    with tempfile.TemporaryDirectory(prefix="pyrunops-") as workspace:
        python = python_with_pip(Path(workspace))
        command = [
            *(str(python), "-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--quiet"),
            *("--no-input", "--no-deps", "--only-binary", ":all:", "--require-hashes"),
            *("--retries", "1", "--timeout", "20", "--target", str(target), "-r", str(lock)),
        ]
        run(command, Path(workspace), INSTALL_SECONDS)
    shutil.rmtree(target / "bin", ignore_errors=True)


def python_with_pip(workspace: Path) -> Path:
    """An interpreter of this version that has pip: the running one, or that of a throw-away `venv`."""
    own = Path(sys.executable)
    try:
        run([str(own), "-I", "-m", "pip", "--version"], workspace, VENV_SECONDS)
        return own
    except PrivateFolderError:
        run([str(own), "-I", "-m", "venv", str(workspace / "venv")], workspace, VENV_SECONDS)
    return workspace / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(command: list[str], workspace: Path, seconds: int) -> None:
    """Run `command` in `workspace` with a bound; a failure becomes `PrivateFolderError` with its last line."""
    what = " ".join(command[2:5])
    try:
        done = subprocess.run(
            command,
            cwd=workspace,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PrivateFolderError(f"`python {what}` did not end within {seconds} s") from error
    except OSError as error:
        raise PrivateFolderError(f"`python {what}` could not be started: {error.strerror}") from error
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise PrivateFolderError(f"`python {what}` failed: {lines[-1].strip() if lines else f'exit {done.returncode}'}")


def move_in(built: Path, place: Path, usable: Callable[[Path], bool]) -> None:
    """Rename `built` to `place`. When another process was first, its folder stays and ours is dropped."""
    for _ in range(2):
        try:
            built.rename(place)
            return
        except OSError as error:
            if not place.exists():
                raise PrivateFolderError(f"cannot create {place}: {error.strerror}") from error
            if usable(place):
                return
            # An incomplete folder from a cache cleaner: out of the way by rename, so that no reader sees half of it.
            place.rename(built.with_name("incomplete"))
    raise PrivateFolderError(f"{place} is changed by another process at the same time; run the script again")
