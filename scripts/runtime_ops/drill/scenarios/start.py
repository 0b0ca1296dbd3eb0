"""start: is it ready in time?"""

from __future__ import annotations

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.options import Options
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.verdict import Finding, exit_text


def run(bench: Bench) -> Finding:
    survey = bench.survey()
    bench.timelines.append(survey.timeline)
    options, finding = bench.options, Finding()
    if survey.state == "ready":
        finding.note(survey.seconds, f"ready in {survey.seconds:.2f} s ({survey.how_ready})")
        return finding
    if (
        survey.state == "exited"
        and survey.kind in ("cli", "job")
        and survey.exit_status == 0
        and not options.ready_probe
    ):
        finding.note(survey.seconds, f"ran to its end in {survey.seconds:.2f} s: exit code 0")
        return finding
    if survey.state == "exited":
        text = f"{exit_text(survey.exit_status or 0)} after {survey.seconds:.2f} s, before it was ready"
        finding.fault(survey.seconds, text)
    else:
        finding.fault(survey.seconds, f"not ready within {options.startup_limit:g} s, seen by {sign(options)}")
    for line in survey.last_lines:
        finding.note(None, f"last output: {line[:200]}")
    if not survey.last_lines:
        finding.note(None, "it wrote nothing; Python keeps output to a pipe back unless PYTHONUNBUFFERED is set")
    for name in survey.withheld:
        finding.note(None, f"{name} is set here but was not passed on; --env {name} does that")
    return finding


def sign(options: Options) -> str:
    """What readiness is seen by, in words."""
    if options.ready_probe:
        return f"the probe {options.ready_probe}"
    if options.ready_log:
        return f"a line that matches {options.ready_log!r}"
    if options.ready_after:
        return f"being alive for {options.ready_after:g} s"
    return f"the probe {options.readiness}" if options.readiness else "an open port, or silence"


SCENARIO = Scenario("start", "startup", 10, "Starts it with the given environment; kept when it is ready in time.", run)
