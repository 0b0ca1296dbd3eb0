"""Commands that change something, and that tell of a refused change and end with status 0."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.entrypoints import Entrypoint, command_name, is_command, is_management_command
from runtime_ops.project.failure_signs import is_print
from runtime_ops.project.flows import behind, block_at, ends
from runtime_ops.project.links import Links
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import arguments_text, literal_words
from runtime_ops.rules.cli._commands import FAILURE, FINE, interactive

CHANGES = re.compile(
    r"(?:^|[-_ ])(?:add|apply|archive|assign|cancel|change|clean|cleanup|clear|create|delete|demote|deploy|disable|drop|enable|export|"
    r"grant|import|insert|install|load|manage|migrate|modify|promote|publish|purge|push|register|remove|rename|reset|restore|revoke|rm|"
    r"rollback|rotate|send|set|submit|sync|unassign|unregister|update|upload|upgrade)(?:[-_ ]|$)"
)
"""Words in the name of a command that leaves something changed, which whoever runs it from a script relies on."""
TELLING = re.compile(r"(?:^|[-_ ])(?:check|debug|describe|diff|dump|get|help|info|list|ls|print|show|status|test|version|view)(?:[-_ ]|$)")

GOOD = re.compile(r"(?i)\bstyle\.success\b|[\"']green[\"']")
"""How a text is written that its author takes for good news."""

_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Refusal(NamedTuple):
    """A text that tells of a failure, after which the command comes to its end with nothing else done."""

    entrypoint: Entrypoint
    func: Func
    said: Site


def refused_changes(commanded: Mapping[Func, Entrypoint], links: Links) -> Iterator[list[Refusal]]:
    """The refusals of each command by whose name it changes something."""
    for func, entrypoint in commanded.items():
        if func.is_module or func.facts.is_generator or not changes_something(func, links) or interactive(func):
            continue
        found = [Refusal(entrypoint, func, site) for site in func.sites if _refuses(site) and _comes_to_its_end(site)]
        if found:
            yield found


def changes_something(func: Func, links: Links) -> bool:
    """Whether a function is a command, of an installed program or of an application's own tool, that by its name changes
    something. A management command that nothing calls from a script is none: a person types it and reads what it says."""
    if not is_command(func, links) or is_management_command(func.path):
        return False
    name = _WORDS.sub("-", func.cls.name) if func.cls is not None else command_name(func, links)
    return bool(CHANGES.search(name.lower())) and not TELLING.search(name.lower())


def _refuses(site: Site) -> bool:
    if not isinstance(site.stmt, m.ExprStmt) or site.stmt.value is not site.call:
        return False
    if not any(step.handler is not None or isinstance(step.stmt, m.If | m.Match) for step in site.steps):
        return False  # said each time, whatever became of it: a heading
    call = log_call(site)
    if not is_print(site) and (call is None or call.level not in ("error", "critical")):
        return False
    words = literal_words(site.call)
    if GOOD.search(arguments_text(site.call)):
        return False
    return not FINE.search(words) and bool(FAILURE.search(words) or _is_error(site))


def _is_error(site: Site) -> bool:
    """``echo(str(error))`` in the arm that caught it."""
    bound = {step.handler.bound for step in site.steps if step.handler is not None}
    return any(isinstance(n, m.Name) and n.id in bound for n in m.walk(site.call.args))


def _comes_to_its_end(site: Site) -> bool:
    """Whether nothing but a bare return, or the function's end, follows the text."""
    func, current = site.function, site.stmt
    for step in (*reversed(site.steps), None):
        rest = tuple(behind(func.facts.body if step is None else block_at(step.stmt, current), current))
        ways = ends(rest, func)
        if ways & {"raise", "exit"} or any(_matters(stmt) for stmt in rest):
            return False
        if "fall" not in ways or step is None:
            return True
        if isinstance(step.stmt, m.For | m.While) or step.arm == "final":
            return False
        if isinstance(step.stmt, m.Try) and ((step.arm == "body" and step.stmt.orelse) or step.stmt.final):
            return False
        current = step.stmt
    return True


def _matters(stmt: m.Stmt) -> bool:
    """Whether a statement behind the text does more than leave, or tell more."""
    if isinstance(stmt, m.Return):
        return not (stmt.value is None or (isinstance(stmt.value, m.Const) and stmt.value.value is None))
    if isinstance(stmt, m.ExprStmt) and isinstance(stmt.value, m.Call):
        return not re.search(r"(?:^|\.)(?:print|echo|secho|write|error|info|warning|debug|close|log)$", _named(stmt.value))
    return not isinstance(stmt, m.ExprStmt)


def _named(call: m.Call) -> str:
    func = call.func
    return func.id if isinstance(func, m.Name) else func.name if isinstance(func, m.Attr) else ""

