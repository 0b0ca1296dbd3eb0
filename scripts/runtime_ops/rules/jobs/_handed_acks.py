"""Acknowledgements that a queue hands along with each message: ``{"finished": partial(self.ack, receipt)}``, ``Message(done=…)``.

Whoever works on the message calls ``finished()``, which says nothing of what it does; the name under which it is handed does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Site


def handed_acks(project: Project, acks: Collection[str]) -> Iterator[tuple[Site, Func]]:
    """The calls of what was handed along as the acknowledgement of a message, each with the function that it stands for."""
    handed: dict[str, Func] = {}
    for func in project.functions:
        if _acknowledges(func, acks):
            for edge in project.links.callers.get(func, ()):
                if edge.how == "reference":
                    handed.update((name, func) for name in _names(edge.site))
    if not handed:
        return
    for func in project.functions:
        for site in func.sites:
            name = site.text.rpartition(".")[2]
            if name in handed and not site.targets and (site.dotted is None or "()." in site.dotted):
                yield site, handed[name]


def _acknowledges(func: Func, acks: Collection[str]) -> bool:
    """Whether a function does nothing but to acknowledge one message, and to log it."""
    calls = [site for site in func.sites if log_call(site) is None]
    return len(calls) == 1 and calls[0].method in acks and not calls[0].targets


def _names(site: Site) -> Iterator[str]:
    """The keys and keywords under which a statement hands along what a call makes."""
    for node in m.walk(site.stmt):
        if isinstance(node, m.Mapping):
            for key, value in node.items:
                if value is site.call and isinstance(key, m.Const) and isinstance(key.value, str):
                    yield key.value
        elif isinstance(node, m.Call):
            yield from (name for name, value in node.keywords if value is site.call and name is not None)
