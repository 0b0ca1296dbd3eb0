"""Exceptions that are made as a statement of their own and never raised: ``ApiError("no such user", 404)``."""

from __future__ import annotations

import builtins
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Klass, Site
from runtime_ops.project.source_text import source_of

OWN = frozenset(
    name
    for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, BaseException) and not issubclass(kind, Warning)
)
ENDS = ("Error", "Exception")
ABSTRACT = "NotImplementedError"
"""Where nobody comes unless a subclass forgot something, an abstract method that does not raise it does no harm."""


def unraised(project: Project, func: Func) -> Iterator[Site]:
    """The exceptions that a function makes and drops."""
    for site in func.sites:
        name = site.method
        if site.used or not name[:1].isupper() or name == ABSTRACT:
            continue
        value = project.names.value(site.call.func, func)
        if value is None:
            continue
        if value.kind == "class" and isinstance(value.target, Klass):
            if _is_exception(value.target) and not _acts(value.target):
                yield site
        elif value.kind == "external" and value.name.removeprefix("builtins.") in OWN:
            yield site


def in_arm(site: Site) -> bool:
    """Whether it stands in an ``except`` arm, so that the failure that was caught is dropped with it."""
    return any(step.handler is not None for step in site.steps)


def said(site: Site) -> str:
    """The exception as it is written."""
    return source_of(site.call.func)


def _is_exception(klass: Klass) -> bool:
    return any(base.rpartition(".")[2] in OWN or base.endswith(ENDS) for base in klass.external_bases)


def _acts(klass: Klass) -> bool:
    """Whether making one does something by itself: it logs, ends the program, raises."""
    made = [base.methods["__init__"] for base in klass.ancestry if isinstance(base, Klass) and "__init__" in base.methods]
    made += [base.methods["__new__"] for base in klass.ancestry if isinstance(base, Klass) and "__new__" in base.methods]
    return any(
        m.Raise in func.by_kind or any(log_call(site) is not None or "exit" in site.text or "print" in site.text for site in func.sites)
        for func in made
    )
