"""Functions that a library runs by itself, by what is written at them: jobs, handlers of requests, methods of a handler's class."""

from __future__ import annotations

from collections.abc import Collection

from runtime_ops.facts import model as m
from runtime_ops.libraries.surface import Surface, all_surfaces, surface
from runtime_ops.plain import cached_property
from runtime_ops.project.decorators import decorated_by, is_job
from runtime_ops.project.development import debug_only, defined_for_debugging
from runtime_ops.project.entrypoints import of_flask_group
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Module
from runtime_ops.project.modules import in_order
from runtime_ops.project.names import decorator_name
from runtime_ops.project.seeds import Role, Seed


class Roles:
    """Finds the role of each function; remembers the answers."""

    def __init__(self, links: Links, of_lifespan: Collection[Func | None], answers: Collection[Func]) -> None:
        """``of_lifespan``: functions that a hook runs at the start or end, whatever their decorator looks like; ``answers``:
        functions that a route names, whatever class or decorator they have."""
        self.links = links
        self.of_lifespan = of_lifespan
        self.answers = answers
        self._roles: dict[Func, Role | None] = {}
        self._with_role: dict[Module, list[tuple[Func, Role]]] = {}

    def role(self, func: Func) -> Role | None:
        """Kind of entrypoint whose library runs the function by itself, and why; None when nothing says so."""
        if func not in self._roles:
            self._roles[func] = self._role(func)
        return self._roles[func]

    def in_module(self, module: Module) -> list[tuple[Func, Role]]:
        """The functions of a module that a library runs by itself, with their roles."""
        if module not in self._with_role:
            named = ((func, self.role(func)) for func in module.functions.values())
            self._with_role[module] = [(func, role) for func, role in named if role is not None]
        return self._with_role[module]

    @cached_property
    def enqueued(self) -> list[tuple[Func, str]]:
        """Functions that calls put into the queue of a library, with the library."""
        found = {
            (edge.callee, edge.via.partition(".")[0]): None
            for module in in_order(self.links.modules())
            for func in module.functions.values()
            for edge in self.links.callees.get(func, ())
            if edge.how == "reference" and (row := surface("handler-registration", edge.via)) and row.match == "enqueue"
        }
        return list(found)

    def _role(self, func: Func) -> Role | None:
        if is_job(func, self.links):
            return Role("worker", Seed("job", func.name))
        named = self.links.callers.get(func, ())
        if (named and all(debug_only(edge.site.steps) for edge in named)) or defined_for_debugging(func):
            return None
        for decorator in func.facts.decorators:
            dotted = decorated_by(decorator, func, self.links)
            answers = not of_flask_group(decorator) and func not in self.of_lifespan
            row = surface("handler-decorator", dotted) if dotted is not None and answers else None
            if row is not None:
                return Role(row.kind, Seed("handler", func.name))
            if dotted is None and _looks_like_route(decorator):
                return Role("service", Seed("handler", func.name))
        if func.cls is not None and func.name == "__init__":
            for base in func.cls.external_bases:
                row = surface("handler-base", base)
                if row is not None and row.match == "instances":
                    return Role(row.kind, Seed("made per request", func.name, base))
        if func.cls is not None and not func.name.startswith("__"):
            handed = self._handed.get(func.cls)
            if handed is not None and func.name.startswith(tuple(handed.match.split())):
                return Role(handed.kind, Seed("handler class", func.name, handed.name))
            for base in func.cls.external_bases:
                row = surface("handler-base", base)
                if row is not None and not base.endswith(("threading.Thread", ".Process")):
                    return Role(row.kind, Seed("handler class", func.name, base))
                if base.endswith("Servicer") and self._made(func.cls):
                    return Role("service", Seed("rpc", func.name))
        for edge in named:
            if edge.how == "reference" and not debug_only(edge.site.steps):
                row = surface("handler-registration", edge.via)
                if row is not None:
                    return Role(row.kind, Seed("handler", func.name))
        return Role("service", Seed("handler", func.name)) if func in self.answers else None

    @cached_property
    def _handed(self) -> dict[Klass, Surface]:
        """The classes of which an object is handed to a library that calls its methods by their names, whatever class it is."""
        found: dict[Klass, Surface] = {}
        names = {row.name.rpartition(".")[2] for row in all_surfaces() if row.role == "handler-object"}
        for module in in_order(self.links.modules()):
            for func in module.functions.values():
                for site in func.sites:
                    last = site.dotted.rpartition(".")[2] if site.dotted is not None else ""
                    row = surface("handler-object", site.dotted) if site.dotted is not None and last in names else None
                    for given in (*site.call.args, *(value for _, value in site.call.keywords)) if row is not None else ():
                        value = self.links.names.value(given, func)
                        klass = value.target if value is not None and value.kind == "instance" else None
                        if row is not None and isinstance(klass, Klass):
                            found |= {k: row for k in klass.ancestry if isinstance(k, Klass)}
        return found

    def _made(self, klass: Klass) -> bool:
        """Whether any call of the project makes the class (or one below it): a servicer that nobody makes serves nothing."""
        names = {klass.name, *(k.name for k in klass.descendants())}
        return any(
            site.method in names
            for module in self.links.modules()
            for func in module.functions.values()
            for site in func.sites
        )


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
