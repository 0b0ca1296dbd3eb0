"""Libraries whose calls are limited by a setting of the framework, and by nothing without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.names import pattern
from runtime_ops.libraries.option_limits import OptionLimit
from runtime_ops.libraries.setting_limits import SettingLimit, all_setting_limits
from runtime_ops.libraries.versions import older_than
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_name, development_path
from runtime_ops.project.model import Module
from runtime_ops.rules.startup._reads import for_development


class Unset(NamedTuple):
    """A settings module that uses a library and does not give its limit."""

    row: SettingLimit
    module: Module
    line: int


def unset_limits(project: Project) -> Iterator[Unset]:
    """One for each library whose limit no settings module gives."""
    for row in all_setting_limits():
        if not uses(project, row) or any(_names(module, name) for module in project.modules for name in (row.setting, *row.also)):
            continue
        for module in sorted(project.modules, key=lambda x: x.path):
            if for_the_desk(module.path):
                continue
            lines = [line for mark in row.marks for line in _marked(module, mark, row.value)]
            if lines and project.imported_by(module) and without_limit(project, row, module):
                yield Unset(row, module, lines[0])
                break


def for_the_desk(path: str) -> bool:
    """Whether a settings module's path says that production does not take it."""
    return for_development(path) or development_path(path)


def takes_no_limit(project: Project, row: SettingLimit, module: Module) -> bool:
    """Whether the version that is installed is too old to read the setting."""
    held = project.versions.of(row.distribution, module.path) if row.setting_since else None
    return held is not None and older_than(row.setting_since, held.text)


def without_limit(project: Project, row: SettingLimit | OptionLimit, module: Module) -> bool:
    """Whether the version that is installed is one that has no limit of its own."""
    if not row.limited_since:
        return True
    held = project.versions.of(row.distribution, module.path)
    return held is not None and older_than(row.limited_since, held.text)


def _marked(module: Module, mark: str, value: str) -> Iterator[int]:
    """Where a module gives the setting of a mark a value that switches its library on."""
    expression = pattern(mark)
    for name, expr, line in _given(module):
        if not expression.match(name) or (isinstance(expr, m.Const) and not expr.value):
            continue
        if not value or any(re.search(value, text) for text in m.texts(expr)):
            yield line


@cache
def _given(module: Module) -> tuple[tuple[str, m.Expr, int], ...]:
    """The settings that a module gives at its top level, and in the bodies of its classes that are not for the desk."""
    return tuple(_assigned(module))


def _assigned(module: Module) -> Iterator[tuple[str, m.Expr, int]]:
    for name, bindings in module.level.bindings.items():
        yield from ((name, b.expr, b.line) for b in bindings if b.kind == "assign" and b.expr is not None)
    for klass in module.classes.values():
        if development_name(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", klass.name)):
            continue
        for stmt in (node for top in klass.facts.body for node in m.walk(top) if isinstance(node, m.Assign)):
            if stmt.value is not None:
                yield from ((t.id, stmt.value, stmt.line) for t in stmt.targets if isinstance(t, m.Name))


def _names(module: Module, setting: str) -> bool:
    """Whether any text or name of the module is the setting: settings may be made in a loop, or read from a mapping."""
    if "*" not in setting and setting in module.level.bindings:
        return True
    fits = pattern(setting).match
    return any(
        setting in func.inventory.texts or any(fits(name.rpartition(".")[2]) for name in func.inventory.names)
        for func in module.functions.values()
    ) or any(fits(name) for name in module.level.bindings) or any(fits(name) for name, _, _ in _given(module))


def uses(project: Project, row: SettingLimit) -> bool:
    """Whether a program of the project names the library at the top level of a module."""
    return any(name.startswith(row.module) for name in _named_at_top(project))


@cache
def _named_at_top(project: Project) -> frozenset[str]:
    """The texts at the top level of the modules, and the packages that they import there."""
    found: set[str] = set()
    for module in project.modules:
        if not project.imported_by(module):
            continue  # of no program
        found.update(module.level.inventory.texts)
        found.update(p.stmt.target.split(".")[0] for p in module.level.places if isinstance(p.stmt, m.Import))
    return frozenset(found)
