"""What a step from one function to another does to the phase: a call keeps it, a thread, a task, a registry or a hook for the end
turns it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from runtime_ops.libraries.surface import surface
from runtime_ops.project.coroutine_tasks import AWAITED_THREADS, made_a_task
from runtime_ops.project.dead_arms import never_entered
from runtime_ops.project.deferred_calls import (
    held_by,
    left_when_done,
    of_each_target,
    registers_for_the_end,
    runs_elsewhere,
)
from runtime_ops.project.development import debug_only
from runtime_ops.project.life import ground_of
from runtime_ops.project.links import Edge, Links
from runtime_ops.project.main_blocks import in_main_block
from runtime_ops.project.model import Func
from runtime_ops.project.spine import Spine


class Way(NamedTuple):
    """An edge out of a function: the phase that it turns to (empty: the caller's), how much speaks for it, and whether what
    it leads to runs elsewhere."""

    edge: Edge
    turn: str
    ground: int
    elsewhere: bool


class PhaseFlow:
    """Tells where the steps out of a function lead; remembers the answers, which hold for every entrypoint."""

    def __init__(self, links: Links, spine: Spine, answers: Collection[Func]) -> None:
        """``answers``: functions that a route names, whatever class or decorator they have."""
        self.links = links
        self.spine = spine
        self.answers = answers
        self._ways_of: dict[Func, list[Way]] = {}
        self._held: dict[Edge, bool] = {}
        self._last: dict[Edge, bool] = {}

    def phase_of(self, edge: Edge, phase: str) -> str:
        """The phase of the callee when the caller runs in ``phase``."""
        if edge.how == "data" and phase != "shutdown":
            return "serving"
        if edge.how == "reference":
            if surface("on-signal", edge.via) or surface("on-exit", edge.via) or self._left_for_the_end(edge):
                return "shutdown"
            if phase != "shutdown" and (surface("starter", edge.via) or surface("handler-registration", edge.via)):
                return phase if self._waited_for(edge) else "serving"
            if edge.site.method in ("start", "add_job", "every") and phase != "shutdown":
                return "serving"
            if phase != "shutdown" and (edge.callee in self.answers or self._only_held(edge)):
                return "serving"  # a route names it, or it is put into a registry
        by_call = edge.how in ("call", "override", "guess")
        if by_call and phase != "shutdown" and edge.callee.facts.is_async and not edge.site.awaited and made_a_task(edge.site):
            return "serving"
        return phase

    def _waited_for(self, edge: Edge) -> bool:
        """Whether the caller goes on only when what is handed to an executor is done: it awaits it, or leaves the ``with`` of the
        executor. What serves in an executor serves."""
        waits = edge.site.awaited and edge.site.method in AWAITED_THREADS
        return (waits or left_when_done(edge)) and not self.spine.places(edge.callee)

    def _only_held(self, edge: Edge) -> bool:
        """Whether the function of the project that the callee is handed to only puts it into a collection (a registry): it is
        run later."""
        if edge not in self._held:
            self._held[edge] = of_each_target(edge, lambda target: held_by(target, edge))
        return self._held[edge]

    def _left_for_the_end(self, edge: Edge) -> bool:
        """Whether the function of the project that the callee is handed to only registers it for the end of the process, itself or
        within a function of its own: ``def at_end(close): atexit.register(lambda: close())``."""
        if edge not in self._last:
            self._last[edge] = of_each_target(edge, lambda target: registers_for_the_end(target, edge, self.links))
        return self._last[edge]

    def ways(self, func: Func) -> list[Way]:
        """The edges out of a function that differ in where they lead, and how."""
        ways = self._ways_of.get(func)
        if ways is None:
            different: dict[tuple[Func, str, int, bool], Way] = {}
            for edge in self.links.callees.get(func, ()):
                if func.is_module and in_main_block(edge.site):
                    continue  # who is only imported does not run it; a program's own block is on its spine
                if self.not_taken(edge):
                    continue
                way = Way(edge, self.phase_of(edge, ""), ground_of(edge), runs_elsewhere(edge))
                different.setdefault((edge.callee, *way[1:]), way)
            ways = self._ways_of[func] = list(different.values())
        return ways

    def not_taken(self, edge: Edge) -> bool:
        """Whether the call stands where the program never comes: for debugging, or under a switch that no caller turns on."""
        return debug_only(edge.site.steps) or never_entered(edge.caller, edge.site.steps, self.links)
