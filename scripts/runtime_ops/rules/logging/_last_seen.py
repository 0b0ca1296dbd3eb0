"""Catch-all arms behind which nobody sees the error any more: around any function, a whole program, or a whole request."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.decorators import is_job
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.main_blocks import in_main_block
from runtime_ops.project.model import Func, places_of
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.health._probes import functions_of
from runtime_ops.rules.logging._blamed import blames_the_client

LOUD = ("error", "critical")
KINDS = ("service", "worker", "job")
SAYS_NOTHING = re.compile(
    r"(?i)\b(an?|the|error|errors|exception|failed|failure|occurred|caught|while|with|details?|message|reason|traceback|type)\b|\W+"
)
"""Words of a message by which no place can be found."""


def seen_last(project: Project, arm: HandlerEffects) -> str:
    """Why nobody behind the arm sees the error, whatever it says of itself; empty where somebody may."""
    if not arm.broad or len(arm.catches) > 1 or at_a_desk(project, arm.func):
        return ""
    if any(call.site.call.keyword("exc_info") is not None for call in arm.logs):
        return ""  # exc_info=False is written by who wants none
    if blames_quietly(project, arm):
        return "the client is told that the fault is its own"
    if wraps_whatever(arm):
        return "this is the last place that sees why any of the functions failed that it is put around"
    if ends_program(project, arm):
        return "this is the last place that sees what ended the program"
    return ""


def wraps_whatever(arm: HandlerEffects) -> bool:
    """Whether the arm stands in what a decorator or plugin puts around any function: the body calls the function that it was
    handed, once. A loop that tries again knows what it takes."""
    outer = arm.func.parent
    if outer is None or outer.is_module or arm.loop is not None or arm.loudest not in LOUD or arm.raises != "never":
        return False
    handed = {site.text for site in arm.body_calls} & {param.name for param in outer.facts.params}
    forwarded = any(
        site.text in handed and any(isinstance(arg, m.Star) for arg in site.call.args) for site in arm.body_calls
    )
    return forwarded and arm.body_statements <= 3


def runs_around(project: Project, arm: HandlerEffects) -> bool:
    """Whether a function that runs is decorated by what holds the arm."""
    outer = arm.func.parent
    return outer is not None and any(
        source_of(d.func if isinstance(d, m.Call) else d).rpartition(".")[2] == outer.name
        and any(e.kind in KINDS for e in project.phases_by_entrypoint(func))
        for func in project.functions
        for d in func.facts.decorators
    )


def ends_program(project: Project, arm: HandlerEffects) -> bool:
    """Whether the arm stands around a service's, worker's or job's whole work at its top, and the program ends by it."""
    if arm.loudest not in LOUD or arm.loop is not None or not _own(arm):
        return False
    reached = project.phases_by_entrypoint(arm.func, arm.line, arm.steps)
    if not any(e.kind in KINDS and arm.func in (e.main, *_called_by_stub(e)) for e in reached):
        return False
    top = all(isinstance(step.stmt, m.If) for step in arm.steps)
    if not top or (arm.func.is_module and not any(in_main_block(site) for site in arm.body_calls)):
        return False
    return bool(arm.exits) or _last_statement(arm)


def _called_by_stub(entrypoint: Entrypoint) -> Iterator[Func]:
    """What the ``__main__`` block calls: ``main()``."""
    if entrypoint.guarded:
        for site in entrypoint.main.sites:
            if in_main_block(site) and not site.weak:
                yield from site.targets


def _last_statement(arm: HandlerEffects) -> bool:
    """Whether nothing that works stands behind the ``try``, nor behind the conditions that it stands below."""
    block: tuple[m.Stmt, ...] = tuple(arm.func.facts.body)
    for stmt, step in zip((*(s.stmt for s in arm.steps), arm.attempt), (*arm.steps, None), strict=True):
        if stmt not in block or any(True for later in block[block.index(stmt) + 1 :] for _ in m.calls(later)):
            return False
        if step is not None and isinstance(stmt, m.If):
            block = tuple(stmt.body if step.arm == "body" else stmt.orelse)
    return True


def ends_request(project: Project, arm: HandlerEffects) -> bool:
    """Whether the arm is the last one of a request: at the top of its handler, or of what only handlers call."""
    if arm.steps or arm.loudest not in LOUD:
        return False
    handlers = {func for route in project.routes for func in functions_of(route)}
    callers = {edge.caller for edge in project.links.callers.get(arm.func, ()) if edge.how == "call" and not edge.site.weak}
    return arm.func in handlers or (bool(callers) and callers <= handlers)


def blames_quietly(project: Project, arm: HandlerEffects) -> bool:
    """Whether any failure is answered as the client's fault and told at INFO or DEBUG: an outage looks like bad requests."""
    return arm.loudest in ("debug", "info") and blames_the_client(project, arm)


def wordless(arm: HandlerEffects) -> bool:
    """``log.error(str(e))``, ``res.message = "Error: " + str(e); log.error(res.message)``: no word of the place."""
    told = [call.site for call in arm.logs if call.site.function is arm.func and call.level == arm.loudest]
    bound = arm.handler.bound
    if not told or bound is None:
        return False
    texts = {
        target.id: place.stmt.value
        for place in places_of(arm.handler.body, ())
        if isinstance(place.stmt, m.Assign) and place.stmt.value is not None
        for target in place.stmt.targets
        if isinstance(target, m.Name)
    }
    for site in told:
        parts = [texts.get(a.id, a) if isinstance(a, m.Name) else a for a in site.call.args]
        names = {n.id for part in parts for n in m.walk(part) if isinstance(n, m.Name)}
        said = " ".join(str(n.value) for part in parts for n in m.walk(part) if isinstance(n, m.Const) and isinstance(n.value, str))
        if SAYS_NOTHING.sub("", said.replace("%s", "").replace("%r", "")) or not names <= {bound, "str", "repr"} or site.call.keywords:
            return False
    return True


def _own(arm: HandlerEffects) -> bool:
    """Whether the body calls the project's own code."""
    return any(site.targets and not site.weak for site in arm.body_calls)


def at_a_desk(project: Project, func: Func) -> bool:
    """Whether only a command of ``manage.py`` leads to the function: whoever runs it reads what is told."""
    if not is_management_command(func.path):
        return False
    seen, level = {func}, [func]
    while level:
        current = level.pop()
        if is_job(current, project.links):
            return False
        for edge in project.links.callers.get(current, ()):
            if edge.site.weak or edge.caller in seen:
                continue
            if not is_management_command(edge.caller.path):
                return False
            seen.add(edge.caller)
            level.append(edge.caller)
    return True
