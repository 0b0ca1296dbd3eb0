"""The routes that the programs of the audited root answer, and questions about paths (probes, health)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from runtime_ops.project.django import DjangoUrls
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass
from runtime_ops.project.route_builder import Builder
from runtime_ops.project.route_lists import RouteLists
from runtime_ops.project.route_model import Route, closeness, looks_like_health, matches
from runtime_ops.project.route_registrations import Registrations
from runtime_ops.project.route_servers import server_routes

__all__ = ["Route", "Routes", "answering", "find_routes"]

OWN_CLASS = frozenset(("http.server", "grpc"))


def find_routes(links: Links) -> tuple[Route, ...]:
    """Every route, in file and line order; one that hangs in several places stands once for each whole path."""
    builder = Builder(links)
    RouteLists(builder).read()
    DjangoUrls(builder).read()
    Registrations(builder).read()
    found: dict[tuple[object, ...], Route] = {}
    for route in (*builder.routes(), *server_routes(links)):
        func = route.func.key if route.func is not None else route.name
        found.setdefault((route.file, route.line, route.path, route.methods, route.kind, func), route)
    return tuple(sorted(found.values(), key=lambda r: (r.file, r.line, r.path, r.methods, r.name)))


def answering(routes: Iterable[Route]) -> frozenset[Func]:
    """The functions that a request runs because a route of a web framework names them, or their class or module: a plain object
    or a module that falcon is given, a mixin's method. Those of ``http.server`` and gRPC are told by their class, which runs
    only where a server is made with it."""
    return frozenset(r.func for r in routes if r.func is not None and r.kind in ("http", "websocket") and r.framework not in OWN_CLASS)


class Routes:
    """All routes, with look-ups. Iterates in file and line order."""

    def __init__(self, links: Links) -> None:
        self.all = find_routes(links)
        self._by_func: dict[Func, list[Route]] = defaultdict(list)
        self._by_klass: dict[Klass, list[Route]] = defaultdict(list)
        for route in self.all:
            if route.func is not None:
                self._by_func[route.func].append(route)
            if route.klass is not None:
                self._by_klass[route.klass].append(route)

    def __iter__(self) -> Iterator[Route]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def of(self, handler: Func | Klass) -> tuple[Route, ...]:
        """The routes that a function, or the methods of a class, answer."""
        found = self._by_func.get(handler, ()) if isinstance(handler, Func) else self._by_klass.get(handler, ())
        return tuple(found)

    def matching(self, path: str, method: str = "GET") -> list[Route]:
        """Routes that may answer a path, the closest first: written so, with variable parts, unread parts, mounts.

        ``path`` is a URL path (a query is dropped), or ``/package.Service/Method``; a slash at the end makes no
        difference. A route whose path is wholly unknown never matches. Empty: nothing that was read answers it.
        """
        plain = path.partition("?")[0].partition("#")[0] or "/"
        if not plain.startswith("/"):
            plain = f"/{plain}"
        found = [r for r in self.all if (r.kind == "grpc" or r.answers(method.upper())) and matches(r, plain)]
        return sorted(found, key=closeness)

    def health_like(self) -> list[Route]:
        """Routes named as health checks (``/healthz``, ``/ready``, ``/-/alive``, gRPC's Health service …)."""
        return [r for r in self.all if looks_like_health(r)]

    def below(self, folder: str) -> list[Route]:
        """Routes registered in files below a folder (with ``/``, relative to the root; empty for all)."""
        stem = f"{folder.rstrip('/')}/" if folder else ""
        return [r for r in self.all if r.file.startswith(stem)]
