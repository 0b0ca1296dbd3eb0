"""``print`` where a service or worker does its work."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_path
from runtime_ops.project.entrypoints import Entrypoint, is_command, is_management_command
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import always_raises, ends, place_of, sites_in, statements_after
from runtime_ops.project.links import Links
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Place, Site, blocks_of, places_of
from runtime_ops.project.names import decorator_name
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.logging._failing import never_comes
from runtime_ops.rules.logging._printed_tracebacks import beside_a_record
from runtime_ops.rules.logging._programs import LOAD_GENERATORS, logs_at_all, programs, talkative

RULE = Rule(
    __name__,
    severity="low",
    summary="A service or worker writes to stdout by print: no level, no time, no structure, no correlation.",
)
WRITES = ("print", "pprint.pprint", "sys.stdout.write", "traceback.print_exc", "sys.stdout.writelines")
HABIT = 5  # prints that tell of no failure are worth one finding from here on
LEFT = 2  # left-over prints of values that make a habit of them
FOR_A_PERSON = re.compile(r"(?i)text|message|msg|line|banner|usage|help|version|output|report|table")
LEVELS = ("level", "priority", "severity", "lvl", "loglevel", "log_level")
ENDS = ("sys.exit", "exit", "quit", "os._exit", "os.abort")
ASKS = ("input", "builtins.input")
CACHES = ("cache", "lru_cache", "cached_property")
COMMAND_DEPTH = 2  # calls between a command and the helper that speaks to its user
CLIENT, SERVER = 400, 500  # from where on a status blames the caller, the server
REPORTERS = ("sentry_sdk.", "traceback.")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    arms = {id(arm.handler): arm for arm in project.failures}
    alone: list[Finding] = []
    habit: list[Finding] = []
    left: dict[str, int] = {}
    for site in project.sites(*WRITES[:3]):
        arm = _arm_of(site, arms)
        for kind in _kinds(project, site):
            if not _for_the_log(project, site, arm):
                continue
            if arm is not None and _only_record(arm):
                alone.append(_finding(project, site, kind))
            elif project.runs_in(site, "serving", kinds=("service", "worker")):  # a line at the stop harms no one
                habit.append(_finding(project, site, kind))
                left[site.path] = left.get(site.path, 0) + _left_over(site)
    yield from few(together(alone))
    yield from beside_a_record(project, RULE)
    only = not any(logs_at_all(program) for program in programs(project))
    if habit and (len(habit) >= HABIT or (only and not alone)):
        yield _of_habit(list(together(habit)), left, only)


def _of_habit(files: list[Finding], left: dict[str, int], only: bool) -> Finding:
    """The prints that tell of no failure: sure where they are all that the program says, or where values stand in the stream
    that somebody printed to look at them; else the author may speak to whoever watches, and nobody is hurt."""
    sure = only or sum(left.values()) >= LEFT
    if sure and not only:
        files = [f for f in files if left.get(f.path)]
    first, *others = sorted(files, key=lambda f: (-left.get(f.path, 0), -f.count, f.path, f.line))
    return replace(
        first,
        count=sum(f.count for f in files),
        also=tuple(Evidence(f.path, f.line, f"{f.count} of them") for f in others[:8]),
        entrypoints=tuple(dict.fromkeys(e for f in files for e in f.entrypoints)),
        anchor="habit",
        confidence=first.confidence if sure else "possible",
    )


def _left_over(site: Site) -> bool:
    """``print(rows)``: a value without a word, which its author wanted to see; a text that was made for a person is none."""
    given = site.call.args
    if len(given) != 1 or not isinstance(given[0], m.Name | m.Attr | m.Subscript):
        return False
    return not FOR_A_PERSON.search(source_of(given[0]))


def _finding(project: Project, site: Site, kind: str) -> Finding:
    return RULE.at(
        project,
        site,
        f"{site.text}() writes a bare line from the running {kind}: it has no level, time or request id, and cannot be "
        "filtered, parsed or joined with the other lines",
        "write it through the module's logger with a level and fields",
        # where a worker of celery runs it, as is usual, the line is made a record of its log
        confidence="possible" if any(e.framework == "celery" for e in project.runs_in(site, "serving", "shutdown")) else "likely",
        phases=("serving", "shutdown"),
        kinds=("service", "worker"),
    )


def _for_the_log(project: Project, site: Site, arm: HandlerEffects | None) -> bool:
    """Whether the line is one for the log of the running program: no word to a person at a terminal, no last word before the
    end, nothing that another stream or process takes, and no report of what is told in another way."""
    func = site.function
    return not (
        _goes_elsewhere(site)
        or _overwritten(site)
        or _behind_debug(site)
        or _last_words(site)
        or _own_process(project, func)
        or _of_unmade_class(func)
        or _handed_stream(site)
        or _interrupted(site)
        or _inside_logging(func)
        or _taken_by_prefect(project, func)
        or _of_command(project.links, func, 0)
        or _interactive(func)
        or _once(project.links, func, 0)
        or (arm is not None and (_beside_traceback(arm) or _logging_failed(arm) or _blames_caller(arm) or never_comes(arm)))
    )


def _arm_of(site: Site, arms: dict[int, HandlerEffects]) -> HandlerEffects | None:
    """The innermost ``except`` arm around the call."""
    handlers = [s.handler for s in site.steps if s.handler is not None]
    return arms.get(id(handlers[-1])) if handlers else None


def _only_record(arm: HandlerEffects) -> bool:
    """Whether the print is all that tells of a failure: nothing is logged in the arm, and no way of it raises the error on."""
    return arm.raises == "never" and not any(log_call(s) is not None for s in arm.calls if s.function is arm.func)


def few(found: Iterable[Finding]) -> Iterator[Finding]:
    """One finding for all files, which have the same mend, at the one that prints most."""
    ordered = sorted(found, key=lambda f: (-f.count, f.path, f.line))
    if not ordered:
        return
    first, *others = ordered
    also = (*first.also, *(Evidence(f.path, f.line, f"{f.count} of them") for f in others))[:8]
    entrypoints = tuple(dict.fromkeys(e for f in (first, *others) for e in f.entrypoints))
    yield replace(first, count=first.count + sum(f.count for f in others), also=also, entrypoints=entrypoints)


def _task_of_celery(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether an entrypoint is a task itself (``@shared_task``) whose worker was not found."""
    systems = [job.system for job in project.jobs.by_func.values() if job.func.module is entrypoint.main.module]
    return not entrypoint.framework and bool(systems) and all(row is not None and row.name == "celery" for row in systems)


def _from_task(project: Project, entrypoint: Entrypoint, func: Func) -> bool:
    """Whether the way to a function begins in a task of celery's, whichever program is held to run it."""
    job = project.jobs.by_func.get(project.lives[entrypoint].begin(func, "serving"))
    return job is not None and job.system is not None and job.system.name == "celery"


def _kinds(project: Project, site: Site) -> Iterator[str]:
    """The kind of the first long-running entrypoint that prints here while it serves; load generators talk by print."""
    running = project.runs_in(site, "serving", "shutdown", kinds=("service", "worker"))
    tasks = any(e.framework == "celery" or _from_task(project, e, site.function) for e in running)
    for entrypoint in running:
        if tasks and entrypoint.kind == "worker":
            continue  # the same task, by another way to start its worker
        if entrypoint.framework in LOAD_GENERATORS or talkative(project, entrypoint):
            continue
        if entrypoint.framework == "celery" or _task_of_celery(project, entrypoint):
            continue  # its worker turns what is printed into log records (worker_redirect_stdouts, celery 5.7.0)
        if not development_path(site.path) and project.lives[entrypoint].sure(site.function):
            yield entrypoint.kind
            return


def _goes_elsewhere(site: Site) -> bool:
    """``print(…, file=…)``: to stderr, a socket, a file."""
    return site.call.keyword("file") is not None


def _overwritten(site: Site) -> bool:
    """``print(…, end="\\r")``: a line of progress at a terminal, which the next one overwrites."""
    given = (*site.call.args, site.call.keyword("end"))
    parts = [part for expr in given if expr is not None for part in (expr.parts if isinstance(expr, m.Format) else (expr,))]
    return any(isinstance(p, m.Const) and isinstance(p.value, str) and p.value.strip("\n ")[:1] == "\r" for p in parts)


def _beside_traceback(arm: HandlerEffects) -> bool:
    """``traceback.print_exc()`` in the same arm: the failure is written, with its place, and the line adds nothing to it."""
    return any((site.dotted or site.text).startswith("traceback.print_") for site in arm.tracebacks if site.function is arm.func)


def _behind_debug(site: Site) -> bool:
    for step in site.steps:
        if isinstance(step.stmt, m.If) and any(
            isinstance(n, m.Name) and any(w in n.id.lower() for w in ("debug", "verbose", "dry_run"))
            for n in m.walk(step.stmt.test)
        ):
            return True
    return False


def _last_words(site: Site) -> bool:
    """A message just before the process ends, or before an exception: what follows in its block comes to no other end."""
    places = site.function.places
    number = next((i for i, p in enumerate(places) if p.stmt is site.stmt), None)
    following = places[number + 1 : number + 3] if number is not None else ()
    if any(_ends(p) for p in following if p.steps == site.steps):
        return True
    own = {id(p.stmt) for p in places if p.steps == site.steps}
    rest = tuple(stmt for stmt in statements_after(place_of(site), site.function) if id(stmt) in own)
    return bool(rest) and ends(rest, site.function) <= {"raise", "exit"}


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
    """In the arm for Ctrl-C or the program's own end: only the person at the terminal sees it."""
    return any(s.handler is not None and set(s.handler.types) & {"KeyboardInterrupt", "SystemExit"} for s in site.steps)


def _inside_logging(func: Func) -> bool:
    """In a handler of the logging library, which cannot log its own failure, or in a logger of the program's own, which prints the
    level and the time that its caller gives."""
    if func.cls is None:
        return False
    own = func.cls.name.lower().endswith(("logger", "log")) and any(p.name in LEVELS for p in func.facts.params)
    return own or any(b.endswith("Handler") and "log" in b for b in func.cls.external_bases)


@cache
def _taken_by_prefect(project: Project, func: Func) -> bool:
    """Whether Prefect makes records of what a flow or task prints: with ``log_prints=True``, which the tasks of a flow inherit, and
    the functions that only these call."""
    if not _logs_prints(project):
        return False
    seen: set[Func] = set()
    pending = [func]
    while pending:
        current = pending.pop()
        if current in seen or {decorator_name(d).rpartition(".")[2] for d in current.facts.decorators} & {"flow", "task"}:
            continue
        seen.add(current)
        callers = [e.caller for e in project.links.callers.get(current, ()) if not e.site.weak]
        if not callers:
            return False
        pending += callers
    return True


@cache
def _logs_prints(project: Project) -> bool:
    return any(
        isinstance(d, m.Call) and isinstance(given := d.keyword("log_prints"), m.Const) and given.value is True
        for func in project.functions
        for d in func.facts.decorators
    )


def _of_command(links: Links, func: Func, depth: int) -> bool:
    """Whether the function is a command, or helps one: what it prints is for the user of the command, also where a service
    calls it."""
    if is_command(func, links) or is_management_command(func.path):
        return True
    return depth < COMMAND_DEPTH and any(
        e.how == "call" and not e.site.weak and _of_command(links, e.caller, depth + 1) for e in links.callers.get(func, ())
    )


def _interactive(func: Func | None) -> bool:
    """In a console: the function, or one around it, asks the person at the terminal."""
    while func is not None and not func.is_module:
        if any((s.dotted or s.text) in ASKS for s in func.sites):
            return True
        func = func.parent
    return False


def _once(links: Links, func: Func, depth: int) -> bool:
    """What runs once in a process: a function whose answer is cached, Django's ``AppConfig.ready``, and what only these call."""
    if any(decorator_name(d).rpartition(".")[2] in CACHES for d in func.facts.decorators):
        return True
    if func.name == "ready" and func.cls is not None and any(b.endswith("AppConfig") for b in func.cls.external_bases):
        return True
    callers = [e for e in links.callers.get(func, ()) if not e.site.weak]
    return bool(callers) and depth < 1 and all(e.how == "call" and _once(links, e.caller, depth + 1) for e in callers)


def _logging_failed(arm: HandlerEffects) -> bool:
    """The last resort of what reports failures: the ``try`` does nothing but log, or hand to an error tracker."""
    leaves = [p.stmt for p in places_of(arm.attempt.body, ()) if not any(True for _ in blocks_of(p.stmt))]
    told = [sites for stmt in leaves if (sites := sites_in(stmt, arm.func))]
    reports = [any(log_call(s) is not None or (s.dotted or "").startswith(REPORTERS) for s in sites) for sites in told]
    return all(reports) and any(log_call(s) is not None for sites in told for s in sites)


def _blames_caller(arm: HandlerEffects) -> bool:
    """The request is refused as wrong (a status of 400 to 499) on every way out: whoever sent it is told."""
    return bool(arm.returns) and all(r.status is not None and CLIENT <= r.status < SERVER for r in arm.returns)
