"""Reads yacron's schedule: a list of jobs in YAML, each a command at its times (yacron 0.19, README, config.py)."""

from __future__ import annotations

import re

from runtime_ops.facts.artifacts import PlatformFile, Program
from runtime_ops.facts.yaml_commands import text_command
from runtime_ops.facts.yaml_nodes import Mapping, child, items_of, parse_yaml, text_of, value_of

_JOBS = re.compile(r"^jobs\s*:\s*$", re.MULTILINE)
_COMMAND = re.compile(r"^[ \t-]+command\s*:", re.MULTILINE)
_SCHEDULE = re.compile(r"^[ \t-]+schedule\s*:", re.MULTILINE)


def is_yacron(text: str) -> bool:
    """Whether a YAML text lists jobs by name, command and schedule."""
    return all(pattern.search(text) for pattern in (_JOBS, _COMMAND, _SCHEDULE))


def read_yacron(path: str, text: str) -> PlatformFile | None:
    """The jobs of a schedule as programs of ``crontab`` (a text is run by ``/bin/sh``); None when no job has both command and
    schedule."""
    nodes, unread = parse_yaml(text)
    programs = []
    for item in (item for node in nodes for item in items_of(child(node, "jobs"))):
        schedule = value_of(item, "schedule") if isinstance(item, Mapping) else None
        command = text_command(item.get("command"), shell=True) if isinstance(item, Mapping) else None
        if command is not None and schedule is not None:
            programs.append(Program(text_of(item, "name"), "cron", item.line, item.end_line, command, schedule=schedule))
    return PlatformFile(path=path, unread=tuple(unread), platform="crontab", programs=tuple(programs)) if programs else None
