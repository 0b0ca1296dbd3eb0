"""A PATH with chosen commands only, a loopback server, and pictures of a folder before and after."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

COMMANDS = (
    *("basename", "cat", "chmod", "cmp", "cp", "curl", "cut", "date", "df", "dirname", "env", "find", "grep", "head"),
    *("id", "ln", "ls", "mkdir", "mktemp", "mv", "ps", "readlink", "rm", "rmdir", "sed", "sh", "sha256sum", "shasum"),
    *("sleep", "sort", "tail", "tr", "uname", "unzip", "wc", "wget"),
)


def toolbox(folder: Path, without: Iterable[str] = (), replaced: dict[str, str] | None = None) -> Path:
    """A folder for PATH that links to the usual commands except `without`; `replaced` maps a name to a script."""
    folder.mkdir(parents=True)
    for name in COMMANDS:
        found = shutil.which(name)
        if found and name not in without and name not in (replaced or {}):
            (folder / name).symlink_to(found)
    if "python3" not in without:
        (folder / "python3").symlink_to(Path(sys.executable).resolve())
    for name, script in (replaced or {}).items():
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    return folder


def picture(folder: Path) -> dict[str, str]:
    """Every path below `folder` with what it is: kind and content, or where a link leads."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"link to {os.readlink(path)}"
        elif path.is_dir():
            found[name] = "folder"
        else:
            found[name] = f"file {path.read_bytes()!r}"
    return found


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        del format, args


@contextmanager
def loopback(folder: Path) -> Iterator[str]:
    """Serve `folder` on a free port of 127.0.0.1; gives the address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
