"""Importing a module sets logging up."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, main_block
from runtime_ops.project.model import Module, Site
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="medium",
    summary="A module that is only imported configures logging at import, so the order of imports decides whose set-up holds.",
)
CALLS = ("logging.basicConfig", "logging.config.dictConfig", "logging.config.fileConfig")
NAMED_FOR_IT = ("log", "logs", "logger", "logging", "settings", "config", "conf", "gunicorn")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    mains = {e.main.module for e in project.entrypoints}
    sites = list(project.sites(*CALLS))
    packages = {s.function.module.folder for s in sites if s.function.is_module and s.function.path.endswith("/__init__.py")}
    for site in sites:
        module = site.function.module
        if any(_inside(module, folder) for folder in packages):
            continue  # importing its package has set logging up before
        if _sets_nothing(site):
            continue
        if not site.function.is_module or module in mains or _guarded(site, module) or _made_for_it(module):
            continue
        entrypoints = [e for e in project.imported_by(module, "service", "worker", "job") if _sets_up_later(project, e, site)]
        if not entrypoints:
            continue
        yield RULE.finding(
            module.path,
            site.line,
            f"Importing {module.name} runs {site.text}(): whoever imports it first decides level and handlers for the whole process, and "
            "the program's own set-up afterwards does nothing",
            "move it into a function that the entrypoint calls first; a module only takes its logger by getLogger(__name__)",
            end_line=site.call.end_line,
            phase="import",
            entrypoints=entrypoints,
            anchor=f"{module.name}:{site.dotted}",
        )


def _sets_up_later(project: Project, entrypoint: Entrypoint, site: Site) -> bool:
    """Whether the program's own set-up is a basicConfig, which does nothing once the root logger has a handler, or is missing:
    dictConfig, setLevel and an own handler take effect whatever came before."""
    own = [
        s
        for s in project.sites(*CALLS, "logging.root.addHandler")
        if s.function.module in entrypoint.modules and (not s.function.is_module or s.function.module is entrypoint.main.module)
    ]
    if any("LOGGING" in module.level.bindings for module in entrypoint.modules):
        return False  # Django applies it, by dictConfig, when it is set up
    if not own and site.dotted != "logging.basicConfig":
        return False  # a whole configuration, and the only one
    return all(s.dotted == "logging.basicConfig" and s.call.keyword("force") is None for s in own)


def _sets_nothing(site: Site) -> bool:
    """``dictConfig({"version": 1, "disable_existing_loggers": True})``: neither a handler nor a level."""
    given = site.call.args[0] if site.call.args else None
    if not isinstance(given, m.Mapping):
        return False
    keys = {k.value for k, _ in given.items if isinstance(k, m.Const)}
    return not keys & {"handlers", "root", "loggers"}


def _inside(module: Module, folder: str) -> bool:
    """Whether the module stands in or below the package of that folder and is not the package itself."""
    return module.path.startswith(f"{folder}/") and module.path != f"{folder}/__init__.py"


def _guarded(site: Site, module: Module) -> bool:
    """Under ``__main__`` or any other condition."""
    block = main_block(module)
    return any(step.stmt is block or step.arm in ("body", "orelse") for step in site.steps)


def _made_for_it(module: Module) -> bool:
    """A settings module, or one whose name says that it sets logging up."""
    parts = (
        module.path.removesuffix(".py").removesuffix("/__init__").lower().replace("/", "_").replace(".", "_").split("_")
    )
    return bool(set(parts[-3:]) & set(NAMED_FOR_IT)) or any(p.startswith("logg") for p in parts[-2:])
