"""Set-up calls of logging: which logger they change, and whether a handler that is made is attached to anything."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.libraries.observability import log_part
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.kept import kept
from runtime_ops.project.links import Links
from runtime_ops.project.main_blocks import main_block
from runtime_ops.project.model import Func, Module, Site, own_expressions

CONFIGURES = ("logging.basicConfig", "logging.config.dictConfig", "logging.config.fileConfig")
OWN_METHODS = ("setFormatter", "setLevel", "addFilter", "set_name")
ROOT_CALLS = ("logging.debug", "logging.info", "logging.warning", "logging.error", "logging.critical", "logging.exception")
"""Calls that run ``basicConfig()`` themselves as long as the root logger has no handler."""
STREAMS = ("logging.StreamHandler", "rich.logging.RichHandler")


def adds_to(site: Site) -> str | None:
    """For ``….addHandler(…)``: ``root``, or ``named`` for a logger with a name; None for another call or an unknown logger."""
    if site.method != "addHandler":
        return None
    if site.dotted is not None and site.dotted.startswith("logging.root"):
        return "root"
    if site.origin is None:
        return "root" if (site.dotted or "") in ("logging.root.addHandler", "logging.getLogger().addHandler") else None
    origin = site.origin.call
    name = (
        origin.func.id
        if isinstance(origin.func, m.Name)
        else origin.func.name
        if isinstance(origin.func, m.Attr)
        else ""
    )
    if name.rpartition(".")[2] not in ("getLogger", "get_logger"):
        return None
    if not origin.args or (isinstance(origin.args[0], m.Const) and origin.args[0].value in (None, "", "root")):
        return "root"
    return "named"


def is_handler(site: Site) -> bool:
    """Whether the call makes a handler of the logging library."""
    part = log_part(site.dotted or "")
    return part is not None and part.role == "handler" and part.call.endswith("Handler")


def unattached(site: Site, links: Links) -> bool:
    """Whether a handler that is bound to a local or module name is given to nothing: only its own setters are called."""
    where = kept(site)
    if where.scope not in ("local", "module") or not where.name or "." in where.name:
        return False
    module = site.function.module
    funcs = module.functions.values() if site.function.is_module else (site.function,)
    if site.function.is_module and _imported_elsewhere(links, module, where.name):
        return False
    return not any(_used(func, where.name, site) for func in funcs)


def _imported_elsewhere(links: Links, module: Module, name: str) -> bool:
    return any(
        isinstance(p.stmt, m.Import) and p.stmt.target.endswith(f"{module.name.rpartition('.')[2]}.{name}")
        for other in links.modules()
        if other is not module
        for p in other.level.places
    )


def _used(func: Func, name: str, made: Site) -> bool:
    setters = {f"{name}.{method}" for method in OWN_METHODS}
    for place in func.places:
        if place.stmt is made.stmt:
            continue
        for expr in own_expressions(place.stmt):
            for node in m.walk(expr):
                if (
                    isinstance(node, m.Name)
                    and (node.id == name or node.id.startswith(name + "."))
                    and node.id not in setters
                ):
                    return True
    return False


def root_users(project: Project, modules: frozenset[Module]) -> Iterator[Site]:
    """Calls in these modules that give the root logger a handler."""
    for site in project.sites(*CONFIGURES):
        if site.function.module in modules:
            yield site
    for module in modules:
        for func in module.functions.values():
            for site in func.sites:
                if adds_to(site) == "root":
                    yield site


def sets_root(site: Site) -> bool:
    """Whether the call gives the root logger a handler, or may: a ``dictConfig`` that is written out and names no root does not."""
    if adds_to(site) == "root" or site.dotted in ROOT_CALLS:
        return True
    if site.dotted not in CONFIGURES:
        return False
    given = site.call.args[0] if site.call.args else None
    if site.dotted != "logging.config.dictConfig" or not isinstance(given, m.Mapping):
        return True
    keys = {k.value if isinstance(k, m.Const) else None for k, _ in given.items}
    return bool(keys & {"root", "loggers", None})


def forced(site: Site) -> bool:
    """``basicConfig(force=True)``, or by a value that is not known."""
    force = site.call.keyword("force")
    return force is not None and not (isinstance(force, m.Const) and not force.value)


def level_of(site: Site) -> object:
    """The level that a ``basicConfig`` asks for, by name or number."""
    level = site.call.keyword("level")
    if isinstance(level, m.Name):
        return level.id.rpartition(".")[2]
    if isinstance(level, m.Const):
        return level.value.upper() if isinstance(level.value, str) else level.value
    return level


def asks_otherwise(own: Site, first: Site) -> bool:
    """Whether a ``basicConfig`` asks for anything that the root logger has not got by the set-up before it."""
    if first.dotted != "logging.basicConfig":
        return bool(own.call.keywords or own.call.expands)
    given = {key for key, _ in own.call.keywords} - {"level", "force"}
    return level_of(own) not in (level_of(first), None) or bool(given)


def set_up_by_import(project: Project, main: Module, until: int = sys.maxsize) -> tuple[Site, ...]:
    """The root set-ups that run while a module is imported, up to a line of it, in the order in which they run: what it imports
    comes at the line of the import, and a package before its modules. Of several ``basicConfig`` only the first has an effect."""
    found: list[Site] = []
    _walk_imports(project, main, found, set(), until)
    return tuple(found)


def _walk_imports(project: Project, module: Module, found: list[Site], seen: set[Module], until: int = sys.maxsize) -> None:
    if module in seen:
        return
    for package in _packages_of(project, module):
        _walk_imports(project, package, found, seen)
    if module in seen:
        return
    seen.add(module)
    level, block = module.level, main_block(module)
    sites: dict[int, list[Site]] = {}
    for site in level.sites:
        sites.setdefault(id(site.stmt), []).append(site)
    for place in level.places:
        if place.stmt.line >= until:
            break
        if any(s.stmt is block or not (isinstance(s.stmt, m.With) or (isinstance(s.stmt, m.Try) and s.arm == "body")) for s in place.steps):
            continue
        if isinstance(place.stmt, m.Import):
            for other in _named_by(project, module, place.stmt.target):
                _walk_imports(project, other, found, seen)
        for site in sites.get(id(place.stmt), ()):
            if sets_root(site):
                found.append(site)
            elif site.targets and not site.weak:
                found.extend(s for target in site.targets for s in target.sites if not s.steps and sets_root(s))


def _packages_of(project: Project, module: Module) -> Iterator[Module]:
    """The packages around a module, outermost first: Python imports them before it."""
    parts = module.path.split("/")[:-1]
    for number in range(1, len(parts) + 1):
        package = project.index.modules.get("/".join(parts[:number]) + "/__init__.py")
        if package is not None and package is not module:
            yield package


def _named_by(project: Project, module: Module, target: str) -> Iterator[Module]:
    """What an import statement runs: the module, and the submodule that it binds."""
    found, rest = project.index.find(module, target.removesuffix(".*").removesuffix("*"))
    if found is not None:
        yield found
        head = rest.partition(".")[0]
        below = project.index.submodule(found, head) if head else None
        if below is not None:
            yield below


def resets_root(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether the program's framework replaces the handlers of the root logger after the imports: a celery worker does, unless
    ``worker_hijack_root_logger`` is off or something is connected to the signal ``setup_logging`` (celery 5.7.0, app/log.py)."""
    if entrypoint.framework != "celery":
        return False
    for module in entrypoint.modules:
        for func in module.functions.values():
            names = {*func.bindings, *(key or "" for site in func.sites for key, _ in site.call.keywords)}
            if any("hijack_root_logger" in name.lower() for name in names):
                return False
            if any("setup_logging" in name and name.endswith("connect") for name in func.inventory.names):
                return False
            decorators = (d.func if isinstance(d, m.Call) else d for d in func.facts.decorators)
            if any(isinstance(d, m.Name) and d.id.endswith("setup_logging.connect") for d in decorators):
                return False
    return True
