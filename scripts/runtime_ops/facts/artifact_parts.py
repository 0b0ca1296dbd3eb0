"""Facts of artifacts: what several kinds have in common (environment, probes, ports, sections)."""

from __future__ import annotations

from runtime_ops.facts.artifact_commands import (
    Command,
)
from runtime_ops.facts.artifact_values import Setting, Value, VariableUse
from runtime_ops.plain import dataclass


@dataclass(frozen=True, slots=True)
class EnvironmentVariable:
    """A variable that an artifact sets.

    ``value`` None: taken from elsewhere, then ``source`` says from where (``secretKeyRef``, ``configMapKeyRef``,
    ``fieldRef``, ``resourceFieldRef``, ``host`` for a bare name in compose, ``build`` for an ARG, ``template``,
    ``empty``, ``removed`` by a patch, ``secret``, ``service``, ``generated`` …) and ``source_name``/
    ``source_key`` what. ``optional``: may be missing there. ``variables``: what the platform fills into the value.
    """

    name: str
    value: Value | None
    line: int
    end_line: int
    source: str | None = None
    source_name: str | None = None
    source_key: str | None = None
    optional: bool = False
    templated: bool = False
    variables: tuple[VariableUse, ...] = ()


@dataclass(frozen=True, slots=True)
class EnvironmentSource:
    """A whole set of variables from elsewhere: ``kind`` ``configMapRef``, ``secretRef``, ``env_file``,
    ``EnvironmentFile``, ``group``, ``template`` (a template fills the environment: anything may be set)."""

    kind: str
    name: str
    line: int
    end_line: int
    optional: bool = False
    templated: bool = False
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """A health check of a platform. ``role``: ``liveness``, ``readiness``, ``startup``, or ``health`` where the
    platform knows one kind only. ``method``: ``http``, ``tcp``, ``grpc``, ``exec``, ``none`` (switched off),
    ``template`` (filled by a template, nothing known). Times are `Value`s, read them by ``.seconds``."""

    role: str
    method: str
    line: int
    end_line: int
    path: Value | None = None
    port: Value | None = None
    scheme: str = ""
    service: Value | None = None
    command: Command | None = None
    timeout: Value | None = None
    period: Value | None = None
    failures: Value | None = None
    successes: Value | None = None
    initial_delay: Value | None = None
    grace: Value | None = None
    templated: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """A port: ``number`` inside the container (or the target port of a Kubernetes Service), ``published`` outside."""

    number: Value
    line: int
    end_line: int
    name: str = ""
    protocol: str = ""
    published: Value | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """``kind`` ``request`` or ``limit``; ``name`` ``cpu``, ``memory`` …"""

    kind: str
    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class OptionSection:
    """A section of an ini-like file; an option may stand several times. Section ``""``: before any header."""

    name: str
    options: tuple[Setting, ...]
    line: int
    end_line: int

    def get(self, name: str) -> Value | None:
        """The last value of an option (names compare without case, ``-`` and ``_`` alike), None when not written."""
        found = self.all(name)
        return found[-1] if found else None

    def all(self, name: str) -> tuple[Value, ...]:
        """All values of an option in their order."""
        key = name.lower().replace("-", "_")
        return tuple(option.value for option in self.options if option.name.lower().replace("-", "_") == key)
