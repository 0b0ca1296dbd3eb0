"""The programs of a repository that run for long, each once, however many ways there are to start it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.project.build import Project
from runtime_ops.project.development import development_path
from runtime_ops.project.entrypoints import WORKER_PROGRAMS, Entrypoint, deepest
from runtime_ops.project.model import Module

LOAD_GENERATORS = ("locust",)
"""Their output is for the person who looks on."""


CONCURRENT = frozenset(("thread", "timer", "task", "process", "executor", "pool", "scheduler"))
LOG_METHODS = frozenset(("debug", "info", "warning", "error", "exception", "critical"))
TOOL_FOLDERS = frozenset(("scripts", "tools", "bin", "hack", "contrib", "demo", "demos", "util", "utils"))


class Program(NamedTuple):
    """One program. ``entrypoint`` stands for it: the one that production starts, if any does. ``others``: the further
    ways to start the same program (a console script beside ``__main__`` beside the application that a server loads)."""

    entrypoint: Entrypoint
    others: tuple[Entrypoint, ...]

    @property
    def all(self) -> tuple[Entrypoint, ...]:
        return (self.entrypoint, *self.others)

    @property
    def home(self) -> Entrypoint:
        """Where the program is written: the function that a ``__main__`` stub of another module calls, else itself."""
        stub = self.entrypoint
        if stub.guarded:
            for other in self.others:
                if not other.main.is_module and not other.app and other.main.module is not stub.main.module:
                    return other
        return stub

    @property
    def modules(self) -> frozenset[Module]:
        """What the program imports, whichever way it is started."""
        return self.entrypoint.modules.union(*(e.modules for e in self.others))


def programs(project: Project) -> tuple[Program, ...]:
    """The services and workers that production starts; where no artifact starts any, those that the code offers.

    Scripts below ``__main__`` that nothing starts are left out as soon as something else is started.
    """
    running = long_running(project)
    started = [e for e in running if any(x.platform != "packaging" for x in e.production)]
    chosen = started or [e for e in running if e.production] or [e for e in running if not e.guarded] or list(running)
    groups: list[list[Entrypoint]] = []
    for entrypoint in sorted(running, key=_weight):
        group = next((g for g in groups if _same(g[0], entrypoint)), None)
        if group is not None:
            group.append(entrypoint)
        elif entrypoint in chosen:
            groups.append([entrypoint])
    return tuple(Program(group[0], tuple(group[1:])) for group in groups)


CONTAINERS = frozenset({"kubernetes", "compose", "dockerfile", "ecs", "nomad", "marathon", "fly", "render", "appengine", "heroku"})


def deployed(project: Project, program: Program) -> bool:
    """Whether the repository ships the program to a platform that collects output and metrics, where nobody sits before it;
    also where nothing says how anything is started."""
    if not project.launches:
        return True
    return any(launch.platform in CONTAINERS for e in program.all for launch in e.production if launch.role == "main")


PLACED = CONTAINERS - {"compose", "dockerfile"} | {"procfile"}
"""Platforms whose artifacts say where the program runs for others; an image or a compose file may as well be for anybody's home."""


def placed(program: Program, *further: str) -> bool:
    """Whether an artifact of a cluster or another platform starts the program: it has an operator, who queries logs and metrics.
    ``further``: platforms that say enough besides."""
    platforms = PLACED.union(further)
    return any(launch.platform in platforms for e in program.all for launch in e.production if launch.role == "main")


GROWN = 10
"""Modules from which a program is more than a helper or somebody's tool."""


def operated(program: Program) -> bool:
    """Whether somebody operates the program, who queries what it tells: a platform's artifact places it, or an image or a compose
    file starts a grown service, or a grown worker of a job system."""
    serves = program.entrypoint.kind == "service" or program.entrypoint.framework in WORKER_PROGRAMS
    return placed(program) or (serves and len(program.modules) >= GROWN and not _at_desks(program))


def _at_desks(program: Program) -> bool:
    """Whether all that starts it is a framework's development server, which is what developers look at their work with."""
    servers = [x.server or "" for e in program.all for x in e.production if x.role == "main" and x.platform in CONTAINERS]
    return bool(servers) and all(server.endswith("development server") for server in servers)


LOGS_AROUND = "opentelemetry-instrument"


def traced_around(program: Program) -> bool:
    """``opentelemetry-instrument python app.py`` and its like around the whole process: trace ids are bound to its records."""
    wrappers = ("opentelemetry-instrument", "ddtrace-run", "newrelic-admin")
    return any(w in link.text for e in program.all for launch in e.launches for link in launch.chain for w in wrappers)


def logs_given(program: Program) -> bool:
    """Whether a command around the whole process may give the root logger a handler before the program begins, by its settings
    (opentelemetry-instrumentation-logging 0.66b2: ``basicConfig`` for OTEL_PYTHON_LOG_CORRELATION, a handler of its own for logs
    that are exported)."""
    return any(LOGS_AROUND in link.text for e in program.all for launch in e.launches for link in launch.chain)


def unread_imports(project: Project, program: Program, names: re.Pattern[str]) -> Iterator[str]:
    """What the program imports from packages that are neither in the repository nor of Python, by dotted name, where ``names``
    is found in it: a company's own ``acme_utils.logging``. What such a package sets up was not read."""
    index = project.links.names.index
    for module in program.modules:
        for bindings in module.level.bindings.values():
            for binding in bindings:
                text = binding.text
                if binding.kind != "import" or not names.search(text) or text.partition(".")[0] in sys.stdlib_module_names:
                    continue
                if index.find(module, text)[0] is None:
                    yield text


def log_calls(program: Program) -> int:
    """How many log calls the program's own code has."""
    return sum(
        site.method in LOG_METHODS and "log" in site.text.lower()
        for module in program.modules
        for func in module.functions.values()
        for site in func.sites
    )


def logs_at_all(program: Program) -> bool:
    """Whether the program logs anything of its own; one that never does has nothing to structure."""
    return log_calls(program) > 0


SHARED = 0.5


def components(project: Project) -> tuple[tuple[Program, ...], ...]:
    """The programs, those of one code base together (a web application and its worker share most of their modules): what is
    missing in one set-up is missing once."""
    groups: list[list[Program]] = []
    for program in programs(project):
        group = next((g for g in groups if _shares(g[0], program)), None)
        if group is not None:
            group.append(program)
        else:
            groups.append([program])
    return tuple(map(tuple, groups))


def _shares(one: Program, other: Program) -> bool:
    least = min(len(one.modules), len(other.modules))
    return least > 1 and len(one.modules & other.modules) >= SHARED * least


def long_running(project: Project) -> tuple[Entrypoint, ...]:
    """Services and workers apart from load generators and what its path or its launches say is for development only."""
    return tuple(
        e
        for e in project.entrypoints
        if e.long_running
        and e.framework not in LOAD_GENERATORS
        and not (e.launches and not e.production)
        and (e.production or not (development_path(e.path) or e.main.name.startswith("dev")))
    )


def talkative(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether a program that nothing starts is a tool, or stands beside programs that are started: it talks to whoever tries it."""
    if entrypoint.launches:
        return False
    if set(entrypoint.path.split("/")[:-1]) & TOOL_FOLDERS or entrypoint.main.name.startswith(("dev", "demo")):
        return True
    return entrypoint.guarded and any(e.production for e in project.entrypoints if e.long_running)


def _weight(entrypoint: Entrypoint) -> tuple[int, int, str, int]:
    containers = [x for x in entrypoint.production if x.platform != "packaging"]
    rank = 0 if containers else 1 if entrypoint.production else 2
    return rank, 0 if entrypoint.app else 1, entrypoint.path, entrypoint.line


def _same(one: Entrypoint, other: Entrypoint) -> bool:
    """Whether two entrypoints start the same program: one imports the other's main module, or they share it."""
    if one.kind != other.kind:
        return False
    if one.path == other.path:
        return one.framework == other.framework or not (one.commands or other.commands)
    containers = [any(x.platform != "packaging" for x in e.production) for e in (one, other)]
    if all(containers):
        return False
    return one.main.module in other.modules or other.main.module in one.modules


def sequential(project: Project, program: Program) -> bool:
    """Whether the program does one thing after another: a worker's own loop that starts no thread, task or process."""
    entrypoint = program.entrypoint
    if entrypoint.kind != "worker" or not entrypoint.places:
        return False
    place = deepest(entrypoint.places[0], project.spine)
    if place.how not in ("loop", "wait") or place.function.facts.is_async:
        return False
    life = project.lives[entrypoint]
    return not any(
        resource.kind in CONCURRENT and life.at(resource.function, resource.line, resource.site.steps)
        for resource in project.resources
    )
