"""Facts of Kubernetes objects, kustomizations and Helm charts."""

from __future__ import annotations

from runtime_ops.facts.artifact_commands import (
    Command,
)
from runtime_ops.facts.artifact_parts import (
    EnvironmentSource,
    EnvironmentVariable,
    Port,
    Probe,
    Resource,
)
from runtime_ops.facts.artifact_values import Artifact, Setting, Value
from runtime_ops.plain import dataclass


@dataclass(frozen=True, slots=True)
class Hook:
    """``lifecycle.preStop``/``postStart``: ``method`` ``exec``, ``http``, ``sleep``, ``template``; ``seconds`` slept
    when that can be read (``sleep 15`` in the command, or ``sleep.seconds``)."""

    method: str
    command: Command | None
    seconds: float | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod. ``command``/``args`` are Kubernetes' (they replace ENTRYPOINT and CMD). ``init`` for
    initContainers (``sidecar`` when its restartPolicy is Always)."""

    name: Value | None
    line: int
    end_line: int
    image: Value | None = None
    command: Command | None = None
    args: Command | None = None
    env: tuple[EnvironmentVariable, ...] = ()
    env_from: tuple[EnvironmentSource, ...] = ()
    ports: tuple[Port, ...] = ()
    liveness: Probe | None = None
    readiness: Probe | None = None
    startup: Probe | None = None
    resources: tuple[Resource, ...] = ()
    pre_stop: Hook | None = None
    init: bool = False
    sidecar: bool = False
    working_dir: Value | None = None
    templated: bool = False
    never_pulled: bool = False
    """``imagePullPolicy: Never``: the image was built on the node itself."""

    @property
    def probes(self) -> tuple[Probe, ...]:
        """Those of the three probes that are written."""
        return tuple(probe for probe in (self.liveness, self.readiness, self.startup) if probe is not None)


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that runs pods: Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob, Pod, Rollout,
    Service of Knative (``KnativeService``). ``labels`` are those of the pod. ``grace`` is
    terminationGracePeriodSeconds. ``patch``: a partial object that a kustomization lays over another of this name.
    ``templated``: a template adds something to the pod or its containers that is not known."""

    kind: str
    name: Value | None
    line: int
    end_line: int
    namespace: Value | None = None
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    replicas: Value | None = None
    grace: Value | None = None
    restart_policy: Value | None = None
    labels: tuple[Setting, ...] = ()
    annotations: tuple[Setting, ...] = ()
    schedule: Value | None = None
    concurrency: Value | None = None
    backoff_limit: Value | None = None
    active_deadline: Value | None = None
    share_process_namespace: Value | None = None
    patch: bool = False
    templated: bool = False


@dataclass(frozen=True, slots=True)
class NetworkService:
    """A Kubernetes Service: ``selector`` of pods, ports (``number`` is the target port)."""

    name: Value | None
    selector: tuple[Setting, ...]
    ports: tuple[Port, ...]
    line: int
    end_line: int
    templated: bool = False


@dataclass(frozen=True, slots=True)
class Ingress:
    """An Ingress: ``annotations`` (controllers' read timeouts stand there), ``backends`` (service names)."""

    name: Value | None
    annotations: tuple[Setting, ...]
    backends: tuple[Value, ...]
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class KeyValues:
    """A ConfigMap or Secret (``kind``), also of a kustomize generator. ``Secret.data`` has keys only (value None)."""

    kind: str
    name: Value | None
    entries: tuple[EnvironmentVariable, ...]
    line: int
    end_line: int
    env_files: tuple[Value, ...] = ()
    templated: bool = False


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler or KEDA ScaledObject: how many replicas its target may have."""

    target: Value | None
    minimum: Value | None
    maximum: Value | None
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Kustomization:
    """``kustomization.yaml``: paths as written, relative to its folder; patches given inline are `Workload`s of the
    file with ``patch=True``."""

    resources: tuple[Value, ...]
    components: tuple[Value, ...]
    patches: tuple[Value, ...]
    line: int
    end_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesFile(Artifact):
    """One YAML file with Kubernetes objects. ``template_source``: its text when it is a Helm template, so that
    `kubernetes.with_values` can read it again with the chart's values."""

    workloads: tuple[Workload, ...] = ()
    services: tuple[NetworkService, ...] = ()
    ingresses: tuple[Ingress, ...] = ()
    key_values: tuple[KeyValues, ...] = ()
    autoscalers: tuple[Autoscaler, ...] = ()
    kustomization: Kustomization | None = None
    template_source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HelmValues(Artifact):
    """``values.yaml`` of a chart: scalars by dotted name (``web.replicas``, ``list.0.name``), and its text."""

    values: tuple[Setting, ...] = ()
    source: str = ""
