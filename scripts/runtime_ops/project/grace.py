"""The grace period of a launch: the time between its stop signal and SIGKILL."""

from __future__ import annotations

from typing import NamedTuple

from runtime_ops.project.launch import Launch

DEFAULT_GRACE = {
    "compose": 10.0, "dockerfile": 10.0, "kubernetes": 30.0, "ecs": 30.0, "heroku": 30.0, "procfile": 30.0,
    "supervisord": 10.0, "systemd": 90.0, "fly": 5.0,
}  # fmt: skip
"""Seconds between the stop signal and SIGKILL where nothing is set (see the table of platforms in the guide)."""


class Grace(NamedTuple):
    """Seconds, and whether an artifact says so (then ``path`` and ``line`` tell where)."""

    seconds: float
    written: bool
    path: str
    line: int


def grace_of(launch: Launch) -> Grace | None:
    """The grace period, or None where it is unknown (templated, a platform without a known default)."""
    if launch.grace is not None:
        seconds = launch.grace.seconds
        return Grace(seconds, True, launch.path, launch.grace.line) if seconds is not None else None
    name = launch.supervisor if launch.supervisor in DEFAULT_GRACE else launch.platform
    known = DEFAULT_GRACE.get(name or "")
    return Grace(known, False, launch.path, launch.line) if known is not None else None
