"""probe-truth: do the probes tell the truth when a dependency is refused, hangs, or is slow?"""

from __future__ import annotations

import time

from runtime_ops.drill import http_client
from runtime_ops.drill.bench import Bench
from runtime_ops.drill.proxy import Mode, Proxy
from runtime_ops.drill.run import Run
from runtime_ops.drill.scenarios import Scenario
from runtime_ops.drill.verdict import Finding, not_assessed

PAUSE = 0.2
"""Seconds between two probes. A platform is slower; the truth of the answer does not depend on it."""
SAMPLES = 3
"""Probes judged for their time in each state, like a platform's failure threshold; one may be late."""
SLOWER = 2.0
"""The delayed dependency is slower than the probe's timeout by this factor."""


def run(bench: Bench) -> Finding:
    options = bench.options
    if not bench.proxies:
        return not_assessed("no dependency is known; --dependency NAME=host:port:ENVVAR names one")
    if not options.readiness:
        return not_assessed("no readiness probe is known; --readiness PATH names it")
    why_not = bench.why_not_ready()
    if why_not:
        return not_assessed(why_not)
    finding = Finding()
    for name, proxy in bench.proxies.items():
        if unreachable := reach(proxy):
            return not_assessed(f"dependency {name}: {unreachable}", finding.notes)
        proxy.delay_seconds = options.probe_timeout * SLOWER
        with bench.run(f"{name} goes away") as program:
            if program.wait_ready() != "ready":
                return not_assessed("it became ready before, but not in this run")
            _Probing(bench, program, name, proxy, finding).judge()
    return finding


def reach(proxy: Proxy) -> str:
    """Why the true dependency cannot be reached; empty when it can."""
    host, port = proxy.target
    answer = http_client.connect(host, port, 2.0)
    return f"{host}:{port} cannot be reached: {answer}" if answer else ""


class _Probing:
    """Takes one dependency through its states and judges the probes in each of them."""

    def __init__(self, bench: Bench, program: Run, name: str, proxy: Proxy, finding: Finding) -> None:
        self.options, self.program, self.name, self.proxy, self.finding = bench.options, program, name, proxy, finding
        self.sick = 0

    def judge(self) -> None:
        if not self.becomes(True, "is up"):
            return
        told = self.change("refuse", "refuses") and self.becomes(False, "refuses")
        if told:
            self.change("pass", "is back")
            if not self.becomes(True, "is back"):
                return
        self.change("swallow", "hangs")
        self.samples("hangs")
        if told:
            if not self.becomes(False, "hangs"):
                return
            self.change("pass", "is back")
            if not self.becomes(True, "is back"):
                return
            self.change("delay", f"is slow by {self.proxy.delay_seconds:g} s")
            self.samples("is slow")
        self.change("pass", "is back")

    def change(self, mode: Mode, what: str) -> bool:
        self.proxy.set(mode)
        self.program.event(f"{self.name} {what}")
        return True

    def becomes(self, good: bool, state: str) -> bool:
        """Whether readiness turns good (or bad) within the limit while the dependency is in a state."""
        word, limit = ("good" if good else "bad"), self.options.probe_limit
        began = time.monotonic()
        while True:
            answer = self.program.get(self.options.readiness, self.options.probe_timeout)
            self.liveness(state)
            took = time.monotonic() - began
            if answer.good is good:
                self.program.event(f"readiness {word}")
                self.finding.note(
                    self.program.now, f"{self.name} {state}: readiness {word} after {took:.1f} s ({answer})"
                )
                return True
            if took > limit or self.program.exited:
                stays = "the program ended" if self.program.exited else f"readiness is not {word} after {limit:g} s"
                self.finding.fault(self.program.now, f"{self.name} {state}: {stays} (last: {answer})")
                return False
            time.sleep(PAUSE)

    def samples(self, state: str) -> None:
        """Readiness must answer within its own timeout, good or bad, and liveness stay good."""
        late = 0
        for _ in range(SAMPLES):
            answer = self.program.get(self.options.readiness, self.options.probe_timeout)
            late += answer.error == "timeout"
            self.liveness(state)
            time.sleep(PAUSE)
        limit = self.options.probe_timeout
        if late > 1:
            text = f"{self.name} {state}: {late} of {SAMPLES} readiness probes gave no answer within {limit:g} s"
            self.finding.fault(self.program.now, text)
        else:
            text = f"{self.name} {state}: readiness answers within {limit:g} s (last: {answer})"
            self.finding.note(self.program.now, text)

    def liveness(self, state: str) -> None:
        """Liveness must stay good: a platform restarts what is not alive, and a restart mends no dependency."""
        if not self.options.liveness or self.sick > 1:
            return
        answer = self.program.get(self.options.liveness, self.options.probe_timeout)
        self.sick = 0 if answer.good else self.sick + 1
        if self.sick == 2:
            self.finding.fault(self.program.now, f"{self.name} {state}: liveness turned bad too ({answer})")


SCENARIO = Scenario(
    "probe-truth",
    "health",
    90,
    "Refuses, hangs and delays each dependency; kept when readiness follows, liveness stays good, all in time.",
    run,
)
