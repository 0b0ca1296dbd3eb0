"""What the deadline rules share: where a wait matters, which waits are meant to last, how like waits make one finding."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.jobs import JobSystem, all_job_systems
from runtime_ops.libraries.names import spellings
from runtime_ops.libraries.servers import server_run_by
from runtime_ops.libraries.surface import surface
from runtime_ops.project.build import Project
from runtime_ops.project.deadlines import calls_of, scope_of_parameter
from runtime_ops.project.development import development_file, development_path
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.launch import Launch
from runtime_ops.project.links import FAMILY, Edge, argument_of
from runtime_ops.project.loops import is_endless
from runtime_ops.project.model import Func
from runtime_ops.project.phases import OWN_THREAD, Life, runs_elsewhere
from runtime_ops.project.source_text import source_of
from runtime_ops.project.waits import ReportPlace, WaitSite, by_place
from runtime_ops.rules.api import Rule, worst_phase
from runtime_ops.rules.jobs._time_limits import limits_all_jobs, unread_settings

LONG = ("service", "worker", "job")
READS = frozenset(
    """recv recv_into recvfrom recvmsg recv_bytes read readline readuntil readexactly receive receive_text receive_json
    receive_bytes listen accept get_message consume next fetch drain iter_lines stdin_readline""".split()
)
"""Methods that wait for the other side to say something."""
PIPES = ("stdin", "stdout", "stderr")
READERS = frozenset({"parse", "read_csv", "read_json", "read_excel", "read_parquet", "read_html"})
"""Functions that take an address or the content itself."""
ADDRESS = ("url", "uri", "link", "href", "address", "endpoint", "feed")
HANDED = ("connection_pool", "pool", "transport", "session", "http_client", "creator", "async_creator", "channel", "connection")
"""Parameters that take another client, which has the limit."""
PLAIN = frozenset((*dir(dict), *dir(list), *dir(set), *dir(str)))
"""Methods of the language's own types: by their names alone a class of the project is not meant."""
DEPTH = 4  # project functions followed from a started function to a wait without limit


def weight(project: Project, waits: Sequence[WaitSite]) -> tuple[str | None, str | None, tuple[Entrypoint, ...]]:
    """Severity, worst phase and entrypoints of waits with one remedy; severity None where nothing runs them.

    High in serving and shutdown of what stays up, medium at its start and where no phase is known though a long-running
    entrypoint imports the module, low in one-off commands.
    """
    found: dict[Entrypoint, set[str]] = {}
    for entry in (entry for wait in waits for entry in wait.entries):
        for entrypoint, phases in project.phases(entry).items():
            found.setdefault(entrypoint, set()).update(phases)
    lasting = {e: p for e, p in found.items() if matters(e)}
    reached = {p for each in lasting.values() for p in each}
    if found and all(_of_command(project, w) for w in waits):
        started = any(_names_command(launch, waits[0].path) for launch in project.launches)
        return ("low" if started else None), "serving", tuple(lasting or found)
    if reached:
        severity = "high" if reached & {"serving", "shutdown"} else "medium"
        if all(e.kind == "job" for e in lasting):
            scheduled = any(x.role == "job" or x.platform in ("crontab", "heroku") for e in lasting for x in e.production)
            severity = "medium" if scheduled else "low"  # a command that somebody runs, and can interrupt
        return severity, worst_phase(reached), tuple(lasting)
    if found:
        # a script that nothing starts is somebody's tool, watched by its user
        started = any(e.production or (e.commands and e.launches) for e in found) or not project.launches
        started = started and not all(development_file(e.path) or development_path(e.path) for e in found)
        return ("low" if started else None), "serving", tuple(found)
    importers = project.imported_by(waits[0].site.function.module, "service", "worker")
    return ("medium", None, importers) if importers else (None, None, ())


def likely_way(life: Life, func: Func) -> bool:
    """Whether some way to the function is certain, or rests on a method's name only where a whole family of classes has it."""
    if life.sure(func):
        return True
    for edge in life.back(func, "serving", strict=True):
        by_name = edge.how in ("override", "guess")
        if by_name and (len(edge.site.targets) < FAMILY or edge.callee.module not in life.entrypoint.modules):
            return False
        func = edge.caller
    seed = life.reach.get(func, {}).get("serving")
    return seed is not None and seed.edge is None


def handed_over(life: Life, func: Func, phase: str) -> bool:
    """Whether the way to a function passes a place that only names it, handed to a class or function of the project: who
    runs it in the end, and what limits that, is not seen there."""
    return any(edge.how == "reference" and edge.site.targets for edge in life.back(func, phase))


def _of_command(project: Project, wait: WaitSite) -> bool:
    """A management command of Django that does its work and ends (not one that is an entrypoint's own loop)."""
    func = wait.site.function
    return is_management_command(func.path) and not any(func in life.spine for life in project.lives.values())


def _names_command(launch: Launch, path: str) -> bool:
    """Whether a launch that is not for development runs the management command of a file: who types one sees it wait."""
    return not launch.development and path.rpartition("/")[2].removesuffix(".py") in launch.argv


def matters(entrypoint: Entrypoint) -> bool:
    """Whether an entrypoint stays up, or is a job, and is more than a developer's tool or a load generator."""
    if entrypoint.kind not in LONG or entrypoint.framework == "locust" or development_file(entrypoint.path):
        return False
    return not entrypoint.launches or bool(entrypoint.production) or entrypoint.kind == "job"


def lasts(project: Project, wait: WaitSite) -> bool:
    """Whether waiting is what the call is for: serving itself, a reader's loop that lives as long as its connection, the
    pipe of a child, content that is already there."""
    site, dotted = wait.site, wait.dotted
    names = set(spellings(dotted))
    serves = (
        surface("serve", dotted) is not None
        or surface("serve-wait", dotted) is not None
        or server_run_by(dotted) is not None
        or any(names.intersection(row.runs) for row in all_job_systems())
    )
    if serves or wait.kind == "server":
        return True
    if site.method in READS and _reader(wait):
        return True
    if dotted.startswith("select.") and not _about_sockets(wait.site.function):
        return True  # pipes of children, terminals: what is said there is said when there is something to say
    receiver = site.text.rpartition(".")[0]
    if receiver.rpartition(".")[2].strip("_").endswith(PIPES) or dotted.startswith("asyncio.StreamWriter."):
        return True
    if site.method in READERS and (not reads_address(wait.call) or _gets_content(project, wait)):
        return True
    if (dotted.endswith("SSLContext.wrap_socket") and _no_handshake(wait.call)) or _follows(wait.call):
        return True
    return _sibling_sets_it(wait) or _made_around_another(wait)


def _about_sockets(func: Func) -> bool:
    """Whether a function speaks of sockets or connections at all."""
    return any(word in name.lower() for name in func.inventory.names for word in ("sock", "conn", "peer", "client"))


def _made_around_another(wait: WaitSite) -> bool:
    """``Redis(connection_pool=pool)``: the client takes the limit of what is handed to it, which is judged where it is made."""
    made = wait.construction.origin if wait.construction is not None else wait.site.origin
    call = made.call if made is not None else wait.call if wait.constructs else None
    return call is not None and any(call.keyword(name) is not None for name in HANDED)


def reads_address(call: m.Call) -> bool:
    """Whether what a reader gets may be an address: a literal, or something named like one."""
    text = _words(call.args[0]) if call.args else ""
    content = any(word in text for word in ("content", "text", "body", "data", "bytes", "string", "xml", "html", "raw"))
    return not text or (any(word in text for word in ADDRESS) and not content)


def _gets_content(project: Project, wait: WaitSite) -> bool:
    """Whether a reader is given a parameter that is no address: annotated as bytes, or an answer's body in every caller."""
    given = wait.call.args[0] if wait.call.args else None
    if not isinstance(given, m.Name):
        return False
    scope, param = scope_of_parameter(given.id, wait.site.function)
    if scope is None or param is None:
        return False
    if param.annotation in ("bytes", "bytearray"):
        return True
    handed = [argument_of(site, scope, param) for site in calls_of(scope, project.links)]
    return bool(handed) and all(isinstance(e, m.Attr) and e.name in ("content", "text") for e in handed)


def _follows(call: m.Call) -> bool:
    """``read_namespaced_pod_log(…, follow=True)``: it lasts for as long as there is something to read."""
    asked = call.keyword("follow")
    return isinstance(asked, m.Const) and asked.value is True


def _no_handshake(call: m.Call) -> bool:
    """Whether wrapping a socket waits for nobody: the handshake is left to later, or the socket is one that listens
    (Python 3.13, ssl.rst: ``do_handshake_on_connect``)."""
    later = call.keyword("do_handshake_on_connect")
    return isinstance(later, m.Const) and later.value is False


def _reader(wait: WaitSite) -> bool:
    """The read stands in an endless loop, or is what a loop goes through."""
    for step in wait.site.steps:
        if isinstance(step.stmt, m.While) and is_endless(step.stmt):
            return True
        if isinstance(step.stmt, m.For) and step.stmt.is_async:
            return True
    stmt = wait.site.stmt
    if isinstance(stmt, m.While):
        return True
    return isinstance(stmt, m.For) and any(call is wait.call for call in m.calls(stmt.iterable))


def _words(expr: m.Expr) -> str:
    """The names in an expression, in small letters; empty for literals."""
    return " ".join(n.id if isinstance(n, m.Name) else n.name for n in m.walk(expr) if isinstance(n, m.Name | m.Attr)).lower()


def _sibling_sets_it(wait: WaitSite) -> bool:
    """``f(x, timeout=t) if t is not None else f(x)``: the other arm of the same expression gives the limit."""
    if not wait.row.parameters:
        return False
    return any(
        other.call.keyword(parameter) is not None
        for other in wait.site.function.sites
        if other.stmt is wait.site.stmt and other.call is not wait.call and other.text == wait.site.text
        for parameter in wait.row.parameters
    )


def job_limit_holds(project: Project, entrypoints: Iterable[Entrypoint]) -> bool | None:
    """Whether every entrypoint is a worker whose job system ends a job by itself, or by a limit that the project sets for
    all jobs. None: the settings come from a package that was not read, so that nobody knows."""
    named = list(entrypoints)
    if not named or any(e.kind != "worker" for e in named):
        return False
    rows = [_job_system(project, e) for e in named]
    missing = [row for row in rows if row is None or row.time_limit is None or _switched_off(project, row)]
    if any(row is None or not row.time_limit_settings for row in missing):
        return False
    if missing and not limits_all_jobs(project):
        return None if unread_settings(project) else False
    return True


def job_system_ends(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether the job system of a worker ends a job that takes too long by itself, and nobody switches that off."""
    row = _job_system(project, entrypoint)
    return row is not None and row.time_limit is not None and not _switched_off(project, row)


def _job_system(project: Project, entrypoint: Entrypoint) -> JobSystem | None:
    """The job system of a worker; of a module whose worker is not started here the one that all its jobs are of."""
    if entrypoint.framework:
        return next((row for row in all_job_systems() if row.name == entrypoint.framework), None)
    module = entrypoint.main.module
    systems = [job.system for job in project.jobs.by_func.values() if job.func.module is module]
    return systems[0] if systems and all(system is systems[0] for system in systems) else None


@cache
def _switched_off(project: Project, row: JobSystem) -> bool:
    """Whether the project switches off the limit that a job system has by itself: ``Queue(default_timeout=-1)``,
    ``"DEFAULT_TIMEOUT": int(os.environ.get("JOB_TIMEOUT", -1))``."""
    names = {*row.time_limit_settings, *row.time_limit_parameters} - {"timeout"}  # which is a parameter of anything
    for func in project.functions:
        given = [value for site in func.sites for key, value in site.call.keywords if key in names]
        given += [b.expr for name, bound in func.bindings.items() for b in bound if name.rpartition(".")[2] in names and b.expr]
        for place in func.places:
            if isinstance(place.stmt, m.Assign) and place.stmt.value is not None:
                tables = (n for n in m.walk(place.stmt.value) if isinstance(n, m.Mapping))
                given += [v for n in tables for k, v in n.items if isinstance(k, m.Const) and k.value in names]
        if any(_minus_one(e) or any(_minus_one(a) for c in m.calls(e) for a in c.args) for e in given):
            return True
    return False


def _minus_one(expr: object) -> bool:
    if isinstance(expr, m.UnaryOp):
        return expr.op == "-" and isinstance(expr.operand, m.Const) and expr.operand.value == 1
    return isinstance(expr, m.Const) and str(expr.value) == "-1"


def unbounded_below(project: Project, func: Func) -> WaitSite | None:
    """A wait without limit in a project function or what it calls; None when nothing like that is seen."""
    table = _unbounded(project)
    seen = {func}
    pending = [(func, 0)]
    while pending:
        current, depth = pending.pop(0)
        if current in table:
            return table[current]
        if depth >= DEPTH:
            continue
        for edge in project.links.callees.get(current, ()):
            if edge.how in ("call", "reference") and edge.callee not in seen and not edge.site.weak:
                seen.add(edge.callee)
                pending.append((edge.callee, depth + 1))
    return None


def _unbounded(project: Project) -> dict[Func, WaitSite]:
    known: dict[Func, WaitSite] | None = project.__dict__.get("_unbounded_waits")
    if known is None:
        known = {}
        for wait in project.waits:
            if wait.deadline.bounded is False and not (wait.constructs or wait.kind == "lock" or lasts(project, wait)):
                known.setdefault(wait.site.function, wait)
        project.__dict__["_unbounded_waits"] = known
    return known


def grouped(found: Iterable[WaitSite]) -> Iterator[tuple[WaitSite, ...]]:
    """Waits by the place where their limit would be written, in path and line order.

    Calls on one client of one function are one mend when the limit is not written at the call, and so are clients of one
    library that one function makes; each call that takes its own limit stays apart.
    """
    groups = by_place(_at_its_mend(wait) for wait in found)
    merged: dict[tuple[object, ...], list[WaitSite]] = {}
    for key in sorted(groups):
        first = groups[key][0]
        own = first.row.where == ("call",) and bool(first.row.parameters)
        # nothing to write at the call: one outer deadline around the function that holds most of them
        scope = first.place.function if first.row.parameters else first.place.path
        shared: tuple[object, ...] = key if own else (scope, first.row.distribution)
        if first.row.where == ("config",):  # written once, in the settings
            shared = (first.row.name, "config")
        merged.setdefault(shared, []).extend(groups[key])
    for group in merged.values():
        counts = Counter(w.place.function for w in group)
        yield tuple(sorted(group, key=lambda w: (-counts[w.place.function], w.place.line, w.line)))


def _at_its_mend(wait: WaitSite) -> WaitSite:
    """The wait with the place where its limit would be written: the dictionary that is unpacked into the call, and for a
    limit that is no argument of the call the call that made the client."""
    place = wait.place
    own = "call" in wait.row.where or not wait.row.where
    own = own or ("config" in wait.row.where and (place.path, place.line) != (wait.path, wait.line))  # at the setting already
    if not own and wait.construction is None and not wait.constructs and wait.site.origin is not None and not wait.via:
        origin = wait.site.origin
        func, call = origin.function, origin.call
        if not func.is_module or func.module is wait.site.function.module:
            place = ReportPlace(func.path, call.line, call.end_line, source_of(call.func), func)
    call_there = next((s.call for s in place.function.sites if s.line == place.line and source_of(s.call.func) == place.text), None)
    for key, value in call_there.keywords if call_there is not None else ():
        if key is None and isinstance(value, m.Name):
            made = [b for b in place.function.bindings.get(value.id, ()) if isinstance(b.expr, m.Mapping | m.Call)]
            if len(made) == 1 and made[0].line < place.line:
                place = place._replace(line=made[0].line)
    return wait if place is wait.place else replace(wait, place=place)


def finding_of(
    rule: Rule,
    project: Project,
    group: Sequence[WaitSite],
    message: str,
    remedy: str,
    *,
    severity: str,
    phase: str | None,
    entrypoints: tuple[Entrypoint, ...],
    confidence: str = "likely",
) -> Finding:
    """One finding at the group's place; the calls that wait are listed when they stand elsewhere."""
    place = group[0].place
    elsewhere = [w for w in group if (w.path, w.line) != (place.path, place.line)]
    trace: list[Evidence] = []
    if entrypoints and phase is not None:
        reached = [e for e in group[0].entries if any(phase in project.lives[x].of(e.function) for x in entrypoints)]
        entry = (reached or group[0].entries)[0]
        trace.extend(shown_way(project, entrypoints, entry.function, phase))
        if entry is not group[0].site:
            trace.append(Evidence(entry.path, entry.line, f"{entry.text}() is called without a limit"))
    also = tuple(Evidence(w.path, w.line, f"{w.site.text}() waits") for w in elsewhere[:8])
    return rule.finding(
        place.path, place.line, message, remedy, end_line=place.end_line, severity=severity, confidence=confidence,
        phase=phase, entrypoints=entrypoints, trace=trace, anchor=f"{place.function.qualname}:{place.text}",
        count=max(1, len(elsewhere)), also=also,
    )  # fmt: skip


def shown_way(project: Project, entrypoints: Sequence[Entrypoint], func: Func, phase: str) -> tuple[Evidence, ...]:
    """The way to a function from that entrypoint where every step of it is seen; where none has such a way, what is seen of
    its end: what rests on a method's name alone, or on a function that is named somewhere, may not be how it is reached."""
    lives = [project.lives[e] for e in entrypoints]
    lives = [life for life in lives if phase in life.of(func)] or lives
    for life in lives:
        if all(map(_seen, life.back(func, phase))):
            return life.trace(func, phase)
    edges = list(lives[0].back(func, phase))
    seen = next(n for n, edge in enumerate(edges) if not _seen(edge))
    way = lives[0].trace(func, phase)
    way = way[max(len(way) - seen, 0) :]
    last = edges[seen]
    if last.how != "reference":
        return way
    return (Evidence(last.site.path, last.site.line, f"{last.callee.name} is named here"), *way)


def _seen(edge: Edge) -> bool:
    """Whether a step of a way is a call that is seen, the start of a thread or job, or a registration."""
    if edge.how == "reference":
        registered = surface("handler-registration", edge.via) is not None
        return registered or runs_elsewhere(edge) or edge.via.endswith(OWN_THREAD) or not edge.site.targets
    return edge.how != "guess" and not (edge.how == "override" and (len(edge.site.targets) < FAMILY or edge.callee.name in PLAIN))


def remedy_for(wait: WaitSite) -> str:
    """How the limit is written for this client."""
    row = wait.row
    if not row.parameters:
        member = wait.dotted.rpartition(".")[2]
        if row.distribution == "Twisted":
            return f"{member}(…).addTimeout(seconds, reactor), below the limit of whoever waits for this"
        return f"{member} takes no limit: put an outer deadline around it, or use a call that takes one"
    if wait.dotted.startswith("django.core.cache.") and "OPTIONS.socket_timeout" in row.parameters:
        return "set OPTIONS.socket_timeout here (django-redis: SOCKET_TIMEOUT, SOCKET_CONNECT_TIMEOUT), below the limit of whoever waits"
    if wait.construction is not None and not set(row.wrappers).isdisjoint(spellings(wait.construction.name)):
        return f"hand it {row.constructors[0]}({row.parameters[0]}=…), below the limit of whoever waits for this"
    where = "where the client is constructed" if "constructor" in row.where and "call" not in row.where else "here"
    return f"set {' / '.join(row.parameters[:3])} {where}, below the limit of whoever waits for this"
