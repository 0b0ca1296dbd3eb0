"""A required variable that what starts the program does not give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from runtime_ops.facts.artifacts import ComposeFile
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.project.layout import join
from runtime_ops.project.settings import SettingRead
from runtime_ops.rules.api import Rule
from runtime_ops.rules.startup._reads import ENVIRONMENT, caught, conditional, read_for_development

RULE = Rule(
    __name__,
    severity="high",
    summary="An artifact starts the program without a variable that it needs.",
    lead=True,
)
PLATFORMS = frozenset(("kubernetes", "compose", "ecs", "nomad", "marathon", "render", "fly", "appengine"))


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    templates = _extended(project)
    found: dict[tuple[str, str], list[tuple[Launch, Entrypoint, SettingRead]]] = defaultdict(list)
    for entrypoint in project.entrypoints:
        launches = [
            x for x in entrypoint.production if x.platform in PLATFORMS and not x.env_open and x.role != "management"
        ]
        if not launches:
            continue
        for read in project.settings:
            if not _needed(project, read, entrypoint):
                continue
            for launch in launches:
                if read.name not in launch.env and not _template(launch, templates):
                    found[(entrypoint.id, read.name)].append((launch, entrypoint, read))
    for (_, name), places in found.items():
        launch, entrypoint, read = places[0]
        yield RULE.finding(
            launch.path,
            launch.line,
            f"{launch.chain[0].text} starts {entrypoint.path} without {name}, and nothing else gives it: the start ends in an "
            "error and the platform restarts it for ever",
            f"set {name} here (or by envFrom/env_file), or give it a default that is right for production",
            confidence="certain" if _started_anew(launch) else "likely",
            phase="startup",
            entrypoints=(entrypoint,),
            trace=(Evidence(read.path, read.line, f"{name} is required here"),),
            anchor=name,
            count=len(places),
            also=[Evidence(x.path, x.line, x.chain[0].text) for x, _, _ in places[1:9]],
        )


def _extended(project: Project) -> frozenset[tuple[str, str]]:
    """The compose services, by file and name, that others extend: they are templates, and what starts may give more."""
    return frozenset(
        (join(file.path.rpartition("/")[0], service.extends_file) if service.extends_file else file.path, service.extends_service)
        for file in project.artifacts_of(ComposeFile)
        for service in file.services
        if service.extends_service is not None
    )


def _template(launch: Launch, templates: frozenset[tuple[str, str]]) -> bool:
    return launch.service is not None and (launch.path, launch.service.name) in templates


def _started_anew(launch: Launch) -> bool:
    """Whether the platform starts what ends again: compose does where it is told to."""
    if launch.platform != "compose":
        return True
    restart = launch.service.restart if launch.service is not None else None
    return restart is not None and restart.text.strip("'\"") not in ("no", "")


def _needed(project: Project, read: SettingRead, entrypoint: Entrypoint) -> bool:
    if read.how not in ENVIRONMENT or not read.required or read_for_development(read):
        return False
    if conditional(read.steps) or caught(read.steps) or "{?}" in read.name or not read.sure:
        return False
    phases = project.phases_by_entrypoint(read.function, read.line, read.steps).get(entrypoint, frozenset())
    if not phases & {"import", "startup"} or not read.function.is_module:
        return False
    # the code itself may set it before: os.environ.setdefault, load_dotenv
    return not any(r.how == "environ.setdefault" for r in project.settings.by_name(read.name)) and not any(
        True for _ in project.sites("dotenv.load_dotenv")
    )
