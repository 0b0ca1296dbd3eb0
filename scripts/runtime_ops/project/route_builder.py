"""Collects what routers hold and how routers are put under applications, and joins the paths in the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.frameworks import Framework, Registration, all_frameworks
from runtime_ops.libraries.names import spellings, supertypes
from runtime_ops.project.handlers import Given, given
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Origin, Value
from runtime_ops.project.route_model import Route, join, template_of_regex
from runtime_ops.project.texts import UNKNOWN, bound_expression, spelled, text_of

PREFIX_LIMIT = 12  # places under which one router may hang; more say nothing more
DEPTH = 8  # routers in routers
HTTP_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
REPLACES_PREFIX = frozenset(
    ("flask", "quart", "sanic", "flask-smorest")
)  # a prefix given on registering replaces the router's own
Key = tuple[str, int, int] | str  # of a router: the call that makes it, or a class, a function, a name


class Include(NamedTuple):
    """A router hangs under ``parent`` below ``prefix``; ``replaces`` when the prefix stands instead of the router's own."""

    parent: Key
    prefix: str
    replaces: bool


class Builder:
    """Routers by key, with their own routes; `routes` joins them."""

    def __init__(self, links: Links) -> None:
        self.links = links
        self.local: dict[Key, list[Route]] = defaultdict(list)
        self.includes: dict[Key, list[Include]] = defaultdict(list)
        self.own_prefix: dict[Key, str] = {}
        self.roots: set[Key] = set()
        self.seen: set[int] = set()  # calls that were read as items of a list

    # ------------------------------------------------------------ routers

    def router(self, expr: m.Expr | None, function: Func) -> tuple[Key | None, Framework | None]:
        """The key and framework of the application or router that an expression stands for."""
        if expr is None:
            return None, None
        value = self.links.names.value(expr, function)
        key, row = self.router_of(value, expr, function)
        return (key, row) if key is not None else self._by_class_name(expr, function)

    def _by_class_name(self, expr: m.Expr, function: Func) -> tuple[Key | None, Framework | None]:
        """A call of something unknown that is named as a router's class: of a subclass made by a function, or unread."""
        bound = (expr, function) if isinstance(expr, m.Call) else bound_expression(self.links, expr, function)
        call, where = bound if bound is not None else (None, function)
        if not isinstance(call, m.Call):
            return None, None
        found = router_names().get(spelled(call.func).rpartition(".")[2])
        if found is None or self.links.names.value(call.func, where) is not None:
            return None, None
        name, row = found
        return self._made(Value("made", name, origin=Origin(where, call)), row), row

    def router_of(self, value: Value | None, expr: m.Expr, function: Func) -> tuple[Key | None, Framework | None]:
        if value is None or value.kind not in ("made", "instance", "external"):
            return None, None
        if value.kind == "external" and value.origin is None:
            return None, None
        if isinstance(value.target, Klass):
            row = next((r for b in value.target.external_bases if (r := framework_row(b))), None)
            if row is None:
                return None, None
            klass_key = f"class {value.target.path}::{value.target.facts.qualname}"
            self._class_prefix(klass_key, value.target, row)
            if value.origin is None:
                return klass_key, row
            key = self._made(value, row)
            if Include(key, "", False) not in self.includes[klass_key]:
                self.includes[klass_key].append(Include(key, "", False))
            return key, row
        row = framework_row(value.name.removesuffix("()")) if value.kind == "made" else None
        if (
            row is None
            and value.origin is not None
            and isinstance(expr, m.Name)
            and expr.id.endswith((".router", "_router"))
        ):
            maker = self.links.names.value(
                value.origin.call.func, value.origin.function
            )  # app.router: the application's own
            row = framework_row(maker.name) if maker is not None else None
            if row is not None and maker is not None:
                value = Value("made", maker.name, origin=value.origin)
        if row is None:
            return None, None
        if value.origin is None and isinstance(expr, m.Name):
            value = self._handed(expr.id, function) or value
        if value.origin is None:
            return f"name {function.path}::{spelled(expr)}", row
        return self._made(value, row), row

    def _handed(self, name: str, function: Func, depth: int = 0) -> Value | None:
        """The router that callers hand over for a parameter."""
        params = [p.name for p in function.facts.params if p.kind == "positional"]
        if function.param(name) is None or depth > DEPTH:
            return None
        if function.cls is not None:
            params = params[1:]
        for edge in self.links.callers.get(function, ()):
            if edge.how != "call" or edge.site.weak or edge.caller is function:
                continue
            expr = edge.site.call.argument(name, params.index(name) if name in params else None)
            value = self.links.names.value(expr, edge.caller)
            if value is not None and value.kind == "made" and value.origin is not None:
                return value
            if isinstance(expr, m.Name):
                value = self._handed(expr.id, edge.caller, depth + 1)
                if value is not None:
                    return value
        return None

    def _made(self, value: Value, row: Framework) -> Key:
        origin = value.origin
        assert origin is not None
        key = (origin.function.path, origin.call.line, origin.call.col)
        if key not in self.own_prefix:
            self.own_prefix[key] = ""
            if row.prefix_keyword:
                prefix = origin.call.keyword(row.prefix_keyword)
                if prefix is not None and not (isinstance(prefix, m.Const) and prefix.value is None):
                    self.own_prefix[key] = text_of(self.links, prefix, origin.function)
            if value.name in row.apps:
                self.roots.add(key)
            self._parent_by_argument(key, value, row)
        return key

    def _parent_by_argument(self, key: Key, value: Value, row: Framework) -> None:
        """``flask_restful.Api(app, prefix="/api")``, ``flask_restx.Namespace("users", path="/users")``."""
        origin = value.origin
        assert origin is not None
        if not row.name.startswith("flask-re"):
            return
        call = origin.call
        given_prefix = call.keyword("prefix") or call.keyword("path")
        if given_prefix is not None:
            self.own_prefix[key] = text_of(self.links, given_prefix, origin.function)
        elif value.name.endswith("Namespace") and call.args:
            self.own_prefix[key] = "/" + text_of(self.links, call.args[0], origin.function).strip("/")
        parent = call.argument("app", 0) if not value.name.endswith("Namespace") else None
        parent_key, _ = self.router(parent, origin.function)
        if parent_key is not None:
            self.includes[key].append(Include(parent_key, "", False))
        elif not value.name.endswith("Namespace"):
            self.roots.add(key)  # init_app is called elsewhere

    def _class_prefix(self, key: Key, klass: Klass, row: Framework) -> None:
        if key not in self.own_prefix:
            self.own_prefix[key] = ""
            for base in klass.external_bases:
                if base in row.apps:
                    self.roots.add(key)

    def include(
        self,
        child: m.Expr | None,
        function: Func,
        parent: Key,
        prefix: str,
        row: Framework | None,
        call: m.Call,
        app: str,
    ) -> None:
        """Put a router, an application of a library, or each of several, under ``parent``."""
        for expr, scope in self.members(child, function):
            key, child_row = self.router(expr, scope)
            if key is None and isinstance(expr, m.Call):  # WSGIMiddleware(app), socketio.ASGIApp(server, app)
                for arg in (*expr.args, *(v for _, v in expr.keywords)):
                    key, child_row = self.router(arg, scope)
                    if key is not None:
                        break
            if key is not None:
                replaces = bool(prefix) and child_row is not None and child_row.name in REPLACES_PREFIX
                found = Include(parent, prefix, replaces)
                if found not in self.includes[key]:
                    self.includes[key].append(found)
                continue
            handler = given(self.links, expr, scope)
            framework = row.name if row is not None else ""
            self.local[parent].append(
                Route(
                    join("", prefix) if prefix else UNKNOWN,
                    (),
                    handler.func,
                    handler.klass,
                    handler.name or spelled(expr),
                    function.path,
                    call.line,
                    framework,
                    "mount",
                    app,
                    site=call,
                )
            )

    def members(self, expr: m.Expr | None, function: Func) -> Iterator[tuple[m.Expr, Func]]:
        """The items of a list of routers, of the list that a loop variable runs over, or the one router itself."""
        if isinstance(expr, m.Name) and "." not in expr.id:
            for binding in function.bindings.get(expr.id, ()):
                if binding.kind == "for" and isinstance(binding.expr, m.Sequence):
                    for item in binding.expr.items:
                        yield item, function
                    return
        if isinstance(expr, m.Sequence):
            for item in expr.items:
                yield item, function
        elif expr is not None:
            yield expr, function

    # ------------------------------------------------------------ routes

    def add(
        self, key: Key, path: str, registration: Registration | None, row: Framework | None, call: m.Call | None,
        function: Func, handler: Given, line: int, app: str, skip: m.Expr | None = None,
    ) -> None:  # fmt: skip
        """One registered path: a route for a function, or one for each answering method of a class."""
        framework = row.name if row is not None else ""
        method_name = registration.call.rpartition(".")[2] if registration is not None else ""
        kind = "websocket" if "websocket" in method_name.lower() else "http"
        if registration is not None and registration.regex:
            path = template_of_regex(path) if path != UNKNOWN else path
        methods = self._methods(registration, call, function, handler)
        suffix = call.keyword("suffix") if call is not None and row is not None and row.handler_method_prefix else None
        ending = f"_{text_of(self.links, suffix, function)}" if suffix is not None else ""
        for func, klass, found in answering(handler, row, methods, ending):
            decorators = self._decorators(func, klass, skip)
            self.local[key].append(
                Route(
                    path,
                    found,
                    func,
                    klass,
                    handler.name,
                    function.path,
                    line,
                    framework,
                    kind,
                    app,
                    decorators,
                    site=call,
                )
            )

    def _methods(
        self, registration: Registration | None, call: m.Call | None, function: Func, handler: Given
    ) -> tuple[str, ...]:
        if registration is not None and registration.methods:
            return registration.methods
        if call is None:
            return ()
        expr = call.keyword(registration.methods_keyword if registration is not None else "methods")
        if expr is None:
            expr = call.keyword("method")
        if expr is None and registration is not None and registration.method is not None:
            expr = call.argument("method", registration.method)
        if expr is not None:
            found = [text_of(self.links, e, function) for e, _ in self.members(expr, function)]
            words = [w.upper() for w in found if w not in (UNKNOWN, "*")]
            return tuple(words) if len(words) == len(found) else ()
        last = (
            registration.call.rpartition(".")[2] if registration is not None else spelled(call.func).rpartition(".")[2]
        )
        if last in HTTP_METHODS:
            return (last.upper(),)
        return (
            ("GET",)
            if last in ("route", "add_url_rule", "Route", "api_route", "add_api_route") and handler.klass is None
            else ()
        )

    def _decorators(self, func: Func | None, klass: Klass | None, skip: m.Expr | None) -> tuple[str, ...]:
        found: list[str] = []
        for owner in (klass, func):
            if owner is None:
                continue
            scope = owner.module.level
            for decorator in owner.facts.decorators:
                if decorator is not skip:
                    callee = decorator.func if isinstance(decorator, m.Call) else decorator
                    value = self.links.names.value(callee, scope)
                    known = value is not None and value.kind in ("external", "made")
                    found.append(value.name if known and value is not None else spelled(callee))
        return tuple(found)

    # ------------------------------------------------------------ the end

    def prefixes(self, key: Key, depth: int = 0) -> list[tuple[str, bool]]:
        """Every prefix below which a router's routes are answered, and whether an application is above it."""
        own = self.own_prefix.get(key, "")
        above = self.includes.get(key, [])
        if not above or depth > DEPTH:
            return [(own, key in self.roots or isinstance(key, str))]
        found: list[tuple[str, bool]] = []
        for include in above:
            if include.parent == key:
                continue
            inner = include.prefix if include.replaces else join(include.prefix, own)
            found += [
                (join(prefix, inner) if inner else prefix, known)
                for prefix, known in self.prefixes(include.parent, depth + 1)
            ]
        unique = list(dict.fromkeys(found))
        return unique[:PREFIX_LIMIT] or [(own, False)]

    def routes(self) -> Iterator[Route]:
        """Every route with its whole path."""
        for key, local in self.local.items():
            for prefix, mounted in self.prefixes(key):
                for route in local:
                    path = route.path if route.kind in ("grpc", "event") else join(prefix, route.path) or "/"
                    yield route._replace(path=_tidy(path), mounted=mounted)


def _tidy(path: str) -> str:
    while UNKNOWN * 2 in path:
        path = path.replace(UNKNOWN * 2, UNKNOWN)
    return path


def answering(
    handler: Given, row: Framework | None, methods: tuple[str, ...], ending: str = ""
) -> Iterator[tuple[Func | None, Klass | None, tuple[str, ...]]]:
    """The functions that answer for a handler, each with its methods: the methods of a class, else the function itself. ``ending``
    stands behind their names (falcon's ``suffix="list"`` calls ``on_get_list``: falcon 4.4.0, routing/util.py)."""
    klass = handler.klass
    prefixed = row is not None and row.handler_method_prefix
    if klass is None and handler.module is not None and row is not None and prefixed:
        for name in row.handler_methods:
            func = handler.module.functions.get(f"{name}{ending}")
            if func is not None:
                yield func, None, (name.removeprefix(row.handler_method_prefix).upper(),)
        return
    if klass is None:
        yield handler.func, handler.func.cls if handler.func is not None else None, methods
        return
    names = [*(row.handler_methods if row is not None else HTTP_METHODS), *HTTP_METHODS]
    some = False
    for name in dict.fromkeys(names):
        func = klass.method(f"{name}{ending}")
        verb = name.removeprefix(row.handler_method_prefix if row is not None else "").upper()
        if func is not None and verb.lower() in (*HTTP_METHODS, "trace") and (not methods or verb in methods):
            some = True
            yield func, klass, (verb,)
    if not some:
        name = next(
            (n for n in ("dispatch", "dispatch_request", "__call__", "handle", "connect") if klass.method(n)), ""
        )
        yield klass.method(name) if name else None, klass, methods


@cache
def router_names() -> dict[str, tuple[str, Framework]]:
    """Classes of applications and routers by their bare names, where the name says enough."""
    found: dict[str, tuple[str, Framework]] = {}
    for row in all_frameworks():
        for dotted in (*row.apps, *row.routers):
            bare = dotted.rpartition(".")[2]
            if bare in ("APIRouter", "FastAPI", "Flask", "Blueprint", "Starlette", "Quart", "Sanic"):
                found.setdefault(bare, (dotted, row))
    return found


@cache
def framework_row(dotted: str) -> Framework | None:
    """The framework whose application or router class is ``dotted`` or a base of it."""
    names = {*spellings(dotted), *supertypes(dotted)}
    return next((row for row in all_frameworks() if names.intersection((*row.apps, *row.routers))), None)


@cache
def _registrations() -> dict[str, tuple[Registration, Framework]]:
    return {route.call: (route, row) for row in all_frameworks() for route in row.routes}


@cache
def registration_of(dotted: str) -> tuple[Registration, Framework] | None:
    """How a dotted name adds a route, and the framework that says so; None when it adds none."""
    return next((_registrations()[name] for name in spellings(dotted) if name in _registrations()), None)


def receiver_of(callee: m.Expr) -> m.Expr | None:
    """What a method is called on: ``app`` of ``app.get``, ``Api()`` of ``Api().route``; None for a plain function."""
    if isinstance(callee, m.Attr):
        return callee.value
    if isinstance(callee, m.Name) and "." in callee.id:
        return m.Name(callee.id.rpartition(".")[0], callee.line)
    return None
