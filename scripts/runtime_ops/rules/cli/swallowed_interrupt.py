"""Ctrl-C that ends a command as if it had succeeded."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.names import canonical
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import is_command
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import statements_after
from runtime_ops.project.main_blocks import main_block
from runtime_ops.project.model import Func, Place, Site
from runtime_ops.project.signals import RAISING_CALLS
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.cli._commands import commands, interactive, keeps_status, runs_for_others

RULE = Rule(
    __name__,
    severity="low",
    summary="A command catches KeyboardInterrupt and ends with status 0, so an interrupted run looks like a finished one.",
    lead=True,
)

DEPTH = 2  # calls down to the one that exits
STOP = re.compile(r"(?i)\bshut(?:ting)?[ _-]?down\b|\bstop requested\b")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    # of a program that serves elsewhere the commands are as a rule what a person leaves by Ctrl-C
    owners = {func for func, entrypoint in commands(project).items() if runs_for_others(entrypoint, project)}
    levels = {e.main for e in project.entrypoints if e.guarded and runs_for_others(e, project)}
    yield from together(_found(project, owners, levels))


def _found(project: Project, owners: set[Func], levels: set[Func]) -> Iterator[Finding]:
    for effects in project.failures:
        if not any(c.rpartition(".")[2] == "KeyboardInterrupt" for c in effects.catches):
            continue
        if not (effects.func in owners or (effects.func in levels and _in_main_block(effects))):
            continue
        if any(is_command(t, project.links) for s in effects.body_calls for t in s.targets):
            continue  # click turns the interrupt into Abort, and ends with 1 by itself
        if keeps_status(effects.handler, effects.func) or _status_follows(effects) or _waits_for_ever(effects):
            continue
        if _says_stop(effects):
            continue  # a service of its own, which is stopped like that
        if _ends_with_success(effects) and not interactive(effects.func) and not _serves(project, effects):
            yield RULE.in_function(
                project,
                effects.func,
                effects.line,
                f"KeyboardInterrupt ends {_name(effects)} with status 0: the shell's `&&`, make and CI go on as if the work had been "
                "done",
                "end with 130 (128 + SIGINT): sys.exit(130), or let the interrupt pass",
                phase="serving",
                confidence="certain" if effects.exits else "possible",  # the author wrote the status
            )


def _name(effects: HandlerEffects) -> str:
    return "the program" if effects.func.is_module else f"{effects.func.name}()"


def _in_main_block(effects: HandlerEffects) -> bool:
    block = main_block(effects.func.module)
    return any(s.stmt is block for s in effects.steps)


def _ends_with_success(effects: HandlerEffects) -> bool:
    if effects.exits:
        return all(e.success for e in effects.exits)
    if effects.raises != "never" or effects.loop is not None or effects.stores:
        return False
    return effects.ends <= {"fall", "return"} and all(r.kind in ("none", "empty") for r in effects.returns)


def _status_follows(effects: HandlerEffects) -> bool:
    """Whether the function goes on, behind the ``try``, to a call that ends the program with a status that it works out:
    what the arm told of may be part of it (``output.error(…)`` and at the end ``output.close_and_exit()``)."""
    if effects.ends - {"fall"}:
        return False
    known = {id(s.call): s for s in effects.func.sites}
    after = statements_after(Place(effects.attempt, effects.steps), effects.func)
    return any(_gives_status(known[id(c)], DEPTH) for stmt in after for c in m.calls(stmt) if id(c) in known)


def _gives_status(site: Site, depth: int) -> bool:
    if canonical(site.dotted or site.text) in RAISING_CALLS:
        given = site.call.args[0] if site.call.args else None
        return given is not None and not (isinstance(given, m.Const) and not given.value)
    return depth > 0 and any(_gives_status(s, depth - 1) for target in site.targets[:1] for s in target.sites)


def _waits_for_ever(effects: HandlerEffects) -> bool:
    """Whether what is interrupted ends in no other way: it waits for an Event that nobody else has (``Event().wait()``)."""
    own = effects.func.module.functions
    reached = {target for site in effects.body_calls for target in site.targets}
    reached |= {own[n.id] for n in m.walk(effects.attempt.body) if isinstance(n, m.Name) and n.id in own}
    return any(
        s.method == "wait" and isinstance(s.call.func, m.Attr) and isinstance(s.call.func.value, m.Call)
        for func in reached
        for s in func.sites
    )


def _says_stop(effects: HandlerEffects) -> bool:
    """Whether the arm speaks of a stop that was asked for: ``"shutdown requested"``."""
    return any(STOP.search(text) for text in m.texts(effects.handler.body))


def _serves(project: Project, effects: HandlerEffects) -> bool:
    """Ctrl-C is how a person stops what runs until it is stopped."""
    return any(
        e.kind in ("service", "worker") and (effects.func is e.main or effects.func in project.lives[e].spine) for e in project.entrypoints
    )
