"""What can still fail in the body of a ``try``: where what it calls deals with its own failures, the arm hardly ever runs."""

from __future__ import annotations

from runtime_ops.facts import model as m
from runtime_ops.libraries.timeouts import waits
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import ends, takes_anything
from runtime_ops.project.model import Func, Site, Step
from runtime_ops.rules.jobs._words import catches_all, minds_its_failures
from runtime_ops.rules.logging.unwatched_thread import tame

MARKS = frozenset(("touch", "exists", "unlink", "mkdir", "is_file", "is_dir"))
"""What is done to a file that stands for a state: its OSError names the file and the reason."""
MADE = ("asyncio.create_task", "asyncio.ensure_future", "asyncio.get_event_loop", "asyncio.get_running_loop")


def hardly_fails(arm: HandlerEffects) -> bool:
    """Whether each call of the body is a record, a look into memory, one whose failure an inner ``try`` takes, or one of a function
    of the project that keeps its failures to itself."""
    return not any(_may_fail(site, arm) for site in arm.body_calls)


def _may_fail(site: Site, arm: HandlerEffects) -> bool:
    if arm.uses_error and (_marks(site) or (bool(site.targets) and not site.weak and all(map(_only_marks, site.targets)))):
        return False
    if tame(site) or site.dotted in MADE or _taken_inside(site, arm.attempt):
        return False
    return not (site.targets and all(catches_all(t) or minds_its_failures(t) or _only_makes(t) for t in site.targets))


def _only_makes(func: Func, depth: int = 2) -> bool:
    """Whether it is the ``__init__`` of a class that does no more than keep what it gets, and make such objects itself."""
    return func.name == "__init__" and all(
        tame(site)
        or (site.method[:1].isupper() and not (site.targets or site.call.args or site.call.keywords or waits(site.dotted or "")))
        or bool(depth and site.targets and not site.weak and all(_only_makes(t, depth - 1) for t in site.targets))
        for site in func.sites
    )


def _marks(site: Site) -> bool:
    return site.method in MARKS and not site.targets and "." in site.text


def _only_marks(func: Func) -> bool:
    """Whether a function does nothing that may fail but mark a state by a file."""
    return any(map(_marks, func.sites)) and all(_marks(site) or tame(site) for site in func.sites)


def _taken_inside(site: Site, attempt: m.Try) -> bool:
    at = next((i for i, step in enumerate(site.steps) if step.stmt is attempt), None)
    return at is not None and any(_takes(step) for step in site.steps[at + 1 :])


def _takes(step: Step) -> bool:
    """Whether the step goes into the body of a ``try`` that lets no failure out."""
    return (
        step.arm == "body"
        and isinstance(step.stmt, m.Try)
        and any(takes_anything(h) and "raise" not in ends(h.body) for h in step.stmt.handlers)
    )


def never_comes(arm: HandlerEffects) -> bool:
    """Whether the arm waits for what the body's only source takes itself: ``send()`` turns ``ServerDown`` into an error of its own,
    and the ``except ServerDown`` around ``send()`` is dead."""
    if arm.broad or not arm.handler.types:
        return False
    types = frozenset(t.rpartition(".")[2] for t in arm.handler.types)
    risky = [site for site in arm.body_calls if not tame(site)]
    return bool(risky) and all(
        bool(site.targets) and not site.weak and all(_turns(target, types) for target in site.targets) for site in risky
    )


def _turns(func: Func, types: frozenset[str]) -> bool:
    """Whether all that a function does stands in a ``try`` with arms for each of the types, which raise another error or none."""
    body = [s for s in func.facts.body if not isinstance(s, m.Import | m.Pass | m.ExprStmt) or any(True for _ in m.calls(s))]
    if len(body) != 1 or not isinstance(body[0], m.Try):
        return False
    taken = {t.rpartition(".")[2] for h in body[0].handlers if not _raises_same(h) for t in h.types}
    return types <= taken and not any(types & _named(h) for h in body[0].handlers)


def _raises_same(handler: m.Handler) -> bool:
    raised = [n for n in m.walk(handler.body) if isinstance(n, m.Raise)]
    return any(r.exc is None or (isinstance(r.exc, m.Name) and r.exc.id == handler.bound) for r in raised)


def _named(handler: m.Handler) -> set[str]:
    """The last names of what an arm raises."""
    made = [n.exc.func if isinstance(n.exc, m.Call) else n.exc for n in m.walk(handler.body) if isinstance(n, m.Raise)]
    return {e.id.rpartition(".")[2] for e in made if isinstance(e, m.Name)}
