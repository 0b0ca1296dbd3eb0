"""Reads Marathon applications and ECS task definitions (JSON, read by the YAML reader, which keeps lines).

Sources: Marathon's "App object" reference; Amazon's "Task definition parameters".
"""

from __future__ import annotations

import re
from dataclasses import replace

from runtime_ops.facts.artifacts import (
    Command,
    EnvironmentSource,
    EnvironmentVariable,
    PlatformFile,
    Port,
    Probe,
    Program,
)
from runtime_ops.facts.commands import exec_command, shell_command
from runtime_ops.facts.yaml_commands import text_command, words_of
from runtime_ops.facts.yaml_nodes import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    child,
    items_of,
    pairs_of,
    parse_yaml,
    text_of,
    value_of,
)

_ECS = re.compile(r"[\"']?containerDefinitions[\"']?\s*:")
_MARATHON = re.compile(r"\"(?:healthChecks|instances|apps|groups)\"\s*:")
_MAX_APPS = 500


def read_scheduler(path: str, text: str) -> PlatformFile | None:
    """The programs of an ECS task definition or a Marathon file; None when the text is neither. Never raises."""
    ecs = _ECS.search(text) is not None
    if not ecs and not (_MARATHON.search(text) and '"id"' in text):
        return None
    nodes, unread = parse_yaml(text.replace("\t", "  "))
    programs: list[Program] = []
    for node in nodes:
        programs.extend(_ecs(node) if ecs else _marathon(node))
    if not programs and not unread:
        return None
    platform = "ecs" if ecs else "marathon"
    return PlatformFile(path=path, unread=tuple(unread), platform=platform, programs=tuple(programs))


def _named_values(node: Node | None, key: str, value_key: str, source: str | None) -> list[EnvironmentVariable]:
    made = []
    for item in items_of(node, key):
        name, value = value_of(item, "name"), value_of(item, value_key)
        if name is not None:
            fact = None if source else value
            origin = value.text if source and value else None
            made.append(
                EnvironmentVariable(name.text, fact, item.line, item.end_line, source=source, source_name=origin)
            )
    return made


# ---------------------------------------------------------------- ECS


def _ecs(node: Node) -> list[Program]:
    definitions = child(node, "containerDefinitions") or child(node, "taskDefinition", "containerDefinitions")
    made = []
    for item in items_of(definitions):
        if not isinstance(item, Mapping):
            continue
        ports = []
        for mapping in items_of(item, "portMappings"):
            number = value_of(mapping, "containerPort")
            if number is not None:
                ports.append(Port(number, mapping.line, mapping.end_line, published=value_of(mapping, "hostPort")))
        files = tuple(
            EnvironmentSource("env_file", text_of(found, "value"), found.line, found.end_line)
            for found in items_of(item, "environmentFiles")
        )
        probe = _ecs_probe(item)
        made.append(
            Program(
                name=text_of(item, "name"),
                kind="task",
                line=item.line,
                end_line=item.end_line,
                command=_joined(item.get("entryPoint"), item.get("command")),
                env=(
                    *_named_values(item, "environment", "value", None),
                    *_named_values(item, "secrets", "valueFrom", "secret"),
                ),
                env_from=files,
                probes=(probe,) if probe else (),
                ports=tuple(ports),
                image=value_of(item, "image"),
                working_dir=value_of(item, "workingDirectory"),
                grace=value_of(item, "stopTimeout"),
            )
        )
    return made


def _joined(*nodes: Node | None) -> Command | None:
    items = [item for node in nodes if isinstance(node, Sequence) for item in node.items]
    return exec_command(words_of(items), items[0].line, items[-1].end_line) if items else None


def _ecs_probe(item: Mapping) -> Probe | None:
    check, key = item.get("healthCheck"), item.key("healthCheck")
    if not isinstance(check, Mapping) or key is None:
        return None
    words = words_of(items_of(check, "command"))
    command: Command | None = None
    if words and words[0].text == "CMD-SHELL":
        command = shell_command(" ".join(word.text for word in words[1:]), words[-1].line, words[-1].end_line)
    elif words:
        words = words[1:] if words[0].text == "CMD" else words
        command = exec_command(words, check.line, check.end_line)
    return Probe(
        role="health",
        method="exec",
        line=key.line,
        end_line=check.end_line,
        command=command,
        timeout=value_of(check, "timeout"),
        period=value_of(check, "interval"),
        failures=value_of(check, "retries"),
        initial_delay=value_of(check, "startPeriod"),
    )


# ---------------------------------------------------------------- Marathon


def _marathon(node: Node) -> list[Program]:
    made: list[Program] = []
    stack = [node]
    while stack and len(made) < _MAX_APPS:
        found = stack.pop()
        if isinstance(found, Sequence):
            stack.extend(reversed(found.items))
        elif isinstance(found, Mapping):
            for key in ("groups", "apps"):
                stack.extend(reversed(items_of(found, key)))
            if any(found.get(key) is not None for key in ("cmd", "args", "container")) and found.get("id") is not None:
                made.append(_application(found))
    return made


def _application(node: Mapping) -> Program:
    env = []
    for key, value in pairs_of(node, "env"):
        fact = value.value if isinstance(value, Scalar) else None
        source = None if fact else "secret"
        env.append(EnvironmentVariable(key.text, fact, key.line, value.end_line, source=source))
    mappings = items_of(node, "container", "docker", "portMappings") or items_of(node, "container", "portMappings")
    ports = [value_of(mapping, "containerPort") for mapping in mappings]
    command = text_command(node.get("cmd"), shell=True) or text_command(node.get("args"), shell=False)
    return Program(
        name=text_of(node, "id").rsplit("/", 1)[-1],
        kind="service",
        line=node.line,
        end_line=node.end_line,
        command=command,
        env=tuple(env),
        probes=_marathon_probes(node),
        ports=tuple(Port(port, port.line, port.end_line) for port in ports if port is not None),
        image=value_of(node, "container", "docker", "image"),
        grace=value_of(node, "taskKillGracePeriodSeconds"),
        replicas=value_of(node, "instances"),
    )


def _marathon_probes(node: Node) -> tuple[Probe, ...]:
    """The health checks; an empty list that is written down is a check that is switched off."""
    written = child(node, "healthChecks")
    found = tuple(_marathon_probe(check) for check in items_of(node, "healthChecks"))
    if not found and written is not None:
        return (Probe("health", "none", written.line, written.end_line),)
    return found


def _marathon_probe(check: Node) -> Probe:
    protocol = text_of(check, "protocol").upper() or "HTTP"
    command = text_command(child(check, "command", "value"), shell=True) or text_command(
        child(check, "exec", "command", "shell"), shell=True
    )
    method = "tcp" if "TCP" in protocol else "exec" if protocol == "COMMAND" else "http"
    return replace(
        Probe("health", method, check.line, check.end_line),
        path=value_of(check, "path"),
        port=value_of(check, "port"),
        command=command,
        timeout=value_of(check, "timeoutSeconds"),
        period=value_of(check, "intervalSeconds"),
        failures=value_of(check, "maxConsecutiveFailures"),
        initial_delay=value_of(check, "gracePeriodSeconds"),
    )
