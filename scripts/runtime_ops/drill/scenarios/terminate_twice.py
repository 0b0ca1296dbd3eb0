"""terminate-twice: does a second SIGTERM during shutdown leave the shutdown whole?"""

from __future__ import annotations

import signal

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.ending import judge_disposition, judge_exit, judge_left
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.verdict import Finding, not_assessed

PAUSE = 0.1
"""Seconds between the two signals at most, a tenth of the shutdown where that is known: some platforms send several
(facts 7.16), and a person presses a key again."""

SOONEST = 0.02
"""Seconds between them at least: two signals at once are one."""
LONG = 0.5
"""Seconds of a shutdown that has a middle which a second signal can hit."""


def run(bench: Bench) -> Finding:
    why_not = bench.why_not_ready()
    if why_not:
        return not_assessed(why_not)
    if bench.endless:
        return not_assessed("one SIGTERM does not end it (see terminate-idle)")
    options, finding = bench.options, Finding()
    with bench.run("SIGTERM twice") as program:
        if not program.wait_idle():
            return not_assessed("it became ready before, but not in this run")
        program.signal(signal.SIGTERM)
        pause = max(SOONEST, min(PAUSE, bench.idle_shutdown / 10)) if bench.idle_shutdown else PAUSE
        if program.wait_exit(pause) is None:
            program.signal(signal.SIGTERM)
        else:
            finding.note(program.exit_at, "it had ended before the second SIGTERM was sent")
        status = judge_exit(program, finding, options.grace, program.signals[0], options.accepted())
        if status == -signal.SIGTERM and program.disposition == "caught" and program.last_disposition == "default":
            # At the very end every program has taken its handlers off; early in a long shutdown, cleanup is cut.
            took = program.exit_at - program.moment(program.signals[0])
            text = f"the second SIGTERM was not handled: the kernel ended it after {took:.2f} s of its shutdown"
            if bench.idle_shutdown >= LONG:
                finding.fault(program.exit_at, f"{text}, which else takes {bench.idle_shutdown:.2f} s")
            else:
                finding.note(program.exit_at, text)
        if status is not None:
            judge_left(program, finding)
        judge_disposition(program, finding, options)
    return finding


SCENARIO = Scenario(
    "terminate-twice",
    "shutdown",
    50,
    "SIGTERM when ready and another one right after; kept when it still ends as it should.",
    run,
)
