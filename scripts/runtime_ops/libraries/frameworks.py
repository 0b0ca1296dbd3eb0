"""Web frameworks and health libraries: what makes a route, a hook, an error handler, a middleware (``data/frameworks.json``)."""

from collections.abc import Mapping
from dataclasses import field
from functools import cache

from runtime_ops.plain import dataclass

from .names import spellings, supertypes
from .table import load


@dataclass(frozen=True, slots=True)
class Registration:
    """A decorator or call that adds a route."""

    call: str
    """Dotted name on the class of the application or router: ``flask.Flask.route``."""
    form: str = "decorator"
    """``decorator`` (called with arguments, put on the handler), ``call`` (the handler is an argument), ``include`` (adds a whole
    router or application below a prefix)."""
    path: int | None = 0
    """Position of the path (or prefix); None = by keyword only."""
    path_keyword: str = "path"
    handler: int | None = None
    """Position of the handler (or router), for a call."""
    handler_keyword: str = ""
    methods: tuple[str, ...] = ()
    """HTTP methods, if the name fixes them; empty = ``methods_keyword``, or GET."""
    methods_keyword: str = "methods"
    method: int | None = None
    """Position of the HTTP method where it is an argument."""
    regex: bool = False
    """The path is a regular expression."""


@dataclass(frozen=True, slots=True, eq=False)
class Framework:
    """One web framework, or library that adds health routes to one."""

    name: str
    distribution: str
    source: str
    kind: str = "web"
    """``web``, ``health`` (its routes or checks are health answers), ``rpc``."""
    protocol: str = ""
    """``wsgi``, ``asgi``, ``own``."""
    apps: tuple[str, ...] = ()
    """Dotted constructors of the application, and calls that give it."""
    routers: tuple[str, ...] = ()
    """Dotted constructors of what holds routes below an application."""
    prefix_keyword: str = ""
    """Argument of a router's constructor that is put before its paths."""
    routes: tuple[Registration, ...] = ()
    handler_classes: tuple[str, ...] = ()
    """Base classes whose methods (``handler_methods``) answer requests."""
    handler_methods: tuple[str, ...] = ()
    handler_method_prefix: str = ""
    """Methods that begin with it answer requests (falcon ``on_get``)."""
    start_hooks: tuple[str, ...] = ()
    """Dotted decorators, calls, list attributes (append) or class methods whose function runs at start-up."""
    stop_hooks: tuple[str, ...] = ()
    lifespans: tuple[str, ...] = ()
    """Dotted calls or arguments (``fastapi.FastAPI(lifespan)``) taking one function: start-up before its ``yield``, shutdown after."""
    start_arguments: tuple[str, ...] = ()
    """Keyword arguments of the application that take functions run at start-up."""
    stop_arguments: tuple[str, ...] = ()
    lifespan_arguments: tuple[str, ...] = ()
    event_hooks: Mapping[str, str] = field(default_factory=dict)
    """A decorator or call that takes the event by name: ``startup`` and ``shutdown`` words to stage."""
    event_calls: tuple[str, ...] = ()
    """Those decorators or calls (``fastapi.FastAPI.on_event``)."""
    request_hooks: tuple[str, ...] = ()
    """Run around each request."""
    background: tuple[str, ...] = ()
    """Calls that run a function after the answer."""
    error_handlers: tuple[str, ...] = ()
    middleware: tuple[str, ...] = ()
    middleware_arguments: tuple[str, ...] = ()
    middleware_settings: tuple[str, ...] = ()
    setup_hooks: tuple[str, ...] = ()
    """Methods that the framework calls once when it loads the application (Django's ``AppConfig.ready``)."""
    settings: tuple[str, ...] = ()
    """Names of settings objects read from modules (Django's ``DJANGO_SETTINGS_MODULE``)."""
    responses: tuple[str, ...] = ()
    """Dotted calls that make an answer."""
    health_paths: tuple[str, ...] = ()
    """Paths that a health library serves when its default is kept."""
    health_checks: tuple[str, ...] = ()
    """Calls or classes by which checks are added to it."""
    note: str = ""
    sure: bool = True


@cache
def all_frameworks() -> tuple[Framework, ...]:
    """Every row."""
    return load("frameworks", Framework, {"routes": Registration})


@cache
def framework_of(dotted: str) -> Framework | None:
    """The framework whose application or router is made by a call of ``dotted``, or is a base of the class ``dotted``."""
    names = {*spellings(dotted), *supertypes(dotted)}
    return next((row for row in all_frameworks() if names.intersection(row.apps + row.routers)), None)


@cache
def _routes() -> dict[str, tuple[Registration, Framework]]:
    return {route.call: (route, row) for row in all_frameworks() for route in row.routes}


@cache
def route_registration(dotted: str) -> Registration | None:
    """How ``dotted`` adds a route, or None when it does not: ``fastapi.APIRouter.get``, ``django.urls.path``."""
    return next((_routes()[name][0] for name in spellings(dotted) if name in _routes()), None)


@cache
def stage_of_hook(dotted: str) -> str | None:
    """``startup`` or ``shutdown`` for a hook decorator, call or list whose function the framework runs then."""
    names = set(spellings(dotted))
    for row in all_frameworks():
        if names.intersection(row.start_hooks):
            return "startup"
        if names.intersection(row.stop_hooks):
            return "shutdown"
    return None
