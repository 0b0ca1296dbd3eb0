"""failing-job: does a job that always fails come to an end?"""

from __future__ import annotations

import re
import time
from itertools import pairwise

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.capture import Line
from runtime_ops.drill.run import Run
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.verdict import Finding, not_assessed

SAME_ATTEMPT = 0.1
"""Seconds within which several matching lines belong to one attempt (a message and its traceback),
where no pattern says which line stands for one."""
WATCH = 3.0
"""Seconds after the terminal state in which no further attempt may come."""
TOLERANCE = 0.8
"""A pause counts as shorter than the one before only below this part of it: clocks and jitter."""
GROWTH = 0.1
"""Seconds that the last pause must be longer than the first, to have grown: what differs by less is the time that a
worker takes to come round, not a backoff."""


def run(bench: Bench) -> Finding:
    options = bench.options
    if not options.job_command:
        return not_assessed("no failing job is known; --job-command puts one in")
    if not options.terminal_check:
        return not_assessed("no terminal state is known; --terminal-check COMMAND ends 0 when the job has reached it")
    why_not = bench.why_not_ready()
    if why_not:
        return not_assessed(why_not)
    finding, token = Finding(), bench.token()
    pattern = options.attempt_log or re.escape(token)
    with bench.run("a job that always fails") as program:
        if program.wait_ready() != "ready":
            return not_assessed("it became ready before, but not in this run")
        began = time.monotonic()
        put = bench.command(options.job_command, options.job_limit, program, token)
        if put.status != 0:
            return not_assessed(f"the job command ended with {put.status}: {' / '.join(put.output[-2:])}")
        program.event("failing job put in", began)
        ended = _wait_terminal(bench, program, token, began, finding)
        if ended:
            time.sleep(min(WATCH, options.job_limit))
        apart = 0.0 if options.attempt_log else SAME_ATTEMPT
        told = [line for line in program.lines() if line.at >= began and re.search(pattern, line.text)]
        attempts = _attempts(told, apart)
        if len(told) > len(attempts):
            finding.note(
                None,
                f"{len(told)} lines name the job; those within {SAME_ATTEMPT:g} s of each other count as one attempt; "
                "--attempt-log REGEX names the line of an attempt",
            )
        for number, at in enumerate(attempts, 1):
            program.event(f"attempt {number}", at)
        if program.exited:
            finding.fault(
                program.exit_at, f"the job ended the whole program, exit status {program.program.exit_status}"
            )
        _judge(program, attempts, ended, finding)
    return finding


def _wait_terminal(bench: Bench, program: Run, token: str, began: float, finding: Finding) -> float:
    """The clock time at which the terminal state was seen; 0.0, with a fault, when it was not."""
    options = bench.options
    while True:
        check = bench.command(options.terminal_check, options.job_limit, program, token)
        now = time.monotonic()
        if check.status == 0:
            program.event("terminal state", now)
            finding.note(program.moment(now), f"in its terminal state {now - began:.1f} s after it was put in")
            return now
        if now - began > options.job_limit or program.exited:
            said = " / ".join(check.output[-2:])
            finding.fault(program.now, f"not in its terminal state after {now - began:.0f} s; the check says: {said}")
            return 0.0
        time.sleep(0.2)


def _attempts(lines: list[Line], apart: float) -> list[float]:
    """When the attempts were made: lines that are not more than `apart` seconds apart are one attempt."""
    found: list[float] = []
    last = -1.0
    for line in lines:
        if not found or line.at - last >= apart:
            found.append(line.at)
        last = line.at
    return found


def _judge(program: Run, attempts: list[float], ended: float, finding: Finding) -> None:
    if not attempts:
        if not finding.faults:
            finding.why_not = (
                "it reached its terminal state, but its attempts were not seen in the output; "
                "--attempt-log REGEX names their line"
            )
        return
    pauses = [later - earlier for earlier, later in pairwise(attempts)]
    shown = ", ".join(f"{pause:.2f}" for pause in pauses[:8])
    finding.note(None, f"{len(attempts)} attempt(s), pauses in seconds: {shown or 'none'}")
    # One retry has one pause, which cannot grow.
    shrunk = [later for earlier, later in pairwise(pauses) if later < TOLERANCE * earlier]
    if shrunk or (len(pauses) > 1 and pauses[-1] - pauses[0] < max(GROWTH, 0.2 * pauses[0])):
        finding.fault(None, f"the pauses between attempts do not grow: {shown}")
    late = [at for at in attempts if ended and at > ended + SAME_ATTEMPT]
    if late:
        finding.fault(program.moment(late[0]), f"{len(late)} attempt(s) after it was in its terminal state")


SCENARIO = Scenario(
    "failing-job",
    "jobs",
    105,
    "Puts in a job that always fails; kept when attempts are bounded, pauses grow, and it ends in its terminal state.",
    run,
)
