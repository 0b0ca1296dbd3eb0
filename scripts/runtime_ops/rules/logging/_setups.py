"""Set-up calls of logging: which logger they change, and whether a handler that is made is attached to anything."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.libraries.observability import log_part
from runtime_ops.project.build import Project
from runtime_ops.project.kept import kept
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Module, Site, own_expressions

CONFIGURES = ("logging.basicConfig", "logging.config.dictConfig", "logging.config.fileConfig")
OWN_METHODS = ("setFormatter", "setLevel", "addFilter", "set_name")
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
