"""The life of one entrypoint: in which phases each function runs in it, by which way it comes there, and how sure that is.

`runtime_ops.project.phases` fills it; whoever wants to know when something runs asks it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from runtime_ops.findings import Evidence
from runtime_ops.libraries.surface import surface
from runtime_ops.project.dead_arms import never_entered
from runtime_ops.project.deferred_calls import OWN_THREAD, runs_elsewhere
from runtime_ops.project.development import debug_only
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.links import Edge, Links
from runtime_ops.project.main_blocks import under_main
from runtime_ops.project.model import Func, Step
from runtime_ops.project.seeds import Seed
from runtime_ops.project.serving_places import ServingPlace, phase_at

NOWHERE: frozenset[str] = frozenset()
SURE, LIKELY, GUESS = 2, 1, 0
"""How much speaks for a way."""
CERTAIN = frozenset({"call", "reference", "kept"})
"""Kinds of steps that are seen as they stand."""
SHOWN = 8  # steps of a way in its trace: more are not read


class Reach(NamedTuple):
    """How a function came by a phase: the edge that led to it, or the seed where its way begins (one of both is None), and how much
    speaks for the way: it is `SURE`, `LIKELY`, or a `GUESS` (a step of it rests on a method's name alone)."""

    edge: Edge | None
    seed: Seed | None
    ground: int


class Begin(NamedTuple):
    """The function in which a way begins, and what runs it."""

    func: Func
    seed: Seed


class Life:
    """Phases of one entrypoint."""

    def __init__(self, entrypoint: Entrypoint, links: Links) -> None:
        self.entrypoint = entrypoint
        self.links = links
        self.reach: dict[Func, dict[str, Reach]] = defaultdict(dict)
        self.spine: dict[Func, tuple[ServingPlace, ...]] = {}
        self.mains: dict[Func, tuple[ServingPlace, ...]] = {}
        """What threads and processes of its own run, with the loops in which they serve."""
        self.yields: dict[Func, int] = {}
        """Lifespan functions, with the line of their ``yield``: before it is start-up, after it shutdown."""

    def of(self, func: Func) -> frozenset[str]:
        """Phases in which the function can run, as a whole."""
        reached, places = self._phases(func), self.spine.get(func)
        return reached | {"startup", "serving", "shutdown"} if places else reached

    def at(self, func: Func, line: int, steps: tuple[Step, ...]) -> frozenset[str]:
        """Phases of one place of a function: exact on the spine, the function's own elsewhere; none where it runs for
        debugging only, or under a switch that no caller turns on."""
        serves = func in self.spine
        reached = NOWHERE if serves else self._phases(func)
        if not (serves or reached) or debug_only(steps) or never_entered(func, steps, self.links):
            return NOWHERE
        if serves:
            if func.is_module and self.entrypoint.guarded and not under_main(steps, func.module):
                return frozenset(("import",))
            places = self.spine[func]
            return frozenset((phase_at(places, line, steps),)) if places else frozenset(("serving",))
        if func.is_module and under_main(steps, func.module):
            return NOWHERE  # who is only imported does not run its main block
        if not self.divided(func):
            return reached
        return frozenset(self.within(func, phase, line, steps) for phase in reached)

    def divided(self, func: Func) -> bool:
        """Whether the places of a function run in different phases (see `within`)."""
        return func in self.mains or func in self.yields

    def within(self, func: Func, phase: str, line: int, steps: tuple[Step, ...]) -> str:
        """``phase``, or the exact one where the place tells it: around the ``yield`` of a lifespan, and after the loop in
        which a thread or process serves."""
        if func in self.yields and phase in ("startup", "shutdown"):
            return "startup" if line <= self.yields[func] else "shutdown"
        places = self.mains.get(func)
        return "shutdown" if places and phase_at(places, line, steps) == "shutdown" else phase

    def sure(self, func: Func) -> bool:
        """Whether some way to the function is made of certain steps only."""
        return func in self.spine or any(r.ground == SURE for r in self.reach.get(func, {}).values())

    def believed(self, func: Func, phase: str = "") -> bool:
        """Whether some way to the function (in the phase, where one is named) is more than a guess."""
        if func in self.spine:
            return True
        return any(r.ground > GUESS for p, r in self.reach.get(func, {}).items() if p == phase or not phase)

    def _phases(self, func: Func) -> frozenset[str]:
        """The phases that something led to; those that a mere guess led to only where nothing else did."""
        reached = self.reach.get(func)
        if not reached:
            return NOWHERE
        believed = frozenset(phase for phase, reach in reached.items() if reach.ground > GUESS)
        return believed or frozenset(reached)

    def trace(self, func: Func, phase: str) -> tuple[Evidence, ...]:
        """The way from the entrypoint to a function in a phase, its last eight steps."""
        edges = list(islice(self.back(func, phase), SHOWN))
        steps = [Evidence(e.site.path, e.site.line, _step(e)) for e in edges]
        begin = self.shown_begin(func, phase)
        if begin is not None:
            steps.append(Evidence(begin.func.path, begin.func.line, begin.seed.text))
        return tuple(reversed(steps))

    def shown_begin(self, func: Func, phase: str) -> Begin | None:
        """The beginning of the way that `trace` shows; None where the way is longer, or where no seed is known."""
        edges = list(islice(self.back(func, phase), SHOWN))
        begin = edges[-1].caller if edges else func
        reach = self._reach_in(begin, phase)
        return Begin(begin, reach.seed) if len(edges) < SHOWN and reach is not None and reach.seed is not None else None

    def back(self, func: Func, phase: str = "", *, strict: bool = False) -> Iterator[Edge]:
        """The edges of the way to a function, from it back to where the life begins: those of ``phase`` where it has that one,
        else of any (``strict``: of that phase alone)."""
        seen: set[Func] = set()
        while func not in seen:
            seen.add(func)
            reach = self._reach_in(func, phase, strict=strict)
            if reach is None or reach.edge is None:
                return
            yield reach.edge
            func = reach.edge.caller

    def begin(self, func: Func, phase: str = "") -> Func:
        """Where the way to a function begins (``back``): itself, where nothing is seen to call it."""
        for edge in self.back(func, phase):
            func = edge.caller
        return func

    def own_thread(self, func: Func, phase: str = "") -> bool:
        """Whether the way to a function passes the start of a thread, process or greenlet: what it does there holds that one, and
        not the request or job that started it."""
        return any(edge.how == "reference" and edge.via.endswith(OWN_THREAD) for edge in self.back(func, phase))

    def _reach_in(self, func: Func, phase: str, *, strict: bool = False) -> Reach | None:
        found = self.reach.get(func, {})
        return found.get(phase) or (None if strict else next(iter(found.values()), None))


def ground_of(edge: Edge) -> int:
    """How much speaks for one step."""
    return SURE if edge.how in CERTAIN else GUESS if edge.how == "guess" else LIKELY


def _step(edge: Edge) -> str:
    """One step of a way, in words where the caller does not simply call."""
    caller, callee = edge.caller.name, edge.callee.name
    if edge.how == "reference":
        if runs_elsewhere(edge):
            return f"{caller} enqueues {callee}"
        if edge.via.endswith(OWN_THREAD):
            return f"{caller} starts {callee} in {'a process' if 'rocess' in edge.via else 'a thread'} of its own"
        if surface("handler-registration", edge.via) is not None:
            return f"{caller} registers {callee}"
    return f"{caller} → {callee} (by its name)" if edge.how in ("override", "guess") else f"{caller} → {callee}"
