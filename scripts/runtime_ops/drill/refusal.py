"""How a refusal of wrong configuration is judged: soon, non-zero, before readiness, in words that name the variable."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Literal

from runtime_ops.drill.bench import Bench
from runtime_ops.drill.capture import Line
from runtime_ops.drill.ending import tell_last_lines
from runtime_ops.drill.run import Run
from runtime_ops.drill.verdict import Finding, exit_text

Clarity = Literal["clear", "bare traceback", "not named"]


def judge_refusal(bench: Bench, run: Run, name: str, case: str, finding: Finding) -> None:
    """Judge one run that was started with `name` missing or wrong; `case` says which, for the evidence."""
    limit = bench.options.config_limit
    state = run.wait_ready(limit)
    # A server that is ready may still end a moment later: the refusal came too late, but came.
    if state == "ready":
        finding.fault(run.now, f"{case}: it started all the same ({run.how_ready})")
        return
    if state == "late":
        finding.fault(run.now, f"{case}: neither ready nor ended after {limit:g} s")
        tell_last_lines(run, finding)
        return
    status = run.wait_exit(0) or 0
    ended = f"{exit_text(status)} after {run.exit_at:.2f} s"
    if status == 0:
        finding.fault(run.exit_at, f"{case}: {ended}, as if all were well")
        return
    # A command's stdout is its product, so there only stderr counts; a service may log its errors to stdout.
    streams = ("stderr",) if bench.survey().kind == "cli" else ("stderr", "stdout")
    clarity, line = named_in([entry for entry in run.lines() if entry.stream in streams], name)
    if clarity == "clear" and line:
        finding.note(run.exit_at, f"{case}: {ended}, {line.stream} says: {line.text.strip()[:160]}")
    elif clarity == "bare traceback":
        finding.fault(run.exit_at, f"{case}: {ended}, but with a bare traceback as the only message")
        tell_last_lines(run, finding, 1)
    else:
        finding.fault(run.exit_at, f"{case}: {ended}, but {' and '.join(streams)} do(es) not name it")
        tell_last_lines(run, finding)


def named_in(lines: list[Line], name: str) -> tuple[Clarity, Line | None]:
    """Whether the output names a variable in words that help, only in a bare traceback, or not at all."""
    bare = None
    word = re.compile(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", re.IGNORECASE)
    for line, from_traceback in _messages(lines):
        if not word.search(line.text):
            continue
        if from_traceback and _bare(line.text, word):
            bare = line
            continue
        return "clear", line
    return ("bare traceback", bare) if bare else ("not named", None)


def _bare(text: str, name: re.Pattern[str]) -> bool:
    """An exception line that has only a class and the name: `KeyError: 'DATABASE_URL'` tells what, not what for."""
    rest = name.sub("", re.sub(r"^[\w.]+(Error|Exception|Invalid\w*|Undefined\w*)?:", "", text.strip()))
    return len(re.findall(r"[A-Za-z]{2,}", rest)) < 2


def _messages(lines: list[Line]) -> Iterator[tuple[Line, bool]]:
    """The lines that speak to a reader, without the frames of tracebacks; and whether a line ends a traceback."""
    in_traceback = False
    for line in lines:
        for text in _unpacked(line.text):
            plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
            if "Traceback (most recent call last)" in plain:
                in_traceback = True
            elif in_traceback and (not plain.strip() or plain[0] in " \t|+│╭╰❱"):
                continue
            else:
                yield Line(line.at, line.stream, plain), in_traceback
                in_traceback = False


def _unpacked(text: str) -> list[str]:
    """The lines within one line: a JSON record holds its message and its traceback as strings."""
    if not text.lstrip().startswith("{"):
        return [text]
    try:
        record = json.loads(text)
    except ValueError:
        return [text]
    found: list[str] = []
    waiting: list[object] = [record]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            found += value.splitlines()
    return found
