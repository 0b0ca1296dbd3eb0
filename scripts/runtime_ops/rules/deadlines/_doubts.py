"""What leaves open whether a wait without limit hurts anybody: a peer on this machine, a limit of one stage, a client whose
making was not seen. Such waits are leads, no findings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import PackagingFile
from runtime_ops.libraries.names import type_of
from runtime_ops.libraries.servers import server_run_by
from runtime_ops.libraries.timeouts import constructor
from runtime_ops.libraries.versions import bounded_at
from runtime_ops.project.build import Project
from runtime_ops.project.deadlines import CONNECT_NAME, calls_of, scope_of_parameter
from runtime_ops.project.development import development_path
from runtime_ops.project.links import argument_of
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.project.texts import bound_expression
from runtime_ops.project.versions import REQUIREMENT_FOLDERS, normalised, upward
from runtime_ops.project.waits import WaitSite

ENGINES = frozenset({"SQLAlchemy", "Flask-SQLAlchemy", "sqlmodel"})
DRIVERS = (
    "psycopg2 psycopg2-binary psycopg psycopg-binary psycopg2cffi asyncpg pg8000 mysqlclient pymysql aiomysql asyncmy "
    "mysql-connector-python mariadb oracledb cx-oracle pyodbc aioodbc pymssql clickhouse-sqlalchemy clickhouse-driver "
    "clickhouse-connect snowflake-sqlalchemy sqlalchemy-redshift pybigquery sqlalchemy-bigquery trino databricks-sql-connector "
    "ibm-db-sa sqlalchemy-cockroachdb crate pyhive duckdb-engine cloud-sql-python-connector"
).split()
"""Distributions with a driver of a database server (SQLAlchemy 2.0 documentation, Dialects)."""
LIMITED_CONNECT = frozenset("psycopg psycopg-binary asyncpg pymysql mysql-connector-python".split())
"""Drivers that limit connecting by themselves (psycopg 3: 130 s; asyncpg: 60 s; PyMySQL and MySQL Connector: 10 s)."""
ENGINE_LIMIT = re.compile(r"statement_timeout|connect_timeout|command_timeout|read_timeout")
ENDS = frozenset("close aclose disconnect wait_closed".split())
"""Methods by which a client says goodbye."""
STAGES = ("connect", "banner", "handshake", "auth", "channel_open")
PORT = re.compile(r":(\d{2,5})(?:[/?]|$)")
LOOPBACK = re.compile(r"^(?:[\w+]+://)?(?:[^@/\s]*@)?(?:127\.0\.0\.\d+|localhost|\[?::1\]?)(?:[:/?]|$)", re.I)
ADDRESSES = ("url", "host", "base_url", "address", "server")
HOME = frozenset(
    "redis.Redis redis.StrictRedis redis.client.Redis redis.asyncio.Redis redis.asyncio.client.Redis pymongo.MongoClient "
    "pymongo.mongo_client.MongoClient".split()
)
"""Clients that ask this machine where no address is given (redis 8.1.0, client.py: host="localhost"; pymongo 4.20.0: HOST)."""
HOME_NUMBERS = ("db", "port", "decode_responses", "charset", "encoding", "password", "protocol")
SOCKET_FILE = re.compile(r"^(?:redis\+socket|\w*unix)://|^/[\w./-]+\.sock$", re.I)
UNIX = ("AF_UNIX", "socketpair", "open_unix_connection")
SET_OUTSIDE = frozenset({"dulwich", "mcp"})
"""Clients that something else may limit: git's own settings (dulwich: ``http.timeout``), the transport (mcp: 300 s between two
events of a server by HTTP, which its comments to keep the connection lengthen; by stdio nothing)."""
LOCAL_CACHES = frozenset(
    f"django.core.cache.backends.{name}" for name in ("locmem.LocMemCache", "dummy.DummyCache", "filebased.FileBasedCache")
)
STARTS_ASIDE = frozenset("submit run_in_executor apply_async".split())
JOINS = frozenset("result as_completed".split())
LIMIT_NAME = re.compile(r"(?i)time|limit|second|deadline|wait")
FILLS_BUFFERS = frozenset(("send", "sendall", "sendto"))
"""Methods of a socket that wait only when the buffers are full: reading and connecting are what a silent peer holds."""
DEPTH = 3  # callers that hand a socket or an address on


def doubtful(project: Project, wait: WaitSite) -> bool:
    """Whether something about a wait without limit leaves open that a silent peer holds it for ever."""
    return (
        wait.kind == "browser"  # a program of this machine
        or wait.site.method in ENDS  # the work is done: what was asked before it bears the limit
        or limits_connecting(project, wait)
        or _peer_is_here(project, wait)
        or _receiver_unknown(wait)
        or _fed_here(wait)
        or (wait.row.name.startswith("stdlib:socket.") and wait.site.method in FILLS_BUFFERS)
        or (wait.constructs and "call" in wait.row.where)
        or (wait.row.distribution in ENGINES and (_own_dialects(project) or _open_engine(project, wait) or _limits_another(project)))
        or wait.row.distribution in SET_OUTSIDE
        or _not_asked_to_wait(wait)
        or _any_version(project, wait)
        or _hands_through(wait)
        or _replaced(project, wait)
        or _other_cache(project, wait)
        or _waited_with_limit(project, wait)
        or _own_adapter(project, wait)
    )


def _not_asked_to_wait(wait: WaitSite) -> bool:
    """Whether the call is one of stomp.py's that waits for an answer only where it is asked to: ``connect(wait=True)``."""
    given = wait.call.keyword("wait")
    return wait.row.distribution == "stomp.py" and not (isinstance(given, m.Const) and bool(given.value))


def _own_adapter(project: Project, wait: WaitSite) -> bool:
    """Whether the client is made with a session on which adapters are mounted, one of which may set the limit of every request
    (``session.mount("https://", TimeoutAdapter())``)."""
    return any(
        site.call.keyword("session") is not None and any(other.method == "mount" for other in site.function.sites)
        for name in wait.row.constructors
        for site in project.sites(name)
    )


def _other_cache(project: Project, wait: WaitSite) -> bool:
    """Whether settings that are not for tests alone also name a cache of Django's in the program's own memory or files, which
    has no peer: which of them production takes is not seen."""
    return wait.row.name.startswith("django:django.core.cache.") and _caches_here(project)


@cache
def _caches_here(project: Project) -> bool:
    if project.modules and not any("CACHES" in module.level.bindings for module in project.modules):
        return True  # Django's default is the program's own memory; what sets another was not read
    return any(
        text in LOCAL_CACHES and not development_path(func.path)
        for func in project.functions
        if func.is_module
        for text in func.inventory.texts
    )


def _waited_with_limit(project: Project, wait: WaitSite) -> bool:
    """Whether the wait happens in a thread of a pool, for which the one that gave it there waits with a limit:
    ``executor.submit(pool.urlopen, …)`` and ``future.result(timeout)``."""
    func = wait.site.function
    if wait.site.method in STARTS_ASIDE:
        return _waits_limited(func) or (func.cls is not None and any(_waits_limited(f) for f in func.cls.methods.values()))
    lives = [life for life in project.lives.values() if life.of(func)]
    return bool(lives) and all(
        any(
            edge.how == "reference" and edge.site.method in STARTS_ASIDE and _waits_limited(edge.caller)
            for edge in life.back(func, "serving")
        )
        for life in lives
    )


@cache
def _waits_limited(func: Func) -> bool:
    """Whether a function waits for what was started with a limit."""
    return any(limited(site) for site in func.sites if site.method in JOINS)


def limited(site: Site) -> bool:
    """Whether a call that waits for a future has a limit."""
    call = site.call
    given = call.argument("timeout", 1 if site.method == "as_completed" else 0)
    if call.keyword("timeout") is None and given is not None and not isinstance(given, m.Const):
        return isinstance(given, m.Name | m.Attr) and bool(LIMIT_NAME.search(source_of(given)))
    return given is not None and not (isinstance(given, m.Const) and not isinstance(given.value, int | float))


def _replaced(project: Project, wait: WaitSite) -> bool:
    """Whether the program puts something else in the place of the client: ``module.Session = SessionWithLimit``,
    ``requests.get = partial(…)``. Which calls then go through it was not followed."""
    *_, owner, _ = ("", *wait.dotted.split("."))
    return wait.dotted in _put_in_place(project) or owner in _put_in_place(project)


@cache
def _put_in_place(project: Project) -> frozenset[str]:
    """The classes by their own name, and the functions by their full one, that the program assigns to on other objects."""
    found = set()
    for func in project.functions:
        for name, bindings in func.bindings.items():
            owner, _, member = name.rpartition(".")
            if owner and owner.partition(".")[0] not in ("self", "cls") and any(b.kind == "assign" for b in bindings):
                found.add(member if member[:1].isupper() and not member.isupper() else name)
    return frozenset(found)


def _open_engine(project: Project, wait: WaitSite) -> bool:
    """Whether an engine may open a file, or takes what limits it from where an operator writes: the code names the address of
    a SQLite file, or the engine is made of a whole configuration."""
    return wait.place.text.endswith("engine_from_config") or _writes_sqlite(project)


@cache
def _limits_another(project: Project) -> bool:
    """Whether the program limits the statements or connecting of another engine (that of its readers, say): its author knows of it,
    and may have left this one out on purpose."""
    given = (site.call.keyword("connect_args") for func in project.functions if not development_path(func.path) for site in func.sites)
    return any(ENGINE_LIMIT.search(text) for args in given if args is not None for text in m.texts(args))


@cache
def _writes_sqlite(project: Project) -> bool:
    return any(
        text.startswith("sqlite:") and not development_path(func.path) for func in project.functions for text in func.inventory.texts
    )


def _any_version(project: Project, wait: WaitSite) -> bool:
    """Whether the version that has no limit is not the one that is installed for sure: what lies nearer to the file asks for a
    range, in which newer versions have a limit, and the pin is another folder's."""
    held = wait.version
    if not wait.row.changed or held is None or bounded_at(wait.row, held.text) is not False:
        return False
    if bounded_at(wait.row, None) is False:
        return False  # no version has a limit
    folders = upward(wait.path.rpartition("/")[0])
    nearest = next((f for f in folders if _ranges(project, wait.row.versioned_by, f)), None)
    own = _folder_of(held.path)
    if own not in folders:
        return True  # a file beside or below: another program's
    return nearest is not None and len(nearest) > len(own) and any(
        bounded_at(wait.row, text) is not False for text in _ranges(project, wait.row.versioned_by, nearest)
    )


def _folder_of(path: str) -> str:
    folder = path.rpartition("/")[0]
    return folder.rpartition("/")[0] if folder.rpartition("/")[2].lower() in REQUIREMENT_FOLDERS else folder


@cache
def _ranges(project: Project, distribution: str, folder: str) -> tuple[str, ...]:
    """The versions of a distribution that the packaging files of one folder ask for."""
    name = normalised(distribution)
    return tuple(
        row.version or row.specifier
        for file in project.artifacts_of(PackagingFile)
        if _folder_of(file.path) == folder
        for row in file.requirements
        if normalised(row.name) == name and not row.group
    )


def _hands_through(wait: WaitSite) -> bool:
    """``super().request(method, url, **kwargs)``: the override of a library's method, whose callers are whoever calls that
    method, gives on what it gets."""
    func = wait.site.function
    kwargs = next((p.name for p in func.facts.params if p.kind == "kwargs"), None)
    if kwargs is None or func.cls is None or not func.cls.external_bases:
        return False
    handed = any(key is None and isinstance(value, m.Name) and value.id == kwargs for key, value in wait.call.keywords)
    return handed and "super()" in source_of(wait.call.func)


def limits_connecting(project: Project, wait: WaitSite) -> bool:
    """Whether connecting ends by itself, by the library's own default or by an argument, and only an answer has no limit."""
    if not wait.row.changed and any(isinstance(wait.row.default.get(stage), int | float) for stage in STAGES):
        return True
    if wait.construction is None:
        return False
    made = wait.construction.origin.call
    if any(key is not None and CONNECT_NAME.search(key) for key, _ in made.keywords):
        return True
    rows = (row for row in constructor(wait.construction.name) if row is not wait.row)
    if any(row.bounded == "yes" and all(CONNECT_NAME.search(p) for p in row.parameters) for row in rows):
        return True
    return wait.row.distribution in ENGINES and _driver_limits(project, source_of(made, 400))


def _driver_limits(project: Project, text: str) -> bool:
    """Whether the driver of an engine is one that limits connecting: by its address, else as the only one that is declared."""
    if "+" in text and "://" in text:
        return any(f"+{name}" in text for name in ("asyncpg", "psycopg:", "psycopg_async", "pymysql", "mysqlconnector"))
    declared = declared_drivers(project)
    return bool(declared) and declared <= LIMITED_CONNECT


@cache
def declared_drivers(project: Project) -> frozenset[str]:
    """The drivers of database servers that the repository declares."""
    declared = (normalised(row.name) for file in project.artifacts_of(PackagingFile) for row in file.requirements)
    return frozenset(declared).intersection(DRIVERS)


@cache
def _own_dialects(project: Project) -> bool:
    """Whether the project has dialects of its own, which speak to their server by whatever client they like."""
    return any(
        base.rpartition(".")[2].endswith("Dialect") and base.startswith("sqlalchemy.")
        for module in project.modules
        for klass in module.classes.values()
        for base in klass.external_bases
    )


def set_by_caller(project: Project, wait: WaitSite) -> bool:
    """Whether a function that hands the receiver on sets the limit on it: ``sock.settimeout(5); read_frame(sock)``."""
    if "method" not in wait.row.where or not _receiver_unknown(wait):
        return False
    level = [wait.site.function]
    for _ in range(DEPTH):
        level = list(dict.fromkeys(site.function for func in level for site in calls_of(func, project.links)))
        if any(site.method in wait.row.parameters and not _lifts(site.call) for func in level for site in func.sites):
            return True
    return False


def _lifts(call: m.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], m.Const) and call.args[0].value is None


def _receiver_unknown(wait: WaitSite) -> bool:
    """Whether the receiver is a parameter: who made it, and with which limit, is not seen."""
    if wait.row.distribution != "stdlib" or wait.construction is not None or wait.site.origin is not None:
        return False
    head = wait.site.text.partition(".")[0]
    scope, param = scope_of_parameter(head, wait.site.function)
    return "." in wait.site.text and scope is not None and param is not None


def _fed_here(wait: WaitSite) -> bool:
    """Whether a stream is one that the program makes and fills itself (``asyncio.StreamReader()``, a class of its own below it),
    not one end of a connection: how long what fills it may take is told elsewhere."""
    if not wait.dotted.startswith("asyncio.StreamReader."):
        return False
    made = wait.site.origin.call if wait.site.origin is not None else None
    return source_of(wait.call.func).startswith("super()") or (made is not None and source_of(made.func).endswith("StreamReader"))


def inside_one_process(wait: WaitSite) -> bool:
    """Whether both ends are the program's own: ``socket.socketpair()``."""
    return any(source_of(call.func).endswith("socketpair") for call in _made_by(wait))


def _peer_is_here(project: Project, wait: WaitSite) -> bool:
    """Whether the peer is a program of this machine: a socket of the file system, or a literal loopback address."""
    calls = [*_made_by(wait), wait.call]
    if any(word in source_of(call, 200) for call in calls for word in UNIX):
        return True
    if any(_loopback(project, expr, wait.site.function, 0) for call in calls for expr in _addresses(call)):
        return True
    made = wait.construction
    if made is not None and made.name in HOME and made.klass is None and _no_address(made.origin.call):
        return True
    names = {source_of(expr).rpartition(".")[2] for call in calls for expr in _addresses(call) if isinstance(expr, m.Name | m.Attr)}
    return not names.isdisjoint(_unix_addresses(project))


@cache
def _unix_addresses(project: Project) -> frozenset[str]:
    """The names at module level, settings above all, that hold the address of a socket of the file system."""
    return frozenset(
        name
        for func in project.functions
        if func.is_module and not development_path(func.path)
        for name, bindings in func.bindings.items()
        if any(isinstance(b.expr, m.Const) and isinstance(b.expr.value, str) and SOCKET_FILE.match(b.expr.value) for b in bindings)
    )


def _made_by(wait: WaitSite) -> Iterator[m.Call]:
    """The calls that made what the wait is on: its client, its receiver, a socket that is handed to it."""
    if wait.construction is not None:
        yield wait.construction.origin.call
    if wait.site.origin is not None:
        yield wait.site.origin.call
    for expr in wait.call.args[:1]:
        scope: Func | None = wait.site.function
        while isinstance(expr, m.Name) and scope is not None:
            yield from (b.expr for b in scope.bindings.get(expr.id, ()) if isinstance(b.expr, m.Call))
            scope = scope.parent


def _addresses(call: m.Call) -> Iterator[m.Expr]:
    yield from call.args[:2]
    yield from (value for key, value in call.keywords if key in ADDRESSES)


def _no_address(call: m.Call) -> bool:
    return not call.args and not call.expands and all(key in HOME_NUMBERS for key, _ in call.keywords)


def _of_a_neighbour(project: Project, address: str) -> bool:
    """Whether a program of this repository listens on the port of an address: it does work of its own, and hangs as that does."""
    port = PORT.search(address)
    return port is not None and int(port.group(1)) in _ports_served(project)


@cache
def _ports_served(project: Project) -> frozenset[int]:
    """The literal ports of the servers that programs of the repository make or run."""
    found: set[int] = set()
    for dotted, sites in project.links.by_dotted.items():
        known = type_of(dotted)
        if (known is None or known.kind != "server") and server_run_by(dotted) is None:
            continue
        for site in sites:
            if development_path(site.path):
                continue
            first = site.call.args[0] if site.call.args else None
            given = (site.call.keyword("port"), *(first.items if isinstance(first, m.Sequence) else site.call.args))
            found.update(n.value for n in given if isinstance(n, m.Const) and type(n.value) is int)
    return frozenset(found)


def _loopback(project: Project, expr: m.Expr, func: Func, depth: int) -> bool:
    """Whether an address is written as one of this machine: a literal, not a default that a deployment replaces."""
    if isinstance(expr, m.Format) and expr.parts:
        return _loopback(project, expr.parts[0], func, depth)
    if isinstance(expr, m.BinOp):
        return _loopback(project, expr.left, func, depth)
    if isinstance(expr, m.Sequence) and expr.items:
        return _loopback(project, expr.items[0], func, depth)
    if isinstance(expr, m.Const):
        return isinstance(expr.value, str) and bool(LOOPBACK.match(expr.value)) and not _of_a_neighbour(project, expr.value)
    if depth >= DEPTH or not isinstance(expr, m.Name | m.Attr):
        return False
    if isinstance(expr, m.Name):
        scope, param = scope_of_parameter(expr.id, func)
        if scope is not None and param is not None:
            given = [(argument_of(site, scope, param), site.function) for site in calls_of(scope, project.links)]
            return bool(given) and all(e is not None and _loopback(project, e, where, depth + 1) for e, where in given)
    bound = bound_expression(project.links, expr, func)
    return bound is not None and bound[0] is not expr and _loopback(project, bound[0], bound[1], depth + 1)
