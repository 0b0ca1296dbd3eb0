"""Settings of celery that are written with a prefix of which its application is not told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.programs import options_of
from runtime_ops.project.build import Project
from runtime_ops.project.model import Module, Site
from runtime_ops.rules.startup._reads import for_development

LOADERS = ("celery.Celery.config_from_object", "celery.app.base.Celery.config_from_object")
SETTINGS = "django.conf:settings"


class Unprefixed(NamedTuple):
    """A place that loads settings without a namespace, and the names that it passes over, with where they are written."""

    site: Site
    names: tuple[tuple[str, Module, int], ...]


def unprefixed(project: Project) -> Iterator[Unprefixed]:
    """One for each application that loads names which only its namespace would make settings: ``CELERY_TASK_TIME_LIMIT`` without
    ``namespace="CELERY"``. The old names (``CELERYD_TASK_TIME_LIMIT``) apply in both ways, and are none of these."""
    table = options_of("celery")
    if table is None or _told_otherwise(project):
        return
    for site in project.sites(*LOADERS):
        given = site.call.args[0] if site.call.args else site.call.keyword("obj")
        if len(site.call.args) > 1 or site.call.keyword("namespace") is not None or for_development(site.path):
            continue
        modules = _named(project, given, site)
        by_hand = _set_by_hand(site.function.module)
        found = [
            (name, module, module.level.bindings[name][0].line)
            for module in modules
            for name in table.namespaced
            if name in module.level.bindings and name.partition("_")[2].lower() not in by_hand
        ]
        if found:
            yield Unprefixed(site, tuple(found))


def _set_by_hand(module: Module) -> set[str]:
    """What the application's own module sets beside what it loads: ``app.conf.beat_schedule = app.conf.CELERY_BEAT_SCHEDULE``."""
    targets = (
        target.id
        for func in module.functions.values()
        for place in func.by_kind.get(m.Assign, ())
        if isinstance(place.stmt, m.Assign)
        for target in place.stmt.targets
        if isinstance(target, m.Name)
    )
    return {name.rpartition(".")[2] for name in targets if ".conf." in name}


def _told_otherwise(project: Project) -> bool:
    """Whether any application is made or loaded with a namespace: it may be this one, under another name."""
    return any(
        site.call.keyword("namespace") is not None
        for site in project.sites("celery.Celery", "celery.app.base.Celery", *LOADERS)
    )


def _named(project: Project, given: m.Expr | None, site: Site) -> list[Module]:
    """The modules of settings that a loader is given: the one of that name, or Django's."""
    if not isinstance(given, m.Const) or not isinstance(given.value, str):
        return []
    if given.value != SETTINGS:
        module, rest = project.links.index.find(site.function.module, given.value.partition(":")[0])
        return [module] if module is not None and not rest else []
    return [x for x in project.modules if "INSTALLED_APPS" in x.level.bindings and not for_development(x.path)]
