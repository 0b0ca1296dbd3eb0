"""Facts of everything that is not Python: what starts, feeds, probes and stops a process, with lines.

Plain frozen dataclasses that pickle and compare by value. Lines are 1-based and count in the file as it is on disk
(`end_line` is inclusive). A text that holds a template expression nobody resolved keeps that expression as it stands
and has ``templated=True``: rules treat it as unknown. What a reader did not understand is in `Artifact.unread`.

Every artifact is a subclass of `Artifact`; `artifact_kinds.read_artifact` makes them from bytes.
"""

from __future__ import annotations

from runtime_ops.facts.artifact_commands import (
    Assignment,
    Branch,
    Case,
    CaseArm,
    Command,
    Loop,
    Redirect,
    ShellFunction,
    ShellOption,
    ShellScript,
    SimpleCommand,
    Trap,
)
from runtime_ops.facts.artifact_images import (
    Build,
    ComposeFile,
    ComposeService,
    Copy,
    Dependency,
    Dockerfile,
    Mount,
    Stage,
)
from runtime_ops.facts.artifact_kubernetes import (
    Autoscaler,
    Container,
    HelmValues,
    Hook,
    Ingress,
    KeyValues,
    KubernetesFile,
    Kustomization,
    NetworkService,
    Workload,
)
from runtime_ops.facts.artifact_logging import FormatterEntry, HandlerEntry, LoggerEntry, LoggingFile
from runtime_ops.facts.artifact_packaging import DotenvFile, PackagingFile, Requirement, ScriptEntry
from runtime_ops.facts.artifact_parts import (
    EnvironmentSource,
    EnvironmentVariable,
    OptionSection,
    Port,
    Probe,
    Resource,
)
from runtime_ops.facts.artifact_platforms import (
    NginxConfig,
    NginxDirective,
    NginxProxy,
    NginxUpstream,
    PlatformFile,
    Program,
    SupervisordConfig,
    SystemdUnit,
    UwsgiConfig,
)
from runtime_ops.facts.artifact_values import Artifact, Setting, Unread, Value, VariableUse, duration_seconds

__all__ = [
    "Artifact",
    "Assignment",
    "Autoscaler",
    "Branch",
    "Build",
    "Case",
    "CaseArm",
    "Command",
    "ComposeFile",
    "ComposeService",
    "Container",
    "Copy",
    "Dependency",
    "Dockerfile",
    "DotenvFile",
    "EnvironmentSource",
    "EnvironmentVariable",
    "FormatterEntry",
    "HandlerEntry",
    "HelmValues",
    "Hook",
    "Ingress",
    "KeyValues",
    "KubernetesFile",
    "Kustomization",
    "LoggerEntry",
    "LoggingFile",
    "Loop",
    "Mount",
    "NetworkService",
    "NginxConfig",
    "NginxDirective",
    "NginxProxy",
    "NginxUpstream",
    "OptionSection",
    "PackagingFile",
    "PlatformFile",
    "Port",
    "Probe",
    "Program",
    "Redirect",
    "Requirement",
    "Resource",
    "ScriptEntry",
    "Setting",
    "ShellFunction",
    "ShellOption",
    "ShellScript",
    "SimpleCommand",
    "Stage",
    "SupervisordConfig",
    "SystemdUnit",
    "Trap",
    "Unread",
    "UwsgiConfig",
    "Value",
    "VariableUse",
    "Workload",
    "duration_seconds",
]
