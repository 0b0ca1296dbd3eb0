"""Message callbacks that acknowledge what they were given before they work on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.flows import place_of, statements_after
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.jobs._words import aside, catches_all, delivers, optional, saves, words

SETTLES = frozenset("ack basic_ack".split())
"""Methods of messages and channels. ``acknowledge`` is as often one of a program's own alerts."""
AGAIN = frozenset("nack basic_nack reject basic_reject requeue retry republish dead_letter".split())
DEPTH = 2  # project functions from the callback down to the work


class EarlyAck(NamedTuple):
    """An acknowledgement, and the first work behind it, which writes or reaches another program."""

    ack: Site
    work: Site


def early_acks(project: Project) -> Iterator[EarlyAck]:
    """The callbacks of a consumer: functions that settle a message which is one of their parameters."""
    waits: set[int] | None = None
    for func in project.functions:
        if func.is_module or not func.facts.params:
            continue
        own = [s for s in func.sites if s.method in SETTLES and not s.targets and _of_parameter(s, func)]
        if not own or aside(func) or optional(func.name) or any(s.method in AGAIN for s in func.sites):
            continue
        if waits is None:
            waits = {id(w.site.call) for w in project.waits if w.leaves_the_process}
        for ack in own:
            work = _work_behind(project, func, ack, waits)
            if work is not None:
                yield EarlyAck(ack, work)
                break


def _of_parameter(site: Site, func: Func) -> bool:
    """``message.ack()``, ``channel.basic_ack(method.delivery_tag)``: what is settled was handed to the function."""
    given = {p.name for p in func.facts.params if p.name not in ("self", "cls")}
    owner, _, rest = site.text.partition(".")
    if site.method == "ack" and owner in given and rest == "ack" and not site.call.args:
        return True
    tags = [n for a in (*site.call.args, *(v for _, v in site.call.keywords)) for n in m.walk(a) if isinstance(n, m.Name)]
    return any(n.id.partition(".")[0] in given and n.id.endswith(".delivery_tag") for n in tags)


def _work_behind(project: Project, func: Func, ack: Site, waits: set[int]) -> Site | None:
    if any(isinstance(s.stmt, m.If | m.Match | m.While | m.For) or s.arm in ("handler", "final", "orelse", "else") for s in ack.steps):
        return None  # one way of several: as a rule the one that drops the message
    behind = {id(c) for stmt in statements_after(place_of(ack), func) for c in m.calls(stmt)}
    later = (s for s in func.sites if id(s.call) in behind and s.line > ack.line)
    return next((s for s in later if not optional(s.text) and _works(project, s, waits, DEPTH)), None)


def _works(project: Project, site: Site, waits: set[int], depth: int) -> bool:
    """Whether a call writes somewhere or asks another program, itself or in the functions of the project that it calls."""
    if id(site.call) in waits or delivers(site) or (saves(site) and not site.text.startswith("self.log")):
        return True
    if site.weak or len(site.targets) != 1 or depth == 0:
        return False
    target = site.targets[0]
    if aside(target) or optional(target.name) or words(target.name)[:1] == ("get",) or catches_all(target):
        return False
    return any(_works(project, s, waits, depth - 1) for s in target.sites)
