"""A server that waits for open responses without a limit, and responses that stay open."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.servers import Server, all_servers, server_run_by
from runtime_ops.libraries.surface import surface
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Klass, Site
from runtime_ops.project.routes import Route
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._launched import command_link, option
from runtime_ops.rules.shutdown._long_running import serving_places
from runtime_ops.rules.shutdown._running import below, for_developers

RULE = Rule(
    __name__,
    severity="medium",
    summary="The server drains without a limit although streams or websockets stay open: its shutdown hooks never run.",
    lead=True,
)
STREAMS = frozenset({"StreamingResponse", "EventSourceResponse", "StreamingHttpResponse"})


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported: set[tuple[str, int]] = set()
    for entrypoint in project.entrypoints:
        if entrypoint.kind != "service" or for_developers(project, entrypoint):
            continue
        for server, path, line, trace in _unlimited(project, entrypoint):
            if (path, line) in reported:
                continue
            stream = _open_response(project, entrypoint)
            if stream is None:
                break
            reported.add((path, line))
            yield RULE.finding(
                path,
                line,
                f"{server.name} waits without a limit for open responses after SIGTERM, and {stream[2]} ({stream[0]}:{stream[1]}) "
                "stays open: each stop with a client connected ends in SIGKILL, the lifespan's shutdown never runs",
                f"set {_names(server)} a few seconds below the platform's grace period",
                phase="shutdown",
                entrypoints=(entrypoint,),
                trace=(*trace, Evidence(stream[0], stream[1], stream[2])),
                anchor=f"{server.name}:{entrypoint.id}",
            )


def _unlimited(project: Project, entrypoint: Entrypoint) -> Iterator[tuple[Server, str, int, tuple[Evidence, ...]]]:
    """The places that start a server without the option that bounds its drain."""
    for launch in entrypoint.production:
        server = next((s for s in all_servers() if s.name == launch.server), None)
        if server is None or server.drain != "unlimited" or server.development or launch.platform == "packaging":
            continue
        limit = server.drain_option
        if option(launch, *limit.flags, *limit.keywords, *limit.settings) is None and not set(limit.environment) & set(
            launch.env
        ):
            link = command_link(launch)
            yield server, link.path, link.line, tuple(Evidence(x.path, x.line, x.text) for x in launch.chain)
    for place in serving_places(project, entrypoint):
        site = place.site
        server = server_run_by(site.dotted) if site is not None and site.dotted is not None else None
        if site is None or server is None or server.drain != "unlimited" or server.development:
            continue
        sites = [site]
        if site.origin is not None:  # uvicorn.Server(uvicorn.Config(…)).run()
            sites += [s for s in site.origin.function.sites if (s.dotted or "").endswith(".Config")]
        given = [s.call.keyword(k) for s in sites for k in server.drain_option.keywords]
        starred = any(key is None for s in sites for key, _ in s.call.keywords)
        if not any(g is not None for g in given) and not starred:
            yield server, site.path, site.line, ()


def _open_response(project: Project, entrypoint: Entrypoint) -> tuple[str, int, str] | None:
    """A response of the entrypoint that stays open: path, line, words."""
    for route in sorted(project.routes, key=lambda r: r.file != entrypoint.path):
        if not _served(route, entrypoint):
            continue
        if route.kind == "websocket":
            return route.file, route.line, f"the websocket {route.path}"
        if route.func is None:
            continue
        for func in below(project, route.func, 1):
            for site in func.sites:
                if _ends_with_server(project, site):
                    continue
                name = (site.dotted or site.text).rpartition(".")[2]
                events = any(
                    key == "media_type" and "event-stream" in str(getattr(value, "value", ""))
                    for key, value in site.call.keywords
                )
                if name == "EventSourceResponse" or (name in STREAMS and events):
                    return site.path, site.line, f"the stream of {route.path}"
    return None


def _ends_with_server(project: Project, site: Site) -> bool:
    """Whether a call makes a response, or a project's subclass of one, that its library ends when the server is told to."""
    value = project.links.names.value(site.call.func, site.function)
    bases = value.target.external_bases if value is not None and isinstance(value.target, Klass) else ()
    return any(surface("ends-with-server", name) is not None for name in (site.dotted or "", *bases) if name)


def _served(route: Route, entrypoint: Entrypoint) -> bool:
    return route.mounted and any(module.path == route.file for module in entrypoint.modules)


def _names(server: Server) -> str:
    return " / ".join((*server.drain_option.flags[:1], *server.drain_option.keywords[:1]))
