"""Routes made by decorators and calls: ``@app.get("/x")``, ``app.add_url_rule``, ``include_router``, ``mount``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runtime_ops.facts import model as m
from runtime_ops.libraries.frameworks import Framework, Registration
from runtime_ops.project.handlers import Given, given
from runtime_ops.project.model import Func, Klass, Site
from runtime_ops.project.route_builder import HTTP_METHODS, Builder, Key, receiver_of, registration_of
from runtime_ops.project.route_model import Route
from runtime_ops.project.texts import UNKNOWN, spelled, text_of

LOOSE_DECORATORS = frozenset((*HTTP_METHODS, "route", "websocket", "api_route"))
LOOSE_CALLS = {
    "add_url_rule": 2,
    "add_api_route": 1,
    "add_resource": 0,
    "add_get": 1,
    "add_post": 1,
    "add_put": 1,
    "add_patch": 1,
    "add_delete": 1,
    "add_route": 2,
}  # position of the handler
EVENT_METHODS = ("on", "event")
MANY_PATHS = ("flask-restful", "flask-restx")  # every argument after the first path is one as well
LISTS = ("add_routes", "Application", "add_handlers", "Litestar", "Router")  # read by `route_lists`


class Registrations:
    """Reads decorators and calls into a builder."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.links = builder.links

    def read(self) -> None:
        for module in self.links.index:
            for klass in module.classes.values():
                scope = module.functions.get(klass.facts.parent or "<module>", module.level)
                for decorator in klass.facts.decorators:
                    self._decorator(decorator, scope, Given(None, klass, klass.name), klass.facts.line)
            for func in module.functions.values():
                for decorator in func.facts.decorators:
                    scope = func.parent or module.level
                    self._decorator(decorator, scope, Given(func, None, func.name), func.line)
                for site in func.sites:
                    self._call(site)

    # ------------------------------------------------------------ decorators

    def _decorator(self, decorator: m.Expr, scope: Func, handler: Given, line: int) -> None:
        call = decorator if isinstance(decorator, m.Call) else None
        callee = call.func if call is not None else decorator
        receiver = receiver_of(callee)
        value = self.links.names.value(callee, scope)
        known = registration_of(value.name) if value is not None and value.kind in ("external", "made") else None
        text = spelled(callee)
        if known is None:
            if (
                value is None
                and call is not None
                and receiver is not None
                and text.rpartition(".")[2] in LOOSE_DECORATORS
            ):
                paths = [t for a in call.args[:1] if (t := text_of(self.links, a, scope)).startswith("/")]
                key, row = self.builder.router(receiver, scope)
                if paths or key is not None:
                    text = paths[0] if paths else text_of(self.links, call.args[0] if call.args else None, scope)
                    key = key if key is not None else f"name {scope.path}::{spelled(receiver)}"
                    self.builder.add(
                        key, text, None, row, call, scope, handler, call.line, spelled(receiver), decorator
                    )
            return
        registration, row = known
        if registration.form != "decorator":
            return
        key = self._owner(receiver, scope, row, handler)
        last = registration.call.rpartition(".")[2]
        where = call.line if call is not None else getattr(decorator, "line", line)
        if "socketio" in row.name and last in EVENT_METHODS:
            event = text_of(self.links, call.args[0], scope) if call is not None and call.args else handler.name
            self._event(key, event, row, handler, scope, where, spelled(receiver))
            return
        if row.name == "pyramid":
            return  # the path stands at add_route: read by name there
        for path in self._paths(registration, row, call, scope):
            self.builder.add(key, path, registration, row, call, scope, handler, where, spelled(receiver), decorator)

    def _owner(self, receiver: m.Expr | None, scope: Func, row: Framework, handler: Given) -> Key:
        if row.name == "litestar":
            owner = handler.func.cls if handler.func is not None else None
            if owner is not None:
                return f"class {owner.path}::{owner.facts.qualname}"
            return f"function {handler.func.key}" if handler.func is not None else f"name {scope.path}"
        key, _ = self.builder.router(receiver, scope)
        return key if key is not None else f"name {scope.path}::{spelled(receiver)}"

    def _event(self, key: Key, event: str, row: Framework, handler: Given, scope: Func, line: int, app: str) -> None:
        self.builder.local[key].append(
            Route(event, (), handler.func, handler.klass, handler.name, scope.path, line, row.name, "event", app)
        )

    def _paths(self, registration: Registration, row: Framework, call: m.Call | None, scope: Func) -> Iterator[str]:
        if call is None:
            yield f"/{UNKNOWN}"
            return
        exprs: list[m.Expr] = []
        first = call.keyword(registration.path_keyword)
        if first is None and registration.path is not None and len(call.args) > registration.path:
            exprs = list(call.args[registration.path :]) if row.name in MANY_PATHS else [call.args[registration.path]]
        elif first is not None:
            exprs = [first]
        if not exprs:  # @get() of a controller, Blueprint.route() without a path
            yield "" if row.name == "litestar" else UNKNOWN
        for expr in exprs:
            for item, where in self.builder.members(expr.value if isinstance(expr, m.Star) else expr, scope):
                yield text_of(self.links, item, where)

    # ------------------------------------------------------------ calls

    def _call(self, site: Site) -> None:
        if site.dotted is None or id(site.call) in self.builder.seen:
            if site.dotted is None and site.method in LOOSE_CALLS and not site.targets:
                self._loose(site)
            return
        known = registration_of(site.dotted)
        if known is None:
            # ``services["web"].router.add_get(…)``: what an unknown call or a container gave may be any router
            if "()" in site.dotted and site.method in LOOSE_CALLS and not site.targets:
                self._loose(site)
            return
        registration, row = known
        call, function = site.call, site.function
        if registration.form == "decorator" and not any(call is d for d in function.facts.decorators):
            self._called_decorator(site, registration, row)
            return
        last = registration.call.rpartition(".")[2]
        receiver = receiver_of(call.func)
        if registration.form == "include" and last not in LISTS and row.name != "django":
            parent = self._owner(receiver, function, row, Given(None, None, ""))
            prefix_expr = call.argument(registration.path_keyword, registration.path)
            prefix_none = isinstance(prefix_expr, m.Const) and prefix_expr.value is None
            prefix = "" if prefix_expr is None or prefix_none else text_of(self.links, prefix_expr, function)
            child = call.argument(registration.handler_keyword, registration.handler)
            self.builder.include(child, function, parent, prefix, row, call, spelled(receiver))
        elif registration.form == "call" and last not in LISTS and row.name not in ("django", "pyramid"):
            self._register(site, registration, row, {})

    def _called_decorator(self, site: Site, registration: Registration, row: Framework) -> None:
        """``app.route("/x")(handler)``: the decorator is called on the handler at once."""
        for outer in site.function.sites:
            if outer.call.func is site.call and outer.call.args:
                handler = given(self.links, outer.call.args[0], site.function)
                receiver = receiver_of(site.call.func)
                key = self._owner(receiver, site.function, row, handler)
                for path in self._paths(registration, row, site.call, site.function):
                    self.builder.add(
                        key, path, registration, row, site.call, site.function, handler, site.line, spelled(receiver)
                    )

    def _register(self, site: Site, registration: Registration, row: Framework, handed: Mapping[str, m.Expr]) -> None:
        call, function = site.call, site.function
        handler_expr = call.argument(registration.handler_keyword or "handler", registration.handler)
        parameter = handler_expr.id if isinstance(handler_expr, m.Name) and function.param(handler_expr.id) else None
        receiver = receiver_of(call.func)
        key = self._owner(receiver, function, row, Given(None, None, ""))
        if (
            parameter is not None
            and parameter not in handed
            and self._through_wrapper(site, key, registration, row, parameter)
        ):
            return
        handler = given(self.links, handler_expr, function)
        for path in self._paths(registration, row, call, function):
            self.builder.add(key, path, registration, row, call, function, handler, call.line, spelled(receiver))

    def _through_wrapper(
        self, site: Site, key: Key, registration: Registration, row: Framework, parameter: str
    ) -> bool:
        """A function of the project that registers what it is given: its call sites are the registrations."""
        wrapper = site.function
        some = False
        for edge in self.links.callers.get(wrapper, ()):
            if edge.how != "call" or edge.site.weak:
                continue
            outer = edge.site
            params = [p.name for p in wrapper.facts.params if p.kind == "positional"]
            if wrapper.cls is not None:
                params = params[1:]
            handler_expr = outer.call.argument(parameter, params.index(parameter) if parameter in params else None)
            if handler_expr is None:
                continue
            handler = given(self.links, handler_expr, outer.function)
            texts = [text_of(self.links, a, outer.function) for a in outer.call.args if a is not handler_expr]
            paths = [t for t in texts if t.startswith("/") or t == UNKNOWN] or [UNKNOWN]
            same = isinstance(site.call.argument(registration.path_keyword, registration.path), m.Name)
            for path in paths:
                some = True
                whole = path if same and row.name not in MANY_PATHS else _behind(path)
                self.builder.add(
                    key,
                    whole,
                    registration,
                    row,
                    outer.call,
                    outer.function,
                    handler,
                    outer.line,
                    spelled(receiver_of(outer.call.func)),
                )
        return some

    def _loose(self, site: Site) -> None:
        """``app.add_url_rule("/x", view_func=f)`` on something of unknown type."""
        call = site.call
        texts = [(a, t) for a in call.args if (t := text_of(self.links, a, site.function)).startswith("/")]
        if site.method == "add_route" and not self._method_comes_first(site):
            return  # of another framework's router, in whose order the path is the first
        if not texts:
            return
        expr = (
            call.keyword("view_func") or call.keyword("endpoint") or call.argument("handler", LOOSE_CALLS[site.method])
        )
        handler = given(self.links, expr, site.function)
        receiver = receiver_of(call.func)
        key = f"name {site.path}::{spelled(receiver)}"
        for _, path in texts:
            self.builder.add(key, path, None, None, call, site.function, handler, site.line, spelled(receiver))

    def _method_comes_first(self, site: Site) -> bool:
        """``router.add_route("GET", "/x", handler)`` of aiohttp."""
        first = text_of(self.links, site.call.args[0], site.function) if len(site.call.args) > 2 else ""
        return first == "*" or first.lower() in HTTP_METHODS


def _behind(path: str) -> str:
    """A path before which the wrapper may put something."""
    return path if path.startswith(UNKNOWN) else f"{UNKNOWN}{path}"


def controller_path(klass: Klass) -> m.Expr | None:
    """``path = "/x"`` of a controller class."""
    return next((b.expr for _, b in klass.attributes.get("path", ()) if b.expr is not None), None)
