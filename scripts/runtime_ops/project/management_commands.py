"""Which launches name a management command of Django: ``manage.py sweep`` runs ``management/commands/sweep.py``."""

from __future__ import annotations

from runtime_ops.project.launch import Launch


def command_of(path: str) -> str:
    """The word by which ``manage.py`` runs the command of a file."""
    return path.rpartition("/")[2].removesuffix(".py")


def names_command(launch: Launch, path: str) -> bool:
    """Whether a word of a launch is the management command of a file."""
    return command_of(path) in launch.argv


def mentions_command(launch: Launch, path: str) -> bool:
    """Whether the management command of a file stands in a launch, if only within a word, as in the text that a shell is given
    (``sh -c "python manage.py sweep"``). A longer word with it (``sweep_all``) counts too."""
    name = command_of(path)
    return any(name in word for word in launch.argv)
