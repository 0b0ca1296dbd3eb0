"""``print`` where a service or worker does its work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_path
from runtime_ops.project.entrypoints import is_command
from runtime_ops.project.flows import always_raises
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Place, Site
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.logging._programs import LOAD_GENERATORS, logs_at_all, programs, talkative

RULE = Rule(
    __name__,
    severity="medium",
    summary="A service or worker writes to stdout by print: no level, no time, no structure, no correlation.",
)
WRITES = ("print", "pprint.pprint", "sys.stdout.write", "traceback.print_exc", "sys.stdout.writelines")
HABIT = 5  # prints that tell of no failure are worth one finding from here on
FILES = 3  # files that are worth a finding of their own
ENDS = ("sys.exit", "exit", "quit", "os._exit", "os.abort")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    found = together(
        RULE.at(
            project,
            site,
            f"{site.text}() writes a bare line from the running {kind}: it has no level, time or request id, and cannot be "
            "filtered, parsed or joined with the other lines",
            "write it through the module's logger with a level and fields",
            severity="medium" if _only_record(site) else "low",
            phases=("serving", "shutdown"),
            kinds=("service", "worker"),
        )
        for site in project.sites(*WRITES[:3])
        for kind in _kinds(project, site)
        if not _goes_elsewhere(site)
        and not _behind_debug(site)
        and not _last_words(site)
        and not _own_process(project, site.function)
        and not _of_unmade_class(site.function)
        and not _handed_stream(site)
        and not _interrupted(site)
        and not _inside_logging(site.function)
        and not is_command(site.function, project.links)
    )
    every = list(found)
    alone = [f for f in every if f.severity == "medium"]
    yield from few(alone)
    habit = [f for f in every if f.severity == "low"]
    only = not any(logs_at_all(program) for program in programs(project))
    if habit and (only or sum(f.count for f in habit) >= HABIT):
        first, *others = sorted(habit, key=lambda f: (-f.count, f.path, f.line))
        also = tuple(Evidence(f.path, f.line, f"{f.count} of them") for f in others[:8])
        entrypoints = tuple(dict.fromkeys(e for f in habit for e in f.entrypoints))
        yield replace(
            first, count=sum(f.count for f in habit), also=also, entrypoints=entrypoints, anchor="habit",
            severity="medium" if only else "low",
        )  # fmt: skip


def _only_record(site: Site) -> bool:
    """Whether the print is all that tells of a failure: it stands in an except arm in which nothing is logged."""
    handlers = [s.handler for s in site.steps if s.handler is not None]
    if not handlers:
        return False
    calls = {id(c) for c in m.calls(handlers[-1].body)}
    return not any(id(s.call) in calls and log_call(s) is not None for s in site.function.sites)


def few(found: Iterable[Finding]) -> Iterator[Finding]:
    """The files that print most one by one, all others in one finding for the habit."""
    ordered = sorted(found, key=lambda f: (-f.count, f.path, f.line))
    rest = ordered[FILES:]
    yield from ordered[:FILES]
    if len(rest) == 1:
        yield rest[0]
    elif rest:
        also = tuple(Evidence(f.path, f.line, f"{f.count} of them") for f in rest[1:9])
        entrypoints = tuple(dict.fromkeys(e for f in rest for e in f.entrypoints))
        yield replace(rest[0], count=sum(f.count for f in rest), also=also, entrypoints=entrypoints, anchor="habit")


def _kinds(project: Project, site: Site) -> Iterator[str]:
    """The kind of the first long-running entrypoint that prints here while it serves; load generators talk by print."""
    for entrypoint in project.runs_in(site, "serving", "shutdown", kinds=("service", "worker")):
        if entrypoint.framework in LOAD_GENERATORS or talkative(project, entrypoint):
            continue
        if entrypoint.framework == "celery":
            continue  # its worker turns what is printed into log records (worker_redirect_stdouts, celery 5.7.0)
        if not development_path(site.path) and project.lives[entrypoint].sure(site.function):
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


def _of_unmade_class(func: Func) -> bool:
    """A method of a class whose constructor always raises: nothing can make one."""
    init = func.cls.method("__init__") if func.cls is not None else None
    return init is not None and init is not func and always_raises(init)


def _handed_stream(site: Site) -> bool:
    """``sys.stdout.write`` under another name (``self.stdout.write``): whoever made the object chose the stream."""
    return site.method.startswith("write") and not site.text.startswith(("sys.", "stdout"))


def _interrupted(site: Site) -> bool:
    """In the arm for Ctrl-C: only the person at the terminal sees it."""
    return any(s.handler is not None and set(s.handler.types) & {"KeyboardInterrupt"} for s in site.steps)


def _inside_logging(func: Func) -> bool:
    """In a handler of the logging library, which cannot log its own failure."""
    return func.cls is not None and any(b.endswith("Handler") and "log" in b for b in func.cls.external_bases)
