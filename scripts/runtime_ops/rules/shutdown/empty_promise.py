"""A function that start-up or shutdown relies on and that does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Klass
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._running import function_phases, only_tells, tells

RULE = Rule(
    __name__,
    severity="medium",
    summary="A function that shutdown (or start-up) calls to do something only logs, passes or returns.",
    lead=True,
)
PROMISES = re.compile(
    r"^_*(?:(?:graceful|async)_)?(?:shutdown|shut_down|close|aclose|stop|flush|drain|cleanup|clean_up|teardown|disconnect|terminate"
    r"|release|dispose|enable|initiali[sz]e|setup)(?:_\w+)?$"
)
DONE = re.compile(r"(?i)\b(?:complete|completed|done|finished|stopped|closed|flushed|drained|released|terminated|disconnected|cleaned)\b")
STANDINS = re.compile(
    r"null|noop|no_op|dummy|fake|mock|stub|abstract|base|interface|protocol|mixin|empty|disabled|memory|local", re.I
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    owning = {r.kept.klass for r in project.resources if r.kept.klass is not None}
    for func in project.functions:
        if func.is_module or not PROMISES.match(func.name) or not only_tells(func) or not _promises(func):
            continue
        if func.cls is not None and func.cls not in owning:
            continue  # it has nothing that could be ended
        entrypoints, phases = function_phases(project, func)
        attached = _attached(func)
        if attached:
            entrypoints = entrypoints or tuple(
                e for e in project.imported_by(func.module, "service", "worker") if e.production
            )
        elif not phases & {"shutdown", "startup"} or not _called(project, func):
            continue
        if not entrypoints:
            continue
        starting = bool(re.search(r"enable|init|setup", func.name))
        says = next((s for s in func.sites if tells(s)), None)
        effect = (
            "the log says it was done, and nothing was"
            if says is not None
            else "its caller relies on something that never happens"
        )
        yield RULE.in_function(
            project,
            func,
            func.line,
            f"{func.name}() promises to {_verb(func.name)} and does nothing: {effect}",
            "do what the name says (and what its caller counts on), or remove it and its call",
            end_line=func.facts.end_line,
            severity="low" if starting or (attached and not phases) else None,
            confidence="possible" if says is None else "certain" if not starting and _says_done(func) else "likely",
            phase="startup" if starting else "shutdown",
        )


def _says_done(func: Func) -> bool:
    """Whether what it logs is that the thing has been done: ``shutdown complete``, ``all events flushed``."""
    return any(DONE.search(text) is not None for site in func.sites if tells(site) for text in m.texts(site.call.args))


def _promises(func: Func) -> bool:
    """Not a stand-in, an interface, or the part of one that has nothing to do here."""
    if STANDINS.search(func.module.path.rpartition("/")[2]) or STANDINS.search(func.name):
        return False
    if any(isinstance(p.stmt, m.Raise) for p in func.places) or func.facts.is_generator:
        return False
    if func.facts.decorators or re.search(r"no-?op|nothing to", func.facts.doc or "", re.I):
        return False
    klass = func.cls
    if klass is None:
        return True
    if STANDINS.search(klass.name) or klass.external_bases:
        return False
    if any(func.name in k.methods for k in klass.descendants()):
        return False
    return not any(isinstance(b, Klass) and b is not klass and func.name in b.methods for b in klass.ancestry)


def _attached(func: Func) -> bool:
    """``server.shutdown = shutdown``: somebody is to call it by that name."""
    if func.parent is None:
        return False
    for place in func.parent.places:
        stmt = place.stmt
        named = isinstance(stmt, m.Assign) and isinstance(stmt.value, m.Name) and stmt.value.id == func.name
        targets = stmt.targets if named and isinstance(stmt, m.Assign) else ()
        if any(isinstance(t, m.Name) and t.id.endswith(f".{func.name}") for t in targets):
            return True
    return False


def _called(project: Project, func: Func) -> bool:
    return any(e.how in ("call", "reference") and not e.site.weak for e in project.links.callers.get(func, ()))


def _verb(name: str) -> str:
    return name.strip("_").replace("_", " ")
