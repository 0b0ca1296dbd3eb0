"""Cleanup that is written where the way down does not pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.errors import interrupt, interrupts_of
from runtime_ops.libraries.servers import Server, all_servers, server_run_by
from runtime_ops.libraries.versions import older_than
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.flows import resolve_all, statements_after
from runtime_ops.project.launch import Launch
from runtime_ops.project.model import Func, Place, Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._launched import server_of
from runtime_ops.rules.shutdown._long_running import registrations_of, serving_places, ways_to_serving
from runtime_ops.rules.shutdown._running import (
    STOP_NAME,
    below,
    for_developers,
    function_phases,
    only_tells,
    receiver,
    tells,
)

RULE = Rule(
    __name__,
    severity="high",
    summary="Cleanup stands where a stop does not pass: behind a server that ends by signal, in atexit, in the wrong arm.",
    lead=True,
)
CLEANS = frozenset("cancel rollback terminate kill close quit disconnect release cleanup stop abort".split())
RERAISES_SINCE = "0.29.0"
"""The version of uvicorn whose ``capture_signals`` raises again what it caught."""
OUTLIVES = re.compile(
    r"(?i)^(?:a?delete|a?save|a?commit|persist|checkpoint|flush|unlock|release|deregister|unregister|requeue)(?:_|$)"
)
"""Methods that change what is kept outside of the process, where its end by itself changes nothing."""
OF_THE_PROCESS = re.compile(r"(?i)lock$|mutex|sem(?:aphore)?$|std(?:out|err)|log|handler|condition")
"""What is released or flushed within the process, and gone with it."""
IN_PROCESS = ("threading.", "asyncio.", "multiprocessing.", "logging.", "sys.", "io.")
BY_NOBODY = frozenset({"packaging", "shell"})
"""Launches that do not tell which process the program is."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from _behind_the_server(project)
    yield from _at_exit(project)
    yield from _worker_exit(project)
    # one habit of the project: it is told at the class that most others extend, the other places are listed
    arms = [f for _, f in sorted(_wrong_arm(project), key=lambda pair: (-pair[0], pair[1].path, pair[1].line))]
    for first in arms[:1]:
        also = tuple(Evidence(f.path, f.line, "the same") for f in arms[1:17])
        yield replace(first, count=len(arms), also=also)
    yield from _abandoned_loop(project)


def _behind_the_server(project: Project) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running or for_developers(project, entrypoint) or _own_handler(project, entrypoint):
            continue
        for place, way in ways_to_serving(project, entrypoint):
            site = place.site
            server = server_run_by(site.dotted) if site is not None and site.dotted is not None else None
            if site is None or server is None or server.code_after_run is not False or server.sigterm != "graceful":
                continue
            if not _reraises(project, server, site.path):
                continue
            behind = next((s for call in (site, *way) for s in _cleanup_behind(call)), None)
            if behind is None or (behind.path, behind.line) in told:
                continue
            told.add((behind.path, behind.line))
            kept = _outliving(project, behind) if any(not x.pid1 for x in _telling(entrypoint)) else None
            skipped = f" ({kept.text}() at {kept.path}:{kept.line} is left undone)" if kept is not None else ""
            yield RULE.at(
                project,
                behind,
                f"{behind.text}() stands behind {site.dotted}(): after its own shutdown {server.name} raises SIGTERM again with the "
                f"default disposition, so the process dies there and this never runs{skipped}; Ctrl-C hides it, and so does being "
                "process 1 of a container without an init",
                "move it into the lifespan's shutdown part, or install your own SIGTERM handler before the run call",
                kinds=("service", "worker"),
                confidence="certain" if kept is not None else "likely",
            )


def _telling(entrypoint: Entrypoint) -> list[Launch]:
    """The launches that say as which process the program runs."""
    return [x for x in entrypoint.production if x.platform not in BY_NOBODY]


def _outliving(project: Project, site: Site) -> Site | None:
    """The call of a cleanup whose effect outlives the process: a record that is deleted or saved, a lock that others see. Closing a
    pool or ending a thread is what the end of the process does as well."""
    if not site.targets:
        return site if _outlives(site) else None
    return next((found for target in site.targets[:2] if (found := _outliving_of(project, target)) is not None), None)


def _outliving_of(project: Project, func: Func) -> Site | None:
    """The same in a function, and what it calls."""
    return next((s for f in below(project, func) for s in f.sites if not s.targets and _outlives(s)), None)


def _outlives(site: Site) -> bool:
    if tells(site) or not OUTLIVES.search(site.method):
        return False
    if site.method.startswith(("flush", "release")) and OF_THE_PROCESS.search(receiver(site)):
        return False
    return site.dotted is None or not site.dotted.startswith(IN_PROCESS)


def _cleanup_behind(site: Site) -> Iterator[Site]:
    """Cleaning calls after the run call on the same level, or in the finally around it."""
    behind: list[m.Stmt] = list(statements_after(Place(site.stmt, site.steps), site.function))
    for step in site.steps:
        if isinstance(step.stmt, m.Try) and step.arm == "body":
            behind.extend(step.stmt.final)
    lines = {call.line for stmt in behind for call in m.calls(stmt)}
    for other in site.function.sites:
        if (
            other.line in lines
            and other is not site
            and (STOP_NAME.search(other.method) or other.method in ("flush", "join"))
        ):
            yield other


def _own_handler(project: Project, entrypoint: Entrypoint) -> bool:
    return any("SIGTERM" in r.signals and r.disposition != "SIG_DFL" for r in registrations_of(project, entrypoint))


def _reraises(project: Project, server: Server, path: str) -> bool:
    """uvicorn raises the signal again since 0.29, also as the worker of gunicorn."""
    text = project.versions.text("uvicorn" if server.name.startswith("uvicorn") else server.distribution, path)
    return not (text and older_than(RERAISES_SINCE, text))


def _at_exit(project: Project) -> Iterator[Finding]:
    """``atexit`` under a server whose end by signal leaves it out."""
    for site in project.sites("atexit.register"):
        target = next(iter(f for a in site.call.args for f in project.links.referenced(a, site.function)), None)
        name = target.name if target is not None else _named(site)
        if not name or not STOP_NAME.search(name):
            continue
        for entrypoint in project.imported_by(site.function.module, "service"):
            if for_developers(project, entrypoint) or _own_handler(project, entrypoint) or not entrypoint.production:
                continue
            if entrypoint not in project.phases(site):
                continue  # nothing that is seen registers it in this program
            servers = [s for s in _servers(project, entrypoint) if s is not None]
            if not servers or not all(s.atexit is False for s in servers):
                continue
            if not all(s.sigterm == "graceful" and _reraises(project, s, site.path) for s in servers):
                continue
            # a worker of gunicorn is never process 1, for which the kernel drops the signal that it raises
            forked = all(s.kind == "worker-class" for s in servers)
            dies = forked or any(not x.pid1 for x in _telling(entrypoint))
            kept = _outliving_of(project, target) if target is not None and dies else None
            skipped = f", and {kept.text}() at {kept.path}:{kept.line} is left undone" if kept is not None else ""
            yield RULE.at(
                project,
                site,
                f"atexit runs {name}() only when the interpreter ends by itself; below {servers[0].name} a SIGTERM ends the process by "
                f"the signal, so it never runs on a deploy{skipped}",
                "do it in the application's lifespan shutdown (or on_shutdown hook)",
                severity="high" if kept is not None else "medium",
                kinds=("service",),
                confidence="certain" if kept is not None else "likely",
            )
            break


def _named(site: Site) -> str:
    first = site.call.args[0] if site.call.args else None
    return first.id.rpartition(".")[2] if isinstance(first, m.Name) else ""


def _servers(project: Project, entrypoint: Entrypoint) -> list[Server | None]:
    found = [server_of(x) for x in entrypoint.production if x.server is not None]
    for place in serving_places(project, entrypoint):
        if place.site is not None and place.site.dotted is not None:
            found.append(server_run_by(place.site.dotted))
    return found


def _worker_exit(project: Project) -> Iterator[Finding]:
    """gunicorn's ``worker_exit`` with a worker class that dies by the signal."""
    classes = {s.name: s for s in all_servers() if s.kind == "worker-class" and s.atexit is False}
    used = [
        s for x in project.launches if not x.development for s in [server_of(x)] if s is not None and s.name in classes
    ]
    if not used:
        return
    for hook in project.hooks:
        if (
            hook.kind == "worker-exit"
            and hook.name == "worker_exit"
            and hook.func is not None
            and not only_tells(hook.func)
        ):
            yield RULE.finding(
                hook.path,
                hook.line,
                f"worker_exit does not run with the {used[0].name}: its workers end by raising SIGTERM again",
                "use child_exit(server, worker), which the arbiter runs, or the application's lifespan",
                phase="shutdown",
                entrypoints=project.imported_by(hook.func.module, "service"),
                anchor="worker_exit",
            )


def _wrong_arm(project: Project) -> Iterator[tuple[int, Finding]]:
    """An arm that cleans up for one interrupt of a job system and leaves out another that the project's worker raises."""
    for arm in project.failures:
        if arm.broad or not any(site.method in CLEANS for site in arm.calls):
            continue
        named = [row for c in arm.catches if (row := interrupt(c)) is not None and row.system]
        if not named or _also_elsewhere(arm.attempt, arm.handler, {s.text for s in arm.calls if s.method in CLEANS}):
            continue
        caught = {
            c.rpartition(".")[2] for h in arm.attempt.handlers for c in resolve_all(arm.func, project.links, h.types)
        }
        missing = [
            row
            for row in interrupts_of(named[0].system)
            if row.delivered_by
            and row.exception.rpartition(".")[2] not in caught
            and not caught & {"BaseException"}
            and not (row.caught_by_exception and "Exception" in caught)
            and _uses(project, row.delivered_by)
        ]
        entrypoints, _ = function_phases(project, arm.func)
        if not missing or not entrypoints:
            continue
        cleans = next(site for site in arm.calls if site.method in CLEANS)
        name = missing[0].exception.rpartition(".")[2]
        weight = len(list(arm.func.cls.descendants())) if arm.func.cls is not None else 0
        finding = RULE.in_function(
            project,
            arm.func,
            arm.line,
            f"A stop of the worker arrives here as {name}, which this arm does not name: {cleans.text}() is skipped, and what it should "
            "end goes on without the worker",
            f"add {name} to the arm, or clean up in an arm for BaseException that re-raises",
            severity="medium",
            confidence="certain",  # the arm is written for a stop, the project's worker stops otherwise
            phase="shutdown",
        )
        yield weight, finding


def _also_elsewhere(attempt: m.Try, handler: m.Handler, texts: set[str]) -> bool:
    """Whether the finally, or another arm for everything, makes the same call."""
    blocks = [attempt.final, *(h.body for h in attempt.handlers if h is not handler and not h.types)]
    called = {call.func.id for block in blocks for call in m.calls(block) if isinstance(call.func, m.Name)}
    return texts <= called


def _uses(project: Project, dotted: str) -> bool:
    """Whether a module imports the class (a subclass may be chosen by platform)."""
    last = dotted.rpartition(".")[2]
    return any(
        binding.kind == "import" and binding.text.endswith(f".{last}")
        for module in project.modules
        for binding in module.level.bindings.get(last, ())
    ) or any(dotted in k.external_bases for module in project.modules for k in module.classes.values())


def _abandoned_loop(project: Project) -> Iterator[Finding]:
    """A loop that runs one coroutine to its end, ended by ``loop.stop`` from outside."""
    for func in project.functions:
        for site in func.sites:
            stopped = _stops_loop(site)
            if stopped is None or not _runs_to_completion(func, stopped) or _cancels(func):
                continue
            # methods of objects kept in a list are not always linked: then what imports the module tells
            if not function_phases(project, func)[0] and (
                project.phases_by_entrypoint(func) or not project.imported_by(func.module, "service", "worker")
            ):
                continue
            yield RULE.in_function(
                project,
                func,
                site.line,
                f"{stopped}.stop ends the loop in the middle of the coroutine that run_until_complete() drives: it is abandoned, not "
                "cancelled, so its finally blocks and awaits never run",
                "cancel the task by call_soon_threadsafe(task.cancel) and let run_until_complete() return",
                end_line=site.call.end_line,
                severity="medium",
                confidence="certain" if _leaves_cleanup(project, func, stopped) else "likely",
            )


def _leaves_cleanup(project: Project, func: Func, loop: str) -> bool:
    """Whether the coroutine that is abandoned, or one that it awaits, has something to do on its way out."""
    driven = (site for f in _family(func) for site in f.sites if site.text == f"{loop}.run_until_complete")
    handed = {id(call) for site in driven for argument in site.call.args for call in m.calls(argument)}
    started = [t for f in _family(func) for s in f.sites if id(s.call) in handed for t in s.targets]
    awaited = (f for each in started for f in below(project, each, 2) if f.facts.is_async)
    return any(
        (isinstance(p.stmt, m.Try) and p.stmt.final) or (isinstance(p.stmt, m.With) and p.stmt.is_async)
        for f in awaited
        for p in f.places
    )


def _stops_loop(site: Site) -> str | None:
    """The loop that a call stops: ``loop.call_soon_threadsafe(loop.stop)``."""
    if site.method != "call_soon_threadsafe" or not site.call.args:
        return None
    first = site.call.args[0]
    owner = receiver(site)
    return owner if isinstance(first, m.Name) and first.id == f"{owner}.stop" else None


def _family(func: Func) -> list[Func]:
    return [f for f in func.module.functions.values() if f.cls is func.cls]


def _runs_to_completion(func: Func, loop: str) -> bool:
    texts = {s.text for f in _family(func) for s in f.sites}
    return f"{loop}.run_until_complete" in texts and f"{loop}.run_forever" not in texts


def _cancels(func: Func) -> bool:
    return any(s.method in ("all_tasks", "cancel", "_cancel_all_tasks") for f in _family(func) for s in f.sites)
