"""Loops in which a program serves: endless ones that wait for work in each turn, and those over what never ends."""

from __future__ import annotations

import re

from runtime_ops.facts import model as m
from runtime_ops.libraries import names as libraries
from runtime_ops.project.finite_loops import ends_by_itself, exits_in_an_arm, runs_until_done, works_off
from runtime_ops.project.kept import bound_calls
from runtime_ops.project.links import FEW, Links
from runtime_ops.project.loops import is_endless
from runtime_ops.project.model import Func, Place, Site, bindings_in
from runtime_ops.project.names import decorator_name
from runtime_ops.project.serving_calls import starts_consumer
from runtime_ops.project.source_text import source_of
from runtime_ops.project.thread_joins import THREADS

CONSUMER_KINDS = ("consumer",)
WAITING = frozenset(
    (
        "sleep wait get recv recvfrom recv_json recv_multipart poll accept receive_message receive_messages read readline "
        "get_message xread xreadgroup blpop brpop blmove brpoplpush consume select pop fetch run_pending pull receive "
        "receive_many dequeue reserve get_job work run sigwait sigwaitinfo sigtimedwait pause"
    ).split()
)
"""Methods by which a turn waits for work or for time to pass."""
LASTING_NAME = re.compile(r"(?i)forever|loop|serve|listen")
READS = frozenset("consume recv recvfrom recv_into read readexactly accept poll receive get_message blpop brpop sleep wait".split())
"""What a loop that is named for lasting waits in, one or two functions below."""
ASKS = frozenset("input readline prompt getch get_wch getkey inkey".split())
"""What waits for a person at a terminal (``stdscr.getch()`` of curses, ``term.inkey()`` of blessed)."""


def is_serving_loop(place: Place, func: Func, links: Links) -> bool:
    """An endless loop that does outside work in each turn: the program's own serving loop."""
    stmt = place.stmt
    if isinstance(stmt, m.While):
        if func.facts.is_generator or not is_endless(stmt):
            return False
        if _of_command(func) and (any(isinstance(node, m.Return) for node in m.walk(stmt.body)) or exits_in_an_arm(stmt.body, func)):
            return False  # it asks until it has an answer
        own = ends_by_itself(stmt, func) or works_off(stmt, func) or runs_until_done(stmt, func)
        return (_works(stmt, func) or _draws(stmt, func) or _hands_turns_on(stmt, func, links)) and not own
    if isinstance(stmt, m.For):
        if _endless_source(stmt.iterable, func) is not None:
            return not func.facts.is_generator and not _leaves(stmt)
        value = links.names.value(stmt.iterable, func)
        if value is None or value.kind not in ("made", "external"):
            return False
        row = libraries.type_of(value.name) or libraries.type_of(value.name.removesuffix("()").rpartition(".")[0])
        listening = value.name.removesuffix("()").rpartition(".")[2] in ("listen", "consume", "iterator", "subscribe")
        return row is not None and (row.kind in CONSUMER_KINDS or listening)
    return False


def _of_command(func: Func) -> bool:
    """Whether a decorator makes the function a command of click or typer."""
    return any(decorator_name(d).rpartition(".")[2] in ("command", "option", "argument") for d in func.facts.decorators)


def _works(loop: m.While, func: Func) -> bool:
    """Whether a turn of the loop waits for something (a pause, a message): else it is a computation or a prompt."""
    lasting = func.is_module or func.name == "main" or LASTING_NAME.search(func.name) is not None or _runs_as_thread(func)
    for site in func.sites:
        if any(step.stmt is loop for step in site.steps) or (loop.line == site.line and isinstance(site.stmt, m.While)):
            if site.method in ASKS:
                return False
            if _at_once(site):
                continue
            if starts_consumer(site):
                return True
            if site.awaited or _waits(site):
                return True
            if lasting and _reads(site, 0):
                return True
    return False


def _waits(site: Site) -> bool:
    """Whether a call waits for work or for time to pass, by the name of its method."""
    return site.method in WAITING or site.method.startswith(("sleep", "wait", "poll", "receive"))


def _runs_as_thread(func: Func) -> bool:
    """``run`` of a class of threads, ``_run`` of one of greenlets."""
    return func.cls is not None and func.name in ("run", "_run") and any(base.endswith(THREADS) for base in func.cls.external_bases)


def _reads(site: Site, depth: int) -> bool:
    """Whether the function that is called waits for something, itself or one call below."""
    inner = [s for target in site.targets[:FEW] if not site.weak for s in target.sites]
    return any(s.method in READS for s in inner) or (depth == 0 and any(_reads(s, 1) for s in inner))


def _hands_turns_on(loop: m.While, func: Func, links: Links) -> bool:
    """``while True: retry(self.turn)``: each turn is a method that waits, run by a helper that survives its failures."""
    for site in func.sites:
        if site.weak or not site.targets or not any(step.stmt is loop for step in site.steps):
            continue
        for expr in (*site.call.args, *(value for _, value in site.call.keywords)):
            turns = links.referenced(expr, func) if isinstance(expr, m.Name) and expr.id.startswith("self.") else ()
            if any(_waits(s) for t in turns for s in t.sites):
                return True
    return False


def _draws(loop: m.While, func: Func) -> bool:
    """``messages = self.messages()`` … ``while True: handle(next(messages))``: each turn takes the next of what has no end."""
    for site in func.sites:
        if site.text not in ("next", "anext") or len(site.call.args) != 1 or not any(step.stmt is loop for step in site.steps):
            continue
        given = site.call.args[0]
        made = [(func, given)] if isinstance(given, m.Call) else bound_calls(given.id, func) if isinstance(given, m.Name) else ()
        if any(isinstance(call, m.Call) and _endless_source(call, maker) is not None for maker, call in made):
            return True
    return False


def _endless_source(expr: m.Expr, func: Func) -> Func | None:
    """The project's generator that is called, if it yields out of an endless loop that waits, or asks anew, for what it yields."""
    if not isinstance(expr, m.Call):
        return None
    site = next((site for site in func.sites if site.call is expr), None)
    if site is None or site.weak or len(site.targets) != 1 or not site.targets[0].facts.is_generator:
        return None
    source = site.targets[0]
    for place in source.places:
        loop = place.stmt
        if not isinstance(loop, m.While) or not is_endless(loop) or ends_by_itself(loop, source) or works_off(loop, source):
            continue
        asked = {node.id for node in m.walk(loop.test) if isinstance(node, m.Name)}
        if any(name in asked for stmt in m.walk(loop.body) for name, _ in bindings_in(stmt)):
            continue  # ``while not done: done, rows = page(); yield rows``: it tells itself that all is there
        asks = any(isinstance(s, m.For) and isinstance(s.iterable, m.Call) and "." in source_of(s.iterable.func) for s in m.walk(loop.body))
        if any(isinstance(node, m.Yield) for node in m.walk(loop.body)) and (_works(loop, source) or asks):
            return source
    return None


def _leaves(loop: m.For) -> bool:
    """Whether a turn of the loop may be the last: it looks for one thing, or works off a number of them."""
    return any(isinstance(node, m.Break | m.Return) for node in m.walk(loop.body))


def _at_once(site: Site) -> bool:
    """``queue.get(block=False)``: it takes what is there, or raises."""
    given = site.call.keyword("block")
    return isinstance(given, m.Const) and given.value is False
