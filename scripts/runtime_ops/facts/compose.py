"""Reads compose and swarm stack files. Source of the fields: the Compose specification (compose-spec, "Services")."""

from __future__ import annotations

import re
from dataclasses import replace

from runtime_ops.facts.artifacts import (
    Build,
    Command,
    ComposeFile,
    ComposeService,
    Dependency,
    EnvironmentSource,
    EnvironmentVariable,
    Mount,
    Port,
    Probe,
    Resource,
    Unread,
    Value,
)
from runtime_ops.facts.commands import exec_command, shell_command
from runtime_ops.facts.helm_templates import is_template, make_yaml
from runtime_ops.facts.interpolation import variable_uses
from runtime_ops.facts.yaml_commands import text_command, words_of
from runtime_ops.facts.yaml_nodes import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    YamlProblem,
    child,
    items_of,
    pairs_of,
    parse_document,
    text_of,
    value_of,
)

_PORT = re.compile(
    r"(?:(?P<host>\[[^\]]*\]|[\d.]+|\$\{[^}]*\}):(?=.*:))?(?:(?P<published>.*?):)?"
    r"(?P<target>\$\{[^}]*\}|[^:/]+)(?:/(?P<protocol>\w+))?\Z"
)
_SERVICE_KEYS = frozenset(("image", "build", "command", "entrypoint", "extends"))
_JOINED = frozenset(
    ("environment", "env_file", "ports", "expose", "volumes", "healthcheck", "build", "deploy", "depends_on")
)
_MAX_EXTENDS = 10
_MAX_TEXT = 1_000


def read_compose(path: str, text: str) -> ComposeFile | None:
    """The services of a compose file; None when the text is YAML but no compose file. Never raises."""
    unread: list[Unread] = []
    root = _parse(text, unread)
    if root is None:
        return ComposeFile(path=path, unread=tuple(unread)) if unread else None
    services = child(root, "services")
    if services is None:  # the first version of the format had the services at the top
        found = [value for _, value in pairs_of(root) if isinstance(value, Mapping)]
        if not found or not all(_SERVICE_KEYS & value.index.keys() for value in found):
            return None
        services = root
    made = []
    for key, node in pairs_of(services):
        if isinstance(node, Mapping):
            made.append(_service(key, _extended(node, services, 0)))
        elif not (isinstance(node, Scalar) and node.null):
            unread.append(Unread(key.line, f"the service {key.text[:60]!r} is no mapping"))
    includes: list[Value] = []
    for item in items_of(root, "include"):
        found_paths = [item] if isinstance(item, Scalar) else [child(item, "path"), *items_of(item, "path")]
        includes.extend(node.value for node in found_paths if isinstance(node, Scalar))
    return ComposeFile(
        path=path,
        unread=tuple(unread),
        services=tuple(made),
        includes=tuple(includes),
        name=text_of(root, "name") or None,
        head=_head(text),
    )


def _head(text: str) -> str:
    """The comments at the left margin above the services, as one text."""
    before = re.split(r"^services\s*:", text, maxsplit=1, flags=re.MULTILINE)[0]
    return " ".join(line.lstrip("# ").strip() for line in before.split("\n")[:40] if line.startswith("#"))


def _parse(text: str, unread: list[Unread]) -> Node | None:
    try:
        return parse_document(text, 1, unread)
    except YamlProblem as problem:
        if is_template(text):
            template = make_yaml(text)
            try:
                root = parse_document(template.text, 1, None, templates=True)
            except YamlProblem:
                root = None
            if root is not None:
                template.settle(root)
                return root
        unread.append(Unread(problem.line, problem.reason))
        return None


def _extended(service: Mapping, services: Node, depth: int) -> Mapping:
    """The service with what ``extends`` takes from another service of this file."""
    extends = service.get("extends")
    name = extends.text if isinstance(extends, Scalar) else text_of(extends, "service")
    base = child(services, name) if name and not text_of(extends, "file") else None
    if not isinstance(base, Mapping) or base is service or depth >= _MAX_EXTENDS:
        return service
    base = _extended(base, services, depth + 1)
    merged = Mapping(service.line, service.end_line, service.templated)
    for key, value in base.pairs:
        own = service.get(key.text)
        if own is not None and key.text in _JOINED:
            value = _joined(value, own)
        elif own is not None:
            value = own
        merged.pairs.append((service.key(key.text) or key if own is not None else key, value))
    taken = {key.text for key, _ in merged.pairs}
    merged.pairs.extend((key, value) for key, value in service.pairs if key.text not in taken)
    merged.index = {key.text: value for key, value in merged.pairs}
    return merged


def _joined(base: Node, own: Node) -> Node:
    if isinstance(base, Mapping) and isinstance(own, Mapping):
        pairs = [(key, value) for key, value in base.pairs if key.text not in own.index] + own.pairs
        return Mapping(own.line, own.end_line, own.templated, pairs, {key.text: value for key, value in pairs})
    if isinstance(base, Sequence) and isinstance(own, Sequence):
        return Sequence(own.line, own.end_line, own.templated, base.items + own.items)
    return own


def _service(key: Scalar, node: Mapping) -> ComposeService:
    deploy = node.get("deploy")
    extends = node.get("extends")
    return ComposeService(
        name=key.text,
        line=key.line,
        end_line=node.end_line,
        build=_build(node),
        image=value_of(node, "image"),
        command=_command(node.get("command")),
        entrypoint=_command(node.get("entrypoint")),
        env=read_environment(node.get("environment")),
        env_from=_env_files(node.get("env_file")),
        healthcheck=_healthcheck(node),
        grace=value_of(node, "stop_grace_period"),
        stop_signal=value_of(node, "stop_signal"),
        init=value_of(node, "init"),
        pid=value_of(node, "pid"),
        restart=value_of(node, "restart") or value_of(deploy, "restart_policy", "condition"),
        replicas=value_of(deploy, "replicas") or value_of(node, "scale"),
        user=value_of(node, "user"),
        working_dir=value_of(node, "working_dir"),
        depends_on=_depends_on(node.get("depends_on")),
        ports=_ports(node),
        mounts=_mounts(node.get("volumes")),
        profiles=tuple(item.text for item in items_of(node, "profiles") if isinstance(item, Scalar)),
        resources=_resources(deploy),
        watched=child(node, "develop", "watch") is not None,
        extends_file=text_of(extends, "file") or None,
        extends_service=(extends.text if isinstance(extends, Scalar) else text_of(extends, "service")) or None,
    )


def read_environment(node: Node | None) -> tuple[EnvironmentVariable, ...]:
    """``environment:`` as a mapping or a list; a bare name is taken from the host."""
    made = []
    for key, value in pairs_of(node):
        if not isinstance(value, Scalar) or (value.null and not value.text):
            made.append(EnvironmentVariable(key.text, None, key.line, value.end_line, source="host"))
            continue
        uses = variable_uses(value.text, value.text_line)
        made.append(
            EnvironmentVariable(
                key.text, value.value, key.line, value.end_line, templated=value.templated, variables=uses
            )
        )
    for item in items_of(node):
        if not isinstance(item, Scalar) or not item.text:
            continue
        name, equals, text = item.text.partition("=")
        if not equals:
            made.append(EnvironmentVariable(name, None, item.line, item.end_line, source="host"))
            continue
        fact = Value(text, item.line, item.end_line, item.templated)
        uses = variable_uses(text, item.text_line)
        made.append(EnvironmentVariable(name, fact, item.line, item.end_line, templated=item.templated, variables=uses))
    return tuple(made)


def _env_files(node: Node | None) -> tuple[EnvironmentSource, ...]:
    items = [node] if isinstance(node, Scalar) else items_of(node)
    made = []
    for item in items:
        path = item.value if isinstance(item, Scalar) else value_of(item, "path")
        if path is not None and path.text:
            optional = text_of(item, "required").lower() == "false"
            made.append(EnvironmentSource("env_file", path.text, item.line, item.end_line, optional, path.templated))
    return tuple(made)


def _build(node: Mapping) -> Build | None:
    build = node.get("build")
    key = node.key("build")
    if build is None or key is None:
        return None
    if isinstance(build, Scalar):
        return None if build.null else Build(build.value, None, None, (), key.line, build.end_line)
    return Build(
        context=value_of(build, "context"),
        dockerfile=value_of(build, "dockerfile"),
        target=value_of(build, "target"),
        args=read_environment(child(build, "args")),
        line=key.line,
        end_line=build.end_line,
    )


def _command(node: Node | None) -> Command | None:
    """A command; compose fills in variables, so those of its words are listed though no shell reads them."""
    command = text_command(_unescaped(node), shell=False)
    if command is None or len(command.parts) != 1 or command.shell:
        return command
    words = zip(command.argv or (), command.word_lines, strict=True)
    uses = [use for at, (word, line) in enumerate(words) for use in variable_uses(word, line, at)]
    return replace(command, parts=(replace(command.parts[0], variables=tuple(uses)),)) if uses else command


def _unescaped(node: Node | None) -> Node | None:
    """The node with ``$$`` (an escaped sign) as the single sign that the program gets."""
    if isinstance(node, Scalar) and "$$" in node.text:
        return replace(node, text=node.text.replace("$$", "$"))
    if isinstance(node, Sequence):
        items = [found for item in node.items if (found := _unescaped(item)) is not None]
        return Sequence(node.line, node.end_line, node.templated, items)
    return node


def _healthcheck(node: Mapping) -> Probe | None:
    check, key = node.get("healthcheck"), node.key("healthcheck")
    if not isinstance(check, Mapping) or key is None:
        return None
    test = _unescaped(check.get("test"))
    method, command = "exec", None
    if text_of(check, "disable").lower() == "true":
        method = "none"
    elif isinstance(test, Scalar) and not test.null:
        command = shell_command(test.text, test.text_line, test.end_line, test.templated)
    elif isinstance(test, Sequence) and test.items:
        words = words_of(test.items)
        kind = words[0].text.upper() if words else ""
        if kind == "NONE":
            method = "none"
        elif kind == "CMD-SHELL":
            text = " ".join(word.text for word in words[1:])
            line = words[1].line if len(words) > 1 else test.line
            command = shell_command(text, line, test.end_line, any(word.templated for word in words))
        else:
            command = exec_command(words[1:] if kind == "CMD" else words, test.line, test.end_line)
    return Probe(
        role="health",
        method=method,
        line=key.line,
        end_line=check.end_line,
        command=command,
        timeout=value_of(check, "timeout"),
        period=value_of(check, "interval"),
        failures=value_of(check, "retries"),
        initial_delay=value_of(check, "start_period"),
        templated=check.templated,
    )


def _depends_on(node: Node | None) -> tuple[Dependency, ...]:
    made = [
        Dependency(key.text, text_of(value, "condition") or "service_started", key.line, value.end_line)
        for key, value in pairs_of(node)
    ]
    made += [
        Dependency(item.text, "service_started", item.line, item.end_line)
        for item in items_of(node)
        if isinstance(item, Scalar)
    ]
    return tuple(made)


def _ports(node: Mapping) -> tuple[Port, ...]:
    made = []
    for item in items_of(node, "ports"):
        line, end_line = item.line, item.end_line
        if isinstance(item, Scalar):
            found = _PORT.match(item.text) if len(item.text) < _MAX_TEXT else None
            if found is None:
                continue
            number = Value(found.group("target"), line, end_line, item.templated)
            outer = found.group("published")
            published = Value(outer, line, end_line, item.templated) if outer else None
            made.append(Port(number, line, end_line, "", (found.group("protocol") or "").lower(), published))
        else:
            target = value_of(item, "target")
            if target is not None:
                protocol, name = text_of(item, "protocol"), text_of(item, "name")
                made.append(Port(target, line, end_line, name, protocol, value_of(item, "published")))
    for item in items_of(node, "expose"):
        if isinstance(item, Scalar):
            number = Value(item.text.split("/")[0], item.line, item.end_line, item.templated)
            made.append(Port(number, item.line, item.end_line))
    return tuple(made)


def _mounts(node: Node | None) -> tuple[Mount, ...]:
    made = []
    for item in items_of(node):
        if isinstance(item, Scalar):
            parts = re.split(r":(?![^{]*\})", item.text[:_MAX_TEXT])
            source, target = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
            bind = source.startswith((".", "/", "~", "$"))
        else:
            source, target = text_of(item, "source"), text_of(item, "target")
            bind = text_of(item, "type") == "bind"
        made.append(Mount(source, target, bind, item.line, item.end_line))
    return tuple(made)


def _resources(deploy: Node | None) -> tuple[Resource, ...]:
    made = []
    for key, kind in (("limits", "limit"), ("reservations", "request")):
        for name, value in pairs_of(deploy, "resources", key):
            if isinstance(value, Scalar):
                made.append(Resource(kind, "cpu" if name.text == "cpus" else name.text, value.value))
    return tuple(made)
