"""Functions that nothing of the project calls, but a library may: a decorator has registered them, or their class is one of the
library's.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.names import type_of
from runtime_ops.project.decorators import decorated_by
from runtime_ops.project.development import defined_for_debugging
from runtime_ops.project.entrypoints import is_command
from runtime_ops.project.links import COMMON_METHODS, MANAGERS, Links
from runtime_ops.project.model import Func, Klass, Module
from runtime_ops.project.names import decorator_name
from runtime_ops.project.roles import Roles
from runtime_ops.project.seeds import Seed
from runtime_ops.project.wrapping import only_wraps

INERT_DECORATORS = (
    "property", "staticmethod", "classmethod", "functools.", "contextlib.", "abc.", "typing.", "dataclasses.", "enum.",
    "overload", "cached_property", "pytest.", "unittest.", "warnings.", "deprecated", "attr.", "attrs.", "typing_extensions.",
    "backoff.", "tenacity.", "stamina.", "retrying.", "cachetools.", "wrapt.",
)  # fmt: skip
"""How the decorators begin that leave a function to its callers."""
PLAIN_BASES = (
    "object", "Exception", "BaseException", "abc.ABC", "ABC", "enum.", "Enum", "typing.", "dict", "list", "set", "str",
    "int", "tuple", "ValueError", "RuntimeError", "TypeError", "KeyError", "pydantic.", "unittest.", "json.JSONEncoder",
    "collections.", "argparse.", "dataclasses.", "Error", "io.", "typing_extensions.", "Protocol",
)  # fmt: skip
"""How the classes begin whose methods are called by those who write them alone."""
WRAPPING = frozenset(
    """retry retries retrying retriable retryable backoff cache cached cachedmethod memoize memoized atomic timed timeit time
    timer profile instrument throttle ratelimit limit authenticated exempt inject jit deprecated synchronized transactional
    login permission""".split()
)
"""Words in the names of decorators that wrap what they are given, and register it nowhere."""
MODELS = (
    "django.db.models.Model", "django.contrib.gis.db.models.Model", "sqlalchemy.orm.DeclarativeBase", "flask_sqlalchemy.SQLAlchemy.Model",
    "sqlalchemy.ext.declarative.declarative_base", "sqlalchemy.orm.declarative_base", "peewee.Model", "mongoengine.Document",
    "tortoise.models.Model", "tortoise.Model", "sqlmodel.SQLModel", "pony.orm.Entity", "ormar.Model",
)  # fmt: skip
"""Classes of stored objects: the program calls what they add, and the library the few methods that it has itself."""
MODEL_HOOKS = frozenset(
    """save delete clean clean_fields full_clean validate_unique validate_constraints save_base refresh_from_db from_db natural_key
    get_absolute_url __str__ __repr__ __init__ __init_subclass__ create update insert get_deferred_fields pre_save post_save""".split()
)
MANAGER_HOOKS = frozenset(
    """get_queryset all none filter exclude get aget create acreate get_or_create update_or_create bulk_create bulk_update update
    delete count exists first last latest earliest iterator values values_list annotate aggregate order_by select_related
    prefetch_related defer only using db_manager complex_filter in_bulk contribute_to_class deconstruct check as_manager
    get_by_natural_key aget_by_natural_key create_superuser create_user""".split()
)
"""What Django itself calls on a manager or a query set (Django 5.2, db/models/manager.py and query.py; contrib/auth's commands)."""
CALLED = frozenset({"client", "connection", "consumer", "cursor", "pool", "producer", "session", "thread", "process"})
"""Kinds of a library's classes that programs call: what a class below one adds is not called by the library."""
JOB_WORDS = re.compile(r"(?i)(^|_)(tasks?|jobs?|actors?|cron|cronjob|periodic|scheduled?|recurring|worker)(_|$)")


class Callback(NamedTuple):
    """A function that a library may call, with the ``kind`` of its role (None where it has none) and what says so."""

    func: Func
    kind: str | None
    seed: Seed


class LibraryCallbacks:
    """Finds such functions module by module; remembers the answers."""

    def __init__(self, links: Links, roles: Roles) -> None:
        self.links = links
        self.roles = roles
        self._uncalled: dict[Module, list[Callback]] = {}

    def uncalled_in(self, module: Module) -> list[Callback]:
        """Such functions of a module, whatever reaches them."""
        if module in self._uncalled:
            return self._uncalled[module]
        found: list[Callback] = []
        for func in module.functions.values():
            if func.is_module or self.links.callers.get(func) or is_command(func, self.links):
                continue
            if defined_for_debugging(func):
                continue
            if any(_registers(d, func, self.links) for d in func.facts.decorators):
                seed = Seed("decorator", func.name)
            elif func.cls is not None and _library_may_call(func.cls, func.name) and _callable(func):
                seed = Seed("library class", func.name, func.cls.external_bases[0])
            else:
                continue
            role = self.roles.role(func)
            found.append(Callback(func, role.kind if role is not None else None, seed))
        self._uncalled[module] = found
        return found


def _registers(decorator: m.Expr, func: Func, links: Links) -> bool:
    dotted = decorated_by(decorator, func, links)
    name = dotted if dotted is not None else decorator_name(decorator)
    if (
        not name
        or name.startswith(INERT_DECORATORS)
        or name.rpartition(".")[2] in ("setter", "getter", "deleter", "wraps")
    ):
        return False
    return not only_wraps(decorator, func, links) if dotted is None else not _wraps(dotted)


def _wraps(dotted: str) -> bool:
    """Whether the name of a library's decorator says that it only wraps: ``eth_retry.auto_retry``, ``cachetools.cached``."""
    last = dotted.rpartition(".")[2]
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", last)}
    return bool(words & WRAPPING) and "on" not in words


def named_for_jobs(func: Func) -> bool:
    """Whether a decorator speaks of jobs: ``@register_task_handler()``, ``@actor(priority=…)``."""
    return any(JOB_WORDS.search(decorator_name(d).rpartition(".")[2]) for d in func.facts.decorators)


def _callable(func: Func) -> bool:
    """Whether a method is one that others call, also the object itself: no private one, nor a property, which is read."""
    private = func.name.startswith("_") and func.name != "__call__"
    return not private and not any(decorator_name(d).endswith("property") for d in func.facts.decorators)


def _library_may_call(klass: Klass, name: str) -> bool:
    return any(
        not (base.startswith(PLAIN_BASES) or base.endswith(("Error", "Exception")))
        and (name == "run" or not _only_called(base))
        and (name in MODEL_HOOKS or not base.startswith(MODELS))
        and (name in MANAGER_HOOKS or name in COMMON_METHODS or name.startswith("_") or not _is_manager(base))
        for base in klass.external_bases
    )


def _is_manager(base: str) -> bool:
    """Whether a library's class is a manager or a query set of Django's: the program calls what a class below one adds."""
    return base.startswith(("django", "polymorphic", "mptt", "model_utils", "treebeard")) and base.endswith(MANAGERS)


def _only_called(base: str) -> bool:
    row = type_of(base)
    return row is not None and row.kind in CALLED
