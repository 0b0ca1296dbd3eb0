"""What a decorator of a library makes of a function: a job, or anything else that is known by the decorator's dotted name."""

from __future__ import annotations

from collections.abc import Iterable

from runtime_ops.facts import model as m
from runtime_ops.libraries.surface import surface
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Module

CELERY_TASK = "celery.Celery.task"
CELERY_REGISTERS = "celery.Celery.register_task"


def decorated_by(decorator: m.Expr, func: Func, links: Links) -> str | None:
    """Canonical dotted name of a library's decorator, None for the project's own or unknown ones."""
    known = links.decorated
    if id(decorator) not in known:  # many ask for those of every function
        known[id(decorator)] = _decorated_by(decorator, func, links)
    return known[id(decorator)]


def _decorated_by(decorator: m.Expr, func: Func, links: Links) -> str | None:
    expr = decorator.func if isinstance(decorator, m.Call) else decorator
    scope = func.parent or func.module.level
    value = links.names.value(expr, scope)
    if value is not None and isinstance(value.target, Func) and isinstance(decorator, m.Call):
        return handed_through(value.target, links)
    if value is not None and value.origin is not None and "partial" in value.name and value.origin.call.args:
        # job = partial(job_decorator, connection=…)
        value = links.names.value(value.origin.call.args[0], value.origin.function)
    if value is None or value.kind not in ("external", "made"):
        if value is not None and value.kind in ("instance", "class") and isinstance(value.target, Klass):
            external = value.target.external_bases
            return external[0] if external else None
        return None
    return value.name


def handed_through(func: Func, links: Links) -> str | None:
    """The library's decorator that a project's function returns, ``def task(**kwargs): return shared_task(base=X, **kwargs)``,
    or applies to a function made inside it: ``return huey.task(retries=retries)(inner)``."""
    for place in func.places:
        stmt = place.stmt
        if isinstance(stmt, m.Return) and isinstance(stmt.value, m.Call) and stmt.value.expands:
            value = links.names.value(stmt.value.func, func)
            if value is not None and value.kind == "external":
                return value.name
    return next((name for inner in _inside(func) for name in _applied(inner, links)), None)


def _inside(func: Func) -> Iterable[Func]:
    """The function and those that are made inside it: ``task`` and its ``deco``."""
    return (func, *(f for f in func.module.functions.values() if f.parent is func))


def _applied(func: Func, links: Links) -> Iterable[str]:
    """Library's decorators that the function applies to another made inside it, and returns what comes of that."""
    for place in func.places:
        made = place.stmt.value if isinstance(place.stmt, m.Return) else None
        if not isinstance(made, m.Call) or len(made.args) != 1 or not isinstance(made.func, m.Call):
            continue
        wrapped = links.names.value(made.args[0], func)
        if wrapped is not None and isinstance(wrapped.target, Func) and wrapped.target.parent is func:
            value = links.names.value(made.func.func, func)
            if value is not None and value.kind in ("external", "made"):
                yield value.name


def is_job(func: Func, links: Links) -> bool:
    """Whether a job system runs the function."""
    for decorator in func.facts.decorators:
        dotted = decorated_by(decorator, func, links)
        if dotted is not None and surface("job-decorator", dotted) is not None:
            return True
    return False


def registers_jobs(module: Module, links: Links) -> bool:
    """Whether a module gives a celery application jobs, by its decorator or as objects of a class."""
    if any(site.dotted == CELERY_REGISTERS for site in module.level.sites):
        return True
    decorated = ((decorator, func) for func in module.functions.values() for decorator in func.facts.decorators)
    return any(decorated_by(decorator, func, links) == CELERY_TASK for decorator, func in decorated)
