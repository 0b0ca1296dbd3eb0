"""Reads Procfiles and crontabs: one command a line, run by a shell. Source: Heroku's "The Procfile"; crontab(5)."""

from __future__ import annotations

import re

from runtime_ops.facts.artifacts import EnvironmentVariable, PlatformFile, Program, Unread, Value
from runtime_ops.facts.commands import shell_command

_ENTRY = re.compile(r"([A-Za-z0-9_-]+)\s*:\s*(\S.*)\Z")
_SCHEDULE = re.compile(r"(@\w+|(?:[\d*/,\-A-Za-z?LW#]+\s+){4}[\d*/,\-A-Za-z?LW#]+)\s+(\S.*)\Z")
_SETTING = re.compile(r"([A-Za-z_]\w*)\s*=\s*(.*)\Z")
_MAX_UNREAD = 20


def read_procfile(path: str, text: str) -> PlatformFile:
    """The processes of a Procfile; ``kind`` and ``name`` are the process type (``web``, ``worker``, ``release``)."""
    programs: list[Program] = []
    unread: list[Unread] = []
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        found = _ENTRY.match(stripped)
        if found is None:
            if len(unread) < _MAX_UNREAD:
                unread.append(Unread(number, f"no process: {stripped[:60]}"))
            continue
        command = shell_command(found.group(2), number, number)
        programs.append(Program(found.group(1), found.group(1), number, number, command))
    return PlatformFile(path=path, unread=tuple(unread), platform="procfile", programs=tuple(programs))


def read_crontab(path: str, text: str) -> PlatformFile:
    """The jobs of a crontab; those of a system crontab (``cron.d``, ``/etc/crontab``) name a user first."""
    programs: list[Program] = []
    unread: list[Unread] = []
    env: list[EnvironmentVariable] = []
    named_user = "cron.d/" in path or path.endswith("etc/crontab")
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        setting = _SETTING.match(stripped)
        found = _SCHEDULE.match(stripped)
        if found is None and setting:
            value = Value(setting.group(2).strip("\"'"), number, number)
            env.append(EnvironmentVariable(setting.group(1), value, number, number))
        elif found is None:
            if len(unread) < _MAX_UNREAD:
                unread.append(Unread(number, f"no job: {stripped[:60]}"))
        else:
            text_ = found.group(2)
            user, _, rest = text_.partition(" ")
            if rest.strip() and (named_user or user == "root"):
                text_ = rest
            command = shell_command(text_, number, number)
            name = command.parts[0].program if command.parts else text_.split()[0]
            schedule = Value(found.group(1), number, number)
            programs.append(Program(name, "cron", number, number, command, env=tuple(env), schedule=schedule))
    return PlatformFile(path=path, unread=tuple(unread), platform="crontab", programs=tuple(programs))
