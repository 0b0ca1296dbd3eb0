"""In which phases of which entrypoint's life a function can run: import → startup → serving → shutdown.

Seeds come from the entrypoint (module levels, the spine around its serving place, handlers, jobs, commands, hooks);
phases flow along resolved calls. A function that no entrypoint reaches has no phase, and rules that need one stay
silent about it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache, cached_property
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence
from runtime_ops.libraries.jobs import all_job_systems
from runtime_ops.libraries.names import type_of
from runtime_ops.libraries.surface import surface
from runtime_ops.project.dead_arms import never_entered
from runtime_ops.project.decorators import decorated_by, is_job
from runtime_ops.project.development import debug_only, defined_for_debugging
from runtime_ops.project.entrypoints import Entrypoint, is_command, of_flask_group
from runtime_ops.project.handed import stands_for, uses
from runtime_ops.project.kept import kept
from runtime_ops.project.links import COMMON_METHODS, MANAGERS, Edge, Links, argument_of
from runtime_ops.project.loaded import taken_from_loaded
from runtime_ops.project.main_blocks import in_main_block, main_block, under_main
from runtime_ops.project.mains import main_places
from runtime_ops.project.model import Func, Klass, Module, Site, Step
from runtime_ops.project.names import decorator_name
from runtime_ops.project.spine import AWAITED_THREADS, FEW, TASKS, ServingPlace, Spine, handed_to, phase_at
from runtime_ops.project.wrapping import only_wraps

if TYPE_CHECKING:
    from runtime_ops.project.hooks import Hook

HOOK_PHASES = {
    "startup": "startup", "lifespan": "startup", "worker-init": "startup", "shutdown": "shutdown",
    "worker-exit": "shutdown", "before-request": "serving", "after-request": "serving", "error-handler": "serving",
    "middleware": "serving", "teardown": "serving",
}  # fmt: skip
OF_REQUESTS = frozenset({"before-request", "after-request", "error-handler", "middleware", "teardown"})
INERT_DECORATORS = (
    "property", "staticmethod", "classmethod", "functools.", "contextlib.", "abc.", "typing.", "dataclasses.", "enum.",
    "overload", "cached_property", "pytest.", "unittest.", "warnings.", "deprecated", "attr.", "attrs.", "typing_extensions.",
    "backoff.", "tenacity.", "stamina.", "retrying.", "cachetools.", "wrapt.",
)  # fmt: skip
PLAIN_BASES = (
    "object", "Exception", "BaseException", "abc.ABC", "ABC", "enum.", "Enum", "typing.", "dict", "list", "set", "str",
    "int", "tuple", "ValueError", "RuntimeError", "TypeError", "KeyError", "pydantic.", "unittest.", "json.JSONEncoder",
    "collections.", "argparse.", "dataclasses.", "Error", "io.", "typing_extensions.", "Protocol",
)  # fmt: skip
WRAPPING = frozenset(
    """retry retries retrying retriable retryable backoff cache cached cachedmethod memoize memoized atomic timed timeit time
    timer profile instrument throttle ratelimit limit authenticated exempt inject jit deprecated synchronized transactional
    login permission""".split()
)
"""Words in the names of decorators that wrap what they are given, and register it nowhere."""
MODELS = (
    "django.db.models.Model", "django.contrib.gis.db.models.Model", "sqlalchemy.orm.DeclarativeBase", "flask_sqlalchemy.SQLAlchemy.Model",
    "sqlalchemy.ext.declarative.declarative_base", "sqlalchemy.orm.declarative_base", "peewee.Model", "mongoengine.Document",
    "tortoise.models.Model", "tortoise.Model", "sqlmodel.SQLModel", "pony.orm.Entity", "ormar.Model",
)  # fmt: skip
"""Classes of stored objects: the program calls what they add, and the library the few methods that it has itself."""
MODEL_HOOKS = frozenset(
    """save delete clean clean_fields full_clean validate_unique validate_constraints save_base refresh_from_db from_db natural_key
    get_absolute_url __str__ __repr__ __init__ __init_subclass__ create update insert get_deferred_fields pre_save post_save""".split()
)
MANAGER_HOOKS = frozenset(
    """get_queryset all none filter exclude get aget create acreate get_or_create update_or_create bulk_create bulk_update update
    delete count exists first last latest earliest iterator values values_list annotate aggregate order_by select_related
    prefetch_related defer only using db_manager complex_filter in_bulk contribute_to_class deconstruct check as_manager
    get_by_natural_key aget_by_natural_key create_superuser create_user""".split()
)
"""What Django itself calls on a manager or a query set (Django 5.2, db/models/manager.py and query.py; contrib/auth's commands)."""
CALLED = frozenset({"client", "connection", "consumer", "cursor", "pool", "producer", "session", "thread", "process"})
"""Kinds of a library's classes that programs call: what a class below one adds is not called by the library."""


class Reach(NamedTuple):
    """How a function came by a phase: the edge that led to it (None for a seed), and how much speaks for the way: it is
    `SURE`, `LIKELY`, or a `GUESS` (a step of it rests on a method's name alone)."""

    edge: Edge | None
    note: str
    ground: int


OWN_THREAD = (".Thread", ".Timer", ".Process", ".start_new_thread", "gevent.spawn", "eventlet.spawn", "eventlet.spawn_n")
"""Ends of what starts a thread, process or greenlet that nobody need wait for."""
CERTAIN = frozenset({"call", "reference", "kept"})
SURE, LIKELY, GUESS = 2, 1, 0
LOADERS = frozenset("import_module __import__ import_string load_module iter_modules walk_packages entry_points exec_module".split())
JOB_WORDS = re.compile(r"(?i)(^|_)(tasks?|jobs?|actors?|cron|cronjob|periodic|scheduled?|recurring|worker)(_|$)")
NOWHERE: frozenset[str] = frozenset()
FAR = 12  # steps of a way that are looked at for a trace


class Way(NamedTuple):
    """An edge out of a function: the phase that it turns to (empty: the caller's), how much speaks for it, and whether what
    it leads to runs elsewhere."""

    edge: Edge
    turn: str
    ground: int
    elsewhere: bool


class Life:
    """Phases of one entrypoint."""

    def __init__(self, entrypoint: Entrypoint, links: Links) -> None:
        self.entrypoint = entrypoint
        self.links = links
        self.reach: dict[Func, dict[str, Reach]] = defaultdict(dict)
        self.spine: dict[Func, tuple[ServingPlace, ...]] = {}
        self.mains: dict[Func, tuple[ServingPlace, ...]] = {}
        """What threads and processes of its own run, with the loops in which they serve."""
        self.yields: dict[Func, int] = {}
        """Lifespan functions, with the line of their ``yield``: before it is start-up, after it shutdown."""

    def of(self, func: Func) -> frozenset[str]:
        """Phases in which the function can run, as a whole."""
        reached, places = self._phases(func), self.spine.get(func)
        return reached | {"startup", "serving", "shutdown"} if places else reached

    def at(self, func: Func, line: int, steps: tuple[Step, ...]) -> frozenset[str]:
        """Phases of one place of a function: exact on the spine, the function's own elsewhere; none where it runs for
        debugging only, or under a switch that no caller turns on."""
        serves = func in self.spine
        reached = NOWHERE if serves else self._phases(func)
        if not (serves or reached) or debug_only(steps) or never_entered(func, steps, self.links):
            return NOWHERE
        if serves:
            if func.is_module and self.entrypoint.guarded and not under_main(steps, func.module):
                return frozenset(("import",))
            places = self.spine[func]
            return frozenset((phase_at(places, line, steps),)) if places else frozenset(("serving",))
        if func.is_module and under_main(steps, func.module):
            return NOWHERE  # who is only imported does not run its main block
        if not self.divided(func):
            return reached
        return frozenset(self.within(func, phase, line, steps) for phase in reached)

    def divided(self, func: Func) -> bool:
        """Whether the places of a function run in different phases (see `within`)."""
        return func in self.mains or func in self.yields

    def within(self, func: Func, phase: str, line: int, steps: tuple[Step, ...]) -> str:
        """``phase``, or the exact one where the place tells it: around the ``yield`` of a lifespan, and after the loop in
        which a thread or process serves."""
        if func in self.yields and phase in ("startup", "shutdown"):
            return "startup" if line <= self.yields[func] else "shutdown"
        places = self.mains.get(func)
        return "shutdown" if places and phase_at(places, line, steps) == "shutdown" else phase

    def sure(self, func: Func) -> bool:
        """Whether some way to the function is made of certain steps only."""
        return func in self.spine or any(r.ground == SURE for r in self.reach.get(func, {}).values())

    def believed(self, func: Func, phase: str = "") -> bool:
        """Whether some way to the function (in the phase, where one is named) is more than a guess."""
        if func in self.spine:
            return True
        return any(r.ground > GUESS for p, r in self.reach.get(func, {}).items() if p == phase or not phase)

    def _phases(self, func: Func) -> frozenset[str]:
        """The phases that something led to; those that a mere guess led to only where nothing else did."""
        reached = self.reach.get(func)
        if not reached:
            return NOWHERE
        believed = frozenset(phase for phase, reach in reached.items() if reach.ground > GUESS)
        return believed or frozenset(reached)

    def trace(self, func: Func, phase: str) -> tuple[Evidence, ...]:
        """The way from the entrypoint to a function in a phase, at most eight steps."""
        edges = list(islice(self.back(func, phase), FAR))
        steps = [Evidence(e.site.path, e.site.line, _step(e)) for e in edges]
        begin = edges[-1].caller if edges else func
        seed = self._reach_in(begin, phase)
        if seed is not None and seed.edge is None and seed.note and len(edges) < FAR:
            steps.append(Evidence(begin.path, begin.line, seed.note))
        return tuple(reversed(steps[:8]))

    def back(self, func: Func, phase: str = "", *, strict: bool = False) -> Iterator[Edge]:
        """The edges of the way to a function, from it back to where the life begins: those of ``phase`` where it has that one,
        else of any (``strict``: of that phase alone)."""
        seen: set[Func] = set()
        while func not in seen:
            seen.add(func)
            reach = self._reach_in(func, phase, strict=strict)
            if reach is None or reach.edge is None:
                return
            yield reach.edge
            func = reach.edge.caller

    def begin(self, func: Func, phase: str = "") -> Func:
        """Where the way to a function begins (``back``): itself, where nothing is seen to call it."""
        for edge in self.back(func, phase):
            func = edge.caller
        return func

    def own_thread(self, func: Func, phase: str = "") -> bool:
        """Whether the way to a function passes the start of a thread, process or greenlet: what it does there holds that one, and
        not the request or job that started it."""
        return any(edge.how == "reference" and edge.via.endswith(OWN_THREAD) for edge in self.back(func, phase))

    def _reach_in(self, func: Func, phase: str, *, strict: bool = False) -> Reach | None:
        found = self.reach.get(func, {})
        return found.get(phase) or (None if strict else next(iter(found.values()), None))


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
        self.answers = answers
        self.by_name = by_name
        self._roles: dict[Func, tuple[str, str] | None] = {}
        self._loaders: dict[Module, bool] = {}
        self._web_servers: dict[Module, bool] = {}
        self._mains: dict[Func, tuple[ServingPlace, ...]] = {}
        self._out: dict[Func, list[Way]] = {}
        self._with_role: dict[Module, list[tuple[Func, tuple[str, str]]]] = {}
        self._uncalled: dict[Module, list[tuple[Func, str | None, str]]] = {}
        self._implicit_methods: dict[Klass, list[Func]] = {}
        self._held: dict[Edge, bool] = {}
        self._last: dict[Edge, bool] = {}
        self._taken: dict[Module, frozenset[str]] = {}
        self._of_lifespan = frozenset(h.func for h in self.hooks if HOOK_PHASES.get(h.kind) in ("startup", "shutdown"))
        self._registered: dict[tuple[Func, str], list[int]] = defaultdict(list)
        for hook in self.hooks:
            if hook.func is not None:
                self._registered[hook.func, hook.path].append(hook.line)
        self._asked: dict[Module, frozenset[tuple[str, Func]]] = {}

    def live(self, entrypoint: Entrypoint) -> Life:
        life = Life(entrypoint, self.links)
        loads_by_name = any(self._loads_by_name(module) for module in entrypoint.modules)
        serves_nothing = _only_works(entrypoint)
        work: list[tuple[Func, str]] = []

        def add(func: Func, phase: str, edge: Edge | None, note: str, ground: int) -> None:
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
            life.reach[func][phase] = Reach(edge, note, ground)
            work.append((func, phase))

        self._seed(entrypoint, life, add)
        self._drain(life, work, add)
        if entrypoint.long_running:
            self._called_by_libraries(entrypoint, life, add)
            self._drain(life, work, add)
        self._implicit(life, add)
        self._drain(life, work, add)
        for func, askers in self._of_plugins(entrypoint):
            if not life.of(func):
                stops = bool(askers) and all(life.of(asker) == {"shutdown"} for asker in askers or ())
                note = f"{func.module.name} is loaded by its name"
                add(func, "shutdown" if stops else "serving", None, note, GUESS if askers is None else LIKELY)
        self._drain(life, work, add)
        return life

    def _of_plugins(self, entrypoint: Entrypoint) -> Iterator[tuple[Func, list[Func] | None]]:
        """What plug-ins offer: public functions and methods that nothing is seen to call, of modules that are loaded by names which
        are put together at run time. The program calls some of them: of a class that the loader names, those of whose names it has
        calls on what it does not know, which are given with who calls so; the others with None."""
        loaded = in_order(entrypoint.modules.intersection(self.by_name)) if entrypoint.kind != "cli" else []
        if not loaded:
            return
        taken = frozenset(name for module in entrypoint.modules for name in self._taken_in(module))
        asked: dict[str, list[Func]] = defaultdict(list)
        for module in entrypoint.modules if taken else ():
            for name, func in self._asked_in(module):
                asked[name].append(func)
        for module in loaded:
            for func in module.functions.values():
                nested = func.parent is not None and not func.parent.is_module
                made = func.cls is not None and func.cls.name in taken and func.name == "__init__"
                if nested or func.is_module or (func.name.startswith("_") and not made) or self.links.callers.get(func):
                    continue
                if not is_command(func, self.links) and self.role(func) is None and not defined_for_debugging(func):
                    named = func.cls is not None and func.cls.name in taken and func.name in asked
                    yield func, [] if made else asked[func.name] if named else None

    def _taken_in(self, module: Module) -> frozenset[str]:
        """The names that a module takes from what it loads by name."""
        if module not in self._taken:
            self._taken[module] = taken_from_loaded(self.links, module) if self._loads_by_name(module) else frozenset()
        return self._taken[module]

    def _asked_in(self, module: Module) -> frozenset[tuple[str, Func]]:
        """The methods that a module calls on objects of which nothing is known, each with who does."""
        if module not in self._asked:
            unknown = (s for func in module.functions.values() for s in func.sites if s.dotted is None and not s.targets)
            self._asked[module] = frozenset((s.method, s.function) for s in unknown if s.text != s.method)
        return self._asked[module]

    def _loads_by_name(self, module: Module) -> bool:
        """Whether a module imports others whose names are made at run time: plug-ins that no statement imports."""
        if module not in self._loaders:
            self._loaders[module] = any(
                site.method in LOADERS and not (site.call.args and isinstance(site.call.args[0], m.Const))
                for func in module.functions.values()
                for site in func.sites
            )
        return self._loaders[module]

    def _registers_hook(self, edge: Edge) -> bool:
        """Whether a step only gives a framework what it shall call at a moment of its own: ``FastAPI(lifespan=lifespan)``."""
        lines = self._registered.get((edge.callee, edge.site.path), ())
        return any(edge.site.line <= line <= edge.site.call.end_line for line in lines)

    # ------------------------------------------------------------ seeds

    def _seed(self, entrypoint: Entrypoint, life: Life, add: Add) -> None:
        main = entrypoint.main
        imported = in_order(entrypoint.modules)
        if not entrypoint.app:
            self._walk_spine(entrypoint, life, main, entrypoint.places, add)
        for module in imported:
            if module.level not in life.spine:
                add(module.level, "import", None, f"import of {module.name}", SURE)
        for command in entrypoint.commands:
            if command is not main and not self.spine.places(command):
                add(command, "serving", None, f"command {command.name}", SURE)
        if entrypoint.app and "(" in entrypoint.app:
            factory = main.module.functions.get(entrypoint.app.partition("(")[0])
            if factory is not None:
                add(factory, "startup", None, f"application factory {factory.name}", SURE)
        elif entrypoint.app:
            value = self.links.names.name(entrypoint.app, main)
            if value is not None and isinstance(value.target, Func):
                # create_app named without its call, as servers with --factory take it
                add(value.target, "startup", None, f"application factory {value.target.name}", SURE)
        idle: set[Func] = set()
        for hook in self.hooks:
            if hook.func is None:
                continue
            if hook.kind in OF_REQUESTS and self._answers_no_request(entrypoint, hook):
                idle.add(hook.func)
                continue
            if hook.func.module in entrypoint.modules and entrypoint.long_running:
                add(hook.func, HOOK_PHASES.get(hook.kind, "serving"), None, f"{hook.kind} hook", SURE)
                if hook.kind == "lifespan":
                    if hook.yield_line:
                        life.yields[hook.func] = hook.yield_line
                    add(hook.func, "shutdown", None, "lifespan hook", SURE)
        if not entrypoint.long_running:
            return
        for module in imported:
            for func, role in self._roles_in(module):
                if func in idle:
                    continue
                if role[0] == entrypoint.kind or (entrypoint.app is None and role[0] == "service" and not _only_works(entrypoint)):
                    add(func, "serving", None, role[1], SURE)
        if entrypoint.kind == "worker" and entrypoint.framework:
            for func, library in self._enqueued:
                if entrypoint.framework.startswith(library):
                    add(func, "serving", None, f"job {func.name}", SURE)  # it imports the job by its name

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

    def _roles_in(self, module: Module) -> list[tuple[Func, tuple[str, str]]]:
        """The functions of a module that a library runs by itself, with their roles."""
        if module not in self._with_role:
            named = ((func, self.role(func)) for func in module.functions.values())
            self._with_role[module] = [(func, role) for func, role in named if role is not None]
        return self._with_role[module]

    @cached_property
    def _enqueued(self) -> list[tuple[Func, str]]:
        """Functions that calls put into the queue of a library, with the library."""
        found = {
            (edge.callee, edge.via.partition(".")[0]): None
            for module in in_order(self.links.modules())
            for func in module.functions.values()
            for edge in self.links.callees.get(func, ())
            if edge.how == "reference" and (row := surface("handler-registration", edge.via)) and row.match == "enqueue"
        }
        return list(found)

    def role(self, func: Func) -> tuple[str, str] | None:
        """Kind of entrypoint whose library runs the function by itself, with a note; None when nothing says so."""
        if func not in self._roles:
            self._roles[func] = self._role(func)
        return self._roles[func]

    def _role(self, func: Func) -> tuple[str, str] | None:
        if is_job(func, self.links):
            return "worker", f"job {func.name}"
        named = self.links.callers.get(func, ())
        if (named and all(debug_only(edge.site.steps) for edge in named)) or defined_for_debugging(func):
            return None
        for decorator in func.facts.decorators:
            dotted = decorated_by(decorator, func, self.links)
            answers = not of_flask_group(decorator) and func not in self._of_lifespan
            row = surface("handler-decorator", dotted) if dotted is not None and answers else None
            if row is not None:
                return row.kind, f"handler {func.name}"
            if dotted is None and _looks_like_route(decorator):
                return "service", f"handler {func.name}"
        if func.cls is not None and func.name == "__init__":
            for base in func.cls.external_bases:
                row = surface("handler-base", base)
                if row is not None and row.match == "instances":
                    return row.kind, f"{base} is made anew for each request"
        if func.cls is not None and not func.name.startswith("__"):
            for base in func.cls.external_bases:
                row = surface("handler-base", base)
                if row is not None and not base.endswith(("threading.Thread", ".Process")):
                    return row.kind, f"{base} calls {func.name}"
                if base.endswith("Servicer") and self._made(func.cls):
                    return "service", f"rpc {func.name}"
        for edge in named:
            if edge.how == "reference" and not debug_only(edge.site.steps):
                row = surface("handler-registration", edge.via)
                if row is not None:
                    return row.kind, f"handler {func.name}"
        return ("service", f"handler {func.name}") if func in self.answers else None

    def _made(self, klass: Klass) -> bool:
        """Whether any call of the project makes the class (or one below it): a servicer that nobody makes serves nothing."""
        names = {klass.name, *(k.name for k in klass.descendants())}
        return any(
            site.method in names
            for module in self.links.modules()
            for func in module.functions.values()
            for site in func.sites
        )

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
                add(edge.callee, self.flow(edge, phase), edge, "", ground_of(edge))

    # ------------------------------------------------------------ flow

    def flow(self, edge: Edge, phase: str) -> str:
        """The phase of the callee when the caller runs in ``phase``."""
        if edge.how == "data" and phase != "shutdown":
            return "serving"
        if edge.how == "reference":
            if surface("on-signal", edge.via) or surface("on-exit", edge.via) or self._left_for_the_end(edge):
                return "shutdown"
            if phase != "shutdown" and (surface("starter", edge.via) or surface("handler-registration", edge.via)):
                return phase if self._waited_for(edge) else "serving"
            if edge.site.method in ("start", "add_job", "every") and phase != "shutdown":
                return "serving"
            if phase != "shutdown" and (edge.callee in self.answers or self._only_held(edge)):
                return "serving"  # a route names it, or it is put into a registry
        by_call = edge.how in ("call", "override", "guess")
        if by_call and phase != "shutdown" and edge.callee.facts.is_async and not edge.site.awaited and made_a_task(edge.site):
            return "serving"
        return phase

    def _waited_for(self, edge: Edge) -> bool:
        """Whether the caller goes on only when what is handed to an executor is done: it awaits it, or leaves the ``with`` of the
        executor. What serves in an executor serves."""
        waits = edge.site.awaited and edge.site.method in AWAITED_THREADS
        return (waits or _left_when_done(edge)) and not self.spine.places(edge.callee)

    def _only_held(self, edge: Edge) -> bool:
        """Whether the function of the project that the callee is handed to only puts it into a collection (a registry): it is
        run later."""
        if edge not in self._held:
            self._held[edge] = _of_each(edge, lambda target: _held_by(target, edge))
        return self._held[edge]

    def _left_for_the_end(self, edge: Edge) -> bool:
        """Whether the function of the project that the callee is handed to only registers it for the end of the process, itself or
        within a function of its own: ``def at_end(close): atexit.register(lambda: close())``."""
        if edge not in self._last:
            self._last[edge] = _of_each(edge, lambda target: _registers_for_the_end(target, edge, self.links))
        return self._last[edge]

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
                    if (working or not runs_elsewhere(edge)) and not self._not_taken(edge):
                        here = life.within(func, phase, edge.site.line, edge.site.steps)
                        add(edge.callee, self.flow(edge, here), edge, "", min(ground, ground_of(edge)))
                continue
            for edge, turn, step, elsewhere in self._ways(func):
                if working or not elsewhere:
                    add(edge.callee, "shutdown" if phase == "shutdown" else turn or phase, edge, "", min(ground, step))

    def _ways(self, func: Func) -> list[Way]:
        """The edges out of a function that differ in where they lead, and how."""
        ways = self._out.get(func)
        if ways is None:
            different: dict[tuple[Func, str, int, bool], Way] = {}
            for edge in self.links.callees.get(func, ()):
                if func.is_module and in_main_block(edge.site):
                    continue  # who is only imported does not run it; a program's own block is on its spine
                if self._not_taken(edge):
                    continue
                way = Way(edge, self.flow(edge, ""), ground_of(edge), runs_elsewhere(edge))
                different.setdefault((edge.callee, *way[1:]), way)
            ways = self._out[func] = list(different.values())
        return ways

    def _not_taken(self, edge: Edge) -> bool:
        """Whether the call stands where the program never comes: for debugging, or under a switch that no caller turns on."""
        return debug_only(edge.site.steps) or never_entered(edge.caller, edge.site.steps, self.links)

    def _called_by_libraries(self, entrypoint: Entrypoint, life: Life, add: Add) -> None:
        """Functions that nothing of the project calls, but a registry, a library's decorator or base class may."""
        for module in in_order(entrypoint.modules):
            for func, role, note in self._uncalled_in(module):
                if role is None and entrypoint.kind == "service" and _named_for_jobs(func):
                    continue  # a scheduler or queue of the project's own runs it, in a process or thread of its own
                if (role is None or role == entrypoint.kind) and not life.of(func):
                    add(func, "serving", None, note, LIKELY)

    def _uncalled_in(self, module: Module) -> list[tuple[Func, str | None, str]]:
        """Such functions of a module, whatever reaches them: with the kind of their role and a note."""
        if module in self._uncalled:
            return self._uncalled[module]
        found: list[tuple[Func, str | None, str]] = []
        for func in module.functions.values():
            if func.is_module or self.links.callers.get(func) or is_command(func, self.links):
                continue
            if defined_for_debugging(func):
                continue
            if any(_registers(d, func, self.links) for d in func.facts.decorators):
                note = f"registered by its decorator: {func.name}"
            elif func.cls is not None and _library_may_call(func.cls, func.name) and _callable(func):
                note = f"called by {func.cls.external_bases[0]}: {func.name}"
            else:
                continue
            role = self.role(func)
            found.append((func, role[0] if role is not None else None, note))
        self._uncalled[module] = found
        return found

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
                    add(method, "serving" if later else phase, None, f"used with {klass.name}", ground)

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


def made_a_task(site: Site) -> bool:
    """Whether the coroutine that a call makes is given to the loop as a task that the caller does not wait for
    (``loop.create_task(watch())``): it runs beside what follows."""
    outer = handed_to(site)
    if outer is None or outer.awaited or outer.method not in (*TASKS, "run_coroutine_threadsafe"):
        return False
    if outer.method not in TASKS:  # of a loop in another thread: ``….result(5)`` waits for it
        return kept(outer).scope in ("dropped", "attribute", "collection")
    group = site.function.bindings.get(outer.text.rpartition(".")[0], ())
    waited_for = any(binding.kind == "with" for binding in group)  # of a TaskGroup, whose end waits for it
    return not waited_for and kept(outer).scope in ("dropped", "attribute", "collection", "chained")


def _step(edge: Edge) -> str:
    """One step of a way, in words where the caller does not simply call."""
    caller, callee = edge.caller.name, edge.callee.name
    if edge.how == "reference":
        if runs_elsewhere(edge):
            return f"{caller} enqueues {callee}"
        if edge.via.endswith(OWN_THREAD):
            return f"{caller} starts {callee} in {'a process' if 'rocess' in edge.via else 'a thread'} of its own"
        if surface("handler-registration", edge.via) is not None:
            return f"{caller} registers {callee}"
    return f"{caller} → {callee} (by its name)" if edge.how in ("override", "guess") else f"{caller} → {callee}"


def ground_of(edge: Edge) -> int:
    """How much speaks for one step."""
    return SURE if edge.how in CERTAIN else GUESS if edge.how == "guess" else LIKELY


def in_order(modules: Iterable[Module]) -> list[Module]:
    """Modules by path: a set of them has another order in each run, and the first way to a function is the one shown."""
    return sorted(modules, key=lambda module: module.path)


def runs_elsewhere(edge: Edge) -> bool:
    """Whether the caller only puts the callee into a queue (``queue.enqueue(job, …)``, or a function of the project that
    does so with what it is given): it runs in a worker's process."""
    if edge.how != "reference":
        return False
    if edge.site.method == "add_periodic_task":  # celery's timetable, which its workers run
        return True
    row = surface("handler-registration", edge.via)
    if row is not None:
        return row.match == "enqueue"
    return any(_enqueues(target, edge) for target in edge.site.targets[:FEW])


def _registers_view(edge: Edge) -> bool:
    """Whether a step only gives a web framework what it shall call for a request."""
    row = surface("handler-registration", edge.via) if edge.how == "reference" else None
    return row is not None and row.kind == "service"


def _held_by(target: Func, edge: Edge) -> bool:
    """Whether a function only holds the parameter as which the edge hands its callee over."""
    for param in target.facts.params:
        expr = argument_of(edge.site, target, param)
        if isinstance(expr, m.Name) and expr.id.rpartition(".")[2] == edge.callee.name:
            ways = {use.how for use in uses(target, param.name)} - {"looked at"}
            return bool(ways) and ways <= {"held", "field"}
    return False


def _of_each(edge: Edge, asked: Callable[[Func], bool]) -> bool:
    """Whether the answer is yes for each function that the edge's call means; no where it means none."""
    targets = edge.site.targets[:FEW]
    return bool(targets) and all(map(asked, targets))


def _registers_for_the_end(target: Func, edge: Edge, links: Links) -> bool:
    """Whether a function gives the parameter as which the edge hands its callee over to what runs it at exit or at a signal, or
    calls it in a function of its own that it gives there, and nowhere else."""
    for param in target.facts.params:
        expr = argument_of(edge.site, target, param)
        if expr is None or edge.callee not in links.referenced(expr, edge.caller):
            continue
        callers = [f for f in target.module.functions.values() if f.parent is target and param.name in f.inventory.names]
        ends = [site for site in target.sites if surface("on-exit", site.dotted or "") or surface("on-signal", site.dotted or "")]
        given = [arg for site in ends for arg in (*site.call.args, *(value for _, value in site.call.keywords))]
        later = [call for arg in given if isinstance(arg, m.Lambda) for call in m.calls(arg.body)]
        calls = [site.call for site in target.sites if stands_for(site.call.func, param.name)]
        if any(all(call is not other for other in later) for call in calls):
            return False
        itself = any(stands_for(arg, param.name) for arg in given)
        inner = bool(callers) and all(any(stands_for(arg, func.name) for arg in given) for func in callers)
        return itself or bool(calls) or inner
    return False


def _own_program(edge: Edge) -> bool:
    """Whether the callee stands in a program of its own, and nothing but its name speaks for it."""
    return edge.how != "override" and main_block(edge.callee.module) is not None


def _left_when_done(edge: Edge) -> bool:
    """Whether a function is handed to an executor of concurrent.futures within the ``with`` that makes it, which is left when all is
    done (``Executor.__exit__``: ``shutdown(wait=True)``); not where a ``yield`` holds it open meanwhile."""
    site = edge.site
    if not edge.via.startswith("concurrent.futures.") or site.method not in ("submit", "map"):
        return False
    executor = site.text.rpartition(".")[0]
    managers = (step.stmt for step in site.steps if isinstance(step.stmt, m.With))
    return any(
        any(isinstance(target, m.Name) and target.id == executor for _, target in stmt.items)
        and not any(isinstance(node, m.Yield) for node in m.walk(stmt.body))
        for stmt in managers
    )


def _apart(edge: Edge) -> bool:
    """Whether the two ends stand in different folders of the root: plug-ins that are loaded by name stand beside their program."""
    return edge.caller.path.partition("/")[0] != edge.callee.path.partition("/")[0]


def _enqueues(target: Func, edge: Edge) -> bool:
    """Whether the function puts the parameter into a queue as which the edge hands its callee over."""
    given = ((param.name, argument_of(edge.site, target, param)) for param in target.facts.params)
    ours = {name for name, expr in given if isinstance(expr, m.Name) and expr.id.rpartition(".")[2] == edge.callee.name}
    return any(
        (site.method.startswith("enqueue") or _queues(site.dotted))
        and any(isinstance(e, m.Name) and e.id in ours for e in (*site.call.args, *(v for _, v in site.call.keywords)))
        for site in target.sites
    )


def _queues(dotted: str | None) -> bool:
    """Whether a call of a library puts what it is given into a queue."""
    row = surface("handler-registration", dotted) if dotted is not None else None
    return row is not None and row.match == "enqueue"


def _looks_like_route(decorator: m.Expr) -> bool:
    """``@something.route("/x")`` or ``@something.get("/x")`` on an object of unknown type."""
    if not isinstance(decorator, m.Call) or not decorator.args:
        return False
    first = decorator.args[0]
    name = decorator_name(decorator).rpartition(".")[2]
    return (
        isinstance(first, m.Const)
        and isinstance(first.value, str)
        and first.value.startswith("/")
        and name in ("route", "get", "post", "put", "delete", "patch", "websocket", "api_route", "head", "options")
    )


def _registers(decorator: m.Expr, func: Func, links: Links) -> bool:
    dotted = decorated_by(decorator, func, links)
    name = dotted if dotted is not None else decorator_name(decorator)
    if (
        not name
        or name.startswith(INERT_DECORATORS)
        or name.rpartition(".")[2] in ("setter", "getter", "deleter", "wraps")
    ):
        return False
    return not only_wraps(decorator, func, links) if dotted is None else not _wraps(dotted)


def _wraps(dotted: str) -> bool:
    """Whether the name of a library's decorator says that it only wraps: ``eth_retry.auto_retry``, ``cachetools.cached``."""
    last = dotted.rpartition(".")[2]
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", last)}
    return bool(words & WRAPPING) and "on" not in words


def _named_for_jobs(func: Func) -> bool:
    """Whether a decorator speaks of jobs: ``@register_task_handler()``, ``@actor(priority=…)``."""
    return any(JOB_WORDS.search(decorator_name(d).rpartition(".")[2]) for d in func.facts.decorators)


def _callable(func: Func) -> bool:
    """Whether a method is one that others call, also the object itself: no private one, nor a property, which is read."""
    private = func.name.startswith("_") and func.name != "__call__"
    return not private and not any(decorator_name(d).endswith("property") for d in func.facts.decorators)


def _library_may_call(klass: Klass, name: str) -> bool:
    return any(
        not (base.startswith(PLAIN_BASES) or base.endswith(("Error", "Exception")))
        and (name == "run" or not _only_called(base))
        and (name in MODEL_HOOKS or not base.startswith(MODELS))
        and (name in MANAGER_HOOKS or name in COMMON_METHODS or name.startswith("_") or not _is_manager(base))
        for base in klass.external_bases
    )


def _is_manager(base: str) -> bool:
    """Whether a library's class is a manager or a query set of Django's: the program calls what a class below one adds."""
    return base.startswith(("django", "polymorphic", "mptt", "model_utils", "treebeard")) and base.endswith(MANAGERS)


def _only_called(base: str) -> bool:
    row = type_of(base)
    return row is not None and row.kind in CALLED


class Add(Protocol):
    """The shape of the callback that records one reach (for the type checker)."""

    def __call__(self, func: Func, phase: str, edge: Edge | None, note: str, ground: int) -> None: ...


@cache
def _job_systems() -> frozenset[str]:
    return frozenset(row.name for row in all_job_systems())


def _only_works(entrypoint: Entrypoint) -> bool:
    """Whether an entrypoint is the worker of a job system, which answers no requests itself."""
    return entrypoint.kind == "worker" and entrypoint.framework in _job_systems()
