"""Results of celery's jobs that are taken as soon as the job is ready, which one that failed is too."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, own_expressions

RESULTS = ("celery.result.AsyncResult", "celery.Celery.AsyncResult")
TELLS = frozenset("successful failed state status traceback get maybe_throw info get_leaf wait".split())
"""What tells a job that failed from one that worked, or raises its failure (celery 5.6, class ``AsyncResult``)."""


def taken_when_ready(project: Project) -> Iterator[tuple[Func, str, int]]:
    """The functions that ask whether a job is ``ready()`` and take its ``result``, and nothing that tells a failure: the name of the
    handle and the line in which the result is taken."""
    for site in project.sites(*RESULTS):
        func = site.function
        for name, bindings in func.bindings.items():
            if "." in name or not any(binding.expr is site.call for binding in bindings):
                continue
            used = {
                (node.id.rpartition(".")[2], node.line)
                for place in func.places
                for expr in own_expressions(place.stmt)
                for node in m.walk(expr)
                if isinstance(node, m.Name) and node.id.startswith(f"{name}.")
            }
            asked = {attribute for attribute, _ in used}
            handed = any(isinstance(arg, m.Name) and arg.id == name for other in func.sites for arg in other.call.args)
            refused = any(isinstance(n, m.Name) and n.id in ("isinstance", "issubclass") for s in func.sites for n in (s.call.func,))
            if {"ready", "result"} <= asked and not (asked & TELLS or handed or refused):
                yield func, name, min(line for attribute, line in used if attribute == "result")
