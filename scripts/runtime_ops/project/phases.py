"""In which phases of which entrypoint's life a function can run: import → startup → serving → shutdown.

Seeds come from the entrypoint (module levels, the spine around its serving place, handlers, jobs, commands, hooks);
phases flow along resolved calls (`runtime_ops.project.phase_flow`). A function that no entrypoint reaches has no phase,
and rules that need one stay silent about it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import cache
from typing import TYPE_CHECKING, Protocol

from runtime_ops.libraries.jobs import all_job_systems
from runtime_ops.libraries.surface import surface
from runtime_ops.project.deferred_calls import runs_elsewhere
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.library_callbacks import LibraryCallbacks, named_for_jobs
from runtime_ops.project.life import GUESS, LIKELY, SURE, Life, Reach, ground_of
from runtime_ops.project.links import Edge, Links
from runtime_ops.project.loaded_plugins import LoadedPlugins
from runtime_ops.project.main_blocks import main_block
from runtime_ops.project.mains import main_places
from runtime_ops.project.model import Func, Klass, Module
from runtime_ops.project.modules import in_order
from runtime_ops.project.names import decorator_name
from runtime_ops.project.phase_flow import PhaseFlow
from runtime_ops.project.roles import Roles
from runtime_ops.project.seeds import Seed
from runtime_ops.project.serving_places import ServingPlace
from runtime_ops.project.spine import Spine

if TYPE_CHECKING:
    from runtime_ops.project.hooks import Hook

HOOK_PHASES = {
    "startup": "startup", "lifespan": "startup", "worker-init": "startup", "shutdown": "shutdown",
    "worker-exit": "shutdown", "before-request": "serving", "after-request": "serving", "error-handler": "serving",
    "middleware": "serving", "teardown": "serving",
}  # fmt: skip
OF_REQUESTS = frozenset({"before-request", "after-request", "error-handler", "middleware", "teardown"})


class Phases:
    """Makes the life of each entrypoint."""

    def __init__(
        self,
        links: Links,
        spine: Spine,
        hooks: Iterable[Hook],
        answers: Collection[Func] = (),
        by_name: Collection[Module] = (),
    ) -> None:
        """``answers``: functions that a route names, whatever class or decorator they have; ``by_name``: modules that are loaded by
        names which are put together at run time."""
        self.links = links
        self.spine = spine
        self.hooks = tuple(hooks)
        self._flow = PhaseFlow(links, spine, answers)
        of_lifespan = frozenset(h.func for h in self.hooks if HOOK_PHASES.get(h.kind) in ("startup", "shutdown"))
        self._roles = Roles(links, of_lifespan, answers)
        self._callbacks = LibraryCallbacks(links, self._roles)
        self._plugins = LoadedPlugins(links, self._roles, by_name)
        self._web_servers: dict[Module, bool] = {}
        self._mains: dict[Func, tuple[ServingPlace, ...]] = {}
        self._implicit_methods: dict[Klass, list[Func]] = {}
        self._registered: dict[tuple[Func, str], list[int]] = defaultdict(list)
        for hook in self.hooks:
            if hook.func is not None:
                self._registered[hook.func, hook.path].append(hook.line)

    def live(self, entrypoint: Entrypoint) -> Life:
        """The life of an entrypoint, with all that it reaches."""
        life = Life(entrypoint, self.links)
        loads_by_name = any(self._plugins.loads_by_name(module) for module in entrypoint.modules)
        serves_nothing = _only_works(entrypoint)
        work: list[tuple[Func, str]] = []

        def add(func: Func, phase: str, edge: Edge | None, seed: Seed | None, ground: int) -> None:
            known = life.reach[func].get(phase)
            if func in life.spine or (known is not None and known.ground >= ground):
                return
            if edge is not None and serves_nothing and _registers_view(edge):
                return  # who only imports the routes answers no requests
            if edge is not None and edge.how == "reference" and self._registers_hook(edge):
                return  # it runs when the framework comes to it, which is told apart
            by_name = edge is not None and edge.how in ("override", "guess", "kept") and func.module not in entrypoint.modules
            if edge is not None and by_name and (not loads_by_name or _apart(edge) or _own_program(edge)):
                return  # a method found by its name alone, in a part of the repository that this program never loads
            life.reach[func][phase] = Reach(edge, seed, ground)
            work.append((func, phase))

        self._seed(entrypoint, life, add)
        self._drain(life, work, add)
        if entrypoint.long_running:
            self._called_by_libraries(entrypoint, life, add)
            self._drain(life, work, add)
        self._implicit(life, add)
        self._drain(life, work, add)
        for func, askers in self._plugins.members(entrypoint):
            if not life.of(func):
                stops = bool(askers) and all(life.of(asker) == {"shutdown"} for asker in askers or ())
                seed = Seed("plug-in", func.module.name)
                add(func, "shutdown" if stops else "serving", None, seed, GUESS if askers is None else LIKELY)
        self._drain(life, work, add)
        return life

    def _registers_hook(self, edge: Edge) -> bool:
        """Whether a step only gives a framework what it shall call at a moment of its own: ``FastAPI(lifespan=lifespan)``."""
        lines = self._registered.get((edge.callee, edge.site.path), ())
        return any(edge.site.line <= line <= edge.site.call.end_line for line in lines)

    def _seed(self, entrypoint: Entrypoint, life: Life, add: Add) -> None:
        main = entrypoint.main
        imported = in_order(entrypoint.modules)
        if not entrypoint.app:
            self._walk_spine(entrypoint, life, main, entrypoint.places, add)
        for module in imported:
            if module.level not in life.spine:
                add(module.level, "import", None, Seed("import", module.name), SURE)
        for command in entrypoint.commands:
            if command is not main and not self.spine.places(command):
                add(command, "serving", None, Seed("command", command.name), SURE)
        if entrypoint.app and "(" in entrypoint.app:
            factory = main.module.functions.get(entrypoint.app.partition("(")[0])
            if factory is not None:
                add(factory, "startup", None, Seed("factory", factory.name), SURE)
        elif entrypoint.app:
            value = self.links.names.name(entrypoint.app, main)
            if value is not None and isinstance(value.target, Func):
                # create_app named without its call, as servers with --factory take it
                add(value.target, "startup", None, Seed("factory", value.target.name), SURE)
        idle: set[Func] = set()
        for hook in self.hooks:
            if hook.func is None:
                continue
            if hook.kind in OF_REQUESTS and self._answers_no_request(entrypoint, hook):
                idle.add(hook.func)
                continue
            if hook.func.module in entrypoint.modules and entrypoint.long_running:
                add(hook.func, HOOK_PHASES.get(hook.kind, "serving"), None, Seed("hook", hook.kind), SURE)
                if hook.kind == "lifespan":
                    if hook.yield_line:
                        life.yields[hook.func] = hook.yield_line
                    add(hook.func, "shutdown", None, Seed("hook", "lifespan"), SURE)
        if not entrypoint.long_running:
            return
        for module in imported:
            for func, role in self._roles.in_module(module):
                if func in idle:
                    continue
                if role.kind == entrypoint.kind or (entrypoint.app is None and role.kind == "service" and not _only_works(entrypoint)):
                    add(func, "serving", None, role.seed, SURE)
        if entrypoint.kind == "worker" and entrypoint.framework:
            for func, library in self._roles.enqueued:
                if entrypoint.framework.startswith(library):
                    add(func, "serving", None, Seed("job", func.name), SURE)  # it imports the job by its name

    def _answers_no_request(self, entrypoint: Entrypoint, hook: Hook) -> bool:
        """Whether a hook of a web framework stands in a program that answers no requests: the settings of a job system's worker, or
        a consumer that imports a flask application for its context alone."""
        if entrypoint.framework in _job_systems() and hook.framework not in _job_systems():
            return True
        if hook.framework != "flask" or entrypoint.app or any(x.target.kind == "app" for x in entrypoint.launches):
            return False
        return not any(self._serves_web(module) for module in entrypoint.modules)

    def _serves_web(self, module: Module) -> bool:
        """Whether a module runs a server for an application, or may: ``app.run()`` of anything, a server's class that it names."""
        if module not in self._web_servers:
            self._web_servers[module] = any(
                site.method in ("run", "run_app", "make_server", "serve", "run_simple", "WSGIServer", "test_client")
                and (site.method != "run" or (site.dotted or "").partition(".")[0] not in ("subprocess", "asyncio"))
                and not (site.targets and not site.weak)
                for func in module.functions.values()
                for site in func.sites
            )
        return self._web_servers[module]

    def _walk_spine(
        self, entrypoint: Entrypoint, life: Life, func: Func, places: tuple[ServingPlace, ...], add: Add, depth: int = 0
    ) -> None:
        if func in life.spine or depth > 12:
            return
        life.spine[func] = places
        inner = {id(p.site): p.inner for p in places if p.how == "through" and p.inner is not None}
        for edge in self.links.callees.get(func, ()):
            phases = life.at(func, edge.site.line, edge.site.steps)
            target = inner.get(id(edge.site))
            if target is edge.callee and target is not None:
                self._walk_spine(entrypoint, life, target, self.spine.places(target), add, depth + 1)
                continue
            for phase in sorted(phases):
                add(edge.callee, self._flow.phase_of(edge, phase), edge, None, ground_of(edge))

    def _drain(self, life: Life, work: list[tuple[Func, str]], add: Add) -> None:
        while work:
            func, phase = work.pop()
            reach = life.reach[func].get(phase)
            ground = reach.ground if reach is not None else GUESS
            if func not in self._mains:
                self._mains[func] = main_places(func, self.links)
            if self._mains[func]:
                life.mains[func] = self._mains[func]
            working = life.entrypoint.kind == "worker"  # a worker may be the one that runs what it puts into its queue
            if life.divided(func):
                for edge in self.links.callees.get(func, ()):
                    if (working or not runs_elsewhere(edge)) and not self._flow.not_taken(edge):
                        here = life.within(func, phase, edge.site.line, edge.site.steps)
                        add(edge.callee, self._flow.phase_of(edge, here), edge, None, min(ground, ground_of(edge)))
                continue
            for edge, turn, step, elsewhere in self._flow.ways(func):
                if working or not elsewhere:
                    add(edge.callee, "shutdown" if phase == "shutdown" else turn or phase, edge, None, min(ground, step))

    def _called_by_libraries(self, entrypoint: Entrypoint, life: Life, add: Add) -> None:
        """Functions that nothing of the project calls, but a registry, a library's decorator or base class may."""
        for module in in_order(entrypoint.modules):
            for func, role, seed in self._callbacks.uncalled_in(module):
                if role is None and entrypoint.kind == "service" and named_for_jobs(func):
                    continue  # a scheduler or queue of the project's own runs it, in a process or thread of its own
                if (role is None or role == entrypoint.kind) and not life.of(func):
                    add(func, "serving", None, seed, LIKELY)

    def _implicit(self, life: Life, add: Add) -> None:
        """Properties and special methods run when their class is used: they get the phases of its other methods."""
        classes: dict[Klass, dict[str, int]] = defaultdict(dict)
        for func, reached in list(life.reach.items()):
            known = classes[func.cls] if func.cls is not None else {}
            for phase, reach in reached.items():
                known[phase] = max(known.get(phase, GUESS), min(reach.ground, LIKELY))
        for klass, phases in classes.items():
            for method in self._implied(klass):
                for phase, ground in sorted(phases.items()):
                    # what is made at import is used later
                    later = phase == "import" and life.entrypoint.long_running
                    add(method, "serving" if later else phase, None, Seed("used class", klass.name), ground)

    def _implied(self, klass: Klass) -> list[Func]:
        """The properties and special methods of a class."""
        if klass not in self._implicit_methods:
            self._implicit_methods[klass] = [
                method
                for method in klass.methods.values()
                if (method.name.startswith("__") and method.name.endswith("__") and method.name != "__init__")
                or any(decorator_name(d).endswith("property") for d in method.facts.decorators)
            ]
        return self._implicit_methods[klass]


def _registers_view(edge: Edge) -> bool:
    """Whether a step only gives a web framework what it shall call for a request."""
    row = surface("handler-registration", edge.via) if edge.how == "reference" else None
    return row is not None and row.kind == "service"


def _own_program(edge: Edge) -> bool:
    """Whether the callee stands in a program of its own, and nothing but its name speaks for it."""
    return edge.how != "override" and main_block(edge.callee.module) is not None


def _apart(edge: Edge) -> bool:
    """Whether the two ends stand in different folders of the root: plug-ins that are loaded by name stand beside their program."""
    return edge.caller.path.partition("/")[0] != edge.callee.path.partition("/")[0]


class Add(Protocol):
    """The shape of the callback that records one reach (for the type checker)."""

    def __call__(self, func: Func, phase: str, edge: Edge | None, seed: Seed | None, ground: int) -> None: ...


@cache
def _job_systems() -> frozenset[str]:
    return frozenset(row.name for row in all_job_systems())


def _only_works(entrypoint: Entrypoint) -> bool:
    """Whether an entrypoint is the worker of a job system, which answers no requests itself."""
    return entrypoint.kind == "worker" and entrypoint.framework in _job_systems()
