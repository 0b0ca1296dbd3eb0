"""Every call that can wait on something outside, on another thread, task or process, and what limits it.

The table of client APIs (`libraries.timeouts`) says what waits and where its limit is written; this module says what the
project writes there: at the call, at the client's construction, in its own subclasses and wrappers, in configuration,
around the call. Nothing is guessed: what cannot be followed is ``unknown``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence
from runtime_ops.libraries import names as libraries
from runtime_ops.libraries.timeouts import Wait, constructor, waits
from runtime_ops.libraries.versions import bounds_at
from runtime_ops.project.configured import Configuration, mapping_limit
from runtime_ops.project.constructions import Construction, Constructions
from runtime_ops.project.deadlines import CONNECT_NAME, Deadline, Judge, loosest, not_blocking, tightest
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Origin, Site
from runtime_ops.project.outer_limits import OuterLimits
from runtime_ops.project.source_text import source_of
from runtime_ops.project.texts import text_of
from runtime_ops.project.versions import Held, Versions
from runtime_ops.project.wait_kinds import INSIDE, OUTSIDE, kind_of

LIMITERS = frozenset(
    """asyncio.timeout asyncio.timeout_at asyncio.wait_for asyncio.run asyncio.gather asyncio.run_coroutine_threadsafe
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
SOCKET_DEFAULT = (
    "urllib.",
    "http.client.",
    "smtplib.",
    "ftplib.",
    "imaplib.",
    "poplib.",
    "telnetlib.",
    "socket.",
    "xmlrpc.",
    "ssl.",
    "nntplib.",
)
"""Modules whose sockets take ``socket.setdefaulttimeout``; requests passes an explicit None and does not (facts 4.6)."""
DATA_METHODS = frozenset(
    """get keys values items pop update copy startswith endswith split strip lower upper append extend encode decode
    join replace format isoformat count index setdefault to_dict""".split()
)
"""Methods of dictionaries, lists and texts, which parts of an answer have."""
OPTION_OBJECTS = ("Config", "Timeout", "Settings", "Options", "Retry")
"""Last words of classes that hold options and are no client: judged where they are given."""
URL_PARAMETERS = ("url", "dsn", "conninfo", "uri", "host", "servers", "name_or_url")
OPTION_PARAMETERS = ("options", "connect_args", "OPTIONS")


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
    def leaves_the_process(self) -> bool:
        """It waits for something over the network, or for a database or broker."""
        return self.kind in OUTSIDE

    @property
    def inside(self) -> bool:
        """It waits for a thread, task, lock, queue or child of this machine."""
        return self.kind in INSIDE


def report_place(wait: WaitSite) -> ReportPlace:
    """Where the limit would be written: the construction for a limit that it takes, else the call."""
    return wait.place


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
        self.socket_default = self._socket_default()
        self._of_package: dict[tuple[str, str], tuple[list[Construction], list[Deadline]]] = {}
        self._assumed: dict[tuple[str, int, str], Construction] = {}
        """The construction that stands for a receiver whose own is not seen."""

    def find(self) -> tuple[WaitSite, ...]:
        found: list[WaitSite] = []
        for dotted, sites in list(self.links.by_dotted.items()):
            rows = rows_for(dotted)
            taking = (
                tuple(r for r in constructor(dotted) if r.kind == "wait" and _at_construction(r)) if not rows else ()
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
        own = {row.name for row in waits(dotted)}
        origin = origin or site.origin
        chain = tuple(self.constructions.around(site, call, origin, dotted))
        rows = self._chosen(rows, chain, site)
        if not rows:
            return
        judged = {row.name: self._deadline(row, site, call, dotted, origin, chain) for row in rows}
        direct = loosest([d for name, d in judged.items() if name in own] or list(judged.values()))
        limits = [d for d in (direct, *(d for name, d in judged.items() if name not in own)) if d is not None]
        deadline = _together(limits)
        row = next(r for r in rows if judged[r.name] is deadline)
        if deadline.bounded is not True:
            around = self.outer.around(
                site, row.asynchronous != "no" and (site.awaited or row.asynchronous == "yes") and not via
            )
            deadline = around if around is not None else deadline
        construction = self.constructions.matching(chain, row) or self._assumed.get((site.path, site.line, row.name))
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
        value = self.links.names.value(site.call.func, site.function)
        klass = value.target if value is not None and isinstance(value.target, Klass) else None
        construction = Construction(Origin(site.function, site.call), dotted, klass)
        found = []
        for row in rows:
            kind = kind_of(row, dotted)
            if (kind not in OUTSIDE and row.distribution == "stdlib") or dotted.endswith(OPTION_OBJECTS):
                continue
            deadline = self._at_constructor(construction, row) or self._default(row, site.path)
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
        django = self.configuration.django_engines() if rows[0].distribution == "Django" else ()
        engines = " ".join(str(c.expr.value) for c in django if isinstance(c.expr, m.Const))
        if engines:
            used = [
                r
                for r in rows
                if any(word.strip("()") in engines for c in r.constructors for word in c.split() if "django." in word)
            ]
            rows = tuple(used) or rows
        matching = [r for r in rows if self.constructions.matching(chain, r) is not None]
        if matching:
            without = [r for r in rows if r not in matching and not _only_constructor(r)]
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

    # ------------------------------------------------------------ one row

    def _deadline(
        self, row: Wait, site: Site, call: m.Call, dotted: str, origin: Origin | None, chain: tuple[Construction, ...]
    ) -> Deadline:
        if _not_blocking(call, row):
            at = Evidence(site.path, site.line, source_of(call, 60))
            return Deadline("seconds", "it is asked not to wait", "call", 0.0, at)
        if _at_call(row):
            given = self._among(call, dotted, site.function, row, "call")
            if given is not None:
                return given
        construction = self.constructions.matching(chain, row)
        if construction is not None:
            given = self._at_constructor(construction, row)
            if given is not None:
                return given
        klass = self._receiver_class(site, chain)
        if klass is not None:
            given = self.constructions.subclass_limit(klass, row)
            if given is not None:
                return given
        if origin is not None:
            given = (
                self.constructions.adapter_limit(origin, row)
                or self.constructions.patched_limit(origin, site.method, row)
                or self.constructions.set_later(origin, row)
            )
            if given is not None:
                return given
        if "config" in row.where:
            given = self.configuration.limit(row)
            if given is not None:
                return given
        if row.distribution == "stdlib" and dotted.startswith(SOCKET_DEFAULT) and self.socket_default is not None:
            return self.socket_default
        if construction is None and _takes_construction(row, dotted):
            return self._of_any_construction(row, site)
        return self._default(row, site.path)

    def _among(self, call: m.Call, dotted: str, func: Func, row: Wait, how: str) -> Deadline | None:
        """The limit given among the arguments of a call, or unpacked into it; None when none is given."""
        found: list[tuple[str, Deadline]] = []
        for parameter in row.parameters:
            if "." in parameter:
                given = self._field(call, dotted, func, row, parameter, how)
            else:
                expr = call.argument(parameter, row.position(dotted, parameter))
                if expr is not None and parameter in OPTION_PARAMETERS:
                    given = mapping_limit(expr, func, row, self.judge, how, call.line)
                elif expr is not None:
                    given = self._judged(expr, func, row, parameter, how, call.line)
                elif call.expands:
                    given = self.constructions.unpacked(call, func, row, parameter, how)
                else:
                    given = None
            if given is not None:
                found.append((parameter, given))
        if not found:
            return None
        main = [d for p, d in found if not CONNECT_NAME.search(p)]
        if main:
            return next((d for d in main if d.bounded), main[0])
        only_connect = any(not CONNECT_NAME.search(p) for p in row.parameters)
        first = found[0][1]
        return (
            replace(first, state="partly", seconds=None, text=f"{first.text}: limits connecting only")
            if only_connect and first.bounded
            else first
        )

    def _judged(self, expr: m.Expr, func: Func, row: Wait, parameter: str, how: str, line: int) -> Deadline | None:
        given = self.judge.given(expr, func, row, parameter, how, line)
        if (
            given.state == "disabled"
            and given.text.endswith("=None")
            and None not in row.unbounded_values
            and row.bounded == "yes"
        ):
            return None  # None asks for the library's default
        if given.bounded is None or parameter == "config":
            through = self._through_object(expr, func, row)
            if through is not None:
                return through
        if parameter == "config":
            return None if row.bounded == "yes" else given
        return given

    def _through_object(self, expr: m.Expr, func: Func, row: Wait) -> Deadline | None:
        """``config=Config(read_timeout=5)``: the limits of the object that is given."""
        value = self.links.names.value(expr, func)
        if value is None or value.origin is None or value.kind != "made":
            return None
        construction = Construction(value.origin, value.name, None)
        found = [
            d
            for r in constructor(value.name)
            if r is not row and (d := self._at_constructor(construction, r)) is not None
        ]
        return loosest(found)

    def _field(self, call: m.Call, dotted: str, func: Func, row: Wait, parameter: str, how: str) -> Deadline | None:
        """``http_options.timeout``: the field of an object that is given as ``http_options``."""
        outer, _, inner = parameter.partition(".")
        expr = call.argument(outer, row.position(dotted, outer))
        if isinstance(expr, m.Mapping):
            value = next((v for k, v in expr.items if isinstance(k, m.Const) and k.value == inner), None)
            return self.judge.given(value, func, row, inner, how, call.line) if value is not None else None
        value_of = self.links.names.value(expr, func) if expr is not None else None
        made = (
            expr
            if isinstance(expr, m.Call)
            else value_of.origin.call
            if value_of is not None and value_of.origin is not None
            else None
        )
        if made is not None and (given := made.keyword(inner)) is not None:
            return self.judge.given(given, func, row, inner, how, call.line)
        if expr is not None and made is None:
            return Deadline(
                "unknown",
                f"{outer}={source_of(expr)} cannot be followed",
                how,
                source=Evidence(func.path, call.line, outer),
            )
        return None

    def _at_constructor(self, construction: Construction, row: Wait) -> Deadline | None:
        """The limit that a construction takes: its arguments, its connect string, the project's subclass."""
        origin = construction.origin
        name = construction.name
        given = self._among(origin.call, name, origin.function, row, "constructor")
        if given is not None:
            return given
        if construction.klass is not None:
            given = self.constructions.subclass_limit(construction.klass, row)
            if given is not None:
                return given
        return self._connect_string(origin, row)

    def _connect_string(self, origin: Origin, row: Wait) -> Deadline | None:
        """``redis://host?socket_timeout=5``, ``dsn="… connect_timeout=3"``, ``sqlite:///file``."""
        exprs = [
            *origin.call.args[:1],
            *(
                v
                for k, v in origin.call.keywords
                if k in ("url", "dsn", "conninfo", "uri", "host", "servers", "name_or_url")
            ),
        ]
        for expr in exprs:
            if isinstance(expr, m.Star):
                continue
            text = text_of(self.links, expr, origin.function)
            at = Evidence(origin.function.path, origin.call.line, source_of(expr, 60))
            if text.startswith("sqlite"):
                return Deadline("seconds", "SQLite waits for its lock for 5 s", "connect string", 5.0, at)
            for parameter in (*row.parameters, "connect_timeout", "statement_timeout", "socket_timeout"):
                _, sign, rest = text.partition(f"{parameter}=")
                if not sign or "." in parameter:
                    continue
                value = rest.split("&")[0].split(" ")[0].strip("'\"")
                partly = bool(CONNECT_NAME.search(parameter)) and any(
                    not CONNECT_NAME.search(p) for p in row.parameters
                )
                if partly:
                    return Deadline(
                        "partly", f"{parameter}={value}: limits connecting only", "connect string", source=at
                    )
                if parameter in row.parameters or parameter == "statement_timeout":
                    return self.judge.given(
                        m.Const(value), origin.function, row, parameter, "connect string", origin.call.line
                    )
        return None

    def _of_any_construction(self, row: Wait, site: Site) -> Deadline:
        """For a receiver whose construction is not seen at the call: what all constructions of its package agree on."""
        own = site.function.module.name.partition(".")[0]
        key = (row.name, own)
        if key not in self._of_package:
            made = [c for c in self.constructions.every(row) if c.origin.function.module.name.partition(".")[0] == own]
            limits = [self._at_constructor(c, row) or self._default(row, c.origin.function.path) for c in made]
            self._of_package[key] = (made, limits)
        every, found = self._of_package[key]
        if found and len({d.bounded for d in found}) == 1 and found[0].bounded is not None:
            first = every[0].origin
            limit = loosest(found)
            assert limit is not None  # found is not empty
            self._assumed[(site.path, site.line, row.name)] = every[0]
            at = Evidence(first.function.path, first.call.line, source_of(first.call.func))
            return replace(limit, source=limit.source or at)
        default = self._default(row, site.path)
        if default.bounded and not any(d.bounded is False for d in found):
            return default
        if every:
            self._assumed[(site.path, site.line, row.name)] = every[0]
        text = "constructed differently in several places" if found else "where the receiver is constructed is not seen"
        return Deadline("unknown", text, "constructor", source=Evidence(site.path, site.line, site.text))

    def _default(self, row: Wait, path: str) -> Deadline:
        """What the library does by itself, in the version that holds for the path."""
        held = self.versions.of(row.versioned_by, path)
        states = bounds_at(row, held.text if held is not None else None)
        at = Evidence(held.path, held.line, f"{held.distribution} {held.text}".strip()) if held is not None else None
        how = "library default"
        if states == {"yes"}:
            newest = not row.changed or (held is not None and held.exact)
            numbers = [
                v
                for k, v in row.default.items()
                if isinstance(v, int | float) and k in ("total", "read", "write", "connect")
            ]
            total = row.default.get("total")
            seconds = (
                float(total) if isinstance(total, int | float) else float(max(numbers)) if numbers and newest else None
            )
            if seconds is not None and newest:
                return Deadline("seconds", f"{row.distribution} waits {seconds:g} s by default", how, seconds, at)
            return Deadline("expression", f"{row.distribution} has a limit of its own", how, source=at)
        if states == {"no"}:
            return Deadline("unbounded", f"{row.distribution} has no limit by default", how, source=at)
        if states == {"partly"}:
            return Deadline("partly", row.note or f"{row.distribution} limits one stage only", how, source=at)
        return Deadline("unknown", f"depends on the version of {row.versioned_by}", how, source=at)

    # ------------------------------------------------------------ helpers

    def _receiver_class(self, site: Site, chain: tuple[Construction, ...]) -> Klass | None:
        for construction in chain[:1]:
            if construction.klass is not None:
                return construction.klass
        func = site.call.func
        receiver: m.Expr | None = func.value if isinstance(func, m.Attr) else None
        if isinstance(func, m.Name) and "." in func.id:
            receiver = m.Name(func.id.rpartition(".")[0], func.line)
        value = self.links.names.value(receiver, site.function) if receiver is not None else None
        return value.target if value is not None and isinstance(value.target, Klass) else None

    def _place(self, site: Site, call: m.Call, row: Wait, construction: Construction | None) -> ReportPlace:
        if construction is not None and _at_construction(row):
            origin = construction.origin
            return ReportPlace(
                origin.function.path,
                origin.call.line,
                origin.call.end_line,
                source_of(origin.call.func),
                origin.function,
            )
        if "config" in row.where and row.distribution == "Django":
            for found in self.configuration.named(
                "databases" if "DATABASES" in " ".join(row.constructors) else "caches"
            ):
                return ReportPlace(found.function.path, found.line, found.line, found.name, found.function)
        return ReportPlace(site.path, site.line, call.end_line, source_of(call.func), site.function)

    def _socket_default(self) -> Deadline | None:
        for site in self.links.sites("socket.setdefaulttimeout"):
            if site.call.args:
                row = Wait("socket", "stdlib", "", "no", "", unbounded_values=(None,))
                found = self.judge.given(
                    site.call.args[0], site.function, row, "timeout", "default socket timeout", site.line
                )
                if found.bounded:
                    return found
        return None


def rows_for(dotted: str) -> tuple[Wait, ...]:
    """The rows of the table for a call that waits; empty for what sets limits, and for members of unknown results."""
    if dotted in LIMITERS:
        return ()
    member = dotted.rpartition(".")[2]
    derived = "()" in dotted or "[]" in dotted or (member.startswith("__") and member != "__call__")
    derived = derived or (member in DATA_METHODS and _is_data(dotted))
    return tuple(
        r for r in waits(dotted, inherited=not derived) if r.kind == "wait" and not (derived and dotted not in r.calls)
    )


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


def _at_construction(row: Wait) -> bool:
    return bool(row.constructors) and bool({"constructor", "connect string"} & set(row.where))


def _at_call(row: Wait) -> bool:
    return "call" in row.where or (not row.where and bool(row.parameters))


def _only_constructor(row: Wait) -> bool:
    return _at_construction(row) and not _at_call(row)


def _takes_construction(row: Wait, dotted: str) -> bool:
    """Whether the receiver of a call is an object whose construction decides; not so for functions of a module."""
    if not _at_construction(row):
        return False
    owner = dotted.rpartition(".")[0]
    return _only_constructor(row) or libraries.type_of(owner) is not None or owner.rpartition(".")[2][:1].isupper()


def _not_blocking(call: m.Call, row: Wait) -> bool:
    """Also ``get(False)``, ``acquire(False)``: the first argument of calls that take a timeout as well."""
    first = call.args[0] if call.args else None
    positional = isinstance(first, m.Const) and first.value is False and "timeout" in row.parameters
    return not_blocking(call) or positional
