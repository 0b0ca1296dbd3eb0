"""A TCP proxy on loopback between the program and one dependency, which can pass, refuse, delay or swallow."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import struct
import threading
import time
from typing import Literal

from runtime_ops.drill.options import Dependency, WrongOption

Mode = Literal["pass", "refuse", "delay", "swallow"]
PIECE = 65536
STUCK = 5.0
"""Seconds after which an end that takes no more bytes is given up."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with a time of 0: closing sends a reset, as a crashed peer does, not a polite end."""


class _Pair:
    """One connection of the program and its counterpart, and the bytes that wait for their time."""

    def __init__(self, near: socket.socket, far: socket.socket | None) -> None:
        self.near, self.far = near, far
        self.connecting = far is not None
        """Until the far end answers, nothing is read; others do not wait for it."""
        self.pending: list[tuple[float, socket.socket, bytes]] = []
        """When, where to, and what; no bytes are the end of that direction."""
        self.ended: set[socket.socket] = set()
        """Ends from which nothing more comes."""


class Proxy:
    """Forwards connections to `host:port`. One thread owns all sockets; `set` tells it the mode and waits for it.

    - pass: bytes go through
    - refuse: open connections are reset, and the port is closed, so new ones are refused
    - delay: bytes go through `delay_seconds` later
    - swallow: connections are accepted and bytes are read, but nothing goes on and nothing comes back
    """

    def __init__(self, host: str, port: int, delay_seconds: float = 1.0) -> None:
        self.target = (host, port)
        self.delay_seconds = delay_seconds
        self.mode: Mode = "pass"
        self.accepted = 0
        """Connections accepted so far."""
        self.bytes_from_program = 0
        self.open_connections = 0
        self._pairs: list[_Pair] = []
        self._listener: socket.socket | None = None
        self.address = self._bind()
        self._wanted: Mode | Literal["stop"] = "pass"
        self._applied = threading.Event()
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="drill-proxy", daemon=True)
        self._thread.start()

    def _bind(self) -> tuple[str, int]:
        """Prefer the dependency's own port on another loopback address, for programs that are told only the host."""
        for address in (("127.0.0.2", self.target[1]), ("127.0.0.1", 0)):
            try:
                self._listener = _listen(address)
            except OSError:
                continue
            host, port = self._listener.getsockname()[:2]
            return str(host), int(port)
        raise WrongOption(f"no port on loopback could be opened for the proxy to {self.target}")

    def redirect(self, value: str, dependency: Dependency) -> str:
        """The variable's value with the proxy's address in place of the dependency's. Raises WrongOption."""
        host, port = self.address
        if not value:
            return f"{host}:{port}"
        names = [dependency.host, f"[{dependency.host}]"]
        for name in names:
            pattern = rf"(?<![\w.-]){re.escape(name)}:{dependency.port}(?!\d)"
            if re.search(pattern, value):
                return re.sub(pattern, f"{host}:{port}", value)
        if value in names and port == dependency.port:
            return host
        # A URL without a port means the scheme's own.
        pattern = rf"(://(?:[^@/]*@)?){re.escape(dependency.host)}(?=[/?]|$)"
        if re.search(pattern, value):
            return re.sub(pattern, rf"\g<1>{host}:{port}", value)
        if value == str(dependency.port):
            raise WrongOption(
                f"{dependency.variable} holds only the port of {dependency.name}: name the variable that holds its host"
            )
        raise WrongOption(
            f"{dependency.variable} does not hold {dependency.host}:{dependency.port}, the address of {dependency.name}"
        )

    def set(self, mode: Mode) -> None:
        """Change what happens to all connections, the open ones too; it holds when this returns."""
        if mode != self.mode:
            self._tell(mode)

    def close(self) -> None:
        self._tell("stop")
        self._thread.join(2)
        self._wake.close()
        self._woken.close()

    def _tell(self, wanted: Mode | Literal["stop"]) -> None:
        self._applied.clear()
        self._wanted = wanted
        self._wake.send(b"!")
        self._applied.wait(10)

    def _apply(self) -> None:
        wanted = self._wanted
        if wanted in ("refuse", "stop") or (self.mode == "swallow" and wanted != "swallow"):
            # After bytes were swallowed a connection cannot go on where it was: it is reset.
            for pair in list(self._pairs):
                self._drop(pair)
        if wanted in ("refuse", "stop") and self._listener:
            self._listener.close()
            self._listener = None
        elif wanted not in ("refuse", "stop") and self._listener is None:
            self._listener = _listen(self.address)
        if wanted != "stop":
            self.mode = wanted

    def _drop(self, pair: _Pair, *, politely: bool = False) -> None:
        for end in (pair.near, pair.far):
            if end is not None:
                if not politely:
                    with contextlib.suppress(OSError):
                        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                end.close()
        if pair in self._pairs:
            self._pairs.remove(pair)
        self.open_connections = len(self._pairs)

    def _serve(self) -> None:
        while True:
            ends = [(end, pair) for pair in self._pairs for end in (pair.near, pair.far)]
            sources = {end: pair for end, pair in ends if end and end not in pair.ended and not pair.connecting}
            opening = {pair.far: pair for pair in self._pairs if pair.connecting and pair.far}
            listeners = [self._listener] if self._listener else []
            due = min((pair.pending[0][0] for pair in self._pairs if pair.pending), default=None)
            limit = None if due is None else max(due - time.monotonic(), 0)
            ready, connected, _ = select.select([*sources, *listeners, self._woken], list(opening), [], limit)
            for source in connected:
                self._connected(opening[source])
            for source in ready:
                if source is self._woken:
                    self._woken.recv(64)
                    self._apply()
                    self._applied.set()
                    if self._wanted == "stop":
                        return
                elif source is self._listener:
                    self._accept()
                elif source in sources and sources[source] in self._pairs:
                    self._move(sources[source], source)
            self._flush()

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            near, _ = self._listener.accept()
        except OSError:
            return
        self.accepted += 1
        far = None
        if self.mode != "swallow":
            try:
                family = socket.getaddrinfo(*self.target, type=socket.SOCK_STREAM)[0]
                far = socket.socket(family[0], socket.SOCK_STREAM)
                far.setblocking(False)
                far.connect_ex(family[4])
            except OSError:
                near.close()
                return
        near.settimeout(STUCK)
        self._pairs.append(_Pair(near, far))
        self.open_connections = len(self._pairs)

    def _connected(self, pair: _Pair) -> None:
        assert pair.far is not None
        if pair not in self._pairs:
            return  # dropped by a change of mode in this very round
        if pair.far.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._drop(pair)
            return
        pair.far.settimeout(STUCK)
        pair.connecting = False

    def _move(self, pair: _Pair, source: socket.socket) -> None:
        try:
            data = source.recv(PIECE)
        except OSError:
            self._drop(pair)
            return
        if source is pair.near:
            self.bytes_from_program += len(data)
        target = pair.far if source is pair.near else pair.near
        if not data:
            pair.ended.add(source)
        if self.mode == "swallow" or target is None:
            # What is swallowed has no end either, but a program that hangs up is not kept.
            if not data:
                self._drop(pair, politely=True)
            return
        due = time.monotonic() + (self.delay_seconds if self.mode == "delay" else 0)
        pair.pending.append((due, target, data))

    def _flush(self) -> None:
        now = time.monotonic()
        for pair in list(self._pairs):
            while pair.pending and pair.pending[0][0] <= now:
                _, target, data = pair.pending.pop(0)
                if self.mode == "swallow":
                    continue
                try:
                    if data:
                        target.sendall(data)
                    else:
                        target.shutdown(socket.SHUT_WR)
                except OSError:
                    self._drop(pair)
                    break
            if len(pair.ended) == 2 and not pair.pending:
                self._drop(pair, politely=True)


def _listen(address: tuple[str, int]) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener
