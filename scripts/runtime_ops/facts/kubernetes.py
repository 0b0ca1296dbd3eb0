"""Reads Kubernetes objects: plain YAML, kustomizations, OpenShift templates, Helm templates and their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from runtime_ops.facts.artifacts import (
    Container,
    HelmValues,
    KubernetesFile,
    Kustomization,
    Setting,
    Unread,
    Value,
    Workload,
)
from runtime_ops.facts.helm_templates import OPEN, is_template, make_yaml
from runtime_ops.facts.kubernetes_network import Collected, read_object
from runtime_ops.facts.kubernetes_pods import read_containers, read_env, uncertain_pod
from runtime_ops.facts.openshift import CLOWDER, clowder_workloads, is_openshift_template, objects_of
from runtime_ops.facts.yaml_commands import settings_of
from runtime_ops.facts.yaml_nodes import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    YamlProblem,
    child,
    documents,
    items_of,
    parse_document,
    text_of,
    value_of,
)

_POD_TEMPLATES: dict[str, tuple[str, ...]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "DeploymentConfig": ("spec", "template"),
    "Rollout": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "ScaledJob": ("spec", "jobTargetRef", "template"),
    "Pod": (),
}
_MAX_VALUES = 5_000
_MAX_REPAIRS = 5


_DEFINES = re.compile(r"^kind:[ ]*['\"]?CustomResourceDefinition\b", re.MULTILINE)
"""A document, by a line at its own level, that only says of what form objects of some kind are."""


def read_kubernetes(path: str, text: str, values: Node | None = None) -> KubernetesFile | None:
    """The objects of a YAML file; None when it holds none. Never raises: what does not parse is in ``unread``.

    ``values``: the root node of a chart's values, for a Helm template; without it expressions stay unresolved.
    """
    templated = is_template(text) and not is_openshift_template(text)
    collected = Collected()
    lines = text
    settle: Callable[[Node], None] | None = None
    if templated:
        template = make_yaml(text, values)
        lines, settle = template.text, template.settle
    objects = 0
    for first, document in documents(lines):
        if _DEFINES.search(document):
            objects += 1  # megabytes of schema, which start nothing
            continue
        node = _parse(document, first, templated, collected.unread)
        if node is None:
            continue
        if settle is not None:
            settle(node)
        objects += 1
        if isinstance(node, Scalar):
            if templated:
                collected.unread.append(Unread(node.line, f"written by a template elsewhere: {node.text[:80]}"))
            continue
        read_node(node, path, collected)
    if not objects and not collected.unread:
        return None
    return KubernetesFile(
        path=path,
        unread=tuple(collected.unread),
        workloads=tuple(collected.workloads),
        services=tuple(collected.services),
        ingresses=tuple(collected.ingresses),
        key_values=tuple(collected.key_values),
        autoscalers=tuple(collected.autoscalers),
        kustomization=collected.kustomization,
        template_source=text if templated else None,
    )


def with_values(file: KubernetesFile, values: HelmValues) -> KubernetesFile:
    """A Helm template read again with the values of its chart; a plain file as it is."""
    if file.template_source is None:
        return file
    try:
        root = parse_document(values.source, 1)
    except YamlProblem:
        return file
    return read_kubernetes(file.path, file.template_source, root) or file


def chart_folder(path: str) -> str | None:
    """The chart's folder for a file under ``templates/`` (empty for the root), None for any other file."""
    parts = path.split("/")
    return "/".join(parts[: parts.index("templates")]) if "templates" in parts[:-1] else None


def read_helm_values(path: str, text: str) -> HelmValues | None:
    """The scalars of a chart's ``values.yaml`` by dotted name; None when it is no mapping."""
    unread: list[Unread] = []
    try:
        root = parse_document(text, 1, unread)
    except YamlProblem as problem:
        return HelmValues(path=path, unread=(Unread(problem.line, problem.reason),))
    if root is None:
        return HelmValues(path=path, unread=tuple(unread), source=text)
    if not isinstance(root, Mapping):
        return None
    settings: list[Setting] = []
    stack: list[tuple[str, Node]] = [("", root)]
    visited = 0
    while stack and visited < _MAX_VALUES:
        name, node = stack.pop()
        visited += 1
        if isinstance(node, Scalar):
            if not node.null:
                settings.append(Setting(name, node.value, node.line, node.end_line))
        elif isinstance(node, Mapping):
            stack.extend((f"{name}.{key.text}".lstrip("."), value) for key, value in reversed(node.pairs))
        elif isinstance(node, Sequence):
            stack.extend((f"{name}.{index}", item) for index, item in reversed(list(enumerate(node.items))))
    if stack:
        unread.append(Unread(1, f"more than {_MAX_VALUES:,} values"))
    return HelmValues(path=path, unread=tuple(unread), values=tuple(settings), source=text)


def _parse(document: str, first: int, templated: bool, unread: list[Unread]) -> Node | None:
    """One document. In a template a line that breaks it is left out, at most a few, each reported: the nearest one
    with an expression, since the parser complains a line or two late."""
    for _ in range(_MAX_REPAIRS if templated else 1):
        try:
            return parse_document(document, first, None if templated else unread, templated)
        except YamlProblem as problem:
            unread.append(Unread(problem.line, problem.reason))
            lines = document.split("\n")
            index = min(problem.line - first, len(lines) - 1)
            suspects = [at for at in range(max(index - 2, 0), index + 1) if OPEN in lines[at]]
            index = suspects[-1] if suspects else index
            if index < 0 or not lines[index].strip():
                return None
            lines[index] = ""
            document = "\n".join(lines)
    return None


# ---------------------------------------------------------------- objects


def read_node(node: Node, path: str, into: Collected, patch: bool = False) -> None:
    """Read one object (or a ``List`` of them) into ``into``."""
    kind = text_of(node, "kind")
    version = text_of(node, "apiVersion")
    name = path.rsplit("/", 1)[-1]
    if kind in ("Kustomization", "Component") or name in ("kustomization.yaml", "kustomization.yml"):
        _kustomization(node, into)
    elif kind == "List" or (kind.endswith("List") and child(node, "items") is not None):
        for item in items_of(node, "items"):
            read_node(item, path, into, patch)
    elif kind == "Template":
        for item in objects_of(node):
            read_node(item, path, into, patch)
    elif kind == "ClowdApp" and version.startswith(CLOWDER):
        into.workloads.extend(clowder_workloads(node))
    elif kind and version:
        if workload := _workload(node, kind, version, patch):
            into.workloads.append(workload)
        else:
            read_object(node, kind, version, into)


def _workload(node: Node, kind: str, version: str, patch: bool) -> Workload | None:
    if kind == "Service" and version.startswith("serving.knative.dev"):
        kind, keys = "KnativeService", _POD_TEMPLATES["Deployment"]
    elif kind in _POD_TEMPLATES:
        keys = _POD_TEMPLATES[kind]
    elif child(node, "spec", "template", "spec", "containers") is not None:
        keys = _POD_TEMPLATES["Deployment"]  # an operator's own kind that runs pods
    else:
        return None
    template = child(node, *keys)
    pod = child(template, "spec")
    spec = child(node, "spec")
    job = child(node, "spec", "jobTemplate", "spec") if kind == "CronJob" else spec
    containers = read_containers(pod, "containers")
    partial = "$patch" in {key.text for key, _ in _pairs(node)} or (
        bool(containers) and all(container.image is None and not container.templated for container in containers)
    )
    empty = not containers and not uncertain_pod(pod)
    return Workload(
        kind=kind,
        name=value_of(node, "metadata", "name"),
        line=node.line,
        end_line=node.end_line,
        namespace=value_of(node, "metadata", "namespace"),
        containers=containers,
        init_containers=read_containers(pod, "initContainers"),
        replicas=value_of(spec, "replicas"),
        grace=value_of(pod, "terminationGracePeriodSeconds"),
        restart_policy=value_of(pod, "restartPolicy"),
        labels=settings_of(template, "metadata", "labels"),
        annotations=settings_of(node, "metadata", "annotations")
        + (settings_of(template, "metadata", "annotations") if keys else ()),
        schedule=value_of(spec, "schedule"),
        concurrency=value_of(spec, "concurrencyPolicy"),
        backoff_limit=value_of(job, "backoffLimit"),
        active_deadline=value_of(job, "activeDeadlineSeconds"),
        share_process_namespace=value_of(pod, "shareProcessNamespace"),
        patch=patch or partial or empty,
        templated=node.templated or uncertain_pod(pod) or any(c.templated for c in containers),
    )


def _pairs(node: Node) -> list[tuple[Scalar, Node]]:
    return node.pairs if isinstance(node, Mapping) else []


def _kustomization(node: Node, into: Collected) -> None:
    patches: list[Value] = []
    for key in ("patchesStrategicMerge", "patches", "patchesJson6902"):
        for item in items_of(node, key):
            file = value_of(item, "path") if isinstance(item, Mapping) else None
            inline = child(item, "patch") if isinstance(item, Mapping) else item
            if file is not None:
                patches.append(file)
            elif isinstance(inline, Scalar) and "\n" in inline.text:
                _inline_patch(inline, child(item, "target"), into)
            elif isinstance(inline, Scalar):
                patches.append(inline.value)
    for item in items_of(node, "replicas"):
        name, count = value_of(item, "name"), value_of(item, "count")
        if name is not None:
            into.workloads.append(
                Workload("Deployment", name, item.line, item.end_line, replicas=count, patch=True)
            )  # fmt: skip
    resources = [*items_of(node, "resources"), *items_of(node, "bases")]
    into.kustomization = Kustomization(
        resources=tuple(item.value for item in resources if isinstance(item, Scalar)),
        components=tuple(item.value for item in items_of(node, "components") if isinstance(item, Scalar)),
        patches=tuple(patches),
        line=node.line,
        end_line=node.end_line,
    )
    read_object(node, "Kustomization", "", into)


def _inline_patch(scalar: Scalar, target: Node | None, into: Collected) -> None:
    """A patch written as a text: a partial object, or the operations of a JSON patch on the target."""
    try:
        node = parse_document(scalar.text, scalar.text_line)
    except YamlProblem as problem:
        into.unread.append(Unread(problem.line, problem.reason))
        return
    if isinstance(node, Sequence):
        _json_patch(node, target, into)
    elif node is not None:
        before = len(into.workloads)
        read_node(node, "", into, patch=True)
        into.workloads[before:] = [replace(workload, patch=True) for workload in into.workloads[before:]]


def _json_patch(node: Sequence, target: Node | None, into: Collected) -> None:
    """The operations that set the environment or the replicas of a workload; others on containers are unread."""
    name = value_of(target, "name")
    empty = Workload(text_of(target, "kind") or "Deployment", name, node.line, node.end_line, patch=True)
    for item in node.items:
        path = text_of(item, "path")
        value = child(item, "value")
        if "/env" in path and path.rsplit("/", 1)[-1] in ("env", "-") and value is not None:
            env = read_env(
                value if isinstance(value, Sequence) else Sequence(value.line, value.end_line, items=[value])
            )
            container = Container(None, item.line, item.end_line, env=env)
            into.workloads.append(replace(empty, line=item.line, end_line=item.end_line, containers=(container,)))
        elif path == "/spec/replicas":
            into.workloads.append(
                replace(empty, line=item.line, end_line=item.end_line, replicas=value_of(item, "value"))
            )
        elif "/containers" in path and not path.endswith("/image"):
            into.unread.append(Unread(item.line, f"a JSON patch of {path[:80]} is not applied"))
