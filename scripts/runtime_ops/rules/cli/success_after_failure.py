"""A command that fails and still ends with status 0."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.names import canonical
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.failure_signs import is_metric
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import ends, statements_after, takes_anything
from runtime_ops.project.launch import Launch
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.loops import is_endless
from runtime_ops.project.management_commands import command_of
from runtime_ops.project.model import Func, Klass, Place, Site
from runtime_ops.project.signals import RAISING_CALLS
from runtime_ops.project.source_text import arguments_text, literal_words, source_of
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.cli._commands import FAILURE, FINE, commands, interactive, keeps_status, prompted
from runtime_ops.rules.cli._counted_failures import Counted, counted_failures
from runtime_ops.rules.cli._given_up import GivenUp, given_up_commands, given_up_starts
from runtime_ops.rules.cli._refused_changes import Refusal, changes_something, refused_changes
from runtime_ops.rules.cli._service_ends import CaughtEnd, JoinedEnd, caught_ends, joined_ends
from runtime_ops.rules.cli._shell_exits import shell_findings
from runtime_ops.rules.cli._started_by import goes_by_status, is_called, is_named, is_started, launches_of, nobody_asks
from runtime_ops.rules.jobs._words import optional
from runtime_ops.rules.logging.unwatched_thread import can_fail

RULE = Rule(
    __name__,
    severity="medium",
    summary="A command prints or logs a failure and ends with status 0, so scripts and schedulers take it for success.",
)
PAUSES = frozenset({"sleep"})
EXPECTED = frozenset(
    "KeyboardInterrupt StopIteration GeneratorExit ImportError ModuleNotFoundError EOFError BrokenPipeError".split()
)
LOUD = frozenset({"warning", "error", "exception", "critical"})
WARNS = re.compile(r"(?i)\bstyle\.(?:warning|notice)\b|[\"']yellow[\"']")
"""How a text is written that its author takes for a warning."""
ONCE = re.compile(
    r"(?i)back_?fill|one[-_ ]?off|one[-_ ]time|once it (?:has|is)|remove (?:this )?(?:command|once|after)|dry[-_]run"
    r"|\binit(?:iali[sz]e)?[-_ ](?:the )?(?:db|database)\b|\bfixtures?\b"
)
"""What marks a command that a person runs once, at a desk, and whose texts that person reads."""
MEASURES = frozenset("cProfile profile pstats timeit pytest unittest".split())
"""What a developer's own tool imports."""
TELLS = re.compile(r"(?:^|_)(?:version|info|status|list|ls|show|print|display|describe|dump|debug)(?:_|$)")
"""Commands that tell how things are."""
COLLECTS = re.compile(r"(?i)(?:^|_)(?:fail(?:ed|ures?|s)?|errors?|problems)(?:_|$)")
"""Names of what a function collects of the items that it could not deal with."""
EXITS = frozenset("sys.exit exit quit os._exit".split())
ASIDE = re.compile(r"(?i)cache|metric|statsd|telemetry|analytics")
"""What calls are made on whose failure takes nothing from the work itself."""
NOTICES = re.compile(r"(?i)noti(?:f|ce)|slack|telegram|(?:^|_)tell(?:_|$)|announce|telemetry|statistics|ping")
HABIT = 6  # more are how the commands of this code base are written
FEW = 3  # commands that tell of what they refused: more are one habit
DEPTH = 2  # functions below the command that work for it alone


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    commanded = commands(project)
    asking = {f for f in commanded if prompted(f) and not is_called(project, f, commanded)}
    owners = _owners(project)
    loops: set[Func] = set()
    told: dict[Func, list[HandlerEffects]] = {}
    for effects in project.failures:
        if effects.func not in owners or not _hides(project, effects):
            continue
        command = owners[effects.func]
        if _at_a_desk(project, command, commanded) or interactive(command) or command in asking or _reads_its_own(effects):
            continue
        if effects.loop is None and _goes_on(project, effects.func, command):
            continue
        if effects.func is not command and project.function_runs_in(
            effects.func, "serving", kinds=("service", "worker")
        ):
            continue
        if effects.loop is not None or _is_item(project, effects, owners):
            looked_at = _somebody_looks(project, command, commanded) and not _rehearsed(effects)
            if effects.func in loops or not looked_at:
                continue  # one habit of one command
            loops.add(effects.func)
        told.setdefault(effects.func, []).append(effects)
    found = [_of_function(project, arms, owners[func], commanded) for func, arms in told.items()]
    yield from as_one(found) if len(found) > HABIT else found
    yield from _dropped_failures(project, commanded)
    yield from _bare_exit(project, owners, commanded)
    yield from shell_findings(project, RULE)
    yield from _signals_itself(project)
    joined = list(joined_ends(project))
    yield from (_of_joined_end(project, end) for end in joined)
    ended = {end.entrypoint for end in joined}
    seen: set[tuple[str, int]] = set()
    for caught in caught_ends(project):
        at = (caught.effects.path, caught.effects.line)
        if caught.entrypoint not in ended and at not in seen:
            seen.add(at)
            yield _of_caught_end(project, caught)
    left: set[tuple[str, int]] = set()
    for given in given_up_starts(project):
        at = (given.func.path, given.leave.line)
        if at not in left:
            left.add(at)
            yield _of_given_up(project, given)
    refused = list(refused_changes({f: e for f, e in commanded.items() if f not in told and f not in asking}, project.links))
    changes = [_of_refused_change(project, refusals) for refusals in refused]
    yield from as_one(changes) if len(changes) > FEW else changes
    seen_to = {*told, *asking, *(refusals[0].func for refusals in refused)}
    gave_up = [_of_command_given_up(project, given, commanded) for given in given_up_commands(commanded) if given.func not in seen_to]
    yield from as_one(gave_up) if len(gave_up) > HABIT else gave_up
    typed = {f for f in project.functions if f.name == "handle" and f.cls is not None and is_management_command(f.path)}
    known = sorted({*commanded, *typed} - seen_to, key=lambda f: (f.path, f.line))
    yield from as_one([_of_counted(project, counted, commanded) for counted in counted_failures(known)])


def _owners(project: Project) -> dict[Func, Func]:
    """Commands, and functions that only one command calls, directly or through another such function, with the command."""
    found: dict[Func, Func] = {func: func for func in commands(project)}
    level = list(found)
    for _ in range(DEPTH):
        below = []
        for func in level:
            for edge in project.links.callees.get(func, ()):
                callers = {e.caller for e in project.links.callers.get(edge.callee, ())}
                if edge.how == "call" and callers == {func} and edge.callee not in found and not edge.site.used:
                    found[edge.callee] = found[func]
                    below.append(edge.callee)
        level = below
    return found


def _somebody_looks(project: Project, command: Func, commanded: dict[Func, Entrypoint]) -> bool:
    """Whether an artifact runs the command, so that a status that hides some failed items deceives it: a person who runs a
    tool by hand reads what is printed."""
    return not project.launches or is_started(project, command, commanded)  # without one nothing says how it is run


def _at_a_desk(project: Project, command: Func, commanded: dict[Func, Entrypoint]) -> bool:
    """Whether only a person runs the command, who reads its texts: it says that it is for one time, can be rehearsed, or
    measures code, and nothing starts it."""
    if is_called(project, command, commanded):
        return False
    parts = [command.path.rpartition("/")[2], command.name, command.facts.doc or "", *m.texts(command.facts.body)]
    if is_management_command(command.path) and command.cls is not None:
        parts += [command.module.level.facts.doc or "", command.cls.facts.doc or "", *m.texts(command.cls.facts.body)]
        parts += [text for method in command.cls.methods.values() for text in m.texts(method.facts.body)]
    return any(ONCE.search(part) for part in parts) or any(
        isinstance(n, m.Import) and n.target.split(".")[0] in MEASURES for n in m.walk(command.facts.body)
    )


def _reads_its_own(effects: HandlerEffects) -> bool:
    """Whether the body opens a file that lies beside the program: it is there whenever the program is."""
    return any(isinstance(n, m.Name) and n.id == "__file__" for n in m.walk(effects.attempt.body)) and not any(
        site.targets for site in effects.body_calls
    )


def _goes_on(project: Project, func: Func, command: Func) -> bool:
    """Whether the command goes on to other work of the project after the helper came back: the helper's failure is then no
    end of the command."""
    if func is command:
        return False
    edges = [e for e in project.links.callers.get(func, ()) if e.how == "call"]
    for edge in edges:
        after = statements_after(Place(edge.site.stmt, edge.site.steps), edge.caller)
        if any(_works(s) and s.targets for stmt in after for s in _sites(stmt, edge.caller)):
            return True
        if _goes_on(project, edge.caller, command):
            return True
    return False


def _is_last(project: Project, func: Func, command: Func) -> bool:
    """Whether the work that failed is the last of the command, or the one that it has its name from."""
    if func is command or func.name == command_of(command.path):
        return True
    edges = [e for e in project.links.callers.get(func, ()) if e.how == "call"]
    return bool(edges) and all(
        not any(_works(s) for stmt in statements_after(Place(e.site.stmt, e.site.steps), e.caller) for s in _sites(stmt, e.caller))
        and _is_last(project, e.caller, command)
        for e in edges
    )


def _beside(*funcs: Func) -> bool:
    """Whether a command only makes things better or tells of them (a cache, a notice): what starts behind it can do without."""
    named = [part for func in funcs for part in (func.name, func.path.rpartition("/")[2].removesuffix(".py"))]
    return any(optional(name) or NOTICES.search(name) for name in named)


def _works_aside(effects: HandlerEffects) -> bool:
    """Whether all that was tried is of a cache, a metric or the like (``StalenessCache.delete(key)`` once the rows are written)."""
    working = [site for site in effects.body_calls if _works(site)]
    return bool(working) and all(ASIDE.search(site.text) for site in working)


def _only_tells(effects: HandlerEffects, command: Func) -> bool:
    """Whether all that was tried is to tell somebody of the work (``self.send_notification_emails(results)``), in a command that is
    for other work: a run that could not tell of itself has still done it."""
    working = [site for site in effects.body_calls if _works(site)]
    named = f"{command.name} {command.path.rpartition('/')[2]}"
    return bool(working) and not NOTICES.search(named) and all(NOTICES.search(site.method) for site in working)


def _is_item(project: Project, effects: HandlerEffects, owners: dict[Func, Func]) -> bool:
    """Whether the function deals with one item of a command's loop: each call of it stands in a ``for``."""
    edges = [e for e in project.links.callers.get(effects.func, ()) if e.how == "call"]
    return (
        effects.func is not owners[effects.func]
        and bool(edges)
        and all(any(isinstance(s.stmt, m.For) and s.arm == "body" for s in e.site.steps) for e in edges)
    )


def _rehearsed(effects: HandlerEffects) -> bool:
    """Whether the loop can be run for show only (``dry_run``): whoever rehearses reads what is printed."""
    return effects.loop is not None and any(re.fullmatch(r"dry_?run", p.name) for p in effects.func.facts.params)


def _hides(project: Project, effects: HandlerEffects) -> bool:
    if keeps_status(effects.handler, effects.func):
        return False
    if TELLS.search(effects.func.name):
        return False  # what could not be asked is part of the answer
    if effects.raises != "never" or any(not e.success for e in effects.exits) or effects.settles or effects.answers:
        return False
    if any(e.success and e.code != "unknown" for e in effects.exits):
        return False  # it says that this is a success
    if any(node.func.id in EXITS for node in m.calls(effects.attempt.final) if isinstance(node.func, m.Name)):
        return False  # ``finally: sys.exit(code)``: the status is made there
    tails = {c.rpartition(".")[2] for c in effects.catches}
    if tails & EXPECTED or effects.stores or interactive(effects.func):
        return False
    if any(s.text.endswith((".fail", ".abort", ".error", ".exit")) and not _logs(s, effects) for s in effects.calls):
        return False
    said = " ".join(
        [*(literal_words(s.call) for s in effects.prints), *(literal_words(c.site.call) for c in effects.logs)]
    )
    loud = effects.loudest in ("error", "critical") or bool(effects.tracebacks) or _prints_it(effects)
    if not (effects.prints or effects.logs) or FINE.search(said) or not (loud or FAILURE.search(said)):
        return False
    if effects.loudest in ("debug", "info", "warning") and not effects.prints:
        return False
    if not loud and any(WARNS.search(arguments_text(s.call)) for s in effects.prints):
        return False  # a lesser result that is still one
    if any(isinstance(s.stmt, m.While) and is_endless(s.stmt) for s in effects.steps):
        return False  # a service of its own
    if any(s.handler is not None and ends(s.handler.body, effects.func) == {"raise"} for s in effects.steps):
        return False  # while another failure is on its way up
    place = Place(effects.attempt, effects.steps)
    if effects.loop is not None:
        return effects.ends <= {"fall", "continue"} and not _counted(effects) and not _wait_loop(effects)
    if effects.ends <= {"return"}:
        return all(r.kind in ("none",) for r in effects.returns)
    if "fall" not in effects.ends:
        return False
    # the main work failed: what follows only closes or tells
    return not any(_works(s) for stmt in statements_after(place, effects.func) for s in _sites(stmt, effects.func))


def _prints_it(effects: HandlerEffects) -> bool:
    """``print(error)``: the failure itself is the text."""
    bound = effects.handler.bound
    return bool(bound) and any(isinstance(arg, m.Name) and arg.id == bound for s in effects.prints for arg in s.call.args)


def _logs(site: Site, effects: HandlerEffects) -> bool:
    return any(c.site is site for c in effects.logs)


def _sites(stmt: m.Stmt, func: Func) -> list[Site]:
    known = {id(s.call): s for s in func.sites}
    return [known[id(c)] for c in m.calls(stmt) if id(c) in known]


def _works(site: Site) -> bool:
    """More than telling and closing."""
    return site.method not in (
        "print", "echo", "secho", "info", "debug", "warning", "error", "close", "disconnect", "shutdown", "stop", "format", "write",
        "unlink", "remove", "rmtree", "cleanup", "quit", "style", "SUCCESS", "flush", "len", "str", "join", "time", "exit",
    )  # fmt: skip


def _counted(effects: HandlerEffects) -> bool:
    """The arm leaves something that a later exit can look at: any name is bound in it, or something is appended."""
    for node in m.walk(effects.handler.body):
        if isinstance(node, m.Assign | m.AugAssign):
            return True
    # a metric tells whoever watches it, and no exit looks at it
    return any(s.method in ("append", "add", "put", "incr", "inc", "save") and not is_metric(s) for s in effects.calls)


def _wait_loop(effects: HandlerEffects) -> bool:
    """A loop that tries one thing until it works."""
    loop = effects.loop
    if isinstance(loop, m.While):
        return True
    assert loop is not None
    over = source_of(loop.iterable)
    return over.startswith("range(") or any(s.method == "sleep" for s in effects.calls)


def _of_function(project: Project, arms: list[HandlerEffects], command: Func, commanded: dict[Func, Entrypoint]) -> Finding:
    """One finding for the arms of a function: those of the first ``try`` by name, the others as further places."""
    effects, *others = arms
    same = [arm for arm in others if arm.attempt is effects.attempt]
    caught = " / ".join(dict.fromkeys(c.rpartition(".")[2] for arm in (effects, *same) for c in arm.catches))
    name = effects.func.name
    if effects.loop is not None:
        text = (
            f"an item that fails ({caught or 'any exception'}) is only reported, and no count or flag reaches the exit status: "
            f"{name}() ends with 0"
        )
        remedy = "count the failures and end with a non-zero status when there are any"
    else:
        text = (
            f"{name}() catches {caught or 'any exception'}, tells of it and ends with status 0: a script or scheduler takes the "
            "failure for success"
        )
        remedy = "end with a non-zero status: raise SystemExit(1), ctx.exit(1), CommandError, or let the exception pass"
    told = effects.prints[0].line if effects.prints else effects.logs[0].site.line if effects.logs else effects.line
    unread = nobody_asks(project, command, commanded)
    recorded = not effects.prints and bool(effects.tracebacks)
    started = is_called(project, command, commanded)
    typed = _typed(project, command, started=started) or _one_call(effects, started)
    excused = unread or typed or (recorded and not started) or _left_for_later(effects) or _only_tells(effects, command)
    reads = [x for x in launches_of(project, command, commanded) if goes_by_status(x)] if started else []
    # nothing starts behind a job of its own: whatever it is for, its status is the record of the run
    beside = _beside(effects.func, command) and not any(x.role == "job" for x in reads)
    whole = effects.loop is None and effects.broad and _is_last(project, effects.func, command) and not beside
    looked_at = bool(reads) and not _works_aside(effects)
    # the name says that a script may rely on what the command leaves behind
    relied_on = changes_something(command, project.links) and not unread and not _left_for_later(effects)
    finding = RULE.in_function(
        project,
        effects.func,
        effects.line,
        text,
        remedy,
        end_line=max(effects.line, told) if told <= effects.handler.end_line else effects.line,
        severity=None if started and not (recorded and effects.loop is not None) else "low",  # else a person runs it
        # a record with the traceback is how such failures are followed where no artifact reads the status
        confidence="certain" if relied_on else "possible" if excused else "certain" if whole and looked_at else "likely",
        phase="serving",
    )
    also = tuple(Evidence(arm.path, arm.line, "the same") for arm in others[:8])
    return replace(finding, count=len(arms), also=also)


def _left_for_later(effects: HandlerEffects) -> bool:
    """An item of which a named state is foreseen, with a comment that says why it is passed over."""
    return effects.loop is not None and not effects.broad and effects.handler.commented


def _typed(project: Project, command: Func, *, started: bool) -> bool:
    """Whether a management command has its user before it: the repository tells how it starts its programs, and this is none."""
    return is_management_command(command.path) and not started and bool(project.launches)


def _one_call(effects: HandlerEffects, started: bool) -> bool:
    """A management command that is one call for whoever types it, and answers with the error's text."""
    func = effects.func
    whole = is_management_command(func.path) and func.name == "handle" and effects.loop is None and effects.broad
    return whole and not started and effects.uses_error and effects.body_statements == 1


def _dropped_failures(project: Project, commanded: dict[Func, Entrypoint]) -> Iterator[Finding]:
    """``archive(items)`` as a statement of a command, where ``archive`` answers which items failed: nobody asks."""
    for command in commanded:
        for site in command.sites:
            if site.used or not isinstance(site.stmt, m.ExprStmt) or len(site.targets) != 1 or site.weak:
                continue
            kept = _collected_failures(project, site.targets[0])
            if not kept or interactive(command) or _at_a_desk(project, command, commanded):
                continue
            yield RULE.at(
                project,
                site,
                f"{site.text}() answers in {kept} what failed, and {command.name}() drops the answer: the command ends with status 0 "
                "whatever could not be done",
                "look at the answer: tell how many failed, and end with a non-zero status when there are any",
                severity=None if is_called(project, command, commanded) else "low",
                # a field of an object may hold what a later step deals with
                confidence="certain" if "." not in kept and changes_something(command, project.links) else "likely",
            )


def _collected_failures(project: Project, func: Func) -> str:
    """The name under which a function collects its failures and which it returns: a mapping or list that an ``except`` arm
    fills, or an object of the project with a field for them."""
    answers = [p.stmt.value for p in func.places if isinstance(p.stmt, m.Return)]
    returned = {answer.id for answer in answers if isinstance(answer, m.Name) and "." not in answer.id}
    for arm in (n for p in func.places if isinstance(p.stmt, m.Try) for n in p.stmt.handlers):
        for node in m.walk(arm.body):
            targets = node.targets if isinstance(node, m.Assign) else ()
            filled = [source_of(t.value) for t in targets if isinstance(t, m.Subscript)]
            if isinstance(node, m.Call) and source_of(node.func).endswith((".append", ".add")):
                filled.append(source_of(node.func).rpartition(".")[0])
            name = next((f for f in filled if f in returned and COLLECTS.search(f)), "")
            if name:
                return name
    for name in sorted(returned):
        bindings = func.bindings.get(name, ())
        made = bindings[0].expr if len(bindings) == 1 else None
        value = project.links.names.value(made.func, func) if isinstance(made, m.Call) else None
        if value is not None and isinstance(value.target, Klass):
            fields = [t.id for s in value.target.facts.body if isinstance(s, m.Assign) for t in s.targets if isinstance(t, m.Name)]
            found = next((f for f in fields if COLLECTS.search(f) and not f.isupper()), "")
            if found:
                return f"{value.target.name}.{found}"
    return ""


def _bare_exit(project: Project, owners: dict[Func, Func], commanded: dict[Func, Entrypoint]) -> Iterator[Finding]:
    """``log.error("SETTING is required"); sys.exit()``: the program gives up on a fault, and its status says success."""
    for site in project.sites("sys.exit", "exit", "quit"):
        func = site.function
        status = site.call.args[0] if site.call.args else None
        written = isinstance(status, m.Const) and status.value == 0
        if (status is not None and not written) or site.call.keywords or not isinstance(site.stmt, m.ExprStmt) or interactive(func):
            continue
        # by where the text ends: one that is long stands over several lines
        near = (s for s in func.sites if s.line < site.line <= s.call.end_line + 3)
        said = next((s for s in near if _tells_of_error(s, site)), None)
        if said is not None and (project.phases(site) or project.imported_by(func.module)):
            runs = project.runs_in(site, "import", "startup", "serving", "shutdown", kinds=("service", "worker", "job"))
            by_hand = is_management_command(func.path) and not is_named(project, func.path)
            command = owners.get(func)
            reads = command is not None and any(goes_by_status(x) for x in launches_of(project, command, commanded))
            yield RULE.at(
                project,
                site,
                f"{source_of(site.call) if written else f'{source_of(site.call.func)}() without a status'} after the error of line "
                f"{said.line} ends with 0: a supervisor, a job or a "
                "script takes the failed start for success, and nothing restarts it or warns",
                "give the status: sys.exit(1), or sys.exit(text), which writes the text to stderr and ends with 1",
                confidence="possible" if by_hand or _started_again(runs) else "certain" if reads and not written else "likely",
            )


def _started_again(runs: Iterable[Entrypoint]) -> bool:
    """Whether whatever starts the program starts it again after any end, with status 0 too: the status then changes nothing
    but the record of the end. A compose service without ``restart`` beside such a platform is started again after no end."""
    launches = [x for e in runs for x in e.launches if x.platform not in ("shell", "packaging", "dockerfile")]
    asked = [x for x in launches if x.service is None or x.service.restart is not None]
    return bool(asked) and all(_any_end(x) for x in asked)


def _any_end(launch: Launch) -> bool:
    if launch.service is not None:
        restart = launch.service.restart
        return restart is not None and restart.text.strip("'\"") in ("always", "unless-stopped", "any")
    return launch.workload is not None and launch.role == "main"


def _tells_of_error(site: Site, exit_: Site) -> bool:
    call = log_call(site)
    loud = call is not None and call.at_least("error")
    return loud and [s.stmt for s in site.steps] == [s.stmt for s in exit_.steps] and not FINE.search(literal_words(site.call))


def _signals_itself(project: Project) -> Iterator[Finding]:
    """``os.kill(os.getpid(), SIGTERM)`` ends a run whose failures were only logged, and the handler exits with 0."""
    handlers = {r.handler for r in project.registrations if r.handler is not None and "SIGTERM" in r.signals}
    if not any(_exits_with_zero(h) for h in handlers):
        return
    for site in project.sites("os.kill", "signal.raise_signal"):
        if site.dotted == "os.kill" and not (site.call.args and source_of(site.call.args[0]).endswith("getpid()")):
            continue
        sent = site.call.args[-1] if site.call.args else None
        if sent is not None and source_of(sent).endswith("SIGKILL"):
            continue  # no handler sees it, and the status tells of it
        func = site.function
        failed = [s for s in func.sites if s.method in LOUD and FAILURE.search(literal_words(s.call))]
        first = next((s for s in project.sites("os.kill") if s.function is func), site)
        if failed and site is first and project.phases_by_entrypoint(func):
            yield RULE.at(
                project,
                site,
                f"{func.name}() ends the run by a signal to its own process, whose handler exits with 0: the failures logged in "
                f"line {failed[0].line} end as success for CI or cron",
                "keep the outcome and exit with it: set a status before the signal and pass it to sys.exit in the handler",
                severity="high",
            )


def _exits_with_zero(handler: Func) -> bool:
    for site in handler.sites:
        if canonical(site.dotted or site.text) in RAISING_CALLS:
            given = site.call.args[0] if site.call.args else None
            return given is None or (isinstance(given, m.Const) and not given.value)
    return False


def _of_caught_end(project: Project, end: CaughtEnd) -> Finding:
    what = " / ".join(c.rpartition(".")[2] for c in end.effects.catches) or "every exception"
    told = "tells of it and " if end.effects.logs or end.effects.prints else ""
    return RULE.in_function(
        project,
        end.effects.func,
        end.effects.line,
        f"{end.effects.func.name}() catches {what} around the {end.entrypoint.kind}'s whole life, {told}ends with status 0: "
        + _taken_for(end.entrypoint),
        "let it pass, or end with a non-zero status after the log line: raise, or raise SystemExit(1)",
        severity=_severity_of_end(end.entrypoint),
        confidence="certain" if _is_crash(end) else "likely",
        phase="serving",
    )


def _of_given_up(project: Project, given: GivenUp) -> Finding:
    again = _started_again((given.entrypoint,))
    return RULE.in_function(
        project,
        given.func,
        given.leave.line,
        f"{given.func.name}() returns here before the {given.entrypoint.kind} serves, after the error of line {given.said.line}"
        + ("" if given.said.function is given.func else f" of {given.said.path.rpartition('/')[2]}")
        + f": the program ends with status 0 without having worked, and {_taken_for(given.entrypoint)}",
        "end with a non-zero status: raise SystemExit(1) behind the log line, or let the failure pass",
        severity="low" if again else None,
        # a console script that nothing else names is as often typed by a person, who reads the line
        confidence="certain" if not again and any(x.platform != "packaging" for x in given.entrypoint.production) else "possible",
        phase="startup",
    )


def _of_command_given_up(project: Project, given: GivenUp, commanded: dict[Func, Entrypoint]) -> Finding:
    called = is_called(project, given.func, commanded)
    looked_at = called and any(goes_by_status(x) for x in launches_of(project, given.func, commanded))
    return RULE.in_function(
        project,
        given.func,
        given.leave.line,
        f"{given.func.name}() returns here after the error of line {given.said.line}, and the command ends with status 0: a script or "
        "scheduler takes the failure for success",
        "end with a non-zero status: raise SystemExit(1), ctx.exit(1), CommandError",
        severity=None if called else "low",
        confidence="certain" if looked_at and not _beside(given.func) else "possible",
        phase="serving",
    )


def _of_counted(project: Project, counted: Counted, commanded: dict[Func, Entrypoint]) -> Finding:
    started = is_called(project, counted.func, commanded)
    return RULE.in_function(
        project,
        counted.func,
        counted.said.line,
        f"{counted.func.name}() has kept in {counted.name} what failed, tells of it here and ends with status 0: a script or scheduler "
        "takes a run that did a part of the work for success",
        f"end with a non-zero status behind the text when {counted.name} is not empty: raise SystemExit(1), CommandError",
        severity=None if started else "low",
        phase="serving",
        confidence="possible" if _typed(project, counted.func, started=started) else "likely",
    )


def _of_refused_change(project: Project, refusals: list[Refusal]) -> Finding:
    first, *others = refusals
    finding = RULE.in_function(
        project,
        first.func,
        first.said.line,
        f"{first.func.name}() tells here that it could not do what it is there for, and the command ends with status 0: a script that "
        "calls it goes on as if the change were made",
        "end with a non-zero status behind the text: raise SystemExit(1), ctx.exit(1), click.ClickException",
        severity="low",  # a person at the terminal reads the text
        confidence="certain",
        phase="serving",
    )
    also = tuple(Evidence(refusal.said.path, refusal.said.line, "the same") for refusal in others[:8])
    return replace(finding, count=len(refusals), also=also)


def _is_crash(end: CaughtEnd) -> bool:
    """Whether the arm takes a failure of the program's own loop for its end: an error that is told of as one, with no pause by
    which a restart is meant to be slowed down. What a server library raises may be an end that somebody asked for."""
    loud = end.effects.loudest in ("error", "critical") or bool(end.effects.tracebacks)
    if not end.entrypoint.production or not loud or end.effects.counts or end.serving.how == "call":
        return False
    paces = any(site.method in PAUSES for site in end.effects.calls)
    return not paces and any(can_fail(site) for site in end.effects.body_calls if not _caught_within(end, site))


def _caught_within(end: CaughtEnd, site: Site) -> bool:
    """Whether an inner ``try`` of the body takes every failure of the call, so that it never comes to the arm."""
    inner = site.steps[len(end.effects.steps) + 1 :]
    return any(isinstance(s.stmt, m.Try) and s.arm == "body" and any(map(takes_anything, s.stmt.handlers)) for s in inner)


def _taken_for(entrypoint: Entrypoint) -> str:
    if _started_again((entrypoint,)):
        return (
            "the platform starts it again, but as after a wanted stop: the record of the end says completed, and what counts failed "
            "containers sees none"
        )
    return (
        "a crash or a failed start looks like a wanted stop, and what restarts on failure (systemd, compose, a Job) does nothing"
    )


def _severity_of_end(entrypoint: Entrypoint) -> str:
    return "medium" if entrypoint.production and not _started_again((entrypoint,)) else "low"


def _of_joined_end(project: Project, end: JoinedEnd) -> Finding:
    inner = end.join.inner
    assert inner is not None
    return RULE.at(
        project,
        end.started,
        f"the {end.entrypoint.kind} lives in the thread of {inner.name}(), which an exception of {end.failing.text}() "
        f"(line {end.failing.line}) ends; join() then returns as after a wanted stop, and the program ends with status 0",
        "serve in the main thread, or keep the failure in the thread's target and end with a non-zero status after join()",
        severity=_severity_of_end(end.entrypoint),
        confidence="certain" if end.entrypoint.production and not _minded(end.failing) else "likely",
    )


def _minded(site: Site) -> bool:
    """Whether a ``try`` within the loop takes some failures of a call, perhaps those that there are, and no arm around the loop
    says that another one is the thread's end."""
    loop = next((i for i, step in enumerate(site.steps) if isinstance(step.stmt, m.While | m.For)), 0)
    around, within = site.steps[:loop], site.steps[loop:]
    ends_it = any(
        isinstance(step.stmt, m.Try) and step.arm == "body" and any(map(takes_anything, step.stmt.handlers)) for step in around
    )
    return not ends_it and any(isinstance(step.stmt, m.Try) and step.arm == "body" and step.stmt.handlers for step in within)
