"""Every call that can wait on something outside, on another thread, task or process, and what limits it.

The table of client APIs (`libraries.timeouts`) says what waits and where its limit is written; this module says what the
project writes there: at the call, at the client's construction, in its own subclasses and wrappers, in configuration,
around the call. Nothing is guessed: what cannot be followed is ``unknown``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries import names as libraries
from runtime_ops.libraries.timeouts import Wait, constructor, waits
from runtime_ops.plain import dataclass
from runtime_ops.project.configured import Configuration, Configured
from runtime_ops.project.constructions import Construction, Constructions
from runtime_ops.project.deadlines import Deadline, Judge, loosest, tightest
from runtime_ops.project.development import development_path
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Origin, Site
from runtime_ops.project.outer_limits import OuterLimits
from runtime_ops.project.source_text import source_of
from runtime_ops.project.versions import Held, Versions
from runtime_ops.project.wait_kinds import INSIDE, OUTSIDE, kind_of
from runtime_ops.project.wait_limits import Limits, at_construction, only_constructor

LIMITERS = frozenset(
    """asyncio.timeout asyncio.timeout_at asyncio.wait_for asyncio.run asyncio.gather
    asyncio.as_completed anyio.fail_after anyio.move_on_after async_timeout.timeout trio.fail_after trio.move_on_after
    trio.run anyio.run anyio.to_thread.run_sync trio.to_thread.run_sync asyncio.to_thread""".split()
)
"""Names of the table that set a limit, or only carry other waits that are judged where they stand."""
RUNNERS = {
    "functools.partial": 0, "asyncio.to_thread": 0, "asyncio.BaseEventLoop.run_in_executor": 1, "anyio.to_thread.run_sync": 0,
    "concurrent.futures.ThreadPoolExecutor.submit": 0, "concurrent.futures.Executor.submit": 0,
    "concurrent.futures.ProcessPoolExecutor.submit": 0, "starlette.concurrency.run_in_threadpool": 0,
    "fastapi.concurrency.run_in_threadpool": 0, "trio.to_thread.run_sync": 0, "gevent.spawn": 0, "eventlet.spawn": 0,
    "asyncio.AbstractEventLoop.run_in_executor": 1,
}  # fmt: skip
"""Callables that run a function handed to them, with the position of that function."""
DATA_METHODS = frozenset(
    """get keys values items pop update copy startswith endswith split strip lower upper append extend encode decode
    join replace format isoformat count index setdefault to_dict""".split()
)
"""Methods of dictionaries, lists and texts, which parts of an answer have."""
OPTION_OBJECTS = ("Config", "Timeout", "Settings", "Options", "Retry")
"""Last words of classes that hold options and are no client: judged where they are given."""


DRIVERS = {
    "django.db.backends.postgresql": ("psycopg2", "psycopg"),
    "django.db.backends.mysql": ("mysqlclient", "pymysql"),
    "django.core.cache.backends.memcached.PyMemcacheCache": ("pymemcache",),
    "django.core.cache.backends.redis.RedisCache": ("redis",),
}
"""Django's back ends and the distributions that their drivers come from (Django documentation, Databases, Cache)."""


PRODUCTION = re.compile(r"(?i)(?:^|[/_.])prod(?:uction)?(?:[/_.]|$)")
"""The path of settings that are for production alone."""
BACK_ENDS = ("django.", "django_redis.")
"""How the names of the back ends begin that rows of Django tell apart."""


class ReportPlace(NamedTuple):
    """Where the limit would be written. ``text`` is the callee there."""

    path: str
    line: int
    end_line: int
    text: str
    function: Func


@dataclass(frozen=True, slots=True)
class WaitSite:
    """One call that can wait. ``row`` is the decisive row of the table, ``version`` what holds of its distribution."""

    site: Site
    call: m.Call
    """The call as it is made; for ``partial(requests.get, url)`` the call that it stands for."""
    dotted: str
    row: Wait
    kind: str
    """See `wait_kinds`."""
    deadline: Deadline
    place: ReportPlace
    version: Held | None = None
    construction: Construction | None = None
    """Where the receiver (or the client handed to it) was constructed, as far as it is known."""
    via: str = ""
    """The runner through which the call is made (``asyncio.to_thread``), empty for a direct call."""
    constructs: bool = False
    """The call constructs a client and does not wait itself: later calls do."""

    @property
    def path(self) -> str:
        return self.site.path

    @property
    def line(self) -> int:
        return self.site.line

    @property
    def entries(self) -> tuple[Site, ...]:
        """The calls by which the project comes to wait so: where some callers of a wrapper give the limit and others do not, those
        that do not; else the wait itself."""
        return tuple(site for site, given in self.deadline.callers if given.bounded is False) or (self.site,)

    @property
    def leaves_the_process(self) -> bool:
        """It waits for something over the network, or for a database or broker."""
        return self.kind in OUTSIDE

    @property
    def inside(self) -> bool:
        """It waits for a thread, task, lock, queue or child of this machine."""
        return self.kind in INSIDE


def by_place(found: Iterable[WaitSite]) -> dict[tuple[str, int, str], tuple[WaitSite, ...]]:
    """Waits grouped by the place where their limit would be written: path, line, callee."""
    groups: dict[tuple[str, int, str], list[WaitSite]] = {}
    for wait in found:
        groups.setdefault((wait.place.path, wait.place.line, wait.place.text), []).append(wait)
    return {key: tuple(value) for key, value in groups.items()}


def find_waits(links: Links, versions: Versions) -> tuple[WaitSite, ...]:
    """Every wait of the project, in path and line order. A wrapper whose callers differ gives one for each answer."""
    return WaitFinder(links, versions).find()


class WaitFinder:
    """Finds waits. Made once for the links and the versions."""

    def __init__(self, links: Links, versions: Versions) -> None:
        self.links = links
        self.versions = versions
        self.judge = Judge(links)
        self.constructions = Constructions(links, self.judge)
        self.configuration = Configuration(links, self.judge)
        self.outer = OuterLimits(links, self.judge)
        self.limits = Limits(links, versions, self.judge, self.constructions, self.configuration)

    def find(self) -> tuple[WaitSite, ...]:
        found: list[WaitSite] = []
        for dotted, sites in list(self.links.by_dotted.items()):
            rows = rows_for(dotted)
            taking = (
                tuple(r for r in constructor(dotted) if r.kind == "wait" and at_construction(r)) if not rows else ()
            )
            runner = RUNNERS.get(dotted)
            for site in sites:
                if rows:
                    found += self._of_call(site, site.call, dotted, rows, "")
                elif taking:
                    found += self._of_constructor(site, dotted, taking)
                if runner is not None:
                    found += self._of_runner(site, runner)
        return tuple(sorted(found, key=lambda w: (w.path, w.line, w.call.col, w.dotted)))

    # ------------------------------------------------------------ one call

    def _overridden(self, site: Site, via: str) -> bool:
        """Whether the receiver is of a project's class whose own ``request`` or ``send`` every call passes: what limit
        that gives is not followed."""
        func = site.call.func
        if via or not isinstance(func, m.Name) or "." not in func.id:
            return False
        value = self.links.names.name(func.id.rpartition(".")[0], site.function)
        klass = value.target if value is not None and value.kind == "instance" else None
        return isinstance(klass, Klass) and any(name in klass.methods for name in ("request", "send", "_request"))

    def _of_runner(self, site: Site, position: int) -> Iterator[WaitSite]:
        """``asyncio.to_thread(requests.get, url)``: the wait of the function that is handed over."""
        if len(site.call.args) <= position:
            return
        target = self.links.names.value(site.call.args[position], site.function)
        if target is None or target.kind != "external":
            return
        rows = rows_for(target.name)
        if rows:
            call = site.call._replace(func=site.call.args[position], args=site.call.args[position + 1 :])
            yield from self._of_call(site, call, target.name, rows, site.dotted or "", target.origin)

    def _of_call(
        self, site: Site, call: m.Call, dotted: str, rows: tuple[Wait, ...], via: str, origin: Origin | None = None
    ) -> Iterator[WaitSite]:
        if self._overridden(site, via) or self._other_mail(call, dotted):
            return
        own = {row.name for row in waits(dotted)}
        origin = origin or site.origin
        chain = tuple(self.constructions.around(site, call, origin, dotted))
        rows = self._chosen(rows, chain, site)
        if not rows:
            return
        judged = {row.name: self.limits.deadline(row, site, call, dotted, origin, chain) for row in rows}
        if rows[0].distribution == "Django" and len({r.bounded for r in rows}) > 1:
            judged = {r.name: Deadline("unknown", "the engine is not seen in the settings", "config") for r in rows}
        direct = loosest([d for name, d in judged.items() if name in own] or list(judged.values()))
        limits = [d for d in (direct, *(d for name, d in judged.items() if name not in own)) if d is not None]
        deadline = _together(limits)
        row = next(r for r in rows if judged[r.name] is deadline)
        if deadline.bounded is not True:
            yields = row.awaited(dotted) or (site.awaited and row.asynchronous != "no")
            around = self.outer.around(site, yields and not via)
            deadline = around if around is not None else deadline
        construction = self.constructions.matching(chain, row) or self.limits.assumed.get(
            (site.path, site.line, row.name)
        )
        wait = WaitSite(
            site=site,
            call=call,
            dotted=dotted,
            row=row,
            kind=kind_of(row, dotted),
            deadline=deadline,
            place=self._place(site, call, row, construction),
            version=self.versions.of(row.versioned_by, site.path),
            construction=construction,
            via=via,
        )
        yield from _split(wait)

    def _of_constructor(self, site: Site, dotted: str, rows: tuple[Wait, ...]) -> Iterator[WaitSite]:
        if self._other_mail(site.call, dotted):
            return
        value = self.links.names.value(site.call.func, site.function)
        klass = value.target if value is not None and isinstance(value.target, Klass) else None
        construction = Construction(Origin(site.function, site.call), dotted, klass)
        found = []
        for row in rows:
            kind = kind_of(row, dotted)
            if (kind not in OUTSIDE and row.distribution == "stdlib") or dotted.endswith(OPTION_OBJECTS):
                continue
            deadline = (
                self.limits.at_constructor(construction, row)
                or self.constructions.set_later(construction.origin, row)
                or self.constructions.set_for_all(row)
                or (self.configuration.limit(row) if "config" in row.where else None)
                or self.limits.default(row, site.path)
            )
            place = ReportPlace(site.path, site.line, site.call.end_line, site.text, site.function)
            version = self.versions.of(row.versioned_by, site.path)
            found.append(
                WaitSite(site, site.call, dotted, row, kind, deadline, place, version, construction, constructs=True)
            )
        worst = loosest([w.deadline for w in found])
        for wait in found:
            if wait.deadline is worst:
                yield from _split(wait)
                return

    def _chosen(self, rows: tuple[Wait, ...], chain: tuple[Construction, ...], site: Site) -> tuple[Wait, ...]:
        """Of rows that describe alternatives (two client classes, two database back ends) those that this call means."""
        if len(rows) == 1:
            return rows
        if rows[0].distribution == "Django":
            return self._of_back_end(rows, site)
        matching = [r for r in rows if self.constructions.matching(chain, r) is not None]
        if matching:
            without = [r for r in rows if r not in matching and not only_constructor(r)]
            first = self.constructions.matching(chain, matching[0])
            nearest = (
                [r for r in matching if self.constructions.matching(chain, r) == first]
                if first is not None
                else matching
            )
            return tuple([r for r in rows if r in nearest or r in without])
        known = [
            r for r in rows if r.distribution == "stdlib" or self.versions.of(r.distribution, site.path) is not None
        ]
        return tuple(known) if known and len({r.distribution for r in rows}) > 1 else rows

    def _of_back_end(self, rows: tuple[Wait, ...], site: Site) -> tuple[Wait, ...]:
        """Django's rows by the engine that the settings name, else by the driver that is installed."""
        named = " ".join(str(c.expr.value) for c in self.configuration.django_engines() if isinstance(c.expr, m.Const))
        words = frozenset[str]().union(*(_engines_of(r) for r in rows))
        if not any(word in named for word in words):
            drivers = {d: self.versions.of(d, site.path) is not None for pair in DRIVERS.values() for d in pair}
            named = " ".join(engine for engine, pair in DRIVERS.items() if any(drivers[d] for d in pair))
        return tuple(r for r in rows if any(word in named for word in _engines_of(r))) or rows

    def _place(self, site: Site, call: m.Call, row: Wait, construction: Construction | None) -> ReportPlace:
        if construction is not None and at_construction(row):
            origin = construction.origin
            return ReportPlace(
                origin.function.path,
                origin.call.line,
                origin.call.end_line,
                source_of(origin.call.func),
                origin.function,
            )
        if "config" in row.where:
            settings = list(dict.fromkeys(w.partition(".")[2] for c in row.constructors for w in c.split() if w.startswith("settings.")))
            chosen = self._back_end(row)
            if chosen is not None:
                return ReportPlace(chosen.function.path, chosen.line, chosen.line, min(settings, default=chosen.name), chosen.function)
            found = next((c for setting in settings if (c := self._in_production(setting)) is not None), None)
            if found is not None:
                return ReportPlace(found.function.path, found.line, found.line, found.name, found.function)
        return ReportPlace(site.path, site.line, call.end_line, source_of(call.func), site.function)

    def _in_production(self, setting: str) -> Configured | None:
        """Where the settings of production give a setting, as far as the names of their files tell which those are."""
        given = (c for c in self.configuration.named(setting) if setting != "EMAIL_BACKEND" or _by_smtp(c.expr))
        ranked = sorted(given, key=lambda c: (development_path(c.function.path), c.name != setting, not PRODUCTION.search(c.function.path)))
        return ranked[0] if ranked else None

    def _other_mail(self, call: m.Call, dotted: str) -> bool:
        """Whether Django's mail goes through another back end than its own: by the call, or because the settings name one of
        the project's or of a package (Amazon's, a queue's). Only what SMTP waits for is in the table."""
        if not dotted.startswith("django.core.mail."):
            return False
        if _names_mail_backend(call, dotted):
            return True
        # also the default of a variable that chooses
        named = (text for c in self.configuration.named("email_backend") for text in m.texts(c.expr))
        texts = [text for text in named if "." in text and " " not in text]
        if any(not text.startswith("django.core.mail.") for text in texts):
            return True
        # the console's, say, and no server anywhere
        return bool(texts) and not any(".smtp." in text for text in texts) and not self.configuration.named("email_host")

    def _back_end(self, row: Wait) -> Configured | None:
        """Where the settings name the back end of a row of Django, when they name several and another comes first."""
        words = _engines_of(row)
        engines = self.configuration.django_engines()
        named = [c for c in engines if isinstance(c.expr, m.Const) and str(c.expr.value) in words]
        others = [c for c in engines if c not in named and c.name == "BACKEND"]
        return named[0] if named and any(c.line < named[0].line and c.function is named[0].function for c in others) else None


def _engines_of(row: Wait) -> frozenset[str]:
    """The back ends of Django that a row names among its constructors."""
    return frozenset(w.strip("()") for c in row.constructors for w in c.split() if w.startswith(BACK_ENDS))


def _by_smtp(expr: m.Expr) -> bool:
    """Whether a mail back end of the settings is SMTP's."""
    return any(".smtp." in text for text in m.texts(expr))


def _names_mail_backend(call: m.Call, dotted: str) -> bool:
    """Whether a call of Django's mail names or is handed a back end that is not SMTP's."""
    backend = call.argument("backend", 0) if dotted.endswith(".get_connection") else None
    if backend is not None:
        text = backend.value if isinstance(backend, m.Const) else "another"
        return text is not None and "smtp" not in str(text)
    return call.keyword("connection") is not None


def rows_for(dotted: str) -> tuple[Wait, ...]:
    """The rows of the table for a call that waits; empty for what sets limits, and for members of unknown results."""
    if dotted in LIMITERS:
        return ()
    member = dotted.rpartition(".")[2]
    derived = "()" in dotted or "[]" in dotted or (member.startswith("__") and member != "__call__")
    derived = derived or (member in DATA_METHODS and _is_data(dotted))
    return tuple(
        r
        for r in waits(dotted, inherited=not derived)
        if r.kind == "wait" and not (derived and dotted not in r.calls and not any(_names_member(c, member) for c in r.calls))
    )


def _names_member(call: str, member: str) -> bool:
    """Whether a row's pattern says what methods of an unknown result are called (``twilio.rest.Client.*.create``)."""
    last = call.rpartition(".")[2]
    return "*" in call[:-2] and last != "*" and fnmatchcase(member, last)


def _is_data(dotted: str) -> bool:
    """Whether a method is called on a value inside an answer (``charge.metadata.get``), not on a client."""
    owner = dotted.rpartition(".")[0]
    if libraries.type_of(owner) is not None:
        return False
    last = owner.rpartition(".")[2]
    return last[:1].islower() or owner.startswith("stripe.")


def _together(limits: list[Deadline]) -> Deadline:
    """Limits that act at the same time: the best known one; one that is not known leaves open whether there is a limit."""
    best = tightest(limits)
    assert best is not None  # there is at least one row
    return best


def _split(wait: WaitSite) -> Iterator[WaitSite]:
    """One wait for each kind of answer of a wrapper's callers.

    Callers that switch the limit off, and a single one that leaves it out, are reported where they call; several that
    leave it out where the wrapper calls: there a default would be written once.
    """
    callers = wait.deadline.callers
    if not callers:
        yield wait
        return
    good = [(s, d) for s, d in callers if d.bounded is not False]
    if good:
        limit = loosest([d for _, d in good])
        assert limit is not None  # good is not empty
        yield replace(wait, deadline=replace(limit, callers=tuple(good)))
    absent = [(s, d) for s, d in callers if d.state == "unbounded"]
    if len(absent) > 1:
        yield replace(wait, deadline=replace(absent[0][1], callers=tuple(absent)))
    for site, deadline in callers:
        if deadline.state == "disabled" or (deadline.state == "unbounded" and len(absent) == 1):
            place = ReportPlace(site.path, site.line, site.call.end_line, site.text, site.function)
            yield replace(wait, deadline=replace(deadline, callers=((site, deadline),)), place=place)
