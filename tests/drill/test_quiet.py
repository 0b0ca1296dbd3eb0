"""When a program that opens no port counts as started: quiet because it waits, not because it gets no processor."""

from __future__ import annotations

import os
import types

import pytest

from runtime_ops.drill import run as drilled


class Program:
    """What `_Quiet` asks of a run: nothing written, no processor used, and how long it was kept from it."""

    def __init__(self, share: float, clock: list[float]) -> None:
        self.share, self.clock = share, clock

    def cpu(self) -> float:
        return 0.2

    def lines(self) -> list[str]:
        return []

    def starved(self) -> float:
        return self.share * self.clock[0]


@pytest.mark.parametrize(("share", "quiet"), [(0.0, True), (0.2, True), (0.9, False)])
def test_a_program_that_gets_no_processor_is_not_quiet(monkeypatch: pytest.MonkeyPatch, share: float, quiet: bool) -> None:
    clock = [100.0]
    monkeypatch.setattr(drilled, "time", types.SimpleNamespace(monotonic=lambda: clock[0]))
    seen = drilled._Quiet(Program(share, clock))  # type: ignore[arg-type]
    told = []
    for _ in range(40):
        clock[0] += 0.1
        told.append(seen.long_enough())
    assert any(told) is quiet


def test_time_without_the_processor_is_counted() -> None:
    run = types.SimpleNamespace(pids=lambda: [os.getpid(), 2**22 + 1])
    assert drilled.Run.starved(run) >= 0.0  # type: ignore[arg-type]
