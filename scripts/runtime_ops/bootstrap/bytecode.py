"""Where compiled modules are kept: a private folder in the user's cache, so that neither the bundle nor the audited
repository is written to, and each start after the first need not compile the package again (about a second)."""

from __future__ import annotations

import os
import sys

FOLDER = "bytecode"


def keep_bytecode() -> None:
    """Let the interpreter keep compiled modules in the user's cache, or nowhere when there is no safe place for them.

    The interpreter looks a module up there by the full path of its source and compares size and time of change, so
    versions of the bundle do not disturb each other. `PYTHONDONTWRITEBYTECODE`, `-B` and a prefix that the user chose
    are respected.
    """
    if sys.flags.dont_write_bytecode or sys.pycache_prefix is not None:
        return
    place = folder()
    # what lies there is run, and nothing of an audited folder ever is
    if place is not None and not any(below(place, word) for word in sys.argv[1:]):
        sys.pycache_prefix = place
        sys.dont_write_bytecode = False


def folder() -> str | None:
    """The folder, made when it is not there; None when it cannot be had or is not the user's alone."""
    home = cache_home()
    # a home without a cache folder stays as it is: what uninstalls this could not tell whose folder that is
    if home is None or (not os.environ.get("XDG_CACHE_HOME") and not os.path.isdir(home)):
        return None
    application = os.path.join(home, "python-runtime-operations")
    place = os.path.join(application, FOLDER)
    try:
        os.makedirs(application, mode=0o700, exist_ok=True)
        os.makedirs(place, mode=0o700, exist_ok=True)
        safe = all(private(each) for each in (application, place)) and os.access(place, os.W_OK)
    except OSError:
        return None
    return place if safe else None


def below(place: str, given: str) -> bool:
    """Whether a place is in the folder that a word of the command line names, or is that folder."""
    if given.startswith("-") or not os.path.isdir(given):
        return False
    inner, outer = os.path.realpath(place), os.path.realpath(given)
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)


def private(place: str) -> bool:
    """Whether nobody else can put a module there: what lies in it is run by this process."""
    if os.name != "posix":
        return True
    status = os.lstat(place)
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022 and os.path.isdir(place)


def cache_home() -> str | None:
    """The user's cache folder by the platform's convention, by absolute path."""
    chosen = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if os.name == "nt" else None)
    if chosen and os.path.isabs(chosen):
        return chosen
    home = os.path.expanduser("~")
    return os.path.join(home, ".cache") if os.path.isabs(home) else None
