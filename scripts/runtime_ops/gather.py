"""Read and extract every discovered file: Python into `ModuleFacts`, the rest into artifacts.

Pure work on bytes, so it is spread over processes when there is enough of it. The parent is one of the workers: only
the other ones' facts are pickled. What comes next can be done for one module after the other while others still read:
the parent begins with it, and the others then read more than it does. Measured on 5.9 MB of Python in 806 files (two
cores): 0.70 s in one process, of which 0.55 s is `ast.parse`; pickling the facts of all of it costs 0.23 s, loading
them 0.11 s.

Leaving out files that hold no word of interest was measured too and saves nothing: of those 806 files only empty ones
and tables of constants have no ``import``, ``def`` or ``class`` (1.4 % of the bytes), and constants are what settings
and server configurations are made of.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime_ops import not_runtime, pickled
from runtime_ops.discover import PYTHON, Discovery, File, size_limit
from runtime_ops.facts import model, python
from runtime_ops.facts.artifact_kinds import artifact_kind, read_artifact
from runtime_ops.facts.artifacts import Artifact
from runtime_ops.findings import Skipped, Unparsed
from runtime_ops.plain import dataclass
from runtime_ops.reading import read_bounded

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import BaseContext

BREAK_EVEN = 600_000
"""Bytes of Python and artifacts from which a second process pays (its start, import and pickling cost about 40 ms)."""
MOST_WORKERS = 8
CHUNKS_A_WORKER = 16
LOCK_SECONDS = 10
PIPE = 1 << 20
"""Bytes that a pipe holds (some chunks), so that no helper waits for a parent that is busy."""

Progress = Callable[[int, int], None]
Begin = Callable[[model.ModuleFacts], object]
"""What can be done with a module alone."""


@dataclass(frozen=True, slots=True)
class FileComments:
    """The comments of one file that begin with ``runtime-ops:``."""

    path: str
    comments: tuple[model.Comment, ...]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Everything extracted from a root. ``python_files`` and ``artifact_files`` count what was read and understood;
    ``unparsed`` holds also what discovery could not read; ``partial`` is what a reader left out of a file that it read
    (a template expression). ``comments`` are those that speak to the audit (waivers), with their file. ``paths`` are
    all files of the root. ``begun`` holds, by path, what was made of modules while others were still read."""

    modules: tuple[model.ModuleFacts, ...]
    artifacts: tuple[Artifact, ...]
    unparsed: tuple[Unparsed, ...]
    partial: tuple[Unparsed, ...]
    skipped: tuple[Skipped, ...]
    comments: tuple[FileComments, ...]
    python_files: int
    artifact_files: int
    paths: tuple[str, ...]
    begun: Mapping[str, Any] = field(default_factory=dict)


Extract = model.ModuleFacts | Artifact | Unparsed | Skipped | FileComments


def gather(
    root: Path,
    discovery: Discovery,
    progress: Progress | None = None,
    workers: int | None = None,
    meanwhile: Callable[[], Begin] | None = None,
) -> Gathered:
    """Read all files of a discovery. Never raises for what is in them.

    ``progress`` is called with the number of files done and of all; ``workers`` sets the number of processes (None:
    chosen by the amount of work; 1: this process alone). ``meanwhile`` is something else for this process to do once the
    other ones read, and says what to begin each module with; it is left out when there are none.
    """
    root = root.resolve()
    chunks = split(discovery.files)
    count = workers if workers is not None else choose_workers(discovery.files)
    with collector_off():
        work = Work(root, chunks, min(count, len(chunks)) or 1, progress)
        results = work.run(meanwhile)
    return assemble(discovery, chain.from_iterable(results), work.begun)


def assemble(discovery: Discovery, extracts: Iterator[Extract], begun: Mapping[str, Any]) -> Gathered:
    """Sort the extracts of all files by what they are, in path order."""
    modules: list[model.ModuleFacts] = []
    artifacts: list[Artifact] = []
    unparsed: list[Unparsed] = list(discovery.unreadable)
    skipped: list[Skipped] = list(discovery.skipped)
    comments: list[FileComments] = []
    for extract in extracts:
        if isinstance(extract, model.ModuleFacts):
            modules.append(extract)
            if extract.comments:
                comments.append(FileComments(extract.path, extract.comments))
        elif isinstance(extract, FileComments):
            comments.append(extract)
        elif isinstance(extract, Unparsed):
            unparsed.append(extract)
        elif isinstance(extract, Skipped):
            skipped.append(extract)
        elif type(extract) is Artifact:  # no subclass: the reader understood nothing of it
            unparsed.extend(Unparsed(extract.path, u.line, u.reason) for u in extract.unread)
        else:
            artifacts.append(extract)
    left_out = {s.path for s in skipped}
    return Gathered(
        modules=tuple(sorted(modules, key=lambda m: m.path)),
        artifacts=tuple(sorted(artifacts, key=lambda a: (a.path, type(a).__name__))),
        unparsed=tuple(sorted(unparsed, key=lambda u: (u.path, u.line))),
        partial=tuple(Unparsed(a.path, u.line, u.reason) for a in artifacts for u in a.unread),
        skipped=tuple(sorted(skipped, key=lambda s: (s.path, s.reason))),
        comments=tuple(sorted(comments, key=lambda c: c.path)),
        python_files=len(modules),
        artifact_files=len({a.path for a in artifacts}),
        paths=tuple(p for p in discovery.paths if p not in left_out),
        begun=begun,
    )


def extract(root: Path, file: File) -> list[Extract]:
    """What one file holds: facts, an artifact (setup.py is both), comments, or the reason why there is nothing."""
    data = read_bounded(root / file.path, size_limit(file.kind))
    if isinstance(data, str):
        return [Unparsed(file.path, 1, data)]
    if file.kind != PYTHON:
        return read_one_artifact(file.kind, file.path, data)
    if not_runtime.is_generated(data):
        return [Skipped(file.path, not_runtime.GENERATED)]
    facts = python.read_python(file.path, data)
    if isinstance(facts, python.Unparsed):
        return [Unparsed(facts.path, facts.line, facts.reason)]
    kind = artifact_kind(file.path) if file.path.endswith("setup.py") else None
    artifact = read_artifact(kind, file.path, data) if kind is not None else None
    return [facts] if artifact is None else [facts, artifact]


def read_one_artifact(kind: str, path: str, data: bytes) -> list[Extract]:
    """The artifact in a file, and its comments to the audit; empty when the text is nothing that the audit reads."""
    artifact = read_artifact(kind, path, data)
    if artifact is None:
        return []
    if b"runtime-ops:" not in data:
        return [artifact]
    lines = enumerate(data.decode("utf-8", "replace").splitlines(), 1)
    comments = tuple(
        model.Comment(found.group(1), number) for number, line in lines if (found := python.COMMENT.search(line))
    )
    return [artifact, FileComments(path, comments)] if comments else [artifact]


# ---------------------------------------------------------------- spreading the work


def choose_workers(files: Sequence[File]) -> int:
    """How many processes pay for themselves: one for each `BREAK_EVEN` bytes, at most one a core."""
    size = sum(file.size for file in files)
    if threading.active_count() > 1 and start_method() == "fork":
        return 1  # a fork copies the locks that other threads hold
    return max(1, min(cores(), MOST_WORKERS, size // BREAK_EVEN + (size >= BREAK_EVEN)))


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def start_method() -> str:
    """``fork`` where it is cheap and safe: on Linux, in a process with one thread."""
    return "fork" if sys.platform == "linux" else "spawn"


def split(files: Sequence[File]) -> list[list[File]]:
    """Runs of files of about the same number of bytes."""
    size = sum(file.size for file in files)
    most = max(20_000, size // (CHUNKS_A_WORKER * min(cores(), MOST_WORKERS)))
    chunks: list[list[File]] = []
    filled = most
    for file in files:
        if filled >= most:
            chunks.append([])
            filled = 0
        chunks[-1].append(file)
        filled += file.size + 500
    return chunks


@contextlib.contextmanager
def collector_off() -> Iterator[None]:
    """Run without the cyclic collector: facts hold no cycles, and each collection would walk all of them again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


class Work:
    """One gathering: chunks are taken from a shared counter by this process and its helpers."""

    def __init__(self, root: Path, chunks: list[list[File]], workers: int, progress: Progress | None) -> None:
        self.root = root
        self.chunks = chunks
        self.workers = workers
        self.progress = progress
        self.results: list[list[Extract] | None] = [None] * len(chunks)
        self.begun: dict[str, Any] = {}
        self.files = sum(map(len, chunks))

    def run(self, meanwhile: Callable[[], Begin] | None = None) -> list[list[Extract]]:
        """The extracts of each chunk, in the order of the chunks."""
        if self.workers > 1:
            self.shared(meanwhile)
        for number, chunk in enumerate(self.chunks):  # all of it, or what a helper that was killed left over
            if self.results[number] is None:
                self.results[number] = self.read(chunk)
                self.report(number + 1)
        return [result for result in self.results if result is not None]

    def read(self, chunk: list[File]) -> list[Extract]:
        return [e for file in chunk for e in extract(self.root, file)]

    def shared(self, meanwhile: Callable[[], Begin] | None) -> None:
        import multiprocessing

        context: BaseContext = multiprocessing.get_context(start_method())
        counter: Any = context.Value("l", 0)
        helpers = []
        for _ in range(self.workers - 1):
            ours, theirs = context.Pipe(duplex=False)
            helper = context.Process(  # type: ignore[attr-defined]
                target=help_out, args=(self.root, self.chunks, counter, theirs), daemon=True
            )
            helper.start()
            theirs.close()
            helpers.append((helper, ours))
        try:
            self.collect([connection for _, connection in helpers], counter, meanwhile() if meanwhile is not None else None)
        finally:
            for helper, connection in helpers:
                connection.close()
                helper.terminate()
                helper.join()

    def collect(self, connections: list[Connection], counter: Any, begin: Begin | None) -> None:
        """Take what the helpers have read; read a chunk when there is nothing to take."""
        from multiprocessing.connection import wait

        left = True
        while connections or left:
            ready = wait(connections, 0 if left else None)
            for connection in ready:
                try:
                    number, packed = pickle.loads(connection.recv_bytes())  # type: ignore[union-attr]
                except (EOFError, OSError):  # it has done its part, or was killed
                    connections.remove(connection)  # type: ignore[arg-type]
                else:
                    self.put(number, pickle.loads(packed), begin)
            if left and not ready:
                number = take(counter)
                left = number < len(self.chunks)
                if left:
                    self.put(number, self.read(self.chunks[number]), begin)
                    self.report(number + 1)

    def put(self, number: int, extracts: list[Extract], begin: Begin | None) -> None:
        self.results[number] = extracts
        if begin is not None:
            for extract in extracts:
                if isinstance(extract, model.ModuleFacts):
                    self.begun[extract.path] = begin(extract)

    def report(self, chunks: int) -> None:
        if self.progress is not None:
            self.progress(self.files * chunks // len(self.chunks), self.files)


def take(counter: Any) -> int:
    """The number of the next chunk that nobody has taken; beyond all of them when the counter cannot be had, because a
    helper was killed while it held the lock."""
    lock = counter.get_lock()
    if not lock.acquire(timeout=LOCK_SECONDS):
        return sys.maxsize
    try:
        number: int = counter.value
        counter.value = number + 1
    finally:
        lock.release()
    return number


def help_out(root: Path, chunks: list[list[File]], counter: Any, answer: Connection) -> None:
    """The life of a helper process: take chunks until there are none, and send what is in each.

    A chunk that cannot be pickled (an expression nested thousands deep) is left to the parent.
    """
    gc.disable()
    widen(answer)
    try:
        while (number := take(counter)) < len(chunks):
            result = [e for file in chunks[number] for e in extract(root, file)]
            with contextlib.suppress(RecursionError):
                answer.send_bytes(pickle.dumps((number, pickled.packed(result, NODES)), 5))
    except (KeyboardInterrupt, BrokenPipeError):
        return  # the parent was interrupted and says so itself
    finally:
        answer.close()


def widen(pipe: Connection) -> None:
    """Let a pipe hold several chunks, where the system can do that."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE)


# A `NamedTuple` takes twice as long in its own way, by ``__getnewargs__``.
NODES = pickled.table(
    {kind: tuple for kind in vars(model).values() if isinstance(kind, type) and issubclass(kind, tuple) and kind is not tuple}
)
