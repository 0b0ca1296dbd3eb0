"""missing-configuration: does it refuse to start without a required variable, and say so?"""

from __future__ import annotations

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.refusal import judge_refusal
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.verdict import Finding, not_assessed


def run(bench: Bench) -> Finding:
    required = list(dict.fromkeys(bench.options.required))
    if not required:
        return not_assessed("no required variable is known; --required NAME names one")
    survey = bench.survey()
    if not survey.usable and survey.exit_status != 0:
        return not_assessed("it does not start even with the given environment (see start)")
    finding = Finding()
    for name in required:
        with bench.run(f"without {name}", without=name) as program:
            judge_refusal(bench, program, name, f"without {name}", finding)
    return finding


SCENARIO = Scenario(
    "missing-configuration",
    "startup",
    20,
    "Starts it once without each required variable; kept when it ends soon, non-zero, and names the variable.",
    run,
)
