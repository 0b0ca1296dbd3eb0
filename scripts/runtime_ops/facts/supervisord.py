"""Reads supervisord configurations. Source of the options: Supervisor's manual, "Configuration File"."""

from __future__ import annotations

import re
from dataclasses import replace

from runtime_ops.facts.artifacts import (
    Command,
    EnvironmentVariable,
    OptionSection,
    Program,
    SupervisordConfig,
    Value,
    VariableUse,
)
from runtime_ops.facts.commands import split_command
from runtime_ops.facts.ini_sections import read_sections

_PROGRAM = re.compile(r"(program|eventlistener|fcgi-program):(.+)\Z")
_PAIR = re.compile(r"(?<!\w)([A-Za-z_]\w*+)\s*+=\s*+(\"(?:\\.|[^\"\\])*\"|'[^']*'|[^,\n]*)")
_EXPANSION = re.compile(r"%\(ENV_([A-Za-z_]\w*)\)s")
_TEXT = r"(?:[^{]|\{(?!%))*+"
_CHOICE = re.compile(
    rf"\{{%-?\s*if\s+(?P<test>[^%]*)%\}}(?P<one>{_TEXT})\{{%-?\s*else\s*-?%\}}(?P<other>{_TEXT})\{{%-?\s*endif\s*-?%\}}"
)
"""One of two texts in a template."""
_AT_THE_DESK = re.compile(r"(?i)reload|debug|(?<![a-z])dev")
_INTERESTING = re.compile(r"^[ \t]*\[(?:supervisord|program:|eventlistener:|fcgi-program:|group:)", re.MULTILINE)


def is_supervisord(text: str) -> bool:
    """Whether an ini text has a section that only supervisord knows."""
    return _INTERESTING.search(text) is not None


def read_supervisord(path: str, text: str) -> SupervisordConfig:
    """The programs and sections of a configuration. Never raises; lines that are no option are in ``unread``."""
    sections, unread = read_sections(_CHOICE.sub(_chosen, text) if "{%" in text else text, inline_comments=True)
    programs = []
    env: tuple[EnvironmentVariable, ...] = ()
    includes: list[Value] = []
    for section in sections:
        found = _PROGRAM.match(section.name)
        if found:
            programs.append(_program(section, found.group(1), found.group(2).strip()))
        elif section.name == "supervisord":
            env = _environment(section.get("environment"))
        elif section.name == "include":
            files = section.get("files")
            if files is not None:
                includes.extend(Value(word, files.line, files.end_line) for word in files.text.split())
    return SupervisordConfig(
        path=path,
        unread=tuple(unread),
        sections=sections,
        programs=tuple(programs),
        env=env,
        includes=tuple(includes),
    )


def _chosen(choice: re.Match[str]) -> str:
    """The text that production gets of two: the first, unless what it asks for is for developers. As many lines as both."""
    kept = (choice["other"] if _AT_THE_DESK.search(choice["test"]) else choice["one"]).strip()
    return kept + "\n" * (choice[0].count("\n") - kept.count("\n"))


def _program(section: OptionSection, kind: str, name: str) -> Program:
    autostart = section.get("autostart")
    return Program(
        name=name,
        kind=kind,
        line=section.line,
        end_line=section.end_line,
        command=_command(section.get("command")),
        env=_environment(section.get("environment")),
        working_dir=section.get("directory"),
        grace=section.get("stopwaitsecs"),
        stop_signal=section.get("stopsignal"),
        replicas=section.get("numprocs"),
        autostart=autostart is None or autostart.truth is not False,
    )


def _command(value: Value | None) -> Command | None:
    if value is None or not value.text:
        return None
    command = split_command(value.text.replace("\n", " "), value.line, value.end_line)
    if len(command.parts) != 1 or command.shell:
        return command
    words = command.argv or ()
    uses = tuple(use for index, word in enumerate(words) for use in _uses(word, value.line, index))
    return replace(command, parts=(replace(command.parts[0], variables=uses),))


def _uses(text: str, line: int, word: int) -> list[VariableUse]:
    """``%(ENV_NAME)s``: supervisord refuses to start when the variable is missing."""
    return [VariableUse(found, ":?", "", True, word, line, line) for found in _EXPANSION.findall(text)]


def _environment(value: Value | None) -> tuple[EnvironmentVariable, ...]:
    if value is None:
        return ()
    made = []
    for found in _PAIR.finditer(value.text):
        text = found.group(2).strip()
        if text[:1] in ("'", '"'):
            text = text[1:-1]
        line = value.line + value.text.count("\n", 0, found.start())
        uses = tuple(_uses(text, line, -1))
        made.append(EnvironmentVariable(found.group(1), Value(text, line, line), line, line, variables=uses))
    return tuple(made)
