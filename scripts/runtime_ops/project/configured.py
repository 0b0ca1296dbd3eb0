"""Limits that stand in configuration: settings modules, ``app.conf``, dictionaries of options."""

from __future__ import annotations

from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence
from runtime_ops.libraries.timeouts import Wait
from runtime_ops.project.deadlines import Deadline, Judge
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func
from runtime_ops.project.source_text import source_of


class Configured(NamedTuple):
    """One place where a name of configuration gets a value."""

    name: str
    expr: m.Expr
    function: Func
    line: int


class Configuration:
    """Values that the project gives to names of configuration: assignments, keyword arguments, keys of dictionaries."""

    def __init__(self, links: Links, judge: Judge) -> None:
        self.links = links
        self.judge = judge
        self._index: dict[str, list[Configured]] | None = None
        self._engines: tuple[Configured, ...] | None = None

    def limit(self, row: Wait) -> Deadline | None:
        """The limit that configuration sets for a row; None when no such name gets a value."""
        for parameter in row.parameters:
            if "constructor" in row.where and not parameter.isupper():
                continue  # of both kinds the settings are in capitals
            outer, _, inner = parameter.rpartition(".")
            if ".*." in parameter:
                at_each = self._of_each(parameter, row)
                if at_each is not None:
                    return at_each
                continue
            for found in self.named(outer.rpartition(".")[2] or inner):
                if "OPTIONS" in parameter.split(".") and found.name != "OPTIONS":
                    continue  # Django's key; other names that end so mean other things
                if outer:
                    if not isinstance(found.expr, m.Mapping):
                        continue
                    given = {str(k.value).lower(): v for k, v in found.expr.items if isinstance(k, m.Const)}  # django-redis: capitals
                    if inner in given:
                        return self.judge.given(given[inner], found.function, row, inner, "config", found.line)
                    if "timeout" in inner and (connecting := inner.replace("timeout", "connect_timeout")) in given:
                        at = Evidence(found.function.path, found.line, f"{connecting}: limits connecting only")
                        return Deadline("partly", at.note, "config", source=at)
                elif inner.lower().endswith("options"):  # OPTIONS, SQLALCHEMY_ENGINE_OPTIONS
                    limits = mapping_limit(found.expr, found.function, row, self.judge, "config", found.line)
                    if limits is not None:
                        return limits
                else:
                    return self.judge.given(found.expr, found.function, row, inner, "config", found.line)
        return None

    def _of_each(self, parameter: str, row: Wait) -> Deadline | None:
        """The limit of a setting that holds one mapping for each of several things, ``MAILERS.*.OPTIONS.timeout``, where each has one."""
        setting, _, within = parameter.partition(".*.")
        for found in self.named(setting):
            each = [value for _, value in found.expr.items] if isinstance(found.expr, m.Mapping) else []
            limits = [part for value in each if (part := _within(value, within.split("."))) is not None]
            if each and len(limits) == len(each):
                return self.judge.given(limits[0], found.function, row, within.rpartition(".")[2], "config", found.line)
        return None

    def named(self, parameter: str) -> list[Configured]:
        """Places where a name that is ``parameter``, in any case and with any prefix (``CELERY_…``), gets a value."""
        if self._index is None:
            self._index = self._build()
        wanted = parameter.lower()
        exact = self._index.get(wanted, [])
        return exact or [c for name, found in self._index.items() if name.endswith(f"_{wanted}") for c in found]

    def django_engines(self) -> tuple[Configured, ...]:
        """The values of ``ENGINE`` and ``BACKEND`` in the settings, where they are texts."""
        if self._engines is None:
            found = [*self.named("engine"), *self.named("backend")]
            self._engines = tuple(
                c
                for c in found
                if isinstance(c.expr, m.Const) and isinstance(c.expr.value, str) and "." in c.expr.value
            )
        return self._engines

    def _build(self) -> dict[str, list[Configured]]:
        index: dict[str, list[Configured]] = {}

        def add(name: str, expr: m.Expr, func: Func, line: int) -> None:
            index.setdefault(name.rpartition(".")[2].lower(), []).append(Configured(name, expr, func, line))

        for module in self.links.index:
            for func in module.functions.values():
                if not _configures(func):
                    continue
                for name, bindings in func.bindings.items():
                    for binding in bindings:
                        if binding.kind == "assign" and binding.expr is not None:
                            add(name, binding.expr, func, binding.line)
                for node in (n for place in func.facts.body for n in m.walk(place)):
                    if isinstance(node, m.Mapping):
                        for key, value in node.items:
                            if isinstance(key, m.Const) and isinstance(key.value, str):
                                add(key.value, value, func, node.line)
                    elif isinstance(node, m.Call):
                        for key_name, value in node.keywords:
                            if key_name is not None:
                                add(key_name, value, func, node.line)
                for klass in module.classes.values():
                    if func.is_module:
                        for stmt in klass.facts.body:
                            if isinstance(stmt, m.Assign) and stmt.value is not None:
                                for target in stmt.targets:
                                    if isinstance(target, m.Name):
                                        add(target.id, stmt.value, func, stmt.line)
        return index


def _within(expr: m.Expr, keys: list[str]) -> m.Expr | None:
    """What a mapping of mappings holds below some keys."""
    for key in keys:
        items = expr.items if isinstance(expr, m.Mapping) else ()
        found = next((value for k, value in items if isinstance(k, m.Const) and k.value == key), None)
        if found is None:
            return None
        expr = found
    return expr


def _configures(func: Func) -> bool:
    """Module levels, and functions that make or configure an application."""
    return func.is_module or any(
        w in func.name.lower() for w in ("conf", "setting", "create", "make", "init", "setup", "build", "get_")
    )


def mapping_limit(expr: m.Expr, func: Func, row: Wait, judge: Judge, how: str, line: int) -> Deadline | None:
    """The limit inside ``connect_args={…}``, ``OPTIONS={…}``, ``options="-c statement_timeout=…"``; None when there is none.

    A limit on connecting alone is ``partly``.
    """
    at = Evidence(func.path, getattr(expr, "line", line) or line, source_of(expr, 80))
    entries = _entries(expr, func)
    if entries is not None:
        partly: Deadline | None = None
        for key, value in entries:
            if key is None:
                return Deadline("unknown", f"{at.note}: unpacks another mapping", how, source=at)
            name = key.value if isinstance(key, m.Const) and isinstance(key.value, str) else ""
            text = source_of(value, 200)
            if name == "connect_args":  # inside the options of an engine
                inner = mapping_limit(value, func, row, judge, how, line)
                if inner is not None and inner.bounded is not None:
                    return inner
                partly = inner or partly
                continue
            if "pool" in name.lower():  # waits for a free connection, not for the peer
                continue
            if "statement_timeout" in text or "max_execution_time" in text:
                return Deadline("expression", at.note, how, source=at)
            if "timeout" in name.lower() and "conn" not in name.lower() and "idle" not in name.lower():
                return judge.given(value, func, row, name, how, line)
            if "timeout" in name.lower() and "conn" in name.lower():
                partly = Deadline("partly", f"{at.note}: limits connecting only", how, source=at)
        return partly
    text = source_of(expr, 400)
    if "statement_timeout" in text or "max_execution_time" in text:
        return Deadline("expression", at.note, how, source=at)
    if isinstance(expr, m.Const | m.Format):
        return None
    return Deadline("unknown", f"{at.note} cannot be followed", how, source=at)


def _entries(expr: m.Expr, func: Func) -> list[tuple[m.Expr | None, m.Expr]] | None:
    """Keys and values of a dictionary: a display, or a local name bound to one and added to; None for anything else."""
    if isinstance(expr, m.Mapping):
        return list(expr.items)
    if not isinstance(expr, m.Name):
        return None
    bound = [b.expr for b in func.bindings.get(expr.id, ()) if b.kind == "assign" and b.expr is not None]
    if not bound or not all(isinstance(b, m.Mapping) for b in bound):
        return None
    found = [item for b in bound if isinstance(b, m.Mapping) for item in b.items]
    for place in func.places:
        if isinstance(place.stmt, m.Assign) and place.stmt.value is not None:
            for target in place.stmt.targets:
                if isinstance(target, m.Subscript) and source_of(target.value) == expr.id:
                    found.append((target.key, place.stmt.value))
    return found
