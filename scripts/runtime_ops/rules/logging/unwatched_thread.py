"""A thread that does the program's work and whose death nobody sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.timeouts import waits
from runtime_ops.project.build import Project
from runtime_ops.project.coroutine_tasks import handed_to
from runtime_ops.project.flows import ends, takes_anything
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.loops import is_endless, left_behind
from runtime_ops.project.model import Func, Place, Site, Step
from runtime_ops.project.resources import Resource
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.jobs._words import catches_all, ends_process, minds_its_failures
from runtime_ops.rules.logging._thread_servers import opened_in

RULE = Rule(
    __name__,
    severity="high",
    summary="Serving work runs in a thread that an exception ends for good, and nothing restarts it, reports it or looks at it.",
    lead=True,
)
KINDS = ("service", "worker")
TAKES = frozenset(("get", "put", "put_nowait", "get_nowait"))
SINGLE = 3  # findings of their own
WORK = 4  # statements of a one-off target that are worth a finding
# calls that do not fail in practice, or whose failure says that the program ends
TAME = frozenset(
    """sleep wait is_set set clear time monotonic perf_counter now get_nowait qsize empty len str int bool isinstance print acquire release
    append items keys values info debug warning error exception critical trace add discard utcnow
    read readline timestamp sorted list call_soon_threadsafe strip format""".split()
)
# calls of other libraries that catch what goes wrong themselves (websocket-client 1.3.3 to 1.9.2: the exception goes to on_error)
# confluent-kafka 2.x: poll() hands a failure out as a message, commit() raises it
CATCHING = frozenset({"websocket.WebSocketApp.run_forever", "confluent_kafka.Consumer.poll"})
# calls of the standard library whose failure is a matter of files, programs and data, beside those of which a wait is known
FAILING = (
    "builtins.open", "open", "json.load", "shutil.", "subprocess.", "tempfile.", "zipfile.", "tarfile.", "sqlite3.", "socket.", "yaml.",
    "os.remove", "os.unlink", "os.rename", "os.replace", "os.makedirs", "os.mkdir", "os.listdir", "os.scandir", "os.stat", "os.rmdir",
    "confluent_kafka.Consumer.commit",
)  # fmt: skip
ARCHIVES = ("zipfile.", "tarfile.", "shutil.")
IN_MEMORY = ("threading.", "queue.", "multiprocessing.", "janus.", "asyncio.", "time.", "logging.")
DEEP = 6  # calls down to the one that fails


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    hooked = any(
        isinstance(t, m.Name) and t.id == "threading.excepthook"
        for func in project.functions
        for place in func.by_kind.get(m.Assign, ())
        if isinstance(place.stmt, m.Assign)
        for t in place.stmt.targets
    )
    if hooked:
        return
    asked = [site for func in project.functions for site in func.sites if site.method == "is_alive"]
    found = {(f.path, f.line): f for f in _findings(project, asked)}
    yield from few(list(found.values()))


def few(found: list[Finding]) -> Iterator[Finding]:
    """Arms that end a loop one by one; of threads that an exception may end, the first and the number of the others."""
    kinds = [(severity, confidence) for severity in ("high", "medium", "low") for confidence in ("certain", "likely", "possible")]
    for kind in kinds:
        group = sorted((f for f in found if (f.severity, f.confidence) == kind), key=lambda f: (f.path, f.line))
        yield from group[:SINGLE]
        rest = group[SINGLE:]
        if rest:
            also = tuple(Evidence(f.path, f.line, "the same") for f in rest[1:9])
            yield replace(rest[0], count=len(rest), also=also)


def _findings(project: Project, asked: list[Site]) -> Iterator[Finding]:
    for resource in project.resources:
        if resource.kind != "thread" or resource.target is None or resource.started_at is None:
            continue
        loops = bool(endless_loops(resource.target))
        if loops and (watched(resource, asked) or _joined_by_starter(resource)):
            continue
        entrypoints = project.runs_in(resource.site, "serving", "startup", kinds=KINDS)
        if not entrypoints:
            continue
        finding = _server(project, resource) or (_loop(project, resource) if loops else _one_off(project, resource))
        if finding is not None:
            yield finding


def endless_loops(func: Func) -> list[Place]:
    """The function's endless loops, outermost first."""
    return [p for p in func.places if isinstance(p.stmt, m.While) and is_endless(p.stmt)]


def watched(resource: Resource, asked: list[Site]) -> bool:
    """Whether anything asks if the thread is alive, in its module or by its name."""
    name = resource.kept.name.rpartition(".")[2]
    return any(s.function.module is resource.function.module or (name and name in s.text) for s in asked)


def _joined_by_starter(resource: Resource) -> bool:
    """Whether the function that starts the thread waits for it: it lives for one call, whatever its loop looks like."""
    return any(stop.how == "join" and stop.site is not None and stop.site.function is resource.function for stop in resource.stops)


def _server(project: Project, resource: Resource) -> Finding | None:
    """A server for metrics or health, beside the program's own work, that the thread itself makes."""
    target = resource.target
    assert target is not None
    site = opened_in(target)
    if site is None or _joined_by_starter(resource):
        return None
    return _at_start(
        project,
        resource,
        site,
        f"{site.text}() opens its port inside the thread {target.name}: where that fails (the port is taken, its number is wrong) this "
        "thread alone ends, with a traceback on stderr, and the process goes on without what it serves",
        "make the server before the thread is started, and let only serve_forever() run in it; prometheus_client's "
        "start_http_server() does so by itself",
        "low",
        "certain",
    )


def _loop(project: Project, resource: Resource) -> Finding | None:
    """A loop that an exception leaves, or whose own arm for it returns."""
    target = resource.target
    assert target is not None
    loop = endless_loops(target)[0]
    leaving = _leaving_arm(target, loop)
    if leaving is not None:
        return RULE.in_function(
            project,
            target,
            leaving.line,
            f"The arm for {' or '.join(leaving.types) or 'every exception'} leaves the endless loop of thread {target.name}: one bad item "
            "ends it for good, while the process stays up and looks healthy",
            "go on with the next item (continue), or stop the process so that the platform restarts it",
            end_line=leaving.body[-1].end_line,
            confidence="certain",
            phase="serving",
        )
    all_exposed = list(_exposed(target, loop))
    failing = next((s for s in all_exposed if can_fail(s)), None)
    exposed = failing or next(iter(all_exposed), None)
    if exposed is None or _outer_arm(loop) or left_behind(exposed, loop.stmt):
        return None
    # a flag that several threads look at may be lowered by the one that fails first, and end the process
    sure = failing is not None and isinstance(loop.stmt, m.While) and _until_told(loop.stmt.test, target)
    return RULE.finding(
        exposed.path,
        exposed.line,
        f"An exception of {exposed.text}() ends the loop of thread {target.name} for good: the traceback goes to stderr, the process "
        "stays up and looks healthy, and its work is no longer done",
        "catch and log inside the loop (with a pause), or set threading.excepthook to log and stop the process",
        end_line=exposed.call.end_line,
        severity="medium",
        phase="serving",
        entrypoints=project.runs_in(resource.site, "serving", "startup", kinds=KINDS),
        anchor=f"{target.qualname}:{exposed.text}",
        confidence="certain" if sure else "possible",
        trace=(Evidence(resource.site.path, resource.site.line, "starts the thread"),),
    )


def _until_told(test: m.Expr, func: Func) -> bool:
    """Whether a loop never ends by itself: ``while True``, or until an event is set that its own function never sets."""
    if isinstance(test, m.Const):
        return True
    asked = [source_of(call.func).rpartition(".") for call in m.calls(test)]
    events = {owner for owner, _, method in asked if method in ("is_set", "wait")}
    return bool(events) and len(asked) == len(events) and not any(site.text == f"{event}.set" for event in events for site in func.sites)


def ending_call(func: Func) -> Site | None:
    """The call whose known failure ends the ``while True`` of a function for good: nothing in the loop or around it catches that."""
    loop = next(iter(endless_loops(func)), None)
    if loop is None or not isinstance(loop.stmt, m.While) or not isinstance(loop.stmt.test, m.Const) or _outer_arm(loop):
        return None
    failing = next((site for site in _exposed(func, loop) if can_fail(site)), None)
    return failing if failing is not None and not left_behind(failing, loop.stmt) else None


def _leaving_arm(func: Func, loop: Place) -> m.Handler | None:
    """A broad arm inside the loop that returns from the function or breaks out of the loop."""
    for place in func.places:
        stmt = place.stmt
        if not isinstance(stmt, m.Try) or not any(s.stmt is loop.stmt for s in place.steps):
            continue
        inner = place.steps[next(i for i, s in enumerate(place.steps) if s.stmt is loop.stmt) + 1 :]
        nested = any(isinstance(s.stmt, m.While | m.For) for s in inner)
        for handler in stmt.handlers:
            if not takes_anything(handler):
                continue
            ways = ends(handler.body, func)
            only = ways and not ways & {"fall", "continue", "raise", "exit"}
            if only and ("return" in ways or ("break" in ways and not nested)):
                return handler
    return None


def can_fail(site: Site, depth: int = 0, seen: frozenset[Func] = frozenset()) -> bool:
    """Whether a failure is known to come out of a call: of the network, a file, a program, by ``raise``, here or further down where
    nothing catches it. What only counts, or hands on in memory, does not fail for all that is known."""
    dotted = site.dotted or ""
    if dotted in CATCHING or tame(site) or _left_to_a_task(site):
        return False
    if not site.targets:
        return dotted.startswith(FAILING) or (not dotted.startswith(IN_MEMORY) and bool(waits(dotted)))
    if depth >= DEEP or site.weak:
        return False
    for target in site.targets:
        if target in seen or catches_all(target) or minds_its_failures(target):
            continue
        if any(isinstance(p.stmt, m.Raise) and not _caught(p.steps) for p in target.places):
            return True
        if any(can_fail(s, depth + 1, seen | {target}) for s in target.sites if not _caught(s.steps)):
            return True
    return False


def _left_to_a_task(site: Site) -> bool:
    """Whether the call only makes the coroutine of a task of its own (``create_task(work())``), whose failure stays in that task."""
    if site.awaited or not any(t.facts.is_async for t in site.targets):
        return False
    task = handed_to(site)
    return task is not None and task.method in ("create_task", "ensure_future")


def _caught(steps: tuple[Step, ...]) -> bool:
    return any(s.arm == "body" and _catches_all(s.stmt) for s in steps)


def _exposed(func: Func, loop: Place) -> Iterator[Site]:
    """The calls in the loop that can raise and stand in no broad ``try`` inside it."""
    for site in func.sites:
        steps = site.steps
        at = next((i for i, s in enumerate(steps) if s.stmt is loop.stmt), None)
        if at is None or steps[at].arm != "body" or tame(site) or not (site.targets or waits(site.dotted or "")):
            continue
        if _suppressed(site) or site.dotted in CATCHING or any(ends_process(t) for t in site.targets):
            continue
        if site.targets and all(catches_all(t) or _step_by_step(t) or minds_its_failures(t) for t in site.targets):
            continue
        if not any(_catches_all(s.stmt) and s.arm == "body" for s in steps[at + 1 :]) and not any(
            s.arm == "handler" for s in steps[at + 1 :]
        ):
            yield site


def _outer_arm(loop: Place) -> bool:
    """Whether the loop itself stands in a broad ``try`` whose arm tells of the end."""
    return any(s.arm == "body" and _catches_all(s.stmt) for s in loop.steps)


def _catches_all(stmt: m.Stmt) -> bool:
    return isinstance(stmt, m.Try) and any(map(takes_anything, stmt.handlers))


def tame(site: Site) -> bool:
    """Whether the call hardly raises: logging, clocks, flags, queues in memory."""
    if site.method in TAKES:
        dotted = site.dotted or ""
        return dotted.startswith(IN_MEMORY) or not waits(dotted)  # ``requests.get`` takes from no queue
    if (site.dotted or "").startswith(("logging.", "time.", "builtins.")):
        return True
    return (site.method in TAME and not site.targets) or log_call(site) is not None


def _one_off(project: Project, resource: Resource) -> Finding | None:
    """A daemon thread started for one request that does a sizeable piece of work without any arm for its failure."""
    target = resource.target
    assert target is not None
    if resource.daemon is not True or resource.stopped or not project.runs_in(resource.site, "serving", kinds=KINDS):
        return None
    own = (p for p in target.places if all(isinstance(s.stmt, m.With | m.Try) for s in p.steps))
    if len(target.places) < WORK or any(_catches_all(p.stmt) for p in own):
        return None
    if any(stop.how == "join" for stop in resource.stops) or catches_all(target):
        return None
    open_calls = [
        s
        for s in target.sites
        if not tame(s)
        and (s.dotted or s.targets)
        and not (s.targets and all(catches_all(t) or _step_by_step(t) for t in s.targets))
        and not _suppressed(s)
        and not _caught(s.steps)
    ]
    failing = next((s for s in open_calls if can_fail(s)), None)
    exposed = failing or next(iter(open_calls), None)
    if exposed is None or any(
        isinstance(p.stmt, m.While | m.For) and p.stmt is target.facts.body[0] for p in target.places
    ):
        return None
    return _at_start(
        project,
        resource,
        exposed,
        f"{target.name} runs in a daemon thread without any arm for its failure: what {exposed.text}() raises ends it with a traceback "
        "on stderr, half done, and whoever asked for the work is never told",
        "wrap the target: log with exc_info and record the failure where its state is read",
        "medium",
        _confidence(project, resource, failing),
    )


def _confidence(project: Project, resource: Resource, failing: Site | None) -> str:
    """Certain of files that somebody asked for and that stay half written; whether anybody waits for other work of such a thread
    is seldom seen."""
    if failing is None or not _asked_for(project, resource):
        return "possible"
    return "certain" if (failing.dotted or "").startswith(ARCHIVES) else "likely"


def _asked_for(project: Project, resource: Resource) -> bool:
    """Whether a client of a service asked for the work, and has had its answer; nobody waits for what a worker does beside its
    jobs, or for what is cleaned up in a ``finally``."""
    if any(step.arm == "final" for step in resource.site.steps):
        return False
    return bool(project.runs_in(resource.site, "serving", kinds=("service",)))


def _suppressed(site: Site) -> bool:
    """Within ``contextlib.suppress(Exception)``."""
    return any(
        isinstance(step.stmt, m.With)
        and any(isinstance(item, m.Call) and source_of(item.func).endswith("suppress") for item, _ in step.stmt.items)
        for step in site.steps
    )


def _step_by_step(func: Func) -> bool:
    """Whether each call of a function stands in a broad try of its own, or fails in no way that is known."""
    calls = [s for s in func.sites if not tame(s)]
    return bool(calls) and all(any(_catches_all(x.stmt) and x.arm == "body" for x in s.steps) for s in calls)


def _at_start(
    project: Project, resource: Resource, exposed: Site, message: str, remedy: str, severity: str | None, confidence: str
) -> Finding:
    found = RULE.at(project, resource.site, message, remedy, severity=severity, kinds=KINDS)
    return RULE.finding(
        found.path, found.line, message, remedy, end_line=found.end_line, severity=found.severity, phase="serving",
        entrypoints=project.runs_in(resource.site, "serving", "startup", kinds=KINDS), anchor=found.anchor,
        confidence=confidence, trace=(*found.trace, Evidence(exposed.path, exposed.line, "can raise")),
    )  # fmt: skip
