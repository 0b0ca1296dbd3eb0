"""Libraries that ask another host by themselves, and whose limit is an option of the object that is made of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.names import pattern, spellings
from runtime_ops.libraries.option_limits import OptionLimit, all_option_limits
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Module, Site
from runtime_ops.project.names import decorator_name
from runtime_ops.project.source_text import source_of
from runtime_ops.project.texts import bound_expression
from runtime_ops.rules.deadlines._settings import for_the_desk, without_limit


class Unlimited(NamedTuple):
    """A place that makes such an object and gives it no limit."""

    row: OptionLimit
    module: Module
    line: int


def unlimited_objects(project: Project) -> Iterator[Unlimited]:
    """The first place of each library that gives none of its options, where a service imports it."""
    for row in all_option_limits():
        made = sorted((x for x in _made(project, row) if _has_peer(row, x.module)), key=lambda x: (x.module.path, x.line))
        if not made or any(name in words for name in row.named for words in _words(project)):
            continue
        if row.works_by and not any(_works_by(func, row.works_by) for func in project.functions):
            continue
        first = next((x for x in made if not for_the_desk(x.module.path) and project.imported_by(x.module, "service")), None)
        if first is not None and without_limit(project, row, first.module):
            yield first


def _has_peer(row: OptionLimit, module: Module) -> bool:
    """Whether the module writes what says that there is somebody to ask, where a row has such texts."""
    return not row.texts or any(text in func.inventory.texts for func in module.functions.values() for text in row.texts)


def _made(project: Project, row: OptionLimit) -> Iterator[Unlimited]:
    """Where objects of a row are made without its options; of a class of the program below it where that is written."""
    expressions = [pattern(name) for name in row.constructors]
    for dotted, sites in project.links.by_dotted.items():
        if any(e.match(name) for name in spellings(dotted) for e in expressions):
            yield from (Unlimited(row, s.function.module, s.line) for s in sites if _gives_none(project, row, s))
    if not row.subclassed:
        return
    for module in project.modules:
        for klass in module.classes.values():
            if any(e.match(base) for base in klass.external_bases for e in expressions):
                yield Unlimited(row, module, klass.facts.line)


def _gives_none(project: Project, row: OptionLimit, site: Site) -> bool:
    """Whether a call gives none of the options, to a peer that there is."""
    if site.call.expands or any(site.call.keyword(option) is not None for option in row.options):
        return False
    if not row.value:
        return True
    address = site.call.keyword(row.address) if row.address else site.call.argument("uri", 0)
    return address is not None and re.search(row.value, _text(project, address, site)) is not None


def _text(project: Project, expr: m.Expr, site: Site) -> str:
    """An address as it is written, with the literals that a name in it stands for."""
    bound = bound_expression(project.links, expr, site.function) if isinstance(expr, m.Name | m.Attr) else None
    literals = m.texts(bound[0]) if bound is not None else ()
    return " ".join((source_of(expr, 200), *literals))


def _works_by(func: Func, methods: tuple[str, ...]) -> bool:
    """Whether a function calls one of the methods, or is decorated with one."""
    return any(site.method in methods for site in func.sites) or any(
        decorator_name(each).rpartition(".")[2] in methods for each in func.facts.decorators
    )


def _words(project: Project) -> Iterator[frozenset[str]]:
    """The keywords, names and texts of the program, function by function."""
    for func in project.functions:
        keywords = (key for site in func.sites for key, _ in site.call.keywords if key is not None)
        members = (name.rpartition(".")[2] for name in func.bindings)
        yield frozenset((*keywords, *members, *func.inventory.texts))
