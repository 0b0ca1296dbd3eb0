"""Which functions a timetable of celery runs: ``beat_schedule`` names them by text, ``add_periodic_task`` by their signature."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Place

KEYS = frozenset(("task", "schedule"))
SIGNATURES = (".s", ".si", ".signature")


def timetable(links: Links, jobs: Iterable[tuple[Func, m.Call | None]]) -> frozenset[Func]:
    """Those of the job functions (with the call that carries their options) that a timetable in the code runs."""
    names: set[str] = set()
    found: set[Func] = set()
    for module in links.index:
        for func in module.functions.values():
            if KEYS.issubset(func.inventory.texts):
                names.update(_tasks(func.places))
            if "add_periodic_task" in func.wording:
                found.update(_signed(links, func))
        for klass in module.classes.values():  # ``class Config: CELERY = {"beat_schedule": {…}}``
            names.update(_tasks(klass.places))
    return frozenset(found | {func for func, options in jobs if names and _named(func, options, names)})


def _tasks(places: Iterable[Place]) -> Iterator[str]:
    """The values of ``"task"`` in mappings that have a ``"schedule"`` beside it."""
    for place in places:
        stmt = place.stmt
        for node in m.walk(stmt.value) if isinstance(stmt, m.Assign | m.ExprStmt | m.Return) and stmt.value is not None else ():
            if not isinstance(node, m.Mapping):
                continue
            items = {key.value: value for key, value in node.items if isinstance(key, m.Const)}
            task = items.get("task")
            if items.keys() >= KEYS and isinstance(task, m.Const) and isinstance(task.value, str):
                yield task.value


def _signed(links: Links, func: Func) -> Iterator[Func]:
    """``sender.add_periodic_task(60.0, refresh.s())``."""
    for site in func.sites:
        given = site.call.argument("sig", 1) if site.method == "add_periodic_task" else None
        text = given.func.id if isinstance(given, m.Call) and isinstance(given.func, m.Name) else ""
        if text.endswith(SIGNATURES):
            value = links.names.name(text.rpartition(".")[0], func)
            if value is not None and isinstance(value.target, Func):
                yield value.target


def _named(func: Func, options: m.Call | None, names: set[str]) -> bool:
    given = options.keyword("name") if options is not None else None
    if isinstance(given, m.Const):
        return given.value in names
    return any(name == func.name or name.endswith(f"{func.module.name.rpartition('.')[2]}.{func.name}") for name in names)
