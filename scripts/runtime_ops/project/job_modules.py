"""The modules whose jobs a worker must know of although no import that is seen leads to them: their library is told by a
configuration that lies elsewhere (a class of another package, a file of the platform's) what to import."""

from __future__ import annotations

from collections.abc import Collection

from runtime_ops.facts import model as m
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Module

REGISTERS = "celery.Celery.register_task"
MAKES = "celery.Celery.task"


def job_modules(links: Links, app: Module) -> frozenset[Module]:
    """Modules that take the celery application out of ``app`` and register their jobs with it."""
    return frozenset(module for module in links.index if module is not app and _takes(links, module, app) and _registers(links, module))


def unseen_jobs(links: Links, loaded: Collection[Module], app: Module) -> frozenset[Module]:
    """Those of `job_modules` where a worker is not seen to load any: one that has jobs and knows of none would have no work.

    ``loaded``: what it is seen to import.
    """
    if _registers(links, app):
        return frozenset()
    found = job_modules(links, app)
    return frozenset() if found & frozenset(loaded) else found


def _registers(links: Links, module: Module) -> bool:
    if any(site.dotted == REGISTERS for site in module.level.sites):
        return True
    return any(_makes_a_job(links, decorator, func) for func in module.functions.values() for decorator in func.facts.decorators)


def _makes_a_job(links: Links, decorator: m.Expr, func: Func) -> bool:
    value = links.names.value(decorator.func if isinstance(decorator, m.Call) else decorator, func.parent or func.module.level)
    return value is not None and value.name == MAKES


def _takes(links: Links, module: Module, app: Module) -> bool:
    """Whether the module imports something of ``app``."""
    return any(
        binding.kind == "import" and links.index.find(module, binding.text)[0] is app
        for bindings in module.level.bindings.values()
        for binding in bindings
    )
