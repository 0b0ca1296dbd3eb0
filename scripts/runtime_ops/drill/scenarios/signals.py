"""signals: are startup latency, work in flight, errors and shutdown duration there, and do they move?"""

from __future__ import annotations

import json
import re
import signal
import time

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.load import Load
from runtime_ops.drill.run import Run
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.verdict import Finding, not_assessed

DURATION = r"(second|_s\b|_ms\b|milli|duration|latency|time|took|elapsed)"
START, STOP = r"(start|boot|ready|init)", r"(shut_?down|stop|drain|terminat)"
SIGNALS = {
    "startup latency": rf"{START}[a-z_ -]*{DURATION}|{DURATION}[a-z_ -]*{START}",
    "in flight or queue depth": r"in_?(flight|progress)|active|queue|pending|backlog|depth|inflight",
    "errors": r"error|fail|exception|5xx|dead_?letter",
    "shutdown duration": rf"{STOP}[a-z_ -]*{DURATION}|{DURATION}[a-z_ -]*{STOP}",
}
WORDS = {"startup latency": START, "shutdown duration": STOP}
"""What a sentence is about that gives one of the two durations."""
NOT_STARTUP = re.compile(r"process_start_time|_created\b")
"""A moment on the calendar, not a duration: prometheus_client's own start time and `_created` series."""
MOVING = ("in flight or queue depth", "errors")
Samples = dict[str, float]


def run(bench: Bench) -> Finding:
    why_not = bench.why_not_ready()
    if why_not:
        return not_assessed(why_not)
    options = bench.options
    with bench.run("requests and metrics") as program:
        if program.wait_ready() != "ready":
            return not_assessed("it became ready before, but not in this run")
        path = options.metrics or "/metrics"
        before = _scrape(program, path) if bench.survey().kind == "service" or options.metrics else None
        if before is None and options.metrics:
            finding = Finding()
            finding.fault(program.now, f"{path} gives no metrics: {program.get(path, 2)}")
            return finding
        during = _work(bench, program, path, before is not None)
        after = _scrape(program, path) if before is not None else None
        program.signal(signal.SIGTERM)
        program.wait_exit(options.grace)
    return _judge(program, path, before, [*during, after or {}])


def _scrape(program: Run, path: str) -> Samples | None:
    """The samples of a Prometheus text page by name and labels; None when there is no such page."""
    answer = program.get(path, 2.0)
    if not answer.good:
        return None
    found = {}
    for line in answer.body.decode(errors="replace").splitlines():
        match = re.match(r"([A-Za-z_:][\w:]*(?:\{.*\})?)\s+(\S+)", line)
        if match and not line.startswith("#"):
            try:
                found[match[1]] = float(match[2])
            except ValueError:
                continue
    return found or None


def _work(bench: Bench, program: Run, path: str, scraping: bool) -> list[Samples]:
    """Make work and a failure; meanwhile look at the metrics."""
    options, seen = bench.options, []
    if options.load_command:
        bench.command(options.load_command, 5, program)
        time.sleep(0.3)
        seen += [_scrape(program, path)] if scraping else []
    if bench.survey().kind == "service":
        load = Load(program.url(options.load_path or options.readiness or "/"), 4, options.deadline)
        for _ in range(5):
            time.sleep(0.1)
            seen += [_scrape(program, path)] if scraping else []
        load.stop()
        if options.error_path:
            for _ in range(2):
                program.get(options.error_path, options.deadline)
    return [sample for sample in seen if sample]


def _judge(program: Run, path: str, before: Samples | None, later: list[Samples]) -> Finding:
    finding, missing, still = Finding(), [], []
    after_stop = [line.text for line in program.lines() if line.at >= program.signals[0]] if program.signals else []
    events = _events([line.text for line in program.lines()])
    known = before is not None
    for name, pattern in SIGNALS.items():
        metric = _metric(pattern, before, later)
        event = _find(name, _events(after_stop) if name == "shutdown duration" else events)
        if metric:
            moved = len({sample.get(metric) for sample in (before or {}, *later)}) > 1
            finding.note(None, f"{name}: metric {metric} {'moves' if moved else 'is there'}")
            if name in MOVING and not moved and not event:
                still.append(f"{name} ({metric})")
        elif event:
            finding.note(None, f"{name}: log event {event[:120]}")
        else:
            missing.append(name)
    if not missing and not still:
        return finding
    if missing and not known:
        # Metrics may also be pushed to where the drill cannot see them.
        why = f"{path} has no metrics (--metrics names the endpoint), and no log event shows: {', '.join(missing)}"
        return not_assessed(why, finding.notes)
    if missing:
        finding.fault(None, f"neither {path} nor the output shows: {', '.join(missing)}")
    elif still:
        hint = "; --load-path and --error-path name requests that move them"
        finding.why_not = f"did not move: {', '.join(still)}{hint}"
    return finding


def _metric(pattern: str, before: Samples | None, later: list[Samples]) -> str:
    """The sample that shows a signal, one that moves if there is any."""
    names = [name for sample in (before or {}, *later) for name in sample]
    found = [n for n in dict.fromkeys(names) if re.search(pattern, n, re.I) and not NOT_STARTUP.search(n)]
    found.sort(key=lambda n: len({sample.get(n) for sample in (before or {}, *later)}) == 1)
    return found[0] if found else ""


def _events(lines: list[str]) -> list[str]:
    """Log lines, and of records in JSON each number with its key and each text."""
    found = []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            found.append(line)
            continue
        if isinstance(record, dict):
            found += [f"{key}={value}" for key, value in record.items() if isinstance(value, int | float)]
            found += [str(value) for value in record.values() if isinstance(value, str)]
    return found


def _find(name: str, events: list[str]) -> str:
    """The first event that names a signal and gives its number right after: `queue_depth=3`, `stopped in 0.4 s`."""
    told = rf"({SIGNALS[name]})[\w ]*[\"']?\s*(=|:| is | took | after )\s*\d"
    if name in WORDS:
        told += rf"|{WORDS[name]}\w*( \w+)? (in|after|took) \d+(\.\d+)? ?(s|ms|sec\w*|milli\w*)\b"
    return next((text for text in events if re.search(told, text, re.I)), "")


SCENARIO = Scenario(
    "signals",
    "metrics",
    110,
    "Reads metrics and log events around work and SIGTERM; kept when the four core signals are there and move.",
    run,
)
