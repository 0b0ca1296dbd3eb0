"""A call over the network that nothing ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.answering import that_answer
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.versions import SAME_PACKAGE, normalised
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._apart import before_a_person
from runtime_ops.rules.deadlines._databases import Database, unlimited_databases
from runtime_ops.rules.deadlines._doubts import ENGINES, doubtful, limits_connecting
from runtime_ops.rules.deadlines._downloads import unlimited_downloads
from runtime_ops.rules.deadlines._findings import finding_of, grouped, remedy_for
from runtime_ops.rules.deadlines._harm import hurts, way_seen
from runtime_ops.rules.deadlines._held import held_by
from runtime_ops.rules.deadlines._mends import FEW, one_a_mend
from runtime_ops.rules.deadlines._options import Unlimited, unlimited_objects
from runtime_ops.rules.deadlines._outer import End, outer_end, that_run
from runtime_ops.rules.deadlines._settings import Unset, takes_no_limit, unset_limits
from runtime_ops.rules.deadlines._severity import weight
from runtime_ops.rules.deadlines._unlimited import unlimited

RULE = Rule(
    __name__,
    severity="high",
    summary="A call to another process or host has no deadline: a peer that stays silent holds the caller for ever.",
    few=FEW,
)
SERVE_ALL = frozenset(
    """grpcio grpclib SQLAlchemy Flask-SQLAlchemy psycopg psycopg-pool psycopg2-binary asyncpg PyMySQL aiomysql mysql-connector-python
    mysqlclient peewee pg8000 pymssql pyodbc oracledb pymongo motor cassandra-driver""".split()
)
CONNECTING = "\"OPTIONS\": {\"connect_timeout\": 5}"
STATEMENTS = {
    "postgresql": "PGOPTIONS=\"-c statement_timeout=30000\" in the environment",
    "mysql": "read_timeout and write_timeout in the settings",
}
"""How statements are limited, by kind of server, where requests alone are served: what takes long on purpose shares the settings."""
DIRECT = re.compile(
    r"requests\.(?:api\.)?(?:get|post|put|patch|delete|head|request)|urllib\.request\.url(?:open|retrieve)|(?:psycopg2?|pymysql|MySQLdb)\.connect"
    r"|smtplib\.SMTP(?:_SSL)?"
)
"""Calls that make the client and wait in one: nothing made, configured or replaced elsewhere has a say in their limit. Of 128 findings
on code that was never looked at before, those were right in nine cases of ten, calls on a client made elsewhere in five."""
HABIT = 3  # places of one client without a limit: a habit, which no single branch or wrapper refutes
MANY = 5  # functions that call one client
SOON = 120.0  # seconds after which a server that kills a held worker has limited the harm


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    sure: list[WaitSite] = []
    open_: list[WaitSite] = []
    for wait in project.waits:
        if unlimited(project, wait):
            unsure = doubtful(project, wait) or not way_seen(project, wait) or before_a_person(project, wait.site.function)
            (open_ if unsure else sure).append(wait)
    limited = [s.function.module for s in project.sites("socket.setdefaulttimeout") if s.call.args]
    for waits in (sure, open_):
        told: list[tuple[WaitSite, Finding]] = []
        plain: set[tuple[str, int]] = set()
        for every in grouped(waits):
            # what nothing calls waits for nobody, and shall not stand for those that do
            group = tuple(w for w in every if any(project.phases(entry) for entry in w.entries)) or every
            group = tuple(w for w in group if not is_management_command(w.path)) or group
            severity, phase, entrypoints = weight(project, group)
            if group[0].row.distribution == "stdlib" and any(module in e.modules for module in limited for e in entrypoints):
                continue  # every socket of the process has that limit
            if severity is None or all(e.framework == "locust" for e in entrypoints):
                continue
            if phase is not None:
                # what is told first is a wait of that phase: ``execute()`` of a request, not the ``connect()`` at the start
                group = tuple(sorted(group, key=lambda w: not _runs_in(project, w, phase, entrypoints)))
                every_wait = [that_answer(project, entry.function, phase, entrypoints) for w in group for entry in w.entries]
                entrypoints = tuple(e for e in entrypoints if any(e in each for each in every_wait))
            direct = all(_direct(w) or _made_beside(w) for w in group)
            finding = _of_group(project, group, severity, phase, entrypoints, seen=waits is sure, direct=direct)
            told.append((group[0], finding))
            if direct or (finding.severity != "low" and all(map(_made_in_sight, group))):
                plain.add((finding.path, finding.line))
        for finding, apart in one_a_mend(told):
            settled = _settled(finding, plain)
            yield from (settled,) if settled.confidence == "possible" else apart
    for unset in unset_limits(project):
        yield _of_setting(project, unset)
    for made in unlimited_objects(project):
        yield _of_object(project, made)
    for database in unlimited_databases(project):
        yield _of_database(project, database)
    for path, command, holds, copies in unlimited_downloads(project):
        slow = command.program.endswith("wget")
        default = "wget gives up on a silent peer only after 900 s" if slow else "curl has no limit by default"
        connecting = any(word.startswith("--connect-timeout") for word in command.argv)
        if connecting:  # it covers the connection and its handshake (curl 8, --connect-timeout), and nothing behind them
            default = "--connect-timeout ends the connecting alone, and curl has no other limit by default"
        silent = "falls silent before it has answered" if connecting else "accepts and stays silent"
        kept = f"this {holds} from starting, and no retry happens" if holds != "program" else "what this script starts from starting"
        yield RULE.finding(
            path,
            command.line,
            f"{default}: a peer that {silent} keeps {kept}",
            "give wget -T and a try count" if slow else "give curl --max-time" + ("" if connecting else " (and --connect-timeout)"),
            end_line=command.end_line,
            severity="low" if slow or connecting else "medium",
            phase="startup",
            # a loop that asks until somebody answers; a supervisor that starts all others meanwhile
            confidence="possible" if holds == "program" or (command.loops and not slow) else "likely",
            anchor=command.raw[:80],
            count=1 + len(copies),
            also=[Evidence(*copy, "the same") for copy in copies],
        )


def _runs_in(project: Project, wait: WaitSite, phase: str, entrypoints: tuple[Entrypoint, ...]) -> bool:
    """Whether one of the entrypoints comes to the wait in the phase."""
    return any(phase in project.lives[e].of(entry.function) for e in entrypoints for entry in wait.entries)


def _direct(wait: WaitSite) -> bool:
    """Whether the function that waits makes the client itself, as its library gives it."""
    if DIRECT.fullmatch(wait.dotted) is not None:
        return True
    made, func = wait.site.origin, wait.site.function
    if made is None or made.function is not func or wait.site.made is not None:
        return False
    return any(site.call is made.call and not site.targets for site in func.sites)


def _made_beside(wait: WaitSite) -> bool:
    """Whether a class of the same file makes the client plainly (``self.session = requests.Session()``)."""
    made = wait.site.origin
    return made is not None and made.function.module is wait.site.function.module and made.function.cls is not None


def _made_in_sight(wait: WaitSite) -> bool:
    """Whether it is seen how the client is made that waits, or the library is asked without one. Engines take their limits from
    options and addresses that stand elsewhere, and so do caches that a setting names."""
    if wait.row.distribution in ENGINES or wait.place.text.isupper():
        return False
    return wait.constructs or wait.construction is not None or wait.site.origin is not None or wait.site.method == ""


def _settled(finding: Finding, plain: set[tuple[str, int]]) -> Finding:
    """The finding, as a lead where neither its certainty, its kind of call nor the number of its places bears it."""
    borne = finding.confidence != "likely" or finding.count >= HABIT or (finding.path, finding.line) in plain
    return finding if borne else replace(finding, confidence="possible")


def _of_setting(project: Project, unset: Unset) -> Finding:
    entrypoints = project.imported_by(unset.module, "service")
    end = outer_end(project, entrypoints)
    soon = end.by == "server" and end.seconds <= SOON
    peer = "server" if unset.row.shared else "provider"
    why, first = f"since {unset.row.setting} is not set", ""
    if takes_no_limit(project, unset.row, unset.module):
        why = f"which the installed version has no setting for ({unset.row.setting} came with {unset.row.setting_since})"
        first = f"go to {unset.row.setting_since} or later, and set "
    return RULE.finding(
        unset.module.path,
        unset.line,
        f"{unset.row.name} {unset.row.work} without a limit, {why}: a {peer} that "
        f"accepts and stays silent holds each of those requests, and their threads, {end.text}".rstrip(" ,"),
        first + (unset.row.remedy or f"{unset.row.setting} = 10"),
        severity="low" if soon else "medium",
        phase="serving",
        entrypoints=entrypoints,
        anchor=unset.row.setting,
    )


def _of_object(project: Project, made: Unlimited) -> Finding:
    entrypoints = project.imported_by(made.module, "service")
    end = outer_end(project, entrypoints)
    soon = end.by == "server" and end.seconds <= SOON
    peer = "server" if made.row.shared else "provider"
    option = f", since {made.row.options[0]} is not given" if made.row.options else ""
    return RULE.finding(
        made.module.path,
        made.line,
        f"{made.row.name} {made.row.work} without a limit{option}: a {peer} that accepts and stays silent holds each of those requests "
        f"{end.text}".rstrip(),
        made.row.remedy,
        severity="low" if soon or not made.row.shared else "medium",
        phase="serving",
        entrypoints=entrypoints,
        anchor=made.row.name,
    )


def _of_database(project: Project, database: Database) -> Finding:
    entrypoints = that_run(project.imported_by(database.module, "service", "worker"))
    ends = {e: outer_end(project, (e,)) for e in entrypoints}
    # what its server or job system ends is held for a while only, and seen to be
    held = tuple(e for e, end in ends.items() if _holds_long(end, started=bool(e.production)))
    end = outer_end(project, held or entrypoints)
    statements = ", and so does a statement, since no limit on those is set" if database.statements else ""
    what = (
        f"no limit on statements, and {database.driver} limits connecting alone: a server that falls silent holds a query "
        f"{end.text}".rstrip()
        if database.connects
        else f"no connect_timeout, and {database.driver} has none by default: connecting waits for a server that accepts and stays "
        f"silent {end.text}".rstrip()
        + statements
    )
    limit = f"{STATEMENTS[database.kind]} of what serves requests; commands and migrations may need longer"
    return RULE.finding(
        database.module.path,
        database.line,
        f"DATABASES gives {what}",
        limit if database.connects else f"{CONNECTING}; for statements {limit}" if database.statements else CONNECTING,
        severity="low",
        phase="serving",
        entrypoints=held or entrypoints,
        confidence="likely" if database.sure and held else "possible",
        anchor="DATABASES",
    )


def _holds_long(end: End, *, started: bool) -> bool:
    """Whether nothing is seen that ends who waits; the limit of a server that is started, and was not read, is likely there."""
    return end.by == "nothing" or (end.by == "unknown" and not started) or (end.by == "server" and end.seconds > SOON)


def _of_group(
    project: Project,
    group: tuple[WaitSite, ...],
    severity: str,
    phase: str | None,
    entrypoints: tuple[Entrypoint, ...],
    *,
    seen: bool,
    direct: bool,
) -> Finding:
    first = group[0]
    library = "" if first.row.distribution == "stdlib" else f" and {_installed(first)} has none by default"
    limit = f"sets no limit{library}: a peer that accepts and stays silent"
    if first.row.holds:  # what else there is to wait for has a limit
        limit = f"sets no {first.row.parameters[0]}{library}: {first.row.holds}"
    if not first.row.parameters:  # ``images.pull()`` of a client that has a limit: it takes neither that nor one of its own
        limit = "takes no limit: a peer that accepts and stays silent"
    if limits_connecting(project, first):
        limit = "limits connecting alone: a peer that does not answer later"
    sure = any(project.lives[e].sure(entry.function) for e in entrypoints for w in group for entry in w.entries)
    serious = phase == "serving" and severity == "high"
    job = any(w.site.function in project.jobs.by_func for w in group)
    whom = held_by(project, group, phase, entrypoints)
    end = whom.end
    certain = serious and first.version is not None and sure and end.by not in ("server", "request")
    if end.by == "job" or (end.by == "server" and end.seconds <= SOON and not _shared(group)):
        severity = "low"  # the job or worker is ended by itself, and can be seen to
    elif phase in ("import", None):
        severity = "low"
    elif severity == "high" and (end.by in ("server", "request") or not _shared(group)):
        severity = "medium"
    harmful = seen and hurts(project, group, severity, phase, entrypoints, end, job=job, direct=direct)
    return finding_of(
        RULE,
        project,
        group,
        f"{_callee(first)} {limit} holds {whom.text}",
        remedy_for(first),
        severity=severity,
        phase=phase,
        entrypoints=entrypoints,
        confidence="possible" if not harmful else "certain" if certain else "likely",
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
    elsewhere = elsewhere and not wait.constructs
    return f"{text}() (for {own}() of {wait.path.rpartition('/')[2]}:{wait.line})" if elsewhere else f"{text}()"


def _installed(wait: WaitSite) -> str:
    """The distribution as the project names it (psycopg2 or psycopg2-binary), with its version where one is told."""
    if wait.version is None:
        return wait.row.versioned_by
    named = wait.version.distribution if SAME_PACKAGE.get(normalised(wait.row.versioned_by)) else wait.row.versioned_by
    return f"{named} {wait.version.text}" if wait.version.exact else named
