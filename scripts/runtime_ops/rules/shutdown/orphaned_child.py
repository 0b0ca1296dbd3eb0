"""A child process that outlives its use, or its parent."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.resources import child_started_by
from runtime_ops.project.build import Project
from runtime_ops.project.model import Place, Site, own_expressions
from runtime_ops.project.resources import Resource
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.shutdown._running import escapes, lasting_phases, names_in

RULE = Rule(
    __name__,
    severity="high",
    summary="A child process is started and not ended on every path: it goes on without its parent.",
    lead=True,
)
FORCE = frozenset({"kill", "terminate", "send_signal", "with", "shutdown", "close", "stop", "quit", "cancel"})
LAUNCHERS = frozenset("osascript xdg-open open start sc systemctl launchctl service".split())
"""Desktop openers and service managers: they hand the work to another process and end, or are meant to outlive the caller."""
CONNECTS = ("connect", "launch", "login", "open", "ping")
"""What fails after a start because somebody else does not answer; a setter does not."""
DESK = re.compile(r"(?:^|[._\s(])(?:DEV|DEBUG|DEVELOPMENT)(?:[_\s)]|$)")
DETACHED = ("start_new_session", "preexec_fn", "process_group", "creationflags")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    started = [r for r in project.resources if r.kind == "process"]
    left: dict[str, list[Finding]] = {"certain": [], "likely": []}
    told = set()
    for resource in started:
        limited = _given_up(resource)
        if limited is not None and _lasts(project, resource):
            told.add(id(resource))
            confidence = "certain" if _nobody_can_end(project, resource) else "likely"
            left[confidence].append(_left_behind(project, resource, limited, confidence))
    # how children are started, and left, is a habit of the code base
    for findings in left.values():
        yield from as_one(findings)
    yield from as_one(finding for r in started if id(r) not in told for finding in _process(project, r))
    yield from _between_start_and_return(project)


def _lasts(project: Project, resource: Resource) -> bool:
    """Whether a program that stays up starts the child, and keeps it to itself."""
    _, phases = lasting_phases(project, resource.site)
    handed_on = resource.kept.scope in ("with", "returned", "argument", "collection")
    return bool(phases & {"serving", "startup"}) and not handed_on


def _given_up(resource: Resource) -> Site | None:
    """The wait that ends before its child does, of which no other call of the program makes an end."""
    if {stop.how for stop in resource.stops} & (FORCE - {"with"}) or not resource.dotted.endswith("Popen"):
        return None
    limited = (s.site for s in resource.stops if s.how in ("wait", "communicate") and s.bounded is True)
    return next((site for site in limited if site is not None), None)


def _nobody_can_end(project: Project, resource: Resource) -> bool:
    """Whether the child's only handle is one that nothing else of the program sees (``Popen(…).communicate(timeout=9)``), its number is
    not looked up either, and it is none that ends by itself, or is meant to live on."""
    if resource.kept.scope not in ("chained", "dropped", "local") or (resource.kept.scope == "local" and _handed_on(resource)):
        return False
    if _detached(resource) or _ended_by_pid(project, resource) or project.doubtful(resource.function):
        return False
    if "timeout" in _programs(next(iter(resource.site.call.args), None), resource):
        return False
    return bool(project.runs_in(resource.site, "serving", kinds=("service", "worker")))


def _handed_on(resource: Resource) -> bool:
    """Whether a child's name stands anywhere but before one of its methods, or its number is taken."""
    names = (resource.kept.name, f"{resource.kept.name}.pid")
    return any(
        isinstance(node, m.Name) and node.id in names
        for place in resource.function.places
        for expr in ((place.stmt.value,) if isinstance(place.stmt, m.Assign) else own_expressions(place.stmt))
        if expr is not None
        for node in m.walk(expr)
    )


def _left_behind(project: Project, resource: Resource, site: Site, confidence: str) -> Finding:
    return RULE.at(
        project,
        site,
        f"{_called(site)}() gives up after its limit, but nothing ends the child that {resource.path}:{resource.line} started: it goes "
        "on, and each try adds one",
        "except TimeoutExpired: terminate(), wait(timeout=…), kill(), wait(); subprocess.run(…, timeout=…) does so by itself",
        severity="medium" if confidence == "certain" else None,
        confidence=confidence,
        kinds=("service", "worker"),
    )


def _called(site: Site) -> str:
    """The call as it is written, without what made its receiver."""
    return site.text if site.text.rpartition(".")[0].replace(".", "").isidentifier() else f"Popen(…).{site.method}"


def _process(project: Project, resource: Resource) -> Iterator[Finding]:
    if not _lasts(project, resource):
        return
    phases = lasting_phases(project, resource.site)[1]
    if resource.stops or resource.started_at is None or resource.daemon is True or _detached(resource):
        return
    if _restarts_itself(resource) or any(isinstance(s.stmt, m.If) and DESK.search(source_of(s.stmt.test)) for s in resource.site.steps):
        return
    if (resource.kept.scope == "local" and escapes(resource)) or _ended_by_pid(project, resource):
        return
    yield RULE.at(
        project,
        resource.site,
        f"{resource.site.text}() starts a child process that nothing waits for or ends: it outlives a stop of its parent, and each one "
        "that has ended stays a zombie",
        "keep it and end it in a finally: terminate(), wait(timeout=…), kill(); or use subprocess.run(…, timeout=…)",
        severity=None if "startup" in phases or resource.kept.scope == "attribute" else "medium",
        kinds=("service", "worker"),
        # what is let go may be meant to live on its own, and the next Popen reaps it once it has ended (CPython, subprocess._cleanup)
        confidence="likely" if resource.kept.scope == "attribute" else "possible",
    )


def _restarts_itself(resource: Resource) -> bool:
    """The started program is the next run of this one, which ends right after: it is meant to outlive it."""
    ends = ("os._exit", "sys.exit", "os.execv")
    return any(s.dotted in ends and s.line > resource.line for s in resource.function.sites)


def _detached(resource: Resource) -> bool:
    """Meant to outlive the parent, or to die with it."""
    if any(resource.site.call.keyword(name) is not None for name in DETACHED):
        return True
    programs = _programs(next(iter(resource.site.call.args), None), resource)
    return any(program in LAUNCHERS for program in programs)


def _programs(command: m.Expr | None, resource: Resource) -> list[str]:
    """The programs that a literal command starts, without their folders: one of a list, each part of a shell's line."""
    bound = resource.function.bindings.get(command.id, []) if isinstance(command, m.Name) else []
    if len(bound) == 1:
        command = bound[0].expr
    listed = isinstance(command, m.Sequence)
    first = next(iter(command.items), None) if isinstance(command, m.Sequence) else command
    text = first.value if isinstance(first, m.Const) and isinstance(first.value, str) else ""
    parts = [text] if listed else re.split(r"[&|;]+", text)
    return [part.split()[0].rpartition("/")[2] for part in parts if part.split()]


def _ended_by_pid(project: Project, resource: Resource) -> bool:
    """A module that starts daemons also ends them by their process id, or by ``kill``: they are meant to last."""
    for func in project.functions:
        if func.module is resource.function.module:
            for site in func.sites:
                named = next(iter(site.call.args), None)
                first = next(iter(named.items), None) if isinstance(named, m.Sequence) else named
                text = first.value if isinstance(first, m.Const) and isinstance(first.value, str) else ""
                if site.dotted in ("os.kill", "os.killpg") or (
                    (site.dotted or "").startswith("subprocess.") and text.split(" ")[0] in ("kill", "pkill", "killall")
                ):
                    return True
    return False


def _between_start_and_return(project: Project) -> Iterator[Finding]:
    """``x = await start(); y = await x.connect(); return x, y``: a failure of the second leaves the first running."""
    for func in project.functions:
        for place in func.places:
            start = _starts_client(func.sites, place)
            if start is None or not lasting_phases(project, start)[0]:
                continue
            name = _target(place)
            if name is None or _guarded(start) or not _handed_over(func.places, name):
                continue
            risky = next(
                (
                    s
                    for s in func.sites
                    if s.line > start.line
                    and s.text.startswith(f"{name}.")
                    and (s.awaited or s.method.startswith(CONNECTS))
                ),
                None,
            )
            if risky is None or _ended_here(func.sites, name) or _guarded(risky):
                continue
            yield RULE.finding(
                risky.path,
                risky.line,
                f"When {risky.text}() fails, the process that line {start.line} started is never ended: it was not handed over yet, so no "
                "caller can stop it, and each failure leaves one more",
                f"put it into a try: on failure stop {name} and raise",
                end_line=risky.call.end_line,
                phase="serving",
                entrypoints=lasting_phases(project, start)[0],
                trace=(Evidence(start.path, start.line, f"{start.text}() starts it"),),
                anchor=f"{func.qualname}:{risky.text}",
                # somebody else has to answer, and fails to now and then; what else is awaited may hardly ever fail
                confidence="certain" if risky.method.startswith(CONNECTS) else "likely",
                severity="medium",
            )


def _starts_client(sites: tuple[Site, ...], place: Place) -> Site | None:
    """The call of a statement that starts a process and gives an object to end it by."""
    stmt = place.stmt
    if not isinstance(stmt, m.Assign) or stmt.value is None:
        return None
    value = stmt.value.value if isinstance(stmt.value, m.Await) else stmt.value
    if not isinstance(value, m.Call):
        return None
    site = next((s for s in sites if s.call is value), None)
    if site is None:
        return None
    names = [site.dotted, (site.dotted or "").removesuffix("().start").removesuffix(".start")]
    inner = value.func.value if isinstance(value.func, m.Attr) and value.func.name == "start" else None
    if isinstance(inner, m.Call):
        names += [s.dotted for s in sites if s.call is inner]
    for name in names:
        row = child_started_by(name) if name else None
        if row is not None and not row.scoped and row.group:
            return site
    return None


def _target(place: Place) -> str | None:
    stmt = place.stmt
    if isinstance(stmt, m.Assign) and len(stmt.targets) == 1 and isinstance(stmt.targets[0], m.Name):
        return stmt.targets[0].id if "." not in stmt.targets[0].id else None
    return None


def _handed_over(places: tuple[Place, ...], name: str) -> bool:
    return any(
        isinstance(p.stmt, m.Return) and p.stmt.value is not None and name in names_in(p.stmt.value) for p in places
    )


def _guarded(site: Site) -> bool:
    return any(isinstance(s.stmt, m.Try) and s.arm == "body" and (s.stmt.final or s.stmt.handlers) for s in site.steps)


def _ended_here(sites: tuple[Site, ...], name: str) -> bool:
    return any(
        s.text in (f"{name}.stop", f"{name}.close", f"{name}.quit", f"{name}.kill", f"{name}.terminate") for s in sites
    )
