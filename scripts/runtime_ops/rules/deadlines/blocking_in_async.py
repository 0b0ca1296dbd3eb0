"""A call in a coroutine that holds the whole event loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.blocking import Blocking, blocks_loop
from runtime_ops.libraries.timeouts import waits
from runtime_ops.project.build import Project
from runtime_ops.project.deadlines import not_blocking
from runtime_ops.project.decorators import decorated_by
from runtime_ops.project.mains import is_main
from runtime_ops.project.model import Func, Origin, Site, own_expressions
from runtime_ops.project.source_text import source_of
from runtime_ops.project.spine import STOPS
from runtime_ops.project.waits import DATA_METHODS, rows_for
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.deadlines._meant_to_last import READERS, reads_address
from runtime_ops.rules.deadlines._severity import matters
from runtime_ops.rules.deadlines._ways import likely_way

RULE = Rule(
    __name__,
    severity="high",
    summary="A blocking call in a coroutine stops the event loop: every other request, timer and health check waits.",
    lead=True,
)
KINDS = frozenset({"sleep", "network", "database", "process", "name lookup"})
LOCKS = frozenset({"join", "result", "recv", "recv_bytes", "get", "poll"})
"""Of calls that wait for another thread or process those that can last; a lock is mostly held for a moment."""
HABIT = 3  # more functions of one file, or with a synchronous database client, are one habit
BRIDGE = "async_to_sync"
RUNNERS = frozenset({"run", BRIDGE, "run_until_complete"})
"""Methods that make a loop for one coroutine and wait for its end."""
THREADSAFE = "asyncio.run_coroutine_threadsafe"
NEW_LOOPS = frozenset({"asyncio.new_event_loop", "new_event_loop", "uvloop.new_event_loop"})
BRANCHES = frozenset("create_task ensure_future gather TaskGroup create_task_group start_soon wait as_completed".split())
"""Methods by which a second task comes onto a loop."""
STORES = ("redis.", "valkey.", "django.core.cache.")
SHORT_COMMANDS = frozenset(
    """get set setex setnx add delete exists expire ttl touch incr decr incrby decrby hget hset hdel hexists hincrby sadd srem
    sismember scard zadd zrem zscore zcard lpush rpush lpop rpop llen publish ping getset getdel set_many get_many""".split()
)
"""Commands that do not wait, and whose answers do not grow with what is stored."""
NEAR = 3  # plain functions between a coroutine and the call that blocks, whose callers are all coroutines
DEEP = 12  # plain functions between a coroutine and the call that blocks
SHORT = 0.1  # seconds of sleep that nobody notices
LONG_NAME = 60
LONG = 0.5  # seconds of sleep that everybody who waits does
ELSEWHERE = (
    "requests.", "httpx.", "urllib.request.", "openai.", "anthropic.", "multiprocessing.connection.", "multiprocessing.Pipe",
    "huggingface_hub.snapshot_download", "huggingface_hub.hf_hub_download", "ldap3.Connection.", "stripe.", "twilio.", "resend.",
    "sendgrid.", "replicate.", "notion_client.", "slack_sdk.WebClient.", "jira.", "github.", "gitlab.", "kinto_http.", "gspread.",
    "botocore.client.", "boto3.client.", "boto3.resource.", "google.cloud.storage.", "google.cloud.bigquery.", "azure.storage.blob.",
    "smtplib.", "imaplib.", "ftplib.", "paramiko.", "git.Repo.clone_from",
)  # fmt: skip
"""What asks a service of somebody else over the Internet: tens of milliseconds where all is well, and as long as it likes else."""

CHILDREN = frozenset("subprocess.run subprocess.check_output subprocess.check_call subprocess.call os.system os.popen".split())
"""Calls that start a program and wait for its end."""

TRACING = ("sentry_sdk.trace", "newrelic.agent.", "ddtrace.", "opentelemetry.", "elasticapm.", "staticmethod", "classmethod")
"""How the decorators begin that run a function where it is called."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    by_function: dict[Func, list[tuple[Site, Blocking]]] = {}
    helped: list[tuple[Site, Site]] = []
    for dotted, sites in list(project.links.by_dotted.items()):
        row = blocks_loop(dotted)
        if row is None or not (row.kind in KINDS or dotted.rpartition(".")[2] in LOCKS) or dotted.endswith(("_async", ".to_dict")):
            continue
        inside = row.source.startswith("timeouts.json") and bool(waits(dotted))
        inside = inside or (row.call.endswith(".*") and dotted.rpartition(".")[2] in DATA_METHODS)
        if inside and not rows_for(dotted):
            continue  # a method of a value inside an answer
        for site in sites:
            if (site.method in READERS and not reads_address(site.call)) or (row.kind == "name lookup" and _of_this_host(site)):
                continue
            if site.awaited or _awaited_in_turns(site) or _returns_at_once(site) or _in_lambda(site):
                continue
            if _on_the_loop(project, site):
                by_function.setdefault(site.function, []).append((site, row))
            elif dotted.startswith(ELSEWHERE):
                helped += _through_helpers(project, site)
    alike: dict[str, list[Finding]] = {}
    database = []
    told: set[Func] = set(by_function)
    for call, below in sorted(helped, key=lambda pair: (pair[0].path, pair[0].line, pair[1].path, pair[1].line)):
        if call.function not in told:  # one finding for a coroutine: the mend is the same
            told.add(call.function)
            alike.setdefault(call.path, []).append(_of_helper(project, call, below))
    for blocking in by_function.values():
        blocking.sort(key=lambda pair: (pair[0].line, pair[0].call.col))
        finding = _of_function(project, blocking)
        if all(row.kind == "database" for _, row in blocking):
            database.append(finding)
        else:
            alike.setdefault(finding.path, []).append(finding)
    for found in alike.values():
        yield from together(found) if len(found) > HABIT else found
    yield from _habit(database) if len(database) > HABIT else database


def _habit(found: list[Finding]) -> Iterator[Finding]:
    """A program whose coroutines use a synchronous database client throughout: one finding, where most of it is."""
    per_file = Counter({f.path: 0 for f in found})
    for finding in found:
        per_file[finding.path] += finding.count
    most = max(sorted(per_file), key=per_file.__getitem__)
    first, *_ = sorted((f for f in found if f.path == most), key=lambda f: f.line)
    total = sum(per_file.values())
    also = tuple(Evidence(f.path, f.line, "the same") for f in found if f is not first)[:8]
    what = first.message.partition(" blocks the event loop")[0]
    message = (
        f"{what} and {total - 1} more calls of a synchronous database client stand in coroutines: each stops the event loop "
        "until the database answers, and no asyncio timeout can end it"
    )
    yield replace(first, message=message, count=total, also=also)


def _of_function(project: Project, blocking: list[tuple[Site, Blocking]]) -> Finding:
    site, row = blocking[0]
    instead = row.instead or "asyncio.to_thread"
    # how long it takes was not measured: what hits every request is seen to be so by whoever looks at the traffic
    severity = "low" if row.kind == "database" and _local(row, site) else "medium"
    if all(_one_command(site) for site, _ in blocking):
        severity = "low"
    finding = RULE.at(
        project,
        site,
        f"{_callee(site)}() blocks the event loop in {site.function.name}(): until it returns no other request, timer or health "
        "check of this process runs, and no asyncio timeout can end it",
        f"use {instead}",
        severity=severity,
        phases=("serving",),
        kinds=("service", "worker"),
        confidence="possible" if not _serves_many(project, site) else "certain" if _lasts(project, site) else "likely",
    )
    if len(blocking) == 1:
        return finding
    others = tuple(Evidence(s.path, s.line, f"{_callee(s)}() blocks too") for s, _ in blocking[1:9])
    return RULE.finding(
        finding.path, finding.line, finding.message, finding.remedy, end_line=finding.end_line, severity=finding.severity,
        phase=finding.phase, trace=finding.trace, anchor=finding.anchor, confidence=finding.confidence, count=len(blocking), also=others,
        entrypoints=[e for e in project.entrypoints if e.id in finding.entrypoints],
    )  # fmt: skip


def _callee(site: Site) -> str:
    """The callee as it is written, also where it is a method of what a call gives (``client.services(…).calls.create``)."""
    if not site.text.startswith("…"):
        return site.text
    text = source_of(site.call.func)
    return text if len(text) <= LONG_NAME else "…." + ".".join(text.rsplit(".", 2)[1:])


def _serves_many(project: Project, site: Site) -> bool:
    """Whether others wait for the loop: a service, or a worker that an artifact starts, and no process of its own for this one
    coroutine. ``as_completed`` waits for a pool, which may have been given coroutines and so be done at once."""
    if site.method == "as_completed":
        return False
    running = project.runs_in(site, "serving", kinds=("service", "worker"))
    return any(e.kind == "service" or e.production for e in running)


def _lasts(project: Project, site: Site) -> bool:
    """Whether the loop is seen to stand while somebody else answers: an HTTP request to another host, a pipe that another
    process writes to, a sleep of its own; in a coroutine that is reached by calls that are seen."""
    dotted = site.dotted or ""
    if dotted == "time.sleep":
        given = site.call.argument("secs", 0)
        long = isinstance(given, m.Const) and isinstance(given.value, int | float) and given.value >= LONG
    else:
        child = dotted in CHILDREN and _begins_on_the_loop(project, site)
        long = child or dotted.startswith(ELSEWHERE) or _of_another_loop(site)
    return long and _lasts_there(project, site)


def _begins_on_the_loop(project: Project, site: Site) -> bool:
    """Whether the way to the call begins in a coroutine that the server runs, and not in a thread that has a loop of its own."""
    running = project.runs_in(site, "serving", kinds=("service", "worker"))
    return any(project.lives[e].begin(site.function, "serving").facts.is_async for e in running)


def _of_another_loop(site: Site) -> bool:
    """``run_coroutine_threadsafe(work(), loop).result()``: as long as the work of the other loop takes; the loop itself for ever."""
    made = site.origin
    if site.method != "result" or made is None or not source_of(made.call.func).endswith("run_coroutine_threadsafe"):
        return False
    given = site.call.argument("timeout", 0)
    return given is None or not (isinstance(given, m.Const) and isinstance(given.value, int | float) and given.value < LONG)


def _lasts_there(project: Project, site: Site) -> bool:
    """Whether a coroutine of the call is reached by calls that are seen."""
    running = project.runs_in(site, "serving", kinds=("service", "worker"))
    return any(likely_way(project.lives[e], site.function) for e in running)


def _one_command(site: Site) -> bool:
    """One short command to Redis or to a cache, not one for each item of a loop: it is answered within a millisecond."""
    looped = any(isinstance(step.stmt, m.While | m.For) for step in site.steps)
    return not looped and (site.dotted or "").startswith(STORES) and site.method in SHORT_COMMANDS


def _of_this_host(site: Site) -> bool:
    """``socket.getfqdn()``, ``socket.gethostbyname(socket.gethostname())``, a literal: asked once, and mostly answered by a file."""
    first = next(iter(site.call.args), None)
    if first is None or isinstance(first, m.Const):
        return True
    return any(isinstance(call.func, m.Name) and call.func.id.endswith("gethostname") for call in m.calls(first))


def _local(row: Blocking, site: Site) -> bool:
    """A database in a file of the program's own: an answer takes milliseconds."""
    return any(word in f"{row.call} {site.dotted or ''}".lower() for word in ("sqlite", "tinydb", "shelve"))


def _on_the_loop(project: Project, site: Site) -> bool:
    """In a coroutine, or in a plain function that only coroutines run, and run by calls; in serving."""
    func = site.function
    if not any(matters(e) for e in project.runs_in(site, "serving", kinds=("service", "worker"))):
        return False
    if func.facts.is_async:
        return not _alone_on_its_loop(project, func, {func})
    return _by_coroutines(project, func, (func,))


def _through_helpers(project: Project, site: Site) -> Iterator[tuple[Site, Site]]:
    """The calls in coroutines that serve, of a plain function which asks somebody else over the Internet, by itself or by what it
    calls, with that call: on every way through it, or on some where the coroutine awaits nothing, so that all of its work is done
    on the loop. Others may call the function from a thread or a program without a loop."""
    if site.function.facts.is_async:
        return
    level = {site.function: _on_every_way(site)}
    seen = set(level)
    for _ in range(DEEP):
        above: dict[Func, bool] = {}
        for func, always in level.items():
            nested = func.parent is not None and not func.parent.is_module
            if func.is_module or nested or not _as_it_is(project, func):
                continue
            for edge in project.links.callers.get(func, ()):
                if edge.how != "call" or edge.site.weak or edge.site.targets != (func,):
                    continue
                every = always and _on_every_way(edge.site)
                if not edge.caller.facts.is_async:
                    if edge.caller not in seen:
                        seen.add(edge.caller)
                        above[edge.caller] = every
                elif (every or _awaits_nothing(edge.caller)) and _on_the_loop(project, edge.site) and not _in_lambda(edge.site):
                    yield edge.site, site
        level = above


def _as_it_is(project: Project, func: Func) -> bool:
    """Whether no decorator may run the function elsewhere."""
    return all(
        (name := decorated_by(decorator, func, project.links)) is not None and name.startswith(TRACING)
        for decorator in func.facts.decorators
    )


def _awaits_nothing(func: Func) -> bool:
    """Whether a coroutine is a plain function but for its name."""
    waits = any(isinstance(node, m.Await) for place in func.places for expr in own_expressions(place.stmt) for node in m.walk(expr))
    return not waits and not any(isinstance(place.stmt, m.For | m.With) and place.stmt.is_async for place in func.places)


def _on_every_way(site: Site) -> bool:
    """Whether nothing in its function decides if the call is made: a loop that may be empty, a branch, an arm for errors."""
    return not any(isinstance(step.stmt, m.If | m.For | m.While | m.Match) or step.arm in ("handler", "orelse") for step in site.steps)


def _of_helper(project: Project, call: Site, below: Site) -> Finding:
    return RULE.at(
        project,
        call,
        f"{call.text}() is no coroutine and blocks the event loop in {call.function.name}() by {_callee(below)}() ({below.path}:"
        f"{below.line}): until it returns no other request, timer or health check of this process runs, and no asyncio timeout can end it",
        f"await asyncio.to_thread({call.text}, …), or an asynchronous client below it",
        severity="medium",
        phases=("serving",),
        kinds=("service", "worker"),
        confidence="possible" if not _serves_many(project, call) else "certain" if _lasts_there(project, call) else "likely",
    )


def _by_coroutines(project: Project, func: Func, way: tuple[Func, ...]) -> bool:
    """Whether every way to a plain function is a coroutine's call, or that of plain functions for which the same holds: one that
    is handed over may run in a thread."""
    nested = func.parent is not None and not func.parent.is_module
    if func.is_module or func.facts.decorators or nested or len(way) > NEAR:
        return False
    edges = project.links.callers.get(func, [])
    return bool(edges) and all(
        edge.how == "call"
        and not edge.site.weak
        and (
            not _alone_on_its_loop(project, edge.caller, {edge.caller})
            if edge.caller.facts.is_async
            else edge.caller not in way and _by_coroutines(project, edge.caller, (*way, edge.caller))
        )
        for edge in edges
    )


def _in_lambda(site: Site) -> bool:
    """``run_in_executor(None, lambda: requests.get(url))``: who is handed the function calls it, mostly in a thread."""
    written = (n for expr in own_expressions(site.stmt) for n in m.walk(expr) if isinstance(n, m.Lambda))
    return any(call is site.call for each in written for call in m.calls(each.body))


def _alone_on_its_loop(project: Project, func: Func, seen: set[Func]) -> bool:
    """Whether a coroutine only runs on a loop that is made for it (``async_to_sync(work)(…)`` or ``asyncio.run(work())`` in a
    job or handler that is no coroutine), and nothing on the way starts another task: then nobody else waits for the loop."""
    if any(site.method in BRANCHES for site in func.sites):
        return False
    edges = project.links.callers.get(func, [])
    for edge in edges:
        caller = edge.caller
        if caller.facts.is_async:
            if edge.how != "call" or not edge.site.awaited:
                return False
            if caller not in seen and not _alone_on_its_loop(project, caller, seen | {caller}):
                return False
            continue
        if _on_a_loop_of_its_own(project, caller, edge.site):
            continue
        runners = [s for s in caller.sites if s.method in RUNNERS and s.call.args and any(c is edge.site.call for c in m.calls(s.call))]
        if not runners:
            return False
        if all(s.method == BRIDGE for s in runners):
            continue  # a loop for this one call, also while modules are imported
        if caller.is_module or is_main(caller, project.links):
            return False
        if any(caller in life.spine for life in project.lives.values()):
            return False
    return bool(edges)


def _on_a_loop_of_its_own(project: Project, caller: Func, made: Site) -> bool:
    """``run_coroutine_threadsafe(self.check(), self.loop)`` with a loop that the program makes and runs in a thread for this one
    coroutine: it alone waits there. What ends the loop does not count."""
    given = next((s for s in caller.sites if s.dotted == THREADSAFE and s.call.argument("coro", 0) is made.call), None)
    loop = given.call.argument("loop", 1) if given is not None else None
    value = project.names.value(loop, caller) if loop is not None else None
    if value is None or value.origin is None or source_of(value.origin.call.func) not in NEW_LOOPS:
        return False
    others = (s for s in project.sites(THREADSAFE, "asyncio.AbstractEventLoop.create_task") if s is not given)
    shared = (s for s in others if (there := _loop_of(project, s)) is not None and there.call is value.origin.call)
    return all(STOPS.search(s.function.name) for s in shared)


def _loop_of(project: Project, site: Site) -> Origin | None:
    """Where the loop is made to which a call gives a coroutine."""
    if site.dotted != THREADSAFE:
        return site.origin
    value = project.names.value(site.call.argument("loop", 1), site.function)
    return value.origin if value is not None else None


def _awaited_in_turns(site: Site) -> bool:
    """What ``async for`` or ``async with`` is given: the loop or the block awaits it."""
    if isinstance(site.stmt, m.For):
        return site.stmt.is_async and site.stmt.iterable is site.call
    return isinstance(site.stmt, m.With) and site.stmt.is_async and any(made is site.call for made, _ in site.stmt.items)


def _returns_at_once(site: Site) -> bool:
    """``sleep(0.01)``, ``get(block=False)``, a result taken after it was asked whether it is there."""
    call = site.call
    if not_blocking(call):
        return True
    first = call.args[0] if call.args else None
    if site.method == "sleep" and isinstance(first, m.Const) and isinstance(first.value, int | float) and first.value <= SHORT:
        return True
    receiver = site.text.rpartition(".")[0]
    if site.method == "poll" and (site.dotted or "").startswith("multiprocessing."):
        return first is None or (isinstance(first, m.Const) and first.value == 0)
    if site.method in ("recv", "recv_bytes") and any(
        s.method == "poll" and s.text.rpartition(".")[0] == receiver and s.line <= site.line for s in site.function.sites
    ):
        return True  # something is there
    if site.method in ("result", "exception"):
        # asyncio.wait and as_completed give what is done
        return any(s.method in ("done", "wait", "as_completed", "gather") for s in site.function.sites if s.line <= site.line)
    if site.method == "join" and receiver:
        return any(s.method == "is_alive" and s.text.startswith(receiver) for s in site.function.sites)
    return False
