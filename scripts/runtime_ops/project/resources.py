"""What the program starts or opens and must stop or close: threads, tasks, processes, pools, clients, temporary files …

For each construction: where it is kept, where it is started, and every place that stops it, with what bound. Types, and
the methods that start and close them, come from `libraries.names`.
"""

from __future__ import annotations

from collections import defaultdict

from runtime_ops.facts import model as m
from runtime_ops.libraries import names as libraries
from runtime_ops.libraries.names import Type
from runtime_ops.plain import dataclass
from runtime_ops.project.flows import sites_by_call
from runtime_ops.project.kept import Kept, kept
from runtime_ops.project.links import Links
from runtime_ops.project.loops import Loop, is_endless, loop_ends
from runtime_ops.project.model import Func, Klass, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.project.stops import Stop, StopFinder

KINDS = frozenset(
    """thread timer process executor pool temporary server client connection session producer consumer channel scheduler
    listener exporter observer browser task""".split()
)
NO_RESOURCE = frozenset(
    """asyncio.current_task threading.current_thread multiprocessing.current_process threading.main_thread asyncio.Handle
    asyncio.TaskGroup""".split()
)
"""Calls that give what exists already, handles of the event loop, and groups that end what is started in them."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing that is started or opened, at the call that makes it."""

    kind: str
    """thread, timer, task, process, executor, pool, temporary, server, client, connection, session, producer, consumer,
    channel, scheduler, listener, exporter, observer, browser."""
    name: str
    """What it is called where it is kept, else the type's last word."""
    dotted: str
    """The type by its canonical name; for a project's subclass that of the library's class."""
    site: Site
    function: Func
    kept: Kept
    type: Type
    klass: Klass | None
    """The project's subclass, if it is one."""
    started_at: Site | None
    """The call that begins its work; the construction itself when that begins it; None when nothing does."""
    stops: tuple[Stop, ...]
    daemon: bool | None
    """Of threads and processes; None when it is not a literal."""
    target: Func | None
    """The project's function that a thread, timer, task or process runs."""
    loop: Loop | None
    """The endless loop in the target, if there is one."""
    loop_ends: frozenset[str]
    """The ways in which that loop can end (see `loops.loop_ends`); empty = it cannot be told to stop."""

    @property
    def path(self) -> str:
        return self.site.path

    @property
    def line(self) -> int:
        return self.site.line

    @property
    def stopped(self) -> bool:
        """Whether anything stops it."""
        return bool(self.stops)

    @property
    def stopped_on_failure(self) -> bool:
        """Whether a stop also runs when an exception passes: a with block, a finally, an exit hook."""
        return any(stop.where in ("with", "finally", "atexit", "__exit__", "finalizer", "group") for stop in self.stops)

    @property
    def bound_to(self) -> str:
        """``local x``, ``self.x of Klass``, ``module x``, ``returned`` … for messages."""
        where = self.kept
        if where.scope == "attribute" and where.klass is not None:
            return f"{where.name} of {where.klass.name}"
        return f"{where.scope} {where.name}".strip()


def find_resources(links: Links) -> tuple[Resource, ...]:
    """Every resource of the project, in path and line order."""
    return ResourceFinder(links).find()


class ResourceFinder:
    """Finds resources. Made once for the links."""

    def __init__(self, links: Links) -> None:
        self.links = links
        by_origin: dict[int, list[Site]] = defaultdict(list)
        for module in links.index:
            for func in module.functions.values():
                for site in func.sites:
                    if site.origin is not None:
                        by_origin[id(site.origin.call)].append(site)
        self.by_origin = by_origin
        self.stops = StopFinder(links, by_origin)

    def find(self) -> tuple[Resource, ...]:
        found = []
        for path in sorted(self.links.index.modules):
            for func in self.links.index.modules[path].functions.values():
                for site in func.sites:
                    made = self._made(site)
                    if made is not None:
                        found.append(self._resource(site, *made))
        return tuple(sorted(found, key=lambda r: (r.path, r.line, r.site.call.col)))

    def _made(self, site: Site) -> tuple[Type, Klass | None] | None:
        """The type that a call constructs, when it is one of the kinds that must be stopped."""
        callee = self.links.names.value(site.call.func, site.function)
        if callee is None or callee.name in NO_RESOURCE:
            return None
        klass: Klass | None = None
        name: str | None = None
        if callee.kind == "class" and isinstance(callee.target, Klass):
            klass = callee.target
            name = next((b for b in klass.external_bases if libraries.type_of(b) is not None), None)
        elif callee.kind == "external":
            row = libraries.returned(callee.name)
            if row is not None and row.how in ("call", "await"):
                name = libraries.returns(callee.name, _first_text(site.call))
            elif row is None and libraries.type_of(callee.name) is not None:
                name = callee.name
        if name is None:
            return None
        known = libraries.type_of(name)
        if known is None:
            known = next((t for s in libraries.supertypes(name)[1:] if (t := libraries.type_of(s)) is not None), None)
        if known is None or known.kind not in KINDS or known.name in NO_RESOURCE:
            return None
        return known, klass

    def _resource(self, site: Site, known: Type, klass: Klass | None) -> Resource:
        where = kept(site)
        target = self._target(site, known, klass)
        loop = (
            next((p.stmt for p in target.places if isinstance(p.stmt, m.While | m.For) and is_endless(p.stmt)), None)
            if target
            else None
        )
        endless = loop if isinstance(loop, m.While | m.For) else None
        return Resource(
            kind=known.kind,
            name=where.name.rpartition(".")[2] or known.name.rpartition(".")[2],
            dotted=known.name,
            site=site,
            function=site.function,
            kept=where,
            type=known,
            klass=klass,
            started_at=self._started(site, where, known),
            stops=self.stops.of(site, where, known),
            daemon=self._daemon(site, where, klass) if known.kind in ("thread", "process", "timer") else None,
            target=target,
            loop=endless,
            loop_ends=loop_ends(endless, target) if endless is not None and target is not None else frozenset(),
        )

    def _started(self, site: Site, where: Kept, known: Type) -> Site | None:
        if not known.starts:
            return site
        if where.scope == "chained" and where.name in known.starts:
            return site
        calls = [s for s in self.by_origin.get(id(site.call), ()) if s.method in known.starts]
        calls += [s for s in self.stops.sites_of(site, where) if s.method in known.starts]
        return calls[0] if calls else None

    def _target(self, site: Site, known: Type, klass: Klass | None) -> Func | None:
        """What it runs: ``target=``, the coroutine of a task, ``run`` of a subclass."""
        if klass is not None:
            return klass.method("run")
        if known.kind == "task":
            for call in m.calls(site.call.args):
                inner = sites_by_call(site.function).get(id(call))
                if inner is not None and inner.targets:
                    return inner.targets[0]
            return None
        if known.kind in ("thread", "timer", "process"):
            given = site.call.keyword("target") or site.call.keyword("function") or site.call.argument("", 1)
            return next(iter(self.links.referenced(given, site.function)), None) if given is not None else None
        return None

    def _daemon(self, site: Site, where: Kept, klass: Klass | None) -> bool | None:
        given = site.call.keyword("daemon")
        if given is not None:
            return given.value if isinstance(given, m.Const) and isinstance(given.value, bool) else None
        for name, bindings in site.function.bindings.items():
            if where.name and name == f"{where.name}.daemon" and isinstance(bindings[-1].expr, m.Const):
                return bool(bindings[-1].expr.value)
        for other in self.stops.sites_of(site, where):
            if other.method == "setDaemon" and other.call.args and isinstance(other.call.args[0], m.Const):
                return bool(other.call.args[0].value)
        return self._class_daemon(klass) if klass is not None else False

    def _class_daemon(self, klass: Klass) -> bool | None:
        for base in klass.ancestry:
            if not isinstance(base, Klass):
                continue
            for _, binding in base.attributes.get("daemon", ()):
                return bool(binding.expr.value) if isinstance(binding.expr, m.Const) else None
            init = base.methods.get("__init__")
            for site in init.sites if init is not None else ():
                given = (
                    site.call.keyword("daemon")
                    if "super" in source_of(site.call.func) or site.method == "__init__"
                    else None
                )
                if isinstance(given, m.Const):
                    return bool(given.value)
        return False


def _first_text(call: m.Call) -> str | None:
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, m.Const) and isinstance(first.value, str) else None
