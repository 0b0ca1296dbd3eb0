"""Reads ``fly.toml``. Source: Fly's "App configuration (fly.toml)"."""

from __future__ import annotations

from runtime_ops.facts.artifacts import (
    Command,
    EnvironmentVariable,
    PlatformFile,
    Port,
    Probe,
    Program,
    Value,
)
from runtime_ops.facts.commands import split_command
from runtime_ops.facts.toml_lines import TomlText


def read_fly(path: str, text: str) -> PlatformFile:
    """The process groups of an application; without ``[processes]`` one program without a command (the image's)."""
    toml = TomlText(text)
    env = _environment(toml)
    probes = _probes(toml)
    grace, signal = toml.value("kill_timeout"), toml.value("kill_signal")
    dockerfile = toml.value("build", "dockerfile")
    port = toml.value("http_service", "internal_port")
    ports = (Port(port, port.line, port.end_line),) if port else ()
    groups = toml.get("processes")
    commands: dict[str, Command | None] = {}
    if isinstance(groups, dict):
        for name, command in groups.items():
            line = toml.line("processes", name)
            commands[name] = split_command(command, line, line) if isinstance(command, str) else None
    elif not toml.unread:
        commands["app"] = None
    programs = []
    for name, command in commands.items():
        line = toml.line("processes", name) if groups else 1
        served = _served(toml, name, len(commands) == 1)
        programs.append(
            Program(
                name=name,
                kind=name,
                line=line,
                end_line=line,
                command=command,
                env=env,
                probes=probes if served else (),
                ports=ports if served else (),
                image=toml.value("build", "image"),
                dockerfile=dockerfile,
                grace=grace,
                stop_signal=signal,
            )
        )
    release = toml.value("deploy", "release_command")
    if release is not None:
        command = split_command(release.text, release.line, release.end_line)
        programs.append(Program("release", "release", release.line, release.end_line, command, env=env))
    return PlatformFile(path=path, unread=toml.unread, platform="fly", programs=tuple(programs))


def _served(toml: TomlText, name: str, only: bool) -> bool:
    """Whether the HTTP service and its checks are those of this process group."""
    chosen = toml.get("http_service", "processes")
    if isinstance(chosen, list):
        return name in chosen
    return only or name in ("app", "web")


def _environment(toml: TomlText) -> tuple[EnvironmentVariable, ...]:
    made = []
    table = toml.get("env")
    for name in table if isinstance(table, dict) else ():
        value = toml.value("env", name)
        if value is not None:
            made.append(EnvironmentVariable(name, value, value.line, value.end_line))
    return tuple(made)


def _probes(toml: TomlText) -> tuple[Probe, ...]:
    made = []
    places: list[tuple[tuple[str, ...], str]] = []
    for key in ("checks", "http_checks"):
        found = toml.get("http_service", key)
        count = len(found) if isinstance(found, list) else 0
        places += [(("http_service", key, str(index)), "http") for index in range(count)]
    checks = toml.get("checks")
    places += [(("checks", name), "") for name in (checks if isinstance(checks, dict) else ())]
    services = toml.get("services")
    for number, service in enumerate(services if isinstance(services, list) else ()):
        for key, method in (("http_checks", "http"), ("tcp_checks", "tcp")):
            count = len(service.get(key) or ()) if isinstance(service, dict) else 0
            places += [(("services", str(number), key, str(index)), method) for index in range(count)]
    for keys, method in places:
        table = _table(toml, keys)
        if not isinstance(table, dict):
            continue
        line = toml.line(*keys)
        kind = method or str(table.get("type", "http"))
        values = {name: _value(table, name, toml, keys) for name in ("path", "port", "timeout", "interval")}
        values["grace_period"] = _value(table, "grace_period", toml, keys)
        made.append(
            Probe(
                "health",
                kind,
                line,
                line,
                path=values["path"],
                port=values["port"],
                timeout=values["timeout"],
                period=values["interval"],
                initial_delay=values["grace_period"],
            )
        )
    return tuple(made)


def _table(toml: TomlText, keys: tuple[str, ...]) -> object:
    node: object = toml.root
    for key in keys:
        if isinstance(node, list):
            node = node[int(key)] if key.isdigit() and int(key) < len(node) else None
        elif isinstance(node, dict):
            node = node.get(key)
    return node


def _value(table: dict[str, object], name: str, toml: TomlText, keys: tuple[str, ...]) -> Value | None:
    found = table.get(name)
    if not isinstance(found, str | int | float):
        return None
    line = toml.line(*keys, name)
    return Value(str(found), line, line)
