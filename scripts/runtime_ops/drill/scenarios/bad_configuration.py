"""bad-configuration: does it refuse a number that is text and a URL that is nonsense?"""

from __future__ import annotations

import re

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.refusal import judge_refusal
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.verdict import Finding, not_assessed

TEXT = "not-a-number"
NONSENSE = "::no url::"


def run(bench: Bench) -> Finding:
    wrong = _wrong(bench)
    if not wrong:
        return not_assessed("no variable with a number or a URL is given; --env NAME=VALUE gives one")
    survey = bench.survey()
    if not survey.usable and survey.exit_status != 0:
        return not_assessed("it does not start even with the given environment (see start)")
    finding = Finding()
    for name, value in wrong.items():
        with bench.run(f"{name}={value}", change={name: value}) as program:
            judge_refusal(bench, program, name, f"{name}={value!r}", finding)
    return finding


def _wrong(bench: Bench) -> dict[str, str]:
    """Which variables get which wrong value: those named by options, and those whose given value shows what they are.

    Python's own switches (PYTHONUNBUFFERED=1) are left alone, and so are 0 and 1, which are mostly switches too.
    """
    options = bench.options
    found = {name: TEXT for name in options.number} | {name: NONSENSE for name in options.url}
    for name, value in bench.variables().items():
        if name in found or name.startswith("PYTHON"):
            continue
        if value == "{port}" or (re.fullmatch(r"-?\d+(\.\d+)?", value) and value not in ("0", "1")):
            found[name] = TEXT
        elif re.match(r"[a-z][a-z0-9+.-]*://", value):
            found[name] = NONSENSE
    return found


SCENARIO = Scenario(
    "bad-configuration",
    "startup",
    30,
    "Gives each number text and each URL nonsense; kept when it ends soon, non-zero, and names the variable.",
    run,
)
