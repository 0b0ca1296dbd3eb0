"""What `/proc` tells of processes: who descends from whom, who carries a mark, who listens where.

Linux only. Elsewhere `/proc` is absent and every function returns nothing; the callers say so in their verdicts.
This module has no import from the package: the supervisor runs it without a search path.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
MARK = "RUNTIME_DRILL_MARK"
LISTEN = "0A"
"""State of a listening socket in `/proc/net/tcp`, from the kernel's `include/net/tcp_states.h`."""


@dataclass(frozen=True)
class Process:
    """One line of the process table."""

    pid: int
    parent: int
    group: int
    session: int
    state: str
    """One letter: R running, S sleeping, D uninterruptible, Z zombie, X dead."""
    started: int
    """Clock ticks since boot; with `pid` it names a process for good, as pids are used again."""

    @property
    def alive(self) -> bool:
        return self.state not in "ZX"


def read(pid: int) -> Process | None:
    """One process, or None when it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The command name stands in parentheses and may hold spaces and parentheses itself: cut at the last one.
    fields = text[text.rindex(")") + 2 :].split()
    return Process(pid, int(fields[1]), int(fields[2]), int(fields[3]), fields[0], int(fields[19]))


def table() -> dict[int, Process]:
    """All processes by pid."""
    if not PROC.is_dir():
        return {}
    found = (read(int(name)) for name in os.listdir(PROC) if name.isdigit())
    return {process.pid: process for process in found if process}


def descendants(root: int, processes: dict[int, Process] | None = None) -> list[Process]:
    """All processes below `root`, zombies too, without itself."""
    processes = table() if processes is None else processes
    children: dict[int, list[Process]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process)
    found: list[Process] = []
    waiting = [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += [process.pid for process in below]
    return found


def environment(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it may not be read or the process wrote over it."""
    try:
        raw = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.partition(b"=") for entry in raw.split(b"\0") if b"=" in entry)
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, _, value in pairs}


def marked(mark: str, processes: dict[int, Process] | None = None) -> list[Process]:
    """All living processes whose environment mark starts with `mark`."""
    processes = table() if processes is None else processes
    return [p for p in processes.values() if p.alive and environment(p.pid).get(MARK, "").startswith(mark)]


def command_line(pid: int) -> str:
    """The command line of a process, words joined by blanks; its short name when it has none."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        text = " ".join(word.decode(errors="replace") for word in words).strip()
        return text or (PROC / str(pid) / "comm").read_text(errors="replace").strip()
    except OSError:
        return "?"


def _status(pid: int) -> dict[str, str]:
    try:
        text = (PROC / str(pid) / "status").read_text(errors="replace")
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def disposition(pid: int, signum: int) -> str | None:
    """How a process treats a signal now: `caught`, `ignored`, `default`, or None when it cannot be read.

    Source: `SigCgt` and `SigIgn` of proc_pid_status(5), one bit a signal.
    """
    status = _status(pid)
    bit = 1 << (signum - 1)
    try:
        if int(status["SigCgt"], 16) & bit:
            return "caught"
        return "ignored" if int(status["SigIgn"], 16) & bit else "default"
    except (KeyError, ValueError):
        return None


def threads(pid: int) -> int:
    """How many threads a process has; 0 when it is gone."""
    return int(_status(pid).get("Threads", "0"))


def _sockets(pid: int) -> set[str]:
    inodes = set()
    try:
        for name in os.listdir(PROC / str(pid) / "fd"):
            target = os.readlink(PROC / str(pid) / "fd" / name)
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    except OSError:
        pass
    return inodes


def listening_ports(pids: list[int]) -> set[int]:
    """The TCP ports on which one of these processes listens.

    Source: `/proc/net/tcp` (proc(5)): local address `HEX:HEX`, state, and the inode that `/proc/PID/fd` links to.
    """
    mine = set().union(*(_sockets(pid) for pid in pids)) if pids else set()
    return {port for port, inode in _listeners() if inode in mine}


def port_listens(port: int) -> bool:
    """Whether any process of this network namespace listens on the TCP port."""
    return any(listening == port for listening, _ in _listeners())


def _listeners() -> Iterator[tuple[int, str]]:
    """Port and inode of each listening TCP socket of this network namespace."""
    for name in ("tcp", "tcp6"):
        try:
            lines = (PROC / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == LISTEN:
                yield int(fields[1].rsplit(":", 1)[1], 16), fields[9]
