"""Functions that frameworks, servers and job systems call at fixed moments: start, stop, around requests, on errors.

What registers a hook stands in the tables of `runtime_ops.libraries.frameworks` and `runtime_ops.libraries.jobs`;
receivers of unknown type are recognised by the registering method's name where that name is unmistakable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.frameworks import all_frameworks, framework_of
from runtime_ops.libraries.jobs import all_job_systems
from runtime_ops.libraries.names import spellings
from runtime_ops.project.handlers import Given, each, given
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Module, Site
from runtime_ops.project.texts import UNKNOWN, spelled, text_of


class Registered(NamedTuple):
    """How and where a hook was registered (see the fields of `Hook`)."""

    kind: str
    framework: str
    path: str
    line: int
    via: str
    detail: str = ""


KINDS = (
    "startup", "shutdown", "lifespan", "before-request", "after-request", "error-handler", "middleware", "teardown",
    "worker-init", "worker-exit",
)  # fmt: skip

# gunicorn's documentation, section "Server Hooks" of the settings: names of functions in its configuration file.
GUNICORN_HOOKS = {
    "on_starting": "startup", "when_ready": "startup", "on_reload": "startup", "pre_fork": "startup",
    "post_fork": "worker-init", "post_worker_init": "worker-init", "pre_exec": "startup", "worker_int": "worker-exit",
    "worker_abort": "worker-exit", "worker_exit": "worker-exit", "child_exit": "shutdown", "on_exit": "shutdown",
    "pre_request": "before-request", "post_request": "after-request", "nworkers_changed": "startup",
}  # fmt: skip
GUNICORN_FILE = re.compile(r"(^|/)[^/]*gunicorn[^/]*\.py$")

# Methods that no other library uses for anything else; the receiver's type may be unknown.
PLAIN_DECORATORS = {
    "before_request": "before-request", "before_app_request": "before-request", "after_request": "after-request",
    "after_app_request": "after-request", "teardown_request": "teardown", "teardown_appcontext": "teardown",
    "errorhandler": "error-handler", "app_errorhandler": "error-handler", "exception_handler": "error-handler",
    "before_serving": "startup", "after_serving": "shutdown", "while_serving": "lifespan",
    "before_first_request": "before-request", "before_server_start": "startup", "after_server_start": "startup",
    "before_server_stop": "shutdown", "after_server_stop": "shutdown", "main_process_start": "startup",
    "main_process_stop": "shutdown",
}  # fmt: skip
PLAIN_CALLS = {
    "register_error_handler": "error-handler", "add_exception_handler": "error-handler", "add_middleware": "middleware",
    "add_error_handler": "error-handler",
}  # fmt: skip
PLAIN_LISTS = {
    "on_startup": "startup", "on_shutdown": "shutdown", "on_cleanup": "shutdown", "cleanup_ctx": "lifespan",
    "middlewares": "middleware",
}  # fmt: skip
# Celery's signals for the pool's child processes: they run once in each of them, the others once in the parent.
WORKER_SIGNALS = {"worker_process_init": "worker-init", "worker_process_shutdown": "worker-exit"}
JOB_HOOKS = {"on_job_start": "before-request", "on_job_end": "after-request", "after_job_end": "after-request"}
MIDDLEWARE_METHODS = {
    "process_request": "before-request", "process_view": "before-request", "process_response": "after-request",
    "process_resource": "before-request", "process_exception": "error-handler", "process_startup": "startup",
    "process_shutdown": "shutdown", "__call__": "middleware", "dispatch": "middleware", "handle": "middleware",
}  # fmt: skip


class Hook(NamedTuple):
    """One registration. ``func`` is the project's function that runs, None for one of a library (then ``name`` tells).

    ``line`` of ``path`` is where it is registered; ``via`` by what (``aiohttp.web.Application.on_cleanup.append``).
    For a ``lifespan`` (a generator), ``yield_line`` is the line of its ``yield``: before it is start, after it stop;
    0 when it has none. ``klass`` is the class of a middleware; ``detail`` an error handler's exception or status.
    """

    kind: str
    func: Func | None
    path: str
    line: int
    framework: str
    via: str
    name: str
    yield_line: int = 0
    klass: Klass | None = None
    detail: str = ""


def find_hooks(links: Links) -> tuple[Hook, ...]:
    """Every hook of the audited root, in path and line order."""
    found: dict[tuple[str, int, str, str], Hook] = {}
    for hook in _all(links):
        found.setdefault((hook.path, hook.line, hook.kind, hook.name), hook)
    return tuple(sorted(found.values(), key=lambda h: (h.path, h.line, KINDS.index(h.kind), h.name)))


def _all(links: Links) -> Iterator[Hook]:
    for module in links.index:
        for func in module.functions.values():
            if not func.is_module:
                yield from _decorated(links, func)
            for site in func.sites:
                yield from _called(links, site)
                yield from _arguments(links, site)
        for klass in module.classes.values():
            yield from _class_methods(klass)
        yield from _module_names(links, module)


# ---------------------------------------------------------------- what a name registers


@cache
def _registered_kinds() -> dict[str, tuple[str, str]]:
    """Dotted decorators and calls, to the kind of hook and the framework."""
    found: dict[str, tuple[str, str]] = {}
    for row in all_frameworks():
        for name in row.start_hooks:
            found[name] = ("startup", row.name)
        for name in row.stop_hooks:
            found[name] = ("shutdown", row.name)
        for name in row.lifespans:
            found[name] = ("lifespan", row.name)
        for name in row.request_hooks:
            found[name] = (_around_request(name.rpartition(".")[2]), row.name)
        for name in row.error_handlers:
            found[name] = ("error-handler", row.name)
        for name in row.middleware:
            found[name] = ("middleware", row.name)
    for system in all_job_systems():
        for stage, names in system.hooks.items():
            for name in names:
                if "." in name:
                    plain = "startup" if stage == "start" else "shutdown"
                    found[name] = (WORKER_SIGNALS.get(name.rpartition(".")[2], plain), system.name)
    return found


def _around_request(name: str) -> str:
    if name.startswith("teardown"):
        return "teardown"
    after = name.startswith(("after", "on_response", "request_finished", "append"))
    return "after-request" if after else "before-request"


@cache
def _event_calls() -> dict[str, tuple[dict[str, str], str]]:
    return {call: (dict(row.event_hooks), row.name) for row in all_frameworks() for call in row.event_calls}


@cache
def _kind_of(dotted: str | None) -> tuple[str, str] | None:
    """Kind and framework for what registers a hook without naming an event."""
    if dotted is None:
        return None
    for name in spellings(dotted):
        kind = _registered_kinds().get(name) or _registered_kinds().get(name.removesuffix(".connect"))
        if kind is not None:
            return kind
    return None


@cache
def _events_of(dotted: str) -> tuple[dict[str, str], str] | None:
    """The events of what a call registers for one, and the framework."""
    return next((_event_calls()[n] for n in spellings(dotted) if n in _event_calls()), None)


def _event_of(links: Links, dotted: str | None, text: str, call: m.Call, function: Func) -> tuple[str, str] | None:
    """Kind and framework for ``on_event("startup")``, ``listener("before_server_stop")``, ``subscribe("stop", f)``."""
    method = text.rpartition(".")[2]
    row = _events_of(dotted) if dotted else None
    if row is None and method not in ("on_event", "add_event_handler", "listener", "register_listener"):
        return None
    events, framework = row if row is not None else ({}, (dotted or "").partition(".")[0])
    words = [text_of(links, a, function) for a in (*call.args, *(v for _, v in call.keywords))]
    for word in words:
        last = word.rpartition(".")[2]
        if last in events:
            return events[last], framework
        if row is None and last in ("startup", "shutdown"):
            return last, framework
        stage = re.search(r"(start|stop|shutdown)", last) if row is None and method.endswith("listener") else None
        if stage:
            return ("startup" if stage.group(1) == "start" else "shutdown"), framework
    for arg in call.args:  # TaskiqEvents.WORKER_STARTUP
        name = spelled(arg).rpartition(".")[2].lower()
        if name in ("worker_startup", "client_startup", "startup"):
            return "startup", framework
        if name in ("worker_shutdown", "client_shutdown", "shutdown"):
            return "shutdown", framework
    return None


# ---------------------------------------------------------------- decorators, calls, arguments


def _decorated(links: Links, func: Func) -> Iterator[Hook]:
    scope = func.parent or func.module.level
    for decorator in func.facts.decorators:
        call = decorator if isinstance(decorator, m.Call) else None
        callee = call.func if call is not None else decorator
        value = links.names.value(callee, scope)
        dotted = value.name if value is not None and value.kind in ("external", "made") else None
        text = spelled(callee)
        line = call.line if call is not None else getattr(decorator, "line", func.line)
        found = _kind_of(dotted)
        if found is None and call is not None:
            found = _event_of(links, dotted, text, call, scope)
        if found is None and value is None and "." in text and text.rpartition(".")[2] in PLAIN_DECORATORS:
            found = PLAIN_DECORATORS[text.rpartition(".")[2]], ""
        if found is None:
            continue
        detail = text_of(links, call.args[0], scope) if call is not None and call.args else ""
        if detail == UNKNOWN and call is not None:
            detail = spelled(call.args[0])
        yield _hook(Registered(*found, func.path, line, dotted or text, detail), func, None, func.name)


def _called(links: Links, site: Site) -> Iterator[Hook]:
    """``app.add_middleware(X)``, ``app.on_startup.append(f)``, ``worker_ready.connect(f)``."""
    call = site.call
    if not call.args and not call.keywords:
        return
    text, method = site.text, site.method
    found = _kind_of(site.dotted)
    if found is None:
        found = _event_of(links, site.dotted, text, call, site.function)
    if found is None and method in ("append", "extend", "insert", "add", "freeze"):
        owner = (site.dotted or text).rpartition(".")[0].rpartition(".")[2]
        if owner in PLAIN_LISTS and "." in text.rpartition(".")[0]:
            found = PLAIN_LISTS[owner], (site.dotted or "").partition(".")[0]
    if found is None and method in PLAIN_CALLS and "." in text and (site.dotted is None or site.weak):
        found = PLAIN_CALLS[method], ""
    if found is None or _is_decorator(site):
        return
    detail = ""
    if found[0] == "error-handler" and len(call.args) > 1:
        detail = text_of(links, call.args[0], site.function)
        detail = spelled(call.args[0]) if detail == UNKNOWN else detail
    candidates = [*call.args, *(v for k, v in call.keywords if k in HANDLER_KEYWORDS)]
    if found[0] == "error-handler" and len(call.args) > 1:
        candidates = candidates[1:]
    registered = Registered(*found, site.path, site.line, site.dotted or text, detail)
    for expr in candidates:
        for one in each(links, expr, site.function):
            if one.func is not None or one.klass is not None:
                yield from _of_given(registered, one)
            elif found[0] == "middleware" and one.name and not isinstance(expr, m.Const) and expr is candidates[0]:
                yield Hook("middleware", None, site.path, site.line, found[1], site.dotted or text, one.name)


HANDLER_KEYWORDS = ("func", "handler", "f", "middleware_class", "listener", "receiver", "middleware", "callback")


def _is_decorator(site: Site) -> bool:
    return any(site.call == d for d in site.function.facts.decorators)


def _arguments(links: Links, site: Site) -> Iterator[Hook]:
    """Hooks given to the constructor of an application: ``FastAPI(lifespan=…)``, ``Starlette(on_startup=[…])``."""
    call = site.call
    if not call.keywords:
        return
    row = framework_of(site.dotted) if site.dotted is not None else None
    for key, expr in call.keywords:
        kind = ""
        if row is not None and key is not None:
            if key in row.lifespan_arguments:
                kind = "lifespan"
            elif key in row.start_arguments:
                kind = "startup"
            elif key in row.stop_arguments:
                kind = "shutdown"
            elif key == "exception_handlers":
                kind = "error-handler"
            elif key in row.middleware_arguments:
                kind = "middleware"
        elif key == "lifespan" and site.dotted is None:
            kind = "lifespan"  # a factory of the project that hands it on
        if not kind:
            continue
        framework = row.name if row is not None else ""
        registered = Registered(kind, framework, site.path, site.line, f"{site.dotted or site.text}({key})")
        for one in each(links, expr, site.function):
            if one.func is not None or one.klass is not None:
                yield from _of_given(registered, one)
            elif one.name and kind == "middleware":
                yield Hook(kind, None, site.path, site.line, framework, registered.via, one.name)


# ---------------------------------------------------------------- classes and modules


def _class_methods(klass: Klass) -> Iterator[Hook]:
    """``AppConfig.ready``, dramatiq middleware, arq ``WorkerSettings``, ASGI middleware of falcon."""
    bases = klass.external_bases
    if not bases:
        return
    for row in all_frameworks():
        for dotted in row.setup_hooks:
            base, _, name = dotted.rpartition(".")
            if name in klass.methods and any(_same_class(base, b) for b in bases):
                method = klass.methods[name]
                yield Hook("startup", method, method.path, method.line, row.name, dotted, name, klass=klass)
    for system in all_job_systems():
        for stage, names in system.hooks.items():
            kind = "startup" if stage == "start" else "shutdown"
            for dotted in names:
                base, _, name = dotted.rpartition(".")
                if base and name in klass.methods and any(_same_class(base, b) for b in bases):
                    method = klass.methods[name]
                    yield Hook(kind, method, method.path, method.line, system.name, dotted, name, klass=klass)


def _same_class(one: str, other: str) -> bool:
    """Whether two dotted names mean one class of a library, also where a package exports it under a shorter name."""
    return one.partition(".")[0] == other.partition(".")[0] and one.rpartition(".")[2] == other.rpartition(".")[2]


def _module_names(links: Links, module: Module) -> Iterator[Hook]:
    """Hooks found by a name: in gunicorn's configuration file, Django's settings and URL modules, arq's settings."""
    level = module.level
    if GUNICORN_FILE.search(module.path) or ("bind" in level.bindings and "worker_class" in level.bindings):
        for name, kind in GUNICORN_HOOKS.items():
            func = module.functions.get(name)
            if func is not None:
                yield Hook(kind, func, func.path, func.line, "gunicorn", name, name)
    for row in all_frameworks():
        for setting in row.middleware_settings:
            for binding in level.bindings.get(setting, ()):
                for one in each(links, binding.expr, level):
                    if one.func is not None or one.klass is not None:
                        yield from _of_given(
                            Registered("middleware", row.name, module.path, binding.line, setting), one
                        )
                    elif "." in one.name:
                        yield Hook("middleware", None, module.path, binding.line, row.name, setting, one.name)
        for name in row.error_handlers:
            if name.startswith("handler") and "urlpatterns" in level.bindings:
                for binding in level.bindings.get(name, ()):
                    one = given(links, binding.expr, level)
                    if one.func is not None:
                        where = Registered("error-handler", row.name, module.path, binding.line, name, name[7:])
                        yield _hook(where, one.func, None, one.name)
    yield from _settings_classes(links, module)


def _settings_classes(links: Links, module: Module) -> Iterator[Hook]:
    for system in all_job_systems():
        plain = {n: stage for stage, names in system.hooks.items() for n in names if "." not in n and n.islower()}
        if not plain or not system.settings_classes:
            continue
        for klass in module.classes.values():
            if klass.name not in system.settings_classes and "functions" not in klass.attributes:
                continue
            for name, stage in plain.items():
                for func, binding in klass.attributes.get(name, ()):
                    one = given(links, binding.expr, func)
                    kind = JOB_HOOKS.get(name, "startup" if stage == "start" else "shutdown")
                    if one.func is not None:
                        yield Hook(
                            kind, one.func, module.path, binding.line, system.name, f"{klass.name}.{name}", one.name
                        )


# ---------------------------------------------------------------- making


def _hook(where: Registered, func: Func, klass: Klass | None, name: str) -> Hook:
    yield_line = first_yield(func) if where.kind == "lifespan" else 0
    framework = where.framework or where.via.partition(".")[0]
    return Hook(where.kind, func, where.path, where.line, framework, where.via, name, yield_line, klass, where.detail)


def _of_given(where: Registered, one: Given) -> Iterator[Hook]:
    """The hooks that a function, or the methods of a class, make."""
    if one.func is not None:
        yield _hook(where, one.func, None, one.name)
    elif one.klass is not None and where.kind == "middleware":
        methods = [(kind, found) for name, kind in MIDDLEWARE_METHODS.items() if (found := one.klass.method(name))]
        for kind, method in methods:
            yield _hook(where._replace(kind=kind), method, one.klass, f"{one.name}.{method.name}")
        if not methods:
            yield Hook(
                "middleware", None, where.path, where.line, where.framework, where.via, one.name, klass=one.klass
            )
    elif one.klass is not None:
        call = one.klass.method("__call__") or one.klass.method("__aenter__")
        if call is not None:
            yield _hook(where, call, one.klass, one.name)


def first_yield(func: Func) -> int:
    """The line of a function's first ``yield``, 0 when it has none."""
    lines = [node.line for place in func.places for node in m.walk(place.stmt) if isinstance(node, m.Yield)]
    return min(lines, default=0)
