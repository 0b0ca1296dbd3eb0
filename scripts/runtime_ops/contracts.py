"""The runtime contract of each entrypoint: six promises, each met, broken, unknown or n/a, with the ground for it.

`broken` needs a finding of weight; `met` needs a place that keeps the promise and no lead of weight against it; else the
verdict is `unknown` and says what was looked for, or which lead is open. A kind of program that a promise does not apply to gets `n/a`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from runtime_ops.findings import PROMISES, Evidence, Finding, Verdict
from runtime_ops.libraries.jobs import all_job_systems, job_system_of
from runtime_ops.libraries.observability import instrument
from runtime_ops.libraries.servers import all_servers, server_run_by
from runtime_ops.project.build import Project
from runtime_ops.project.decorators import is_job
from runtime_ops.project.entrypoints import Entrypoint, deepest
from runtime_ops.project.model import Func, Site

EVIDENCE = 3  # places named for a verdict; the rest are in the findings and the map
WEIGHTY = ("high", "medium")
ABSENT = frozenset({"lying-readiness", "missing-signals", "unstructured-logs"})
"""Rules whose finding says that the promise as a whole is not kept: light for whoever is on call, and no unknown."""
DJANGO_LOGGING = "LOGGING"
"""The setting by which Django sets logging up."""
OF_CONCERN = {
    "startup": "startup", "shutdown": "shutdown", "jobs": "jobs", "logging": "logging", "health": "health", "metrics": "metrics",
}  # fmt: skip
Met = tuple[tuple[Evidence, ...], str]
"""Evidence that the promise is kept (empty when none was found), and the reason for `unknown` in that case."""


class Ground(NamedTuple):
    """What is known of a promise before anything was found against it: why it does not apply (empty when it does), the
    places that keep it, and why there are none."""

    reason: str
    evidence: tuple[Evidence, ...] = ()
    why: str = ""


def contract(entrypoint: Entrypoint, grounds: Mapping[str, Ground], findings: Sequence[Finding]) -> tuple[Verdict, ...]:
    """The six verdicts of an entrypoint, in the order of `runtime_ops.findings.PROMISES`."""
    weighty = [f for f in findings if entrypoint.id in f.entrypoints and (f.severity in WEIGHTY or f.rule in ABSENT)]
    own = [f for f in weighty if f.confidence != "possible"]
    verdicts = []
    for promise in PROMISES:
        ground = grounds[promise]
        against = [f for f in own if OF_CONCERN.get(f.concern) == promise]
        if promise == "shutdown":
            against += [f for f in own if f.concern == "deadlines" and f.phase == "shutdown"]
        if against and not (ground.reason and promise in ("jobs", "health")):
            evidence = tuple(Evidence(f.path, f.line, f.rule) for f in against[:EVIDENCE])
            verdicts.append(Verdict(promise, "broken", evidence))
        elif ground.reason:
            verdicts.append(Verdict(promise, "n/a", (), ground.reason))
        elif open_leads := [f for f in weighty if f.confidence == "possible" and OF_CONCERN.get(f.concern) == promise]:
            lead = open_leads[0]
            verdicts.append(Verdict(promise, "unknown", (), f"a lead is open: {lead.rule} at {lead.path}:{lead.line}"))
        elif ground.evidence:
            verdicts.append(Verdict(promise, "met", ground.evidence[:EVIDENCE]))
        else:
            verdicts.append(Verdict(promise, "unknown", (), ground.why))
    return tuple(verdicts)


def ground(project: Project, entrypoint: Entrypoint, promise: str) -> Ground:
    """What is known of a promise of an entrypoint, whatever was found."""
    reason = not_applicable(project, entrypoint, promise)
    placed = kept_up(entrypoint) if reason and entrypoint.kind == "cli" else ""
    if placed and promise in ("shutdown", "logging", "health", "metrics"):
        reason = ""
    if reason:
        return Ground(reason)
    if placed:
        return Ground("", (), f"{placed} starts it, and whether it stays up could not be seen")
    return Ground("", *CHECKS[promise](project, entrypoint))


def not_applicable(project: Project, entrypoint: Entrypoint, promise: str) -> str:
    """Why a promise does not apply to an entrypoint, empty when it does."""
    if promise in ("health", "metrics") and entrypoint.kind in ("cli", "job"):
        return "it ends by itself: its exit status is its health"
    if promise == "logging" and entrypoint.kind == "cli":
        return "a command's output is its product"
    if promise == "shutdown" and entrypoint.kind == "cli":
        return "a command that ends by itself; SIGINT and SIGTERM end it"
    if promise == "jobs" and not jobs_of(project, entrypoint) and entrypoint.kind in ("cli", "service"):
        return "no job, message or task function was found that it runs"
    if promise == "startup" and not settings_of(project, entrypoint):
        return "no setting was found that it reads"
    return ""


def kept_up(entrypoint: Entrypoint) -> str:
    """What starts a program that looks like a command, though what it starts is kept up as a rule; empty when nothing does."""
    launch = entrypoint.kept_up_by
    return f"{launch.chain[0].path}:{launch.chain[0].line}" if launch is not None else ""


def settings_of(project: Project, entrypoint: Entrypoint) -> list[Evidence]:
    """The settings that the entrypoint reads, as places."""
    life = project.lives[entrypoint]
    return [
        Evidence(read.path, read.line, read.name)
        for read in project.settings
        if read.source == "environment" and (life.of(read.function) or read.function.module in entrypoint.modules)
    ]


def jobs_of(project: Project, entrypoint: Entrypoint) -> list[Func]:
    """The functions that a job system runs in the entrypoint."""
    life = project.lives[entrypoint]
    return [f for f in _decorated_jobs(project) if "serving" in life.of(f)]


@lru_cache(maxsize=1)
def _decorated_jobs(project: Project) -> tuple[Func, ...]:
    return tuple(f for f in project.functions if f.facts.decorators and is_job(f, project.links))


# ---------------------------------------------------------------- what keeps a promise


def startup(project: Project, entrypoint: Entrypoint) -> Met:
    """Settings that are required or checked before serving."""
    life = project.lives[entrypoint]
    found = []
    for read in project.settings:
        if read.source != "environment" or not (read.required or read.checked or read.conversion in ("int", "float")):
            continue
        if life.at(read.function, read.line, read.steps) & {"import", "startup"}:
            found.append(
                Evidence(read.path, read.line, f"{read.name} is {'required' if read.required else 'checked'} at start")
            )
    return tuple(found), "settings are read, but none was found that is required, converted or checked before serving"


def shutdown(project: Project, entrypoint: Entrypoint) -> Met:
    """A server or job system that drains on SIGTERM, or a handler of its own."""
    life = project.lives[entrypoint]
    for registration in project.registrations:
        if "SIGTERM" in registration.signals and registration.terminates and registration.disposition != "SIG_IGN":
            site = registration.site
            if site.function in life.spine or life.at(site.function, site.line, site.steps):
                return (Evidence(site.path, site.line, "handles SIGTERM"),), ""
    graceful = {row.name: row for row in all_servers() if row.sigterm == "graceful"}
    workers = {row.name for row in all_job_systems() if row.sigterm in ("drain", "cancel")}
    for launch in entrypoint.production or entrypoint.launches:
        if launch.server in graceful or launch.server in workers:
            link = launch.chain[-1]
            return (Evidence(link.path, link.line, f"{launch.server} drains on SIGTERM"),), ""
    if entrypoint.places:
        place = deepest(entrypoint.places[0], project.spine)
        dotted = place.site.dotted if place.site is not None else None
        if dotted is not None:
            server, system = server_run_by(dotted), job_system_of(dotted)
            if (server is not None and server.sigterm == "graceful") or (
                system is not None and system.sigterm in ("drain", "cancel")
            ):
                return (Evidence(place.function.path, place.line, f"{dotted} drains on SIGTERM"),), ""
    if entrypoint.kind == "job":
        return (), "it ends by itself; what a SIGTERM in the middle leaves behind was not judged"
    known = any(launch.server or launch.target.path for launch in entrypoint.launches)
    unknown_start = "" if known else ", and what starts it is not known"
    return (), f"nothing was found that handles SIGTERM{unknown_start}"


def jobs(project: Project, entrypoint: Entrypoint) -> Met:
    """Job functions whose decorator states a retry limit."""
    found = []
    for func in jobs_of(project, entrypoint):
        for decorator in func.facts.decorators:
            names = {key for key, _ in getattr(decorator, "keywords", ())}
            stated = names & {
                "max_retries",
                "retries",
                "max_tries",
                "retry",
                "autoretry_for",
                "retry_kwargs",
                "max_age",
                "time_limit",
            }
            if stated:
                found.append(
                    Evidence(func.path, func.line, f"{func.name} states {', '.join(sorted(n for n in stated if n))}")
                )
    return tuple(found), "no retry limit, backoff or terminal state was found that is stated for its work"


def logging(project: Project, entrypoint: Entrypoint) -> Met:
    """A structured formatter or handler that the entrypoint imports."""
    found = [
        Evidence(use.path, use.line, f"{use.name} writes structured records")
        for use in project.log_parts
        if use.structured and use.function.module in entrypoint.modules
    ]
    made = [
        use
        for use in project.log_parts
        if use.role == "configure" and entrypoint in project.phases_by_entrypoint(use.function)
    ]
    if made:
        by = f"{made[0].name}() at {made[0].path}:{made[0].line}"
        return tuple(found), f"logging is set up by {by}, and nothing seen of it writes structured records"
    settings = sorted(x.path for x in entrypoint.modules if DJANGO_LOGGING in x.level.bindings) if entrypoint.framework == "django" else []
    if settings:
        return tuple(found), f"logging is set up by {DJANGO_LOGGING} in {settings[0]}, and nothing seen of it writes structured records"
    return tuple(found), "no logging set-up was found that it reaches"


def health(project: Project, entrypoint: Entrypoint) -> Met:
    """Probes of its launches whose path a route of it answers, or a health route."""
    life = project.lives[entrypoint]
    own = [r for r in project.routes if r.func is None or life.of(r.func) or r.func.module in entrypoint.modules]
    for launch in entrypoint.production:
        for probe, path in launch.probes:
            if probe.method == "http" and probe.path is not None and not probe.path.templated:
                for route in project.routes.matching(probe.path.text.partition("?")[0]):
                    if route in own:
                        return (
                            Evidence(path, probe.line, f"{probe.role} probe asks {probe.path.text}"),
                            Evidence(route.file, route.line, f"{route.path} is served"),
                        ), ""
            if probe.method in ("grpc", "exec") and not probe.templated:
                return (Evidence(path, probe.line, f"{probe.role} probe by {probe.method}"),), ""
    routes = [r for r in project.routes.health_like() if r in own]
    if routes and entrypoint.kind == "service":
        return tuple(Evidence(r.file, r.line, f"serves {r.path}") for r in routes), ""
    return (), "no probe and no health route was found"


def metrics(project: Project, entrypoint: Entrypoint) -> Met:
    """Instruments that the entrypoint runs."""
    life = project.lives[entrypoint]
    found: dict[str, Evidence] = {}
    for dotted, sites in project.links.by_dotted.items():
        row = instrument(dotted)
        if row is None or row.role in ("flush",):
            continue
        for site in sites:
            if _runs(life.of(site.function), site, entrypoint):
                found.setdefault(row.call, Evidence(site.path, site.line, f"{row.call} records"))
    return tuple(
        sorted(found.values(), key=lambda e: (e.path, e.line))
    ), "nothing was found that records metrics or traces"


def _runs(phases: frozenset[str], site: Site, entrypoint: Entrypoint) -> bool:
    return bool(phases) or site.function.module in entrypoint.modules


CHECKS: dict[str, Callable[[Project, Entrypoint], Met]] = {
    "startup": startup,
    "shutdown": shutdown,
    "jobs": jobs,
    "logging": logging,
    "health": health,
    "metrics": metrics,
}
