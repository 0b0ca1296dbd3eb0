"""The entrypoints of the audited root: what a platform, a user or a scheduler starts, and what kind of program it is.

From the artifacts (launches), from ``if __name__ == "__main__"``, from console scripts, and from application objects
and commands in the code that no launch was found for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import field, replace
from functools import cache, cached_property

from runtime_ops.facts import model as m
from runtime_ops.libraries.jobs import all_job_systems
from runtime_ops.libraries.servers import server_run_by
from runtime_ops.libraries.surface import surface
from runtime_ops.plain import dataclass
from runtime_ops.project.code_starts import Start, starts_in_code
from runtime_ops.project.decorators import decorated_by, is_job, registers_jobs
from runtime_ops.project.development import desk_program, development_file
from runtime_ops.project.django_settings import included_settings, settings_named, with_urls
from runtime_ops.project.launch import Launch
from runtime_ops.project.links import Links
from runtime_ops.project.loaded import loaded_by_name
from runtime_ops.project.main_blocks import in_main_block, main_block, under_main
from runtime_ops.project.model import Func, Module, Site
from runtime_ops.project.names import decorator_name
from runtime_ops.project.plugins import service_plugins
from runtime_ops.project.run_calls import flask_commands
from runtime_ops.project.serving_places import ServingPlace
from runtime_ops.project.spine import Spine

DOTTED = re.compile(r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?::\w+)?$")
CLI_LIBRARIES = (
    "argparse.",
    "click.",
    "typer.",
    "optparse.",
    "docopt",
    "fire.",
    "absl.",
    "cyclopts.",
    "cleo.",
    "invoke.",
)
DJANGO_COMMANDS = "django.core.management.execute_from_command_line"
RUN_UNATTENDED = ("service", "worker", "job")
TWISTED = "twisted"
LISTENS = frozenset({"listenTCP", "listenSSL", "listenUNIX", "serverFromString", "TCP4ServerEndpoint", "SSL4ServerEndpoint"})
"""Calls by which a twisted program takes connections (twisted 25.5.0, internet/interfaces.py, endpoints.py)."""
LOOPS = frozenset({"asyncio", "uvloop"})
"""Libraries of event loops: who turns one serves by the tasks on it."""
SERVER_SEARCH = 400  # functions from main that are looked through for a server; nearer ones first
SERVER_MODULES = frozenset(("socketserver", "http.server", "wsgiref.simple_server", "xmlrpc.server"))
KEEPERS = frozenset({"dockerfile", "compose", "kubernetes", "systemd", "supervisord", "procfile", "nomad", "ecs", "marathon", "fly"})
"""Platforms whose programs are kept up as a rule."""
WORKER_PROGRAMS = (
    "celery",
    "rq",
    "rqworker",
    "dramatiq",
    "arq",
    "huey_consumer",
    "huey_consumer.py",
    "taskiq",
    "faust",
    "locust",
)


@dataclass(eq=False)
class Entrypoint:
    """One entrypoint. ``main`` is the function (or module level) in which its life begins; ``app`` the application object
    that a server loads from that module, when one does. ``guarded``: only the ``__main__`` block of ``main`` is its life,
    the rest of the module level is import."""

    id: str
    kind: str
    path: str
    line: int
    framework: str
    main: Func
    app: str | None = None
    guarded: bool = False
    launches: tuple[Launch, ...] = ()
    modules: frozenset[Module] = frozenset()
    """Every module that it imports, directly or not, at any time."""
    places: tuple[ServingPlace, ...] = ()
    """Serving places of ``main`` (see `runtime_ops.project.spine`)."""
    commands: tuple[Func, ...] = field(default=())
    """Command functions of a command-line program."""

    @property
    def long_running(self) -> bool:
        """Whether it stays up until it is stopped."""
        return self.kind in ("service", "worker")

    @property
    def production(self) -> tuple[Launch, ...]:
        """Launches that are not for development only."""
        # an arm of an entry script that starts a server or worker is there for production, whoever names it
        roles = ("main", "job", "management") if self.long_running else ("main", "job")
        return tuple(x for x in self.launches if not x.development and x.role in roles)

    @property
    def kept_up_by(self) -> Launch | None:
        """The first launch of a platform that starts its programs anew when they end."""
        return next((x for x in self.production if x.platform in KEEPERS and x.role == "main"), None)

    @property
    def started(self) -> bool:
        """Whether any artifact starts it."""
        return bool(self.launches)

    def __repr__(self) -> str:
        return f"<Entrypoint {self.kind} {self.id}>"


class Closure:
    """Modules that a module imports, directly or not, by statements or by dotted names in texts."""

    def __init__(self, links: Links) -> None:
        self.links = links
        self._direct: dict[Module, frozenset[Module]] = {}
        self._all: dict[Module, frozenset[Module]] = {}
        self._packages: dict[str, frozenset[Module]] = {}
        self.by_name: set[Module] = set()
        """Those found so far whose names are put together at run time."""

    def direct(self, module: Module) -> frozenset[Module]:
        if module not in self._direct:
            self._direct[module] = frozenset(self._imports(module)) - {module}
        return self._direct[module]

    def _imports(self, module: Module) -> Iterable[Module]:
        index = self.links.index
        for func in module.functions.values():
            yield from self._imports_of(func)
        if module.path.endswith("/apps.py"):
            # a Django application: models, signals, tasks, admin, checks are found by name, not by imports
            prefix = module.folder + "/"
            yield from (other for path, other in index.modules.items() if path.startswith(prefix))
        if any(site.method == "autodiscover_tasks" for func in module.functions.values() for site in func.sites):
            # celery imports the tasks module of each installed package (celery 5.7.0, app/base.py autodiscover_tasks)
            above = module.folder.rpartition("/")[0]
            yield from (
                other
                for path, other in index.modules.items()
                if path.endswith(("/tasks.py", "/tasks/__init__.py")) and (not above or path.startswith(f"{above}/"))
            )
        yield from self._included_tasks(module)
        named = set(loaded_by_name(self.links, module))
        self.by_name |= named
        yield from named
        yield from included_settings(self.links, module)
        # settings that name modules by text: INSTALLED_APPS, include("shop.urls"), celery imports, plug-in lists
        texts = set(module.level.inventory.texts)
        formats = list(module.level.inventory.formats)
        for klass in module.classes.values():
            for node in m.walk(klass.facts.body):
                if type(node) is m.Const and type(node.value) is str:
                    texts.add(node.value)
                elif type(node) is m.Format:
                    formats.append(node)
        for made in formats:
            if made.parts and isinstance(made.parts[0], m.Const):
                yield from self._below(module, made.parts[0].value)
        for text in sorted({text.partition(":")[0] for text in texts if "." in text and DOTTED.match(text)}):
            found, rest = index.find(module, text)
            if found is not None and rest.count(".") == 0:
                yield found
                # Django loads the configuration of an installed application, which names the rest of it
                config = index.modules.get(f"{found.folder}/apps.py") if found.path.endswith("/__init__.py") else None
                if config is not None and not rest:
                    yield config

    def _included_tasks(self, module: Module) -> Iterable[Module]:
        """Modules that a function which makes a celery application names whole: ``kwargs["include"] = ["shop.tasks"]``."""
        for func in module.functions.values():
            if not func.is_module and any(site.dotted == "celery.Celery" for site in func.sites):
                for text in sorted(t for t in func.inventory.texts if "." in t and DOTTED.match(t)):
                    found, rest = self.links.index.find(module, text)
                    if found is not None and not rest:
                        yield found

    def settings_of(self, module: Module, launches: Iterable[Launch] = ()) -> frozenset[Module]:
        """What a Django process loads besides: the settings that its file or the environment of its launches names, and all
        that they name in turn. No statement imports them."""
        starts = {part for start in settings_named(self.links, module, launches) for part in self._settings_in(start)}
        found = frozenset(part for start in starts for part in self.of(start))
        if not found or any("ROOT_URLCONF" in part.level.bindings for part in found):
            return found
        beside = {part for start in starts for part in with_urls(self.links, start)}  # a library loads them: dynaconf, a loop over files
        return found.union(*map(self.of, beside))

    def _settings_in(self, module: Module) -> tuple[Module, ...]:
        """A settings module; for a package that only holds them (``settings/`` with ``prod.py``), which the platform names one
        of, those that are not for development."""
        if not module.path.endswith("/__init__.py") or any("ROOT_URLCONF" in part.level.bindings for part in self.of(module)):
            return (module,)
        return tuple(
            other
            for path, other in self.links.index.modules.items()
            if path.rpartition("/")[0] == module.folder and not development_file(path)
        )

    def _imports_of(self, func: Func) -> Iterable[Module]:
        """Modules that the import statements of one function, or of a module's top level, name."""
        index = self.links.index
        for place in func.by_kind.get(m.Import, ()):
            if isinstance(place.stmt, m.Import):
                found, rest = index.find(func.module, place.stmt.target.removesuffix(".*").removesuffix("*"))
                if found is not None:
                    yield found
                    head = rest.split(".")[0]
                    sub = index.submodule(found, head) if head else None
                    if sub is not None:
                        yield sub

    def _below(self, module: Module, text: object) -> Iterable[Module]:
        """``f"shop.settings.{environment}"``: any module of the package that the text begins with may be the one."""
        if not isinstance(text, str) or not text.endswith(".") or not DOTTED.match(text + "x"):
            return
        package, rest = self.links.index.find(module, text.rstrip("."))
        if package is not None and not rest and package.path.endswith("/__init__.py"):
            yield from (
                other for path, other in self.links.index.modules.items() if path.rpartition("/")[0] == package.folder
            )

    def of(self, module: Module) -> frozenset[Module]:
        """The module itself and everything that it imports; parent packages are imported too."""
        if module not in self._all:
            self._all[module] = self._reached(module, self.direct)
        return self._all[module]

    def at_import(self, module: Module) -> frozenset[Module]:
        """The module itself and what importing it imports: statements at the top level of modules only."""
        return self._reached(module, lambda current: self._imports_of(current.level))

    def _reached(self, module: Module, direct: Callable[[Module], Iterable[Module]]) -> frozenset[Module]:
        seen = {module}
        pending = [module]
        while pending:
            current = pending.pop()
            found = self._parents(current.folder).union(direct(current)) - seen
            seen |= found
            pending.extend(found)
        return frozenset(seen)

    def _parents(self, folder: str) -> frozenset[Module]:
        """The packages that a folder is, or is part of."""
        if folder not in self._packages:
            package = self.links.index.modules.get(f"{folder}/__init__.py") if folder else None
            above = self._parents(folder.rpartition("/")[0]) if package is not None else frozenset()
            self._packages[folder] = above if package is None else above | {package}
        return self._packages[folder]


class EntrypointFinder:
    """Finds all entrypoints; `find` gives them in a stable order."""

    def __init__(self, links: Links, spine: Spine, closure: Closure, launches: Iterable[Launch]) -> None:
        self.links = links
        self.spine = spine
        self.closure = closure
        self.launches = [x for x in launches if x.role != "probe"]
        self.found: dict[tuple[str, str], Entrypoint] = {}
        self.apps = self._apps()

    @cached_property
    def management_commands(self) -> tuple[Func, ...]:
        """The ``handle`` of each Django management command."""
        found = [
            func
            for module in self.links.index
            if is_management_command(module.path)
            for func in module.functions.values()
            if func.name == "handle" and is_command(func, self.links)
        ]
        return tuple(sorted(found, key=lambda f: f.path))

    def find(self) -> tuple[Entrypoint, ...]:
        for launch in self.launches:
            self._from_launch(launch)
        for module in self.links.index:
            if main_block(module) is not None:
                self._add(module, module.level, None, guarded=True)
        self._scripts_that_serve()
        self._commands_that_serve()
        self._unstarted_apps()
        self._jobs_of_workers()
        self._unstarted_jobs()
        self._commands_of_flask()
        self._handlers_of_lambda()
        self._plugins_of_twisted()
        started = {e.main.module for e in self.found.values() if e.app and e.launches}
        for key, entry in list(self.found.items()):
            # ``if __name__ == "__main__": app.run()`` beside an application that a server loads: the desk's way to run it
            if entry.guarded and not entry.launches and entry.kind == "service" and entry.main.module in started:
                del self.found[key]
        self._merge_blocks()
        self._jobs_of_code()
        ordered = sorted(self.found.values(), key=lambda e: (not e.started, e.path, e.line))
        return tuple(ordered)

    # ------------------------------------------------------------ making

    def _add(
        self, module: Module, main: Func, app: str | None, launch: Launch | None = None, guarded: bool = False
    ) -> Entrypoint:
        key = (module.path, app or main.qualname)
        entry = self.found.get(key)
        if entry is None:
            places = () if app else self._spine_places(main, guarded)
            entry = Entrypoint(
                id=module.path if main.is_module and not app else f"{module.path}::{app or main.qualname}",
                kind="", path=module.path, line=self._line(module, main, app, places, guarded), framework="", main=main,
                app=app, guarded=guarded and main.is_module, modules=self.closure.of(module), places=places,
            )  # fmt: skip
            self.found[key] = entry
        if launch is not None:
            entry.launches = (*entry.launches, launch)
        entry.commands = self._commands(entry)
        entry.kind, entry.framework = self._classify(entry)
        if entry.kind in ("service", "worker"):
            entry.modules |= self.closure.settings_of(module, () if launch is None else (launch,))
            entry.modules |= self._configuring(launch)
        return entry

    def _configuring(self, launch: Launch | None) -> frozenset[Module]:
        """What a launch's server loads besides the application: its configuration file in Python, ``gunicorn.conf.py``, which
        no statement imports. What that imports in turn is left out: it lives in the server's master, and ends otherwise."""
        written = {option.path for option in launch.options.values()} if launch is not None else set()
        return frozenset(module for path in written if (module := self.links.index.modules.get(path)) is not None)

    def _spine_places(self, main: Func, guarded: bool) -> tuple[ServingPlace, ...]:
        places = self.spine.places(main)
        if guarded and main.is_module:
            places = tuple(p for p in places if under_main(p.steps, main.module))
        return places

    def _line(
        self, module: Module, main: Func, app: str | None, places: tuple[ServingPlace, ...], guarded: bool
    ) -> int:
        if app:
            name = app.partition("(")[0]
            bindings = module.level.bindings.get(name)
            if bindings:
                target = module.functions.get(bindings[0].text) if bindings[0].kind == "def" else None
                return target.line if target else bindings[0].line
            return 1
        if not main.is_module:
            return main.line
        block = main_block(module)
        return block.line if block is not None else places[0].line if places else 1

    def _from_launch(self, launch: Launch) -> None:
        target = launch.target
        module = self.links.index.modules.get(target.path or "")
        if module is None:
            return
        if target.kind == "app":
            name = (target.attribute or "app").partition("(")[0]
            self._add(module, module.level, name, launch)
        elif target.kind == "console-script":
            dotted = target.attribute or "main"
            value = self.links.names.name(dotted, module.level)
            main = value.target if value is not None and isinstance(value.target, Func) else None
            if main is None and module.level.bindings.get(dotted.partition(".")[0]):
                main = module.level
            if main is not None and _runs_flask(launch, main.module, main.name):
                self._managed(main.module, launch, "run")
                launch = replace(launch, server=None)  # the artifact starts the file, and its commands lie there beside the server
            if main is not None:
                entry = self._add(main.module, main, None, launch)
                if main.module is not module:  # ``shop.worker:Worker.main``, inherited: the class is written there
                    entry.modules |= self.closure.of(module)
        elif target.kind in ("script", "module"):
            command = managed_worker(launch) or ("run" if _runs_flask(launch, module, "") else "")
            if command:
                self._managed(module, launch, command)
            else:
                self._add(module, module.level, None, launch, guarded=main_block(module) is not None)

    def _managed(self, module: Module, launch: Launch, command: str) -> None:
        """A worker that Django's ``manage.py`` starts, or the server that Flask's ``run`` is, is a program of its own beside the
        commands of that file: it runs the jobs of every installed application, which the settings name, or answers its routes."""
        entry = self.found.get((module.path, command))
        if entry is None:
            block = main_block(module)
            kind, framework = ("worker", launch.server or "") if managed_worker(launch) else ("service", "flask")
            entry = self.found[module.path, command] = Entrypoint(
                id=f"{module.path} {command}", kind=kind, path=module.path, line=block.line if block is not None else 1,
                framework=framework, main=module.level, guarded=block is not None,
                modules=self.closure.of(module) | self.closure.settings_of(module, (launch,)),
            )  # fmt: skip
        entry.launches = (*entry.launches, launch)

    def _merge_blocks(self) -> None:
        """``if __name__ == "__main__": main()`` beside the console script ``main`` is one program, started in two ways."""
        mains = {e.main: e for e in self.found.values() if not e.main.is_module and not e.app}
        for entry in list(self.found.values()):
            if entry.app or not entry.main.is_module:
                continue
            guarded = main_block(entry.main.module) is not None
            called = {
                target for site in entry.main.sites if not guarded or in_main_block(site) for target in site.targets
            }
            same = next((mains[f] for f in called if f in mains), None)
            if same is None or same is entry:
                continue
            # what an artifact starts is the program's name; a console script of the package is another way in
            keep, drop = (
                (entry, same) if entry.launches and same.main.module is not entry.main.module else (same, entry)
            )
            keep.launches = (*keep.launches, *(x for x in drop.launches if not any(x is y for y in keep.launches)))
            keep.kind, keep.framework = self._classify(keep)
            self.found = {k: e for k, e in self.found.items() if e is not drop}
            mains = {f: e for f, e in mains.items() if e is not drop}

    def _jobs_of_code(self) -> None:
        """A program that the code of a service, worker or job starts runs unattended, as one that an artifact starts does."""
        waiting = {
            e.main.module: e
            for e in self.found.values()
            if e.kind == "cli" and len(e.commands) < 2  # of several commands which one is started is not known
        }
        starts = list(starts_in_code(self.links)) if waiting else []
        running = [e for e in self.found.values() if e.kind in RUN_UNATTENDED and not (e.launches and not e.production)]
        while running and starts:
            modules = {module for entry in running for module in entry.modules}
            mains = {entry.main.module for entry in running}
            running = []
            for start in starts:
                entry = waiting.get(start.module)
                if entry is None or not self._runs(start, modules, mains):
                    continue
                entry.launches = (*entry.launches, start.launch())
                entry.kind, entry.framework = self._classify(entry)
                if entry.kind == "job" and entry not in running:
                    running.append(entry)
            for entry in running:
                waiting.pop(entry.main.module, None)

    def _runs(self, start: Start, modules: Collection[Module], mains: Collection[Module]) -> bool:
        """Whether programs with these modules and files of their own come to a start; what nobody but the started program
        imports is a part of that program."""
        where = start.function.module
        if where in mains or start.only_run_directly or where not in modules:
            return where in mains
        importers = (other for other in modules if other is not start.module)
        return where.path.endswith("/__init__.py") or any(where in self.closure.direct(other) for other in importers)

    def _scripts_that_serve(self) -> None:
        """A file whose own level serves, without a ``__main__`` block, is a program that somebody starts by its path."""
        reached = {module for entry in self.found.values() for module in entry.modules}
        for module in self.links.index:
            if main_block(module) is None and module not in reached and self.spine.places(module.level):
                self._add(module, module.level, None)

    def _commands_that_serve(self) -> None:
        """A command that serves is an entrypoint of its own beside its group."""
        for module in self.links.index:
            for func in module.functions.values():
                if is_command(func, self.links) and self.spine.places(func):
                    key = (module.path, func.qualname)
                    if key in self.found:
                        continue
                    launches = [x for x in self.launches if command_name(func, self.links) in x.argv and self._reaches(x, func)]
                    entry = self._add(module, func, None)
                    for launch in launches:
                        entry.launches = (*entry.launches, launch)
                        self._withdraw(launch, entry)
                    entry.kind, entry.framework = self._classify(entry)

    def _reaches(self, launch: Launch, func: Func) -> bool:
        module = self.links.index.modules.get(launch.target.path or "")
        if module is None:
            return False
        # management commands are found by their folder, not by imports
        return func.module in self.closure.of(module) or (func.name == "handle" and func.path.startswith(module.folder))

    def _withdraw(self, launch: Launch, keeper: Entrypoint) -> None:
        """The launch names a command, so it does not start the whole group as well."""
        for entry in self.found.values():
            if entry is not keeper and launch in entry.launches and (len(entry.launches) > 1 or keeper.main in entry.commands):
                entry.launches = tuple(x for x in entry.launches if x is not launch)
                entry.kind, entry.framework = self._classify(entry)

    # ------------------------------------------------------------ code without launches

    def _apps(self) -> list[tuple[Site, str, str]]:
        """Calls that make an application: the site, the kind of program, the name it is bound to."""
        found = []
        for module in self.links.index:
            for func in module.functions.values():
                for site in func.sites:
                    made = site.dotted or site.made
                    row = surface("app", made) if made else None
                    # a settings module of Django is imported by whatever runs Django: the broker that it sets starts nothing
                    if row is not None and (site.used or "INSTALLED_APPS" not in module.level.bindings):
                        found.append((site, row.kind, bound_name(site)))
        return found

    def _unstarted_apps(self) -> None:
        for site, kind, name in self.apps:
            module = site.function.module
            if any(module in e.modules and e.kind == kind for e in self.found.values()):
                continue
            top = site.function.is_module
            if not top and self.launches and main_block(module) is not None:
                continue  # a tool that builds an application to look at it (an exporter of its schema)
            entry = self._add(module, module.level, name if top else f"{site.function.name}()")
            entry.line = site.line if top else site.function.line
            entry.kind = "cli" if desk_program(entry.path) and not entry.production else kind

    def _jobs_of_workers(self) -> None:
        """The jobs of a worker that is not seen to load any: its library is told what to import by a configuration that lies
        elsewhere (a class of another package, a file of the platform's), and one that knows of none would have no work."""
        workers = [e for e in self.found.values() if e.kind == "worker" and e.launches]
        apps = {site.function.module for site, _, _ in self.apps if (site.dotted or site.made) == "celery.Celery"}
        for app in apps if workers else ():
            if registers_jobs(app, self.links):
                continue
            taking = (module for module in self.links.index if app in self.closure.direct(module))
            jobs = {module for module in taking if registers_jobs(module, self.links)}
            for worker in workers:
                if app in worker.modules and not jobs & worker.modules:
                    worker.modules = worker.modules.union(*map(self.closure.of, jobs))

    def _unstarted_jobs(self) -> None:
        started = any(e.kind == "worker" and e.launches for e in self.found.values())
        for module in self.links.index:
            for func in module.functions.values():
                if not is_job(func, self.links):
                    continue
                if any(module in e.modules and e.kind == "worker" for e in self.found.values()):
                    continue
                if started and module not in self._imported:
                    continue  # what no worker loads, and nothing else imports or names, no worker runs
                entry = self._add(module, module.level, func.name)
                entry.kind = "worker"

    def _handlers_of_lambda(self) -> None:
        """``def lambda_handler(event, context)``: what AWS Lambda runs once an event, by the name that its documentation gives."""
        for module in self.links.index:
            func = module.functions.get("lambda_handler")
            if func is None or len(func.facts.params) != 2 or (module.path, func.qualname) in self.found:
                continue
            entry = self._add(module, func, None)
            entry.kind, entry.framework = "job", "aws lambda"

    def _plugins_of_twisted(self) -> None:
        """What ``twistd NAME`` runs; the reactor serves until it is stopped, whatever the plugin made."""
        for func, name in service_plugins(self.links):
            entry = self._add(func.module, func, None)
            entry.launches = tuple(x for x in self.launches if name and name in x.argv and any("twistd" in word for word in x.argv))
            entry.kind, entry.framework = "service", "twisted"

    def _commands_of_flask(self) -> None:
        """The commands that the modules of a flask application register with it are a program beside it, where no launch of
        ``flask`` made one."""
        made = [
            func
            for module in self.links.index
            for func in module.functions.values()
            if any(of_flask_group(d) for d in func.facts.decorators) and not _is_group(func)
        ]
        for entry in [e for e in self.found.values() if e.kind == "service" and made]:
            told = {func for other in self.found.values() if other.kind in ("cli", "job") for func in other.commands}
            commands = tuple(f for f in made if f.module in entry.modules and f not in told)
            key = (entry.path, "flask")
            if not commands or key in self.found:
                continue
            self.found[key] = Entrypoint(
                id=f"{entry.path} flask", kind="cli", path=entry.path, line=entry.line, framework="click",
                main=entry.main.module.level, modules=entry.modules, commands=commands,
            )  # fmt: skip

    @cached_property
    def _imported(self) -> frozenset[Module]:
        """Modules that any other module imports, or names in a text."""
        return frozenset(found for module in self.links.index for found in self.closure.direct(module))

    def _commands(self, entry: Entrypoint) -> tuple[Func, ...]:
        if entry.app:
            return ()
        if any(s.dotted == DJANGO_COMMANDS for f in entry.main.module.functions.values() for s in f.sites):
            return tuple(f for f in self.management_commands if f.path.startswith(entry.main.module.folder))
        own = [f for f in (entry.main, *entry.main.module.functions.values()) if is_command(f, self.links)]
        if not own and not any(f for f in entry.modules if f is not entry.main.module):
            return ()
        if entry.main in own and not _is_group(entry.main):
            return (entry.main,)
        if not own and (entry.places or (not entry.guarded and not entry.launches)):
            return ()  # a program that serves runs the commands of modules that it imports as little as a library does
        reached = [f for module in entry.modules for f in module.functions.values() if is_command(f, self.links)]
        return tuple(sorted(reached, key=lambda f: (f.path, f.line)))

    # ------------------------------------------------------------ kinds

    def _classify(self, entry: Entrypoint) -> tuple[str, str]:
        framework = self._framework(entry)
        if desk_program(entry.path) and not entry.production:
            return "cli", self._cli_library(entry) or framework
        # what a script for the desk starts says less of the program than what a container's start runs before its server
        by_platform = tuple(x for x in entry.launches if x.role != "management" and not x.development)
        for launch in entry.production or by_platform or entry.launches:
            if launch.server in WORKER_PROGRAMS or launch.program in WORKER_PROGRAMS or managed_worker(launch):
                return "worker", launch.server or launch.program
            if entry.app and launch.target.kind == "app":
                return "service", framework or launch.server or launch.program
            if launch.server and launch.server not in ("python",):
                return "service", framework or launch.server
        if entry.app:
            made = [kind for site, kind, _ in self.apps if site.function.module in entry.modules]
            return entry.kind or (made[0] if made else "service"), framework
        if entry.places:
            # of several ways to serve the first; a person at a terminal is one beside them
            last = deepest(next((p for p in entry.places if p.kind != "cli"), entry.places[0]), self.spine)
            kind = last.kind or "worker"
            # a server that runs in threads or tasks of its own while main sleeps in a loop, or turns the loop of those
            turns = last.site is not None and last.site.method == "run_forever" and _of_place(last) in LOOPS
            if (turns or last.how in ("loop", "wait")) and framework and self._serves(entry):
                kind = "service"
            if last.how == "loop" and any(_answers(site) for site in last.function.sites):
                kind = "service"
            own = _of_place(last)
            if own == TWISTED and _listens(entry.modules):
                kind = "service"
            return kind, own if kind == "worker" and last.how == "call" else framework or own
        if any(x.role in ("job", "init") for x in entry.launches):
            return "job", framework if framework in ("argparse", "click", "typer") else ""
        return "cli", self._cli_library(entry) or framework

    def _serves(self, entry: Entrypoint) -> bool:
        """Whether the program starts a server on its way, in a thread or task of its own."""
        seen: set[Func] = set()
        pending = [entry.main]
        while pending and len(seen) < SERVER_SEARCH:
            func = pending.pop(0)
            if func in seen:
                continue
            seen.add(func)
            if any(site.dotted and (server_run_by(site.dotted) or surface("handler-object", site.dotted)) for site in func.sites):
                return True
            pending.extend(e.callee for e in self.links.callees.get(func, ()) if e.how in ("call", "reference", "kept"))
        return False

    def _framework(self, entry: Entrypoint) -> str:
        for site, _, _ in self.apps:
            if site.function.module is entry.main.module:
                return (site.dotted or site.made or "").partition(".")[0]
        for site, kind, _ in self.apps:
            if site.function.module in entry.modules and (entry.app or kind == "service"):
                return (site.dotted or site.made or "").partition(".")[0]
        return ""

    def _cli_library(self, entry: Entrypoint) -> str:
        modules = [entry.main.module, *(f.module for f in entry.commands)]
        for module in modules:
            for bindings in module.level.bindings.values():
                for binding in bindings:
                    if binding.kind == "import":
                        text = f"{binding.text}."
                        for library in CLI_LIBRARIES:
                            if text.startswith(library):
                                return library.rstrip(".")
        return ""


def _answers(site: Site) -> bool:
    """Whether a call answers one request of a server of the standard library whose class the module extends."""
    return site.method == "handle_request" and any(
        base.rpartition(".")[0] in SERVER_MODULES for klass in site.function.module.classes.values() for base in klass.external_bases
    )


def _listens(modules: Iterable[Module]) -> bool:
    """Whether a program whose reactor turns takes connections on a port of its own."""
    return any(site.method in LISTENS for module in modules for func in module.functions.values() for site in func.sites)


def _of_place(place: ServingPlace) -> str:
    return (place.site.dotted or "").partition(".")[0] if place.site is not None else "loop"


def deepest(place: ServingPlace, spine: Spine) -> ServingPlace:
    """The serving place itself, behind the functions that lead to it."""
    for _ in range(12):
        if place.how != "through" or place.inner is None:
            return place
        inner = spine.places(place.inner)
        if not inner:
            return place
        place = inner[0]
    return place


def managed_worker(launch: Launch) -> str:
    """The command of Django's ``manage.py`` by which a launch starts the worker of a job system; empty for any other."""
    if launch.program != "manage.py" or launch.server is None:
        return ""
    programs = next((row.programs for row in all_job_systems() if row.name == launch.server), ())
    commands = [p.removeprefix("manage.py ") for p in programs if p.startswith("manage.py ")]
    return next((c for c in commands if c.split()[0] in launch.argv), "")


def _runs_flask(launch: Launch, module: Module, group: str) -> bool:
    """Whether a launch asks ``run`` of commands that are Flask's."""
    return launch.server == "flask development server" and "run" in launch.argv and flask_commands(module.facts, group)


def _is_group(func: Func) -> bool:
    return any(decorator_name(d).rpartition(".")[2] in ("group", "callback") for d in func.facts.decorators)


@cache
def registrations(links: Links) -> dict[Func, tuple[m.Expr, ...]]:
    """What is called with a function of the project, as its decorator would be: ``app.command("serve")(serve)``."""
    found: dict[Func, tuple[m.Expr, ...]] = {}
    for module in links.index:
        for site in module.level.sites:
            if isinstance(site.call.func, m.Call) and len(site.call.args) == 1:
                value = links.names.value(site.call.args[0], module.level)
                if value is not None and isinstance(value.target, Func):
                    decorated_by(site.call.func, module.level, links)  # remembered as what it means there, not where the function stands
                    found[value.target] = (*found.get(value.target, ()), site.call.func)
    return found


def _decorations(func: Func, links: Links) -> tuple[m.Expr, ...]:
    """The decorators of a function, and what is called with it as one would be."""
    return (*func.facts.decorators, *registrations(links).get(func, ()))


def command_name(func: Func, links: Links) -> str:
    """The word by which a user calls a command function."""
    for decorator in _decorations(func, links):
        if isinstance(decorator, m.Call) and decorator_name(decorator).rpartition(".")[2] in ("command", "group"):
            given = decorator.argument("name", 0)
            if isinstance(given, m.Const) and isinstance(given.value, str):
                return given.value
    if func.cls is not None and func.name == "handle":
        return func.module.name.rpartition(".")[2]
    return func.name.replace("_", "-")


def is_command(func: Func, links: Links) -> bool:
    """Whether a user runs the function by its name on a command line."""
    for decorator in _decorations(func, links):
        dotted = decorated_by(decorator, func, links)
        if dotted is not None and surface("command-decorator", dotted) is not None:
            return True
        if (dotted is None and decorator_name(decorator).rpartition(".")[2] == "command") or of_flask_group(decorator):
            return True
    if func.cls is not None and func.name in ("handle", "run"):
        rows = [surface("handler-base", base) for base in func.cls.external_bases]
        return any(
            row is not None and row.kind == "cli" and (func.name == "run") is row.name.startswith("flask_script.") for row in rows
        )
    return False


def of_flask_group(decorator: m.Expr) -> bool:
    """``@blueprint.cli.command("sweep")``: ``flask sweep`` runs it in a process of its own (flask 3.1.3, app.py, blueprints.py)."""
    return decorator_name(decorator).endswith((".cli.command", ".cli.group"))


def is_management_command(path: str) -> bool:
    """Whether a file is a command of Django's ``manage.py``, by its folder."""
    return "/management/commands/" in f"/{path}"


def bound_name(site: Site) -> str:
    """The name that the result of a call is bound to, else the function it stands in."""
    stmt = site.stmt
    if isinstance(stmt, m.Assign) and isinstance(stmt.targets[0], m.Name):
        return stmt.targets[0].id
    return site.function.name
