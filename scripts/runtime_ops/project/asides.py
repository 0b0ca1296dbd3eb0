"""Decorators of the project that run what they are given beside the caller."""

from __future__ import annotations

from runtime_ops.facts import model as m
from runtime_ops.libraries.surface import surface
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Site

_WAITS = frozenset(("join", "result", "wait", "get"))
"""Methods by which a wrapper waits for what it started: a limit of time, not a life of its own."""
_STARTED = ("threading.", "multiprocessing.", "concurrent.futures.", "asyncio.", "gevent.")


def runs_aside(func: Func, links: Links) -> bool:
    """Whether a decorator of the project runs a function in a thread or task of its own, so that a call of it comes back at once."""
    for decorator in func.facts.decorators:
        named = decorator.func if isinstance(decorator, m.Call) else decorator
        value = links.names.value(named, func.parent or func.module.level)
        if value is not None and isinstance(value.target, Func) and _starts_its_argument(value.target):
            return True
    return False


def _starts_its_argument(decorator: Func) -> bool:
    inner = [decorator, *(f for f in decorator.module.functions.values() if decorator in _around(f))]
    sites = [site for func in inner for site in func.sites]
    if any(site.method in _WAITS and (site.dotted or "").startswith(_STARTED) for site in sites):
        return False
    return any(
        site.dotted is not None and not site.awaited and surface("starter", site.dotted) is not None and _given(site)
        for site in sites
    )


def _around(func: Func) -> list[Func]:
    """The functions that a function is defined in, the nearest first."""
    found = []
    while func.parent is not None and func.parent not in found:
        func = func.parent
        found.append(func)
    return found


def _given(site: Site) -> bool:
    """Whether a parameter of a function around the call is among its arguments: what the decorator stands before."""
    params = {p.name for func in _around(site.function) or [site.function] for p in func.facts.params}
    handed = (*site.call.args, *(value for _, value in site.call.keywords))
    return any(isinstance(arg, m.Name) and arg.id in params for arg in handed)
