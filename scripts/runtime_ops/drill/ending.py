"""How an ending is judged: in time, with a right code, and with nothing left behind."""

from __future__ import annotations

from runtime_ops.drill.options import Options
from runtime_ops.drill.run import Run
from runtime_ops.drill.verdict import Finding, exit_text


def judge_exit(run: Run, finding: Finding, limit: float, since: float, accepted: list[int] | None) -> int | None:
    """Wait for the exit until `limit` seconds after the clock time `since`; judge the time and the code.

    `accepted` is None where every code is right. Answers the exit status, None when it did not end.
    """
    status = run.wait_exit(limit - (run.now - run.moment(since)))
    if status is None:
        finding.fault(run.now, f"still running {limit:g} s after the signal; the platform would kill it")
        tell_last_lines(run, finding)
        return None
    took = run.exit_at - run.moment(since)
    text = f"{exit_text(status)} {took:.2f} s after the signal"
    if accepted is not None and status not in accepted:
        expected = ", ".join(str(code) for code in accepted)
        finding.fault(run.exit_at, f"{text}; accepted are {expected}")
        tell_last_lines(run, finding)
    else:
        finding.note(run.exit_at, text)
    return status


def judge_left(run: Run, finding: Finding, *, files: bool = True) -> None:
    """Judge what is left after the exit: processes, open ports, and (unless told otherwise) temporary files."""
    left = run.left_behind()
    if left.processes:
        shown = "; ".join(command[:100] for command in left.processes[:3])
        finding.fault(run.now, f"{len(left.processes)} process(es) left running: {shown}")
    for port in left.ports:
        finding.fault(run.now, f"port {port} is still open")
    if files and left.files:
        finding.fault(run.now, f"{len(left.files)} temporary file(s) left: {', '.join(left.files[:3])}")


def judge_disposition(run: Run, finding: Finding, options: Options) -> None:
    """Judge whether the program looked after SIGTERM at all.

    The default disposition ends a process in the kernel: no `finally`, no `atexit`, no flush (facts 1.1).
    """
    moment = run.moment(run.signals[0]) if run.signals else run.now
    if run.disposition == "default":
        where = "as process 1 the kernel then drops it" if options.pid1 else "the kernel ended it, no cleanup could run"
        text = f"SIGTERM is not handled: {where}"
        (finding.note if options.allow_unhandled else finding.fault)(moment, text)
    elif run.disposition == "ignored":
        finding.fault(moment, "SIGTERM is ignored")


def tell_last_lines(run: Run, finding: Finding, count: int = 3) -> None:
    """Put the last lines of output among the evidence."""
    for line in run.last_lines(count):
        finding.note(None, f"last output: {line[:200]}")
