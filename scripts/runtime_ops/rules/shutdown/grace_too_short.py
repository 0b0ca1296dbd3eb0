"""Less time before SIGKILL than the program's own way down takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.grace import DEFAULT_GRACE, Grace, grace_of
from runtime_ops.project.launch import Launch
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._launched import (
    command_link,
    option,
    pause_before_stop,
    production,
    seconds_in,
    server_of,
    system_of,
)
from runtime_ops.rules.shutdown._running import below

RULE = Rule(
    __name__,
    severity="high",
    summary="The platform's grace period is shorter than what the program may need to stop: SIGKILL cuts it.",
)

USUAL = 30.0  # seconds: what most platforms give
DRAINED = 15.0
"""Seconds of preStop after which hardly a request is in flight: the endpoints are gone since the stop began."""
SHORT = {"supervisord": ("supervisord", "stopwaitsecs"), "compose": ("Docker", "stop_grace_period")}
"""Keepers that give 10 s unless told otherwise, which a job outlives more often than not: their name, and the setting."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for finding in _findings(project):
        groups.setdefault((finding.severity, finding.entrypoints, finding.message), []).append(finding)
    for first, *others in groups.values():
        also = tuple(Evidence(f.path, f.line, "the same") for f in others[:8])
        yield replace(first, count=len(others) + 1, also=also)


def _findings(project: Project) -> Iterator[Finding]:
    reported: set[tuple[str, int]] = set()
    for launch in production(project):
        entrypoint = next((e for e in project.entrypoints if launch in e.launches), None)
        grace = grace_of(launch)
        if launch.shell == "parent":
            continue  # the server never hears of the stop: what it would do with the time does not matter
        if grace is None or launch.platform == "packaging" or (entrypoint is not None and not entrypoint.long_running):
            continue
        for finding in (
            _drain(launch, grace, entrypoint),
            _jobs(launch, grace, entrypoint),
            _handlers(project, launch, grace, entrypoint),
        ):
            if finding is not None and (finding.path, finding.line) not in reported:
                reported.add((finding.path, finding.line))
                yield finding
                break


def _drain(launch: Launch, grace: Grace, entrypoint: Entrypoint | None) -> Finding | None:
    """preStop and the server's drain against the grace period; at least one of them is written down."""
    if grace.written and grace.seconds == 0:
        return _finding(
            launch,
            grace,
            entrypoint,
            "high",
            "The grace period is 0: every stop is a SIGKILL at once",
            "set it to 30 s",
            confidence="certain" if entrypoint is not None else "possible",  # what it runs may be no Python
        )
    pause = pause_before_stop(launch)
    if pause >= DRAINED:
        return None  # no new requests come any more, and those in flight have had that long
    server = server_of(launch)
    drain, written, text = 0.0, False, ""
    if server is not None and server.name == "uwsgi" and option(launch, "die_on_term") is not None:
        server = None  # SIGTERM ends its workers at once
    if server is not None and server.drain == "bounded":
        given = option(launch, *server.drain_option.flags, *server.drain_option.settings, *server.drain_option.keywords)
        known = seconds_in(given.value) if given is not None else server.drain_seconds
        if known is None:
            return None
        drain, written = known, given is not None
        text = f"{server.name} drains up to {drain:g} s" + ("" if written else " by default")
    total = pause + drain
    if not (grace.written or written or pause) or total <= grace.seconds or (not pause and total == grace.seconds):
        return None
    if not written and not pause and grace.seconds >= DEFAULT_GRACE.get(launch.platform, 0):
        return None
    parts = [p for p in (f"preStop sleeps {pause:g} s" if pause else "", text) if p]
    # the server's limit is the longest it may take; a pause in preStop is taken at each stop
    severity = "high" if pause and written and drain >= USUAL else "medium" if written or pause else "low"
    return _finding(
        launch, grace, entrypoint, severity,
        f"{' and '.join(parts)}, but SIGKILL comes {grace.seconds:g} s after the stop began"
        + ("" if grace.written else f" ({launch.supervisor or launch.platform}'s default)")
        + ": work in flight is cut",
        f"set the grace period above {total:g} s, or the server's drain below {max(1.0, grace.seconds - pause - 5):g} s",
    )  # fmt: skip


def _jobs(launch: Launch, grace: Grace, entrypoint: Entrypoint | None) -> Finding | None:
    """A worker that finishes its job first, under a supervisor that nobody gave time for that."""
    system = system_of(launch)
    if system is None or system.sigterm != "drain" or grace.written:
        return None
    keeper, setting = SHORT.get(launch.supervisor or launch.platform, ("", ""))
    if not keeper:
        return None
    if system.drain_seconds is not None and system.drain_seconds <= grace.seconds:
        return None
    limit = system.time_limit
    link = next((x for x in reversed(launch.chain) if x.path.endswith((".conf", ".ini"))), command_link(launch))
    allowed = f"a job may run {limit:g} s" if limit is not None else "a job has no limit"
    return RULE.finding(
        link.path,
        launch.stop_signal.line if launch.stop_signal is not None and launch.unit is not None else link.line,
        f"The {system.name} worker finishes its job after SIGTERM ({allowed}), but {keeper} sends SIGKILL after {grace.seconds:g} s: "
        "the job is cut and only found by a later clean-up",
        f"set {setting} above the longest job" + (", and the container's grace period above that" if keeper == "supervisord" else ""),
        severity="medium",
        phase="shutdown",
        entrypoints=(entrypoint,) if entrypoint is not None else (),
        trace=[Evidence(x.path, x.line, x.text) for x in launch.chain],
        anchor=f"{launch.program}:{setting}",
    )


def _handlers(project: Project, launch: Launch, grace: Grace, entrypoint: Entrypoint | None) -> Finding | None:
    """A grace period set below the platform's default, and handlers whose outgoing calls may take longer."""
    default = DEFAULT_GRACE.get(launch.platform)
    if entrypoint is None or default is None or not grace.written or grace.seconds >= min(default, USUAL):
        return None
    by_function: dict[object, list[WaitSite]] = {}
    for wait in project.waits:
        if (
            wait.leaves_the_process
            and not wait.constructs
            and "serving" in project.phases(wait.site).get(entrypoint, ())
        ):
            by_function.setdefault(wait.site.function, []).append(wait)
    for func in by_function:
        handlers = [r.func for r in project.routes if r.func is not None]
        reaching = [h for h in handlers if func in set(below(project, h, 3))]
        if not reaching:
            continue
        calls = [w for f in below(project, reaching[0], 3) for w in by_function.get(f, ())]
        limits = [w.deadline.seconds if w.deadline.seconds is not None else grace.seconds for w in calls]
        if len(calls) >= 2 and sum(limits) > grace.seconds:
            return _finding(
                launch, grace, entrypoint, "low",
                f"The grace period is {grace.seconds:g} s, below the default of {default:g} s, but {reaching[0].name} makes "
                f"{len(calls)} outgoing calls that may take longer together: a drain cannot finish",
                "set it above the longest request (30 s is the default), or bound the calls",
            )  # fmt: skip
    return None


def _finding(
    launch: Launch,
    grace: Grace,
    entrypoint: Entrypoint | None,
    severity: str,
    message: str,
    remedy: str,
    confidence: str = "likely",
) -> Finding:
    return RULE.finding(
        grace.path,
        grace.line,
        message,
        remedy,
        severity=severity,
        # an image alone does not say what runs it, and with which grace period
        confidence="possible" if launch.platform == "dockerfile" and not grace.written else confidence,
        phase="shutdown",
        entrypoints=(entrypoint,) if entrypoint is not None else (),
        trace=[Evidence(x.path, x.line, x.text) for x in launch.chain],
        anchor=f"{launch.program}:{launch.platform}",
    )
