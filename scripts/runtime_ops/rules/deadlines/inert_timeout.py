"""A timeout that is written and does nothing."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.blocking import blocks_loop
from runtime_ops.libraries.names import canonical
from runtime_ops.project.build import Project
from runtime_ops.project.flows import sites_in
from runtime_ops.project.model import Func, Place, Site
from runtime_ops.project.outer_limits import BLOCKS
from runtime_ops.project.settings import Flow
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._alarms import replaced_alarms
from runtime_ops.rules.deadlines._elapsed import lost_days
from runtime_ops.rules.deadlines._left_pools import left_pools
from runtime_ops.rules.startup._reads import ENVIRONMENT, read_for_development

RULE = Rule(
    __name__,
    severity="medium",
    summary="A timeout is written where it has no effect, so the wait that it should bound is not bounded.",
    lead=True,
)
POOLS = frozenset(
    {"concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor", "concurrent.futures.thread.ThreadPoolExecutor"}
)
TIMED = frozenset({"result", "wait", "as_completed", "map", "exception"})
SESSIONS = frozenset({"requests.Session", "requests.sessions.Session"})
READERS = frozenset({"read", "readlines"})
NUMBER_OR_NOTHING = "_request_timeout"
"""The limit that clients made by OpenAPI Generator take, Kubernetes' own among them: of a text they set none, and raise nothing
(kubernetes 35.0.0, rest.py: an int or a pair), or they refuse it (37.0.1, argument checks)."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        for place in func.places:
            if isinstance(place.stmt, m.Assign):
                yield from _session_attribute(project, func, place)
            elif isinstance(place.stmt, m.With):
                yield from _blocking_inside(project, func, place.stmt)
        for site in func.sites:
            if site.steps and site.method in TIMED:
                yield from _inside_pool(project, site)
            if site.method == "wait":
                yield from _after_reading(project, site)
            if site.steps and site.method == "shutdown":
                yield from _before_shutdown(project, site)
        for line, text, how in lost_days(project, func):
            yield RULE.in_function(
                project,
                func,
                line,
                f"{text} leaves out whole days: a difference of 1 day and 5 s counts as 5 s, so the limit is met too early or "
                "not at all",
                "use total_seconds()",
                severity="low",  # true to the letter, and one turn in a day goes wrong
                confidence=how,
            )
    yield from _default_of_sockets(project)
    yield from _texts_of_the_environment(project)
    yield from _alarms(project)


def _alarms(project: Project) -> Iterator[Finding]:
    """``signal.alarm(60); work(); signal.alarm(0)``, where ``work`` sets an alarm of its own."""
    for alarm in replaced_alarms(project):
        if not _reached(project, alarm.outer.function):
            continue
        yield RULE.at(
            project,
            alarm.outer,
            f"A process has one alarm, and {alarm.call.text}() (line {alarm.call.line}) comes to set it anew ({alarm.inner.path}:"
            f"{alarm.inner.line}): from there on this limit is gone, also once that one is taken back",
            "keep what is left of it (left = signal.alarm(n)) and set that again behind the inner limit, or let the inner one take no more",
            confidence="certain" if alarm.sure else "likely",
        )


def _texts_of_the_environment(project: Project) -> Iterator[Finding]:
    """``_request_timeout=os.environ.get("LIMIT", 60)``: a number as long as nobody sets the variable, then a text."""
    for read in project.settings:
        if read.how not in ENVIRONMENT or read.conversion or read_for_development(read):
            continue
        flows = [*read.flows, *(flow for use in project.settings.uses(read) for flow in use.flows[:1])]
        if any(_is_limit(flow) for flow in flows) and _reached(project, read.function):
            yield RULE.in_function(
                project,
                read.function,
                read.line,
                f"{read.name} reaches {NUMBER_OR_NOTHING} as text: when the variable is set, whatever to, the client takes no limit "
                "from it and waits for ever, or refuses the call, by its version",
                f"convert it where it is read: int(os.environ.get({read.name!r}, …))",
                confidence="certain",
            )


def _is_limit(flow: Flow) -> bool:
    return flow.parameter == NUMBER_OR_NOTHING and flow.kind in ("argument", "item")


def _reached(project: Project, func: Func) -> bool:
    return bool(project.phases_by_entrypoint(func)) or bool(project.imported_by(func.module, "service", "worker", "job"))


def _session_attribute(project: Project, func: Func, place: Place) -> Iterator[Finding]:
    """``session.timeout = 5`` on a requests session, which has no such attribute and asks for none."""
    assert isinstance(place.stmt, m.Assign)
    for target in place.stmt.targets:
        if not (isinstance(target, m.Name) and target.id.endswith(".timeout")):
            continue
        value = project.links.names.name(target.id.rpartition(".")[0], func)
        if value is not None and value.kind == "made" and canonical(value.name) in SESSIONS and _reached(project, func):
            yield RULE.in_function(
                project,
                func,
                place.stmt.line,
                f"{target.id} is an attribute that requests never reads: its calls still wait without limit",
                "pass timeout= with each call, or mount an HTTPAdapter whose send() sets it",
                confidence="certain" if _called_without(project, func, target.id.rpartition(".")[0]) else "likely",
            )


def _called_without(project: Project, func: Func, session: str) -> bool:
    """Whether a call on the session gives no limit of its own: in this class for one of an object, else in this module."""
    return any(
        wait.row.distribution == "requests"
        and wait.deadline.state == "unbounded"
        and wait.site.function.module is func.module
        and (wait.site.function.cls is func.cls or not session.startswith("self."))
        and wait.site.text.rpartition(".")[0] == session
        for wait in project.waits
    )


def _blocking_inside(project: Project, func: Func, stmt: m.With) -> Iterator[Finding]:
    """``async with asyncio.timeout(5): requests.get(url)``: the timer cannot run while the loop is blocked."""
    for item, _ in stmt.items:
        if not isinstance(item, m.Call):
            continue
        value = project.links.names.value(item.func, func)
        if value is None or value.name not in BLOCKS:
            continue
        if any(isinstance(n, m.Await) for n in m.walk(stmt.body)) or any(
            isinstance(n, m.With | m.For) and n.is_async for n in m.walk(stmt.body)
        ):
            continue
        blocking = [s for s in sites_in(stmt.body, func) if s.dotted is not None and blocks_loop(s.dotted) is not None]
        if blocking and _reached(project, func):
            yield RULE.in_function(
                project,
                func,
                stmt.line,
                f"{value.name}() ends awaits only, and this block has none: {blocking[0].text}() blocks the event loop, so the "
                "timer cannot fire",
                "give the blocking call its own timeout, or await it in a thread (asyncio.to_thread) with a limit of its own",
                severity="high",
            )


def _inside_pool(project: Project, site: Site) -> Iterator[Finding]:
    """``with ThreadPoolExecutor() as pool: future.result(timeout=5)``: leaving the block waits for the job anyway."""
    position = {"result": 0, "exception": 0, "wait": 1, "as_completed": 1}.get(site.method)
    given = site.call.argument("timeout", position)
    if given is None or (isinstance(given, m.Const) and given.value in (None, 0)):
        return
    if position is None or "log" in site.text.lower():  # logger.exception() shares its name with a future's
        return
    if site.dotted is not None and not site.dotted.startswith("concurrent.futures"):
        return
    for step in reversed(site.steps):
        if not isinstance(step.stmt, m.With) or step.arm != "body" or step.stmt.is_async:
            continue
        for item, bound in step.stmt.items:
            if not isinstance(item, m.Call) or not isinstance(bound, m.Name):
                continue
            value = project.links.names.value(item.func, site.function)
            name = canonical(value.name) if value is not None else source_of(item.func)
            if name not in POOLS:
                continue
            left_early = any(
                s.method == "shutdown" and s.text.startswith(f"{bound.id}.") and _no_wait(s)
                for s in sites_in(step.stmt.body, site.function)
            )
            jobs = [s for s in sites_in(step.stmt.body, site.function) if s.text in (f"{bound.id}.submit", f"{bound.id}.map")]
            if left_early or not jobs or not _reached(project, site.function):
                return
            if all(_bounded_job(project, job) for job in jobs):
                return
            pool = name.rpartition(".")[2]
            yield RULE.at(
                project,
                site,
                f"the timeout of {site.text}() has no effect: leaving the `with {pool}` block calls shutdown(wait=True), "
                "which waits for the job without limit",
                "keep the executor outside the call, or leave it by shutdown(wait=False, cancel_futures=True); bound the job itself",
                confidence="certain",  # the pool, the job and the way out are all in the block
            )
            return


def _before_shutdown(project: Project, site: Site) -> Iterator[Finding]:
    """``except TimeoutError: pool.shutdown()``: it waits for the job that took too long."""
    for left in left_pools(project, site, POOLS):
        if _reached(project, site.function) and not _bounded_job(project, left.job):
            yield RULE.at(
                project,
                left.shutdown,
                f"{site.text}() waits for the job that {left.timed.text}() (line {left.timed.line}) gave up on: a job that hangs holds "
                "this thread all the same, and its timeout has no effect",
                "shutdown(wait=False, cancel_futures=True), and end the processes of a pool of processes",
                confidence="certain",
            )


def _no_wait(site: Site) -> bool:
    given = site.call.argument("wait", 0)
    return isinstance(given, m.Const) and given.value is False


def _bounded_job(project: Project, job: Site) -> bool:
    """Whether all that the job waits for has a limit, as far as it is seen, and something is seen."""
    if not job.call.args:
        return False
    targets = list(project.links.referenced(job.call.args[0], job.function))
    waits = [w for w in project.waits if w.site.function in targets]
    return bool(waits) and all(w.deadline.bounded for w in waits)


def _after_reading(project: Project, site: Site) -> Iterator[Finding]:
    """``out = proc.stdout.read(); proc.wait(timeout=5)``: the child ends its output only when it ends."""
    receiver = site.text.rpartition(".")[0]
    given = site.call.argument("timeout", 0)
    if not receiver or given is None or (isinstance(given, m.Const) and not given.value):
        return
    pipes = (f"{receiver}.stdout", f"{receiver}.stderr")
    before, sure = None, False
    for other in site.function.sites:
        whole = other.method in READERS and other.text.rpartition(".")[0] in pipes and not other.call.args
        if whole and other.line < site.line:
            before, sure = other.line, True
    for place in site.function.places:
        if isinstance(place.stmt, m.For) and place.stmt.line < site.line and source_of(place.stmt.iterable) in pipes:
            before = place.stmt.line
    if before is None or not _reached(project, site.function):
        return
    # a timer or thread beside may end the child while its output is read
    beside = any("timer" in name.lower() or "thread" in name.lower() for name in site.function.inventory.names)
    yield RULE.at(
        project,
        site,
        f"{site.text}(timeout=…) comes after the child's output was read to its end (line {before}), which waits for the child "
        "without limit: the timeout never bounds it",
        "use communicate(timeout=…), kill the child on TimeoutExpired and call communicate() again",
        confidence="certain" if sure and not beside else "likely",
    )


def _default_of_sockets(project: Project) -> Iterator[Finding]:
    """``socket.setdefaulttimeout(5)`` in a module whose requests calls have no timeout."""
    for site in project.sites("socket.setdefaulttimeout"):
        module = site.function.module
        waits = [
            w
            for w in project.waits
            if w.site.function.module is module and w.row.distribution == "requests" and w.deadline.state == "unbounded"
        ]
        if waits and _reached(project, site.function):
            yield RULE.at(
                project,
                site,
                f"requests passes its own None to the socket, so this default does not reach {waits[0].site.text}() in line "
                f"{waits[0].line}",
                "pass timeout= with each call of requests",
                confidence="certain",
            )
