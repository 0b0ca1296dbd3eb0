"""Django's URL configuration: ``urlpatterns`` lists from the root down through ``include()``, and DRF's routers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from runtime_ops.facts import model as m
from runtime_ops.libraries.frameworks import all_frameworks
from runtime_ops.project.handlers import Given, given
from runtime_ops.project.model import Func, Klass, Module, Site
from runtime_ops.project.route_builder import Builder, Key
from runtime_ops.project.route_lists import grown, items_of
from runtime_ops.project.route_model import Route, join, template_of_regex
from runtime_ops.project.texts import UNKNOWN, spelled, text_of

DEPTH = 10
URL_CALLS = frozenset(("path", "re_path", "url"))
PATTERN_LISTS = ("urlpatterns", "websocket_urlpatterns")
LIST_METHODS = {"list": ("GET",), "create": ("POST",)}
DETAIL_METHODS = {"retrieve": ("GET",), "update": ("PUT",), "partial_update": ("PATCH",), "destroy": ("DELETE",)}
ROUTERS = ("DefaultRouter", "SimpleRouter", "Router", "NestedSimpleRouter", "NestedDefaultRouter", "BulkRouter")
EXTRA_ACTIONS = ("action", "detail_route", "list_route")
MIXINS = {
    "ListModelMixin": "list",
    "CreateModelMixin": "create",
    "RetrieveModelMixin": "retrieve",
    "DestroyModelMixin": "destroy",
}


class DjangoUrls:
    """Reads URL modules into a builder."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.links = builder.links
        self.row = next(r for r in all_frameworks() if r.name == "django")
        self.visited: set[str] = set()
        self.active: set[int] = set()
        """Entries (by the identity of their call) that are being read: a list may include itself."""

    def read(self) -> None:
        modules = [m_ for m_ in self.links.index if any(name in m_.level.bindings for name in PATTERN_LISTS)]
        if not modules:
            return
        roots = self._roots(modules)
        for module in roots:
            self._module(module, f"urls {module.path}", "", 0)
            self.builder.roots.add(f"urls {module.path}")
        for module in modules:
            if module.path not in self.visited:
                self._module(module, f"urls {module.path}", UNKNOWN if roots else "", 0)

    def _roots(self, modules: list[Module]) -> list[Module]:
        """URL modules that a ``ROOT_URLCONF`` names, else those that no other includes."""
        named: list[Module] = []
        for module in self.links.index:
            for binding in module.level.bindings.get("ROOT_URLCONF", ()):
                if isinstance(binding.expr, m.Const) and isinstance(binding.expr.value, str):
                    found, rest = self.links.index.find(module, binding.expr.value)
                    if found is not None and not rest and found not in named:
                        named.append(found)
        if named:
            return named
        included: set[str] = set()
        for module in modules:
            for site in module.level.sites:
                if site.method == "include" and site.call.args:
                    target = self._included_module(site.call.args[0], module.level)
                    if target is not None:
                        included.add(target.path)
        return [module for module in modules if module.path not in included]

    def _included_module(self, expr: m.Expr, function: Func) -> Module | None:
        if isinstance(expr, m.Sequence) and expr.items:
            expr = expr.items[0]
        if isinstance(expr, m.Const) and isinstance(expr.value, str):
            found, rest = self.links.index.find(function.module, expr.value)
            return found if found is not None and not rest else None
        value = self.links.names.value(expr, function)
        return value.target if value is not None and isinstance(value.target, Module) else None

    def _module(self, module: Module, key: Key, prefix: str, depth: int) -> None:
        self.visited.add(module.path)
        for name in PATTERN_LISTS:
            for binding in module.level.bindings.get(name, ()):
                if binding.expr is not None:
                    self._patterns(binding.expr, module.level, key, prefix, depth)
            for expr, where in grown(module.level, name):
                self._patterns(expr, where, key, prefix, depth)

    def _patterns(self, expr: m.Expr, function: Func, key: Key, prefix: str, depth: int) -> None:
        if depth > DEPTH:
            return
        for item, where in items_of(self.builder, expr, function):
            if isinstance(item, m.Call):
                name = spelled(item.func).rpartition(".")[2]
                if name in URL_CALLS:
                    self._url(item, where, key, prefix, depth, regex=name != "path")
                elif name in ("i18n_patterns", "format_suffix_patterns", "decorator_include", "patterns"):
                    inner_prefix = join(prefix, "<lang>/") if name == "i18n_patterns" else prefix
                    self._patterns(m.Sequence("list", item.args), where, key, inner_prefix, depth + 1)
                else:
                    self._other(item, where, key, prefix)
            elif isinstance(item, m.Name | m.Attr):
                self._named(item, where, key, prefix)
            elif isinstance(item, m.Sequence):
                self._patterns(item, where, key, prefix, depth + 1)

    def _other(self, call: m.Call, where: Func, key: Key, prefix: str) -> None:
        """``static(...)`` and other helpers that give patterns of a library."""
        name = spelled(call.func)
        if name.rpartition(".")[2] == "static":
            path = text_of(self.links, call.args[0] if call.args else None, where)
            self._mount(key, join(prefix, path), "django.conf.urls.static.static", where, call)

    def _named(self, item: m.Expr, where: Func, key: Key, prefix: str) -> None:
        """``router.urls``, and lists of URL patterns of a library."""
        text = spelled(item)
        if text.endswith(".urls"):
            self._drf(text.removesuffix(".urls"), where, key, prefix)

    def _mount(self, key: Key, path: str, name: str, where: Func, call: m.Call) -> None:
        health = name.startswith("health_check")
        framework = "django-health-check" if health else "django"
        kind = "http" if health else "mount"
        self.builder.local[key].append(
            Route(path, (), None, None, name, where.path, call.line, framework, kind, site=call)
        )

    def _url(self, call: m.Call, where: Func, key: Key, prefix: str, depth: int, *, regex: bool) -> None:
        if id(call) in self.active:
            return  # urlpatterns = [path(PREFIX, include(urlpatterns))]: the inner name is the list before this one
        self.active.add(id(call))
        try:
            self._entry(call, where, key, prefix, depth, regex=regex)
        finally:
            self.active.discard(id(call))

    def _entry(self, call: m.Call, where: Func, key: Key, prefix: str, depth: int, *, regex: bool) -> None:
        self.builder.seen.add(id(call))
        text = text_of(self.links, call.args[0] if call.args else call.keyword("route") or call.keyword("regex"), where)
        path = template_of_regex(text) if regex and text != UNKNOWN else text
        whole = join(prefix, path) if path else prefix
        if not whole.startswith(("/", UNKNOWN)):
            whole = f"/{whole}"
        view = call.args[1] if len(call.args) > 1 else call.keyword("view")
        if isinstance(view, m.Call) and spelled(view.func).rpartition(".")[2] == "include":
            self._include(view, where, key, whole, depth, call)
            return
        if isinstance(view, m.Sequence):  # path("x/", ([...], "app", "namespace"))
            self._patterns(view.items[0] if view.items else view, where, key, whole, depth + 1)
            return
        if isinstance(view, m.Name | m.Attr) and spelled(view).endswith(".urls"):
            owner = spelled(view).removesuffix(".urls")
            value = self.links.names.name(owner, where)
            if value is not None and "ninja" in value.name:
                child, _ = self.builder.router(m.Name(owner, call.line), where)
                if child is not None:
                    self.builder.include(m.Name(owner, call.line), where, key, whole, self.row, call, "urlpatterns")
                    return
            if not self._drf(owner, where, key, whole):
                self._mount(
                    key, whole, value.name + ".urls" if value is not None and value.name else spelled(view), where, call
                )
            return
        self.builder.add(
            key, whole or "/", None, self.row, None, where, given(self.links, view, where), call.line, "urlpatterns"
        )
        added = self.builder.local[key][-1]
        self.builder.local[key][-1] = added._replace(site=call)

    def _include(self, view: m.Call, where: Func, key: Key, prefix: str, depth: int, call: m.Call) -> None:
        if not view.args or depth > DEPTH:
            return
        inner: m.Expr = view.args[0]
        if isinstance(inner, m.Sequence) and inner.kind == "tuple" and inner.items:
            inner = inner.items[0]
        module = self._included_module(inner, where)
        if module is not None:
            self._module(module, key, prefix, depth + 1)
        elif isinstance(inner, m.Const):
            self._mount(key, prefix, str(inner.value), where, call)
        elif spelled(inner).endswith(".urls"):
            if not self._drf(spelled(inner).removesuffix(".urls"), where, key, prefix):
                value = self.links.names.value(inner, where)
                self._mount(key, prefix, value.name if value is not None else spelled(inner), where, call)
        else:
            self._patterns(inner, where, key, prefix, depth + 1)

    # ------------------------------------------------------------ rest framework

    def _drf(self, router: str, where: Func, key: Key, prefix: str) -> bool:
        """The routes of a DRF router: each ``register`` call on the same object."""
        value = self.links.names.name(router, where)
        if value is None or not (
            value.name.rpartition(".")[2] in ROUTERS
            or (
                isinstance(value.target, Klass)
                and any(b.rpartition(".")[2] in ROUTERS for b in value.target.external_bases)
            )
        ):
            return False
        for site, handler, path in self._registered(
            value.origin.call if value.origin is not None else None, router, where
        ):
            base = join(prefix, path)
            for route_path, methods, func in _actions(handler):
                self.builder.local[key].append(
                    Route(
                        join(base, route_path),
                        methods,
                        func,
                        handler.klass,
                        handler.name,
                        site.path,
                        site.line,
                        "django",
                        app=router,
                        site=site.call,
                    )
                )
        return True

    def _registered(self, made: m.Call | None, router: str, where: Func) -> Iterator[tuple[Site, Given, str]]:
        for site, owner, origin in self._register_calls:
            function = site.function
            same = origin is not None and origin is made
            if same or (made is None and owner == router and function is where):
                self.builder.seen.add(id(site.call))
                handler = given(self.links, site.call.argument("viewset", 1), function)
                text = text_of(self.links, site.call.argument("prefix", 0), function)
                yield site, handler, template_of_regex(text) if text != UNKNOWN else text

    @cached_property
    def _register_calls(self) -> list[tuple[Site, str, m.Call | None]]:
        """Every ``OWNER.register(prefix, viewset)``, with the owner's name and the call that made it."""
        found = []
        for module in self.links.index:
            for function in module.functions.values():
                for site in function.sites:
                    owner = site.text.rpartition(".")[0] if site.method == "register" else ""
                    if owner and len(site.call.args) + len(site.call.keywords) >= 2:
                        value = self.links.names.name(owner, function)
                        made = value.origin.call if value is not None and value.origin is not None else None
                        found.append((site, owner, made))
        return found


def _actions(handler: Given) -> Iterator[tuple[str, tuple[str, ...], Func | None]]:
    """Path below the prefix, methods and function of each action of a view set."""
    klass = handler.klass
    if klass is None:
        yield "/", (), handler.func
        return
    some = False
    for table, path in ((LIST_METHODS, "/"), (DETAIL_METHODS, "/<pk>/")):
        for name, methods in table.items():
            func = klass.method(name)
            if func is not None or any(_brings(base, name) for base in klass.external_bases):
                some = True
                yield path, methods, func
    for base in klass.ancestry:
        for func in base.methods.values() if isinstance(base, Klass) else ():
            yield from _extra(func)
    if not some and not any(base.startswith("rest_framework.") for base in klass.external_bases):
        yield "/", (), None


def _brings(base: str, action: str) -> bool:
    """Whether a class of DRF has an action (its documentation, "ViewSets" and "Generic views")."""
    last = base.rpartition(".")[2]
    if last == "ModelViewSet":
        return True
    if last == "ReadOnlyModelViewSet":
        return action in ("list", "retrieve")
    return MIXINS.get(last) == action or (last == "UpdateModelMixin" and action in ("update", "partial_update"))


def _extra(func: Func) -> Iterator[tuple[str, tuple[str, ...], Func]]:
    """``@action(detail=True, methods=["post"])``."""
    for decorator in func.facts.decorators:
        if not isinstance(decorator, m.Call) or spelled(decorator.func).rpartition(".")[2] not in EXTRA_ACTIONS:
            continue
        detail = decorator.keyword("detail")
        given_path = decorator.keyword("url_path")
        text = str(given_path.value) if isinstance(given_path, m.Const) and given_path.value else func.name
        verbs = decorator.argument("methods", 0)
        items = verbs.items if isinstance(verbs, m.Sequence) else ()
        methods = tuple(str(v.value).upper() for v in items if isinstance(v, m.Const)) or ("GET",)
        on_list = spelled(decorator.func).endswith("list_route") or (
            isinstance(detail, m.Const) and detail.value is False
        )
        name = template_of_regex(text)
        yield f"/{name}/" if on_list else f"/<pk>/{name}/", methods, func
