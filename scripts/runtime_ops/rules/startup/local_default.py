"""An address of a dependency that falls back to this machine in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.observability import instrument
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import CLUSTERS, Launch
from runtime_ops.project.settings import SettingRead
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.startup._reads import ENVIRONMENT, LIBRARIES, phases_of, place, read_for_development

RULE = Rule(
    __name__,
    severity="medium",
    summary="The address of a dependency falls back to localhost or a local file without a word.",
    lead=True,
)
CHANNELS = frozenset({"grpc.insecure_channel", "grpc.secure_channel", "grpc.aio.insecure_channel", "grpc.aio.secure_channel"})
LOCAL = re.compile(r"(^|//|@)(localhost|127\.0\.0\.1|\[?::1\]?)(:|/|$)|^sqlite:///", re.IGNORECASE)
ADDRESS = re.compile(
    r"(^|_)(HOST|HOSTNAME|URL|URI|DSN|ADDR|ADDRESS|ENDPOINT|SERVER|SERVERS|BROKER|BROKERS|CONNECTION\w*|NODES?|BOOTSTRAP\w*)$",
    re.IGNORECASE,
)
OWN = re.compile(
    r"(^|_)UI_|BIND|LISTEN|ALLOWED|CORS|ORIGIN|BASE_URL|SITE|DOMAIN|PUBLIC|EXTERNAL|CALLBACK|REDIRECT|FRONTEND|PROXY",
    re.IGNORECASE,
)
"""Names for where the program itself listens or is seen."""
AGENT = re.compile(r"(^|_)(APM|STATSD|SENTRY|NEWRELIC|DATADOG|DD|PROFIL\w*|ZIPKIN|JAEGER)(_|$)", re.IGNORECASE)
"""Agents that a program runs without: they send in the background, and say themselves what fails."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_found(project))


def _found(project: Project) -> Iterator[Finding]:
    given = _given_somewhere(project)
    examples = {v.name for file in project.artifacts_of(a.DotenvFile) for v in file.variables}
    for read in project.settings:
        if read.how not in ENVIRONMENT | LIBRARIES or read.check or read_for_development(read):
            continue
        if read.name in examples:
            continue  # the set-up that the repository documents gives it
        if not read.default_text or not LOCAL.search(read.default_text.strip()):
            continue
        if any(f.kind == "compare" for u in project.settings.uses(read) for f in u.flows):
            continue  # the value that says "off" is looked for
        if not ADDRESS.search(read.name) or OWN.search(read.name) or _own_address(project, read):
            continue
        reached = phases_of(project, read)
        telemetry = _for_telemetry(project, read)
        if not telemetry and (read.name in given or (read.how == "dynaconf" and any(n.endswith(f"_{read.name}") for n in given))):
            continue  # who deploys it has it before their eyes; the refused connection names the address
        missing = [e for e in reached if _left_out(e, read.name, telemetry)]
        if not missing:
            continue
        path, line = place(read)
        yield RULE.finding(
            path,
            line,
            f"without {read.name} {missing[0].path} uses {read.default_text.strip()!r} in silence, where in a container nothing "
            "listens: what fails is the first call, with a refused connection instead of a message about the setting",
            f"read {read.name} without a default and end the start without it, or log a warning when the default is used",
            phase="import" if read.function.is_module else "startup",
            entrypoints=missing,
            severity="low" if telemetry else None,
            confidence=_confidence(project, read, missing, telemetry, read.name in given),
            anchor=read.name,
        )


def _confidence(project: Project, read: SettingRead, missing: list[Entrypoint], telemetry: bool, given: bool) -> str:
    """Certain is the service whose address is handed to gRPC's channel, which connects at the first call and says UNAVAILABLE,
    without the setting's name; and the exporter to which one artifact gives a collector elsewhere and a cluster's artifact
    none: what it sends is dropped, and no request fails that would tell of it."""
    if (AGENT.search(read.name) and not telemetry) or not _in_a_container(missing, read.name):
        return "possible"
    if not telemetry and _dials(read):
        return "certain"
    placed = any(x.platform in CLUSTERS and not _given(x, read.name) for e in missing for x in e.production)
    return "certain" if telemetry and given and placed else "likely"


def _dials(read: SettingRead) -> bool:
    """Whether the name that the setting is bound to is what a gRPC channel is made of, in the same function."""
    assigned = [
        p.stmt for p in read.function.places if isinstance(p.stmt, m.Assign) and p.stmt.line <= read.line <= p.stmt.end_line
    ]
    names = {t.id for stmt in assigned for t in stmt.targets if isinstance(t, m.Name)}
    return any(
        site.dotted in CHANNELS and site.call.args and isinstance(site.call.args[0], m.Name) and site.call.args[0].id in names
        for site in read.function.sites
    )


def _given_somewhere(project: Project) -> frozenset[str]:
    """Variables to which some artifact, also one for development, gives a value that is not this machine."""
    return frozenset(name for e in project.entrypoints for x in e.launches for name in x.env if _given(x, name))


def _left_out(entrypoint: Entrypoint, name: str, telemetry: bool) -> bool:
    """Whether something starts the entrypoint for production without giving the variable, as far as can be known.

    One that may get it from elsewhere says nothing about the others; one that gives it shows that it is known. Of
    telemetry nobody notices the loss, so there each artifact must give it.
    """
    launches = [x for x in entrypoint.production if x.platform not in ("packaging", "shell")]
    placed = [x for x in launches if x.platform != "dockerfile"] or launches
    if telemetry:
        return any(not _given(x, name) for x in placed)
    return any(not x.env_open for x in placed) and not any(_given(x, name) for x in placed)


def _in_a_container(entrypoints: list[Entrypoint], name: str) -> bool:
    """Whether any of them is known to start where nothing else listens."""
    return any(_orchestrated(e) or _image_gives(e, name) for e in entrypoints)


def _image_gives(entrypoint: Entrypoint, name: str) -> bool:
    """Whether the image itself sets the variable, so that a container is known to start with its localhost."""
    return any(name in launch.env for launch in entrypoint.production)


def _given(launch: Launch, name: str) -> bool:
    """Whether an artifact gives the variable; an image's own localhost gives nothing."""
    if name not in launch.env:
        return False
    variable, path = launch.env[name]
    local = variable.value is not None and LOCAL.search(variable.value.text.strip()) is not None
    return not (local and "ockerfile" in path)


def _for_telemetry(project: Project, read: SettingRead) -> bool:
    """Whether the value is the address of an exporter of traces or metrics."""
    flows = [*read.flows, *(f for u in project.settings.uses(read) for f in u.flows)]
    parts = (instrument(f.to) for f in flows if f.kind == "argument")
    return any(part is not None and part.role == "exporter" for part in parts)


def _orchestrated(entrypoint: Entrypoint) -> bool:
    return any(x.platform not in ("packaging", "shell", "dockerfile") for x in entrypoint.production)


def _own_address(project: Project, read: SettingRead) -> bool:
    """Whether the value is what the program binds to."""
    flows = [*read.flows, *(f for u in project.settings.uses(read) for f in u.flows)]
    return any(
        (f.kind == "argument" and re.search(r"(run|serve|bind|start_server|create_server|listen)$", f.to))
        or (f.kind in ("argument", "item") and re.search(r"(?i)socket_host|bind|listen", f.parameter))
        for f in flows
    )
