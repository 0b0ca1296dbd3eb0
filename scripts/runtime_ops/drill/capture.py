"""What a program writes to stdout and stderr: read as it comes, cut into lines with their time, kept within a cap."""

from __future__ import annotations

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

CAP = 10_000_000
"""Bytes kept of one program's output: the first half and the last half of the cap; what is between is counted."""
LONGEST_LINE = 64_000
"""Bytes after which a line without an end is cut, so that output without newlines stays bounded too."""


@dataclass(frozen=True)
class Line:
    """One line of output. `at` is CLOCK_MONOTONIC in seconds, `stream` is `stdout` or `stderr`."""

    at: float
    stream: str
    text: str


class Capture:
    """Reads both pipes of one program in a thread of its own, so that the program never waits for the drill.

    `on_line` is called in that thread for each line, also for those that the cap drops.
    """

    def __init__(self, stdout: int, stderr: int, on_line: Callable[[Line], None] = lambda _: None) -> None:
        self._pipes = {stdout: "stdout", stderr: "stderr"}
        self._partial = {stdout: b"", stderr: b""}
        self._on_line = on_line
        self._head: list[Line] = []
        self._tail: deque[Line] = deque()
        self._head_bytes = self._tail_bytes = 0
        self.dropped = 0
        """Lines that were read and not kept."""
        self._news = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._read, name="drill-capture", daemon=True)
        self._thread.start()

    def lines(self) -> list[Line]:
        """A copy of the kept lines, oldest first."""
        with self._news:
            return [*self._head, *self._tail]

    def wait(self, found: Callable[[list[Line]], bool], limit: float) -> bool:
        """Wait until `found(lines)` or for `limit` seconds; says whether it was found."""
        until = time.monotonic() + limit
        with self._news:
            while not found([*self._head, *self._tail]):
                left = until - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    return found([*self._head, *self._tail])
        return True

    def close(self) -> None:
        """Read what is still in the pipes, without waiting for more, and close them."""
        self._closing = True
        self._thread.join(5)

    def settle(self, limit: float = 0.5) -> None:
        """After the program's exit: wait until its pipes ended, or, where a left-over process holds them, `limit`."""
        self._thread.join(limit)

    def _read(self) -> None:
        open_pipes = set(self._pipes)
        while open_pipes:
            closing = self._closing
            ready, _, _ = select.select(open_pipes, [], [], 0 if closing else 0.1)
            if closing and not ready:
                break
            for fd in ready:
                data = os.read(fd, 65536)
                if data:
                    self._feed(fd, data)
                else:
                    open_pipes.discard(fd)
        for fd in self._pipes:
            if self._partial[fd]:
                self._feed(fd, b"\n")
            os.close(fd)

    def _feed(self, fd: int, data: bytes) -> None:
        at = time.monotonic()
        *whole, rest = (self._partial[fd] + data).split(b"\n")
        if len(rest) > LONGEST_LINE:
            whole, rest = [*whole, rest], b""
        self._partial[fd] = rest
        lines = [Line(at, self._pipes[fd], raw.decode(errors="replace").rstrip("\r")) for raw in whole]
        with self._news:
            for line in lines:
                self._keep(line)
            self._news.notify_all()
        for line in lines:
            self._on_line(line)

    def _keep(self, line: Line) -> None:
        size = len(line.text) + 1
        if self._head_bytes + size <= CAP // 2 and not self._tail:
            self._head.append(line)
            self._head_bytes += size
            return
        self._tail.append(line)
        self._tail_bytes += size
        while self._tail_bytes > CAP // 2:
            self._tail_bytes -= len(self._tail.popleft().text) + 1
            self.dropped += 1
