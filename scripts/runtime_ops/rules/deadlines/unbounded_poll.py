"""A loop that asks for a state outside again and again, with no deadline."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.surface import surface
from runtime_ops.project.asides import runs_aside
from runtime_ops.project.build import Project
from runtime_ops.project.flows import ends, sites_in
from runtime_ops.project.loops import SLEEPS, counts_attempts, is_endless, loop_ends, reads_clock, sleep_sites
from runtime_ops.project.model import Func, Place, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._outside import reaches_outside
from runtime_ops.rules.deadlines._severity import matters
from runtime_ops.rules.deadlines._worker_limits import job_limit_holds

RULE = Rule(
    __name__,
    severity="medium",
    summary="A request or job polls a state outside without a deadline: if it never changes, the caller is lost.",
)
SELECTS = {"select.select": 3, "select.poll.poll": 0, "select.epoll.poll": 0, "selectors.DefaultSelector.select": 0}
"""Calls that wait for a while and come back without an answer, with the position of their timeout."""
STOPS = re.compile(r"(?i)abort|cancel|stop|shutdown|exit|quit|clos(?:ed|ing)|terminat|kill")
"""Words of a condition by which somebody else ends the loop."""
SENDS = frozenset("delay apply_async send_task enqueue submit_job start_query_execution".split())
"""Methods that give work to somebody else and return a handle on it."""
FETCHES = re.compile(
    r"(?i)^(?:refresh|reload|status|state|head|describe|query|fetch|poll|get|list|check)(?:_|$)|(?:_|^)status$"
)
"""Methods of a client of unknown class that ask for a state."""
ENDS_THERE = frozenset({"activeDeadlineSeconds", "active_deadline_seconds"})
"""How a job is given a deadline where it runs (Kubernetes API, JobSpec)."""
READS = frozenset({"recv", "recvfrom", "read", "readline", "read1"})
LEAVES = frozenset({"break", "return", "raise"})
THREADS = frozenset({"threading.Thread", "multiprocessing.Process", "multiprocessing.context.Process"})
SUPERVISES = frozenset("poll is_alive returncode exitcode waitpid wait".split())


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        if func.is_module or not func.places:
            continue
        loops = [p for p in func.places if isinstance(p.stmt, m.While) and _polls(project, func, p)]
        found = [(p.stmt.line, _text(p.stmt)) for p in loops if isinstance(p.stmt, m.While)]
        again = _calls_itself(project, func)
        if again is not None:
            found.append((again, f"{func.name}() sleeps and calls itself"))
        if not found or not _in_the_way(project, func):
            continue
        if _ends_there(func):
            continue
        line, text = found[0]
        deep = ", and ends in a RecursionError" if again == line else ""
        yield RULE.in_function(
            project,
            func,
            line,
            f"{text} with no deadline{deep}: if the state that it waits for never comes, this request or job is lost",
            "compare time.monotonic() with a deadline in the loop, and answer a failure when it has passed",
            phase="serving",
            confidence="likely" if again is not None or any(_of_others(project, func, p.stmt) for p in loops) else "possible",
        )


def _ends_there(func: Func) -> bool:
    """Whether what the function's module starts is given an end of its own: Kubernetes fails the Job then, and the state is there."""
    return any(
        not ENDS_THERE.isdisjoint(other.inventory.texts)
        or any(key in ENDS_THERE for site in other.sites for key, _ in site.call.keywords)
        for other in func.module.functions.values()
    )


def _text(loop: m.While) -> str:
    return f"`while {source_of(loop.test, 60)}` polls"


def _in_the_way(project: Project, func: Func) -> bool:
    """Whether a request, job or command of what stays up waits in the function, which is not its own serving loop."""
    if any(func in life.spine for life in project.lives.values()):
        return False
    entrypoints = [e for e in project.function_runs_in(func, "serving", "startup", kinds=("service", "worker")) if matters(e)]
    if not entrypoints or job_limit_holds(project, entrypoints):
        return False
    return bool(project.function_runs_in(func, "serving", kinds=("service", "worker")))


def _polls(project: Project, func: Func, place: Place) -> bool:
    loop = place.stmt
    assert isinstance(loop, m.While)
    pauses = _pauses(project, func, loop)
    if not pauses or not loop_ends(loop, func):
        return False
    literal = isinstance(loop.test, m.Const)
    if _told_otherwise(loop, func) or _empties(loop) or any(isinstance(n, m.Yield) for n in m.walk(loop.body)):
        return False  # what yields hands on what comes: whoever reads it decides how long
    if "connect" in source_of(loop.test).lower():
        return False  # as long as the peer is there: the life of a stream
    if is_endless(loop) and not literal:
        return False  # a stop flag: told from outside
    if literal and (_started_alone(project, func) or not _asks_state(loop, func)):
        return False
    if any(_leased(site) for site in sites_in((loop.test, loop.body), func)):
        return False
    if counts_attempts(loop, func) is not None or _clocked(loop) or _measured(loop, func) or _clocked_below(loop, func):
        return False
    if literal and (_once_unless_asked(loop) or _reads_to_the_end(loop, func)):
        return False
    if any(site.method in SUPERVISES and _of_process(site) for site in sites_in(loop.test, func)):
        return False
    own = [s for s in sites_in(loop.body, func) if s.dotted in SLEEPS or s in pauses]
    if own and all(any(step.arm == "handler" for step in s.steps if _within(step.stmt, loop)) for s in own):
        return False  # sleeps after a failure only: a retry
    if not literal and not _outside(loop, func):
        return False
    return all(project.outer_limits.around(s, s.awaited) is None for s in pauses)


def _reads_to_the_end(loop: m.While, func: Func) -> bool:
    """``data = sock.recv(4096)``, ``if not data: break``: it takes in what comes until the peer is done, and asks for no state."""
    read = {
        target.id
        for site in sites_in(loop.body, func)
        if site.method in READS and isinstance(site.stmt, m.Assign)
        for target in site.stmt.targets
        if isinstance(target, m.Name)
    }
    return any(
        isinstance(stmt, m.If)
        and not ends(stmt.body).isdisjoint(LEAVES)
        and any(isinstance(n, m.Name) and n.id in read for n in m.walk(stmt.test))
        for stmt in loop.body
    )


def _empties(loop: m.While) -> bool:
    """``while not queue.empty(): queue.get(False)``: the loop takes out what it asks for, and ends when nothing is left."""
    owners = {n.id.rpartition(".")[0] for n in m.walk(loop.test) if isinstance(n, m.Name) and n.id.endswith((".empty", ".qsize"))}
    taken = {n.id for n in m.walk(loop.body) if isinstance(n, m.Name)}
    return any(f"{owner}.{method}" in taken for owner in owners for method in ("get", "get_nowait"))


def _leased(site: Site) -> bool:
    """``redis.set(key, me, nx=True, px=60000)``: a claim that runs out by itself, so that what the loop waits for comes."""
    call = site.call
    return call.keyword("nx") is not None and (call.keyword("px") is not None or call.keyword("ex") is not None)


def _told_otherwise(loop: m.While, func: Func) -> bool:
    """``while paused() and not should_abort()``: a stop flag ends it too. ``thread.start()`` before ``while not
    thread.started``: who was just started says that it runs."""
    parts = loop.test.values if isinstance(loop.test, m.BoolOp) and loop.test.op == "and" else ()
    if any(isinstance(p, m.UnaryOp) and p.op == "not" and STOPS.search(source_of(p.operand)) for p in parts):
        return True
    owners = {n.id.rpartition(".")[0] for n in m.walk(loop.test) if isinstance(n, m.Name) and "." in n.id}
    return any(s.method == "start" and s.line < loop.line and s.text.rpartition(".")[0] in owners for s in func.sites)


def _of_others(project: Project, func: Func, stmt: object) -> bool:
    """Whether the state that is asked for is seen to be somebody else's: the loop asks another host, a socket, a job that
    was queued, or an object of a library by a method that fetches its state."""
    assert isinstance(stmt, m.While)
    sites = sites_in((stmt.test, stmt.body), func)
    asked = _asked(stmt, func)
    params = {p.name for p in func.facts.params}
    if any(isinstance(n, m.Call) and isinstance(n.func, m.Name) and n.func.id in params for n in m.walk((stmt.test, stmt.body))):
        return False  # ``exit_condition()``: the caller has said when it ends
    if _drains(stmt, func):
        return False
    if any(s.dotted in SELECTS for s in sites) or reaches_outside(project, asked):
        return True
    named = {n.id.partition(".")[0] for n in m.walk(stmt.test) if isinstance(n, m.Name)}
    made = [b.expr for name in named for b in func.bindings.get(name, ())]
    queued = any(isinstance(expr, m.Call) and source_of(expr.func).rpartition(".")[2] in SENDS for expr in made)
    return queued or any(not s.targets and "." in s.text and FETCHES.search(s.method) for s in asked)


def _drains(loop: m.While, func: Func) -> bool:
    """``item = take(); if item: … else: break``: each turn takes something away, and the last finds nothing."""
    taken = {
        t.id
        for n in m.walk(loop.body)
        if isinstance(n, m.Assign) and isinstance(n.value, m.Call)
        for t in n.targets
        if isinstance(t, m.Name)
    }
    for node in m.walk(loop.body):
        if not isinstance(node, m.If):
            continue
        none = isinstance(node.test, m.UnaryOp) and node.test.op == "not"
        name = node.test.operand if isinstance(node.test, m.UnaryOp) else node.test
        if isinstance(name, m.Name) and name.id in taken and ends(node.body if none else node.orelse, func) & {"break", "return"}:
            return True
    return False


def _asked(loop: m.While, func: Func) -> list[Site]:
    """The calls whose answers decide about the end: in a condition that ends the loop, in what is bound to a name there, and
    on an object that it looks at (``job.refresh()`` beside ``while not job.is_finished``)."""
    leaving = [n.test for n in m.walk(loop.body) if isinstance(n, m.If) and ends((*n.body, *n.orelse), func) & {"break", "return"}]
    tests = (loop.test, *leaving)
    names = {n.id for n in m.walk(tests) if isinstance(n, m.Name)}
    assigned = [n for n in m.walk(loop.body) if isinstance(n, m.Assign) and n.value is not None]
    bound = tuple(n.value for n in assigned if any(isinstance(t, m.Name) and t.id in names for t in n.targets))
    owners = {name.rpartition(".")[0] or name for name in names} - {"self"}
    beside = [s for s in sites_in(loop.body, func) if s.text.rpartition(".")[0] in owners]
    return [*sites_in((tests, bound), func), *beside]


def _pauses(project: Project, func: Func, loop: m.While) -> list[Site]:
    found = [s for s in sleep_sites(loop.body, func, project.links) if s.dotted in SLEEPS or s.method in ("sleep", "_sleep")]
    for site in sites_in(loop.body, func):
        position = SELECTS.get(site.dotted or "")
        if position is not None and (site.call.argument("timeout", position) is not None):
            found.append(site)
    return found


def _asks_state(loop: m.While, func: Func) -> bool:
    """``while True``: some ``if`` in it looks at the answer of a call and leaves the loop."""
    asked = {
        t.id
        for n in m.walk(loop.body)
        if isinstance(n, m.Assign) and n.value is not None and any(True for _ in m.calls(n.value))
        for t in n.targets
        if isinstance(t, m.Name)
    }
    for node in m.walk(loop.body):
        if isinstance(node, m.If):
            leaves = any(isinstance(s, m.Break | m.Return) for s in m.walk((node.body, node.orelse)))
            names = {n.id.partition(".")[0] for n in m.walk(node.test) if isinstance(n, m.Name)}
            if leaves and (asked & names or any(True for _ in m.calls(node.test))):
                return True
    return False


def _outside(loop: m.While, func: Func) -> bool:
    """The test looks at a call or an attribute, or at a name that the body asks for anew."""
    if any(True for _ in m.calls(loop.test)):
        return True
    names = {n.id for n in m.walk(loop.test) if isinstance(n, m.Name)}
    if any("." in name and not name.startswith("self.") for name in names):
        return True
    asked = [n for n in m.walk(loop.body) if isinstance(n, m.Assign) and any(True for _ in m.calls(n.value))]
    return any(isinstance(t, m.Name) and t.id in names for n in asked for t in n.targets)


def _clocked(loop: m.While) -> bool:
    """A name that is counted up or compared by a clock, in any test of the loop."""
    words = ("deadline", "elapsed", "timeout", "attempt", "retries", "tries", "remaining", "max_", "count", "expire")
    for node in m.walk((loop.test, loop.body)):
        if isinstance(node, m.Compare | m.If):
            test = node if isinstance(node, m.Compare) else node.test
            names = [n.id.lower() for n in m.walk(test) if isinstance(n, m.Name)]
            if any(word in name for name in names for word in words):
                return True
    return False


def _measured(loop: m.While, func: Func) -> bool:
    """``while taken < 20: …; taken = time.time() - start``: the loop ends by what the clock says."""
    names = {n.id for n in m.walk(loop.test) if isinstance(n, m.Name)} if isinstance(loop.test, m.Compare) else set()
    return any(
        isinstance(n, m.Assign)
        and isinstance(n.value, m.BinOp)
        and n.value.op == "-"
        and any(reads_clock(call, func) for call in m.calls(n.value))
        and any(isinstance(t, m.Name) and t.id in names for t in n.targets)
        for n in m.walk(loop.body)
    )


def _clocked_below(loop: m.While, func: Func) -> bool:
    """Whether a function that the loop's tests call looks at a time-out or deadline itself (``if self._stagnated(): raise``)."""
    words = ("deadline", "elapsed", "timeout", "expire")
    tests = [n.test for n in m.walk(loop.body) if isinstance(n, m.If)]
    return any(
        any(word in name.lower() for word in words for name in target.inventory.names)
        for site in sites_in((loop.test, *tests), func)
        for target in site.targets[:1]
    )


def _once_unless_asked(loop: m.While) -> bool:
    """``if not continuous: break``: a pass that is made once, or again and again where its user asks for that."""
    return any(
        isinstance(n, m.If)
        and isinstance(n.test, m.UnaryOp)
        and n.test.op == "not"
        and isinstance(n.test.operand, m.Name)
        and any(isinstance(s, m.Break | m.Return) for s in n.body)
        and any(word in n.test.operand.id.lower() for word in ("continu", "forever", "watch", "daemon", "follow", "loop", "repeat"))
        for n in m.walk(loop.body)
    )


def _of_process(site: Site) -> bool:
    receiver = site.text.rpartition(".")[0].lower()
    known = (site.dotted or "").startswith(("subprocess.", "multiprocessing.", "threading.", "asyncio.subprocess", "psutil."))
    return known or any(word in receiver for word in ("proc", "child", "popen", "thread", "worker"))


def _within(stmt: object, loop: m.While) -> bool:
    return isinstance(stmt, m.Try) and loop.line <= stmt.line and stmt.end_line <= loop.end_line


def _started_alone(project: Project, func: Func) -> bool:
    """A thread's or task's own loop: the function is handed to a starter, or nothing of the project calls it, and it is no
    handler that a library calls for a request."""
    edges = project.links.callers.get(func, [])
    if func.cls is not None and any(base in THREADS for base in func.cls.external_bases) and all(e.caller.cls is func.cls for e in edges):
        return True  # ``run`` of a thread's class, and its helpers
    if not edges:
        return not project.routes.of(func) and not func.facts.decorators
    return any(
        (e.how == "reference" and surface("starter", e.via) is not None)
        or (e.how == "call" and func.facts.is_async and not e.site.awaited)
        for e in edges
    )


def _just_before(pause: Site, again: Site) -> bool:
    """Whether the pause leads to the call: it stands before it, in the same block or around it."""
    return pause.line < again.line and again.steps[: len(pause.steps)] == pause.steps


def _ends_next(again: Site, func: Func) -> bool:
    """Whether the call stands under a test of a parameter that does not hold for what it gives it, or leaves at its default."""
    positional = [p for p in func.facts.params if p.kind == "positional"]
    if func.cls is not None and positional and positional[0].name in ("self", "cls"):
        positional = positional[1:]
    given = dict(zip((p.name for p in positional), again.call.args, strict=False)) | {k: v for k, v in again.call.keywords if k}
    if again.call.expands or any(isinstance(arg, m.Star) for arg in again.call.args):
        return False  # what stands behind the stars is not known
    values = {p.name: given.get(p.name, p.default) for p in func.facts.params}
    known = {name: value for name, value in values.items() if isinstance(value, m.Const)}
    return any(
        isinstance(step.stmt, m.If)
        and (
            (step.arm == "body" and _fails(step.stmt.test, known)) or (step.arm == "orelse" and _holds(step.stmt.test, known))
        )
        for step in again.steps
    )


def _holds(test: m.Expr, values: dict[str, m.Const]) -> bool:
    """Whether a test is known to hold for the values of some names."""
    if isinstance(test, m.UnaryOp) and test.op == "not":
        return _fails(test.operand, values)
    if isinstance(test, m.Name):
        return test.id in values and bool(values[test.id].value)
    if isinstance(test, m.Compare) and isinstance(test.left, m.Name) and isinstance(test.rights[0], m.Const):
        value = values.get(test.left.id)
        return value is not None and test.ops in (("is",), ("==",)) and value.value == test.rights[0].value
    return False


def _fails(test: m.Expr, values: dict[str, m.Const]) -> bool:
    """Whether a test is known not to hold for the values of some names."""
    if isinstance(test, m.BoolOp) and test.op == "and":
        return any(_fails(part, values) for part in test.values)
    if isinstance(test, m.Name):
        return test.id in values and not values[test.id].value
    if isinstance(test, m.UnaryOp) and test.op == "not":
        return _holds(test.operand, values)
    if not isinstance(test, m.Compare) or not isinstance(test.left, m.Name) or not isinstance(test.rights[0], m.Const):
        return False
    value, right = values.get(test.left.id), test.rights[0].value
    return value is not None and (
        (test.ops in (("is not",), ("!=",)) and value.value == right)
        or (test.ops in (("is",), ("==",)) and value.value != right)
        or (test.ops == (">",) and isinstance(value.value, int) and isinstance(right, int) and value.value <= right)
    )


def _calls_itself(project: Project, func: Func) -> int | None:
    """The line in which a function that sleeps calls itself with nothing counted down."""
    own = [e.site for e in project.links.callees.get(func, ()) if e.callee is func and e.how == "call" and not e.site.weak]
    sleeps = [s for s in func.sites if s.dotted in SLEEPS]
    if not own or not sleeps:
        return None
    counted = any(
        isinstance(n, m.BinOp) and n.op in ("+", "-") and isinstance(n.right, m.Const)
        for site in own
        for n in m.walk((site.call.args, site.call.keywords))
    )
    own = [s for s in own if any(_just_before(pause, s) for pause in sleeps) and not any(isinstance(x.stmt, m.For) for x in s.steps)]
    if not own:
        return None  # a walk down a tree, which ends at its leaves
    in_handler = any(step.arm == "handler" for site in own for step in site.steps)
    if runs_aside(func, project.links) or all(_ends_next(site, func) for site in own):
        return None  # once more, in another thread; or a last turn
    if counted or in_handler or any(p.name in ("timeout", "deadline", "retries", "attempts") for p in func.facts.params):
        return None
    return own[0].line
