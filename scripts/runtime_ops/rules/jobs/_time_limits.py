"""Whether the project sets a time limit for all jobs of its job system."""

from __future__ import annotations

import re
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func

NAMES = re.compile(r"time_?limit(?!_?exceeded)", re.I)
"""A limit by its name; ``SoftTimeLimitExceeded`` is what a job may catch where there is one, and sets none."""
OF_ALL = re.compile(r"(?i)(?:^|_)(?:task|celeryd?|celeryd_task|worker)_(?:soft_)?(?:time_?limit)$|^-*(?:soft[_-])?time[_-]limit=?$")
"""The names of settings and options; ``time_limit`` beside a job's own options is a keyword, and speaks of that job."""
OWN = frozenset(("time_limit", "soft_time_limit"))
OF_ONE = frozenset("task shared_task periodic_task actor job apply_async send_task signature si s enqueue".split())
"""Calls that make or send one job: what they are given is that job's, whatever it is named (celery takes ``time_limit`` there, and
makes nothing of ``task_time_limit``)."""
LOADERS = frozenset(("config_from_object", "config_from_envvar"))


@cache
def limits_all_jobs(project: Project) -> bool:
    """Whether any limit is written anywhere: in code, on a command line, in an artifact. One of a single job counts as well: who
    knows of it has thought of the others."""
    for launch in project.launches:
        words = (*launch.argv, *launch.options, *launch.env)
        if any(NAMES.search(word.replace("-", "_")) for word in words):
            return True
    for func in project.functions:
        for name in func.bindings:
            if NAMES.search(name):
                return True
        for site in func.sites:
            if any(k is not None and NAMES.search(k) for k, _ in site.call.keywords):
                return True
        for place in func.places:
            if isinstance(place.stmt, m.Assign) and any(
                isinstance(n, m.Const) and isinstance(n.value, str) and len(n.value) < 40 and NAMES.search(n.value)
                for n in m.walk((place.stmt.targets, place.stmt.value))
            ):
                return True
    for module in project.modules:
        for klass in module.classes.values():
            if any(NAMES.search(name) for name in klass.attributes):
                return True
    return False


@cache
def one_for_all(project: Project) -> bool:
    """Whether a setting or an option limits every job, and not only those that bear one of their own."""
    for launch in project.launches:
        if any(OF_ALL.search(word) for word in (*launch.argv, *launch.options, *launch.env)):
            return True
    for module in project.modules:
        names = [name for klass in module.classes.values() for name in klass.attributes]
        for func in module.functions.values():
            names += [name.rpartition(".")[2] for name in func.bindings]
            keys = ((site, key) for site in func.sites for key, _ in site.call.keywords)
            names += [key for site, key in keys if key is not None and "_time_limit" in key and site.method not in OF_ONE]
            names += [text for text in func.inventory.texts if len(text) < 40]
        if any(name.lower() not in OWN and OF_ALL.search(name) for name in names):
            return True
        if any(_of_conf(place.stmt) for func in module.functions.values() for place in func.by_kind.get(m.Assign, ())):
            return True
    return False


def _of_conf(stmt: m.Stmt) -> bool:
    """``app.conf.task_time_limit = 60``."""
    targets = stmt.targets if isinstance(stmt, m.Assign) else ()
    return any(isinstance(t, m.Name) and ".conf." in t.id and OF_ALL.search(t.id.rpartition(".")[2]) for t in targets)


@cache
def unread_settings(project: Project) -> bool:
    """Whether a job system takes its settings from a package that is not in the repository
    (``app.config_from_object("company.celery:Config")``): what limit they set is not known."""
    for func in project.functions:
        for site in func.sites:
            if site.method in LOADERS and site.call.args and _outside(project, site.call.args[0], func):
                return True
    return False


def _outside(project: Project, given: m.Expr, func: Func) -> bool:
    text = given.value.partition(":")[0] if isinstance(given, m.Const) and isinstance(given.value, str) else ""
    if not text:
        value = project.links.names.value(given, func)
        return value is not None and value.kind == "external"
    return not text.startswith("django.conf") and project.links.index.find(func.module, text)[0] is None
