"""Clients and engines that each request, job or turn of a loop makes anew, and that nobody closes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.answering import begins_with_request
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.kept import Kept, kept
from runtime_ops.project.model import Func, Site, Step
from runtime_ops.project.resources import Resource
from runtime_ops.project.seeds import Origin
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.shutdown._running import lasting_phases, names_in

ENGINES = frozenset({"sqlalchemy.engine.Engine", "sqlalchemy.ext.asyncio.AsyncEngine"})
LEFT_OPEN: dict[str, str] = {
    "aiohttp.ClientSession": "its connections stay open until the garbage collector comes by, which reports an unclosed client session",
    "httpx.AsyncClient": "its connections stay open until the garbage collector comes by",
    "httpx2.AsyncClient": "its connections stay open until the garbage collector comes by",
    "asyncpg.Connection": "the event loop keeps it, and the server its connection",
    "asyncpg.pool.Pool": "the event loop keeps its connections, and so does the server",
    "psycopg.AsyncConnection": "the server keeps the connection until the garbage collector comes by",
    "psycopg_pool.ConnectionPool": "its threads and connections stay",
    "psycopg_pool.AsyncConnectionPool": "its tasks and connections stay",
    "elasticsearch.AsyncElasticsearch": "its connections stay open until the garbage collector comes by, which reports an unclosed session",
    "opensearchpy.AsyncOpenSearch": "its connections stay open until the garbage collector comes by, which reports an unclosed session",
    "aio_pika.Connection": "its tasks keep it",
    "aio_pika.RobustConnection": "its tasks keep it, and connect it again",
    "nats.aio.client.Client": "its tasks keep it, and connect it again",
    "aiokafka.AIOKafkaProducer": "its tasks keep it",
    "aiokafka.AIOKafkaConsumer": "its tasks keep it",
    "paramiko.Transport": "its thread keeps it",
    **dict.fromkeys(ENGINES, "its pool keeps the connection until the garbage collector comes by, and no later request uses it"),
}
"""What becomes of one that is dropped. Clients of which the last reference closes the socket (requests, httpx.Client, psycopg2,
redis) are not among them: CPython has closed it by the end of the function."""
FOR_A_REQUEST: frozenset[Origin] = frozenset({"handler", "rpc"})
"""What begins ways that a framework runs for each request."""
NO_POOL = frozenset({"NullPool", "StaticPool"})
USES_ENGINE = frozenset(
    """sessionmaker async_sessionmaker Session AsyncSession scoped_session configure listen listens_for create_all drop_all inspect
    read_sql to_sql""".split()
)
"""Calls that are given an engine and do not close it."""


class MadeAgain(NamedTuple):
    """``resource`` is made by each request, job or turn, at ``site`` or by what that calls; ``left`` says what becomes of it."""

    resource: Resource
    site: Site
    each: str
    left: str


def made_again(project: Project) -> Iterator[MadeAgain]:
    """The clients of services and workers that nobody closes, or gives to somebody who could."""
    for resource in project.resources:
        left = LEFT_OPEN.get(resource.dotted)
        if left is None or resource.stops or resource.site.origin is not None or resource.klass is not None or _holds_nothing(resource):
            continue
        for site, where in _holders(project, resource):
            if where.scope not in ("local", "chained", "dropped") or _given_away(site, where, engine=resource.dotted in ENGINES):
                continue
            each = _each(project, site)
            if each:
                yield MadeAgain(resource, site, each, left)
                break


def _holders(project: Project, resource: Resource) -> Iterator[tuple[Site, Kept]]:
    """Where the client, or the object that it is a part of, is held: where it is made, or by the callers of what makes it for them."""
    func, where = resource.function, resource.kept
    made = where.scope == "attribute" and func.name == "__init__" and where.klass is not None
    if not made and where.scope != "returned" and not (where.scope == "local" and _returns(func, where.name)):
        yield resource.site, where
        return
    if func.facts.decorators:
        return  # a cache, or what enters it
    if where.scope == "local" and _given_away(resource.site, where, engine=resource.dotted in ENGINES, returned=False):
        return
    for edge in project.links.callers.get(func, ()):
        if edge.how == "call" and not edge.site.weak:
            yield edge.site, kept(edge.site)


def _returns(func: Func, name: str) -> bool:
    values = [place.stmt.value for place in func.places if isinstance(place.stmt, m.Return)]
    return any(isinstance(value, m.Name) and value.id == name for value in values)


def _each(project: Project, site: Site) -> str:
    """What makes it again: ``request``, ``job`` or ``turn of the loop``; empty when it is not seen to be made more than once."""
    entrypoints, phases = lasting_phases(project, site)
    if "serving" not in phases or phases & {"import", "startup"}:
        return ""  # what the start does too is made once for all that comes
    if any(_in_loop(project, e, site) for e in entrypoints):
        return "turn of the loop"
    for entrypoint in entrypoints:
        life = project.lives[entrypoint]
        if not life.believed(site.function, "serving"):
            continue
        if begins_with_request(project, life, site.function, "serving"):
            return "request"
        way = list(life.back(site.function, "serving", strict=True))
        begin = life.reach.get(way[-1].caller if way else site.function, {}).get("serving")
        if entrypoint.kind == "service" and begin is not None and begin.seed is not None and begin.seed.origin in FOR_A_REQUEST:
            return "request"
        if any(func in project.jobs.by_func for func in (site.function, *(edge.caller for edge in way))):
            return "job"
        if any(_looped(edge.site.steps) for edge in way):
            return "turn of the loop"
    return ""


def _in_loop(project: Project, entrypoint: Entrypoint, site: Site) -> bool:
    return _looped(site.steps) and "serving" in project.phases(site).get(entrypoint, ())


def _looped(steps: tuple[Step, ...]) -> bool:
    return any(isinstance(step.stmt, m.While | m.For) and step.arm == "body" for step in steps)


def _holds_nothing(resource: Resource) -> bool:
    """An engine without a pool, or over a file or memory of the process itself."""
    if resource.dotted not in ENGINES:
        return False
    pool = resource.site.call.keyword("poolclass")
    if pool is not None and source_of(pool).rpartition(".")[2] in NO_POOL:
        return True
    first = next(iter(resource.site.call.args), None)
    return isinstance(first, m.Const) and str(first.value).startswith("sqlite")


def _given_away(made: Site, where: Kept, *, engine: bool, returned: bool = True) -> bool:
    """Whether the local is returned (where that counts), yielded, stored or handed to what may close it."""
    func, name = made.function, where.name
    if where.scope != "local":
        return False
    for place in func.places:
        stmt = place.stmt
        value = stmt.value if isinstance(stmt, m.Assign) or (returned and isinstance(stmt, m.Return)) else None
        if value is not None and _is_or_holds(value, name, made):
            return True
        if any(isinstance(node, m.Yield) and name in names_in(node) for node in m.walk(stmt)):
            return True
    return any(_takes(site, name, engine=engine) for site in func.sites) or _in_nested(func, name)


def _is_or_holds(value: m.Expr, name: str, made: Site) -> bool:
    """Whether a value is the local, or a display or choice with it among its items; what a call or an attribute of it gives is not."""
    if value is made.call or (isinstance(value, m.Await) and value.value is made.call):
        return False
    if isinstance(value, m.Name):
        return value.id == name
    if isinstance(value, m.Call | m.Await | m.Attr | m.Compare):
        return False  # calls are looked at by what they are given
    return name in names_in(value)


def _takes(site: Site, name: str, *, engine: bool) -> bool:
    """Whether a call is given the local, and is not known to leave it open."""
    given = (*site.call.args, *(value for _, value in site.call.keywords))
    if not any(name in names_in(argument) for argument in given if not isinstance(argument, m.Call)):
        return False
    return not (engine and site.method in USES_ENGINE)


def _in_nested(func: Func, name: str) -> bool:
    """Whether a function that is defined inside mentions it."""
    inner = (f for f in func.module.functions.values() if f.parent is func)
    return any(name in names_in(f.facts.body) for f in inner)
