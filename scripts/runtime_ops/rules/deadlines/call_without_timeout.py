"""A call over the network that nothing ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import PackagingFile
from runtime_ops.findings import SEVERITIES, Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.model import Func
from runtime_ops.project.phases import Life
from runtime_ops.project.versions import normalised
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.deadlines._databases import Database, unlimited_databases
from runtime_ops.rules.deadlines._doubts import (
    ENGINES,
    declared_drivers,
    doubtful,
    inside_one_process,
    limits_connecting,
    set_by_caller,
)
from runtime_ops.rules.deadlines._downloads import unlimited_downloads
from runtime_ops.rules.deadlines._outer import FOR_EVER, UNKNOWN, End, outer_end
from runtime_ops.rules.deadlines._settings import Unset, unset_limits
from runtime_ops.rules.deadlines._waiting import (
    finding_of,
    grouped,
    handed_over,
    lasts,
    matters,
    remedy_for,
    weight,
)

RULE = Rule(
    __name__,
    severity="high",
    summary="A call to another process or host has no deadline: a peer that stays silent holds the caller for ever.",
)
EACH_CALL = frozenset(
    """stdlib requests requests-futures requests-toolbelt CacheControl httpx httpx2 urllib3 niquests aiohttp curl_cffi pycurl treq
    tornado feedparser GitPython zeep websocket-client websockets paramiko""".split()
)
"""Libraries whose calls take their limit one by one, each to another host; the others are clients that are made once."""
SERVE_ALL = frozenset(
    """grpcio grpclib SQLAlchemy Flask-SQLAlchemy psycopg psycopg-pool psycopg2-binary asyncpg PyMySQL aiomysql mysql-connector-python
    mysqlclient peewee pg8000 pymssql pyodbc oracledb pymongo motor cassandra-driver""".split()
)
LIMITS = {
    "postgresql": "\"OPTIONS\": {\"connect_timeout\": 5, \"options\": \"-c statement_timeout=30000\"}",
    "mysql": "\"OPTIONS\": {\"connect_timeout\": 5, \"read_timeout\": 30, \"write_timeout\": 30}",
}
"""What a database of Django's settings is given, by kind of server."""
OWN_TASKS = re.compile(r"^(?:anyio|trio)\.(?:.*\.)?(?:Event|Lock|Semaphore|Condition|CapacityLimiter|Memory\w+)\.")
MANY = 5  # functions that call one client
VIEWS = ("View", "ViewSet")  # how the classes are called whose methods answer requests
SOON = 120.0  # seconds after which a server that kills a held worker has limited the harm


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    sure: list[WaitSite] = []
    open_: list[WaitSite] = []
    for wait in project.waits:
        if _unlimited(project, wait):
            (open_ if doubtful(project, wait) or not _way_seen(project, wait) else sure).append(wait)
    limited = [s.function.module for s in project.sites("socket.setdefaulttimeout") if s.call.args]
    for waits in (sure, open_):
        told: list[tuple[WaitSite, Finding]] = []
        for every in grouped(waits):
            # what nothing calls waits for nobody, and shall not stand for those that do
            group = tuple(w for w in every if project.phases(w.site)) or every
            group = tuple(w for w in group if not is_management_command(w.path)) or group
            severity, phase, entrypoints = weight(project, group)
            if group[0].row.distribution == "stdlib" and any(module in e.modules for module in limited for e in entrypoints):
                continue  # every socket of the process has that limit
            if severity is None or all(e.framework == "locust" for e in entrypoints):
                continue
            entrypoints = _that_ask(project, group, phase, entrypoints)
            finding = _of_group(project, group, severity, phase, entrypoints, seen=waits is sure)
            told.append((group[0], finding))
        yield from _one_a_mend(told)
    for unset in unset_limits(project):
        yield _of_setting(project, unset)
    for database in unlimited_databases(project):
        yield _of_database(project, database)
    for path, command, holds, copies in unlimited_downloads(project):
        slow = command.program.endswith("wget")
        default = "wget gives up on a silent peer only after 900 s" if slow else "curl has no limit by default"
        kept = f"this {holds} from starting, and no retry happens" if holds != "program" else "what this script starts from starting"
        yield RULE.finding(
            path,
            command.line,
            f"{default}: a peer that accepts and stays silent keeps {kept}",
            "give wget -T and a try count" if slow else "give curl --max-time (and --connect-timeout)",
            end_line=command.end_line,
            severity="low" if slow else "medium",
            phase="startup",
            # a loop that asks until somebody answers; a supervisor that starts all others meanwhile
            confidence="possible" if holds == "program" or (command.loops and not slow) else "likely",
            anchor=command.raw[:80],
            count=1 + len(copies),
            also=[Evidence(*copy, "the same") for copy in copies],
        )


def _one_a_mend(told: list[tuple[WaitSite, Finding]]) -> Iterator[Finding]:
    """The findings of one mend as one: of a library whose calls take their limit one by one those of a file, of a session that
    several files use all of them, and of a library whose client is made once all that there are."""
    users: dict[int, set[tuple[str, str]]] = {}
    for wait, finding in told:
        users.setdefault(_session(wait), set()).add((finding.path, wait.row.versioned_by))
    habits: dict[tuple[object, ...], list[Finding]] = {}
    for wait, finding in told:
        session = _session(wait)
        if session and len(users[session]) > 1:
            key: tuple[object, ...] = ("session", session)
        elif wait.row.distribution in EACH_CALL:
            key = ("file", finding.path, wait.row.versioned_by)
        else:
            key = ("client", wait.row.versioned_by)
        habits.setdefault((*key, finding.confidence == "possible"), []).append(finding)
    for (kind, *_), findings in habits.items():
        if kind == "file":
            yield from together(findings)
        elif kind == "client":
            yield from _one_client(findings)
        else:
            yield _one_session(findings)


def _session(wait: WaitSite) -> int:
    """What tells the calls on one session from others: the call that makes it; 0 where the library is asked without one, and for
    clients that are made once anyway."""
    made = wait.construction.origin if wait.construction is not None else wait.site.origin
    return id(made.call) if made is not None and wait.row.distribution in EACH_CALL else 0


def _one_session(findings: list[Finding]) -> Finding:
    """The heaviest of the calls on one session, which stands for all: where it is made, one limit mends them."""
    first, *others = sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), -f.count, f.path, f.line))
    also = (*first.also, *(Evidence(f.path, f.line, "the same session") for f in others))
    entrypoints = tuple(dict.fromkeys(e for f in findings for e in f.entrypoints))
    return replace(first, count=sum(f.count for f in findings), also=also[:8], entrypoints=entrypoints)


def _of_setting(project: Project, unset: Unset) -> Finding:
    entrypoints = project.imported_by(unset.module, "service")
    end = outer_end(project, entrypoints)
    soon = end.by == "server" and end.seconds <= SOON
    peer = "server" if unset.row.shared else "provider"
    return RULE.finding(
        unset.module.path,
        unset.line,
        f"{unset.row.name} {unset.row.work} without a limit, since {unset.row.setting} is not set: a {peer} that accepts and stays silent "
        f"holds each of those requests, and their threads, {end.text}".rstrip(" ,"),
        unset.row.remedy or f"{unset.row.setting} = 10",
        severity="low" if soon else "medium",
        phase="serving",
        entrypoints=entrypoints,
        anchor=unset.row.setting,
    )


def _of_database(project: Project, database: Database) -> Finding:
    entrypoints = project.imported_by(database.module, "service", "worker")
    statements = ", and neither does a statement, since no limit on those is set" if database.statements else ""
    what = (
        f"no limit on statements, and {database.driver} limits connecting alone: a server that falls silent holds a query for ever"
        if database.connects
        else f"no connect_timeout, and {database.driver} has none by default: connecting to a server that accepts and stays silent never "
        f"ends{statements}"
    )
    return RULE.finding(
        database.module.path,
        database.line,
        f"DATABASES gives {what}",
        LIMITS[database.kind],
        severity="low",
        phase="serving",
        entrypoints=entrypoints,
        confidence="likely" if database.sure and entrypoints else "possible",
        anchor="DATABASES",
    )


def _one_client(findings: list[Finding]) -> Iterator[Finding]:
    """One finding a severity for the clients of one library: the place with the most calls stands for all."""
    groups: dict[str, list[Finding]] = {}
    for finding in together(findings):
        groups.setdefault(finding.severity, []).append(finding)
    for group in groups.values():
        first, *others = sorted(group, key=lambda f: (-f.count, f.path, f.line))
        also = (*(Evidence(f.path, f.line, "the same") for f in others[:8]), *first.also)
        entrypoints = tuple(dict.fromkeys(e for f in (first, *others) for e in f.entrypoints))
        yield replace(first, count=sum(f.count for f in group), also=also[:8], entrypoints=entrypoints)


def _unlimited(project: Project, wait: WaitSite) -> bool:
    if wait.site.method.startswith("_") and not wait.site.method.startswith("__"):
        return False  # of a client that answers to any name (``templates._(id)``): it builds, and does not ask
    if wait.row.name.startswith("django:django.db."):
        return False  # told once, at the settings
    if not wait.leaves_the_process or _of_own_tasks(wait) or wait.deadline.state != "unbounded" or lasts(project, wait):
        return False
    if _connects_later(wait) or _sent_elsewhere(wait) or _set_elsewhere(wait) or _through_adapter(project, wait):
        return False
    if set_by_caller(project, wait) or inside_one_process(wait):
        return False
    if wait.row.distribution in ENGINES and (_only_files(project) or _only_compiles(wait)):
        return False
    if wait.constructs and "call" in wait.row.where and _used(project, wait):
        return False  # the calls are judged where they stand
    # a row that is bounded in every version has no unlimited default: the answer came from a caller that gives nothing
    return not (wait.row.bounded == "yes" and not wait.row.changed)


def _of_own_tasks(wait: WaitSite) -> bool:
    """``anyio.Event.wait``: another task of the program, no peer."""
    return bool(OWN_TASKS.search(wait.dotted))


def _sent_elsewhere(wait: WaitSite) -> bool:
    """``message.connection = connection; message.send()``: the connection that it is given is judged where it is made."""
    receiver = wait.site.text.rpartition(".")[0]
    return wait.dotted.startswith("django.core.mail.") and f"{receiver}.connection" in wait.site.function.bindings


def _connects_later(wait: WaitSite) -> bool:
    """``ftp = FTP_TLS(); ftp.connect(host, timeout=10)``: the connection has that limit for all that follows
    (ftplib.py, FTP.connect stores it; smtplib is alike)."""
    if not wait.dotted.startswith(("ftplib.", "smtplib.")):
        return False
    made = wait.call if wait.constructs else wait.construction.origin.call if wait.construction is not None else None
    return made is not None and any(
        site.method == "connect"
        and site.origin is not None
        and site.origin.call is made
        and any(key == "timeout" and not (isinstance(value, m.Const) and value.value is None) for key, value in site.call.keywords)
        for site in wait.site.function.sites
    )


def _set_elsewhere(wait: WaitSite) -> bool:
    """Whether the module sets such a limit on an object whose making was not followed (``request.settimeout(30)`` in a server's
    ``get_request``): it may be this one."""
    if "method" not in wait.row.where or wait.construction is not None or wait.site.origin is not None:
        return False
    return any(
        site.method in wait.row.parameters and site.origin is None
        for func in wait.site.function.module.functions.values()
        for site in func.sites
    )


def _through_adapter(project: Project, wait: WaitSite) -> bool:
    """Whether the project mounts an adapter of its own that sets the time-out of every send: which sessions have it was not
    followed, so that a call on one of them may be limited."""
    return wait.row.distribution == "requests" and "Session." in wait.dotted and _mounts_limiter(project)


@cache
def _mounts_limiter(project: Project) -> bool:
    """Whether the project mounts adapters, and has a class of them whose ``send`` speaks of a time-out."""
    if not any(site.method == "mount" and len(site.call.args) == 2 for func in project.functions for site in func.sites):
        return False
    adapters = (
        klass
        for module in project.modules
        for klass in module.classes.values()
        if any(base.endswith("HTTPAdapter") for base in klass.external_bases)
    )
    return any("timeout" in word for klass in adapters if "send" in klass.methods for word in _words(klass.methods["send"]))


def _words(func: Func) -> Iterator[str]:
    """The literals, names, parameters and keywords of a function."""
    yield from func.inventory.texts
    yield from func.inventory.names
    yield from (param.name for param in func.facts.params)
    yield from (key for site in func.sites for key, _ in site.call.keywords if key is not None)


def _used(project: Project, made: WaitSite) -> bool:
    """Whether calls on a client are seen that take a limit of their own."""
    return any(
        not wait.constructs and wait.construction is not None and wait.construction.origin.call is made.call for wait in project.waits
    )


def _only_compiles(wait: WaitSite) -> bool:
    """``create_engine(url, strategy="mock")``: an engine that never connects."""
    made = wait.construction.origin.call if wait.construction is not None else wait.call
    strategy = made.keyword("strategy")
    return isinstance(strategy, m.Const) and strategy.value == "mock"


def _way_seen(project: Project, wait: WaitSite) -> bool:
    """Whether some way from what runs to the call is more than a guess, in what is up or runs by itself."""
    found = project.phases(wait.site)
    named = [e for e in found if matters(e)] or list(found)
    if not found:
        return True
    lives = [project.lives[e] for e in named if project.lives[e].believed(wait.site.function)]
    return any(not _begins_unread(project, life, wait.site.function) for life in lives)


def _begins_unread(project: Project, life: Life, func: Func) -> bool:
    """Whether the way to a function begins in a property that nothing of the project names, nor any template as a text of its
    own: that its class is used does not run it."""
    edges = list(life.back(func))
    first = edges[-1].caller if edges else func
    notes = [reach.note for reach in life.reach.get(first, {}).values() if reach.edge is None]
    if not any(note.startswith("used with ") for note in notes) or first.name.startswith("__"):
        return False
    return first.name not in _names_read(project)


@cache
def _names_read(project: Project) -> frozenset[str]:
    """The attributes that the functions of the project mention, and their literals."""
    found: set[str] = set()
    for func in project.functions:
        found.update(name.rpartition(".")[2] for name in func.inventory.names if "." in name)
        found.update(func.inventory.attributes)
        found.update(func.inventory.texts)
    return frozenset(found)


@cache
def _declares_engine(project: Project) -> bool:
    """Whether the repository declares SQLAlchemy."""
    return any(normalised(row.name) == "sqlalchemy" for file in project.artifacts_of(PackagingFile) for row in file.requirements)


@cache
def _only_files(project: Project) -> bool:
    """Whether the repository declares SQLAlchemy and no driver of a database server, and its code writes the address of a SQLite
    file: there is no peer."""
    if not _declares_engine(project) or declared_drivers(project):
        return False
    return any(text.startswith("sqlite:") for func in project.functions for text in func.inventory.texts)


def _that_ask(
    project: Project, group: tuple[WaitSite, ...], phase: str | None, entrypoints: tuple[Entrypoint, ...]
) -> tuple[Entrypoint, ...]:
    """The entrypoints without the workers that only import the views from which the way begins, where a service has them."""
    if phase is None or not any(e.kind == "service" for e in entrypoints):
        return entrypoints
    return tuple(
        e
        for e in entrypoints
        if e.kind != "worker" or not all(_begins_in_view(project.lives[e], w.site.function, phase) for w in group)
    )


def _begins_in_view(life: Life, func: Func, phase: str) -> bool:
    """Whether the way to a function begins in a method of a view's class."""
    edges = list(life.back(func, phase))
    first = edges[-1].caller if edges else func
    return first.cls is not None and any(base.endswith(VIEWS) for base in (first.cls.name, *first.cls.external_bases))


def _of_group(
    project: Project,
    group: tuple[WaitSite, ...],
    severity: str,
    phase: str | None,
    entrypoints: tuple[Entrypoint, ...],
    *,
    seen: bool,
) -> Finding:
    first = group[0]
    library = (
        ""
        if first.row.distribution == "stdlib"
        else f" and {first.row.distribution}{_version(first)} has none by default"
    )
    limit = f"sets no limit{library}: a peer that accepts and stays silent"
    if limits_connecting(project, first):
        limit = "limits connecting alone: a peer that does not answer later"
    sure = any(project.lives[e].sure(w.site.function) for e in entrypoints for w in group)
    serious = phase == "serving" and severity == "high"
    job = any(w.site.function in project.jobs.by_func for w in group)
    command = all(is_management_command(w.path) for w in group)
    end = FOR_EVER if command else outer_end(project, entrypoints)
    unit = "this command" if command else f"this {_unit(entrypoints)}"
    if phase is not None and not command and any(handed_over(project.lives[e], w.site.function, phase) for e in entrypoints for w in group):
        end, unit = UNKNOWN, "its caller"  # by whom it is run in the end was not seen
    certain = serious and first.version is not None and sure and end.by not in ("server", "request")
    if end.by == "job" or (end.by == "server" and end.seconds <= SOON and not _shared(group)):
        severity = "low"  # the job or worker is ended by itself, and can be seen to
    elif phase == "import":
        severity = "low"
    elif severity == "high" and (end.by in ("server", "request") or not _shared(group)):
        severity = "medium"
    hurts = seen and _hurts(project, group, severity, phase, entrypoints, end, job=job)
    return finding_of(
        RULE,
        project,
        group,
        f"{_callee(first)} {limit} holds {unit} {end.text}".rstrip(),
        remedy_for(first),
        severity=severity,
        phase=phase,
        entrypoints=entrypoints,
        confidence="possible" if not hurts else "certain" if certain else "likely",
    )


def _hurts(
    project: Project,
    group: tuple[WaitSite, ...],
    severity: str,
    phase: str | None,
    entrypoints: tuple[Entrypoint, ...],
    end: End,
    *,
    job: bool,
) -> bool:
    """Whether it is seen when the wait happens, and in something that nobody watches: without a phase a module is only
    imported; a call found at import alone is one that some registration was not followed to; a start that hangs is seen by
    who started it, unless it is the main program of a deployment; a command has its user before it."""
    if phase is None:
        return job
    if phase == "import":
        # a command alone: its production settings, and who serves beside it, may stand outside of what was read
        return any(e.long_running for e in entrypoints) and all("call" not in w.row.where and w.row.distribution in ENGINES for w in group)
    if phase == "startup" and not any(_deployed(e) for e in entrypoints):
        return False
    if phase == "shutdown":
        return False
    if all(_for_a_command(project, e, w, phase) for e in entrypoints for w in group):
        return False
    if severity == "low" and end.by not in ("job", "server"):
        return False
    if all(_started_by_nothing(project, e, w, phase) for e in entrypoints for w in group):
        return False
    return any(e.kind != "cli" for e in entrypoints) or any(
        x.platform != "packaging" for e in entrypoints for x in e.production
    )


def _deployed(entrypoint: Entrypoint) -> bool:
    """Whether a container, unit or process list starts it as its main program, and keeps it up."""
    return entrypoint.long_running and any(x.role == "main" and x.platform != "packaging" for x in entrypoint.production)


def _started_by_nothing(project: Project, entrypoint: Entrypoint, wait: WaitSite, phase: str) -> bool:
    """Whether the way to the wait begins in a script with a loop of its own that no artifact starts, while others are
    started: somebody's tool, before which he sits."""
    if entrypoint.framework != "loop" or entrypoint.production or not project.launches:
        return False
    way = project.trace(entrypoint, wait.site.function, phase)
    return (way[0].path if way else wait.path) == entrypoint.path


def _for_a_command(project: Project, entrypoint: Entrypoint, wait: WaitSite, phase: str) -> bool:
    """Whether the way to the wait begins in a management command that no schedule starts: somebody types it."""
    way = project.trace(entrypoint, wait.site.function, phase)
    own = is_management_command(wait.path) or bool(way and is_management_command(way[0].path) and way[0].note.startswith("command "))
    if not own:
        return False
    name = (wait.path if is_management_command(wait.path) else way[0].path).rpartition("/")[2].removesuffix(".py")
    return not any(
        name in x.argv and not x.development and (x.role == "job" or x.platform in ("crontab", "heroku")) for x in project.launches
    )


def _shared(group: tuple[WaitSite, ...]) -> bool:
    """Whether all work goes through what is waited for: a database, or a service of one's own by gRPC, that many functions ask.
    A cache, a queue, or a call of one feature to one provider stops that feature."""
    first = group[0]
    functions = len({w.site.function for w in group})
    return first.row.distribution in SERVE_ALL and functions >= MANY


def _callee(wait: WaitSite) -> str:
    """The callee, or the setting that makes the client."""
    text = wait.place.text
    if text.isupper():
        return text
    own = wait.site.text.rpartition(".")[2]
    elsewhere = (wait.path, wait.line) != (wait.place.path, wait.place.line) and own.isidentifier()
    return f"{text}() (for {own}() of {wait.path.rpartition('/')[2]}:{wait.line})" if elsewhere else f"{text}()"


def _version(wait: WaitSite) -> str:
    return f" {wait.version}" if wait.version is not None and str(wait.version)[:1].isdigit() else ""


def _unit(entrypoints: tuple[Entrypoint, ...]) -> str:
    kinds = {e.kind for e in entrypoints}
    if "service" in kinds and "worker" not in kinds:
        return "request's thread or task"
    return "request or job" if "worker" in kinds else "program"
