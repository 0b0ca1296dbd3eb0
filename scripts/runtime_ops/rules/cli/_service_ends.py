"""Services and workers that end with status 0 whatever ended them: what supervises them takes a crash for a wish."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import ends, place_of, statements_after, takes_anything
from runtime_ops.project.model import Func, Place, Site, Step
from runtime_ops.project.serving_places import ServingPlace
from runtime_ops.rules.cli._commands import keeps_status
from runtime_ops.rules.jobs._words import ends_process
from runtime_ops.rules.logging.unwatched_thread import can_fail

DEPTH = 8  # functions from main to the serving place


class CaughtEnd(NamedTuple):
    """An arm around the serving place that ends the program as if it had been asked to."""

    entrypoint: Entrypoint
    effects: HandlerEffects
    serving: ServingPlace


class JoinedEnd(NamedTuple):
    """A thread that serves, and that main waits for without asking how it ended."""

    entrypoint: Entrypoint
    started: Site
    join: ServingPlace
    failing: Site


def caught_ends(project: Project) -> Iterator[CaughtEnd]:
    """The outermost such arm of each long-running entrypoint."""
    by_attempt: dict[int, list[HandlerEffects]] = {}
    for effects in project.failures:
        by_attempt.setdefault(id(effects.attempt), []).append(effects)
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running or entrypoint.app:
            continue
        found = next(_caught(project, entrypoint, by_attempt), None)
        if found is not None:
            yield found


def _caught(project: Project, entrypoint: Entrypoint, by_attempt: dict[int, list[HandlerEffects]]) -> Iterator[CaughtEnd]:
    for place in way(project, entrypoint):
        if place.function.facts.is_generator:
            return
        for step in place.steps:
            if isinstance(step.stmt, m.While | m.For):
                return  # it begins again
            if not isinstance(step.stmt, m.Try) or step.arm != "body":
                continue
            for effects in by_attempt.get(id(step.stmt), ()):
                aside = in_a_thread(place) or _runs_aside(project, effects.func) or _serves_alone(place, effects)
                if effects.broad and _ends_well(effects) and not aside:
                    yield CaughtEnd(entrypoint, effects, place)
        if not falls_out(place) or in_a_thread(place):
            return


def _serves_alone(place: ServingPlace, effects: HandlerEffects) -> bool:
    """Whether the try holds no call but ``serve_forever()`` of a server of the standard library, which takes what its handlers raise
    itself (CPython 3.13, socketserver.py: handle_error): only Ctrl-C comes to the arm."""
    dotted = place.site.dotted or "" if place.site is not None else ""
    if not dotted.endswith(".serve_forever") or not dotted.startswith(("socketserver.", "http.server.", "wsgiref.", "xmlrpc.")):
        return False
    return all(site is place.site or site.text == "print" for site in effects.body_calls)


def in_a_thread(place: ServingPlace) -> bool:
    """Whether what serves below a place is the target of a thread: its return ends that thread, and main decides how the
    program ends."""
    return place.site is not None and (place.site.dotted or "").startswith(("threading.Thread", "threading.Timer"))


def _runs_aside(project: Project, func: Func) -> bool:
    """Whether a thread is started with the function somewhere: there its return ends a thread alone, and a status that it gave
    would be lost."""
    edges = project.links.callers.get(func, ())
    return any(e.how == "reference" and e.via.startswith(("threading.Thread", "threading.Timer")) for e in edges)


def way(project: Project, entrypoint: Entrypoint) -> Iterator[ServingPlace]:
    """The serving places from main down, one in each function; several in one function are several programs."""
    places = entrypoint.places
    for _ in range(DEPTH):
        if len(places) != 1:
            return
        yield places[0]
        inner = places[0].inner
        if inner is None:
            return
        places = project.spine.places(inner)


def _ends_well(effects: HandlerEffects) -> bool:
    """Whether the program goes on from the arm to an end with status 0."""
    if effects.raises != "never" or effects.stores or keeps_status(effects.handler, effects.func):
        return False
    if effects.exits or not effects.ends <= {"fall", "return"} or any(r.kind != "none" for r in effects.returns):
        return False
    if any(ends_process(t) for site in effects.calls if not site.weak for t in site.targets):
        return False
    if any("exit" in site.method or "kill" in site.method or site.method == "abort" for site in effects.calls):
        return False
    place = Place(effects.attempt, effects.steps)
    after = (*effects.attempt.final, *(statements_after(place, effects.func) if "fall" in effects.ends else ()))
    return not leaves_on_purpose(after, effects.func)


def falls_out(place: ServingPlace) -> bool:
    """Whether nothing that follows the serving place in its function can still give the program a failing status."""
    if place.site is None:
        return True
    return not leaves_on_purpose(statements_after(place_of(place.site), place.function), place.function)


def leaves_on_purpose(block: tuple[m.Stmt, ...], func: Func) -> bool:
    """Whether a way through the statements exits or raises: it may say how the program ended."""
    exits = any(
        isinstance(node, m.Raise) or (isinstance(node, m.Call) and isinstance(node.func, m.Name) and _leaves(node.func.id))
        for node in m.walk(block)
    )
    return exits or bool(ends(block, func) & {"raise", "exit"})


def _leaves(name: str) -> bool:
    return name.rpartition(".")[2] in ("exit", "_exit", "quit", "abort", "SystemExit", "kill", "killpg")


def joined_ends(project: Project) -> Iterator[JoinedEnd]:
    """Mains whose serving thread dies by an exception, after which they return."""
    if any(
        isinstance(t, m.Name) and t.id == "threading.excepthook"
        for func in project.functions
        for place in func.places
        if isinstance(place.stmt, m.Assign)
        for t in place.stmt.targets
    ):
        return
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running or entrypoint.app:
            continue
        for place in way(project, entrypoint):
            found = _joined(project, entrypoint, place)
            if found is not None:
                yield found
                break
            if any(isinstance(step.stmt, m.While | m.For) for step in place.steps) or not falls_out(place):
                break


def _joined(project: Project, entrypoint: Entrypoint, place: ServingPlace) -> JoinedEnd | None:
    if place.site is None or place.site.dotted != "threading.Thread.join" or place.inner is None or place.site.origin is None:
        return None
    target = place.inner
    if ends_process(target) or _keeps_its_end(target) or not falls_out(place):
        return None
    failing = next((s for s in target.sites if _in_loop(s.steps) and can_fail(s)), None)
    started = next((s for s in place.function.sites if s.call is place.site.origin.call), None)
    return JoinedEnd(entrypoint, started, place, failing) if failing is not None and started is not None else None


def _in_loop(steps: tuple[Step, ...]) -> bool:
    return any(isinstance(step.stmt, m.While | m.For) for step in steps)


def _keeps_its_end(target: Func) -> bool:
    """Whether a broad arm around the loop notes the failure where main could look."""
    for place in target.places:
        stmt = place.stmt
        if isinstance(stmt, m.Try) and not _in_loop(place.steps):
            for handler in stmt.handlers:
                if takes_anything(handler) and any(isinstance(node, m.Assign | m.AugAssign) for node in m.walk(handler.body)):
                    return True
    return False
