"""terminate-idle: does it end well on SIGTERM when nothing is going on?"""

from __future__ import annotations

import re
import signal

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
        if not program.wait_idle():
            return not_assessed("it became ready before, but not in this run")
        program.signal(signal.SIGTERM)
        status = judge_exit(program, finding, options.grace, program.signals[0], options.accepted())
        judge_disposition(program, finding, options)
        bench.endless = status is None
        bench.idle_shutdown = 0.0 if status is None else program.exit_at - program.moment(program.signals[0])
        if status is not None:
            judge_left(program, finding)
    if status is not None and not finding.faults and "PYTHONUNBUFFERED" not in bench.given:
        _judge_flush(bench, program, finding)
    return finding


def _judge_flush(bench: Bench, buffered: Run, finding: Finding) -> None:
    """Were the last lines flushed? The same run without Python's buffer shows what should have been there.

    Python keeps back what is printed to a pipe on stdout until 8 kB are full; an end without a flush loses it, and
    so always the last line (facts 1.6). A line that is missing elsewhere is one that is not written each time.
    """
    whole = _lines(bench, "the same, unbuffered", {"PYTHONUNBUFFERED": "1"})
    seen = {_shape(line.text) for line in buffered.lines("stdout")}
    if not whole or _shape(whole[-1]) in seen:
        return
    seen |= {_shape(text) for text in _lines(bench, "as given, once more", {}) or []}
    lost = [text for text in whole if _shape(text) not in seen]
    if lost and lost[-1] == whole[-1]:
        finding.fault(None, f"{len(lost)} line(s) of output were lost in a buffer at exit, like this: {lost[0][:120]}")


def _lines(bench: Bench, label: str, change: dict[str, str]) -> list[str] | None:
    """The lines on stdout of a run that is ended by SIGTERM when ready; None when it does not end."""
    with bench.run(label, change=change) as program:
        if not program.wait_idle():
            return None
        program.signal(signal.SIGTERM)
        ended = program.wait_exit(bench.options.grace)
    return None if ended is None else [line.text for line in program.lines("stdout")]


def _shape(line: str) -> str:
    """A line without what differs from run to run: numbers, and hexadecimal names."""
    return re.sub(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", "0", line)


SCENARIO = Scenario(
    "terminate-idle",
    "shutdown",
    40,
    "SIGTERM when ready; kept when it ends within grace, with an accepted code, and leaves nothing behind.",
    run,
)
