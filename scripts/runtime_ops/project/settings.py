"""Every read of a setting from outside the program: environment, settings classes, options, files; and what becomes of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.expressions import Spot, regions
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Module
from runtime_ops.project.settings_finder import Finder
from runtime_ops.project.settings_flow import Around, names_in
from runtime_ops.project.settings_model import Bound, Flow, SettingRead, Use
from runtime_ops.project.texts import UNKNOWN, spelled

__all__ = ["Bound", "Flow", "SettingRead", "Settings", "Use", "find_settings"]

USE_LIMIT = 200  # uses of one bound name; more are cut


def find_settings(links: Links) -> tuple[SettingRead, ...]:
    """Every read, in path and line order."""
    return Finder(links).find()


class Settings:
    """All reads, with look-ups by name and function and the uses of their values."""

    def __init__(self, links: Links) -> None:
        self.links = links
        finder = Finder(links)
        self.reads = finder.find()
        self.readers: frozenset[Func] = frozenset(finder.readers)
        """Project functions that read the variable that their caller names."""
        self._by_name: dict[str, list[SettingRead]] = defaultdict(list)
        self._by_func: dict[Func, list[SettingRead]] = defaultdict(list)
        self._open: list[SettingRead] = []  # names with an unknown part
        for read in self.reads:
            self._by_name[read.name].append(read)
            self._by_func[read.function].append(read)
            if UNKNOWN in read.name:
                self._open.append(read)
        self._spots: dict[str, list[Spot]] | None = None

    def __iter__(self) -> Iterator[SettingRead]:
        return iter(self.reads)

    @property
    def names(self) -> frozenset[str]:
        """Names of all variables and files that are read."""
        return frozenset(self._by_name)

    def by_name(self, name: str) -> tuple[SettingRead, ...]:
        """Reads of a variable by its exact name."""
        return tuple(self._by_name.get(name, ()))

    def covering(self, name: str) -> tuple[SettingRead, ...]:
        """Reads that may be of a variable: by its name in any case, or by a name with an unknown part (``APP_{?}``)."""
        found = list(self._by_name.get(name, ()))
        if not found:
            found = [r for r in self.reads if r.how in ("pydantic", "dynaconf") and r.name.upper() == name.upper()]
        folded = name.upper()  # what puts a name together may as well write it large: ``PREFIX + key.upper()``
        for read in self._open:
            head, _, tail = read.name.upper().partition(UNKNOWN)
            if (
                len(folded) >= len(head) + len(tail)
                and folded.startswith(head)
                and folded.endswith(tail.rpartition(UNKNOWN)[2])
            ):
                found.append(read)
        return tuple(found)

    def reads_in(self, function: Func) -> tuple[SettingRead, ...]:
        """Reads that are made in a function (or at a module's level)."""
        return tuple(self._by_func.get(function, ()))

    # ------------------------------------------------------------ uses

    def uses(self, read: SettingRead) -> tuple[Use, ...]:
        """Where the value is used after it was bound to a name: same scope, other modules, other methods.

        For a value that is bound to nothing: empty (`SettingRead.flows` tells where it goes). At most `USE_LIMIT`.
        """
        bound = read.bound
        if bound is None:
            return ()
        if self._spots is None:
            self._index()
        spots_ = self._spots or {}
        found: list[Use] = []
        for spot in spots_.get(bound.name.rpartition(".")[2], ()):
            if self._means(spot, bound, read):
                around = Around(self.links, spot)
                line = getattr(spot.expr, "line", spot.place.stmt.line)
                found.append(Use(spot.function, spot.expr, line, tuple(around.flows), spot.place.steps))
                if len(found) >= USE_LIMIT:
                    break
        return tuple(found)

    def _index(self) -> None:
        wanted = frozenset(r.bound.name.rpartition(".")[2] for r in self.reads if r.bound is not None)
        self._spots = defaultdict(list)
        for module in self.links.index:
            for region in regions(module):
                for spot in names_in(region, wanted):
                    expr = spot.expr
                    parts = expr.id.split(".") if isinstance(expr, m.Name) else [str(expr.key.value)]
                    for part in dict.fromkeys(parts):
                        if part in wanted:
                            self._spots[part].append(spot)

    def _means(self, spot: Spot, bound: Bound, read: SettingRead) -> bool:
        """Whether a name or subscript stands for what the read was bound to."""
        expr = spot.expr
        if isinstance(expr, m.Subscript):
            return bound.kind in ("config", "item", "constant", "attribute") and _configlike(spelled(expr.value))
        head, *rest = expr.id.split(".")
        if bound.kind == "local":
            return head == bound.name and spot.function is bound.owner
        if bound.kind == "constant":
            return self._means_constant(spot, bound, head, rest)
        if bound.kind == "attribute" and bound.klass is not None:
            return self._means_attribute(spot, bound, bound.klass)
        return False

    def _means_constant(self, spot: Spot, bound: Bound, head: str, rest: list[str]) -> bool:
        module = bound.owner.module
        name = bound.name
        if head == name and not _shadowed(spot.function, name):
            if spot.function.module is module:
                return True
            return self._imported(spot.function.module, name, module)
        if name not in rest:
            return False
        owner = spot.expr.id[: spot.expr.id.index(f".{name}")]
        value = self.links.names.name(owner, spot.function)
        if value is None:
            return False
        if isinstance(value.target, Module):
            return value.target is module or self._imported(value.target, name, module)
        return value.name.startswith("django.conf.settings") and "settings" in module.path

    def _imported(self, module: Module, name: str, source: Module, depth: int = 0) -> bool:
        """Whether ``name`` of a module is the one of ``source``, through imports."""
        if module is source:
            return True
        if depth > 3:
            return False
        for binding in (*module.level.bindings.get(name, ()), *module.level.bindings.get("*", ())):
            if binding.kind == "import":
                target = (
                    binding.text.removesuffix(".*").removesuffix("*").rstrip(".")
                    if binding.text.endswith("*")
                    else binding.text
                )
                other, rest = self.links.index.find(module, target)
                if (
                    other is not None
                    and rest in ("", name)
                    and other is not module
                    and self._imported(other, name, source, depth + 1)
                ):
                    return True
        return False

    def _means_attribute(self, spot: Spot, bound: Bound, klass: Klass) -> bool:
        name = bound.name.partition(".")[0]
        parts = spot.expr.id.split(".")
        if name not in parts[1:]:
            return False
        owner = ".".join(parts[: parts.index(name, 1)])
        value = self.links.names.name(owner, spot.function)
        target = value.target if value is not None else None
        return isinstance(target, Klass) and (target is klass or klass in target.ancestry or target in klass.ancestry)


def _shadowed(function: Func, name: str) -> bool:
    scope: Func | None = function
    while scope is not None and not scope.is_module:
        if scope.param(name) is not None or name in scope.bindings:
            return True
        scope = scope.parent
    return False


def _configlike(text: str) -> bool:
    last = text.rpartition(".")[2].lower()
    return "config" in last or "settings" in last or last in ("conf", "cfg", "options")
