"""What plug-ins offer: members of modules that a program loads by names which are put together at run time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.development import defined_for_debugging
from runtime_ops.project.entrypoints import Entrypoint, is_command
from runtime_ops.project.links import Links
from runtime_ops.project.loaded import taken_from_loaded
from runtime_ops.project.model import Func, Module
from runtime_ops.project.modules import in_order
from runtime_ops.project.roles import Roles

LOADERS = frozenset("import_module __import__ import_string load_module iter_modules walk_packages entry_points exec_module".split())
"""Calls that import a module by a name."""


class LoadedPlugins:
    """Finds what of the loaded modules a program may call; remembers the answers for each module."""

    def __init__(self, links: Links, roles: Roles, by_name: Collection[Module]) -> None:
        """``by_name``: modules that are loaded by names which are put together at run time."""
        self.links = links
        self.roles = roles
        self.by_name = by_name
        self._loaders: dict[Module, bool] = {}
        self._taken: dict[Module, frozenset[str]] = {}
        self._asked: dict[Module, frozenset[tuple[str, Func]]] = {}

    def members(self, entrypoint: Entrypoint) -> Iterator[tuple[Func, list[Func] | None]]:
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
                if not is_command(func, self.links) and self.roles.role(func) is None and not defined_for_debugging(func):
                    named = func.cls is not None and func.cls.name in taken and func.name in asked
                    yield func, [] if made else asked[func.name] if named else None

    def _taken_in(self, module: Module) -> frozenset[str]:
        """The names that a module takes from what it loads by name."""
        if module not in self._taken:
            self._taken[module] = taken_from_loaded(self.links, module) if self.loads_by_name(module) else frozenset()
        return self._taken[module]

    def _asked_in(self, module: Module) -> frozenset[tuple[str, Func]]:
        """The methods that a module calls on objects of which nothing is known, each with who does."""
        if module not in self._asked:
            unknown = (s for func in module.functions.values() for s in func.sites if s.dotted is None and not s.targets)
            self._asked[module] = frozenset((s.method, s.function) for s in unknown if s.text != s.method)
        return self._asked[module]

    def loads_by_name(self, module: Module) -> bool:
        """Whether a module imports others whose names are made at run time: plug-ins that no statement imports."""
        if module not in self._loaders:
            self._loaders[module] = any(
                site.method in LOADERS and not (site.call.args and isinstance(site.call.args[0], m.Const))
                for func in module.functions.values()
                for site in func.sites
            )
        return self._loaders[module]
