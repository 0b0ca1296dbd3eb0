"""Reads the files of application platforms: render.yaml, app.yaml (App Engine, DigitalOcean), heroku.yml.

Sources: Render's "Blueprint YAML Reference", Google's "app.yaml reference", DigitalOcean's "App Spec", Heroku's
"heroku.yml".
"""

from __future__ import annotations

from runtime_ops.facts.artifacts import (
    EnvironmentSource,
    EnvironmentVariable,
    PlatformFile,
    Port,
    Probe,
    Program,
)
from runtime_ops.facts.compose import read_environment
from runtime_ops.facts.yaml_commands import text_command
from runtime_ops.facts.yaml_nodes import (
    Mapping,
    Node,
    Scalar,
    Sequence,
    child,
    items_of,
    pairs_of,
    parse_yaml,
    text_of,
    value_of,
)


def read_platform(path: str, text: str) -> PlatformFile | None:
    """The programs of a platform's YAML file; None when the file is none of them. Never raises."""
    nodes, unread = parse_yaml(text)
    name = path.rsplit("/", 1)[-1]
    platform, programs = "", list[Program]()
    for node in nodes:
        if name.startswith("heroku"):
            platform, programs = "heroku", [*programs, *_heroku(node)]
        elif _is_render(node):
            platform, programs = "render", [*programs, *_render(node)]
        elif child(node, "runtime") is not None and not child(node, "services"):
            platform, programs = "appengine", [*programs, _appengine(node)]
        elif any(child(node, key) is not None for key in ("services", "workers", "jobs")):
            platform, programs = "digitalocean", [*programs, *_digitalocean(node)]
    if not platform and not unread:
        return None
    return PlatformFile(path=path, unread=tuple(unread), platform=platform or "unknown", programs=tuple(programs))


def _is_render(node: Node) -> bool:
    kinds = ("web", "worker", "pserv", "cron", "static", "private", "keyvalue", "redis")
    return any(text_of(item, "type") in kinds for item in items_of(node, "services"))


def _render(node: Node) -> list[Program]:
    groups = [group for group in items_of(node, "envVarGroups") if isinstance(group, Mapping)]
    shared = {text_of(group, "name"): _render_env(group) for group in groups}
    made = []
    for item in items_of(node, "services"):
        if not isinstance(item, Mapping) or text_of(item, "type") in ("static", "keyvalue", "redis"):
            continue
        env, sources = list(_render_env(item)), []
        for variable in items_of(item, "envVars"):
            group = value_of(variable, "fromGroup")
            if group is not None:
                env.extend(shared.get(group.text, ()))
                sources.append(EnvironmentSource("group", group.text, variable.line, variable.end_line))
        path, key = item.get("healthCheckPath"), item.key("healthCheckPath")
        probes: tuple[Probe, ...] = ()
        if isinstance(path, Scalar) and key is not None:
            probes = (Probe("health", "http", key.line, path.end_line, path=path.value),)
        command = item.get("startCommand") or item.get("dockerCommand")
        before = text_command(item.get("preDeployCommand"), shell=True)
        made.append(
            Program(
                name=text_of(item, "name"),
                kind=text_of(item, "type"),
                line=item.line,
                end_line=item.end_line,
                command=text_command(command, shell=True),
                pre_commands=(before,) if before else (),
                env=tuple(env),
                env_from=tuple(sources),
                probes=probes,
                dockerfile=value_of(item, "dockerfilePath"),
                working_dir=value_of(item, "rootDir"),
                grace=value_of(item, "maxShutdownDelaySeconds"),
                replicas=value_of(item, "numInstances") or value_of(item, "scaling", "minInstances"),
                schedule=value_of(item, "schedule"),
                image=value_of(item, "image", "url"),
            )
        )
    return made


def _render_env(node: Mapping) -> tuple[EnvironmentVariable, ...]:
    made = []
    for item in items_of(node, "envVars"):
        key = value_of(item, "key")
        if key is None:
            continue
        value = value_of(item, "value")
        source = None
        if value is None:
            source = "generated" if child(item, "generateValue") is not None else "service"
            source = "prompt" if child(item, "sync") is not None else source
        made.append(EnvironmentVariable(key.text, value, item.line, item.end_line, source=source))
    return tuple(made)


def _appengine(node: Node) -> Program:
    probes = []
    for key, role in (("liveness_check", "liveness"), ("readiness_check", "readiness"), ("health_check", "health")):
        check = child(node, key)
        if isinstance(check, Mapping):
            probes.append(
                Probe(
                    role,
                    "http",
                    check.line,
                    check.end_line,
                    path=value_of(check, "path"),
                    timeout=value_of(check, "timeout_sec"),
                    period=value_of(check, "check_interval_sec"),
                    failures=value_of(check, "failure_threshold"),
                    initial_delay=value_of(check, "initial_delay_sec"),
                )
            )
    return Program(
        name=text_of(node, "service") or "default",
        kind="service",
        line=node.line,
        end_line=node.end_line,
        command=text_command(child(node, "entrypoint"), shell=True),
        env=read_environment(child(node, "env_variables")),
        probes=tuple(probes),
        replicas=value_of(node, "manual_scaling", "instances")
        or value_of(node, "automatic_scaling", "min_instances")
        or value_of(node, "automatic_scaling", "min_num_instances"),
    )


def _digitalocean(node: Node) -> list[Program]:
    common = _digitalocean_env(node)
    made = []
    for key, kind in (("services", "service"), ("workers", "worker"), ("jobs", "job")):
        for item in items_of(node, key):
            if not isinstance(item, Mapping):
                continue
            check, check_key = item.get("health_check"), item.key("health_check")
            probes: tuple[Probe, ...] = ()
            if isinstance(check, Mapping) and check_key is not None:
                probes = (
                    Probe(
                        "health",
                        "http" if check.get("http_path") is not None else "tcp",
                        check_key.line,
                        check.end_line,
                        path=value_of(check, "http_path"),
                        port=value_of(check, "port"),
                        timeout=value_of(check, "timeout_seconds"),
                        period=value_of(check, "period_seconds"),
                        failures=value_of(check, "failure_threshold"),
                        initial_delay=value_of(check, "initial_delay_seconds"),
                    ),
                )
            port = value_of(item, "http_port")
            made.append(
                Program(
                    name=text_of(item, "name"),
                    kind=kind,
                    line=item.line,
                    end_line=item.end_line,
                    command=text_command(item.get("run_command"), shell=True),
                    env=(*common, *_digitalocean_env(item)),
                    probes=probes,
                    ports=(Port(port, port.line, port.end_line),) if port else (),
                    dockerfile=value_of(item, "dockerfile_path"),
                    working_dir=value_of(item, "source_dir"),
                    grace=value_of(item, "termination", "grace_period_seconds"),
                    replicas=value_of(item, "instance_count"),
                )
            )
    return made


def _digitalocean_env(node: Node) -> tuple[EnvironmentVariable, ...]:
    made = []
    for item in items_of(node, "envs"):
        key = value_of(item, "key")
        if key is not None:
            value = value_of(item, "value")
            source = None if value else "secret"
            made.append(EnvironmentVariable(key.text, value, item.line, item.end_line, source=source))
    return tuple(made)


def _heroku(node: Node) -> list[Program]:
    made = []
    dockerfiles = {key.text: value for key, value in pairs_of(node, "build", "docker") if isinstance(value, Scalar)}
    runs = {key.text: (key, value) for key, value in pairs_of(node, "run")}
    for name, (key, value) in runs.items():
        written = child(value, "command") if isinstance(value, Mapping) else value
        docker = dockerfiles.get(name) or dockerfiles.get(text_of(value, "image"))
        made.append(
            Program(
                name,
                name,
                key.line,
                value.end_line,
                command=text_command(_only_item(written), shell=True),
                dockerfile=docker.value if docker else None,
            )
        )
    for name, docker in dockerfiles.items():
        if name not in runs:  # the image's own command runs
            made.append(Program(name, name, docker.line, docker.end_line, dockerfile=docker.value))
    release = _only_item(child(node, "release", "command"))
    if release is not None:
        command = text_command(release, shell=True)
        made.append(Program("release", "release", release.line, release.end_line, command=command))
    return made


def _only_item(node: Node | None) -> Node | None:
    """A list of one text is that text, which a shell runs."""
    return node.items[0] if isinstance(node, Sequence) and len(node.items) == 1 else node
