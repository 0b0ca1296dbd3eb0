"""One HTTP/1.1 request over a plain socket, with one deadline for the whole of it.

`http.client` has a timeout for each read, so a server that drips bytes can hold it for ever; here the clock is total.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Answer:
    """How one request went. Times are CLOCK_MONOTONIC; 0.0 where the point was not reached."""

    url: str
    started: float
    sent: float = 0.0
    ended: float = 0.0
    status: int = 0
    """HTTP status; 0 when there was none."""
    body: bytes = b""
    complete: bool = False
    """Whether the whole answer arrived."""
    error: str = ""
    """`refused`, `reset`, `closed`, `timeout` or the system's text; empty when the answer is complete."""

    @property
    def good(self) -> bool:
        """A complete answer with a status below 400, as a probe of a platform counts it."""
        return self.complete and 200 <= self.status < 400

    @property
    def seconds(self) -> float:
        return self.ended - self.started

    def __str__(self) -> str:
        said = str(self.status) if self.complete else self.error
        return f"{said} after {self.seconds:.2f} s"


def request(
    url: str, limit: float, headers: Mapping[str, str] | None = None, sent: threading.Event | None = None
) -> Answer:
    """GET `url` (http only) within `limit` seconds in all. Never raises for what the network does.

    `sent` is set as soon as the whole request has been handed to the kernel.
    """
    parts = urlsplit(url)
    answer = Answer(url, time.monotonic())
    until = answer.started + limit
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {target} HTTP/1.1", f"Host: {parts.netloc}", "User-Agent: runtime-drill", "Accept: */*"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    message = "\r\n".join([*lines, "Connection: close", "", ""]).encode()
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=limit) as connection:
            connection.settimeout(max(until - time.monotonic(), 0.001))
            connection.sendall(message)
            answer.sent = time.monotonic()
            if sent:
                sent.set()
            _receive(connection, answer, until)
    except ConnectionRefusedError:
        answer.error = "refused"
    except (ConnectionResetError, BrokenPipeError):
        answer.error = "reset"
    except TimeoutError:
        answer.error = "timeout"
    except (OSError, ValueError) as error:
        answer.error = str(error) or type(error).__name__
    answer.ended = time.monotonic()
    return answer


def _receive(connection: socket.socket, answer: Answer, until: float) -> None:
    data = b""
    while True:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        piece = connection.recv(65536)
        data += piece
        head, found, body = data.partition(b"\r\n\r\n")
        if found:
            status = re.match(rb"HTTP/\d\.\d (\d{3})", head)
            if not status:
                answer.error = "no HTTP"
                return
            answer.status, answer.body = int(status[1]), body
            if _whole(head, body, not piece):
                answer.complete = True
                return
        if not piece:
            answer.error = "closed" if not data.startswith(b"HTTP/") and not found else "cut off"
            if data and not data.startswith(b"HTTP/"):
                answer.error = "no HTTP"
            return
        if len(data) > 10_000_000:
            answer.error = "answer over 10 MB"
            return


def _whole(head: bytes, body: bytes, ended: bool) -> bool:
    lower = head.lower()
    length = re.search(rb"\r\ncontent-length:\s*(\d+)", lower)
    if length:
        return len(body) >= int(length[1])
    if re.search(rb"\r\ntransfer-encoding:[^\r]*chunked", lower):
        return body == b"0\r\n\r\n" or body.endswith(b"\r\n0\r\n\r\n")
    return ended


def connect(host: str, port: int, limit: float) -> str:
    """Why a TCP connection cannot be made; empty when it can."""
    try:
        socket.create_connection((host, port), timeout=limit).close()
    except OSError as error:
        return error.strerror or str(error)
    return ""
