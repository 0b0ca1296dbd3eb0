"""A stop signal that means something else to the program that gets it."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.launch import Launch, Option
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._launched import (
    command_link,
    option,
    pause_before_stop,
    placements,
    production,
    server_of,
    system_of,
)

RULE = Rule(
    __name__,
    severity="high",
    summary="The platform's stop signal is not the one that makes the program finish its work.",
)
AT_ONCE = "die-on-term makes"
BAD = {"quick": "drops the requests in flight", "reload": "makes it reload instead of stop", "none": "is not handled"}
RELOAD_CURES = ("hook_master_start", "exit_on_reload", "need_app_die_on_term")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported: set[tuple[str, int]] = set()
    # of several ways to one place the ordinary one speaks for it
    for launch in sorted(production(project), key=lambda x: x.optional):
        if launch.shell == "parent" or launch.background:
            continue  # no signal arrives at all, which another rule tells
        found = _judged(project, launch)
        if found is None:
            continue
        path, line, message, remedy = found
        pause = min((pause_before_stop(x) for x in placements(project, launch)), default=0.0)
        held_off = pause > 0 and "requests" in message
        if (path, line) in reported:
            continue
        reported.add((path, line))
        yield RULE.finding(
            path,
            line,
            f"{message}; behind the preStop pause of {pause:g} s those that began before it and still run" if held_off else message,
            remedy,
            phase="shutdown",
            # requests, not jobs, and clients may ask again
            severity="low" if held_off else "medium" if message.startswith(AT_ONCE) else None,
            entrypoints=[e for e in project.entrypoints if launch in e.launches],
            confidence=_confidence(launch),
            trace=[Evidence(link.path, link.line, link.text) for link in launch.chain],
            anchor=f"{launch.program}:{message.split(':')[0]}",
        )


def _confidence(launch: Launch) -> str:
    """Possible only where the program may not be started so, or where a shell of an unknown kind may keep the signal from it."""
    if launch.optional or launch.shell == "unknown":
        return "possible"
    return "certain" if launch.platform != "packaging" else "likely"


def _judged(project: Project, launch: Launch) -> tuple[str, int, str, str] | None:
    signal = _signal(launch)
    server = server_of(launch)
    if server is not None and not server.development:
        means = server.sigterm if signal == "SIGTERM" else server.signals.get(signal, "")
        if means == "reload" and signal == "SIGTERM":
            if any(option(launch, name) is not None for name in RELOAD_CURES):
                return None
            at_once = option(launch, "die_on_term")
            if at_once is not None and at_once.value not in ("false", "0"):
                return _cuts_requests(launch, at_once)
            if server.name == "uwsgi" and option(launch, "master", "M") is None:
                return None  # it is the master that reloads; alone, the worker exits
            place = option(launch, "master") or next(iter(launch.options.values()), None)
            link = command_link(launch)
            path, line = (place.path, place.line) if place is not None else (link.path, link.line)
            return (
                path,
                line,
                f"{server.name} takes SIGTERM for a reload unless die-on-term is set: each stop respawns the workers and ends in "
                "SIGKILL with requests in flight",
                "set hook-master-start = unix_signal:15 gracefully_kill_them_all, which lets requests end; die-on-term cuts them",
            )
        if (signal, means) == ("SIGINT", "none") or server.sigterm != "graceful":
            return None  # Python raises KeyboardInterrupt by itself
        if signal != "SIGTERM" and means.split(" ")[0] in BAD and launch.stop_signal is not None:
            return (
                *_place(launch),
                f"The stop signal {signal} {BAD[means.split(' ')[0]]} in {server.name}; SIGTERM is what it drains on",
                "take the stop signal out (SIGTERM is the default)",
            )
        return None
    system = system_of(launch)
    if system is None:
        return None
    means = system.sigterm if signal == "SIGTERM" else system.signals.get(signal, "")
    if means.startswith(("interrupt", "cold")) and option(launch, *system.drain_option, "g", "graceful_signal") is None:
        where = _place(launch) if launch.stop_signal is not None else _command(launch)
        return (
            *where,
            f"{signal} makes the {system.name} worker drop the jobs it has in hand: each deploy loses them",
            "let the platform send SIGINT (STOPSIGNAL, stop_signal, KillSignal), or give the worker its graceful signal (-g TERM)"
            if system.name == "huey"
            else "stop it by SIGTERM, which finishes the jobs in hand",
        )
    if system.name == "rq" and isinstance(_unit(launch), a.SystemdUnit) and not _kill_mode_set(launch):
        if any("HerokuWorker" in module.level.bindings for module in project.modules):
            return None
        return (
            *_command(launch),
            "systemd's KillMode=control-group sends SIGTERM to rq's work-horse too, which dies at once: the running job fails at "
            "each stop",
            "KillMode=mixed in the unit",
        )
    return None


def _cuts_requests(launch: Launch, at_once: Option) -> tuple[str, int, str, str]:
    """uWSGI under die-on-term: SIGTERM is passed to the workers as SIGINT, and they exit where they stand (pyuwsgi 2.0.30, run: a
    request of 4 s is cut after 1 s; with the hook it is answered)."""
    return (
        at_once.path,
        at_once.line,
        f"{AT_ONCE} uWSGI kill its workers where they stand on SIGTERM: each stop and each deploy cuts the requests in flight",
        "take it out and set hook-master-start = unix_signal:15 gracefully_kill_them_all (with master = true): requests end, then the "
        "workers",
    )


def _signal(launch: Launch) -> str:
    if launch.stop_signal is None or launch.stop_signal.templated:
        return "SIGTERM"
    text = launch.stop_signal.text.strip().upper()
    numbers = {"2": "SIGINT", "3": "SIGQUIT", "15": "SIGTERM", "9": "SIGKILL", "1": "SIGHUP"}
    return numbers.get(text) or (text if text.startswith("SIG") else f"SIG{text}")


def _place(launch: Launch) -> tuple[str, int]:
    """Where the stop signal is written: the artifact of the chain that has it."""
    given = launch.stop_signal
    for artifact in reversed(launch.artifacts):
        if given is not None and isinstance(artifact, a.Dockerfile) and launch.service is None:
            return artifact.path, given.line
    return launch.path, given.line if given is not None else launch.line


def _command(launch: Launch) -> tuple[str, int]:
    link = command_link(launch)
    return link.path, link.line


def _unit(launch: Launch) -> a.Artifact | None:
    return launch.artifacts[0] if launch.artifacts else None


def _kill_mode_set(launch: Launch) -> bool:
    unit = _unit(launch)
    return isinstance(unit, a.SystemdUnit) and unit.get("Service", "KillMode") is not None
