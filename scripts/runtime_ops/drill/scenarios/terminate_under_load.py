"""terminate-under-load: what becomes of the work in flight, and of what comes after SIGTERM?"""

from __future__ import annotations

import signal
import time
from collections import Counter

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.ending import judge_disposition, judge_exit, judge_left
from runtime_ops.drill.http_client import Answer
from runtime_ops.drill.load import Load
from runtime_ops.drill.run import Run
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.verdict import Finding, not_assessed

EDGE = 0.05
"""Seconds before SIGTERM in which a request may still wait in the kernel, unseen by the program: it counts as new."""
LOAD_HEAD = 4.0
"""Seconds for a load command to put its work in; one that goes on longer is taken as load that is going on."""
LATECOMERS = 2
"""Clients that come only after SIGTERM, as those before it may all be busy until the end."""


def run(bench: Bench) -> Finding:
    why_not = bench.why_not_ready()
    if why_not:
        return not_assessed(why_not)
    options = bench.options
    if options.load_command:
        return _with_command(bench)
    if bench.survey().kind != "service":
        return not_assessed("no load is known; --load-command puts jobs in, --load-path names a request")
    with bench.run("SIGTERM under load") as program:
        if not program.wait_idle():
            return not_assessed("it became ready before, but not in this run")
        return _with_requests(bench, program)


def _with_requests(bench: Bench, program: Run) -> Finding:
    options, finding = bench.options, Finding()
    path = options.load_path or options.readiness or "/"
    first = program.get(path, options.deadline)
    if not first.complete:
        return not_assessed(f"{path} gave no HTTP answer when idle: {first}; --load-path or --load-command makes load")
    if first.status >= 400:
        return not_assessed(f"{path} answers {first.status}; --load-path names a request that works")
    answers: list[Answer] = []
    load = Load(program.url(path), options.load_clients, options.grace + 1)
    try:
        # In the middle of the first round, when requests are slow enough to have a middle.
        until = time.monotonic() + max(0.3, min(first.seconds / 2, 2.0))
        while time.monotonic() < until or (load.in_flight(EDGE) == 0 and time.monotonic() < until + 1):
            time.sleep(0.005)
        program.event(f"{load.in_flight(0)} requests in flight")
        program.signal(signal.SIGTERM)
        load.slow_down()
        late = Load(program.url(path), LATECOMERS, options.grace + 1)
        late.slow_down()
        status = judge_exit(program, finding, options.grace, program.signals[0], options.accepted())
        for source in (load, late):
            answers += source.stop()
    finally:
        load.stop()
    judge_disposition(program, finding, options)
    if status is not None:
        judge_left(program, finding)
    _judge_answers(program, answers, path, finding)
    return finding


def _judge_answers(program: Run, answers: list[Answer], path: str, finding: Finding) -> None:
    stop = program.signals[0]
    flying = [a for a in answers if a.sent and a.started < stop - EDGE and a.ended > stop]
    edge = [a for a in answers if stop - EDGE <= a.started < stop and a.ended > stop]
    new = [a for a in answers if a.started >= stop]
    if complete := [a for a in answers if a.complete and a.ended > stop]:
        program.event("last response", max(a.ended for a in complete))
    for answer in flying:
        # 503 gives the work back: the client knows that it was not done. Any other 5xx is work cut in the middle.
        if not answer.complete or (answer.status >= 500 and answer.status != 503):
            moment = program.moment(answer.ended)
            finding.fault(moment, f"a request in flight at SIGTERM was not answered: {answer}")
            break
    lost = sum(not a.complete or (a.status >= 500 and a.status != 503) for a in flying)
    finding.note(None, f"{len(flying)} request(s) in flight at SIGTERM: {len(flying) - lost} answered, {lost} lost")
    if edge:
        finding.note(None, f"{len(edge)} sent less than {EDGE:g} s before it: {_tally(edge)}")
    if new:
        finding.note(None, f"{len(new)} begun after it: {_tally(new)}")
    for answer in new:
        # A reset without an answer is a late refusal; half an answer, or none at all, is work that was taken and lost.
        if answer.error in ("timeout", "cut off") or (
            answer.complete and answer.status >= 500 and answer.status != 503
        ):
            finding.fault(program.moment(answer.ended), f"a request begun after SIGTERM was taken and lost: {answer}")
            break
    held = max((a.seconds for a in new if a.error in ("reset", "closed")), default=0.0)
    if held > 0.5:
        finding.note(
            None,
            f"the port stays open while it drains: new requests wait up to {held:.1f} s to be refused; a pause before "
            "SIGTERM (preStop) or a readiness that turns bad keeps them away",
        )
    if not flying and not finding.faults:
        finding.why_not = (
            f"no request was in flight at SIGTERM: {path} answers in "
            f"{max((a.seconds for a in answers if a.complete), default=0):.3f} s; --load-path names a slower one"
        )


def _tally(answers: list[Answer]) -> str:
    counted = Counter(str(a.status) if a.complete else a.error for a in answers)
    return ", ".join(f"{number} × {what}" for what, number in counted.most_common())


def _with_command(bench: Bench) -> Finding:
    options, finding = bench.options, Finding()
    with bench.run("SIGTERM under load") as program:
        if not program.wait_idle():
            return not_assessed("it became ready before, but not in this run")
        with bench.background(options.load_command, program) as load:
            code = load.wait_exit(LOAD_HEAD)
            if code:
                return not_assessed(f"the load command failed with {code}: {' / '.join(load.last_lines())}")
            time.sleep(0.5)
            program.signal(signal.SIGTERM)
            status = judge_exit(program, finding, options.grace, program.signals[0], options.accepted())
            judge_disposition(program, finding, options)
            if status is not None:
                judge_left(program, finding)
            if code is None:
                code = load.wait_exit(options.grace)
                if code:
                    text = f"the load command, which was under way at SIGTERM, ended with {code}"
                    finding.fault(load.now, f"{text}: {' / '.join(load.last_lines())}")
                else:
                    finding.note(None, f"the load command ended with {code}")
        if options.load_check:
            check = bench.command(options.load_check, options.job_limit, program)
            said = " / ".join(check.output[-2:])
            if check.status == 0:
                finding.note(None, f"the work in flight was done or given back, says the load check: {said}")
            else:
                finding.fault(None, f"work in flight was lost: the load check ended with {check.status}: {said}")
        elif load.program.exit_at and program.signals[0] > load.program.exit_at and not finding.faults:
            finding.why_not = "what became of the jobs in flight needs --load-check"
    return finding


SCENARIO = Scenario(
    "terminate-under-load",
    "shutdown",
    60,
    "SIGTERM with requests or jobs in flight; kept when they are answered or given back and new ones refused at once.",
    run,
)
