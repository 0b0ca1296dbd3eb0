"""The process cannot end: a thread that the interpreter waits for never does."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.grace import grace_of
from runtime_ops.project.model import Func, Site
from runtime_ops.project.resources import Resource
from runtime_ops.project.signals import Act, Registration
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._long_running import owners
from runtime_ops.rules.shutdown._running import lasting_phases, waits_by_call
from runtime_ops.rules.shutdown.unhandled_termination import for_interrupts_alone, handled, stopped_otherwise

RULE = Rule(
    __name__,
    severity="high",
    summary="The process waits for a thread at exit that never ends, so a clean stop becomes SIGKILL.",
    lead=True,
)
SHORTEST_GRACE = 10.0  # seconds: Docker, Compose, Cloud Run
OPEN = frozenset({"unbounded", "disabled", "expression"})
UNKNOWN = frozenset({"partly", "unknown"})
ABRUPT = frozenset({"os._exit", "os.abort", "os.kill", "os.killpg"})
EXECUTORS = ("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from _endless_threads(project)
    for registration in project.registrations:
        if "SIGTERM" in registration.signals and owners(project, registration.site):
            yield from _executors(project, registration)


def _endless_threads(project: Project) -> Iterator[Finding]:
    for resource in project.resources:
        if (
            resource.kind != "thread"
            or resource.daemon is not False
            or resource.loop is None
            or resource.started_at is None
        ):
            continue
        if resource.loop_ends & {"test", "break", "return", "exit"} and not _stopped_by_exit_hook(project, resource):
            continue
        entrypoints, phases = lasting_phases(project, resource.started_at)
        waiting = [e for e in entrypoints if _ends_by_python(project, e)]
        if not waiting or not phases & {"startup", "serving", "import"}:
            continue
        target = resource.target.name if resource.target is not None else "its target"
        why = (
            "only atexit sets the flag it looks at, and atexit runs after the join"
            if resource.loop_ends & {"test", "break", "return", "exit"}
            else "nothing tells its loop to end"
        )
        yield RULE.at(
            project,
            resource.site,
            f"The thread that runs {target} is not daemon and {why}: at exit the interpreter joins it for ever, so each stop ends "
            "in SIGKILL",
            "let the loop look at a stop Event that the signal handler sets, and join(timeout=…) in the main flow",
            confidence="certain" if not resource.loop_ends and any(_leaves_in_order(project, e, resource) for e in waiting) else "likely",
            kinds=("service", "worker"),
        )


def _ends_by_python(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether what the platform sends makes the program leave main (and join its threads), instead of killing it: SIGTERM, or SIGINT
    where an artifact says so."""
    if entrypoint.app:
        return False
    if handled(project, entrypoint) is not None:
        return True
    return stopped_otherwise(project, entrypoint) and for_interrupts_alone(project, entrypoint) is not None


def _leaves_in_order(project: Project, entrypoint: Entrypoint, resource: Resource) -> bool:
    """Whether the program surely starts the thread, and its handler ends main by an exception: nothing then cuts the join short."""
    life = project.lives[entrypoint]
    if resource.started_at is None or not life.sure(resource.started_at.function):
        return False
    found = [r for r in (handled(project, entrypoint), for_interrupts_alone(project, entrypoint)) if r is not None]
    return bool(found) and all(
        any(act.kind in ("raise", "exit") for act in r.acts) and not any(act.name in ABRUPT for act in r.acts) for r in found
    )


def _stopped_by_exit_hook(project: Project, resource: Resource) -> bool:
    """Whether the loop's flag is set by ``atexit.register(flag.set)`` and nowhere else."""
    if not isinstance(resource.loop, m.While):
        return False
    flags = {
        n.id.removesuffix(".is_set").removesuffix(".wait") for n in m.walk(resource.loop.test) if isinstance(n, m.Name)
    }
    hooked = {
        a.id.removesuffix(".set")
        for site in project.sites("atexit.register")
        for a in site.call.args
        if isinstance(a, m.Name) and a.id.endswith(".set") and site.function.module is resource.function.module
    }
    if not flags & hooked:
        return False
    return not any(
        site.method == "set" and site.text.removesuffix(".set") in flags
        for func in resource.function.module.functions.values()
        for site in func.sites
    )


def _executors(project: Project, registration: Registration) -> Iterator[Finding]:
    acts = registration.acts
    left = next((a for a in acts if a.kind == "call" and a.site is not None and _not_waited(a.site)), None)
    if left is None or left.site is None or any(a.name in ("os._exit", "os.abort") for a in acts):
        return
    long_job, seen = _long_job(project)
    if long_job is None:
        return
    leaves = _exit_of(registration) or left
    place = leaves.site if leaves.site is not None else left.site
    entrypoints = owners(project, registration.site)
    yield RULE.finding(
        place.path,
        leaves.line,
        f"shutdown(wait=False) at {left.site.path}:{left.line} does not let go of the executor's threads: the interpreter joins "
        f"them at exit, and jobs like {long_job.text}() at {long_job.path}:{long_job.line} can outlast the grace period",
        "give the jobs limits below the grace period and a look at the stop flag, cancel_futures=True; as last step, after "
        "flushing, os._exit",
        severity="medium",
        confidence="certain" if seen and leaves.kind == "exit" and _short_grace(entrypoints) else "likely",
        phase="shutdown",
        entrypoints=entrypoints,
        trace=(
            Evidence(left.site.path, left.line, "the executor is left"),
            Evidence(long_job.path, long_job.line, "a job"),
        ),
        anchor=f"{place.function.qualname}:exit",
    )


def _exit_of(registration: Registration) -> Act | None:
    """The exit in the handler itself."""
    handler = registration.handler
    if handler is None:
        return None
    lines = {s.line for s in handler.sites}
    return next((a for a in registration.acts if a.kind == "exit" and a.site is not None and a.line in lines), None)


def _not_waited(site: Site) -> bool:
    if site.method != "shutdown" or (site.dotted or "").rpartition(".")[0] not in EXECUTORS:
        return False
    given = site.call.argument("wait", 0)
    return isinstance(given, m.Const) and given.value is False


def _short_grace(entrypoints: tuple[Entrypoint, ...]) -> bool:
    """Whether a program is started by what kills it after the shortest grace period, and nothing says that it has longer."""
    known = [grace for e in entrypoints for x in e.production if (grace := grace_of(x)) is not None]
    return any(g.seconds <= SHORTEST_GRACE for g in known) and not any(g.written and g.seconds > SHORTEST_GRACE for g in known)


def _long_job(project: Project) -> tuple[Site | None, bool]:
    """A job handed to an executor that can run longer than the shortest grace period, and whether a call is seen in it whose
    limit is none, longer, or whatever a setting says."""
    waits = waits_by_call(project)
    found = None
    for func in project.functions:
        for edge in project.links.callers.get(func, ()):
            handed = edge.how == "reference" and edge.via.rpartition(".")[2] in (
                "submit",
                "run_in_executor",
                "to_thread",
                "map",
            )
            if not handed or "serving" not in lasting_phases(project, edge.site)[1]:
                continue
            if _long(func, waits, 0, UNKNOWN):
                if _long(func, waits, 0, frozenset()):
                    return edge.site, True
                found = found or edge.site
    return found, False


def _long(func: Func, waits: dict[int, WaitSite], depth: int, unknown: frozenset[str]) -> bool:
    for site in func.sites:
        wait = waits.get(id(site.call))
        if wait is not None and not wait.constructs and (wait.leaves_the_process or wait.kind == "child"):
            seconds = wait.deadline.seconds
            if seconds > SHORTEST_GRACE if seconds is not None else wait.deadline.state in unknown | OPEN:
                return True
        if depth < 3 and not site.weak and any(_long(t, waits, depth + 1, unknown) for t in site.targets[:2] if t is not func):
            return True
    return False
