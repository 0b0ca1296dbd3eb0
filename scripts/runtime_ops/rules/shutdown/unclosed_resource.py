"""Something opened at start that no way down closes."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Klass
from runtime_ops.project.resources import Resource
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._made_again import ENGINES, MadeAgain, made_again
from runtime_ops.rules.shutdown._running import escapes, lasting_phases

RULE = Rule(
    __name__,
    severity="medium",
    summary="A producer, listener or connection is never flushed or closed, or a client that each request makes anew.",
)
BUFFERED = frozenset({"producer", "listener"})
CONNECTED = frozenset({"connection", "producer", "consumer", "channel"})
SENDS = frozenset("produce send send_message publish send_and_forget".split())
RUNNER = "aiohttp.web.AppRunner"
CLOSERS = ("close", "aclose", "stop", "shutdown", "disconnect")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    closed_nowhere: set[Klass] = set()
    for finding, klass in _owners(project):
        closed_nowhere.add(klass)
        yield finding
    for resource in project.resources:
        if resource.kind in BUFFERED and not resource.stops and resource.kept.klass not in closed_nowhere:
            yield from _buffered(project, resource)
        if resource.kind in CONNECTED - {"channel"} and resource.kept.scope == "attribute":
            yield from _replaced(project, resource)
        if resource.dotted == RUNNER and not resource.stops and resource.started_at is not None:
            yield from _runner(project, resource)
    for again in made_again(project):
        yield _again(project, again)


def _again(project: Project, again: MadeAgain) -> Finding:
    """A client or engine of each request, job or turn of a loop, which its only name leaves open."""
    resource = again.resource
    name = resource.dotted.rpartition(".")[2]
    where = "" if again.site is resource.site else f" ({resource.path}:{resource.line})"
    closing = f"await {resource.type.closes[0]}()" if resource.type.asynchronous else f"{resource.type.closes[0]}()"
    return RULE.at(
        project,
        again.site,
        f"each {again.each} makes {_article(name)} {name} here{where}, and nothing closes it: {again.left}",
        "make one engine at start and share it (or give poolclass=NullPool)"
        if resource.dotted in ENGINES
        else f"use it in an async with block, {closing} in a finally, or share one that the way down closes"
        if "async" in resource.type.context
        else f"{closing} in a finally, or share one that the way down closes",
        severity="medium" if again.each == "request" else "low",
        phases=("serving",),
        kinds=("service", "worker"),
    )


def _article(name: str) -> str:
    return "an" if name[0] in "AEIOU" else "a"


def _runner(project: Project, resource: Resource) -> Iterator[Finding]:
    """``runner = web.AppRunner(app); await runner.setup()``, of which nobody is left who could clean it up."""
    _, phases = lasting_phases(project, resource.site)
    if not phases & {"startup", "serving"} or resource.kept.scope != "local" or _leaves(resource):
        return
    running = lasting_phases(project, resource.site)[0]
    hooks = [
        h for h in project.hooks
        if h.framework == "aiohttp" and h.kind in ("shutdown", "lifespan") and h.func is not None
        and any(h.func.module in e.modules for e in running)
    ]  # fmt: skip
    lost = f"what the application does on the way down ({hooks[0].name}) never runs, and " if hooks else ""
    yield RULE.at(
        project,
        resource.site,
        f"nothing calls cleanup() of this AppRunner, whose only name ends with {resource.function.name}(): {lost}requests in hand are cut",
        "keep the runner, and await runner.cleanup() in the finally around what keeps the program up",
        severity="medium" if hooks else "low",
        kinds=("service", "worker"),
        confidence="certain" if hooks else "possible",
    )


def _leaves(resource: Resource) -> bool:
    """Whether the runner is given to anything but the sites that it serves by."""
    name, func = resource.kept.name, resource.function
    for place in func.places:
        value = place.stmt.value if isinstance(place.stmt, m.Return | m.Assign) else None
        if isinstance(value, m.Name) and value.id == name:
            return True
    given = (s for s in func.sites if any(isinstance(a, m.Name) and a.id == name for a in (*s.call.args, *(v for _, v in s.call.keywords))))
    return any(not site.method.endswith("Site") for site in given)


def _buffered(project: Project, resource: Resource) -> Iterator[Finding]:
    _, phases = lasting_phases(project, resource.site)
    if not phases & {"startup", "import", "serving"} or resource.started_at is None:
        return
    if resource.kept.scope in ("returned", "argument", "with", "collection"):
        return
    if resource.kept.scope == "local" and escapes(resource):
        return
    yield RULE.at(
        project,
        resource.site,
        f"{resource.dotted.rpartition('.')[2]} buffers in the background and nothing flushes or closes it ({resource.bound_to}): what "
        "was sent last is lost at each stop",
        f"call {' or '.join(resource.type.closes[:2])} with a limit on the way down (lifespan, finally, exit hook)",
        kinds=("service", "worker"),
        confidence="likely" if resource.kind != "producer" or _forgets(project, resource) else "possible",
    )


def _forgets(project: Project, resource: Resource) -> bool:
    """Whether something is sent and its delivery not waited for: who waits for each has nothing left in the buffer."""
    return any(
        site.origin is not None
        and site.origin.call is resource.site.call
        and site.method in SENDS
        and isinstance(site.stmt, m.ExprStmt)
        and site.stmt.value is site.call
        and not site.awaited
        for func in project.functions
        for site in func.sites
    )


def _perhaps_called(project: Project, klass: Klass, closer: Func) -> bool:
    """Whether some call of that name, on something of which the type is not known, is on what the class is named after."""
    return any(
        site.method == closer.name
        and not site.targets
        and site.dotted is None
        and site.function.cls is not klass
        and site.text.split(".")[-2:-1][0].strip("_").lower() in klass.name.lower()
        for func in project.functions
        for site in func.sites
        if site.text.count(".") and site.text.split(".")[-2].strip("_")
    )


def _owners(project: Project) -> Iterator[tuple[Finding, Klass]]:
    """Classes with a closing method that nothing calls, reported where the instance is made."""
    owning: dict[Klass, Resource] = {}
    for resource in project.resources:
        if resource.kind in CONNECTED and resource.kept.klass is not None:
            owning.setdefault(resource.kept.klass, resource)
    for klass, resource in owning.items():
        closer = next((klass.methods[name] for name in CLOSERS if name in klass.methods), None)
        init = klass.methods.get("__init__")
        if closer is None or init is None or project.links.callers.get(closer) or not _closes(closer, resource):
            continue
        if _perhaps_called(project, klass, closer):
            continue
        for edge in project.links.callers.get(init, ()):
            _, phases = lasting_phases(project, edge.site)
            if edge.how != "call" or not phases & {"import", "startup"} or "serving" in phases:
                continue
            yield (
                RULE.at(
                    project,
                    edge.site,
                    f"{klass.name}.{closer.name}() is never called: its {resource.dotted.rpartition('.')[2]} ({resource.path}:"
                    f"{resource.line}) is cut by the process's death at each stop and reload",
                    f"call {closer.name}() in the server's or application's shutdown hook",
                    severity="medium" if resource.kind in BUFFERED else "low",
                    kinds=("service", "worker"),
                ),
                klass,
            )
            break


def _closes(closer: Func, resource: Resource) -> bool:
    return any(stop.function is closer for stop in resource.stops)


def _replaced(project: Project, resource: Resource) -> Iterator[Finding]:
    """``self.conn = connect()`` where the old one may still be open."""
    site = resource.site
    func = site.function
    if func.name == "__init__" or not lasting_phases(project, site)[0] or "." not in resource.kept.name:
        return
    name = resource.kept.name
    test = next((s.stmt.test for s in reversed(site.steps) if isinstance(s.stmt, m.If) and s.arm == "body"), None)
    if not isinstance(test, m.BoolOp) or test.op != "or" or not _mentions_others(test, name):
        return
    if any(s.line <= site.line and s.text == f"{name}.{c}" for s in func.sites for c in resource.type.closes):
        return
    yield RULE.finding(
        site.path,
        site.line,
        f"{name} is given a new {resource.dotted.rpartition('.')[2]} though the old one may be open ({source_of(test, 70)}): each such "
        "reconnect leaks a connection",
        f"close {name} first, if it is open, and swallow only the errors of that close",
        end_line=site.call.end_line,
        severity="low",
        phase="serving",
        entrypoints=lasting_phases(project, site)[0],
        trace=(Evidence(site.path, site.line, "replaced here"),),
        anchor=f"{func.qualname}:{name}",
    )


def _mentions_others(test: m.BoolOp, name: str) -> bool:
    """Whether some condition of the ``or`` says nothing about the connection itself, so that it can be open."""
    for value in test.values:
        texts = {n.id for n in m.walk(value) if isinstance(n, m.Name)}
        if texts and not any(t == name or t.startswith(f"{name}.") for t in texts):
            return True
    return False
