"""``load_dotenv()`` after an import that has read the environment."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Module, Site
from runtime_ops.project.settings import SettingRead
from runtime_ops.rules.api import Rule
from runtime_ops.rules.startup._reads import ENVIRONMENT

RULE = Rule(
    __name__,
    severity="medium",
    summary="load_dotenv() runs after an import that already read the environment.",
    lead=True,
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    loads = list(project.sites("dotenv.load_dotenv"))
    if not loads or _settings_read_it(project):
        return
    for site in loads:
        if not site.function.is_module:
            continue
        found = _read_before(project, site)
        if found is None:
            continue
        line, read = found
        yield RULE.finding(
            site.path,
            site.line,
            f"load_dotenv() comes after the import in line {line} whose modules read {read.name} while they are imported: "
            "what the .env file says about it has no effect",
            "call load_dotenv() before the first import of the project, or in the module that reads the settings",
            confidence="likely" if _runs(project, site.function.module) else "possible",
            phase="import",
            entrypoints=project.imported_by(site.function.module),
            trace=(Evidence(read.path, read.line, read.name),),
            anchor=read.name,
        )


def _runs(project: Project, module: Module) -> bool:
    """Whether something that is started imports the module, or nothing says what is started."""
    importing = project.imported_by(module)
    return any(e.started for e in importing) or not any(e.started for e in project.entrypoints)


def _settings_read_it(project: Project) -> bool:
    """Whether a settings class reads the .env file by itself: ``env_file=".env"``."""
    return any(
        key == "env_file"
        for module in project.modules
        for func in module.functions.values()
        for site in func.sites
        for key, _ in site.call.keywords
    ) or any("env_file" in klass.attributes for module in project.modules for klass in module.classes.values())


def _read_before(project: Project, site: Site) -> tuple[int, SettingRead] | None:
    module = site.function.module
    for place in module.level.places:
        stmt = place.stmt
        if not isinstance(stmt, m.Import) or stmt.line >= site.line or place.steps:
            continue
        target, _ = project.index.find(module, stmt.target.removesuffix(".*").removesuffix("*"))
        if target is None or target is module:
            continue
        for read in project.settings:
            if (
                read.function.is_module
                and read.how in ENVIRONMENT
                and read.function.module is not module
                and read.function.module in project.closure.of(target)
                and not _loads_it(project, read.function.module)
            ):
                return stmt.line, read
    return None


def _loads_it(project: Project, module: Module) -> bool:
    """Whether the module that reads loads the file itself, at its top level or in a class body: then it is in time."""
    if any(site.function.is_module for site in project.sites("dotenv.load_dotenv") if site.function.module is module):
        return True
    return any(
        isinstance(call.func, m.Name) and call.func.id.rpartition(".")[2] == "load_dotenv"
        for klass in module.classes.values()
        for call in m.calls(tuple(stmt for stmt in klass.facts.body if isinstance(stmt, m.ExprStmt)))
    )
