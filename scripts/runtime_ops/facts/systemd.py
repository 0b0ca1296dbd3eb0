"""Reads systemd service units and drop-ins. Source of the options: systemd.service(5), systemd.exec(5),
systemd.kill(5)."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from runtime_ops.facts.artifacts import (
    Command,
    EnvironmentSource,
    EnvironmentVariable,
    OptionSection,
    Program,
    SystemdUnit,
    Value,
)
from runtime_ops.facts.commands import split_command
from runtime_ops.facts.ini_sections import read_sections
from runtime_ops.facts.interpolation import variable_uses

_EXEC_PREFIX = re.compile(r"[@:+!|-]+")


def read_systemd(path: str, text: str) -> SystemdUnit:
    """The sections of a unit and the program of its ``[Service]``. Never raises on bad text."""
    sections, unread = read_sections(text, backslash=True)
    name = path.rsplit("/", 1)[-1]
    folder = path.rsplit("/", 2)[-2] if path.count("/") else ""
    unit = folder.removesuffix(".d") if folder.endswith(".service.d") else re.sub(r"(\.service)\..*\Z", r"\1", name)
    service = [section for section in sections if section.name == "Service"]
    program = _program(unit, service) if service else None
    return SystemdUnit(path=path, unread=tuple(unread), unit=unit, sections=sections, program=program)


def _program(unit: str, service: list[OptionSection]) -> Program:
    def last(option: str) -> Value | None:
        found = _effective(service, option)
        return found[-1] if found else None

    starts = [_command(value) for value in _effective(service, "ExecStart")]
    before = [_command(value) for value in _effective(service, "ExecStartPre")]
    return Program(
        name=unit.removesuffix(".service"),
        kind=(kind.text if (kind := last("Type")) else "simple"),
        line=service[0].line,
        end_line=service[-1].end_line,
        command=starts[-1] if starts else None,
        pre_commands=(*before, *starts[:-1]),
        env=tuple(variable for value in _effective(service, "Environment") for variable in _environment(value)),
        env_from=tuple(
            EnvironmentSource(
                "EnvironmentFile",
                value.text.removeprefix("-"),
                value.line,
                value.end_line,
                optional=value.text.startswith("-"),
            )
            for value in _effective(service, "EnvironmentFile")
        ),
        working_dir=last("WorkingDirectory"),
        grace=last("TimeoutStopSec") or last("TimeoutSec"),
        stop_signal=last("KillSignal"),
    )


def _effective(service: list[OptionSection], option: str) -> list[Value]:
    """The values that are in force: an empty one takes back those before it."""
    found: list[Value] = []
    for section in service:
        for value in (setting.value for setting in section.options if setting.name == option):
            found = [*found, value] if value.text else []
    return found


def _command(value: Value) -> Command:
    text = _EXEC_PREFIX.sub("", value.text, count=1) if value.text[:1] in "@:+!|-" else value.text
    command = split_command(text, value.line, value.end_line)
    if len(command.parts) != 1 or command.shell:
        return command
    words = command.argv or ()
    uses = tuple(use for index, word in enumerate(words) for use in variable_uses(word, value.line, index))
    return replace(command, parts=(replace(command.parts[0], variables=uses),))


def _environment(value: Value) -> list[EnvironmentVariable]:
    try:
        words = shlex.split(value.text) if len(value.text) < 20_000 else []
    except ValueError:
        words = value.text.split()
    made = []
    for word in words:
        name, equals, text = word.partition("=")
        if equals:
            fact = Value(text, value.line, value.end_line)
            made.append(EnvironmentVariable(name, fact, value.line, value.end_line))
    return made
