"""Where the receiver of a call was constructed, and what the project's own classes and wrappers add to its limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence
from runtime_ops.libraries import names as libraries
from runtime_ops.libraries.timeouts import Wait
from runtime_ops.libraries.versions import bounds_at
from runtime_ops.project.deadlines import Deadline, Judge, calls_of, loosest
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Origin, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.project.texts import bound_expression

DEPTH = 6  # ``Redis(…).pipeline().…`` chains and clients handed to clients
OF_ITS_OWN = {"yes": "expression", "no": "unbounded", "partly": "partly"}
"""What a call without a limit has, by the state of its row."""
SENDERS = (
    "request",
    "send",
    "__init__",
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "head",
    "init_poolmanager",
    "connect",
    "perform_request",
)
SET_OPTION = frozenset({"setsockopt", "set", "set_int", "set_option"})
"""Methods that take the name of an option and its value."""


class Construction(NamedTuple):
    """A call that constructs a client; ``klass`` when it is the project's own subclass."""

    origin: Origin
    name: str
    klass: Klass | None


class Constructions:
    """Answers about receivers. Made once for the links."""

    def __init__(self, links: Links, judge: Judge) -> None:
        self.links = links
        self.judge = judge
        self._every: dict[str, list[Construction]] = {}

    # ------------------------------------------------------------ where

    def chain(self, origin: Origin | None, depth: int = 0) -> Iterator[Construction]:
        """The calls that made a receiver, from the nearest to the first: ``cursor()``, then ``connect()``; of each also
        the clients that were handed to it (``Queue(connection=redis)``), which come first."""
        while origin is not None and depth < DEPTH:
            value = self.links.names.value(origin.call.func, origin.function)
            yield from self._handed(origin, depth)
            if value is not None:
                yield Construction(origin, value.name, value.target if isinstance(value.target, Klass) else None)
            origin = value.origin if value is not None and value.kind in ("external", "made") else None
            depth += 1

    def around(self, site: Site, call: m.Call, origin: Origin | None, dotted: str) -> Iterator[Construction]:
        """The constructions that a call depends on: clients handed to it (``Job.fetch(id, connection=redis)``), what its
        receiver is made of, and the call itself (``psycopg2.connect`` waits and constructs)."""
        yield from self._handed(Origin(site.function, call), 0)
        yield from self.chain(origin)
        yield Construction(Origin(site.function, call), dotted, None)

    def _handed(self, origin: Origin, depth: int) -> Iterator[Construction]:
        for expr in (*origin.call.args, *(v for _, v in origin.call.keywords)):
            if isinstance(expr, m.Name | m.Call | m.Attr):
                handed = self.links.names.value(expr, origin.function)
                if handed is not None and handed.kind in ("made", "instance") and handed.origin is not None:
                    yield from self.chain(handed.origin, depth + 1)

    def matching(self, chain: tuple[Construction, ...], row: Wait) -> Construction | None:
        """The construction of a chain that is one of the row's constructors."""
        return next((c for c in chain if self.fits(c, row)), None)

    def fits(self, construction: Construction, row: Wait) -> bool:
        """Whether a construction takes the row's limit."""
        names = construction.klass.external_bases if construction.klass is not None else (construction.name,)
        wanted = set(row.constructors)
        return any(wanted.intersection(spelled) for name in names for spelled in (libraries.spellings(name), (name,)))

    def every(self, row: Wait) -> list[Construction]:
        """Every construction in the project that takes the row's limit."""
        if row.name not in self._every:
            found = []
            for site in self.links.sites(*row.constructors):
                value = self.links.names.value(site.call.func, site.function)
                klass = value.target if value is not None and isinstance(value.target, Klass) else None
                found.append(Construction(Origin(site.function, site.call), site.dotted or "", klass))
            self._every[row.name] = found
        return self._every[row.name]

    # ------------------------------------------------------------ unpacked arguments

    def unpacked(
        self, call: m.Call, func: Func, row: Wait, parameter: str, how: str, depth: int = 0
    ) -> Deadline | None:
        """The limit among ``**kwargs`` of a call; None when it is surely not there."""
        for key, value in call.keywords:
            if key is None:
                found = self._in_mapping(value, func, row, parameter, how, call.line, depth)
                if found is not None:
                    return found
        if any(isinstance(a, m.Star) for a in call.args) and how == "call" and row.position("*", parameter) is not None:
            return Deadline(
                "unknown",
                "positional arguments are unpacked",
                how,
                source=Evidence(func.path, call.line, source_of(call, 60)),
            )
        return None

    def _in_mapping(
        self, expr: m.Expr, func: Func, row: Wait, parameter: str, how: str, line: int, depth: int
    ) -> Deadline | None:
        at = Evidence(func.path, line, f"**{source_of(expr, 40)}")
        if depth > DEPTH:
            return Deadline("unknown", f"{at.note}: followed too far", how, source=at)
        if isinstance(expr, m.Mapping):
            for key, value in reversed(expr.items):
                if key is None:
                    found = self._in_mapping(value, func, row, parameter, how, line, depth + 1)
                    if found is not None:
                        return found
                elif isinstance(key, m.Const) and key.value == parameter:
                    return self.judge.given(value, func, row, parameter, how, line)
                elif not isinstance(key, m.Const):
                    return Deadline("unknown", f"{at.note}: a key is computed", how, source=at)
            return None
        if isinstance(expr, m.Call) and source_of(expr.func) == "dict":
            given = expr.keyword(parameter)
            if given is not None:
                return self.judge.given(given, func, row, parameter, how, line)
            return self.unpacked(expr, func, row, parameter, "dict", depth + 1)
        if isinstance(expr, m.Name):
            return self._in_name(expr, func, row, parameter, how, line, at, depth)
        if isinstance(expr, m.Call):
            return self._in_result(expr, func, row, parameter, how, at, depth)
        bound = bound_expression(self.links, expr, func) if isinstance(expr, m.Attr) else None
        if bound is not None and isinstance(bound[0], m.Mapping | m.Call):
            return self._in_mapping(bound[0], bound[1], row, parameter, how, line, depth + 1)
        return Deadline("unknown", f"{at.note} cannot be followed", how, source=at)

    def _in_name(
        self, name: m.Name, func: Func, row: Wait, parameter: str, how: str, line: int, at: Evidence, depth: int
    ) -> Deadline | None:
        scope: Func | None = func
        while scope is not None and scope.param(name.id) is None and name.id not in scope.bindings:
            scope = scope.parent
        added = self._added_anywhere(scope or func, name.id, row, parameter, depth)
        if added is not None:
            return added
        if scope is not None:
            param = scope.param(name.id)
            if param is not None and param.kind == "kwargs":
                return self._from_callers(scope, row, parameter, at, depth)
            bindings = [b for b in scope.bindings.get(name.id, ()) if b.kind == "assign" and b.expr is not None]
            if param is None and bindings:
                found = [
                    self._in_mapping(b.expr, scope, row, parameter, how, b.line, depth + 1)
                    for b in bindings
                    if b.expr is not None
                ]
                sure = [d for d in found if d is not None]
                if not sure:
                    return None
                empty = [b for b in bindings if isinstance(b.expr, m.Mapping) and not b.expr.items]
                return (
                    loosest(sure)
                    if len(sure) == len(found) - len(empty)
                    else Deadline("unknown", f"{at.note}: given on some ways", how, source=at)
                )
        bound = bound_expression(self.links, name, func)
        if bound is not None and isinstance(bound[0], m.Mapping | m.Call):
            return self._in_mapping(bound[0], bound[1], row, parameter, how, line, depth + 1)
        return Deadline("unknown", f"{at.note} cannot be followed", how, source=at)

    def _in_result(
        self, call: m.Call, func: Func, row: Wait, parameter: str, how: str, at: Evidence, depth: int
    ) -> Deadline | None:
        """``**self._options()``: what the project's function returns."""
        value = self.links.names.value(call.func, func)
        if value is None or not isinstance(value.target, Func):
            return Deadline("unknown", f"{at.note} cannot be followed", how, source=at)
        target = value.target
        returned = [p.stmt.value for p in target.places if isinstance(p.stmt, m.Return) and p.stmt.value is not None]
        found = [self._in_mapping(e, target, row, parameter, how, target.line, depth + 1) for e in returned]
        sure = [d for d in found if d is not None]
        if returned and not sure:
            return None
        return (
            loosest(sure)
            if sure and len(sure) == len(found)
            else Deadline("unknown", f"{at.note}: given on some ways", how, source=at)
        )

    def _added_anywhere(self, scope: Func, name: str, row: Wait, parameter: str, depth: int) -> Deadline | None:
        """What is put into a dictionary by the function, or, where it is an attribute of the object, by any method of its class."""
        scopes = [scope]
        if name.startswith("self.") and scope.cls is not None:
            family = (*scope.cls.ancestry, *scope.cls.descendants())
            scopes += [f for k in family if isinstance(k, Klass) for f in k.methods.values() if f is not scope]
        found = (self._added(each, name, row, parameter) for each in scopes)
        given = next((d for d in found if d is not None), None)
        if given is not None:
            return given
        filled = (self._filled(each, name, row, parameter, depth) for each in scopes)
        return next((d for d in filled if d is not None), None)

    def _filled(self, scope: Func, name: str, row: Wait, parameter: str, depth: int) -> Deadline | None:
        """What ``kwargs.update(options)``, ``kwargs |= options`` and ``kwargs[key] = value`` put in: the limit may be among it."""
        for site in scope.sites:
            if site.text == f"{name}.update" and site.call.args and not isinstance(site.call.args[0], m.Mapping):
                found = self._in_mapping(site.call.args[0], scope, row, parameter, "wrapper", site.line, depth + 1)
                if found is not None:
                    return found
            if site.text == f"{name}.update" and (found := self.unpacked(site.call, scope, row, parameter, "wrapper", depth + 1)):
                return found
        for place in scope.places:
            stmt = place.stmt
            if isinstance(stmt, m.AugAssign) and stmt.op.startswith("|") and source_of(stmt.target) == name:
                found = self._in_mapping(stmt.value, scope, row, parameter, "wrapper", stmt.line, depth + 1)
                if found is not None:
                    return found
            for target in stmt.targets if isinstance(stmt, m.Assign) else ():
                if not isinstance(target, m.Subscript) or source_of(target.value) != name:
                    continue
                if not isinstance(self.links.names.constant(target.key, scope), str):
                    at = Evidence(scope.path, stmt.line, source_of(target, 40))
                    return Deadline("unknown", f"{at.note}: a key is computed", "wrapper", source=at)
        return None

    def _added(self, scope: Func, name: str, row: Wait, parameter: str) -> Deadline | None:
        """``kwargs.setdefault("timeout", 5)``, ``kwargs["timeout"] = 5``, ``kwargs.update(timeout=5)``."""
        for site in scope.sites:
            if (
                site.text == f"{name}.setdefault"
                and len(site.call.args) == 2
                and _is_text(site.call.args[0], parameter)
            ):
                return self.judge.given(site.call.args[1], scope, row, parameter, "wrapper", site.line)
            if site.text == f"{name}.update":
                given = site.call.keyword(parameter)
                if given is None and site.call.args and isinstance(site.call.args[0], m.Mapping):
                    given = next(
                        (v for k, v in site.call.args[0].items if k is not None and _is_text(k, parameter)), None
                    )
                if given is not None:
                    return self.judge.given(given, scope, row, parameter, "wrapper", site.line)
        for place in scope.places:
            if isinstance(place.stmt, m.Assign) and place.stmt.value is not None:
                for target in place.stmt.targets:
                    if (
                        isinstance(target, m.Subscript)
                        and source_of(target.value) == name
                        and _is_text(target.key, parameter)
                    ):
                        return self.judge.given(place.stmt.value, scope, row, parameter, "wrapper", place.stmt.line)
        return None

    def _from_callers(self, scope: Func, row: Wait, parameter: str, at: Evidence, depth: int) -> Deadline | None:
        """What the callers of a wrapper put into its ``**kwargs``; None when none of them gives the limit."""
        found: list[tuple[Site, Deadline | None]] = []
        for site in calls_of(scope, self.links):
            given = site.call.keyword(parameter)
            if given is not None:
                found.append((site, self.judge.given(given, site.function, row, parameter, "wrapper", site.line)))
            elif any(key is None for key, _ in site.call.keywords):
                found.append((site, self.unpacked(site.call, site.function, row, parameter, "wrapper", depth + 1)))
            else:
                found.append((site, None))
        if not found:
            return Deadline("unknown", f"{at.note}: no caller of {scope.qualname} is known", "wrapper", source=at)
        if all(d is None for _, d in found):
            return None
        # who gives none has the library's own: aiohttp's 300 s, nothing of requests; of several versions it may be any
        states = bounds_at(row, None)
        state = OF_ITS_OWN[next(iter(states))] if len(states) == 1 else "unknown"
        absent = Deadline(state, f"not given to {scope.name}", "wrapper")
        filled = tuple(
            (s, d if d is not None else replace(absent, source=Evidence(s.path, s.line, s.text))) for s, d in found
        )
        worst = loosest([d for _, d in filled])
        assert worst is not None  # found is not empty
        return replace(worst, callers=filled) if len({d.bounded for _, d in filled}) > 1 else worst

    # ------------------------------------------------------------ the project's own classes

    def subclass_limit(self, klass: Klass, row: Wait) -> Deadline | None:
        """The limit that a project's subclass of a client (or adapter) sets itself, in its own methods."""
        parameters = row.parameters or ("timeout",)
        for base in klass.ancestry:
            if not isinstance(base, Klass):
                continue
            for method in base.methods.values():
                if method.name not in SENDERS and not method.name.startswith("_request"):
                    continue
                for parameter in dict.fromkeys((*parameters, "timeout")):
                    found = self._set_in(method, row, parameter)
                    if found is not None and found.bounded:
                        return replace(found, how="subclass")
        return None

    def _set_in(self, method: Func, row: Wait, parameter: str) -> Deadline | None:
        kwargs = next((p.name for p in method.facts.params if p.kind == "kwargs"), None)
        if kwargs is not None:
            added = self._added(method, kwargs, row, parameter)
            if added is not None:
                return added
        for site in method.sites:
            given = site.call.keyword(parameter)
            if given is not None and _is_super(site.call):
                own = method.param(given.id) if isinstance(given, m.Name) else None
                if own is not None and own.default is not None:
                    given = own.default  # the library's own get() and post() call it without; others say what they want
                return self.judge.given(given, method, row, parameter, "subclass", site.line)
        return None

    # ------------------------------------------------------------ what is done to the object afterwards

    def adapter_limit(self, origin: Origin, row: Wait) -> Deadline | None:
        """``session.mount("https://", TimeoutAdapter(timeout=5))`` on the same session."""
        for site in self.links.sites("requests.Session.mount"):
            if site.origin is None or site.origin.call is not origin.call or len(site.call.args) < 2:
                continue
            at = Evidence(site.path, site.line, source_of(site.call, 60))
            value = self.links.names.value(site.call.args[1], site.function)
            if value is not None and isinstance(value.target, Klass):
                found = self.subclass_limit(value.target, row)
                if found is not None:
                    return replace(found, how="adapter", source=at)
            elif value is not None and "timeout" in value.name.lower():
                return Deadline("expression", at.note, "adapter", source=at)
        return None

    def patched_limit(self, origin: Origin, method: str, row: Wait) -> Deadline | None:
        """``session.request = functools.partial(session.request, timeout=5)`` beside the construction."""
        for name, bindings in origin.function.bindings.items():
            if not name.endswith((".request", f".{method}", ".send")):
                continue
            for binding in bindings:
                if isinstance(binding.expr, m.Call) and source_of(binding.expr.func).endswith("partial"):
                    given = binding.expr.keyword("timeout")
                    if given is not None:
                        return self.judge.given(given, origin.function, row, "timeout", "partial", binding.line)
        return None

    def set_later(self, origin: Origin, row: Wait) -> Deadline | None:
        """A limit set by a method (``sock.settimeout(5)``) or an attribute (``connection.timeout = 5``) of the same object."""
        for parameter in row.parameters:
            if "method" in row.where:
                for func in {origin.function, *self._holders(origin)}:
                    for site in func.sites:
                        if (
                            site.method == parameter
                            and site.origin is not None
                            and site.origin.call is origin.call
                            and site.call.args
                        ):
                            return self.judge.given(site.call.args[0], func, row, parameter, "method", site.line)
            if "attribute" in row.where:
                for func in (origin.function, *(f for f in self._holders(origin) if f is not origin.function)):
                    option = self._option(func, origin, row, parameter)
                    if option is not None:
                        return option
                    for name, bindings in func.bindings.items():
                        kept = func is origin.function or name.startswith("self.")
                        if kept and name.endswith(f".{parameter}") and bindings[-1].expr is not None:
                            return self.judge.given(
                                bindings[-1].expr, func, row, parameter, "attribute", bindings[-1].line
                            )
        return None

    def handed_on(self, chain: tuple[Construction, ...], origin: Origin | None, row: Wait) -> Deadline | None:
        """``s.settimeout(5); context.wrap_socket(s)``: a limit of the socket that was handed over, which the new one keeps."""
        for construction in chain:
            if origin is None or construction.origin.call is not origin.call:
                given = self.set_later(construction.origin, row)
                if given is not None:
                    return given
        return None

    def _option(self, func: Func, origin: Origin, row: Wait, parameter: str) -> Deadline | None:
        """``socket.setsockopt(zmq.RCVTIMEO, 5000)`` on the object that was made at ``origin``."""
        for site in func.sites:
            if site.method not in SET_OPTION or len(site.call.args) < 2:
                continue
            named = site.call.args[0]
            if not (isinstance(named, m.Name | m.Attr) and source_of(named).rpartition(".")[2] == parameter):
                continue
            receiver = site.text.rpartition(".")[0]
            # of several that one name is bound to on different ways, the option is set on whichever it is
            same = any(b.expr is origin.call for b in func.bindings.get(receiver, ()))
            if site.origin is None or site.origin.call is origin.call or same:
                return self.judge.given(site.call.args[1], func, row, parameter, "method", site.line)
        return None

    def set_for_all(self, row: Wait) -> Deadline | None:
        """``ldap.set_option(ldap.OPT_NETWORK_TIMEOUT, 5)``: an option of the library, which every later object takes."""
        if "attribute" not in row.where:
            return None
        module = next(iter(row.constructors), "").partition(".")[0]
        for site in self.links.sites(f"{module}.set_option"):
            named = site.call.args[0] if len(site.call.args) == 2 else None
            option = source_of(named).rpartition(".")[2] if isinstance(named, m.Name | m.Attr) else ""
            if option in row.parameters:
                return self.judge.given(site.call.args[1], site.function, row, option, "method", site.line)
        return None

    def quiet(self, origin: Origin, row: Wait) -> Deadline | None:
        """A receiver whose kind, given where it is made, never waits in these calls (``context.socket(zmq.PUB)``)."""
        for expr in (*origin.call.args, *(v for _, v in origin.call.keywords)):
            value = self.links.names.value(expr, origin.function) if isinstance(expr, m.Name | m.Attr) else None
            if value is not None and value.name in row.quiet_with:
                at = Evidence(origin.function.path, origin.call.line, source_of(origin.call, 60))
                return Deadline("seconds", f"{value.name} does not wait here", "constructor", 0.0, at)
        return None

    def _holders(self, origin: Origin) -> list[Func]:
        """The methods of the class in which the object is kept."""
        return list(origin.function.cls.methods.values()) if origin.function.cls is not None else []


def _is_text(expr: m.Expr, text: str) -> bool:
    return isinstance(expr, m.Const) and expr.value == text


def _is_super(call: m.Call) -> bool:
    func = call.func
    if isinstance(func, m.Attr) and isinstance(func.value, m.Call):
        return source_of(func.value.func) == "super"
    return isinstance(func, m.Name) and func.id.rpartition(".")[2] in SENDERS
