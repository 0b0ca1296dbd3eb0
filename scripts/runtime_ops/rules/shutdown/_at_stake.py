"""What a sudden death loses, as far as it is seen: cleanup that is written, an item in hand, a file half written, a claim."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.libraries.observability import instrument
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.life import Life
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.shutdown._running import REMOVERS, STOP_NAME, only_tells, tells

STARTED = frozenset("process executor scheduler exporter producer listener".split())
"""Kinds of resources that hold work or records of which the program's end must take care."""
KEPT_BY_OTHERS = frozenset({"database", "broker"})
READS = frozenset(
    """get mget hget hgetall query one one_or_none first all exists keys ttl scan llen select count scalar scalars fetchone
    fetchall fetch connect ping master_for slave_for find find_one filter lrange smembers zrange""".split()
)
WITHOUT_SERVING = frozenset({"import", "startup"})
BY_THE_KERNEL = frozenset("close aclose server_close disconnect dispose wait_closed cancel".split())
"""Methods that only give back what the end of a process gives back by itself."""
HANDS_BACK = re.compile(
    r"(?i)(?:^|_)(?:flush|drain|commit|rollback|n?ack|save|persist|store|write|dump|checkpoint|sync|send|notify|publish|release|unlock"
    r"|requeue|return|deregister|unregister|unsubscribe|leave|offline)(?:$|_)"
)
"""Names of what saves, sends or hands back: leaving it out loses something."""
OF_A_STOP = frozenset("KeyboardInterrupt SystemExit BaseException CancelledError GeneratorExit".split())
"""What is raised where a program is told to stop."""
TAKES = frozenset("lpop rpop blpop brpop spop zpopmin bzpopmin lmove blmove rpoplpush brpoplpush".split())
"""Takings after which the item stands nowhere but in memory, or in a list that somebody must look through."""
TRANSACTIONS = frozenset(
    """sqlalchemy.orm.sessionmaker.begin sqlalchemy.orm.Session.begin sqlalchemy.orm.scoped_session.begin sqlalchemy.engine.Engine.begin
    django.db.transaction.atomic peewee.Database.atomic""".split()
)
"""What commits at its end (SQLAlchemy 2.0, orm/session.py; Django 5, db/transaction.py; peewee 3.17, class ``_atomic``)."""
RENAMES = frozenset("os.replace os.rename shutil.move pathlib.Path.replace pathlib.Path.rename".split())
WRITES = frozenset({"pathlib.Path.write_text", "pathlib.Path.write_bytes"})


def lost(project: Project, entrypoint: Entrypoint) -> str | None:
    """What a death at any moment is seen to lose, as the end of a sentence; None when nothing is seen."""
    life = project.lives[entrypoint]
    left_out = skipped(project, entrypoint)
    if left_out is not None:
        return f"{left_out.text}() at {left_out.path}:{left_out.line} never runs"
    taken = next(_taken(project, life), None)
    if taken is not None:
        return f"the item that {taken.text}() at {taken.path}:{taken.line} took is lost or left half done"
    return next(_left_behind(project, life), None) or next(_unsent(project, life), None)


def own_work(life: Life, func: Func) -> bool:
    """Whether the program itself calls its way to a function: from where it serves, or, of a service, from a handler of a
    request. A job or handler that it only imports with its module is run by another program."""
    return life.begin(func, "serving") in life.spine or life.entrypoint.kind == "service"


def skipped(project: Project, entrypoint: Entrypoint) -> Site | None:
    """The first call of the way down that a death at any moment leaves out."""
    return next(_skipped(project.lives[entrypoint]), None)


def _skipped(life: Life) -> Iterator[Site]:
    """Calls of the way down that do something which the kernel does not do for a dead process."""
    for func in life.spine:
        for site in func.sites:
            if "shutdown" in life.at(func, site.line, site.steps) and does(site) and _goes_down(site):
                yield site


def given_up(project: Project, entrypoint: Entrypoint) -> Site | None:
    """The first call that saves, sends or hands back something in an arm for the exceptions of a stop: it is written for nothing
    else, and a death by a signal raises none of them."""
    return next((s for s in _skipped(project.lives[entrypoint]) if _in_arm_of_stop(s) and hands_back(s)), None)


def _in_arm_of_stop(site: Site) -> bool:
    arms = [step.handler for step in site.steps if step.arm == "handler" and step.handler is not None]
    return any(name.rpartition(".")[2] in OF_A_STOP for arm in arms for name in arm.types)


def in_hand(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether work is seen that a death cuts off: an item that was taken, a file or claim half made, a change of a database."""
    life = project.lives[entrypoint]
    cut = next(_taken(project, life), None) or next(_left_behind(project, life), None)
    return cut is not None or _writes(project, entrypoint) or transacts(life)


def hands_back(site: Site) -> bool:
    """Whether a call of the way down saves, sends or hands back something, itself or in the functions that it calls: else it only
    ends what the end of the process ends as well."""
    if HANDS_BACK.search(site.method) or site.dotted in REMOVERS:
        return True
    return any(
        not tells(inner) and (HANDS_BACK.search(inner.method) or inner.dotted in REMOVERS or not _stops(inner))
        for func in site.targets[:2]
        for inner in func.sites
    )


def _stops(site: Site) -> bool:
    """Whether a call has the name of a stop, and no more."""
    return bool(STOP_NAME.search(site.method)) or site.method in BY_THE_KERNEL


def _goes_down(site: Site) -> bool:
    """Whether a call behind the serving place belongs to a stop: by its name, or because it stands in a ``finally``. What
    merely follows a loop may be the path of a run that takes another branch, and no stop leads into ``except Exception``."""
    caught = [set(t.rpartition(".")[2] for t in s.handler.types) for s in site.steps if s.arm == "handler" and s.handler is not None]
    if any(types and not types & OF_A_STOP for types in caught):
        return False
    if any(types & OF_A_STOP for types in caught):
        return True
    return bool(STOP_NAME.search(site.method)) or site.dotted in REMOVERS or any(s.arm == "final" for s in site.steps)


def does(site: Site) -> bool:
    """Whether a call of a way down matters: a function of the project that does more than tell, a stop, a removal."""
    if tells(site) or (not site.targets and site.method in BY_THE_KERNEL):
        return False
    if site.targets:
        return not all(only_tells(func) for func in site.targets)
    return site.dotted in REMOVERS or bool(STOP_NAME.search(site.method))


def _taken(project: Project, life: Life) -> Iterator[Site]:
    """Where the program takes an item that it then has in hand."""
    for consumer in project.jobs.consumers:
        own = consumer.system is not None or consumer.func in life.spine or consumer.func in life.mains
        served = "serving" in life.of(consumer.func) and life.sure(consumer.func) and own_work(life, consumer.func)
        if own and consumer.take is not None and served:  # else: a queue of one request
            yield consumer.take
    for func in project.functions:
        for site in func.sites if life.sure(func) and own_work(life, func) else ():
            if site.method in TAKES and not site.targets and "serving" in life.at(func, site.line, site.steps):
                yield site


def _left_behind(project: Project, life: Life) -> Iterator[str]:
    """A file that is written in place, a key that claims something: they stay as the death leaves them."""
    for func in project.functions:
        if "serving" not in life.of(func) or not life.sure(func) or not own_work(life, func):
            continue
        renames = any(s.dotted in RENAMES for s in func.sites)
        for site in func.sites:
            if "serving" not in life.at(func, site.line, site.steps):
                continue
            if _writes_file(site) and not renames:
                yield f"the file that {site.text}() at {site.path}:{site.line} is writing stays cut off"
            nx = site.call.keyword("nx")
            if site.method == "set" and isinstance(nx, m.Const) and nx.value is True:
                yield f"the claim that {site.text}() at {site.path}:{site.line} made stays until it lapses"


def _unsent(project: Project, life: Life) -> Iterator[str]:
    """Telemetry that waits in memory and that only an orderly end of Python sends."""
    for dotted, sites in project.links.by_dotted.items():
        row = instrument(dotted)
        if row is None or not row.buffered or row.role != "exporter":
            continue
        for site in sites:
            if life.of(site.function) & {"startup", "serving"}:
                yield f"what {row.call} at {site.path}:{site.line} holds is never sent"


def _writes_file(site: Site) -> bool:
    if site.dotted in WRITES:
        return True
    mode = site.call.argument("mode", 1) if site.dotted in ("open", "io.open", "builtins.open", "gzip.open") else None
    return isinstance(mode, m.Const) and isinstance(mode.value, str) and mode.value[:1] in ("w", "x")


def at_stake(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether anything may be lost when the entrypoint dies at once."""
    life = project.lives[entrypoint]
    return _cleanup(life) or _works_elsewhere(project, life) or _writes(project, entrypoint) or transacts(life)


def _cleanup(life: Life) -> bool:
    """A call of the way down that does something about what the program holds."""
    return any(
        "shutdown" in life.at(func, site.line, site.steps)
        for func in (*life.spine, *life.reach)
        for site in func.sites
        if (site.targets or STOP_NAME.search(site.method)) and not tells(site)
    )


def _works_elsewhere(project: Project, life: Life) -> bool:
    """A child process, a pool, a scheduler or a buffer that is in use while it serves."""
    for resource in project.resources:
        if resource.kind in STARTED:
            phases = life.at(resource.function, resource.site.line, resource.site.steps)
            closed = any(stop.where == "with" for stop in resource.stops)
            if phases and phases != {"import"} and not (closed and phases <= WITHOUT_SERVING):
                return True
    return False


def transacts(life: Life) -> bool:
    """A transaction that the program's own turns begin while it serves, whatever is done in it: who only reads begins none."""
    return any(
        site.dotted in TRANSACTIONS and "serving" in life.at(func, site.line, site.steps)
        for func in life.spine
        for site in func.sites
    )


def _writes(project: Project, entrypoint: Entrypoint) -> bool:
    """A change of a database or a message while it serves: the next one may be missing."""
    return any(
        wait.kind in KEPT_BY_OTHERS
        and not wait.constructs
        and wait.site.method not in READS
        and "serving" in project.phases(wait.site).get(entrypoint, ())
        for wait in project.waits
    )
