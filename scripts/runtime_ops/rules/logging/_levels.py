"""The level that a program's logging lets through by default."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.log_calls import LogCall
from runtime_ops.project.main_blocks import main_block
from runtime_ops.project.model import Func, Module

SETS_LEVEL = ("logging.basicConfig", "logging.Logger.setLevel", "logging.getLogger().setLevel", "logging.root.setLevel")


def shows_debug(project: Project, call: LogCall, entrypoints: Iterable[Entrypoint]) -> bool:
    """Whether a DEBUG line is written as the program is set up by default.

    loguru writes DEBUG unless a sink has a level; the standard library does not unless DEBUG is set.
    """
    levels = {level for e in entrypoints for level in default_levels(project, e.main.module, e.modules)}
    if (call.site.dotted or "").startswith("loguru."):
        return not levels or "DEBUG" in levels or "TRACE" in levels
    return "DEBUG" in levels


@cache
def default_levels(project: Project, main: Module, modules: frozenset[Module]) -> frozenset[str]:
    """The levels that set-up calls in these modules name, as far as they are literals or names bound to one."""
    found: set[str] = set()
    for use in project.log_parts:
        if use.site is None or use.function.module not in modules or use.role != "configure":
            continue
        if any(isinstance(step.stmt, m.If) and step.stmt is not main_block(main) for step in use.site.steps):
            continue  # the block of another module runs when that one is the program
        for expr in (use.site.call.keyword("level"), use.site.call.keyword("handlers")):
            for node in m.walk(expr) if expr is not None else ():
                found |= _level(project, node, use.function)
    for site in project.sites(*SETS_LEVEL):
        root = site.origin is None or not site.origin.call.args
        sometimes = any(isinstance(step.stmt, m.If) for step in site.steps)
        if site.function.module in modules and site.method == "setLevel" and site.call.args and root and not sometimes:
            found |= _level(project, site.call.args[0], site.function)
    return frozenset(found)


def _level(project: Project, node: object, func: Func) -> set[str]:
    known = {"DEBUG", "TRACE", "INFO", "WARNING", "ERROR", "CRITICAL"}
    if isinstance(node, m.Const) and str(node.value).upper() in known:
        return {str(node.value).upper()}
    if isinstance(node, m.Name):
        last = node.id.rpartition(".")[2]
        if last in known:
            return {last}
        texts = [b.expr.value for b in func.bindings.get(node.id, ()) if isinstance(b.expr, m.Const)]
        return {str(t).upper() for t in texts[:1] if str(t).upper() in known}
    return set()
