"""A workload whose platform cannot tell that it is stuck or not ready."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts.artifacts import ComposeFile, ComposeService
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.project.loops import SLEEPS
from runtime_ops.rules.api import Rule
from runtime_ops.rules.health._probes import source_first

RULE = Rule(
    __name__,
    severity="medium",
    summary="A service or worker is started without a health check.",
)
SCHEDULERS = ("marathon", "ecs", "nomad", "fly", "render")
LOAD_GENERATORS = ("locust",)
RESTARTS = frozenset({"always", "unless-stopped", "on-failure", "any"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    elsewhere = _elsewhere(project)
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running or _drives_load(entrypoint) or _idle(entrypoint):
            continue
        launches = [x for x in entrypoint.production if x.role in ("main", "management")]
        yield from _kubernetes(entrypoint, [x for x in launches if x.platform == "kubernetes" and x.role == "main"])
        for launch in launches:
            if launch.platform in SCHEDULERS and entrypoint.kind == "service" and not _checked(launch):
                line = launch.probes[0][0].line if launch.probes else launch.unit.line if launch.unit else launch.line
                yield _bare(entrypoint, launch.path, line, launch.platform.capitalize())
        if not elsewhere:
            yield from _image(project, entrypoint, launches)


def _elsewhere(project: Project) -> bool:
    """Whether Terraform, which is not read, says how the programs run: it may give them a probe that the image lacks."""
    return any(path.endswith((".tf", ".tf.json")) for path in project.files)


def _checked(launch: Launch) -> bool:
    return any(p.method != "none" for p, _ in launch.probes)


def _drives_load(entrypoint: Entrypoint) -> bool:
    return any(x.server in LOAD_GENERATORS or x.program in LOAD_GENERATORS for x in entrypoint.launches)


def _kubernetes(entrypoint: Entrypoint, launches: list[Launch]) -> Iterator[Finding]:
    bare: dict[str, list[tuple[str, int]]] = {}
    for launch in launches:
        container, workload = launch.container, launch.workload
        if container is None or workload is None or container.templated or workload.templated:
            continue
        if workload.kind in ("Job", "CronJob", "Pod") or any(p.method == "template" for p in container.probes):
            continue
        service = entrypoint.kind == "service"
        lacking = container.liveness is None and (container.readiness is None or not service)
        if lacking:
            name = workload.name.text if workload.name is not None else launch.path
            # copies of one workload (base, release, chart) are one finding
            bare.setdefault(name.rpartition("}}")[2].strip("-") or name, []).append((launch.path, container.line))
    if not bare:
        return
    places = source_first(place for group in bare.values() for place in group)
    asked = any(x.container is not None and x.container.ports for x in launches)  # others get no traffic by its ports
    yield _bare(entrypoint, *places[0], "Kubernetes", places[1:], asked=asked)


def _bare(
    entrypoint: Entrypoint, path: str, line: int, platform: str, others: list[tuple[str, int]] | None = None, *, asked: bool = True
) -> Finding:
    service = entrypoint.kind == "service"
    others = others or []
    if service:
        effect = (
            "it gets traffic as soon as the process exists, before it can answer, and stays in service when it hangs"
        )
    else:
        effect = "a worker that hangs keeps its place for ever and its work stops without anybody being told"
    return RULE.finding(
        path,
        line,
        f"{platform} runs {entrypoint.path} without {'readiness or liveness probe' if service else 'a liveness probe'}: {effect}",
        "add a readinessProbe on a route that asks what serving needs, and a livenessProbe on one that asks nothing else"
        if service
        else "let the loop touch a file or heartbeat and add an exec livenessProbe that looks at its age",
        severity="medium" if service and asked else "low",
        confidence="certain" if service and asked else "likely",
        entrypoints=(entrypoint,),
        anchor=entrypoint.id,
        count=len(others) + 1,
        also=[Evidence(p, at, "the same workload") for p, at in others[:8]],
    )


def _kept_up(launch: Launch) -> bool:
    """Whether compose is told to start the service again: so it is where it runs for good, not only built or tried out."""
    restart = launch.service.restart if launch.service is not None else None
    return restart is not None and restart.text.strip("'\"").partition(":")[0] in RESTARTS


def _is_ours(launch: Launch, project: Project) -> bool:
    """Whether the compose service runs code of the repository: where others of its file are built here or get the source
    mounted, one with another image alone is a neighbour's program, whose command only reads like one of ours."""
    if launch.service is None or _made_here(launch.service):
        return True
    beside = [s for f in project.artifacts_of(ComposeFile) if f.path == launch.path for s in f.services if _made_here(s)]
    image = launch.service.image.text if launch.service.image is not None else ""
    return not beside or any(s.image is not None and s.image.text == image for s in beside)


def _made_here(service: ComposeService) -> bool:
    return service.build is not None or any(x.bind and x.source.startswith(".") for x in service.mounts)


def _minds_its_workers(launch: Launch) -> bool:
    """Whether the server itself ends a worker that hangs: gunicorn's, of the synchronous class, whose timeout is not off."""
    worker, limit = launch.options.get("worker_class"), launch.options.get("timeout")
    if launch.server != "gunicorn" or (worker is not None and worker.value != "sync"):
        return False
    return limit is not None and limit.value not in (None, "0")


def _idle(entrypoint: Entrypoint) -> bool:
    """Whether its serving loops do nothing but sleep: nothing that could hang."""
    loops = [place for place in entrypoint.places if place.how == "loop" and place.loop is not None]
    return bool(loops) and all(
        site.dotted in SLEEPS
        for place in loops
        for site in place.function.sites
        if any(step.stmt is place.loop for step in site.steps)
    )


def _image(project: Project, entrypoint: Entrypoint, launches: list[Launch]) -> Iterator[Finding]:
    """Neither the image nor the compose service that runs it checks health, and no other platform does."""
    if entrypoint.kind != "service" or any(x.platform in ("kubernetes", *SCHEDULERS) or x.probes for x in launches):
        return
    composed = [x for x in launches if x.platform == "compose" and _kept_up(x) and _is_ours(x, project)]
    built = [x for x in launches if x.platform == "dockerfile" and x.role == "main"]
    if not composed or all(_minds_its_workers(x) for x in composed):
        return
    if built:
        link = built[0].chain[0]
        path, line = link.path, link.line
    else:
        service = composed[0].service
        path, line = composed[0].path, service.line if service is not None else composed[0].line
    yield RULE.finding(
        path,
        line,
        f"neither the image nor a compose service checks the health of {entrypoint.path}: a process that hangs, or whose workers "
        "died, counts as up, and nothing shows it or can warn",
        "add a HEALTHCHECK (or healthcheck: in compose) that asks a health route with a time limit",
        severity="low",  # compose itself restarts nothing that is unhealthy: the check only shows it
        confidence="likely",
        entrypoints=(entrypoint,),
        anchor=entrypoint.id,
        also=[Evidence(x.path, x.line, "no healthcheck here") for x in composed[:4]],
    )
