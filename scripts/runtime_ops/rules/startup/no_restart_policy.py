"""A service of a compose file that nothing starts again, beside others that are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts.artifacts import ComposeFile, ComposeService
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_name, development_path
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._composed import named_production, restarted

RULE = Rule(
    __name__,
    severity="medium",
    summary="A compose file for production starts a service that stays down once it has ended.",
)
DAEMONS = frozenset(
    """postgres postgresql postgis timescaledb pgvector pgbouncer mysql mariadb percona mongo mongodb redis valkey keydb dragonfly memcached
    rabbitmq activemq kafka zookeeper redpanda nats mosquitto emqx elasticsearch opensearch solr meilisearch qdrant weaviate clickhouse
    influxdb minio nginx haproxy caddy traefik httpd vault consul etcd keycloak""".split()
)
"""Images that run until they are stopped."""
ONCE = re.compile(r"(?i)migrat|init|setup|seed|test|build|backup|bootstrap|create|once|job|cli|shell|tool")
"""Names of services that end when their work is done."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    ours = _long_running(project)
    told: list[tuple[ComposeFile, list[ComposeService]]] = []
    copies: list[Evidence] = []
    for file in project.artifacts_of(ComposeFile):
        bare = [] if _cut(file) else _left_down(project, file, ours)
        names = {s.name for s in bare}
        if any(names & {s.name for s in known} for _, known in told):
            copies.append(Evidence(file.path, bare[0].line, "the same"))  # staging beside production: one habit
        elif bare:
            told.append((file, bare))
    for file, bare in told:
        first, *others = bare
        kept = [s for s in file.services if restarted(s)]
        named = ", ".join(s.name for s in bare[:4]) + (" …" if len(bare) > 4 else "")
        beside = f", while {kept[0].name} is" if kept else ""
        yield RULE.finding(
            file.path,
            first.line,
            f"nothing starts {named} again{beside}: after a crash, or when the host or Docker is restarted, "
            f"{'they stay' if others else 'it stays'} down until somebody looks",
            "restart: unless-stopped for each service that is to stay up",
            entrypoints=dict.fromkeys(e for s in bare for e in ours.get((file.path, s.name), ())),
            phase="startup",
            anchor=file.path,
            count=len(bare) + len(copies),
            also=[*(Evidence(file.path, s.line, "the same") for s in others[:6]), *copies[:4]],
        )


def _cut(file: ComposeFile) -> bool:
    """Whether the file waits for a service that it does not have: compose refuses it as it is, so it is the part of something or a
    text to copy from."""
    names = {s.name for s in file.services}
    return any(d.name not in names for s in file.services for d in s.depends_on)


def _left_down(project: Project, file: ComposeFile, ours: dict[tuple[str, str], list[Entrypoint]]) -> list[ComposeService]:
    """The services of a file for production that are to stay up, and for which nothing says to start them again."""
    # a database that is restarted alone was copied so from its documentation
    kept = [s for s in file.services if restarted(s)]
    kept = kept if any((file.path, s.name) in ours for s in kept) else []
    production = named_production(file.path)
    if development_path(file.path) or not (kept or production) or _at_the_desk(file, project):
        return []
    bare = [s for s in file.services if s.restart is None and _stays_up(file, s, ours) and not _elsewhere(project, file, s)]
    # where few are started again it is no oversight of the others
    return bare if production or len(bare) <= len(kept) else []


def _long_running(project: Project) -> dict[tuple[str, str], list[Entrypoint]]:
    """The services and workers by the compose file and service that run them in production."""
    found: dict[tuple[str, str], list[Entrypoint]] = {}
    for entrypoint in project.entrypoints:
        for launch in entrypoint.production:
            if entrypoint.long_running and launch.platform == "compose" and launch.service is not None and launch.role == "main":
                found.setdefault((launch.path, launch.service.name), []).append(entrypoint)
    return found


def _at_the_desk(file: ComposeFile, project: Project) -> bool:
    """Whether one of the programs that the file starts is started for development."""
    return any(x.development and x.path == file.path for x in project.launches) or any(s.watched for s in file.services)


def _stays_up(file: ComposeFile, service: ComposeService, ours: dict[tuple[str, str], list[Entrypoint]]) -> bool:
    """Whether a service is one that runs until it is stopped: a program of the repository, or a known daemon as it is."""
    if service.profiles or service.extends_file or ONCE.search(service.name) or development_name(service.name):
        return False
    if any(d.name == service.name and d.condition == "service_completed_successfully" for s in file.services for d in s.depends_on):
        return False
    if (file.path, service.name) in ours:
        return True
    image = service.image.text if service.image is not None and not service.build else ""
    daemon = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return daemon in DAEMONS and service.entrypoint is None


def _elsewhere(project: Project, file: ComposeFile, service: ComposeService) -> bool:
    """Whether another compose file of the folder, which may be merged over this one, says whether to start it again."""
    folder = file.path.rpartition("/")[0]
    return any(
        other.name == service.name and other.restart is not None
        for f in project.artifacts_of(ComposeFile)
        if f is not file and f.path.rpartition("/")[0] == folder
        for other in f.services
    )
