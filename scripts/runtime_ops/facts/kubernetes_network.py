"""Kubernetes objects beside workloads: Services, Ingresses, ConfigMaps, Secrets, autoscalers, kustomize generators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from runtime_ops.facts.artifacts import (
    Autoscaler,
    EnvironmentVariable,
    Ingress,
    KeyValues,
    Kustomization,
    NetworkService,
    Port,
    Setting,
    Unread,
    Value,
    Workload,
)
from runtime_ops.facts.yaml_commands import settings_of
from runtime_ops.facts.yaml_nodes import Node, Scalar, child, items_of, pairs_of, text_of, value_of
from runtime_ops.plain import dataclass

_MAX_VALUE = 500


@dataclass(slots=True)
class Collected:
    """What one file says, while it is read."""

    workloads: list[Workload] = field(default_factory=list)
    services: list[NetworkService] = field(default_factory=list)
    ingresses: list[Ingress] = field(default_factory=list)
    key_values: list[KeyValues] = field(default_factory=list)
    autoscalers: list[Autoscaler] = field(default_factory=list)
    kustomization: Kustomization | None = None
    unread: list[Unread] = field(default_factory=list)


def read_object(node: Node, kind: str, version: str, into: Collected) -> None:
    """Read one object that runs no pods; kinds that say nothing about a process at run time are passed over."""
    reader = _READERS.get(kind)
    if reader is not None:
        reader(node, into)


def _service(node: Node, into: Collected) -> None:
    ports = []
    for item in items_of(node, "spec", "ports"):
        published = value_of(item, "port")
        target = value_of(item, "targetPort") or published
        if target is not None:
            name, protocol = text_of(item, "name"), text_of(item, "protocol").lower()
            ports.append(Port(target, item.line, item.end_line, name, protocol, published))
    selector = child(node, "spec", "selector")
    into.services.append(
        NetworkService(
            name=value_of(node, "metadata", "name"),
            selector=settings_of(selector),
            ports=tuple(ports),
            line=node.line,
            end_line=node.end_line,
            templated=node.templated or (selector is not None and selector.templated),
        )
    )


def _ingress(node: Node, into: Collected) -> None:
    backends: list[Value | None] = [
        value_of(node, "spec", "defaultBackend", "service", "name"),
        value_of(node, "spec", "backend", "serviceName"),
    ]
    for rule in items_of(node, "spec", "rules"):
        for item in items_of(rule, "http", "paths"):
            backends.append(value_of(item, "backend", "service", "name") or value_of(item, "backend", "serviceName"))
    annotations = settings_of(node, "metadata", "annotations")
    into.ingresses.append(_made_ingress(node, annotations, backends))


def _virtual_service(node: Node, into: Collected) -> None:
    """Istio: ``http[].timeout`` is an outer deadline of the services it routes to."""
    for route in items_of(node, "spec", "http"):
        timeout = value_of(route, "timeout")
        backends = [value_of(item, "destination", "host") for item in items_of(route, "route")]
        settings = (Setting("timeout", timeout, timeout.line, timeout.end_line),) if timeout else ()
        into.ingresses.append(_made_ingress(node, settings, backends))


def _made_ingress(node: Node, annotations: tuple[Setting, ...], backends: list[Value | None]) -> Ingress:
    found = tuple(backend for backend in backends if backend is not None)
    return Ingress(value_of(node, "metadata", "name"), annotations, found, node.line, node.end_line)


def _config_map(node: Node, into: Collected) -> None:
    entries = []
    for key, value in pairs_of(node, "data"):
        if isinstance(value, Scalar):
            fact = Value(value.text[:_MAX_VALUE], value.line, value.end_line, value.templated)
            entries.append(EnvironmentVariable(key.text, fact, key.line, value.end_line, templated=value.templated))
    for key, value in pairs_of(node, "binaryData"):
        entries.append(EnvironmentVariable(key.text, None, key.line, value.end_line, source="binary"))
    _key_values(node, "ConfigMap", entries, into, "data")


def _secret(node: Node, into: Collected) -> None:
    entries = [
        EnvironmentVariable(key.text, None, key.line, value.end_line, source="secret", templated=value.templated)
        for key, value in pairs_of(node, "data")
    ]
    for key, value in pairs_of(node, "stringData"):
        if isinstance(value, Scalar):
            fact = Value(value.text[:_MAX_VALUE], value.line, value.end_line, value.templated)
            entries.append(EnvironmentVariable(key.text, fact, key.line, value.end_line, templated=value.templated))
    _key_values(node, "Secret", entries, into, "data", "stringData")


def _sealed_secret(node: Node, into: Collected) -> None:
    entries = [
        EnvironmentVariable(key.text, None, key.line, value.end_line, source="secret")
        for key, value in pairs_of(node, "spec", "encryptedData")
    ]
    _key_values(node, "Secret", entries, into)


def _external_secret(node: Node, into: Collected) -> None:
    entries = []
    for item in items_of(node, "spec", "data"):
        key = value_of(item, "secretKey")
        if key is not None:
            entries.append(EnvironmentVariable(key.text, None, item.line, item.end_line, source="secret"))
    name = value_of(node, "spec", "target", "name") or value_of(node, "metadata", "name")
    whole = child(node, "spec", "dataFrom") is not None  # every key of a remote secret: any may be there
    into.key_values.append(KeyValues("Secret", name, tuple(entries), node.line, node.end_line, templated=whole))


def _key_values(node: Node, kind: str, entries: list[EnvironmentVariable], into: Collected, *keys: str) -> None:
    name = value_of(node, "metadata", "name")
    parts = [found for key in keys if (found := child(node, key)) is not None]
    # ``data`` that a template writes is a scalar here, and any key may be in it
    templated = any(part.templated or (isinstance(part, Scalar) and not part.null) for part in parts)
    into.key_values.append(KeyValues(kind, name, tuple(entries), node.line, node.end_line, templated=templated))


def _autoscaler(node: Node, into: Collected) -> None:
    into.autoscalers.append(
        Autoscaler(
            target=value_of(node, "spec", "scaleTargetRef", "name"),
            minimum=value_of(node, "spec", "minReplicas") or value_of(node, "spec", "minReplicaCount"),
            maximum=value_of(node, "spec", "maxReplicas") or value_of(node, "spec", "maxReplicaCount"),
            line=node.line,
            end_line=node.end_line,
        )
    )


def _generators(node: Node, into: Collected) -> None:
    """``configMapGenerator`` and ``secretGenerator`` of a kustomization."""
    for key, kind in (("configMapGenerator", "ConfigMap"), ("secretGenerator", "Secret")):
        for item in items_of(node, key):
            entries = []
            for literal in items_of(item, "literals"):
                if isinstance(literal, Scalar) and "=" in literal.text:
                    name, _, text = literal.text.partition("=")
                    fact = Value(text[:_MAX_VALUE], literal.line, literal.end_line)
                    entries.append(EnvironmentVariable(name, fact, literal.line, literal.end_line))
            files = [found for found in (*items_of(item, "envs"), child(item, "env")) if isinstance(found, Scalar)]
            env_files = tuple(found.value for found in files)
            made = KeyValues(kind, value_of(item, "name"), tuple(entries), item.line, item.end_line, env_files)
            into.key_values.append(made)


_READERS: dict[str, Callable[[Node, Collected], None]] = {
    "Service": _service,
    "Ingress": _ingress,
    "VirtualService": _virtual_service,
    "ConfigMap": _config_map,
    "Secret": _secret,
    "SealedSecret": _sealed_secret,
    "ExternalSecret": _external_secret,
    "HorizontalPodAutoscaler": _autoscaler,
    "ScaledObject": _autoscaler,
    "Kustomization": _generators,
}
