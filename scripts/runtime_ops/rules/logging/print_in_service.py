"""``print`` where a service or worker does its work."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Place, Site
from runtime_ops.rules.api import Rule, together

RULE = Rule(
    __name__,
    severity="medium",
    summary="A service or worker writes to stdout by print: no level, no time, no structure, no correlation.",
)
WRITES = ("print", "pprint.pprint", "sys.stdout.write", "traceback.print_exc", "sys.stdout.writelines")
ENDS = ("sys.exit", "exit", "quit", "os._exit", "os.abort")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(
        RULE.at(
            project,
            site,
            f"{site.text}() writes a bare line from the running {kind}: it has no level, time or request id, and cannot be "
            "filtered, parsed or joined with the other lines",
            "write it through the module's logger with a level and fields",
            phases=("serving", "shutdown"),
            kinds=("service", "worker"),
        )
        for site in project.sites(*WRITES[:3])
        for kind in _kinds(project, site)
        if not _goes_elsewhere(site)
        and not _behind_debug(site)
        and not _last_words(site)
        and not _own_process(project, site.function)
    )


def _kinds(project: Project, site: Site) -> Iterator[str]:
    """The kind of the first long-running entrypoint that prints here while it serves; load generators talk by print."""
    for entrypoint in project.runs_in(site, "serving", "shutdown", kinds=("service", "worker")):
        if entrypoint.framework != "locust":
            yield entrypoint.kind
            return


def _goes_elsewhere(site: Site) -> bool:
    """``print(…, file=…)``: to stderr, a socket, a file."""
    return site.call.keyword("file") is not None


def _behind_debug(site: Site) -> bool:
    for step in site.steps:
        if isinstance(step.stmt, m.If) and any(
            isinstance(n, m.Name) and any(w in n.id.lower() for w in ("debug", "verbose", "dry_run"))
            for n in m.walk(step.stmt.test)
        ):
            return True
    return False


def _last_words(site: Site) -> bool:
    """A message just before the process ends."""
    places = site.function.places
    number = next((i for i, p in enumerate(places) if p.stmt is site.stmt), None)
    following = places[number + 1 : number + 3] if number is not None else ()
    return any(_ends(p) for p in following if p.steps == site.steps)


def _ends(place: Place) -> bool:
    stmt = place.stmt
    if isinstance(stmt, m.Raise):
        return True
    return (
        isinstance(stmt, m.ExprStmt)
        and isinstance(stmt.value, m.Call)
        and isinstance(stmt.value.func, m.Name)
        and stmt.value.func.id in ENDS
    )


def _own_process(project: Project, func: Func) -> bool:
    """The target of a spawned process: its stdout is the parent's business."""
    return any(e.how == "reference" and e.via.endswith("Process") for e in project.links.callers.get(func, ()))
