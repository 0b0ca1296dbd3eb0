"""Routes without a router: gRPC servicers, `http.server` handlers, metrics endpoints of libraries, pyramid's named routes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.project.handlers import given
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Site
from runtime_ops.project.route_model import Route
from runtime_ops.project.texts import UNKNOWN, spelled, text_of

SERVICER = re.compile(r"^add_(\w+)Servicer_to_server$")
HEALTH_SERVICE = "grpc.health.v1.Health"
HEALTH_METHODS = ("Check", "Watch", "List")
HTTP_HANDLERS = (
    "http.server.BaseHTTPRequestHandler",
    "http.server.SimpleHTTPRequestHandler",
    "http.server.CGIHTTPRequestHandler",
)
# prometheus_client documentation, "Exporting": every path of the server answers with the metrics.
METRICS_SERVERS = (
    "prometheus_client.start_http_server",
    "prometheus_client.start_wsgi_server",
    "prometheus_client.exposition.start_http_server",
)
# Their documentation: both add the route /metrics to the application they are given.
METRICS_EXPORTERS = {
    "prometheus_flask_exporter.PrometheusMetrics": "prometheus-flask-exporter",
    "prometheus_flask_exporter.multiprocess.GunicornPrometheusMetrics": "prometheus-flask-exporter",
    "prometheus_fastapi_instrumentator.Instrumentator.expose": "prometheus-fastapi-instrumentator",
    "prometheus_fastapi_instrumentator.Instrumentator().expose": "prometheus-fastapi-instrumentator",
}


def server_routes(links: Links) -> Iterator[Route]:
    """Every such route of the audited root."""
    patterns = dict(_pyramid_patterns(links))
    for module in links.index:
        for func in module.functions.values():
            for site in func.sites:
                yield from _grpc(links, site)
                yield from _metrics(links, site)
            yield from _pyramid(links, func, patterns)
        for klass in module.classes.values():
            if any(base in HTTP_HANDLERS for base in klass.external_bases):
                yield from _http_server(links, klass)


# ---------------------------------------------------------------- grpc


def _grpc(links: Links, site: Site) -> Iterator[Route]:
    found = SERVICER.match(site.method)
    if found is None or not site.call.args:
        return
    service = found.group(1)
    health = service == "Health"
    path = f"/{HEALTH_SERVICE if health else service}"
    handler = given(links, site.call.args[0], site.function)
    app = spelled(site.call.args[1]) if len(site.call.args) > 1 else ""
    names = _methods_of(service, handler.klass) if handler.klass is not None else []
    for name in names or ["Check" if health else ""]:
        func = handler.klass.method(name) if handler.klass is not None else None
        whole = f"{path}/{name}" if name else path
        yield Route(
            whole, (), func, handler.klass, handler.name, site.path, site.line, "grpc", "grpc", app, site=site.call
        )


def _methods_of(service: str, klass: Klass) -> list[str]:
    """The service's methods: of the generated base class where it was read, else the capitalised ones of the servicer."""
    if service == "Health":
        return [name for name in HEALTH_METHODS if klass.method(name)]
    bases = [k for k in klass.ancestry if isinstance(k, Klass)]
    base = next((k for k in bases if k.name == f"{service}Servicer"), None)
    if base is not None and base is not klass:
        return list(base.methods)
    names = dict.fromkeys(name for k in bases for name in k.methods if name[:1].isupper())
    return [name for name in names if name not in HEALTH_METHODS]


# ---------------------------------------------------------------- http.server


def _http_server(links: Links, klass: Klass) -> Iterator[Route]:
    for name, method in klass.methods.items():
        if not name.startswith("do_"):
            continue
        verb = name.removeprefix("do_")
        paths = list(_compared(method)) or [
            pair
            for edge in links.callees.get(method, ())
            if edge.callee.cls is klass
            for pair in _compared(edge.callee)
        ]
        for path, line in paths or [("/<path:_>", method.line)]:
            yield Route(path, (verb,), method, klass, klass.name, method.path, line, "http.server", app=klass.name)


def _compared(func: Func) -> Iterator[tuple[str, int]]:
    """Texts that begin with a slash and are compared with something in the handler (``self.path == "/healthz"``)."""
    seen: set[str] = set()
    for place in func.places:
        exprs = [e for e in place.stmt if isinstance(e, tuple)] if not isinstance(place.stmt, m.Match) else []
        if isinstance(place.stmt, m.Match):
            for patterns, _, _ in place.stmt.cases:
                yield from _texts(patterns, place.stmt.line, seen)
            continue
        if isinstance(place.stmt, m.If | m.While):
            exprs = [place.stmt.test]
        elif isinstance(place.stmt, m.For | m.With | m.Try):
            continue
        for expr in exprs:
            for node in m.walk(expr):
                if isinstance(node, m.Compare) and (
                    "path" in str(node.left).lower()
                    or "path" in str(node.rights).lower()
                    or "url" in str(node.left).lower()
                ):
                    if node.ops[0] in ("==", "in", "!="):
                        yield from _texts((node.left, *node.rights), node.line, seen)
                elif isinstance(node, m.Call) and spelled(node.func).endswith("path.startswith"):
                    for text, line in _texts(node.args, node.line, seen):
                        yield f"{text.rstrip('/')}/<path:_>" if text.endswith("/") else text, line


def _texts(exprs: tuple[m.Expr, ...], line: int, seen: set[str]) -> Iterator[tuple[str, int]]:
    for expr in exprs:
        for node in m.walk(expr):
            if (
                isinstance(node, m.Const)
                and isinstance(node.value, str)
                and node.value.startswith("/")
                and node.value not in seen
            ):
                seen.add(node.value)
                yield node.value, line


# ---------------------------------------------------------------- metrics


def _metrics(links: Links, site: Site) -> Iterator[Route]:
    if site.dotted is None:
        return
    if site.dotted in METRICS_SERVERS:
        port = site.call.argument("port", 0)
        text = text_of(links, port, site.function)
        number = int(text) if text.isdigit() else None
        yield Route(
            "/metrics",
            ("GET",),
            None,
            None,
            site.dotted,
            site.path,
            site.line,
            "prometheus",
            port=number,
            site=site.call,
        )
    elif site.dotted in METRICS_EXPORTERS:
        given_path = site.call.keyword("path") or site.call.keyword("endpoint")
        path = text_of(links, given_path, site.function) if given_path is not None else "/metrics"
        yield Route(
            path,
            ("GET",),
            None,
            None,
            site.dotted,
            site.path,
            site.line,
            METRICS_EXPORTERS[site.dotted],
            site=site.call,
        )


# ---------------------------------------------------------------- pyramid


def _pyramid_patterns(links: Links) -> Iterator[tuple[str, tuple[str, Site]]]:
    """Patterns by route name. ``includeme(config)`` gets its configurator from the library, so its type is not known."""
    sites = list(links.sites("pyramid.config.Configurator.add_route"))
    for module in links.index:
        include = module.functions.get("includeme")
        if include is not None:
            sites += [s for s in include.sites if s.method == "add_route" and s.dotted is None]
    for site in sites:
        name = text_of(links, site.call.argument("name", 0), site.function)
        pattern = text_of(links, site.call.argument("pattern", 1) or site.call.keyword("path"), site.function)
        if name != UNKNOWN:
            yield name, (pattern, site)


def _pyramid(links: Links, func: Func, patterns: dict[str, tuple[str, Site]]) -> Iterator[Route]:
    for decorator in func.facts.decorators:
        if isinstance(decorator, m.Call) and spelled(decorator.func).rpartition(".")[2] == "view_config":
            scope = func.parent or func.module.level
            name = text_of(links, decorator.keyword("route_name"), scope)
            if name not in patterns:
                continue
            pattern, site = patterns[name]
            method = text_of(links, decorator.keyword("request_method"), scope)
            methods = () if method == UNKNOWN else (method.upper(),)
            path = pattern if pattern.startswith("/") else f"/{pattern}"
            yield Route(
                path, methods, func, func.cls, func.name, site.path, site.line, "pyramid", app="config", site=site.call
            )
