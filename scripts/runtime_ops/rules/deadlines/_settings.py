"""Libraries whose calls are limited by a setting of the framework, and by nothing without it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.setting_limits import SettingLimit, all_setting_limits
from runtime_ops.project.build import Project
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
        if any(row.setting in module.level.bindings or _names(module, row.setting) for module in project.modules):
            continue
        for module in sorted(project.modules, key=lambda x: x.path):
            marks = [module.level.bindings[name][0].line for name in row.marks if name in module.level.bindings]
            if marks and not for_development(module.path) and _uses(project, row):
                yield Unset(row, module, marks[0])
                break


def _names(module: Module, setting: str) -> bool:
    """Whether any text or name of the module is the setting: settings may be made in a loop, or read from a mapping."""
    return any(setting in func.inventory.texts or setting in func.inventory.names for func in module.functions.values())


def _uses(project: Project, row: SettingLimit) -> bool:
    return any(
        isinstance(node, m.Const) and isinstance(node.value, str) and node.value.startswith(row.module)
        for module in project.modules
        for place in module.level.places
        for node in m.walk(place.stmt)
    ) or any(
        isinstance(place.stmt, m.Import) and place.stmt.target.split(".")[0] == row.module
        for module in project.modules
        for place in module.level.places
    )
