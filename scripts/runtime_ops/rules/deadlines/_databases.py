"""Databases that Django's settings name without a limit on connecting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.model import Module
from runtime_ops.project.source_text import source_of
from runtime_ops.project.waits import PRODUCTION
from runtime_ops.rules.deadlines._doubts import LOOPBACK, SOCKET_FILE, declared_drivers
from runtime_ops.rules.deadlines._settings import for_the_desk
from runtime_ops.rules.startup._reads import conditional

ENGINE = re.compile(r"^[\w.]*(?:postgres|postgis|psqlextra|mysql)[\w.]*$")
OTHER_ENGINE = re.compile(r"^[\w.]*\.(?:sqlite3|spatialite|oracle|dummy)$")
FROM_URL = re.compile(r"(?:^|\.)(?:db|db_url|dj_db_url|database_url|parse|config)$")
"""What makes an entry of an address: ``env.db()``, ``dj_database_url.config()``."""
CONNECT = "connect_timeout"
STATEMENT = re.compile(r"statement_timeout|max_execution_time|read_timeout")
ENVIRONMENT = "PGCONNECT_TIMEOUT"
"""libpq's own variable for it (PostgreSQL documentation, libpq, Environment Variables)."""
UNLIMITED = {"postgresql": frozenset({"psycopg2", "psycopg2-binary", "psycopg2cffi"}), "mysql": frozenset({"mysqlclient"})}
"""Drivers that wait for a connection as long as it takes."""
LIMITED = {"postgresql": frozenset({"psycopg", "psycopg-binary"}), "mysql": frozenset({"pymysql", "mysql-connector-python"})}
"""Drivers that Django takes where they are installed (psycopg 3 before psycopg2), and that end connecting by themselves."""


class Database(NamedTuple):
    """One database of the settings that production uses. ``sure``: the engine, its host and its driver are seen, and the driver
    waits for a connection as long as it takes."""

    module: Module
    line: int
    kind: str
    driver: str
    connects: bool
    """Whether the driver ends connecting by itself."""
    statements: bool
    """Whether no limit on statements is written."""
    sure: bool


def unlimited_databases(project: Project) -> Iterator[Database]:
    """The first database without a limit on connecting, of the settings that production uses."""
    modules = [x for x in project.modules if "DATABASES" in x.level.bindings and not for_the_desk(x.path)]
    # of settings in several files the one for production decides, else the one that a service imports
    chosen = sorted(modules, key=lambda x: (not PRODUCTION.search(x.path), not project.imported_by(x, "service"), x.path))
    if not chosen or _limited_outside(project):
        return
    if any(CONNECT in text for x in modules for text in _texts(x)):
        return
    for entry, conditioned in _entries(chosen[0]):
        found = _of_entry(project, chosen[0], entry, conditioned=conditioned)
        if found is not None:
            yield found
            return


def _limited_outside(project: Project) -> bool:
    """Whether an artifact sets libpq's own variable."""
    return any(ENVIRONMENT in launch.env for launch in project.launches)


def _texts(module: Module) -> Iterator[str]:
    """The literals of a settings module, the names of its keyword arguments, and those of the functions that it has."""
    for func in module.functions.values():
        yield from func.inventory.texts
        yield from (key for site in func.sites for key, _ in site.call.keywords if key is not None)


def _entries(module: Module) -> Iterator[tuple[m.Mapping | m.Call, bool]]:
    """The values of ``DATABASES = {…}``, and whether another way through the module gives an engine without a server."""
    for place in module.level.places:
        stmt = place.stmt
        if not isinstance(stmt, m.Assign) or not isinstance(stmt.value, m.Mapping):
            continue
        if not any(isinstance(t, m.Name) and t.id == "DATABASES" for t in stmt.targets):
            continue
        other = any(OTHER_ENGINE.match(text) for text in m.texts(stmt.value))
        for key, value in stmt.value.items:
            given = _bound(module, value)
            if key is None or not isinstance(given, m.Mapping | m.Call):
                return  # what is unpacked into it, or made elsewhere, is not seen
            yield given, other or conditional(place.steps)


def _bound(module: Module, expr: m.Expr) -> m.Expr:
    """What a name of the module stands for, where it is bound once."""
    bindings = module.level.bindings.get(expr.id, ()) if isinstance(expr, m.Name) else ()
    return bindings[0].expr if len(bindings) == 1 and bindings[0].expr is not None else expr


def _of_entry(project: Project, module: Module, entry: m.Mapping | m.Call, *, conditioned: bool) -> Database | None:
    if isinstance(entry, m.Call):
        return _of_address(project, module, entry)
    unpacked = [value for key, value in entry.items if key is None]
    if len(unpacked) == 1 and isinstance(unpacked[0], m.Call):
        return _of_address(project, module, unpacked[0])
    given = {key.value: value for key, value in entry.items if isinstance(key, m.Const)}
    if any(key is None for key, _ in entry.items) or "ENGINE" not in given:
        return None
    engines = [text for text in m.texts(given["ENGINE"]) if ENGINE.match(text)]
    options = _bound(module, given["OPTIONS"]) if "OPTIONS" in given else None
    if not engines or (options is not None and not isinstance(options, m.Mapping)):
        return None
    if isinstance(options, m.Mapping) and any(not isinstance(key, m.Const) for key, _ in options.items):
        return None
    kind = "mysql" if "mysql" in engines[0] else "postgresql"
    host = _bound(module, given["HOST"]) if "HOST" in given else m.Const("")
    local = isinstance(host, m.Const) and (not host.value or bool(LOOPBACK.match(str(host.value)) or SOCKET_FILE.match(str(host.value))))
    driver, certain = _driver(project, kind)
    sure = certain and isinstance(given["ENGINE"], m.Const) and not conditioned and not local
    line = options.line if isinstance(options, m.Mapping) and options.line else entry.line
    return _database(module, line, kind, driver, sure=sure)


def _of_address(project: Project, module: Module, call: m.Call) -> Database | None:
    """``dj_database_url.config()``: the operator's address names the engine, and may hold the limit."""
    if not FROM_URL.search(source_of(call.func)) or any(key == "options" for key, _ in call.keywords):
        return None
    kinds = [kind for kind in UNLIMITED if (UNLIMITED[kind] | LIMITED[kind]) & declared_drivers(project)]
    if len(kinds) != 1 or any(key is None for key, _ in call.keywords):
        return None
    driver, _ = _driver(project, kinds[0])
    return _database(module, call.line, kinds[0], driver, sure=False)


def _database(module: Module, line: int, kind: str, driver: str, *, sure: bool) -> Database | None:
    connects = driver in LIMITED[kind]
    statements = not any(STATEMENT.search(text) for text in _texts(module))
    return Database(module, line, kind, driver, connects, statements, sure) if statements or not connects else None


def _driver(project: Project, kind: str) -> tuple[str, bool]:
    """The driver of a kind of server, and whether it is the one that is installed: declared, and none that Django prefers or
    that may stand in its place."""
    declared = declared_drivers(project)
    found = sorted(UNLIMITED[kind] & declared)
    limited = sorted(LIMITED[kind] & declared)
    if limited:
        return limited[0], False
    return (found[0] if found else "psycopg2" if kind == "postgresql" else "mysqlclient"), bool(found)
