"""Which waits for a peer have no limit at all: none of their own, none that stands elsewhere in the code."""

from __future__ import annotations

import re
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import PackagingFile
from runtime_ops.project.build import Project
from runtime_ops.project.versions import normalised
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.deadlines._apart import limited_for_all, returns_at_once, words, wraps_unknown
from runtime_ops.rules.deadlines._doubts import ENGINES, declared_drivers, inside_one_process, set_by_caller
from runtime_ops.rules.deadlines._meant_to_last import lasts

CANCELS = frozenset(("addTimeout", "callLater", "cancel"))
"""Methods by which a program limits a Deferred (Twisted 26.10.0, internet/defer.py addTimeout, cancel)."""
OWN_TASKS = re.compile(r"^(?:anyio|trio)\.(?:.*\.)?(?:Event|Lock|Semaphore|Condition|CapacityLimiter|Memory\w+)\.")


def unlimited(project: Project, wait: WaitSite) -> bool:
    """Whether a call may wait for another process for ever: False also where it is told, or judged, at another place."""
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
    if wait.row.distribution == "Twisted" and _cancelled(wait):
        return False
    if returns_at_once(wait) or limited_for_all(project, wait) or wraps_unknown(project, wait):
        return False
    if wait.row.distribution in ENGINES and (_only_files(project) or _only_compiles(wait)):
        return False
    if wait.constructs and wait.row.holds:
        return False  # one kind of call alone is held (publishing), and is judged where it stands: others are no such client's
    if wait.constructs and "call" in wait.row.where and _used(project, wait):
        return False  # the calls are judged where they stand
    # a row that is bounded in every version has no unlimited default: the answer came from a caller that gives nothing
    return not (wait.row.bounded == "yes" and not wait.row.changed)


def _cancelled(wait: WaitSite) -> bool:
    """Whether the module ends a Deferred by a timer, one of its own or Twisted's: it may be this one."""
    return any(site.method in CANCELS for func in wait.site.function.module.functions.values() for site in func.sites)


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
    return any("timeout" in word for klass in adapters if "send" in klass.methods for word in words(klass.methods["send"]))


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
