"""OpenShift templates and Clowder applications, which hold Kubernetes objects in forms of their own.

Sources: OpenShift documentation, "Using templates" (``objects``, ``parameters``, ``${NAME}`` for a text, ``${{NAME}}`` for any
other value); the ClowdApp resource of the Clowder API reference (cloud.redhat.com/v1alpha1: ``deployments`` and ``jobs``, each
with a ``podSpec`` that holds one container's fields).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts.artifacts import EnvironmentVariable, Value, Workload
from runtime_ops.facts.kubernetes_pods import read_container, read_containers
from runtime_ops.facts.yaml_nodes import Mapping, Node, Scalar, Sequence, child, items_of, text_of, value_of

_TEMPLATE = re.compile(r"^kind:\s*[\"']?Template\b", re.MULTILINE)
_PARAMETER = re.compile(r"\$\{\{(\w+)\}\}|\$\{(\w+)\}")
CLOWDER = "cloud.redhat.com/"


def is_openshift_template(text: str) -> bool:
    """Whether a text is a template of OpenShift: its ``${{NAME}}`` is no expression of Helm."""
    return "objects:" in text and _TEMPLATE.search(text) is not None


def objects_of(node: Node) -> list[Node]:
    """The objects of a template, with the values of its parameters filled in; what has none stays, as uncertain."""
    values = {text_of(item, "name"): found.text for item in items_of(node, "parameters") if (found := value_of(item, "value"))}
    objects = items_of(node, "objects")
    for item in objects:
        _fill(item, values)
    return objects


def _fill(node: Node, values: dict[str, str]) -> None:
    pending: list[Node] = [node]
    seen: set[int] = set()  # an alias is one node in several places
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if isinstance(current, Scalar):
            if "${" in current.text:
                current.text, left = _filled(current.text, values)
                current.templated = current.templated or left
        elif isinstance(current, Mapping):
            pending.extend(value for _, value in current.pairs)
        elif isinstance(current, Sequence):
            pending.extend(current.items)


def _filled(text: str, values: dict[str, str]) -> tuple[str, bool]:
    """The text with the parameters' values, and whether one has none."""
    left = False

    def value(found: re.Match[str]) -> str:
        nonlocal left
        given = values.get(found.group(1) or found.group(2))
        left = left or given is None
        return found.group() if given is None else given

    return _PARAMETER.sub(value, text), left


def clowder_workloads(node: Node) -> Iterator[Workload]:
    """The deployments and jobs of a ClowdApp.

    The operator writes the probes that are left out, so their kind is one of its own. It hands addresses and keys over in the
    file that ACG_CONFIG names, so that the variables written here are not all that the program is given.
    """
    for item in items_of(node, "spec", "deployments"):
        if isinstance(item, Mapping):
            yield _workload(item, "ClowdApp")
    for item in items_of(node, "spec", "jobs"):
        if isinstance(item, Mapping):
            yield _workload(item, "CronJob" if child(item, "schedule") is not None else "Job")


def _workload(item: Mapping, kind: str) -> Workload:
    pod = child(item, "podSpec")
    given: tuple[EnvironmentVariable, ...] = ()
    if isinstance(pod, Mapping):
        config = Value("/cdapp/cdappconfig.json", pod.line, pod.line)
        given = (EnvironmentVariable("ACG_CONFIG", config, pod.line, pod.line),)
    containers = (read_container(pod, given),) if isinstance(pod, Mapping) else ()
    return Workload(
        kind=kind,
        name=value_of(item, "name"),
        line=item.line,
        end_line=item.end_line,
        containers=containers,
        init_containers=read_containers(pod, "initContainers"),
        replicas=value_of(item, "replicas") or value_of(item, "minReplicas"),
        grace=value_of(pod, "terminationGracePeriodSeconds"),
        restart_policy=value_of(item, "restartPolicy"),
        schedule=value_of(item, "schedule"),
        concurrency=value_of(item, "concurrencyPolicy"),
        patch=not containers,
        templated=True,
    )
