"""prometheus_client under several worker processes."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch, Link
from runtime_ops.project.model import Func, Module, Site
from runtime_ops.project.names import decorator_name
from runtime_ops.rules.api import Rule
from runtime_ops.rules.logging._programs import programs

RULE = Rule(
    __name__,
    severity="high",
    summary="prometheus_client keeps its numbers for each process, and several worker processes answer the scrape in turn.",
    lead=True,
)
KEPT = (
    "prometheus_client.Counter",
    "prometheus_client.Gauge",
    "prometheus_client.Histogram",
    "prometheus_client.Summary",
)
GAUGES = ("prometheus_client.Gauge",)
"""What is set to a value that may come from outside, alike in every process (a count that Redis keeps): nothing jumps."""
SERVED = (
    "prometheus_client.generate_latest", "prometheus_client.make_wsgi_app", "prometheus_client.make_asgi_app",
    "prometheus_client.start_http_server", "prometheus_client.exposition.generate_latest",
)  # fmt: skip
COLLECTOR = ("prometheus_client.multiprocess.MultiProcessCollector",)
DEAD = ("prometheus_client.multiprocess.mark_process_dead",)
VARIABLES = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")
REMOVES = ("shutil.rmtree", "os.remove", "os.unlink", "os.rmdir")
CHILDREN = (
    "os.fork", "multiprocessing.Process", "multiprocessing.context.Process", "multiprocessing.Pool", "multiprocessing.get_context",
    "multiprocessing.pool.Pool", "concurrent.futures.ProcessPoolExecutor", "concurrent.futures.process.ProcessPoolExecutor",
)  # fmt: skip
"""What gives a program further processes that run its own code."""
REGISTRY_AT = {"start_http_server": 2}
"""Where a call takes the registry, if not first."""
AT_BOOT = frozenset({
    "before_worker_boot", "after_worker_boot", "before_process_boot", "after_process_boot", "post_fork", "post_worker_init",
    "lifespan", "startup", "on_startup",
})  # fmt: skip
"""Hooks that run in a process which has loaded the application and begins to serve."""
BEFORE_LOADING = frozenset({"on_starting", "child_exit", "worker_exit", "on_exit"})
"""Hooks of gunicorn's master that run before a worker has loaded the application, or when one has ended."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for program in programs(project):
        modules = program.modules
        kept = _in(project, modules, *KEPT)
        if not kept:
            continue
        yield from _set_too_late(project, modules)
        yield from _emptied_too_late(project, modules, kept)
        launch, count = several(program.entrypoint)
        if launch is not None or _forks(project, program.entrypoint, modules):
            yield from _own_registry(project, modules, program.entrypoint)
        if launch is None:
            continue
        collected = bool(_in(project, modules, *COLLECTOR)) or any(v in launch.env for v in VARIABLES)
        link = launch.chain[-1]
        if not collected and _in(project, modules, *SERVED) and any(s.dotted not in GAUGES for s in kept):
            yield RULE.finding(
                link.path,
                link.line,
                f"{launch.server} starts {count} worker processes and each keeps its own prometheus_client registry: a scrape sees one of "
                "them by chance, so counters jump back and forth and rates are wrong",
                "set PROMETHEUS_MULTIPROC_DIR (emptied at each start) and serve a MultiProcessCollector, or run one process",
                entrypoints=(program.entrypoint,),
                phase="serving",
                trace=[Evidence(kept[0].path, kept[0].line, "a metric of the process")],
                anchor=program.entrypoint.id,
            )
        elif collected and launch.server == "gunicorn" and _live(kept) and not list(project.sites(*DEAD)):
            yield _never_marked(program.entrypoint, link, kept)


def _forks(project: Project, entrypoint: Entrypoint, modules: frozenset[Module]) -> bool:
    """Whether the program has, or may be given, processes beside the one that is looked at.

    A program of one process counts in its default registry too, and serves all of it from there.
    """
    counts = (launch.options.get(name) for launch in entrypoint.production for name in ("workers", "processes", "concurrency"))
    if any(option is not None and option.value != "1" for option in counts):
        return True
    return bool(_in(project, modules, *CHILDREN))


def _own_registry(project: Project, modules: frozenset[Module], entrypoint: Entrypoint) -> Iterator[Finding]:
    """A collector for all processes is made, and what is scraped is the default registry, which knows this process alone."""
    # a worker that makes the web application for its context answers none of its views: the collector there is another program's
    made = (s for s in _in(project, modules, *COLLECTOR) if entrypoint.kind == "service" or not _is_view(s))
    collector = next(made, None)
    if collector is None:
        return
    # an arm, or the function of the collector itself, may serve the one or the other by how the program is started
    served = [
        s for s in _in(project, modules, *SERVED)
        if (s.function.is_module or s.function is not collector.function) and not any(isinstance(step.stmt, m.If) for step in s.steps)
        if not s.call.expands and s.call.argument("registry", REGISTRY_AT.get((s.dotted or "").rpartition(".")[2], 0)) is None
    ]  # fmt: skip
    if not served:
        return
    yield RULE.at(
        project,
        served[0],
        f"{served[0].text}() serves the default registry, and the MultiProcessCollector of {collector.path}:{collector.line} belongs "
        "to another one: what child processes and other workers count never reaches whoever scrapes here, so it stays at 0",
        f"give it the registry of the collector: {served[0].text}(…, registry=REGISTRY)",
        severity="medium",
        confidence="certain",
    )


def _is_view(site: Site) -> bool:
    return any(decorator_name(d).rpartition(".")[2] in ("route", "get") for d in site.function.facts.decorators)


def _never_marked(entrypoint: Entrypoint, link: Link, kept: list[Site]) -> Finding:
    live = _live(kept)[0]
    return RULE.finding(
        live.path,
        live.line,
        "The gauge counts live processes, and nothing calls mark_process_dead: the value of each worker that ended is exported for ever",
        "call multiprocess.mark_process_dead(worker.pid) in gunicorn's child_exit hook",
        severity="low",
        confidence="certain",
        entrypoints=(entrypoint,),
        phase="serving",
        trace=[Evidence(link.path, link.line, link.text)],
        anchor="mark_process_dead",
    )


def several(entrypoint: Entrypoint) -> tuple[Launch | None, int]:
    """A production launch with more than one worker process, and their number."""
    for launch in entrypoint.production:
        texts = [o.value for name in ("workers", "processes") if (o := launch.options.get(name)) is not None]
        variable = launch.env.get("WEB_CONCURRENCY")
        if variable is not None and launch.server in ("gunicorn", "uvicorn"):
            texts.append(getattr(variable[0].value, "text", None))
        for text in texts:
            if text is not None and str(text).isdigit() and int(text) > 1:
                return launch, int(text)
    return None, 0


def _live(kept: list[Site]) -> list[Site]:
    found = []
    for site in kept:
        mode = site.call.keyword("multiprocess_mode")
        if isinstance(mode, m.Const) and str(mode.value).startswith("live"):
            found.append(site)
    return found


def _in(project: Project, modules: frozenset[Module], *names: str) -> list[Site]:
    return [s for s in project.sites(*names) if s.function.module in modules]


def _set_too_late(project: Project, modules: frozenset[Module]) -> Iterator[Finding]:
    """The variable is set in the module that has imported prometheus_client before."""
    for module in sorted(modules, key=lambda x: x.path):
        imported = [
            p.stmt.line
            for p in module.level.places
            if isinstance(p.stmt, m.Import) and p.stmt.target.startswith("prometheus_client")
        ]
        if not imported:
            continue
        for place in module.level.places:
            stmt = place.stmt
            if not isinstance(stmt, m.Assign) or stmt.line < min(imported):
                continue
            for target in stmt.targets:
                key = target.key.value if isinstance(target, m.Subscript) and isinstance(target.key, m.Const) else None
                if key in VARIABLES:
                    yield RULE.finding(
                        module.path,
                        stmt.line,
                        f"{key} is set after prometheus_client was imported: it has already chosen values in memory, so nothing is "
                        "shared between the processes",
                        "set it in the environment of the process, before anything imports prometheus_client",
                        entrypoints=project.imported_by(module),
                        phase="import",
                        anchor=str(key),
                    )


def _emptied_too_late(project: Project, modules: frozenset[Module], kept: list[Site]) -> Iterator[Finding]:
    """The folder of the values is emptied by a function, and the metrics were made when their module was imported."""
    made = next((s for s in kept if s.function.is_module and s.function.module in modules), None)
    if made is None:
        return
    told: set[Func] = set()
    for site in sorted(_in(project, modules, *REMOVES), key=lambda s: REMOVES.index(s.dotted or "")):
        func = site.function
        if func.is_module or func.name in BEFORE_LOADING or func in told or not _values_folder(site, func):
            continue
        if made.function.module not in project.closure.at_import(func.module) or _at_exit(func):
            continue
        told.add(func)
        yield RULE.at(
            project,
            site,
            f"{func.name} empties the folder of prometheus_client's values when the metrics of {made.path}:{made.line} already "
            "exist: their files are unlinked while they are open, so what is counted from then on is never scraped",
            "empty it before anything imports a module with metrics: in the start script, or in the module that sets "
            "PROMETHEUS_MULTIPROC_DIR",
            severity="medium",
            confidence="certain" if func.name in AT_BOOT else "likely",
        )


def _at_exit(func: Func) -> bool:
    """Whether the function is what the process does last: ``atexit.register(clean_up)``."""
    return any(
        s.dotted == "atexit.register" and s.call.args and isinstance(s.call.args[0], m.Name) and s.call.args[0].id == func.name
        for other in func.module.functions.values()
        for s in other.sites
    )


def _values_folder(site: Site, func: Func) -> bool:
    """Whether what is removed is named as prometheus_client's folder, directly or by what its name is bound to."""
    seen: set[str] = set()
    pending = list(site.call.args[:1])
    while pending:
        for node in m.walk(pending.pop()):
            if isinstance(node, m.Const) and node.value in VARIABLES:
                return True
            if isinstance(node, m.Name) and node.id not in seen:
                seen.add(node.id)
                text = node.id.lower()
                if "prom" in text and ("dir" in text or "path" in text):
                    return True
                pending += [b.expr for b in func.bindings.get(node.id, ()) if b.expr is not None]
    return False
