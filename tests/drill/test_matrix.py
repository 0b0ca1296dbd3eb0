"""Each scenario on a program that keeps its promise and on one that breaks it, by one fault at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime_ops.drill.scenarios import load

from .conftest import PROGRAMS, Outcome

# scenario, fault, words that the reason must hold
FAULTS = [
    ("start", "slow-start", "not ready within"),
    ("missing-configuration", "default-configuration", "started all the same"),
    ("missing-configuration", "bare-key-error", "bare traceback"),
    ("missing-configuration", "refuses-with-0", "as if all were well"),
    ("bad-configuration", "unnamed-setting", "not name it"),
    ("bad-configuration", "bare-key-error", "not name it"),
    ("terminate-idle", "no-handler", "SIGTERM is not handled"),
    ("terminate-idle", "slow-stop", "still running 4 s after"),
    ("terminate-idle", "wrong-code", "exit code 9"),
    ("terminate-idle", "orphan", "left running: sleep 600"),
    ("terminate-idle", "child-holds-port", "is still open"),
    ("terminate-idle", "temporary-file", "forgotten-"),
    ("terminate-idle", "lost-lines", "still in the buffer"),
    ("terminate-twice", "second-signal-crashes", "exit code 70"),
    ("terminate-twice", "handler-taken-off", "the second SIGTERM was not handled"),
    ("terminate-under-load", "drops-in-flight", "was not answered"),
    ("interrupt", "ignores-interrupt", "still running"),
    ("terminate-during-startup", "ignores-term-in-startup", "still running"),
    ("probe-truth", "readiness-lies", "readiness is not bad"),
    ("probe-truth", "readiness-sticks", "readiness is not good"),
    ("probe-truth", "liveness-follows", "liveness turned bad"),
    ("probe-truth", "probe-hangs", "gave no answer within"),
    ("hung-dependency", "no-deadline", "had not ended"),
    ("signals", "no-metrics", "shows: in flight"),
    ("logs", "plain-logs", "not structured"),
    ("logs", "leaks-secret", "secret value of API_TOKEN"),
    ("logs", "no-correlation", "lack the value of X-Request-ID"),
]


def test_a_right_service_keeps_every_promise_within_a_minute(
    drill: Callable[..., Outcome], service: Callable[..., list[str]]
) -> None:
    outcome = drill(*service(""))
    told = {s["name"]: outcome.told(s["name"]) for s in outcome["scenarios"]}
    verdicts = {name: outcome.verdict(name) for name in told}
    assert verdicts.pop("failing-job") == "not assessed"
    assert not [told[name] for name, verdict in verdicts.items() if verdict != "kept"]
    assert outcome.code == 0
    assert outcome["complete"] and outcome["strays"] == []
    assert outcome["seconds"] < 60


@pytest.mark.parametrize(("scenario", "fault", "words"), FAULTS, ids=[f"{s}-{f}" for s, f, _ in FAULTS])
def test_a_fault_breaks_its_scenario(
    scenario: str, fault: str, words: str, drill: Callable[..., Outcome], service: Callable[..., list[str]]
) -> None:
    extra = {
        "slow-start": ("--startup-limit", "1"),
        "handler-taken-off": ("--scenario", "terminate-idle"),
        "probe-hangs": ("--probe-limit", "2"),
    }.get(fault, ())
    outcome = drill(*service(fault, scenario, extra=extra))
    assert outcome.verdict(scenario) == "broken", outcome.told(scenario)
    assert words in outcome.scenario(scenario)["reason"], outcome.told(scenario)
    assert outcome.code == 1
    assert "hunter2" not in str(outcome) + outcome.stderr
    assert outcome["strays"] == []


def test_the_faults_cover_every_scenario() -> None:
    covered = {scenario for scenario, _, _ in FAULTS} | {"failing-job"}
    assert covered == {scenario.name for scenario in load()}


def test_metrics_that_do_not_move_are_not_taken_for_kept(
    drill: Callable[..., Outcome], service: Callable[..., list[str]]
) -> None:
    outcome = drill(*service("still-metrics", "signals"))
    assert outcome.verdict("signals") == "not assessed"
    assert "did not move: in flight" in outcome.scenario("signals")["reason"]


def _worker(tmp_path: Path, faults: str, *more: str) -> list[str]:
    program = f"{sys.executable} {PROGRAMS / 'worker.py'} {tmp_path}/queue"
    options = ["--env", f"FAULTS={faults}", "--grace", "4", "--job-limit", "6", "--ready-log", "worker started"]
    options += ["--job-command", f"{program} put {{token}}", "--terminal-check", f"{program} check-terminal {{token}}"]
    return [*options, *more, "--", *program.split()]


@pytest.mark.parametrize(
    ("faults", "verdict", "words"),
    [
        ("", "kept", "4 attempt(s)"),
        ("retries-forever", "broken", "not in its terminal state"),
        ("even-pauses", "broken", "do not grow"),
        ("goes-on-after-death", "broken", "after it was in its terminal state"),
        ("crashes", "broken", "ended the whole program"),
    ],
)
def test_failing_job(faults: str, verdict: str, words: str, tmp_path: Path, drill: Callable[..., Outcome]) -> None:
    outcome = drill(*_worker(tmp_path, faults, "--scenario", "failing-job"))
    assert outcome.verdict("failing-job") == verdict, outcome.told("failing-job")
    assert words in outcome.told("failing-job")


def test_pauses_of_milliseconds_do_not_grow(tmp_path: Path, drill: Callable[..., Outcome]) -> None:
    """5, 10, 20 ms: longer by what the clock alone may give."""
    outcome = drill(*_worker(tmp_path, "hot", "--attempt-log", r"attempt \d of", "--scenario", "failing-job"))
    assert outcome.verdict("failing-job") == "broken", outcome.told("failing-job")
    assert "do not grow" in outcome.told("failing-job")


def test_lines_taken_for_one_attempt_are_told(tmp_path: Path, drill: Callable[..., Outcome]) -> None:
    outcome = drill(*_worker(tmp_path, "hot", "--scenario", "failing-job"))
    assert "count as one attempt; --attempt-log REGEX" in outcome.told("failing-job")


@pytest.mark.parametrize(("faults", "verdict"), [("", "kept"), ("no-handler", "broken")])
def test_jobs_in_flight(faults: str, verdict: str, tmp_path: Path, drill: Callable[..., Outcome]) -> None:
    program = f"{sys.executable} {PROGRAMS / 'worker.py'} {tmp_path}/queue"
    load = ("--load-command", f"{program} put slow-1", "--load-check", f"{program} check-kept")
    outcome = drill(*_worker(tmp_path, faults, *load, "--scenario", "terminate-under-load"))
    told = outcome.told("terminate-under-load")
    assert outcome.verdict("terminate-under-load") == verdict, told
    assert ("work in flight was lost" in told) is (verdict == "broken")


def test_jobs_in_flight_without_a_check_are_not_assessed(tmp_path: Path, drill: Callable[..., Outcome]) -> None:
    program = f"{sys.executable} {PROGRAMS / 'worker.py'} {tmp_path}/queue"
    outcome = drill(*_worker(tmp_path, "", "--load-command", f"{program} put a", "--scenario", "terminate-under-load"))
    assert outcome.verdict("terminate-under-load") == "not assessed"
    assert "--load-check" in outcome.scenario("terminate-under-load")["reason"]
    assert outcome.code == 3


@pytest.mark.parametrize(
    ("faults", "verdict", "words"),
    [
        ("", "kept", "the run afterwards was whole"),
        ("half-written", "broken", "half-written output"),
        ("swallows-interrupt", "broken", "exit code 0 after SIGINT"),
    ],
)
def test_interrupted_command(faults: str, verdict: str, words: str, drill: Callable[..., Outcome]) -> None:
    options = [
        "--scenario",
        "start",
        "--scenario",
        "interrupt",
        "--env",
        f"FAULTS={faults}",
        "--output",
        "{scratch}/out",
    ]
    outcome = drill(*options, "--", sys.executable, str(PROGRAMS / "tool.py"), "{scratch}/out")
    assert outcome.verdict("start") == "kept", outcome.told("start")
    assert outcome.verdict("interrupt") == verdict, outcome.told("interrupt")
    assert words in outcome.told("interrupt")
