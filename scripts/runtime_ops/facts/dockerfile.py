"""Reads Dockerfiles: stages with the command, environment, health check and stop signal that are in force in each."""

from __future__ import annotations

import json
import re
from dataclasses import field, replace

from runtime_ops.facts.artifacts import (
    Command,
    Copy,
    Dockerfile,
    EnvironmentVariable,
    Port,
    Probe,
    Stage,
    Unread,
    Value,
    VariableUse,
)
from runtime_ops.facts.commands import exec_command, shell_command
from runtime_ops.facts.dockerfile_lines import Instruction, head_comment, instructions
from runtime_ops.facts.shell_words import Lines
from runtime_ops.facts.written_scripts import Piece, pieces_of_copy, pieces_of_run, written_scripts
from runtime_ops.plain import dataclass

_JSON_WORD = re.compile(r'"(?:\\.|[^"\\])*"')
_FLAG = re.compile(r"--([a-z-]+)(?:=(\S+))?(?:\s|\\\n)+")
_PAIR = re.compile(r"([A-Za-z_][\w.-]*)=((?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\(?!\n).|[^\s\"'\\])*)", re.DOTALL)
_PIECE = re.compile(r"\"((?:\\.|[^\"\\])*)\"|'([^']*)'|\\(.)|([^\"'\\]+)", re.DOTALL)
_VARIABLE = re.compile(r"\\\$|\$(?:\{([A-Za-z_]\w*)(?:(:?[-+?])([^}]{0,1000}))?\}|([A-Za-z_]\w*))")
_FROM = re.compile(r"(\S+)(?:\s+[Aa][Ss]\s+(\S+))?\s*\Z")
_TEMPLATE = re.compile(r"\{\{.*?\}\}")
_IGNORED = frozenset(("LABEL", "MAINTAINER", "VOLUME", "ONBUILD"))
_MAX_STAGES = 200
_MAX_INSTRUCTIONS = 3_000
_HEALTH_OPTIONS = {
    "interval": "period",
    "timeout": "timeout",
    "retries": "failures",
    "start-period": "initial_delay",
}


@dataclass(slots=True)
class _Build:
    """A stage while it is read."""

    index: int
    name: str | None
    image: Value
    parent: int | None
    line: int
    end_line: int
    cmd: Command | None = None
    entrypoint: Command | None = None
    own_cmd: bool = False
    healthcheck: Probe | None = None
    stop_signal: Value | None = None
    workdir: Value | None = None
    user: Value | None = None
    shell: tuple[str, ...] = ()
    env: list[EnvironmentVariable] = field(default_factory=list)
    args: list[EnvironmentVariable] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    runs: list[Command] = field(default_factory=list)
    written: list[Piece] = field(default_factory=list)

    def known(self) -> dict[str, str]:
        """Names that an instruction may use, with their values where written."""
        return {v.name: v.value.text for v in (*self.args, *self.env) if v.value is not None and not v.templated}


def read_dockerfile(path: str, text: str) -> Dockerfile:
    """The facts of a Dockerfile's text. What is no instruction is in ``unread``; never raises on bad text."""
    found, unread = instructions(text)
    stages: list[_Build] = []
    global_args: list[EnvironmentVariable] = []
    if len(found) > _MAX_INSTRUCTIONS:
        unread.append(Unread(found[_MAX_INSTRUCTIONS].line, f"more than {_MAX_INSTRUCTIONS:,} instructions"))
    for instruction in found[:_MAX_INSTRUCTIONS]:
        keyword = instruction.keyword
        if keyword == "FROM" and len(stages) >= _MAX_STAGES:
            unread.append(Unread(instruction.line, f"more than {_MAX_STAGES} stages"))
            break
        if keyword == "FROM":
            stage = _from(instruction, stages, global_args)
            if stage is None:
                unread.append(Unread(instruction.line, f"FROM is not understood: {instruction.rest[:60]}"))
            else:
                stages.append(stage)
        elif keyword == "ARG" and not stages:
            global_args.extend(_variables(instruction, {v.name: v.value.text for v in global_args if v.value}))
        elif not stages:
            if keyword not in _IGNORED:
                unread.append(Unread(instruction.line, f"{keyword[:40]} before the first FROM"))
        elif keyword in _READERS:
            stages[-1].end_line = instruction.end_line
            _READERS[keyword](stages[-1], instruction, global_args)
        elif keyword not in _IGNORED:
            unread.append(Unread(instruction.line, f"unknown instruction {keyword[:40]}"))
    if not stages:
        unread.append(Unread(1, "no FROM instruction was found"))
    return Dockerfile(
        path=path, unread=tuple(unread), stages=tuple(_finished(stage, path) for stage in stages), head=head_comment(text)
    )  # fmt: skip


def _finished(stage: _Build, path: str) -> Stage:
    return Stage(
        index=stage.index,
        name=stage.name,
        image=stage.image,
        parent=stage.parent,
        line=stage.line,
        end_line=stage.end_line,
        cmd=stage.cmd,
        entrypoint=stage.entrypoint,
        healthcheck=stage.healthcheck,
        stop_signal=stage.stop_signal,
        workdir=stage.workdir,
        user=stage.user,
        shell=stage.shell,
        env=tuple(stage.env),
        args=tuple(stage.args),
        ports=tuple(stage.ports),
        copies=tuple(stage.copies),
        runs=tuple(stage.runs),
        scripts=written_scripts(path, stage.written),
    )


def _from(instruction: Instruction, stages: list[_Build], global_args: list[EnvironmentVariable]) -> _Build | None:
    rest = instruction.rest
    while flag := _FLAG.match(rest):
        rest = rest[flag.end() :]
    rest = _TEMPLATE.sub(lambda found: found.group().replace(" ", ""), rest.replace("\\\n", " "))
    found = _FROM.match(rest)
    if found is None:
        return None
    known = {v.name: v.value.text for v in global_args if v.value is not None}
    image, templated = expand(found.group(1), known)
    value = Value(image, instruction.line, instruction.end_line, templated)
    parent = next(
        (s for s in reversed(stages) if (s.name or "").lower() == image.lower() or str(s.index) == image), None
    )
    line, end_line = instruction.line, instruction.end_line
    if parent is None:
        return _Build(len(stages), found.group(2), value, None, line, end_line)
    return replace(
        parent,
        index=len(stages),
        name=found.group(2),
        image=value,
        parent=parent.index,
        line=line,
        end_line=end_line,
        # whether the CMD is its own, and the ARGs, are not inherited
        own_cmd=False,
        args=[],
        env=list(parent.env),
        ports=list(parent.ports),
        copies=list(parent.copies),
        runs=list(parent.runs),
        written=list(parent.written),
    )


# ---------------------------------------------------------------- texts


def expand(text: str, known: dict[str, str]) -> tuple[str, bool]:
    """The text with ``$NAME``/``${NAME:-default}`` filled in from ``known``; second, whether one stayed unknown."""
    unknown = False

    def fill(found: re.Match[str]) -> str:
        nonlocal unknown
        name, operator, operand = found.group(1) or found.group(4), found.group(2), found.group(3) or ""
        if name is None:
            return "$"
        value = known.get(name)
        if operator in ("-", ":-") and not value:
            return operand
        if operator in ("+", ":+"):
            return operand if value else ""
        if value is None:
            unknown = True
            return found.group()
        return value

    return _VARIABLE.sub(fill, text) if "$" in text else text, unknown


def _unquote(text: str) -> str:
    pieces = []
    for double, single, escaped, plain in _PIECE.findall(text):
        pieces.append(re.sub(r"\\([\"\\$])", r"\1", double.replace("\\\n", "")) or single or escaped or plain)
    return "".join(pieces)


def _uses(text: str, line: int) -> tuple[VariableUse, ...]:
    made = []
    for found in _VARIABLE.finditer(text):
        name = found.group(1) or found.group(4)
        if name is not None:
            made.append(VariableUse(name, found.group(2), found.group(3) or "", True, -1, line, line))
    return tuple(made)


def _value(instruction: Instruction, stage: _Build) -> Value | None:
    text = _unquote(instruction.rest.replace("\\\n", " ").strip())
    if not text:
        return None
    text, templated = expand(text, stage.known())
    return Value(text, instruction.rest_line, instruction.end_line, templated)


def _json_words(instruction: Instruction, rest: str, line: int) -> list[Value] | None:
    """The words of ``["a", "b"]`` with their lines, None when the text is no JSON list of strings (shell form)."""
    if not rest.startswith("["):
        return None
    try:
        words = json.loads(rest.replace("\\\n", " "))
    except (ValueError, RecursionError):
        return None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return None
    lines = Lines(rest, line)
    places = [lines.at(found.start()) for found in _JSON_WORD.finditer(rest)]
    places += [instruction.end_line] * (len(words) - len(places))
    return [Value(word, place, place) for word, place in zip(words, places, strict=False)]


def _command(instruction: Instruction, rest: str, line: int) -> Command | None:
    words = _json_words(instruction, rest, line)
    if words is not None:
        return exec_command(words, line, instruction.end_line) if words else None
    return shell_command(rest, line, instruction.end_line) if rest.strip() else None


def _variables(instruction: Instruction, known: dict[str, str]) -> list[EnvironmentVariable]:
    """The pairs of ``ENV`` (also ``ENV NAME value``) and ``ARG`` (also without a value)."""
    rest, lines = instruction.rest, Lines(instruction.rest, instruction.rest_line)
    made: list[EnvironmentVariable] = []
    old_form = re.match(r"([A-Za-z_][\w.-]*)(?:[ \t]|\\\n)+(?!=)(.*)\Z", rest, re.DOTALL)
    if instruction.keyword == "ENV" and old_form:
        pairs = [(old_form.group(1), old_form.group(2).replace("\\\n", " ").strip(), 0, len(rest))]
    elif instruction.keyword == "ARG":
        pairs = []
        for found in re.finditer(r"(?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\(?!\n).|[^\s\"'\\])+", rest, re.DOTALL):
            argument, equals, default = found.group().partition("=")
            pairs.append((argument, default if equals else "\0", found.start(), found.end()))
    else:
        pairs = [(found.group(1), found.group(2), found.start(), found.end()) for found in _PAIR.finditer(rest)]
    known = dict(known)
    for name, raw, start, end in pairs:
        line, end_line = lines.at(start), lines.at(max(start, end - 1))
        if raw == "\0":
            made.append(EnvironmentVariable(name, None, line, end_line, source="build"))
            continue
        quoted_literally = raw.startswith("'")
        text, templated = (_unquote(raw), False) if quoted_literally else expand(_unquote(raw), known)
        value = Value(text, line, end_line, templated)
        uses = () if quoted_literally else _uses(raw, line)
        made.append(EnvironmentVariable(name, value, line, end_line, templated=templated, variables=uses))
        known[name] = text
    return made


# ---------------------------------------------------------------- instructions


def _read_cmd(stage: _Build, instruction: Instruction, _: list[EnvironmentVariable]) -> None:
    stage.cmd = _command(instruction, instruction.rest, instruction.rest_line)
    stage.own_cmd = True


def _read_entrypoint(stage: _Build, instruction: Instruction, _: list[EnvironmentVariable]) -> None:
    stage.entrypoint = _command(instruction, instruction.rest, instruction.rest_line)
    if not stage.own_cmd:
        stage.cmd = None


def _read_env(stage: _Build, instruction: Instruction, _: list[EnvironmentVariable]) -> None:
    made = _variables(instruction, stage.known())
    names = {variable.name for variable in made}
    stage.env = [variable for variable in stage.env if variable.name not in names] + made


def _read_arg(stage: _Build, instruction: Instruction, global_args: list[EnvironmentVariable]) -> None:
    outer = {variable.name: variable for variable in global_args}
    for variable in _variables(instruction, stage.known()):
        inherited = outer.get(variable.name) if variable.value is None else None
        stage.args.append(inherited or variable)


def _read_healthcheck(stage: _Build, instruction: Instruction, _: list[EnvironmentVariable]) -> None:
    rest, line = instruction.rest, instruction.rest_line
    options: dict[str, Value] = {}
    while flag := _FLAG.match(rest):
        option = _HEALTH_OPTIONS.get(flag.group(1))
        if option and flag.group(2):
            text, templated = expand(flag.group(2), stage.known())
            options[option] = Value(text, line, line, templated)
        line += flag.group().count("\n")
        rest = rest[flag.end() :]
    kind = re.match(r"(CMD|NONE)(?:\s|\\\n|\Z)(?:\s|\\\n)*", rest, re.IGNORECASE)
    if kind is None:
        return
    method = "exec" if kind.group(1).upper() == "CMD" else "none"
    line += kind.group().count("\n")
    command = _command(instruction, rest[kind.end() :], line) if method == "exec" else None
    stage.healthcheck = Probe(
        role="health",
        method=method,
        line=instruction.line,
        end_line=instruction.end_line,
        command=command,
        timeout=options.get("timeout"),
        period=options.get("period"),
        failures=options.get("failures"),
        initial_delay=options.get("initial_delay"),
    )


def _read_run(stage: _Build, instruction: Instruction, _: list[EnvironmentVariable]) -> None:
    rest, line = instruction.rest, instruction.rest_line
    while flag := _FLAG.match(rest):
        line += flag.group().count("\n")
        rest = rest[flag.end() :]
    if instruction.bodies and re.match(r"<<-?\s*[\"']?[A-Za-z_][\w.]*[\"']?\s*\Z", rest):
        line, text = instruction.bodies[0]
        command: Command | None = shell_command(text, line, instruction.end_line) if text.strip() else None
    else:
        command = _command(instruction, rest, line)
    if command is not None:
        stage.runs.append(command)
        stage.written.extend(pieces_of_run(command, instruction.bodies))


def _read_copy(stage: _Build, instruction: Instruction, _: list[EnvironmentVariable]) -> None:
    rest, origin = instruction.rest, None
    while flag := _FLAG.match(rest):
        if flag.group(1) == "from":
            origin = flag.group(2)
        rest = rest[flag.end() :]
    words = _json_words(instruction, rest, instruction.rest_line)
    if words is not None:
        texts = [word.text for word in words]
    else:
        texts = [_unquote(word) for word in rest.replace("\\\n", " ").split()]
    if len(texts) > 1:
        known = stage.known()
        texts = [expand(text, known)[0] for text in texts]
        stage.written.extend(pieces_of_copy(texts[:-1], texts[-1], instruction.bodies))
        stage.copies.append(Copy(tuple(texts[:-1]), texts[-1], origin, instruction.line, instruction.end_line))


def _read_expose(stage: _Build, instruction: Instruction, _: list[EnvironmentVariable]) -> None:
    for word in instruction.rest.replace("\\\n", " ").split():
        text, templated = expand(word, stage.known())
        number, _slash, protocol = text.partition("/")
        value = Value(number, instruction.line, instruction.end_line, templated)
        stage.ports.append(Port(value, instruction.line, instruction.end_line, protocol=protocol.lower()))


def _read_stop_signal(stage: _Build, instruction: Instruction, _: list[EnvironmentVariable]) -> None:
    stage.stop_signal = _value(instruction, stage)


def _read_workdir(stage: _Build, instruction: Instruction, _: list[EnvironmentVariable]) -> None:
    value = _value(instruction, stage)
    if value is not None and not value.text.startswith(("/", "$")) and stage.workdir is not None:
        joined = stage.workdir.text.rstrip("/") + "/" + value.text
        value = Value(joined, value.line, value.end_line, value.templated or stage.workdir.templated)
    stage.workdir = value


def _read_user(stage: _Build, instruction: Instruction, _: list[EnvironmentVariable]) -> None:
    stage.user = _value(instruction, stage)


def _read_shell(stage: _Build, instruction: Instruction, _: list[EnvironmentVariable]) -> None:
    words = _json_words(instruction, instruction.rest, instruction.rest_line)
    stage.shell = tuple(word.text for word in words or ())


_READERS = {
    "CMD": _read_cmd,
    "ENTRYPOINT": _read_entrypoint,
    "ENV": _read_env,
    "ARG": _read_arg,
    "HEALTHCHECK": _read_healthcheck,
    "RUN": _read_run,
    "COPY": _read_copy,
    "ADD": _read_copy,
    "EXPOSE": _read_expose,
    "STOPSIGNAL": _read_stop_signal,
    "WORKDIR": _read_workdir,
    "USER": _read_user,
    "SHELL": _read_shell,
}
