"""A part of the work done in a second process: the same answers, whatever becomes of it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from runtime_ops import answers, aside, pickled, pipeline, runtime_map
from runtime_ops.configuration import read_configuration
from runtime_ops.findings import PROMISES, Finding
from runtime_ops.report import json_format
from runtime_ops.rules.api import load

SAMPLE = Path(__file__).parent / "sample_service"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a second process is a fork, and forks are made on Linux alone")


def finding(line: int) -> Finding:
    return Finding("a-rule", "jobs", "low", "likely", "a.py", line, "what happens", "what to write", anchor="x")


def test_answers_are_those_of_one_process_in_the_order_of_the_tasks() -> None:
    parent = os.getpid()
    tasks = {"a": lambda: [finding(1)], "b": lambda: os.getpid() != parent, "c": lambda: os.getpid() == parent}
    found = aside.answers(tasks, {"a", "b", "no task"}, apart=True)
    assert found == {"a": [finding(1)], "b": True, "c": True}
    assert list(found) == ["a", "b", "c"]


@pytest.mark.parametrize("ending", ["killed", "crashed", "answer that is no plain value", "cut off"])
def test_second_process_that_fails_costs_time_and_nothing_else(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = os.getpid()

    def task() -> object:
        if os.getpid() != parent:
            if ending == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if ending == "crashed":
                raise RuntimeError
            if ending == "answer that is no plain value":
                return lambda: None
        return [finding(2)]

    if ending == "cut off":
        whole = pickled.packed
        monkeypatch.setattr(pickled, "packed", lambda found, records: whole(found, records)[:-5])
    assert aside.answers({"a": task, "b": lambda: 1}, {"a"}, apart=True) == {"a": [finding(2)], "b": 1}
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)  # nothing is left behind


def test_error_of_a_task_ends_the_second_process_too() -> None:
    def fails() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        aside.answers({"a": signal.pause, "b": fails}, {"a"}, apart=True)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_no_process_is_made_where_none_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refused)
    assert aside.answers({"a": lambda: 1, "b": lambda: 2}, {"a"}, apart=True) == {"a": 1, "b": 2}


def test_what_is_done_aside_is_there_to_be_done() -> None:
    rules = {f"rule {rule}" for rule in load()}
    known = rules | {f"promise {p}" for p in PROMISES} | {f"map {source}" for source in runtime_map.SOURCES}
    assert known.issuperset(answers.ASIDE)


def test_report_is_the_same_from_one_process_and_from_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "possible", lambda: True)
    rules = list(load().values())
    configuration = read_configuration(SAMPLE, None, load())
    texts = []
    for large in (10**9, 0):
        monkeypatch.setattr(answers, "LARGE", large)
        request = pipeline.Request(SAMPLE, "sample", rules, rules, configuration, everything=True)
        texts.append(json_format.render(pipeline.audit(request), {}))
    assert texts[0] == texts[1]
    assert '"rule"' in texts[0]
