"""Routes written as lists: aiohttp ``add_routes([...])``, Starlette ``routes=[...]``, tornado's tables, litestar's handlers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.libraries.frameworks import Framework
from runtime_ops.project.handlers import given
from runtime_ops.project.model import Func, Klass, Module, Site
from runtime_ops.project.route_builder import Builder, Include, Key, framework_row, receiver_of, registration_of
from runtime_ops.project.route_model import Route, join, template_of_regex
from runtime_ops.project.route_registrations import controller_path
from runtime_ops.project.texts import UNKNOWN, bound_expression, spelled, text_of

DEPTH = 8
LIST_KEYWORDS = ("routes", "handlers", "route_handlers")
GROWING = ("append", "extend", "insert")


def items_of(builder: Builder, expr: m.Expr | None, function: Func, depth: int = 0) -> Iterator[tuple[m.Expr, Func]]:
    """The items of a list expression: through names, ``+``, ``*``, conditions, ``append``/``extend``, and calls of
    functions of the project that return a list. What is no list is given as it is.
    """
    if expr is None or depth > DEPTH:
        return
    if isinstance(expr, m.Sequence):
        for item in expr.items:
            if isinstance(item, m.Star):
                yield from items_of(builder, item.value, function, depth + 1)
            else:
                yield item, function
    elif isinstance(expr, m.BinOp) and expr.op == "+":
        yield from items_of(builder, expr.left, function, depth + 1)
        yield from items_of(builder, expr.right, function, depth + 1)
    elif isinstance(expr, m.IfExp):
        yield from items_of(builder, expr.body, function, depth + 1)
        yield from items_of(builder, expr.orelse, function, depth + 1)
    elif isinstance(expr, m.BoolOp):
        for value in expr.values:
            yield from items_of(builder, value, function, depth + 1)
    elif isinstance(expr, m.Comprehension):
        yield from _comprehension(builder, expr, function, depth)
    elif isinstance(expr, m.Name):
        yield from _named(builder, expr, function, depth)
    elif isinstance(expr, m.Call):
        callee = builder.links.names.value(expr.func, function)
        if callee is not None and isinstance(callee.target, Func):
            for place in callee.target.places:
                if isinstance(place.stmt, m.Return) and place.stmt.value is not None:
                    yield from items_of(builder, place.stmt.value, callee.target, depth + 1)
        elif spelled(expr.func) in ("list", "tuple", "sorted", "reversed") and expr.args:
            yield from items_of(builder, expr.args[0], function, depth + 1)
        else:
            yield expr, function
    else:
        yield expr, function


def _comprehension(
    builder: Builder, expr: m.Comprehension, function: Func, depth: int
) -> Iterator[tuple[m.Expr, Func]]:
    """``[rewrite(h) for h in handlers]``: the handlers, whatever is done to them."""
    if expr.generators:
        yield from items_of(builder, expr.generators[0][1], function, depth + 1)


def _named(builder: Builder, expr: m.Name, function: Func, depth: int) -> Iterator[tuple[m.Expr, Func]]:
    exprs: list[tuple[m.Expr, Func]] = []
    scope: Func | None = function
    while scope is not None and not exprs:
        exprs = [
            (b.expr, scope)
            for b in scope.bindings.get(expr.id, ())
            if b.kind in ("assign", "augment") and b.expr is not None
        ]
        scope = scope.parent
    if not exprs:
        bound = bound_expression(builder.links, expr, function)
        if bound is not None:
            exprs = [bound]
            if "." not in expr.id or bound[1] is not function:
                exprs += grown(bound[1], expr.id.rpartition(".")[2])
    elif exprs[0][1] is not None:
        exprs += grown(exprs[0][1], expr.id)
    listed = False
    for found, where in exprs:
        if isinstance(found, m.Name) and found.id == expr.id:
            continue
        if isinstance(found, m.Sequence | m.BinOp | m.Comprehension | m.IfExp | m.Name):
            listed = True
            yield from items_of(builder, found, where, depth + 1)
        elif isinstance(found, m.Call):
            value = builder.links.names.value(found.func, where)
            if value is not None and isinstance(value.target, Func):
                listed = True
                yield from items_of(builder, found, where, depth + 1)
    if not listed:
        yield expr, function


def grown(function: Func, name: str) -> list[tuple[m.Expr, Func]]:
    """What is appended to a list in the function that makes it, as lists."""
    found: list[tuple[m.Expr, Func]] = []
    for site in function.sites:
        owner, _, method = site.text.rpartition(".")
        if owner == name and method in GROWING and site.call.args:
            last = site.call.args[-1]
            found.append((last if method == "extend" else m.Sequence("list", (last,)), function))
    return found


class RouteLists:
    """Reads lists of routes into a builder. Runs before `Registrations`, which passes over what was read here."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.links = builder.links
        self.read_lists: set[int] = set()

    def read(self) -> None:
        for module in self.links.index:
            for func in module.functions.values():
                for site in func.sites:
                    self._site(site)
        for module in self.links.index:
            self._tables(module)

    def _tables(self, module: Module) -> None:
        """Lists of tornado's pairs at module level that reach an application on a way that was not followed."""
        level = module.level
        for name, bindings in level.bindings.items():
            for binding in bindings:
                listed = binding.expr
                if binding.kind != "assign" or not isinstance(listed, m.Sequence) or id(listed) in self.read_lists:
                    continue
                pairs = [i for i in listed.items if isinstance(i, m.Sequence) and len(i.items) >= 2]
                if any(self._is_tornado_pair(pair, level) for pair in pairs):
                    row = framework_row("tornado.web.Application")
                    self._list(listed, level, f"name {module.path}::{name}", row, "", name)

    def _is_tornado_pair(self, pair: m.Sequence, level: Func) -> bool:
        handler = given(self.links, pair.items[1], level)
        bases = handler.klass.external_bases if handler.klass is not None else ()
        return any(base.startswith("tornado.web") for base in bases)

    def _site(self, site: Site) -> None:
        if site.dotted is None:
            return
        call, function = site.call, site.function
        method = site.dotted.rpartition(".")[2]
        if method in ("add_routes", "add_handlers"):
            receiver = receiver_of(call.func)
            key, row = self.builder.router(receiver, function)
            known = registration_of(site.dotted)
            if key is None and known is not None:
                row = known[1]
                key = f"name {site.path}::{spelled(receiver)}"
            if key is not None and call.args:
                self._list(call.args[-1], function, key, row, "", spelled(receiver))
            return
        row = framework_row(site.dotted.removesuffix(".__init__"))
        if row is None:
            return
        exprs = [v for k, v in call.keywords if k in LIST_KEYWORDS]
        if row.name == "tornado" and call.args:
            exprs.append(call.args[0])
        if not exprs:
            return
        if site.dotted.endswith(".__init__") and function.cls is not None:
            key = f"class {function.path}::{function.cls.facts.qualname}"
            self.builder.roots.add(key)
        else:
            found, _ = self.builder.router(call, function)
            key = found if found is not None else (site.path, call.line, call.col)
        for expr in exprs:
            self._list(expr, function, key, row, "", spelled(call.func))

    def _list(
        self, expr: m.Expr, function: Func, key: Key, row: Framework | None, prefix: str, app: str, depth: int = 0
    ) -> None:
        if depth > DEPTH:
            return
        self.read_lists.add(id(expr))
        for item, where in items_of(self.builder, expr, function):
            if isinstance(item, m.Call):
                self._item(item, where, key, row, prefix, app, depth)
            elif isinstance(item, m.Sequence) and item.kind == "tuple" and len(item.items) >= 2:
                self._pair(item, where, key, row, prefix, app)
            elif isinstance(item, m.Name | m.Attr):
                self._reference(item, where, key, row, prefix, app)

    def _pair(self, item: m.Sequence, where: Func, key: Key, row: Framework | None, prefix: str, app: str) -> None:
        """tornado: ``(r"/x/(.+)", Handler, {...})``."""
        path = text_of(self.links, item.items[0], where)
        handler = given(self.links, item.items[1], where)
        line = getattr(item.items[1], "line", where.line)
        if not handler.name:
            return
        whole = join(prefix, template_of_regex(path) if path != UNKNOWN else path)
        self.builder.add(key, whole, None, row, None, where, handler, line, app)

    def _reference(self, item: m.Expr, where: Func, key: Key, row: Framework | None, prefix: str, app: str) -> None:
        """A router, or a handler or controller of litestar, named in the list."""
        child, _ = self.builder.router(item, where)
        if child is None and row is not None and row.name == "litestar":
            found = given(self.links, item, where)
            if found.klass is not None:
                child = f"class {found.klass.path}::{found.klass.facts.qualname}"
                path = controller_path(found.klass)
                self.builder.own_prefix.setdefault(child, text_of(self.links, path, where) if path is not None else "")
            elif found.func is not None:
                child = f"function {found.func.key}"
        if child is not None and child != key:
            self.builder.includes[child].append(Include(key, prefix, False))

    def _item(
        self, call: m.Call, where: Func, key: Key, row: Framework | None, prefix: str, app: str, depth: int
    ) -> None:
        value = self.links.names.value(call.func, where)
        if value is None or (value.kind not in ("external", "made") and not isinstance(value.target, Klass)):
            return
        name = value.name
        if isinstance(value.target, Klass):  # a project's own Route or Mount class
            name = value.target.external_bases[0] if value.target.external_bases else ""
        last = name.rpartition(".")[2]
        known = registration_of(name)
        if last in ("Mount", "Host") or (known is not None and known[0].form == "include" and last != "Router"):
            self._mount(call, where, key, row, prefix, app, depth)
            return
        if known is not None and known[0].form == "call":
            registration, found_row = known
            self.builder.seen.add(id(call))
            path_expr = call.argument(registration.path_keyword, registration.path)
            handler = given(
                self.links, call.argument(registration.handler_keyword or "handler", registration.handler), where
            )
            path = text_of(self.links, path_expr, where)
            if registration.regex and path != UNKNOWN:
                path = template_of_regex(path)
            plain = replace(registration, regex=False)
            self.builder.add(key, join(prefix, path), plain, found_row, call, where, handler, call.line, app)
            return
        self._reference(call, where, key, row, prefix, app)

    def _mount(
        self, call: m.Call, where: Func, key: Key, row: Framework | None, prefix: str, app: str, depth: int
    ) -> None:
        self.builder.seen.add(id(call))
        path = (
            join(prefix, text_of(self.links, call.argument("path", 0), where).rstrip("/"))
            if call.args or call.keyword("path")
            else prefix
        )
        routes = call.keyword("routes")
        child = call.argument("app", 1)
        if routes is not None:
            self._list(routes, where, key, row, path, app, depth + 1)
        if child is None:
            return
        child_key, _ = self.builder.router(child, where)
        if child_key is not None:
            self.builder.includes[child_key].append(Include(key, path, False))
            return
        handler = given(self.links, child, where)
        self.builder.local[key].append(
            Route(
                path or "/",
                (),
                handler.func,
                handler.klass,
                handler.name or spelled(child),
                where.path,
                call.line,
                row.name if row is not None else "",
                "mount",
                app,
                site=call,
            )
        )
