"""A workload whose platform cannot tell that it is stuck or not ready."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts.artifacts import KubernetesFile
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.project.loops import SLEEPS
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.health._composed import for_good, named_production, ours
from runtime_ops.rules.health._probes import needs_login, routes_of, source_first

RULE = Rule(
    __name__,
    severity="medium",
    summary="A service or worker is started without a health check.",
)
IMAGES = frozenset({"dockerfile", "compose", "shell", "packaging"})
"""Platforms of a repository that leaves open where its image runs."""
SCHEDULERS = ("marathon", "ecs", "nomad", "fly", "render")
HABIT = 3
"""So many images that are built alike are told once, with a count."""
LOAD_GENERATORS = ("locust",)
FOUNDRY = re.compile(r"manifest(?:[-_.]\w+)?\.ya?ml")
"""Cloud Foundry reads it where the application is pushed from: at the root."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    elsewhere = _elsewhere(project)
    of_docker: list[Finding] = []
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
            of_docker += _image(project, entrypoint, launches)
    yield from as_one(of_docker) if len(of_docker) >= HABIT else of_docker


def _elsewhere(project: Project) -> bool:
    """Whether Terraform or a manifest of Cloud Foundry, which are not read, says how the programs run: it may give them a probe that
    the image lacks, and Cloud Foundry asks the port by itself."""
    return any(path.endswith((".tf", ".tf.json")) or FOUNDRY.fullmatch(path) for path in project.files)


def _checked(launch: Launch) -> bool:
    return any(p.method != "none" for p, _ in launch.probes)


def _drives_load(entrypoint: Entrypoint) -> bool:
    return any(x.server in LOAD_GENERATORS or x.program in LOAD_GENERATORS for x in entrypoint.launches)


def _kubernetes(entrypoint: Entrypoint, launches: list[Launch]) -> Iterator[Finding]:
    bare: dict[str, list[tuple[str, int]]] = {}
    half: dict[str, list[tuple[str, int]]] = {}
    for launch in launches:
        container, workload = launch.container, launch.workload
        if container is None or workload is None or container.templated or workload.templated:
            continue
        if workload.kind in ("Job", "CronJob", "Pod") or any(p.method == "template" for p in container.probes):
            continue
        service = entrypoint.kind == "service"
        if container.liveness is not None:
            continue
        name = workload.name.text if workload.name is not None else launch.path
        # copies of one workload (base, release, chart) are one finding
        name = name.rpartition("}}")[2].strip("-") or name
        if container.readiness is None or not service:
            bare.setdefault(name, []).append((launch.path, container.line))
        elif not _minds_its_workers(launch):
            half.setdefault(name, []).append((launch.path, container.readiness.line))
    if half and not bare:
        yield _never_restarted(entrypoint, source_first(place for group in half.values() for place in group))
    if not bare:
        return
    places = source_first(place for group in bare.values() for place in group)
    asked = any(x.container is not None and x.container.ports for x in launches)  # others get no traffic by its ports
    yield _bare(entrypoint, *places[0], "Kubernetes", places[1:], asked=asked)


def _never_restarted(entrypoint: Entrypoint, places: list[tuple[str, int]]) -> Finding:
    (path, line), *others = places
    return RULE.finding(
        path,
        line,
        f"Kubernetes asks {entrypoint.path} whether it is ready and never whether it lives: a process that hangs is taken out of the "
        "service and stays there until somebody deletes its pod",
        "add a livenessProbe on a route that asks nothing but the process, slower to fail than the readinessProbe",
        severity="low",
        confidence="likely",
        entrypoints=(entrypoint,),
        anchor=f"{entrypoint.id}:liveness",
        count=len(others) + 1,
        also=[Evidence(p, at, "the same workload") for p, at in others[:8]],
    )


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
    composed = [x for x in launches if x.platform == "compose" and for_good(x) and ours(x, project)]
    built = [x for x in launches if x.platform == "dockerfile" and x.role == "main"]
    if not composed:
        yield from _unasked(project, entrypoint, built)
    if not composed or all(_minds_its_workers(x) for x in composed):
        return
    if built and not named_production(composed[0].path):
        link = built[0].chain[0]
        path, line = link.path, link.line
    else:
        path, line = composed[0].path, _service_line(composed[0])
    yield RULE.finding(
        path,
        line,
        f"neither the image nor a compose service checks the health of {entrypoint.path}: a process that hangs counts as up, and Docker "
        "neither shows it nor warns",
        "add a HEALTHCHECK (or healthcheck: in compose) that asks a health route with a time limit",
        severity="low",  # compose itself restarts nothing that is unhealthy: the check only shows it
        confidence="likely",
        entrypoints=(entrypoint,),
        anchor=entrypoint.id,
        also=[Evidence(x.path, at, "no healthcheck here") for x in composed[:4] if (x.path, at := _service_line(x)) != (path, line)],
    )


def _service_line(launch: Launch) -> int:
    """Where the compose service of a launch begins."""
    return launch.service.line if launch.service is not None else launch.line


def _unasked(project: Project, entrypoint: Entrypoint, built: list[Launch]) -> Iterator[Finding]:
    """The program answers a health route, its image is all that says how it runs, and the image does not ask."""
    if not built or _minds_its_workers(built[0]) or any(x.platform not in IMAGES for x in project.launches):
        return
    if project.artifacts_of(KubernetesFile):
        return
    own = set(routes_of(project, entrypoint))
    route = next((r for r in project.routes.health_like() if r in own and r.kind == "http" and not (r.dynamic or needs_login(r))), None)
    if route is None:
        return
    link = built[0].chain[0]
    yield RULE.finding(
        link.path,
        link.line,
        f"{entrypoint.path} answers {route.path}, and the image has no HEALTHCHECK that asks it: wherever Docker runs it, a process that "
        "hangs counts as up, and nothing can wait for it to be ready",
        f"add a HEALTHCHECK that asks {route.path} with a time limit",
        severity="low",  # Docker restarts nothing that is unhealthy, and Kubernetes does not look at it
        confidence="possible",  # the manifests may be kept elsewhere
        entrypoints=(entrypoint,),
        anchor=f"{entrypoint.id}:unasked",
        trace=(Evidence(route.file, route.line, route.path),),
    )
