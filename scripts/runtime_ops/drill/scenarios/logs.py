"""logs: are the lines of all runs structured, do those of a request belong together, and do they keep secrets?"""

from __future__ import annotations

import json
import time
from collections import Counter

from runtime_ops.drill import environment
from runtime_ops.drill.bench import Bench
from runtime_ops.drill.capture import Line
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.verdict import Finding, not_assessed

LEVEL = ("level", "levelname", "severity", "lvl", "log.level", "loglevel", "severity_text", "log_level")
TIME = ("time", "timestamp", "ts", "@timestamp", "asctime", "datetime", "date", "t", "created")
MESSAGE = ("message", "msg", "event", "body", "log")
REFUSALS = ("missing-configuration", "bad-configuration")
"""Scenarios in which a plain line on stderr is right: the program ends before it can have set up its logs."""
REQUESTS = 3


def run(bench: Bench) -> Finding:
    survey = bench.survey()
    finding = Finding()
    _correlation(bench, finding)
    lines = [(scenario, line) for scenario, _, line in bench.seen if line.text.strip()]
    _judge_secrets(bench, lines, finding)
    if survey.kind == "cli":
        if not finding.faults:
            return not_assessed("it is a command: its output is its product, not a log", finding.notes)
        return finding
    judged = [line for scenario, line in lines if not (scenario in REFUSALS and line.stream == "stderr")]
    if not judged:
        return not_assessed("it wrote nothing in any scenario", finding.notes) if not finding.faults else finding
    faults = Counter(fault for line in judged if (fault := _fault(line.text)))
    bad = sum(faults.values())
    finding.note(None, f"{len(judged) - bad} of {len(judged)} lines are JSON with level, time and message")
    if bad:
        finding.faults.append(f"{bad / len(judged):.0%} of {len(judged)} lines are not structured log records")
        for fault, number in faults.most_common(3):
            example = next(line for line in judged if _fault(line.text) == fault)
            finding.note(None, f"{number} × {fault}, on {example.stream}: {example.text[:140]}")
    return finding


def _fault(text: str) -> str:
    """What is wrong with one line as a log record; empty when nothing is."""
    try:
        record = json.loads(text)
    except ValueError:
        return "not JSON"
    if not isinstance(record, dict):
        return "not a JSON object"
    keys = {str(key).lower() for key in record}
    for needed, names in (("level", LEVEL), ("time", TIME), ("message", MESSAGE)):
        if not keys.intersection(names):
            return f"no {needed}"
    return ""


def _judge_secrets(bench: Bench, lines: list[tuple[str, Line]], finding: Finding) -> None:
    secrets = environment.secrets(bench.variables())
    for value, name in secrets.items():
        hits = [(scenario, line) for scenario, line in lines if value in line.text]
        if hits:
            scenario, line = hits[0]
            text = f"the secret value of {name} is in {len(hits)} line(s) of output, first in {scenario}"
            finding.fault(None, f"{text}: {bench.mask(line.text)[:140]}")
    if secrets and not finding.faults:
        finding.note(None, f"no value of {', '.join(sorted(set(secrets.values())))} is in the output")


def _correlation(bench: Bench, finding: Finding) -> None:
    """A few requests one at a time: all lines that one causes must hold the value of the header it came with."""
    header = bench.options.correlation_header
    if not header or bench.why_not_ready() or bench.survey().kind != "service":
        return
    path = bench.options.load_path or bench.options.readiness or "/"
    with bench.run("requests with a correlation id") as program:
        if program.wait_ready() != "ready":
            return
        time.sleep(0.3)
        wrong, silent = [], 0
        for _ in range(REQUESTS):
            value, before = bench.token(), len(program.lines())
            program.get(path, bench.options.deadline, {header: value})
            time.sleep(0.15)
            caused = program.lines()[before:]
            wrong += [line for line in caused if value not in line.text]
            silent += not caused
    if wrong:
        finding.fault(None, f"{len(wrong)} line(s) of requests lack the value of {header}: {wrong[0].text[:120]}")
    elif silent == REQUESTS:
        finding.fault(None, f"{path} logs nothing, so no line of a request holds {header}")
    else:
        finding.note(None, f"all lines of {REQUESTS} requests to {path} hold the value of {header}")


SCENARIO = Scenario(
    "logs",
    "logging",
    120,
    "Reads the output of all scenarios; kept when each line is JSON with level, time, message, and no secret.",
    run,
)
