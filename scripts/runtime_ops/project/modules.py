"""Which file an import names: import roots found from the folders, as Python would see them.

A folder without ``__init__.py`` that holds modules or packages is an import root for the files below it: a repository
may hold one service a folder, each run from its own folder. ``src``-like folders beside an ancestor count as well.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from runtime_ops.facts import model as m
from runtime_ops.project.model import Module


def begin(facts: m.ModuleFacts) -> Module:
    """A module with what can be told without the other ones, which give it its name."""
    module = Module(facts, "")
    for func in module.functions.values():
        _ = func.sites, func.bindings
    return module


def _last_text(expr: m.Expr, module: Module) -> str:
    """The last folder of a path that is put together from texts, directly or by a name of the module; empty when there is none."""
    if isinstance(expr, m.Name):
        bound = [b.expr for b in module.level.bindings.get(expr.id, ()) if b.expr is not None]
        if len(bound) != 1 or isinstance(bound[0], m.Name):
            return ""
        expr = bound[0]
    called = expr.func.id.rpartition(".")[2] if isinstance(expr, m.Call) and isinstance(expr.func, m.Name) else ""
    if isinstance(expr, m.Call) and expr.args and called in ("str", "abspath", "normpath", "realpath", "join"):
        return _last_text(expr.args[-1], module)
    if isinstance(expr, m.BinOp):  # BASE_DIR / "apps"
        return _last_text(expr.right, module)
    text = expr.value if isinstance(expr, m.Const) else None
    return text.rstrip("/").rpartition("/")[2] if isinstance(text, str) and not text.endswith(".") else ""


class ModuleIndex:
    """Finds modules by path and by imported name. ``modules`` is by path relative to the audited root."""

    def __init__(self, facts: Iterable[m.ModuleFacts], begun: Mapping[str, Module] | None = None) -> None:
        listed = list(facts)
        self._packages = {f.path.rpartition("/")[0] for f in listed if f.path.rpartition("/")[2] == "__init__.py"}
        self._folders: set[str] = {""}
        for fact in listed:
            folder = fact.path.rpartition("/")[0]
            while folder and folder not in self._folders:
                self._folders.add(folder)
                folder = folder.rpartition("/")[0]
        self.modules: dict[str, Module] = {f.path: (begun or {}).get(f.path) or Module(f, "") for f in listed}
        for path, module in self.modules.items():
            module.name = self._name(path)
        self._roots: dict[str, tuple[str, ...]] = {}
        self._found: dict[tuple[str, str], tuple[Module | None, str]] = {}
        self._children: dict[str, list[str]] = {}
        for folder in self._folders:
            if folder:
                self._children.setdefault(folder.rpartition("/")[0], []).append(folder)

    def _name(self, path: str) -> str:
        """Dotted name below the nearest folder that is no package."""
        folder, _, file = path.rpartition("/")
        parts = [] if file == "__init__.py" else [file.removesuffix(".py")]
        while folder and folder in self._packages:  # the audited root itself may be a package
            folder, _, last = folder.rpartition("/")
            parts.insert(0, last)
        return ".".join(parts) or file.removesuffix(".py")

    def roots(self, folder: str) -> tuple[str, ...]:
        """Import roots for files of a folder, nearest first; folders of packages come last."""
        if folder not in self._roots:
            chain = [folder]
            while chain[-1]:
                chain.append(chain[-1].rpartition("/")[0])
            plain = [f for f in chain if f not in self._packages]
            beside = [
                child
                for f in plain
                for child in sorted(self._children.get(f, ()))
                if child not in self._packages and child not in chain
            ]
            told = [
                child for f in plain for child in sorted(self._children.get(f, ())) if child.rpartition("/")[2] in self._told_roots
            ]
            self._roots[folder] = tuple(dict.fromkeys((*plain, *beside, *told, *chain)))
        return self._roots[folder]

    @cached_property
    def _told_roots(self) -> frozenset[str]:
        """Names of folders that a module's own level adds to the import path: ``sys.path.append(join(BASE_DIR, "apps"))``."""
        return frozenset(
            name
            for module in self.modules.values()
            for site in module.level.sites
            if site.method in ("append", "insert") and site.text in ("sys.path.append", "sys.path.insert") and site.call.args
            for name in (_last_text(site.call.args[-1], module),)
            if name
        )

    def _file(self, stem: str) -> Module | None:
        return self.modules.get(f"{stem}.py") or self.modules.get(f"{stem}/__init__.py")

    def find(self, module: Module, target: str) -> tuple[Module | None, str]:
        """The module that an import target of ``module`` begins with, and what is left of the target.

        ``target`` is dotted, with leading dots for relative imports. Gives ``(None, target)`` for libraries; a
        namespace package (a folder without ``__init__.py``) that holds the rest counts as far as files are found.
        """
        key = (module.folder, target)
        if key not in self._found:
            self._found[key] = self._search(module, target)
        return self._found[key]

    def _search(self, module: Module, target: str) -> tuple[Module | None, str]:
        if target.startswith("."):
            level = len(target) - len(target.lstrip("."))
            folder = module.folder
            for _ in range(level - 1):
                folder = folder.rpartition("/")[0]
            found = self._descend(folder, target[level:].split("."))
            if found is None:  # a name of the package itself
                own = self.modules.get(f"{folder}/__init__.py" if folder else "__init__.py")
                return own, target[level:] if own is not None else target
            return found
        parts = target.split(".")
        if parts[0] in sys.stdlib_module_names:
            return None, target
        partial: tuple[Module, str] | None = None
        for root in self.roots(module.folder):
            found = self._descend(root, parts)
            # a file is no import of itself unless it stands at an import root: ``import redis`` in pkg/redis.py
            if found is None or (found[0] is module and root in self._packages):
                continue
            if self._has(*found):
                return found
            if root not in self._packages:  # a file in a package that lacks the name only has the library's: ``pkg/kombu.py``
                partial = partial or found
        return partial or (None, target)

    @staticmethod
    def _has(module: Module, rest: str) -> bool:
        """Whether a module binds what is left of a target; a package of the same name elsewhere may be the one meant."""
        level = module.level.bindings
        return not rest or rest.partition(".")[0] in level or "*" in level

    def _descend(self, folder: str, parts: list[str]) -> tuple[Module, str] | None:
        """Follow dotted parts below a folder as far as modules go."""
        best: tuple[Module, str] | None = None
        stem = f"{folder}/" if folder else ""
        for number, part in enumerate(parts):
            stem = f"{stem}{part}"
            found = self._file(stem)
            if found is not None:
                best = (found, ".".join(parts[number + 1 :]))
            elif stem not in self._folders:
                break
            stem += "/"
        return best

    def submodule(self, module: Module, name: str) -> Module | None:
        """The module ``name`` below a package."""
        if module.path.endswith("__init__.py"):
            return self._file(f"{module.folder}/{name}" if module.folder else name)
        return None

    def __iter__(self) -> Iterator[Module]:
        return iter(self.modules.values())


def in_order(modules: Iterable[Module]) -> list[Module]:
    """Modules by path: a set of them has another order in each run, and the first way to a function is the one shown."""
    return sorted(modules, key=lambda module: module.path)
