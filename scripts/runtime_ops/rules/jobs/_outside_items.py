"""Loops of jobs by time that ask another program about each item, where one refusal ends the run for all behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.flows import sites_in
from runtime_ops.project.model import Func, Place, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.jobs._words import minds_its_failures, optional

ASKS = frozenset(("http", "network"))
"""Kinds of waits for other programs that answer a bad request with an error; a database that is away is away for all."""
MAIL = ("django.core.mail.", "smtplib.")
DEPTH = 2  # functions between the loop and what asks
SHOWN = re.compile(r"(?i)atomic|transaction|begin|suppress")


class Asked(NamedTuple):
    """A loop of the job, the call of it that works on one item, and the wait that the call comes to."""

    loop: m.For
    item: str
    site: Site
    wait: WaitSite


Waits = Mapping[int, WaitSite]


def asking(project: Project) -> Waits:
    """The waits for an answer of another program, by the identity of their calls."""
    return {
        id(wait.call): wait
        for wait in project.waits
        if wait.leaves_the_process and not wait.constructs and (wait.kind in ASKS or wait.dotted.startswith(MAIL))
    }


def asked_items(func: Func, waits: Waits) -> Iterator[Asked]:
    """The first such call of each loop of a job that takes its items out of a store and guards none of them."""
    for place in func.places:
        loop = place.stmt
        if not isinstance(loop, m.For) or not isinstance(loop.target, m.Name) or _kept_together(place):
            continue
        if any(isinstance(n, m.Try | m.Raise) for n in m.walk(loop.body)) or not _many(loop.iterable, func):
            continue
        for site in sites_in(loop.body, func):
            wait = _asks(waits, site, DEPTH) if about(site, loop.target.id) and not optional(site.text) else None
            if wait is not None:
                yield Asked(loop, loop.target.id, site, wait)
                break


def about(site: Site, item: str) -> bool:
    """Whether a call is a method of the item, or is given it or a part of it."""
    given = (*site.call.args, *(v for _, v in site.call.keywords))
    return site.text.startswith(item + ".") or any(
        isinstance(n, m.Name) and n.id.split(".")[0] == item for a in given for n in m.walk(a)
    )


def _kept_together(place: Place) -> bool:
    """Whether something around the loop takes its failure, or wants all items or none."""
    return any(
        (isinstance(s.stmt, m.Try) and s.arm == "body" and s.stmt.handlers)
        or (isinstance(s.stmt, m.With) and any(SHOWN.search(source_of(item[0])) for item in s.stmt.items))
        for s in place.steps
    )


def _many(iterable: m.Expr, func: Func) -> bool:
    """Whether the items come out of a store: a query, or what a call gave; no range and no list that is written there."""
    if isinstance(iterable, m.Name) and "." not in iterable.id:
        bound = [b.expr for b in func.bindings.get(iterable.id, ()) if b.expr is not None]
        return bool(bound) and all(isinstance(expr, m.Call | m.Attr | m.Await) for expr in bound)
    return not isinstance(iterable, m.Sequence | m.Const) and not source_of(iterable).startswith("range(")


def _asks(waits: Waits, site: Site, depth: int) -> WaitSite | None:
    """The wait that a call is, or comes to on its way without a ``try`` around it."""
    if site.weak or any(isinstance(s.stmt, m.Try) and s.arm == "body" and s.stmt.handlers for s in site.steps):
        return None
    own = waits.get(id(site.call))
    if own is not None or not depth or len(site.targets) != 1 or minds_its_failures(site.targets[0]):
        return own
    found = (_asks(waits, inner, depth - 1) for inner in site.targets[0].sites if not optional(inner.text))
    return next((wait for wait in found if wait is not None), None)
