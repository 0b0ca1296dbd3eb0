"""HTTP load of the drill's own: a few clients that keep requests in flight and write down how each one went."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

from runtime_ops.drill import http_client
from runtime_ops.drill.http_client import Answer

PAUSE = 0.1
"""Seconds between two requests of one client once the program was told to stop."""


class Load:
    """`clients` threads that request `url` again and again until stopped. Each request may take `limit` seconds."""

    def __init__(self, url: str, clients: int, limit: float, headers: Mapping[str, str] | None = None) -> None:
        self._url, self._limit, self._headers = url, limit, headers
        self._answers: list[Answer] = []
        self._flying: dict[int, float] = {}
        """Client → when its request was sent, while no answer has come."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._slow = threading.Event()
        self._threads = [
            threading.Thread(target=self._client, args=(number,), name=f"drill-load-{number}", daemon=True)
            for number in range(clients)
        ]
        for thread in self._threads:
            thread.start()

    def _client(self, number: int) -> None:
        while not self._stop.is_set():
            sent = threading.Event()
            with self._lock:
                self._flying[number] = time.monotonic()
            answer = http_client.request(self._url, self._limit, self._headers, sent)
            with self._lock:
                self._flying.pop(number, None)
                self._answers.append(answer)
            self._stop.wait(PAUSE if self._slow.is_set() or answer.error else 0)

    def in_flight(self, older: float) -> int:
        """How many requests are in flight for more than `older` seconds."""
        now = time.monotonic()
        with self._lock:
            return sum(now - started > older for started in self._flying.values())

    def answers(self) -> list[Answer]:
        """All ended requests so far."""
        with self._lock:
            return list(self._answers)

    def slow_down(self) -> None:
        """From now on pause between requests: the program is stopping, and refusals come at once."""
        self._slow.set()

    def stop(self) -> list[Answer]:
        """Start no more requests, wait for those in flight, and answer all of them."""
        self._stop.set()
        until = time.monotonic() + self._limit + 1
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))
        return self.answers()
