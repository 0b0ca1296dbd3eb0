"""The linked `Project`: everything that rules may ask about an audited root, each part made when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import Artifact, LoggingFile
from runtime_ops.findings import Evidence
from runtime_ops.plain import cached_property
from runtime_ops.project.deadlines import Judge
from runtime_ops.project.entrypoints import Closure, Entrypoint, EntrypointFinder
from runtime_ops.project.failures import HandlerEffects, find_failures
from runtime_ops.project.hooks import Hook, find_hooks
from runtime_ops.project.jobs import Jobs
from runtime_ops.project.launch import Launch
from runtime_ops.project.launches import find_launches
from runtime_ops.project.life import Life
from runtime_ops.project.links import Links
from runtime_ops.project.log_configs import LogConfig, find_log_configs
from runtime_ops.project.log_parts import LogUse, find_log_parts
from runtime_ops.project.model import Func, Module, Site, Step
from runtime_ops.project.modules import ModuleIndex
from runtime_ops.project.names import Names
from runtime_ops.project.outer_limits import OuterLimits
from runtime_ops.project.phases import Phases
from runtime_ops.project.resources import Resource, find_resources
from runtime_ops.project.routes import Routes, answering
from runtime_ops.project.settings import Settings
from runtime_ops.project.signals import Registration, find_registrations
from runtime_ops.project.spine import Spine
from runtime_ops.project.versions import Versions
from runtime_ops.project.waits import WaitSite, find_waits

Kind = TypeVar("Kind", bound=Artifact)


class Project:
    """One audited root, linked. ``files`` are the relative paths of all files that were seen, read or not; ``begun`` are
    modules that `runtime_ops.project.modules.begin` made, by path: no other project may have them."""

    def __init__(
        self,
        modules: Iterable[m.ModuleFacts],
        artifacts: Sequence[Artifact],
        files: Iterable[str] = (),
        begun: Mapping[str, Module] | None = None,
    ) -> None:
        self.index = ModuleIndex(modules, begun)
        self.names = Names(self.index)
        self.links = Links(self.index, self.names)
        self.artifacts: tuple[Artifact, ...] = tuple(artifacts)
        self.files = frozenset(files) | set(self.index.modules) | {a.path for a in self.artifacts}

    # ------------------------------------------------------------ parts

    @cached_property
    def launches(self) -> tuple[Launch, ...]:
        return find_launches(self.artifacts, self.closure, self.files)

    @cached_property
    def spine(self) -> Spine:
        return Spine(self.links, self.registrations)

    @cached_property
    def closure(self) -> Closure:
        return Closure(self.links)

    @cached_property
    def entrypoints(self) -> tuple[Entrypoint, ...]:
        return EntrypointFinder(self.links, self.spine, self.closure, self.launches).find()

    @cached_property
    def hooks(self) -> tuple[Hook, ...]:
        return find_hooks(self.links)

    @cached_property
    def lives(self) -> dict[Entrypoint, Life]:
        entrypoints = self.entrypoints  # made first: their modules are
        phases = Phases(self.links, self.spine, self.hooks, answering(self.routes), self.closure.by_name)
        return {e: phases.live(e) for e in entrypoints}

    @cached_property
    def failures(self) -> tuple[HandlerEffects, ...]:
        """Every ``except`` arm and what it does, in path and line order."""
        return find_failures(self.links)

    @cached_property
    def jobs(self) -> Jobs:
        """Job functions, consumer loops and the functions that work on one of their items."""
        return Jobs(self.links)

    @cached_property
    def log_parts(self) -> tuple[LogUse, ...]:
        """Everything that takes part in logging, in path and line order."""
        return find_log_parts(self.links)

    @cached_property
    def registrations(self) -> tuple[Registration, ...]:
        """Signal handlers."""
        return find_registrations(self.links)

    @cached_property
    def settings(self) -> Settings:
        return Settings(self.links)

    @cached_property
    def routes(self) -> Routes:
        return Routes(self.links)

    @cached_property
    def versions(self) -> Versions:
        return Versions(self.artifacts)

    @cached_property
    def waits(self) -> tuple[WaitSite, ...]:
        return find_waits(self.links, self.versions)

    @cached_property
    def outer_limits(self) -> OuterLimits:
        """Limits around a call: timeout blocks, ``wait_for``, here or in every caller."""
        return OuterLimits(self.links, Judge(self.links))

    @cached_property
    def log_configs(self) -> tuple[LogConfig, ...]:
        """Logging configurations that are written out whole."""
        return tuple(find_log_configs(self.modules, self.artifacts_of(LoggingFile)))

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        return find_resources(self.links)

    def artifacts_of(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """The artifacts of one type, in path order."""
        return tuple(a for a in self.artifacts if isinstance(a, kind))

    @property
    def modules(self) -> Iterable[Module]:
        return self.index.modules.values()

    @cached_property
    def functions(self) -> tuple[Func, ...]:
        """Every function and module level, in path and line order."""
        return tuple(f for path in sorted(self.index.modules) for f in self.index.modules[path].functions.values())

    @cached_property
    def _reached(self) -> dict[Func, list[tuple[Entrypoint, Life]]]:
        """The entrypoints whose life a function has a part in."""
        reached: dict[Func, list[tuple[Entrypoint, Life]]] = {}
        for pair in self.lives.items():
            for func in {**pair[1].reach, **pair[1].spine}:
                reached.setdefault(func, []).append(pair)
        return reached

    def make_common_parts(self) -> None:
        """Make what nearly every question needs."""
        _ = self.functions, self._reached

    # ------------------------------------------------------------ questions

    def sites(self, *patterns: str) -> Iterable[Site]:
        """Calls by canonical dotted name (see `Links.sites`)."""
        return self.links.sites(*patterns)

    def phases_by_entrypoint(
        self, func: Func, line: int | None = None, steps: tuple[Step, ...] = ()
    ) -> dict[Entrypoint, frozenset[str]]:
        """For each entrypoint that reaches the function (or the place in it): the phases. Empty when none does. Those that only a
        guess leads from count where there are no others."""
        if line is None:
            if func not in self._phases_of:  # many rules ask so for every function
                self._phases_of[func] = self._by_entrypoint(func, lambda life: life.of(func))
            return self._phases_of[func]
        return self._by_entrypoint(func, lambda life: life.at(func, line, steps))

    def _by_entrypoint(self, func: Func, phases_in: Callable[[Life], frozenset[str]]) -> dict[Entrypoint, frozenset[str]]:
        found: dict[Entrypoint, frozenset[str]] = {}
        guessed: dict[Entrypoint, frozenset[str]] = {}
        for entrypoint, life in self._reached.get(func, ()):
            phases = phases_in(life)
            if phases:
                (found if life.believed(func) else guessed)[entrypoint] = phases
        return found or guessed

    @cached_property
    def _phases_of(self) -> dict[Func, dict[Entrypoint, frozenset[str]]]:
        """What `phases_by_entrypoint` said of whole functions."""
        return {}

    def doubtful(self, func: Func) -> bool:
        """Whether nothing is seen to run a function (and the one that it is defined in): nothing of the project names it, or only
        a guess leads to it."""
        around: Func | None = func
        guessed, named = False, False
        while around is not None and not around.is_module:
            if any(around is entrypoint.main for entrypoint in self.entrypoints):
                return False  # a console script, or what an artifact starts
            lives = [life for _, life in self._reached.get(around, ()) if life.of(around)]
            if any(life.believed(around) for life in lives):
                return False
            guessed = guessed or bool(lives)
            named = named or any(edge.caller is not around for edge in self.links.callers.get(around, ()))
            around = around.parent
        return guessed or not named

    def function_at(self, path: str, line: int) -> Func | None:
        """The innermost function around a line; None at a module's own level."""
        module = self.index.modules.get(path)
        around = [f for f in module.functions.values() if not f.is_module and f.line <= line <= f.facts.end_line] if module else []
        return max(around, key=lambda f: f.line, default=None)

    def phases(self, site: Site) -> dict[Entrypoint, frozenset[str]]:
        """For each entrypoint that reaches a call: the phases in which it can run."""
        return self.phases_by_entrypoint(site.function, site.line, site.steps)

    def runs_in(
        self, site: Site, *phases: str, kinds: tuple[str, ...] = ("service", "worker", "job", "cli")
    ) -> tuple[Entrypoint, ...]:
        """The entrypoints (of the kinds) that can run a call in one of the phases."""
        return tuple(e for e, found in self.phases(site).items() if e.kind in kinds and found & set(phases))

    def function_runs_in(
        self, func: Func, *phases: str, kinds: tuple[str, ...] = ("service", "worker", "job", "cli")
    ) -> tuple[Entrypoint, ...]:
        """The entrypoints (of the kinds) that can run a function in one of the phases."""
        return tuple(
            e for e, found in self.phases_by_entrypoint(func).items() if e.kind in kinds and found & set(phases)
        )

    def imported_by(self, module: Module, *kinds: str) -> tuple[Entrypoint, ...]:
        """The entrypoints (of the kinds) that import a module: what to name where no phase is known."""
        return tuple(e for e in self.entrypoints if module in e.modules and (not kinds or e.kind in kinds))

    def trace(self, entrypoint: Entrypoint, func: Func, phase: str) -> tuple[Evidence, ...]:
        """The way from an entrypoint to a function."""
        return self.lives[entrypoint].trace(func, phase)
