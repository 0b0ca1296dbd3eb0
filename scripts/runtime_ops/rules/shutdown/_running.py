"""What several shutdown rules ask about a resource or a call: who runs it, and in which phases."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_file, development_path
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.links import Edge
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Site
from runtime_ops.project.resources import Resource
from runtime_ops.project.waits import WaitSite

LASTING = ("service", "worker")
SIGKILLS = frozenset({"os.kill", "os.killpg"})
DEVELOPERS = re.compile(r"(?:^|_)(?:dev|develop|development|devserver|debug|runserver)(?:_|$)")
REMOVERS = frozenset(
    "os.remove os.unlink shutil.rmtree pathlib.Path.unlink pathlib.Path.rmdir os.rmdir os.removedirs".split()
)
STOP_NAME = re.compile(
    r"(?:^|_)(?:close|aclose|stop|shutdown|shut_down|cleanup|clean_up|teardown|tear_down|terminate|dispose|disconnect"
    r"|finali[sz]e|flush|drain)(?:$|_)"
)


def lasting_phases(project: Project, site: Site) -> tuple[tuple[Entrypoint, ...], frozenset[str]]:
    """The services and workers that run a call, and in which phases; those that only a developer starts left out."""
    found = {e: p for e, p in project.phases(site).items() if e.kind in LASTING and not for_developers(project, e)}
    return tuple(found), frozenset(p for each in found.values() for p in each)


def function_phases(project: Project, func: Func) -> tuple[tuple[Entrypoint, ...], frozenset[str]]:
    """The same for a function as a whole."""
    found = {
        e: p
        for e, p in project.phases_by_entrypoint(func).items()
        if e.kind in LASTING and not for_developers(project, e)
    }
    return tuple(found), frozenset(p for each in found.values() for p in each)


def for_developers(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether only development starts it: by its artifacts, or, when nothing starts it, by where it lies."""
    if DEVELOPERS.search(entrypoint.main.name) or development_file(entrypoint.path):
        return True
    if entrypoint.launches:
        return not entrypoint.production and not _started_elsewhere(project, entrypoint)
    folders = set(entrypoint.path.split("/")[:-1])
    if not folders & {"scripts", "tools", "bin", "hack", "dev", "contrib", "utils"} and not development_path(
        entrypoint.path
    ):
        return False
    return any(other.production for other in project.entrypoints if other.long_running) or "scripts" in folders


def _started_elsewhere(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether an application object that only development starts here is none of development's: no program of its kind has a
    start for production in this repository, so that one stands somewhere else."""
    if entrypoint.app is None or development_path(entrypoint.path):
        return False
    return not any(other.production for other in project.entrypoints if other.kind == entrypoint.kind)


def waits_by_call(project: Project) -> dict[int, WaitSite]:
    """The waits by the id of their call."""
    return {id(wait.site.call): wait for wait in project.waits}


def below(project: Project, func: Func, depth: int = 3) -> Iterator[Func]:
    """The function and the project functions that it calls, ``depth`` calls deep."""
    seen: set[Func] = set()
    pending = [(func, 0)]
    while pending:
        current, level = pending.pop(0)
        if current in seen:
            continue
        seen.add(current)
        yield current
        if level < depth:
            pending.extend((edge.callee, level + 1) for edge in calls_of(project, current))


def calls_of(project: Project, func: Func) -> Iterator[Edge]:
    """The certain calls of a function."""
    for edge in project.links.callees.get(func, ()):
        if edge.how == "call" and not edge.site.weak:
            yield edge


def receiver(site: Site) -> str:
    """The receiver as it is written (``self.proc`` of ``self.proc.kill``)."""
    return site.text.rpartition(".")[0]


def only_tells(func: Func) -> bool:
    """Whether a body does nothing but log, print, pass or return a constant."""
    return all(_tells(place.stmt, func) for place in func.places)


def _tells(stmt: m.Stmt, func: Func) -> bool:
    if isinstance(stmt, m.Pass | m.Try | m.Global | m.Import):
        return True
    if isinstance(stmt, m.Return):
        return stmt.value is None or isinstance(stmt.value, m.Const)
    if isinstance(stmt, m.ExprStmt):
        if isinstance(stmt.value, m.Const):
            return True
        sites = [s for s in func.sites if s.stmt is stmt]
        return bool(sites) and all(tells(s) for s in sites)
    return False


def tells(site: Site) -> bool:
    """A log call, a print, or what only makes text for one."""
    return log_call(site) is not None or site.text in ("print", "str", "repr", "type", "format", "len")


def names_in(expr: object) -> set[str]:
    """The names in an expression, heads of dotted names included."""
    found = set()
    for node in m.walk(expr):
        if isinstance(node, m.Name):
            found.add(node.id)
            found.add(node.id.partition(".")[0])
    return found


def in_arm_for(site: Site, words: Iterable[str]) -> bool:
    """Whether a call stands in an ``except`` arm whose types contain one of the words."""
    for step in site.steps:
        if step.arm == "handler" and step.handler is not None:
            caught = " ".join(step.handler.types)
            if any(word in caught for word in words):
                return True
    return False


def escapes(resource: Resource) -> bool:
    """Whether a local resource is handed to somebody who may end it: returned, stored, given to a call."""
    name = resource.kept.name
    for place in resource.function.places:
        stmt = place.stmt
        if isinstance(stmt, m.Return) and stmt.value is not None and name in names_in(stmt.value):
            return True
        value = stmt.value if isinstance(stmt, m.Assign) else None
        if value is not None and value is not resource.site.call and name in names_in(value):
            return True
    return any(
        name in {a.id for a in (*s.call.args, *(v for _, v in s.call.keywords)) if isinstance(a, m.Name)}
        for s in resource.function.sites
    )
