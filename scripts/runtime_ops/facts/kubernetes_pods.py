"""Containers of a pod template: commands, environment, probes, hooks. Source of the fields: the Kubernetes API
reference for ``core/v1`` PodSpec and Container."""

from __future__ import annotations

from runtime_ops.facts.artifacts import (
    Command,
    Container,
    EnvironmentSource,
    EnvironmentVariable,
    Hook,
    Port,
    Probe,
    Resource,
)
from runtime_ops.facts.yaml_commands import list_command
from runtime_ops.facts.yaml_nodes import Mapping, Node, Scalar, Sequence, child, items_of, pairs_of, text_of, value_of

_ROLES = (("livenessProbe", "liveness"), ("readinessProbe", "readiness"), ("startupProbe", "startup"))
_VALUE_SOURCES = ("secretKeyRef", "configMapKeyRef", "fieldRef", "resourceFieldRef", "fileKeyRef")


def read_containers(pod: Node | None, key: str) -> tuple[Container, ...]:
    """The containers under ``containers``, ``initContainers`` or ``ephemeralContainers`` of a pod spec."""
    init = key == "initContainers"
    return tuple(read_container(item, init=init) for item in items_of(pod, key) if isinstance(item, Mapping))


def read_container(node: Mapping, given: tuple[EnvironmentVariable, ...] = (), *, init: bool = False) -> Container:
    """One container; ``given``: variables that an operator adds to its own."""
    probes = {role: read_probe(node.get(key), role, node.key(key)) for key, role in _ROLES}
    return Container(
        name=value_of(node, "name"),
        line=node.line,
        end_line=node.end_line,
        image=value_of(node, "image"),
        command=list_command(node.get("command")),
        args=list_command(node.get("args")),
        env=(*given, *read_env(node.get("env"))),
        env_from=_env_from(node),
        ports=_ports(node),
        liveness=probes["liveness"],
        readiness=probes["readiness"],
        startup=probes["startup"],
        resources=read_resources(node.get("resources")),
        pre_stop=_hook(node, "preStop"),
        init=init,
        sidecar=init and text_of(node, "restartPolicy") == "Always",
        working_dir=value_of(node, "workingDir"),
        templated=node.templated,
        never_pulled=text_of(node, "imagePullPolicy") == "Never",
    )


def read_env(node: Node | None) -> tuple[EnvironmentVariable, ...]:
    """The variables of an ``env`` list."""
    made = []
    for item in items_of(node):
        name = value_of(item, "name")
        if name is None:
            continue
        value = child(item, "value")
        if isinstance(value, Scalar):
            fact = value.value
            made.append(EnvironmentVariable(name.text, fact, item.line, item.end_line, templated=fact.templated))
            continue
        source = child(item, "valueFrom")
        kind = next(
            (kind for kind in _VALUE_SOURCES if child(source, kind) is not None), "template" if source else None
        )
        reference = child(source, kind) if kind else None
        made.append(
            EnvironmentVariable(
                name.text,
                None,
                item.line,
                item.end_line,
                source=kind or ("template" if item.templated else "removed" if child(item, "$patch") else "empty"),
                source_name=text_of(reference, "name") or text_of(reference, "fieldPath") or None,
                source_key=text_of(reference, "key") or text_of(reference, "resource") or None,
                optional=text_of(reference, "optional").lower() == "true",
                templated=name.templated or item.templated,
            )
        )
    return tuple(made)


def _env_from(node: Mapping) -> tuple[EnvironmentSource, ...]:
    made = []
    for item in items_of(node, "envFrom"):
        for kind in ("configMapRef", "secretRef"):
            reference = child(item, kind)
            if reference is None:
                continue
            name = value_of(reference, "name")
            made.append(
                EnvironmentSource(
                    kind,
                    name.text if name else "",
                    item.line,
                    item.end_line,
                    optional=text_of(reference, "optional").lower() == "true",
                    templated=name is None or name.templated,
                    prefix=text_of(item, "prefix"),
                )
            )
    for key in ("env", "envFrom"):
        value = node.get(key)
        written = isinstance(value, Scalar) and not value.null  # a template writes the whole list
        if value is not None and (value.templated or written):
            made.append(EnvironmentSource("template", "", value.line, value.end_line, templated=True))
    return tuple(made)


def _ports(node: Mapping) -> tuple[Port, ...]:
    made = []
    for item in items_of(node, "ports"):
        number = value_of(item, "containerPort")
        if number is not None:
            name, protocol = text_of(item, "name"), text_of(item, "protocol").lower()
            made.append(Port(number, item.line, item.end_line, name=name, protocol=protocol))
    return tuple(made)


def read_probe(node: Node | None, role: str, key: Scalar | None) -> Probe | None:
    """One probe; ``key`` is the node of its name, whose line is the probe's."""
    if node is None or (isinstance(node, Scalar) and node.null):
        return None
    line = key.line if key is not None else node.line
    if not isinstance(node, Mapping):
        return Probe(role, "template", line, node.end_line, templated=True)
    method, port, path, scheme, service, command = "template", None, None, "", None, None
    if (http := child(node, "httpGet")) is not None:
        method, port, path = "http", value_of(http, "port"), value_of(http, "path")
        scheme = text_of(http, "scheme")
    elif (tcp := child(node, "tcpSocket")) is not None:
        method, port = "tcp", value_of(tcp, "port")
    elif (grpc := child(node, "grpc")) is not None:
        method, port, service = "grpc", value_of(grpc, "port"), value_of(grpc, "service")
    elif child(node, "exec") is not None:
        method, command = "exec", list_command(child(node, "exec", "command"))
    return Probe(
        role=role,
        method=method,
        line=line,
        end_line=node.end_line,
        path=path,
        port=port,
        scheme=scheme,
        service=service,
        command=command,
        timeout=value_of(node, "timeoutSeconds"),
        period=value_of(node, "periodSeconds"),
        failures=value_of(node, "failureThreshold"),
        successes=value_of(node, "successThreshold"),
        initial_delay=value_of(node, "initialDelaySeconds"),
        grace=value_of(node, "terminationGracePeriodSeconds"),
        templated=method == "template" or node.templated,
    )


def read_resources(node: Node | None) -> tuple[Resource, ...]:
    """``requests`` and ``limits``."""
    made = []
    for key, kind in (("requests", "request"), ("limits", "limit")):
        for name, value in pairs_of(node, key):
            if isinstance(value, Scalar):
                made.append(Resource(kind, name.text, value.value))
    return tuple(made)


def _hook(node: Mapping, name: str) -> Hook | None:
    lifecycle = node.get("lifecycle")
    if isinstance(lifecycle, Scalar) and not lifecycle.null:
        return Hook("template", None, None, lifecycle.line, lifecycle.end_line)
    hook = child(lifecycle, name)
    if hook is None:
        return None
    key = lifecycle.key(name) if isinstance(lifecycle, Mapping) else None
    line = key.line if key is not None else hook.line
    if (seconds := value_of(hook, "sleep", "seconds")) is not None:
        return Hook("sleep", None, seconds.seconds, line, hook.end_line)
    if child(hook, "exec") is not None:
        command = list_command(child(hook, "exec", "command"))
        return Hook("exec", command, slept_seconds(command), line, hook.end_line)
    method = "http" if child(hook, "httpGet") is not None else "template"
    return Hook(method, None, None, line, hook.end_line)


def slept_seconds(command: Command | None) -> float | None:
    """The seconds that the ``sleep`` commands of a hook add up to; None when there is none with a plain number."""
    slept = [
        part.argv[1] for part in (command.parts if command else ()) if part.program.rpartition("/")[2] == "sleep" and len(part.argv) == 2
    ]
    if not slept or not all(text.rstrip("s").replace(".", "", 1).isdigit() for text in slept):
        return None
    return sum(float(text.rstrip("s")) for text in slept)


def uncertain_pod(pod: Node | None) -> bool:
    """Whether a template adds something to the pod or to its lists of containers that is not known."""
    if not isinstance(pod, Mapping):
        return isinstance(pod, Scalar) and not pod.null
    lists = [pod.get("containers"), pod.get("initContainers")]
    return pod.templated or any(
        found.templated or not isinstance(found, Sequence) for found in lists if found is not None
    )
