"""Network calls, queries, threads and processes while a module is imported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries import names as libraries
from runtime_ops.libraries.blocking import all_blocking
from runtime_ops.libraries.surface import surface
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_name
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.failure_signs import is_tracker
from runtime_ops.project.main_blocks import in_main_block
from runtime_ops.project.model import Site, own_expressions
from runtime_ops.project.resources import Resource
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.startup._reads import caught, for_development

RULE = Rule(
    __name__,
    severity="medium",
    summary="Importing a module of a service or worker connects, queries, or starts threads or processes.",
    lead=True,
)
OUTSIDE = frozenset(("http", "database", "broker", "network", "browser"))
"""Not a child: what is run while importing is a local command (a version, a host name) that answers at once."""
STARTED = frozenset(("thread", "timer", "process", "observer"))
LOCAL = frozenset(("close", "disconnect", "init_app", "register_script"))
"""Methods of clients that ask nobody."""
NEVER_RAISES = frozenset(("socket.getfqdn",))
"""Calls that answer also when their look-up fails."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    groups: dict[str, list[tuple[Site, str, list[Entrypoint]]]] = defaultdict(list)
    for site, what in _work(project):
        at = _import_site(project, site)
        if at is None or _later(at) or _later(site) or for_development(at.path) or _kept_in(at) or in_main_block(at):
            continue
        if is_tracker(site) or (site.dotted or site.text) in NEVER_RAISES or site.within(m.Try, "handler") is not None:
            continue
        if site.text.rpartition(".")[2] in LOCAL or _on_demand(site) or _on_demand(at):
            continue
        entrypoints = [
            e
            for e, phases in project.phases(at).items()
            if e.long_running and "import" in phases and (e.started or e.app)
        ]
        if entrypoints:
            groups[at.path].append((at, what, entrypoints))
    for found in groups.values():
        yield _finding(project, found)


def _work(project: Project) -> Iterator[tuple[Site, str]]:
    for wait in project.waits:
        # a wait that is reported where its client is made stands for calls that come later
        made = wait.dotted in wait.row.constructors and wait.dotted not in wait.row.calls
        if wait.kind in OUTSIDE and wait.site.call == wait.call and not made and not libraries.type_of(wait.dotted):
            yield (
                wait.site,
                f"{wait.site.text}() waits for {'the network' if wait.kind == 'network' else f'a {wait.kind} answer'}",
            )
    for row in all_blocking():
        if row.blocks and row.kind in ("name lookup", "network", "database") and not row.call.endswith("*"):
            for site in project.sites(row.call):
                yield site, f"{site.text}() waits for a {row.kind} answer"
    for resource in project.resources:
        if resource.kind in STARTED and resource.started_at is not None and not _harmless(project, resource):
            yield resource.started_at, f"{resource.started_at.text}() starts a {resource.kind}"


def _harmless(project: Project, resource: Resource) -> bool:
    """A daemon thread whose target waits for nothing outside: its start cannot fail, and it ends with the process."""
    if resource.kind not in ("thread", "timer") or resource.daemon is not True or resource.target is None:
        return False
    outside = {wait.site.function for wait in project.waits if wait.kind in OUTSIDE}
    reached, pending = {resource.target}, [resource.target]
    while pending:
        for edge in project.links.callees.get(pending.pop(), ()):
            if edge.callee not in reached:
                reached.add(edge.callee)
                pending.append(edge.callee)
    return not reached & outside


def _kept_in(site: Site) -> bool:
    """Whether a failure is caught where the call stands: a ``try`` with arms, or ``contextlib.suppress``."""
    managers = (item for step in site.steps if isinstance(step.stmt, m.With) for item, _ in step.stmt.items)
    return caught(site.steps) or any(
        isinstance(item, m.Call) and source_of(item.func).rpartition(".")[2] == "suppress" for item in managers
    )


def _on_demand(site: Site) -> bool:
    """Under a switch for development, or only as long as a file is missing."""
    tests = (source_of(step.stmt.test) for step in site.steps if isinstance(step.stmt, m.If))
    return any("exists" in test or "is_file" in test or development_name(test) for test in tests)


def _later(site: Site) -> bool:
    """Within a lambda, which runs when somebody calls it."""
    nodes = (n for expr in own_expressions(site.stmt) for n in m.walk(expr))
    return any(isinstance(n, m.Lambda) and any(c is site.call for c in m.calls(n.body)) for n in nodes)


def _import_site(project: Project, site: Site) -> Site | None:
    """The call at a module's level through which the work is done; None when no import leads there, or only the call of
    the application's factory, which is the start of the server."""
    current, below, seen = site, site, set()
    while not current.function.is_module:
        if current.function in seen or _kept_in(current):
            return None
        seen.add(current.function)
        edges = [e for e in project.links.callers.get(current.function, ()) if e.how == "call" and not e.site.weak]
        level = next((e for e in edges if e.caller.is_module), None) or next(
            (e for e in edges if any("import" in p for p in project.phases_by_entrypoint(e.caller).values())), None
        )
        if level is None:
            return None
        below, current = current, level.site
    # a module level that only calls the application's factory is the server's own: other modules import the factory
    factory = any((x.dotted is not None and surface("app", x.dotted)) or x.made for x in below.function.sites)
    return None if factory and below.function in current.targets else current


def _finding(project: Project, found: list[tuple[Site, str, list[Entrypoint]]]) -> Finding:
    found.sort(key=lambda each: each[0].line)
    site, what, entrypoints = found[0]
    # the module that is started itself: its import is the start, only not one that can be logged or tested
    own = all(e.main.module is site.function.module for e in entrypoints)
    return RULE.finding(
        site.path,
        site.line,
        f"importing {site.path} does work: {what}. A failure there is a bare traceback before logging is set up, and "
        "tests, migrations and command lines that import it need the same outside world",
        "move it into the start-up hook or main(), after settings and logging, with a time limit and a message on failure",
        severity="low" if own or all(what.endswith("name lookup answer") for _, what, _ in found) else "medium",
        phase="import",
        entrypoints=entrypoints,
        anchor=f"{site.function.module.name}:{site.text}",
        count=len(found),
        also=[Evidence(s.path, s.line, w) for s, w, _ in found[1:9]],
    )
