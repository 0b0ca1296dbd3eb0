"""terminate-during-startup: does it end when it is told to before it is ready?"""

from __future__ import annotations

import signal

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.ending import judge_exit, judge_left
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.verdict import Finding, not_assessed

MOMENTS = (0.3, 0.8)
"""Parts of the time to readiness: one while modules are loaded, one while the program sets itself up."""


def run(bench: Bench) -> Finding:
    why_not = bench.why_not_ready()
    if why_not:
        return not_assessed(why_not)
    options, finding = bench.options, Finding()
    needed = bench.survey().seconds
    for part in MOMENTS:
        with bench.run(f"SIGTERM after {part:.0%} of the startup") as program:
            program.wait_exit(part * needed - program.now)
            if not program.signal(signal.SIGTERM):
                return not_assessed("it ended by itself before the signal")
            # Any code is right: before its handlers are set, the kernel ends it, and nothing is lost.
            if judge_exit(program, finding, options.grace, program.signals[0], None) is None:
                break
            judge_left(program, finding, files=False)
    return finding


SCENARIO = Scenario(
    "terminate-during-startup",
    "shutdown",
    80,
    "SIGTERM before it is ready; kept when it ends within grace.",
    run,
)
