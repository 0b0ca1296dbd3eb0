"""terminate-idle: does it end well on SIGTERM when nothing is going on?"""

from __future__ import annotations

import re
import signal
from collections import Counter

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.ending import judge_disposition, judge_exit, judge_left
from runtime_ops.drill.run import Run
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.verdict import Finding, not_assessed


def run(bench: Bench) -> Finding:
    why_not = bench.why_not_ready()
    if why_not:
        return not_assessed(why_not)
    options, finding = bench.options, Finding()
    with bench.run("SIGTERM when idle") as program:
        if program.wait_ready() != "ready":
            return not_assessed("it became ready before, but not in this run")
        program.signal(signal.SIGTERM)
        status = judge_exit(program, finding, options.grace, program.signals[0], options.accepted())
        judge_disposition(program, finding, options)
        if status is not None:
            judge_left(program, finding)
    if status is not None and not finding.faults and "PYTHONUNBUFFERED" not in bench.given:
        _judge_flush(bench, program, finding)
    return finding


def _judge_flush(bench: Bench, buffered: Run, finding: Finding) -> None:
    """Were the last lines flushed? The same run without Python's buffer shows what should have been there.

    Python keeps back what is printed to a pipe until 8 kB are full; an end without a flush loses it (facts 1.6).
    """
    with bench.run("the same, unbuffered", change={"PYTHONUNBUFFERED": "1"}) as program:
        if program.wait_ready() != "ready":
            return
        program.signal(signal.SIGTERM)
        if program.wait_exit(bench.options.grace) is None:
            return
    before_signal = [line.text for line in program.lines() if line.at <= program.signals[0]]
    lost = Counter(map(_shape, before_signal)) - Counter(_shape(line.text) for line in buffered.lines())
    if lost:
        example = next(text for text in before_signal if _shape(text) in lost)
        count = sum(lost.values())
        finding.fault(None, f"{count} line(s) of output were lost in a buffer at exit, for example: {example[:120]}")


def _shape(line: str) -> str:
    """A line without what differs from run to run: numbers, and hexadecimal names."""
    return re.sub(r"\b[0-9a-f]{8,}\b|\d+", "0", line)


SCENARIO = Scenario(
    "terminate-idle",
    "shutdown",
    40,
    "SIGTERM when ready; kept when it ends within grace, with an accepted code, and leaves nothing behind.",
    run,
)
