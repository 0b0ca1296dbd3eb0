"""Programs that a library finds by itself: what ``twistd NAME`` runs is a plugin that no import and no path names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Module

FOLDER = "twisted/plugins/"
MAKER = "twisted.application.service.ServiceMaker"
MAKES = "makeService"


class Plugin(NamedTuple):
    """The function that makes the service, and the name by which ``twistd`` starts it (empty where it is not a literal)."""

    func: Func
    name: str


def service_plugins(links: Links) -> Iterator[Plugin]:
    """Twisted's service plugins: a class with ``makeService`` in a module of ``twisted/plugins``, or
    ``ServiceMaker("Shop", "shop.tap", "sells", "shop")``, whose module has the function (Twisted 25.5, application/service.py)."""
    for module in links.index:
        if f"/{module.path}".rpartition("/")[0].endswith(f"/{FOLDER.rstrip('/')}"):
            yield from _of_classes(module)
            yield from _of_makers(module, links)


def _of_classes(module: Module) -> Iterator[Plugin]:
    for klass in module.classes.values():
        func = klass.methods.get(MAKES)
        if func is not None:
            yield Plugin(func, next((_text(v) for v in _values(klass.facts.body, "tapname")), ""))


def _of_makers(module: Module, links: Links) -> Iterator[Plugin]:
    for site in module.level.sites:
        if site.dotted != MAKER:
            continue
        found, rest = links.index.find(module, _text(site.call.argument("module", 1)))
        func = found.functions.get(MAKES) if found is not None and not rest else None
        if func is not None:
            yield Plugin(func, _text(site.call.argument("tapname", 3)))


def _values(body: m.Block, name: str) -> Iterator[m.Expr | None]:
    """What a class binds to a name."""
    for stmt in body:
        if isinstance(stmt, m.Assign) and any(isinstance(t, m.Name) and t.id == name for t in stmt.targets):
            yield stmt.value


def _text(expr: m.Expr | None) -> str:
    return expr.value if isinstance(expr, m.Const) and isinstance(expr.value, str) else ""
