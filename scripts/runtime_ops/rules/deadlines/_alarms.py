"""Alarms that a call behind them replaces: a process has one, and who sets it last has it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of

DEPTH = 2  # functions between the call and the one that sets the alarm anew
FEW = 3  # functions that one call may mean


class Replaced(NamedTuple):
    """An alarm, the call behind it, and the alarm that this comes to. ``sure``: the way there is seen, step by step."""

    outer: Site
    call: Site
    inner: Site
    sure: bool


def replaced_alarms(project: Project) -> Iterator[Replaced]:
    """Each alarm that is set anew, by what is called, before its function takes it back."""
    alarms: dict[Func, list[Site]] = defaultdict(list)
    for site in project.sites("signal.alarm", "signal.setitimer"):
        if site.method == "alarm" or "ITIMER_REAL" in source_of(site.call):
            alarms[site.function].append(site)
    for func, own in alarms.items():
        for outer in own:
            if _takes_back(outer):
                continue
            until = min((site.line for site in own if site.line > outer.line), default=None)
            for call in func.sites:
                if call.line <= outer.line or (until is not None and call.line >= until):
                    continue
                found = _set_anew(call, alarms, func, DEPTH)
                if found is not None:
                    yield Replaced(outer, call, *found)
                    break


def _set_anew(call: Site, alarms: dict[Func, list[Site]], outer: Func, depth: int) -> tuple[Site, bool] | None:
    """The alarm that a call sets and takes back without looking at the time that was left of the one before."""
    if call.guessed or len(call.targets) > FEW:
        return None
    for target in call.targets:
        own = alarms.get(target, []) if target is not outer else []
        setting = next((site for site in own if not _takes_back(site)), None)
        if setting is not None and not any(site.used for site in own):
            return setting, not call.weak
        if setting is None and depth and target is not outer:
            for site in target.sites:
                found = _set_anew(site, alarms, outer, depth - 1)
                if found is not None:
                    return found[0], found[1] and not call.weak
    return None


def _takes_back(site: Site) -> bool:
    """``signal.alarm(0)``."""
    given = site.call.argument("seconds", 0 if site.method == "alarm" else 1)
    return isinstance(given, m.Const) and given.value == 0
