"""Write the archive so that the same commit gives the same bytes, and check an archive against its own list."""

from __future__ import annotations

import hashlib
import io
import re
import stat
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from runtime_ops.bundle.outcome import Outcome, Problem
from runtime_ops.bundle.source import Entry
from runtime_ops.bundle.tree import NAME

LIST = "FILES.sha256"
SIZE_LIMIT = 2_000_000
ZIP_EPOCH = 315_532_800  # 1980-01-01, the earliest time that the format can hold
SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
UNPACKED_LIMIT = 20_000_000


def pack(entries: Mapping[str, Entry], seconds: int) -> bytes:
    """The archive's bytes: every entry and the list of hashes, in a folder named like the skill, sorted, one time."""
    moment = time.gmtime(max(seconds, ZIP_EPOCH))[:6]
    listed = {**entries, LIST: Entry(listing(entries))}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(listed):
            info = zipfile.ZipInfo(f"{NAME}/{path}", moment)
            info.create_system = 3  # Unix, so that the modes count
            info.external_attr = (stat.S_IFREG | (0o755 if listed[path].executable else 0o644)) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, listed[path].content, compresslevel=9)
    return buffer.getvalue()


def listing(entries: Mapping[str, Entry]) -> bytes:
    """The list in the form that `sha256sum -c` reads, run inside the folder."""
    lines = (f"{hashlib.sha256(entry.content).hexdigest()}  {path}\n" for path, entry in sorted(entries.items()))
    return "".join(lines).encode()


def verify(file: Path) -> Outcome:
    """Check an archive: one folder, safe names, every file listed with its hash, size, and `SHA256SUMS` beside it."""
    try:
        with zipfile.ZipFile(file) as archive:
            inspected = len(archive.infolist())
            problems = list(archive_problems(archive))
    except (OSError, zipfile.BadZipFile) as error:
        return Outcome.of("verify", 1, "files", [Problem(str(file), 0, f"cannot be read as a zip archive: {error}")])
    problems += sum_problems(file)
    return Outcome.of("verify", inspected, "files", problems)


def archive_problems(archive: zipfile.ZipFile) -> Iterator[Problem]:
    """What is wrong inside the archive."""
    contents: dict[str, bytes] = {}
    if sum(info.file_size for info in archive.infolist()) > UNPACKED_LIMIT:
        yield Problem(".", 0, f"unpacks to more than {UNPACKED_LIMIT} bytes")
        return
    for info in archive.infolist():
        top, _, path = info.filename.partition("/")
        if top != NAME or not SAFE.fullmatch(path):
            yield Problem(info.filename, 0, f"expected {NAME}/<letters, digits, '.', '_', '-'>")
        elif path in contents:
            yield Problem(path, 0, "is in the archive twice")
        elif stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            yield Problem(path, 0, "is not a regular file")
        else:
            try:
                contents[path] = archive.read(info)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                yield Problem(path, 0, f"cannot be unpacked: {error}")
    if LIST not in contents:
        yield Problem(LIST, 0, "the list of files is missing; this is no bundle of ours, or a changed one")
        return
    yield from list_problems(contents)
    if "SKILL.md" not in contents:
        yield Problem("SKILL.md", 0, "is missing")


def list_problems(contents: Mapping[str, bytes]) -> Iterator[Problem]:
    """Differences between the files and the archive's own list."""
    stated: dict[str, str] = {}
    for number, line in enumerate(contents[LIST].decode(errors="replace").splitlines(), start=1):
        digest, _, path = line.partition("  ")
        if not re.fullmatch(r"[0-9a-f]{64}", digest) or not path:
            yield Problem(LIST, number, "expected '<sha256>  <path>'")
        stated[path] = digest
    for path in sorted(stated.keys() - contents.keys()):
        yield Problem(path, 0, "is listed, but not in the archive")
    for path in sorted(contents.keys() - stated.keys() - {LIST}):
        yield Problem(path, 0, "is in the archive, but not listed")
    for path in sorted(stated.keys() & contents.keys()):
        if hashlib.sha256(contents[path]).hexdigest() != stated[path]:
            yield Problem(path, 0, "differs from its hash in the list")


def sum_problems(file: Path) -> Iterator[Problem]:
    """Whether the archive as a whole is what `SHA256SUMS` beside it says, and small enough."""
    size = file.stat().st_size
    if size > SIZE_LIMIT:
        yield Problem(str(file), 0, f"has {size:,} bytes, expected at most {SIZE_LIMIT:,}")
    sums = file.with_name("SHA256SUMS")
    if not sums.is_file():
        return
    stated = {name: value for value, _, name in (line.partition("  ") for line in sums.read_text().splitlines())}
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    if stated.get(file.name) != digest:
        yield Problem(str(file), 0, f"its sha256 is {digest}, SHA256SUMS says {stated.get(file.name, 'nothing')}")
