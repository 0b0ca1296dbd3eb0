"""Where a program serves: the call or loop in which it stays until it is stopped, and the way there from ``main``.

A function is on the *spine* when it holds that place, or calls (not: hands over) a function that does. What stands
before the place on the spine is start-up; what stands in the loop is serving; what stands after it, in the ``finally``
around it, or in the handlers of the ``try`` around it, is shutdown (`runtime_ops.project.serving_places`).

Here is who serves: by a call (`serving_calls`), by a loop of its own (`serving_loops`), by waiting for a thread that
serves (`thread_joins`), or by calling what does.
"""

from __future__ import annotations

import re

from runtime_ops.facts import model as m
from runtime_ops.libraries.surface import surface
from runtime_ops.plain import cached_property
from runtime_ops.project.asides import runs_aside
from runtime_ops.project.coroutine_tasks import drives_coroutines, left_to_a_task, waited_for_in_thread
from runtime_ops.project.finite_loops import ends_by_itself, works_off
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Place, Site
from runtime_ops.project.serving_calls import consumes_at_last, is_bounded_run, kind_served, starts_consumer
from runtime_ops.project.serving_loops import is_serving_loop
from runtime_ops.project.serving_places import ServingPlace, cleans_up, left_for_good
from runtime_ops.project.signals import Registration, StopFlags
from runtime_ops.project.thread_joins import GREENLETS, THREADS, greenlets_waited_for, joined_in_turn

DEPTH = 7  # calls from main to the serving place; deeper chains were not seen in practice
RUNNERS = frozenset(("typer.run", "fire.Fire", "absl.app.run", "plac.call", "defopt.run", "cyclopts.run", "anyio.run", "trio.run"))
"""Those that run the function which they are given, and come back when it does."""
STOPS = re.compile(r"(?i)stop|shut_?down|close|exit|kill|tear_?down|clean|__del__")
"""Names of functions that wait for an end which they have asked for."""
OF_BEGINNING = re.compile(r"(?i)ready|started|begun|finished|completed")
"""Names of what is waited for when a program begins, or until one piece of work is over: not until its end."""


class Spine:
    """Finds serving places; remembers the answer for each function."""

    def __init__(self, links: Links, registrations: tuple[Registration, ...]) -> None:
        self.links = links
        self.registrations = registrations
        self._places: dict[Func, tuple[ServingPlace, ...]] = {}
        self._busy: set[Func] = set()
        self._cut_short = 0
        """How often a search has met a function that is being searched, or gone as deep as it may."""

    def places(self, func: Func, depth: int = 0) -> tuple[ServingPlace, ...]:
        """Serving places of a function, in source order; empty when it does not serve."""
        if func in self._places:
            return self._places[func]
        if func in self._busy or depth > DEPTH:
            self._cut_short += 1
            return ()
        self._busy.add(func)
        cut_short = self._cut_short
        try:
            found = self._own(func)
            if all(left_for_good(place, ()) for place in found):  # also where there is none
                found = tuple(sorted((*found, *self._through(func, depth)), key=lambda p: p.line))
            if not found:
                found = self._joined(func, depth) or self._of_greenlet(func, depth)
                found = found or self._waits(func) or self._ends_in_consumer(func)
        finally:
            self._busy.discard(func)
        # that there is nothing holds from wherever it is asked, when all that is below was looked at: most functions are so
        if depth == 0 or found or self._cut_short == cut_short:
            self._places[func] = found
        return found

    @cached_property
    def _flags(self) -> StopFlags:
        return StopFlags(self.registrations)

    def _until_told(self, place: Place, func: Func) -> bool:
        """Whether a loop runs until the handler of SIGTERM changes what it looks at: that is how this program stays up."""
        loop = place.stmt
        if not isinstance(loop, m.While) or isinstance(loop.test, m.Const) or func.facts.is_generator:
            return False
        return self._flags.looked_at(loop.test, func) and not (ends_by_itself(loop, func) or works_off(loop, func))

    def _own(self, func: Func) -> tuple[ServingPlace, ...]:
        found = []
        for site in func.sites:
            if site.dotted is not None and not cleans_up(site.steps):
                kind = kind_served(site.dotted)
                if kind and not is_bounded_run(site):
                    found.append(ServingPlace("call", kind, func, site.line, site.steps, site, None))
        for place in func.places:
            if not cleans_up(place.steps) and (is_serving_loop(place, func, self.links) or self._until_told(place, func)):
                found.append(ServingPlace("loop", "worker", func, place.stmt.line, place.steps, None, place.stmt))  # type: ignore[arg-type]
        return tuple(sorted(found, key=lambda p: p.line))

    def _through(self, func: Func, depth: int) -> tuple[ServingPlace, ...]:
        found = []
        drives = drives_coroutines(func)
        for edge in self.links.callees.get(func, ()):
            if edge.how == "reference" and (edge.via in RUNNERS or waited_for_in_thread(edge.site)):
                inner = self.places(edge.callee, depth + 1)
                if inner:
                    site = edge.site
                    found.append(
                        ServingPlace("through", inner[0].kind, func, site.line, site.steps, site, None, edge.callee)
                    )
        for site in func.sites:
            if (site.weak and not _of_one_family(site)) or len(site.targets) > 3 or cleans_up(site.steps):
                continue
            for target in site.targets:
                if target is func or target.facts.is_generator or runs_aside(target, self.links):
                    continue
                if target.facts.is_async and not (site.awaited or (drives and not left_to_a_task(site))):
                    continue
                inner = self.places(target, depth + 1)
                if inner:
                    found.append(
                        ServingPlace("through", inner[0].kind, func, site.line, site.steps, site, None, target)
                    )
                    break
        return tuple(found)

    def _joined(self, func: Func, depth: int) -> tuple[ServingPlace, ...]:
        """A thread that serves, started here and waited for without a limit: ``th.start(); th.join()``, also one of a class of the
        project's own."""
        plain = [s for s in func.sites if s.method == "join" and not s.call.args and not s.call.keywords and not cleans_up(s.steps)]
        for waited in plain if not STOPS.search(func.name) else ():
            run = self._run_of(waited)
            inner = self.places(run, depth + 1) if run is not None else ()
            if run is not None and inner:
                return (ServingPlace("through", inner[0].kind, func, waited.line, waited.steps, waited, None, run),)
        joins = [s for s in plain if s.dotted == "threading.Thread.join"]
        if not plain:
            return ()
        for edge in self.links.callees.get(func, ()):
            if edge.how != "reference" or edge.via != "threading.Thread":
                continue
            made = edge.site.call
            join = next((s for s in joins if s.origin is not None and s.origin.call is made), None) or joined_in_turn(plain, made, func)
            if join is None:
                continue
            inner = self.places(edge.callee, depth + 1)
            if inner:
                return (ServingPlace("through", inner[0].kind, func, join.line, join.steps, join, None, edge.callee),)
            if consumes_at_last(edge.callee):
                return (ServingPlace("wait", "worker", func, join.line, join.steps, join, None),)
        return ()

    def _run_of(self, join: Site) -> Func | None:
        """What the thread or greenlet that is waited for runs, when it is of a class of the project that is started here."""
        name = join.text.rpartition(".")[0]
        if not any(s.method == "start" and s.text == f"{name}.start" for s in join.function.sites):
            return None
        value = self.links.names.name(name, join.function)
        klass = value.target if value is not None and value.kind == "instance" else None
        if not isinstance(klass, Klass) or not any(base.endswith(THREADS) for base in klass.external_bases):
            return None
        return klass.method("_run" if any(base.endswith("Greenlet") for base in klass.external_bases) else "run")

    def _of_greenlet(self, func: Func, depth: int) -> tuple[ServingPlace, ...]:
        """A greenlet that serves, started here or by another method and waited for here without a limit:
        ``self.thread = spawn(self.consumer.run)`` … ``self.thread.wait()``."""
        if STOPS.search(func.name):
            return ()
        for site in func.sites:
            if site.targets or cleans_up(site.steps):
                continue
            for maker, call in greenlets_waited_for(site):
                value = self.links.names.value(call, maker)
                if value is None or value.kind != "made" or not value.name.startswith(GREENLETS):
                    continue
                for edge in self.links.callees.get(maker, ()):
                    inner = self.places(edge.callee, depth + 1) if edge.site.call is call and edge.how == "reference" else ()
                    if inner:
                        return (ServingPlace("through", inner[0].kind, func, site.line, site.steps, site, None, edge.callee),)
                for given in call.args:
                    run = self.links.names.value(given, maker) if isinstance(given, m.Name) else None
                    kind = kind_served(run.name) if run is not None and run.kind == "external" else ""
                    if kind:
                        return (ServingPlace("wait", kind, func, site.line, site.steps, site, None),)
        return ()

    def _waits(self, func: Func) -> tuple[ServingPlace, ...]:
        for site in reversed(func.sites):
            waits = site.dotted and surface("serve-wait", site.dotted) and not site.call.args and not site.call.keywords
            if waits and not OF_BEGINNING.search(site.text) and not _gate(site):
                return (ServingPlace("wait", "worker", func, site.line, site.steps, site, None),)
        return ()

    def _ends_in_consumer(self, func: Func) -> tuple[ServingPlace, ...]:
        """A function whose last word is to start a consumer or worker of a library that no table knows: by its names it takes
        work until it is stopped. In the midst of a function such a call may as well return at once."""
        last = func.facts.body[-1] if func.facts.body else None
        for site in func.sites:
            alone = site.stmt is last and isinstance(last, m.ExprStmt) and last.value is site.call and not site.targets
            if alone and starts_consumer(site):
                return (ServingPlace("call", "worker", func, site.line, site.steps, site, None),)
        return ()


def _of_one_family(site: Site) -> bool:
    """Whether a method found by its name is one of a few ways that one file offers (``self.strategy.process_queues()``), or that
    one family of classes does. A name of one word (``run``, ``start``) says too little."""
    if "_" not in site.method.strip("_"):
        return False
    classes = [target.cls for target in site.targets if target.cls is not None]
    related = len(classes) == len(site.targets) and any(all(a in k.ancestry for k in classes) for a in classes)
    return related or len({target.module for target in site.targets}) == 1


def _gate(site: Site) -> bool:
    """Whether the event that is waited for is closed again elsewhere: it holds up a turn, it does not keep the program up."""
    event = site.text.rpartition(".")[0]
    return any(
        other.text == f"{event}.clear" and other.function is not site.function
        for func in site.function.module.functions.values()
        for other in func.sites
    )
