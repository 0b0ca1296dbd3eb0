"""interrupt: does Ctrl-C end it properly, and leave no half-written output?"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.ending import judge_exit, judge_left, tell_last_lines
from runtime_ops.drill.options import fill
from runtime_ops.drill.run import Run
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.verdict import Finding, exit_text, not_assessed

MOMENTS = 10
SHARE = 30.0
"""Seconds that the interrupted runs may take together; a slow command is interrupted at fewer moments, three at least."""


def run(bench: Bench) -> Finding:
    survey = bench.survey()
    if survey.state == "exited" and survey.exit_status == 0:
        return _command(bench)
    why_not = bench.why_not_ready()
    if why_not:
        return not_assessed(why_not)
    finding = Finding()
    with bench.run("SIGINT when ready") as program:
        if not program.wait_idle():
            return not_assessed("it became ready before, but not in this run")
        # A terminal sends it to the whole foreground group.
        program.signal(signal.SIGINT, group=True)
        # Any code is right: 0, 1, 130 and -2 are all in use for a service that was stopped by hand.
        if judge_exit(program, finding, bench.options.grace, program.signals[0], None) is not None:
            judge_left(program, finding)
    return finding


def _output(bench: Bench, program: Run) -> bytes | None:
    """What stands in the output file; None where there is none."""
    if not bench.options.output:
        return None
    path = Path(bench.options.cwd, fill(bench.options.output, program.port, program.scratch))
    return path.read_bytes() if path.is_file() else None


def _remove(bench: Bench, program: Run) -> None:
    if bench.options.output:
        Path(bench.options.cwd, fill(bench.options.output, program.port, program.scratch)).unlink(missing_ok=True)


def _whole_run(bench: Bench, label: str, finding: Finding) -> tuple[float, bytes | None, list[str]] | None:
    """A run to its end: its seconds, its output file and its stdout. None, with a fault, when it does not end well."""
    with bench.run(label) as program:
        status = program.wait_exit(bench.options.startup_limit)
        result = _output(bench, program)
        _remove(bench, program)
        if status != 0:
            said = "still running" if status is None else exit_text(status)
            finding.fault(program.now, f"{label}: {said}")
            tell_last_lines(program, finding)
            return None
        if bench.options.output and result is None:
            finding.fault(program.now, f"{label}: wrote no {bench.options.output}")
            return None
    return program.exit_at, result, _stdout(program)


def _stdout(program: Run) -> list[str]:
    return [line.text for line in program.lines("stdout")]


def _command(bench: Bench) -> Finding:
    options, finding = bench.options, Finding()
    if (
        options.output
        and "{scratch}" not in options.output
        and os.path.exists(os.path.join(options.cwd, options.output))
    ):
        return not_assessed(f"{options.output} exists and would be overwritten; write it below {{scratch}}")
    whole = _whole_run(bench, "undisturbed", finding)
    again = _whole_run(bench, "undisturbed again", finding) if whole and options.output else whole
    if not whole or not again:
        return finding
    seconds, wanted, product = whole
    steady = wanted == again[1]
    generator = random.Random(options.seed)
    hit = 0
    moments = max(3, min(MOMENTS, round(SHARE / seconds)))
    for number in range(moments):
        # One moment in each equal part, so that they cover the run.
        moment = (number + generator.random()) / moments * seconds
        with bench.run(f"SIGINT after {moment:.2f} s") as program:
            program.wait_exit(moment - program.now)
            if not program.signal(signal.SIGINT, group=True):
                _remove(bench, program)
                continue
            status = judge_exit(program, finding, options.grace, program.signals[0], None)
            partial = _output(bench, program)
            _remove(bench, program)
            if status is None:
                break
            judge_left(program, finding, files=False)
            complete = partial is not None and (partial == wanted or (not steady and _as_long(partial, wanted)))
            if status == 0 and not (complete if options.output else _just_done(program, product)):
                finding.fault(program.exit_at, f"exit code 0 after SIGINT at {moment:.2f} s of {seconds:.2f} s")
            if partial is not None and not complete:
                size = f"{len(partial)} of {len(wanted or b'')} bytes"
                finding.fault(program.exit_at, f"half-written output after SIGINT at {moment:.2f} s: {size}")
            hit += 1
        if len(finding.faults) >= 2:
            break
    if not hit and not finding.faults:
        return not_assessed(f"it ended in {seconds:.2f} s, before any of {moments} signals")
    after = _whole_run(bench, "run again", finding)
    if after and steady and after[1] != wanted:
        finding.fault(None, "the output of the run after the interruptions differs from before")
    # Of ten endings the faults matter, and of good ones the last few are enough.
    finding.notes = [note for note in finding.notes if note.note in finding.faults] or finding.notes[-3:]
    if not finding.faults:
        finding.note(None, f"{hit} of {moments} moments hit the run of {seconds:.2f} s; the run afterwards was whole")
    return finding


def _as_long(partial: bytes, wanted: bytes | None) -> bool:
    """Where two whole runs differ, an output as long as a whole one is taken for whole."""
    return wanted is not None and len(partial) >= 0.98 * len(wanted)


def _just_done(program: Run, product: list[str]) -> bool:
    """Whether a run that ended with 0 had done its work: stdout is whole, or, without any, it ended at that instant."""
    printed = _stdout(program)
    return len(printed) >= len(product) if product else program.exit_at - program.moment(program.signals[0]) < 0.05


SCENARIO = Scenario(
    "interrupt",
    "shutdown",
    70,
    "SIGINT, for commands at ten moments; kept when it ends non-zero, leaves no half-written output, and runs again.",
    run,
)
