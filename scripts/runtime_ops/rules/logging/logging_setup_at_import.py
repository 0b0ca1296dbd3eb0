"""Importing a module sets logging up, and the program runs with that and not with what it asks for itself."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.log_configs import of_django
from runtime_ops.project.model import Module, Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._setups import (
    ROOT_CALLS,
    asks_otherwise,
    forced,
    level_of,
    resets_root,
    root_users,
    set_up_by_import,
)

RULE = Rule(
    __name__,
    severity="medium",
    summary="A module that is only imported configures logging at import, so the order of imports decides whose set-up holds.",
    lead=True,
)
NAMED_FOR_IT = ("log", "logs", "logger", "logging", "settings", "config", "conf", "gunicorn")
FLOODS = ("DEBUG", "NOTSET", 10, 0)
"""Levels of the root logger by which every library tells all that it does."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    mains = {e.main.module for e in project.entrypoints}
    decided: dict[Site, dict[str, tuple[list[Entrypoint], Site | None]]] = {}
    orders: dict[Module, tuple[Site, ...]] = {}
    for entrypoint in project.entrypoints:
        if entrypoint.kind not in ("service", "worker", "job") or resets_root(project, entrypoint):
            continue
        main = entrypoint.main.module
        if main not in orders:
            orders[main] = set_up_by_import(project, main)
        order = orders[main]
        if not order or not order[0].function.is_module or order[0].function.module in mains or _made_for_it(order[0].function.module):
            continue
        harm, other = _harm(project, entrypoint, order)
        if harm is not None:
            decided.setdefault(order[0], {}).setdefault(harm, ([], other))[0].append(entrypoint)
    for site, harms in decided.items():
        harm = next(h for h in HARMS if h in harms)
        entrypoints, other = harms[harm]
        words, severity, confidence = HARMS[harm]
        where = f"{other.path}:{other.line}" if other is not None else ""
        yield RULE.finding(
            site.path,
            site.line,
            f"Importing {site.function.module.name} runs {site.text}(): {words.format(other=where)}",
            "move it into a function that the entrypoint calls first; a module only takes its logger by getLogger(__name__)",
            end_line=site.call.end_line,
            severity=severity,
            confidence=confidence,
            phase="import",
            entrypoints=entrypoints,
            trace=[Evidence(other.path, other.line, "has no effect")] if other is not None else (),
            anchor=f"{site.function.module.name}:{site.dotted}",
        )


HARMS = {
    "lost": ("the program's own set-up in {other} comes later and is ignored without a word, its level and format too", "medium", "likely"),
    "flood": (
        "the level DEBUG holds for the root logger of whatever program imports the module, so each library in it writes all that it does",
        "medium",
        "likely",
    ),
    "order": ("{other} asks for another level, and the order of the imports decides which of the two holds", "low", "likely"),
    "only": ("no other set-up is seen, so whoever imports the module gets its level and handlers", "low", "possible"),
}
"""What comes of a set-up by import, the worst first."""


def _harm(project: Project, entrypoint: Entrypoint, order: tuple[Site, ...]) -> tuple[str | None, Site | None]:
    """What the first set-up by import does to the program: whatever adds a handler itself, or forces its own, is not hindered."""
    first, *others = order
    later = [s for s in others if s.dotted not in ROOT_CALLS]
    if first.dotted in ROOT_CALLS:
        return None, None
    main = entrypoint.main.module
    life = project.lives[entrypoint]
    own = [s for s in root_users(project, entrypoint.modules) if s not in order and life.at(s.function, s.line, s.steps) & {"startup"}]
    if any(s.dotted != "logging.basicConfig" or forced(s) for s in (*own, *later)):
        return None, None
    if of_django(entrypoint.modules):
        return None, None  # Django applies it, by dictConfig, when it is set up
    mine = [s for s in later if s.function.module is main]
    if mine or any(s.function is entrypoint.main for s in own):
        return None, None  # told where that set-up stands
    lost = next((s for s in own if asks_otherwise(s, first)), None)
    if lost is not None:
        return "lost", lost
    if first.dotted != "logging.basicConfig" or own:
        return None, None  # a whole configuration, and the only one
    if level_of(first) in FLOODS:
        return "flood", None
    other = next((s for s in later if level_of(s) != level_of(first)), None)
    return ("order", other) if other is not None else ("only", None)


def _made_for_it(module: Module) -> bool:
    """A settings module, or one whose name says that it sets logging up."""
    parts = (
        module.path.removesuffix(".py").removesuffix("/__init__").lower().replace("/", "_").replace(".", "_").split("_")
    )
    return bool(set(parts[-3:]) & set(NAMED_FOR_IT)) or any(p.startswith("logg") for p in parts[-2:])
