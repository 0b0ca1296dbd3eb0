"""A liveness probe that runs while the container still migrates, before the port is open."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.launch import Launch, Link
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="medium",
    summary="The liveness probe kills a container that still runs migrations, for no startupProbe gives it time.",
)
MIGRATES = re.compile(r"(?:manage\.py|django-admin) migrate\b|\balembic (?:-\S+ \S+ )*upgrade\b|\bflask (?:--app \S+ )?db upgrade\b")
"""Commands that change the schema, where they stand in one line with the server: ``alembic upgrade head && exec gunicorn …``."""
PERIOD, FAILURES = 10.0, 3.0
"""Kubernetes' defaults of periodSeconds and failureThreshold (kubernetes.io, Configure Liveness, Readiness and Startup Probes)."""
ENOUGH = 600.0
"""Seconds after which a migration is no longer what keeps the port closed."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for entrypoint in project.entrypoints:
        for launch in entrypoint.production:
            container = launch.container
            if launch.platform != "kubernetes" or launch.role != "main" or entrypoint.kind != "service" or container is None:
                continue
            probe = container.liveness
            if probe is None or probe.templated or probe.method not in ("http", "tcp") or container.startup is not None:
                continue
            window = _window(probe)
            before = _migration(project, launch)
            if before is None or window is None or window >= ENOUGH or (launch.path, probe.line) in told:
                continue
            told.add((launch.path, probe.line))
            link, words = before
            yield RULE.finding(
                launch.path,
                probe.line,
                f"the port opens after {words}, and the liveness probe asks from the start: a migration that takes "
                f"longer than {window:g} s is killed in the middle and begun again at each restart",
                "add a startupProbe with as many failures as the longest migration needs, or migrate in a job or an init container",
                phase="startup",
                entrypoints=(entrypoint,),
                trace=(Evidence(link.path, link.line, link.text),),
                anchor=f"{entrypoint.id}:startup",
            )


def _migration(project: Project, launch: Launch) -> tuple[Link, str] | None:
    """The command that changes the schema before the server starts in the same container, and its words."""
    for other in project.launches:
        words = other.argv
        if other.role != "init" or other.container is not launch.container:
            continue
        if "migrate" in words or ("upgrade" in words and ("db" in words or any("alembic" in word for word in words))):
            return other.chain[-1], " ".join(words[-3:])
    for link in launch.chain:
        found = MIGRATES.search(link.text)
        if found is not None:
            return link, found.group()
    return None


def _window(probe: a.Probe) -> float | None:
    """Seconds after which a container that does not answer is killed; None where a number is not known."""
    delay = _number(probe.initial_delay, 0.0)
    period, failures = _number(probe.period, PERIOD), _number(probe.failures, FAILURES)
    return None if delay is None or period is None or failures is None else delay + period * failures


def _number(value: a.Value | None, default: float) -> float | None:
    if value is None:
        return default
    try:
        return float(value.text)
    except ValueError:
        return None
