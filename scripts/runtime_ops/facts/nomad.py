"""Reads Nomad job files (HCL): tasks with command, environment, checks, kill signal and time.

Source: Nomad's "Job Specification" (``job``, ``group``, ``task``, ``check`` blocks). Only the syntax that job files use
is read: blocks, attributes, strings, lists, objects and here-documents; expressions stay as text, marked.
"""

from __future__ import annotations

import re

from runtime_ops.facts.artifacts import (
    Command,
    EnvironmentSource,
    EnvironmentVariable,
    PlatformFile,
    Port,
    Probe,
    Program,
    Unread,
    Value,
)
from runtime_ops.facts.commands import exec_command
from runtime_ops.facts.shell_words import Lines
from runtime_ops.facts.yaml_commands import words_of
from runtime_ops.facts.yaml_nodes import Mapping, Node, Scalar, Sequence, child, items_of, pairs_of, text_of, value_of

_TOKEN = re.compile(
    r"(?P<skip>\s+|#[^\n]*|//[^\n]*)"
    r"|(?P<comment>/\*)"
    r"|(?P<heredoc><<-?(?P<word>\w+)[ \t]*\n)"
    r"|(?P<string>\"(?:[^\"\\$]+|\\.|\$(?!\{)|\$\{[^}\"]*\})*+\")"
    r"|(?P<sign>[{}\[\],=:()])"
    r"|(?P<plain>[^\s{}\[\],=:()\"#]+)",
    re.DOTALL,
)
_MAX_DEPTH = 30
LABEL = "\0label"
"""Key under which a block's label stands (``task "web"``)."""


class _HclError(Exception):
    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


def read_nomad(path: str, text: str) -> PlatformFile:
    """The tasks of a job file. Never raises on bad text."""
    try:
        root = _Reader(text).body(top=True)
    except _HclError as error:
        return PlatformFile(path=path, unread=(Unread(error.line, f"HCL: {error.reason}"),), platform="nomad")
    programs: list[Program] = []
    for job in _blocks(root, "job"):
        kind = text_of(job, "type") or "service"
        groups = _blocks(job, "group") or [job]
        for group in groups:
            programs.extend(_task(task, group, job, kind) for task in _blocks(group, "task"))
    return PlatformFile(path=path, platform="nomad", programs=tuple(programs))


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        lines = Lines(text)
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise _HclError(lines.at(at), f"unexpected {text[at : at + 20]!r}")
            at = found.end()
            if found.group("comment"):
                at = text.find("*/", at) + 2
                if at < 2:
                    raise _HclError(lines.at(found.start()), "a comment is not closed")
            elif word := found.group("word"):
                close = re.compile(rf"^[ \t]*{word}[ \t]*$", re.MULTILINE).search(text, at)
                if close is None:
                    raise _HclError(lines.at(found.start()), f"the here-document {word} is not closed")
                self._tokens.append(("string", text[at : close.start()], lines.at(at)))
                at = close.end()
            elif found.lastgroup is not None and found.lastgroup != "skip":
                self._tokens.append((found.lastgroup, found.group(), lines.at(found.start())))
        self._end = lines.at(len(text))
        self._at = 0
        self._depth = 0

    def _peek(self) -> tuple[str, str, int]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "", self._end)

    def _take(self) -> tuple[str, str, int]:
        token = self._peek()
        self._at += 1
        return token

    def body(self, top: bool = False) -> Mapping:
        """Attributes and blocks up to ``}`` (or the end); several blocks of one name are all in ``pairs``."""
        self._depth += 1
        line = self._peek()[2]
        node = Mapping(line, line)
        if self._depth > _MAX_DEPTH:
            raise _HclError(line, f"nested deeper than {_MAX_DEPTH}")
        while True:
            kind, text, line = self._take()
            if kind == "end" or text == "}":
                if top != (kind == "end"):
                    raise _HclError(line, "a brace is missing or too many")
                node.end_line = line
                break
            if text == ",":
                continue
            if kind not in ("plain", "string"):
                raise _HclError(line, f"unexpected {text!r}")
            key = Scalar(line, line, text=_unquoted(kind, text))
            node.pairs.append((key, self._after_name()))
        node.index = {key.text: value for key, value in node.pairs}
        self._depth -= 1
        return node

    def _after_name(self) -> Node:
        """The value of an attribute, or a block with its labels."""
        labels: list[Scalar] = []
        while True:
            kind, text, line = self._take()
            if text in ("=", ":") and kind == "sign":
                return self._value()
            if text == "{" and kind == "sign":
                block = self.body()
                block.line = line
                if labels:
                    block.pairs.insert(0, (Scalar(line, line, text=LABEL), labels[-1]))
                    block.index[LABEL] = labels[-1]
                return block
            if kind not in ("string", "plain"):
                raise _HclError(line, f"unexpected {text or 'end'!r}")
            labels.append(Scalar(line, line, text=_unquoted(kind, text)))

    def _value(self) -> Node:
        kind, text, line = self._take()
        if text == "{" and kind == "sign":
            return self.body()
        if text == "[" and kind == "sign":
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                raise _HclError(line, f"nested deeper than {_MAX_DEPTH}")
            items = Sequence(line, line)
            while self._peek()[1] != "]" or self._peek()[0] != "sign":
                if self._peek()[0] == "end":
                    raise _HclError(line, "a list is not closed")
                if self._peek()[1] == ",":
                    self._take()
                else:
                    items.items.append(self._value())
            items.end_line = self._take()[2]
            self._depth -= 1
            return items
        if kind == "plain" and self._peek()[1] == "(":
            return self._call(text, line)
        if kind not in ("plain", "string"):
            raise _HclError(line, f"unexpected {text or 'end'!r}")
        value = _unquoted(kind, text)
        unknown = "${" in value or (kind == "plain" and "." in value and not value[:1].isdigit())
        return Scalar(line, line + text.count("\n"), unknown, value, '"' if kind == "string" else "")

    def _call(self, name: str, line: int) -> Node:
        """A function call: its text is not known."""
        depth = 0
        while True:
            kind, text, _ = self._take()
            if kind == "end":
                raise _HclError(line, "a parenthesis is not closed")
            depth += (text == "(") - (text == ")")
            if depth == 0:
                return Scalar(line, line, True, f"{name}(…)")


def _unquoted(kind: str, text: str) -> str:
    if kind == "string" and text[:1] == '"':
        return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found.group(1), found.group(1)), text[1:-1])
    return text


def _blocks(node: Node, name: str) -> list[Mapping]:
    return [value for key, value in pairs_of(node) if key.text == name and isinstance(value, Mapping)]


def _task(task: Mapping, group: Mapping, job: Mapping, kind: str) -> Program:
    config = child(task, "config")
    templates = [block for block in _blocks(task, "template") if text_of(block, "env") == "true"]
    services = [*_blocks(group, "service"), *_blocks(task, "service")]
    ports = [port for block in _blocks(group, "network") for port in _blocks(block, "port")]
    return Program(
        name=text_of(task, LABEL),
        kind=kind,
        line=task.line,
        end_line=task.end_line,
        command=_command(config),
        env=_environment(task),
        env_from=tuple(EnvironmentSource("template", "", b.line, b.end_line, templated=True) for b in templates),
        probes=tuple(_probe(check) for service in services for check in _blocks(service, "check")),
        ports=tuple(Port(to, port.line, port.end_line) for port in ports if (to := value_of(port, "to")) is not None),
        image=value_of(config, "image"),
        working_dir=value_of(config, "work_dir"),
        grace=value_of(task, "kill_timeout"),
        stop_signal=value_of(task, "kill_signal"),
        replicas=value_of(group, "count"),
        schedule=value_of(job, "periodic", "cron") or value_of(job, "periodic", "crons"),
    )


def _command(config: Node | None) -> Command | None:
    program = child(config, "command")
    entry = items_of(config, "entrypoint")
    items = [*entry, *([program] if isinstance(program, Scalar) else []), *items_of(config, "args")]
    return exec_command(words_of(items), items[0].line, items[-1].end_line) if items else None


def _environment(task: Mapping) -> tuple[EnvironmentVariable, ...]:
    made = []
    for key, value in pairs_of(task, "env"):
        if isinstance(value, Scalar):
            fact = Value(value.text, value.line, value.end_line, value.templated)
            made.append(EnvironmentVariable(key.text, fact, key.line, value.end_line, templated=value.templated))
    return tuple(made)


def _probe(check: Mapping) -> Probe:
    method = {"script": "exec"}.get(text_of(check, "type"), text_of(check, "type"))
    return Probe(
        role="health",
        method=method if method in ("http", "tcp", "grpc", "exec") else "template",
        line=check.line,
        end_line=check.end_line,
        path=value_of(check, "path"),
        port=value_of(check, "port"),
        command=_command(check),
        timeout=value_of(check, "timeout"),
        period=value_of(check, "interval"),
    )
