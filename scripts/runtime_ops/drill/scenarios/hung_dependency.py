"""hung-dependency: does work end when a dependency takes every byte and answers none?"""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.ending import judge_exit, judge_left
from runtime_ops.drill.http_client import Answer
from runtime_ops.drill.load import Load
from runtime_ops.drill.proxy import Proxy
from runtime_ops.drill.run import Run
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.scenarios.probe_truth import reach
from runtime_ops.drill.verdict import Finding, not_assessed

WAVES = 2
"""Rounds of requests against the hung dependency; what the first leaves behind shows in the second."""


def run(bench: Bench) -> Finding:
    if not bench.proxies:
        return not_assessed("no dependency is known; --dependency NAME=host:port:ENVVAR names one")
    why_not = bench.why_not_ready()
    if why_not:
        return not_assessed(why_not)
    finding, reasons = Finding(), []
    for name, proxy in bench.proxies.items():
        if unreachable := reach(proxy):
            reasons.append(f"dependency {name}: {unreachable}")
            continue
        with bench.run(f"{name} hangs") as program:
            if program.wait_ready() != "ready":
                return not_assessed("it became ready before, but not in this run")
            reasons.append(_one(bench, program, name, proxy, finding))
    # Kept only when each dependency was judged.
    finding.why_not = "; ".join(reason for reason in reasons if reason)
    return finding


def _one(bench: Bench, program: Run, name: str, proxy: Proxy, finding: Finding) -> str:
    """Judge one dependency; answers why that could not be done, empty when it was."""
    options = bench.options
    if options.load_path:
        before = proxy.bytes_from_program
        first = program.get(options.load_path, options.deadline)
        if not first.good:
            return f"{options.load_path} does not work even with {name} up: {first}"
        if proxy.bytes_from_program == before:
            return f"{options.load_path} does not use {name}; --load-path names a request that does"
        if not _requests(bench, program, name, proxy, finding):
            return ""
    elif not options.load_command:
        return f"no work that uses {name} is known; --load-path names a request, --load-command puts jobs in"
    proxy.set("swallow")
    program.event(f"{name} hangs")
    _stop_while_hung(bench, program, name, finding)
    return ""


def _requests(bench: Bench, program: Run, name: str, proxy: Proxy, finding: Finding) -> bool:
    """Requests while it hangs; then while it is back. Whether it is worth going on."""
    options = bench.options
    proxy.set("swallow")
    program.event(f"{name} hangs")
    threads: list[int] = []
    for wave in range(1, WAVES + 1):
        answers = _wave(program, options.load_path, options.load_clients, options.deadline)
        hung = [a for a in answers if a.error == "timeout"]
        slowest = max(a.seconds for a in answers)
        if hung:
            text = f"{len(hung)} of {len(answers)} requests had not ended after {options.deadline:g} s"
            finding.fault(program.now, f"{name} hangs: {text}")
            return True
        finding.note(program.now, f"{name} hangs: wave {wave}: all ended within {slowest:.1f} s (last: {answers[-1]})")
        threads.append(program.threads())
    if threads[-1] - threads[0] >= options.load_clients:
        finding.fault(program.now, f"{name} hangs: threads pile up, from {threads[0]} to {threads[-1]} with each wave")
    proxy.set("pass")
    program.event(f"{name} is back")
    until = time.monotonic() + options.probe_limit
    while not (answer := program.get(options.load_path, options.deadline)).good:
        if time.monotonic() > until:
            finding.fault(
                program.now, f"{name} is back, but requests still fail after {options.probe_limit:g} s: {answer}"
            )
            break
        time.sleep(0.2)
    else:
        finding.note(program.now, f"{name} is back: a request works again ({answer})")
    return True


def _wave(program: Run, path: str, clients: int, limit: float) -> list[Answer]:
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(lambda _: program.get(path, limit), range(clients)))


def _stop_while_hung(bench: Bench, program: Run, name: str, finding: Finding) -> None:
    """SIGTERM while work waits for the hung dependency: the shutdown must be bounded all the same."""
    options = bench.options
    load = Load(program.url(options.load_path), 2, options.grace + 1) if options.load_path else None
    try:
        if load:
            time.sleep(0.3)
            load.slow_down()
        else:
            with bench.background(options.load_command, program) as command:
                command.wait_exit(2)
        program.signal(signal.SIGTERM)
        finding.note(program.now, f"{name} hangs: SIGTERM with work under way")
        if judge_exit(program, finding, options.grace, program.signals[0], None) is not None:
            judge_left(program, finding, files=False)
    finally:
        if load:
            load.stop()


SCENARIO = Scenario(
    "hung-dependency",
    "health",
    100,
    "Swallows a dependency's bytes during work; kept when requests end within the deadline, nothing piles up, and "
    "shutdown stays bounded.",
    run,
)
