"""What starts a command, and whether it goes by the status with which the command ends."""

from __future__ import annotations

from runtime_ops.facts import artifacts as a
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, command_name, is_management_command
from runtime_ops.project.launch import Launch
from runtime_ops.project.management_commands import mentions_command
from runtime_ops.project.model import Func

UNREAD = frozenset({"crontab", "shell", "packaging"})
"""Platforms that let the status go, or leave it to whoever typed the command."""


def is_started(project: Project, command: Func, commanded: dict[Func, Entrypoint]) -> bool:
    """Whether an artifact of the repository starts the command."""
    entrypoint = commanded.get(command)
    if is_management_command(command.path):
        return is_named(project, command.path)
    return entrypoint is not None and any(
        launch.platform != "packaging" and launch.role in ("main", "job", "init") for launch in entrypoint.launches
    )


def is_called(project: Project, command: Func, commanded: dict[Func, Entrypoint]) -> bool:
    """Whether an artifact runs this very command: of a program with several it names the one."""
    entrypoint = commanded.get(command)
    if not is_started(project, command, commanded) or entrypoint is None or command not in entrypoint.commands:
        return is_started(project, command, commanded)
    names = {command.name, command.name.replace("_", "-"), command_name(command, project.links)}
    return len(entrypoint.commands) == 1 or any(names & set(launch.argv) for launch in entrypoint.launches)


def is_named(project: Project, path: str) -> bool:
    """Whether what starts programs names the management command of a file."""
    return bool(_naming(project, path))


def _naming(project: Project, path: str) -> list[Launch]:
    """The launches that name the management command of a file."""
    return [launch for launch in project.launches if mentions_command(launch, path)]


def nobody_asks(project: Project, command: Func, commanded: dict[Func, Entrypoint]) -> bool:
    """Whether everything that starts the command lets its status go: a script that goes on beside it (``&``), or cron, which
    looks at the output alone."""
    launches = launches_of(project, command, commanded)
    return bool(launches) and all(x.background or x.platform == "crontab" for x in launches)


def launches_of(project: Project, command: Func, commanded: dict[Func, Entrypoint]) -> list[Launch]:
    """The launches that run the command."""
    if is_management_command(command.path):
        return _naming(project, command.path)
    entrypoint = commanded.get(command)
    launches = [x for x in entrypoint.launches if x.platform != "packaging"] if entrypoint is not None else []
    names = {command.name, command.name.replace("_", "-")}
    return [x for x in launches if names & set(x.argv)] or launches


def goes_by_status(launch: Launch) -> bool:
    """Whether what starts the command does otherwise when it fails: the script stops (``set -e``, ``&&``), the platform takes
    the container, the Job or the unit for failed."""
    # an arm of an image's entry script (``management``) is a container of its own for whoever starts it by that word
    if launch.background or launch.development or launch.optional or launch.role not in ("main", "init", "job", "management"):
        return False
    if launch.platform in UNREAD:
        return False
    link = launch.chain[-1]
    script = next((x for x in launch.artifacts if isinstance(x, a.ShellScript) and x.path == link.path), None)
    if script is None:
        return launch.role != "init" or launch.shell == "none"
    ran = [x for x in script.commands if x.line == link.line and x.argv[-1:] == launch.argv[-1:]]
    if any(x.after == "||" or x.negated or x.substitution for x in ran):
        return False
    stops = any(option.name == "errexit" and option.on for option in script.options)
    return launch.role != "init" or stops or any(x.after == "&&" for x in ran)
