"""Temporary files that are removed behind the work alone: what fails in between leaves them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site, Step
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.shutdown._running import REMOVERS, below, lasting_phases, names_in, waits_by_call

MAKERS = frozenset({"tempfile.mkdtemp", "tempfile.mkstemp"})
NAMED = re.compile(r"(?i)(?:^|_)te?mp(?:file|path|dir|folder|name)?(?:_|$)")
"""Names of what lies in a file for a while: ``temp_path``, ``tmp``."""
READ_ONLY = frozenset("os.path.join os.path.exists os.path.basename os.path.abspath os.path.dirname str print len".split())
DEPTH = 2  # project functions below the work in which a request or a raise counts


class LeftOnFailure(NamedTuple):
    """``made``: the call that first gets the file; ``failing``: what fails between it and ``removed``."""

    made: Site
    failing: Site | None
    raises: int
    """Line of a ``raise`` of the function itself, 0 without one."""
    removed: Site
    name: str


def left_on_failure(project: Project) -> Iterator[LeftOnFailure]:
    """The files of services and workers whose only removal stands on the straight way."""
    waits: dict[int, WaitSite] | None = None
    for removed in project.sites(*sorted(REMOVERS)):
        func, name = removed.function, _name_of(removed)
        if not name or func.is_module or func.param(name) is not None or not _straight(removed):
            continue
        bindings = func.bindings.get(name, ())
        lines = [b.line for b in bindings if b.line < removed.line]
        if not lines or not _temporary(project, func, name) or not _only_there(func, name) or _in_temporary_folder(removed):
            continue
        if "serving" not in lasting_phases(project, removed)[1]:
            continue
        waits = waits if waits is not None else waits_by_call(project)
        found = _between(project, func, name, lines[0], removed, waits)
        if found is not None:
            yield found


def _name_of(removed: Site) -> str:
    """The local name of what a call removes (``os.remove(path)``, ``rmtree(tmp)``, ``f.name``)."""
    given = removed.call.args[0] if removed.call.args else None
    if given is None and isinstance(removed.call.func, m.Name):
        return removed.call.func.id.partition(".")[0]  # ``path.unlink()``
    text = given.id if isinstance(given, m.Name) else ""
    return text.removesuffix(".name") if text.removesuffix(".name").isidentifier() else ""


def _straight(removed: Site) -> bool:
    """No arm, no loop: whatever came before went well."""
    return all(
        isinstance(step.stmt, m.If | m.With) or (isinstance(step.stmt, m.Try) and step.arm in ("body", "orelse", "else"))
        for step in removed.steps
    )


def _only_there(func: Func, name: str) -> bool:
    """Whether no arm and no ``finally`` of the function removes it as well."""
    attempts = [p.stmt for p in func.by_kind.get(m.Try, ()) if isinstance(p.stmt, m.Try)]
    for attempt in attempts:
        for block in (attempt.final, *(h.body for h in attempt.handlers)):
            for call in m.calls(block):
                if name in names_in((call.func, call.args)):
                    return False
    return not any("Temporary" in (s.dotted or "") and "NamedTemporaryFile" not in (s.dotted or "") for s in func.sites)


def _temporary(project: Project, func: Func, name: str) -> bool:
    """Whether a name holds a file for the time being: it says so, or a maker of such files or a function around one gave it."""
    if NAMED.search(name):
        return True
    for binding in func.bindings.get(name, ()):
        for call in m.calls(binding.expr) if binding.expr is not None else ():
            site = next((s for s in func.sites if s.call is call), None)
            if site is None:
                continue
            if site.dotted in MAKERS or _kept_named(site):
                return True
            if len(site.targets) == 1 and not site.weak and _gives_new(site.targets[0]):
                return True
    return False


def _kept_named(site: Site) -> bool:
    given = site.call.keyword("delete")
    return site.dotted == "tempfile.NamedTemporaryFile" and isinstance(given, m.Const) and given.value is False


def _gives_new(func: Func) -> bool:
    """Whether a function returns the folder or file that it makes with `tempfile`."""
    made = {
        name
        for name, bindings in func.bindings.items()
        for b in bindings
        if isinstance(b.expr, m.Call) and any(s.call is b.expr and (s.dotted in MAKERS or _kept_named(s)) for s in func.sites)
    }
    returns = [p.stmt.value for p in func.by_kind.get(m.Return, ()) if isinstance(p.stmt, m.Return)]
    return bool(made) and any(made & names_in(value) for value in returns if value is not None)


def _in_temporary_folder(removed: Site) -> bool:
    return any(isinstance(s.stmt, m.With) and "emporary" in " ".join(names_in([i for i, _ in s.stmt.items])) for s in removed.steps)


def _between(
    project: Project, func: Func, name: str, bound: int, removed: Site, waits: dict[int, WaitSite]
) -> LeftOnFailure | None:
    """The file's first use, and what fails while it is there."""
    used = [s for s in func.sites if bound <= s.line < removed.line and _gets(s, name)]
    made = next((s for s in func.sites if s.line == bound and (s.dotted in MAKERS or _kept_named(s) or s.targets)), None)
    first = made if made is not None and not NAMED.search(name) else next(iter(used), made)
    if first is None:
        return None
    raised = next(
        (
            p.stmt.line
            for p in func.by_kind.get(m.Raise, ())
            if first.line < p.stmt.line < removed.line and not _is_other_way(p.steps, first)
        ),
        0,
    )
    later = (s for s in func.sites if first.line <= s.line < removed.line and (s is not first or not NAMED.search(name) or _gets(s, name)))
    failing = next((s for s in later if s is not made and _fails(project, s, waits)), None)
    return LeftOnFailure(first, failing, raised, removed, name) if raised or failing is not None else None


def _gets(site: Site, name: str) -> bool:
    """Whether a call is handed the path and may write there."""
    given = (*site.call.args, *(v for _, v in site.call.keywords))
    return site.dotted not in READ_ONLY and site.dotted not in REMOVERS and name in names_in(given)


def _is_other_way(steps: tuple[Step, ...], first: Site) -> bool:
    """Whether a raise stands in the arm of a ``try`` around the making: the file may not be there."""
    around = {id(s.stmt) for s in first.steps if isinstance(s.stmt, m.Try)}
    return any(s.arm == "handler" and id(s.stmt) in around for s in steps)


def _fails(project: Project, site: Site, waits: dict[int, WaitSite]) -> bool:
    """A call that asks another program or runs one, itself or below: it does fail now and then."""
    calls = [site.call, *(s.call for target in site.targets[:3] for func in below(project, target, DEPTH - 1) for s in func.sites)]
    for call in calls:
        wait = waits.get(id(call))
        if wait is not None and not wait.constructs and (wait.leaves_the_process or wait.kind == "child"):
            return not site.weak
    return False
