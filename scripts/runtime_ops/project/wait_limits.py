"""What limits one wait by one row of the table: the arguments, the construction, the configuration, the default."""

from __future__ import annotations

from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence
from runtime_ops.libraries import names as libraries
from runtime_ops.libraries.timeouts import Wait, constructor, waits
from runtime_ops.libraries.versions import bounds_at
from runtime_ops.project.configured import Configuration, mapping_limit
from runtime_ops.project.constructions import Construction, Constructions
from runtime_ops.project.deadlines import CONNECT_NAME, Deadline, Judge, loosest, not_blocking
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Origin, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.project.texts import text_of
from runtime_ops.project.versions import Versions

URL_PARAMETERS = ("url", "dsn", "conninfo", "uri", "host", "servers", "name_or_url")
WRAPPED = ("http_client", "client", "transport", "session", "request", "client_config", "get_updates_request")
"""Parameters by which a client takes another, which has the limit."""
CREDENTIALS = 2
"""Arguments that are given by position and say who asks, not how."""
OPTION_PARAMETERS = ("options", "connect_args", "engine_options", "OPTIONS")


class Limits:
    """Judges calls and constructions by rows of the table. Made once for the links and the versions."""

    def __init__(
        self, links: Links, versions: Versions, judge: Judge, constructions: Constructions, configuration: Configuration
    ) -> None:
        self.links = links
        self.versions = versions
        self.judge = judge
        self.constructions = constructions
        self.configuration = configuration
        self.socket_default = self._socket_default()
        self._of_package: dict[tuple[str, str], tuple[list[Construction], list[Deadline]]] = {}
        self.assumed: dict[tuple[str, int, str], Construction] = {}
        """The construction that stands for a receiver whose own is not seen: by path, line and row."""

    def deadline(
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
            given = self.at_constructor(construction, row)
            if given is not None:
                return given
        klass = self._receiver_class(site, chain)
        if klass is not None:
            given = self.constructions.subclass_limit(klass, row)
            if given is not None:
                return given
        if row.parts and _later_part(site):
            at = Evidence(site.path, site.line, source_of(call, 60))
            return Deadline("seconds", "it reads the next part of a message that has arrived", "call", 0.0, at)
        if origin is not None:
            given = (
                (self.constructions.quiet(origin, row) if row.quiet_with else None)
                or self.constructions.adapter_limit(origin, row)
                or self.constructions.patched_limit(origin, site.method, row)
                or self.constructions.set_later(origin, row)
            )
            if given is not None:
                return given
        given = self.constructions.set_for_all(row)
        if given is not None:
            return given
        if "method" in row.where:
            given = self.constructions.handed_on(chain, origin, row) or self._kept_from_start(chain)
            if given is not None:
                return given
        if "config" in row.where:
            given = self.configuration.limit(row)
            if given is not None:
                return given
        if row.socket_default and self.socket_default is not None:
            return self.socket_default
        if construction is None and (wrapped := self._wrapped_plainly(chain, row)) is not None:
            self.assumed[(site.path, site.line, row.name)] = wrapped
            return self.default(row, site.path)
        if construction is None and _takes_construction(row, dotted):
            return self._of_maker(row, site, origin) or self._of_any_construction(row, site)
        return self.default(row, site.path)

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
            if r is not row and (d := self.at_constructor(construction, r)) is not None
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
        made, where = (
            (expr, func)
            if isinstance(expr, m.Call)
            else (value_of.origin.call, value_of.origin.function)
            if value_of is not None and value_of.origin is not None
            else (None, func)
        )
        if made is not None and (given := made.keyword(inner)) is not None:
            return self.judge.given(given, where, row, inner, how, call.line)
        if made is not None and made.expands:  # ``HttpOptions(**options)``
            return self.constructions.unpacked(made, where, row, inner, how)
        if expr is not None and made is None:
            return Deadline(
                "unknown",
                f"{outer}={source_of(expr)} cannot be followed",
                how,
                source=Evidence(func.path, call.line, outer),
            )
        return None

    def at_constructor(self, construction: Construction, row: Wait) -> Deadline | None:
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

    def _kept_from_start(self, chain: tuple[Construction, ...]) -> Deadline | None:
        """``socket.create_connection(address, timeout=5)``: the value stays set on the socket, also on one that wraps it."""
        for construction in chain:
            for row in waits(construction.name):
                if row.socket_default and {"constructor", "call"} <= set(row.where):
                    given = self._among(construction.origin.call, construction.name, construction.origin.function, row, "constructor")
                    if given is not None:
                        return given
        return None

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

    def _wrapped_plainly(self, chain: tuple[Construction, ...], row: Wait) -> Construction | None:
        """The construction of an object that takes a client which has the limit, and is given none: it makes one of its own, without
        a limit (``twilio.rest.Client(sid, token)``)."""
        for construction in chain:
            made = construction.origin.call
            if construction.klass is None and not row.changed and not set(row.wrappers).isdisjoint(libraries.spellings(construction.name)):
                plain = not made.expands and len(made.args) <= CREDENTIALS and not any(made.keyword(name) is not None for name in WRAPPED)
                return construction if plain else None
        return None

    def _of_maker(self, row: Wait, site: Site, origin: Origin | None) -> Deadline | None:
        """For a receiver that an object of another library made (``db.session`` of Flask-SQLAlchemy's ``db``): what that library's
        own constructor says. No engine that somebody makes elsewhere is the one behind it."""
        value = self.links.names.value(origin.call.func, origin.function) if origin is not None else None
        if origin is None or value is None or value.kind != "external":
            return None
        other = next((r for r in constructor(value.name) if r.kind == "wait" and r.distribution != row.distribution), None)
        if other is None:
            return None
        made = Construction(origin, value.name, None)
        self.assumed[(site.path, site.line, row.name)] = made
        at = Evidence(origin.function.path, origin.call.line, source_of(origin.call.func))
        given = self.at_constructor(made, other) or (self.configuration.limit(other) if "config" in other.where else None)
        found = given or self.default(other, origin.function.path)
        return replace(found, source=found.source or at)

    def _of_any_construction(self, row: Wait, site: Site) -> Deadline:
        """For a receiver whose construction is not seen at the call: what all constructions of its package agree on."""
        own = site.function.module.name.partition(".")[0]
        key = (row.name, own)
        if key not in self._of_package:
            made = [c for c in self.constructions.every(row) if c.origin.function.module.name.partition(".")[0] == own]
            limits = [self.at_constructor(c, row) or self.default(row, c.origin.function.path) for c in made]
            self._of_package[key] = (made, limits)
        every, found = self._of_package[key]
        several = len({c.origin.function.module for c in every}) > 1
        if several and any(d.bounded is False for d in found):
            text = "constructed in several modules, and which of them this one is from is not seen"
            return Deadline("unknown", text, "constructor", source=Evidence(site.path, site.line, site.text))
        if found and len({d.bounded for d in found}) == 1 and found[0].bounded is not None:
            first = every[0].origin
            limit = loosest(found)
            assert limit is not None  # found is not empty
            self.assumed[(site.path, site.line, row.name)] = every[0]
            at = Evidence(first.function.path, first.call.line, source_of(first.call.func))
            return replace(limit, source=limit.source or at)
        default = self.default(row, site.path)
        if default.bounded and not any(d.bounded is False for d in found):
            return default
        if every:
            self.assumed[(site.path, site.line, row.name)] = every[0]
        text = "constructed differently in several places" if found else "where the receiver is constructed is not seen"
        return Deadline("unknown", text, "constructor", source=Evidence(site.path, site.line, site.text))

    def default(self, row: Wait, path: str) -> Deadline:
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


def at_construction(row: Wait) -> bool:
    return bool(row.constructors) and bool({"constructor", "connect string"} & set(row.where))


def _at_call(row: Wait) -> bool:
    return "call" in row.where or (not row.where and bool(row.parameters))


def only_constructor(row: Wait) -> bool:
    return at_construction(row) and not _at_call(row)


def _takes_construction(row: Wait, dotted: str) -> bool:
    """Whether the receiver of a call is an object whose construction decides; not so for functions of a module."""
    if not at_construction(row):
        return False
    owner = dotted.rpartition(".")[0]
    if any(owner.startswith(f"{name}.") for name in row.constructors):
        return True  # ``client.models.generate_content``
    return only_constructor(row) or libraries.type_of(owner) is not None or owner.rpartition(".")[2][:1].isupper()


def _not_blocking(call: m.Call, row: Wait) -> bool:
    """Also ``get(False)``, ``acquire(False)``: the first argument of calls that take a timeout as well."""
    first = call.args[0] if call.args else None
    positional = isinstance(first, m.Const) and first.value is False and "timeout" in row.parameters
    return not_blocking(call) or positional


def _later_part(site: Site) -> bool:
    """Whether the same object was read just before, in the same block with nothing sent through it between."""
    receiver = site.text.rpartition(".")[0]
    before = [s for s in site.function.sites if s.line < site.line and s.text.rpartition(".")[0] == receiver]
    last = max(before, key=lambda s: (s.line, s.call.col), default=None)
    return last is not None and last.method.startswith("recv") and last.steps == site.steps
