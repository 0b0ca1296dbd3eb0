"""A long-running program whose way of serving leaves SIGTERM to its default."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import Dockerfile, KubernetesFile
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.servers import server_run_by
from runtime_ops.libraries.surface import surface
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint, is_management_command
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.main_blocks import main_block
from runtime_ops.project.resources import Resource
from runtime_ops.project.serving_places import ServingPlace
from runtime_ops.project.signals import Registration
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.shutdown._at_stake import at_stake, given_up, hands_back, in_hand, lost, skipped, transacts
from runtime_ops.rules.shutdown._launched import own_image
from runtime_ops.rules.shutdown._long_running import as_pid1, registrations_of, serving_places
from runtime_ops.rules.shutdown._reloading import reloads
from runtime_ops.rules.shutdown._running import for_developers, names_in

RULE = Rule(
    __name__,
    severity="medium",
    summary="A service or worker does not handle SIGTERM: a stop is a crash, or, as PID 1, is ignored until SIGKILL.",
    lead=True,
)


HABIT = 3
"""So many programs written alike are told once, with a count."""
BY_HAND = ("shell", "packaging")
"""Platforms of which no signal is known: somebody types the command."""
WHOLE_GROUP = frozenset({"procfile", "heroku", "systemd"})
"""Platforms that signal every process, also below a shell."""
PRINTS = frozenset({"print", "click.echo", "click.secho", "click.clear", "self.stdout.write", "sys.stdout.write"})
TRIES = re.compile(r"_?(?:test|demo|example|try|self_?test|check)(?:_|$)")
INTERRUPTS = re.compile(r"\bkill\b[^;&|]*(?:INT|-2)\b")
DESK = re.compile(r"(?i)development server|for development|debug(?:ging)? server|not for production")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported = set()
    alike: dict[tuple[str, ...], list[Finding]] = {}
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running or entrypoint.app or started_otherwise(project, entrypoint):
            continue
        if for_developers(project, entrypoint) or _typed(project, entrypoint) or _tries_out(entrypoint):
            continue
        place = next((p for p in serving_places(project, entrypoint) if _left_open(project, entrypoint, p)), None)
        if place is None:
            continue
        # a shell that stays is another mend where the program itself would end in order, and it would not: it waits for Ctrl-C alone
        outside = signal_stays_outside(entrypoint) and for_interrupts_alone(project, entrypoint) is None
        if outside or written_in_image(project, entrypoint) or _loses_nothing(project, entrypoint, place):
            continue
        finding = _finding(project, entrypoint, place, lost(project, entrypoint))
        if (finding.path, finding.line) in reported:
            continue  # programs that share the place share the mend
        reported.add((finding.path, finding.line))
        left_out = skipped(project, entrypoint)
        habit = (place.how, (place.site.dotted or "") if place.site is not None else "", left_out.text if left_out is not None else "")
        alike.setdefault(habit, []).append(finding)
    for findings in alike.values():
        # programs that are written alike are one habit, two may be a chance
        yield from as_one(findings) if len(findings) >= HABIT else findings


def _typed(project: Project, entrypoint: Entrypoint) -> bool:
    """A management command that no artifact starts, in a repository whose artifacts start others: who types it ends it."""
    platforms = {launch.platform for launch in entrypoint.launches}
    return is_management_command(entrypoint.path) and bool(project.launches) and platforms <= set(BY_HAND)


def _tries_out(entrypoint: Entrypoint) -> bool:
    """A ``__main__`` block that only calls ``test_…`` or ``demo…`` of its own file: it shows that the module works."""
    if not entrypoint.guarded or entrypoint.production:
        return False
    block = main_block(entrypoint.main.module)
    called = [
        func.name
        for site in entrypoint.main.sites
        if block is not None and any(step.stmt is block for step in site.steps)
        for func in site.targets
    ]
    return bool(called) and all(TRIES.match(name) for name in called)


def _left_open(project: Project, entrypoint: Entrypoint, place: ServingPlace) -> bool:
    """Whether the entrypoint serves at this place in production, and nothing there handles SIGTERM."""
    if at_the_desk(entrypoint, place) or DESK.search(place.function.facts.doc or ""):
        return False
    if not leaves_sigterm(place) or for_debugging(place) or reloads(entrypoint, place):
        return False
    return handled(project, entrypoint) is None


def _loses_nothing(project: Project, entrypoint: Entrypoint, place: ServingPlace) -> bool:
    """Whether dying at once is a good way to stop: nothing to clean up, pass on or finish, and no PID 1 that ignores it.

    A loop of its own may have any work in hand: there an artifact must say how the program is stopped, or the loop only
    shows something at a terminal.
    """
    if as_pid1(entrypoint) is not None or _minded(project, place) is not None:
        return False
    if place.how != "call" and not any(x.platform not in BY_HAND for x in entrypoint.production):
        return _dashboard(project, place)
    return not at_stake(project, entrypoint) and lost(project, entrypoint) is None


def _dashboard(project: Project, place: ServingPlace) -> bool:
    """A loop that prints in each turn and that Ctrl-C ends without anything to do: it is looked at, it serves nobody."""
    loop = place.loop
    interrupts = [
        handler
        for step in place.steps
        if isinstance(step.stmt, m.Try) and step.arm == "body"
        for handler in step.stmt.handlers
        if any(name.rpartition(".")[2] == "KeyboardInterrupt" for name in handler.types)
    ]
    if loop is None or not interrupts:
        return False
    if not all(isinstance(stmt, m.Pass | m.Break | m.Return) for handler in interrupts for stmt in handler.body):
        return False
    turn = [site for site in place.function.sites if any(step.stmt is loop for step in site.steps)]
    called = [site for first in turn if not first.weak for func in first.targets[:1] for site in func.sites]
    return any(site.text in PRINTS for site in (*turn, *called))


def signal_stays_outside(entrypoint: Entrypoint) -> bool:
    """Whether a shell that stays keeps the signal away from the program in every launch: that is another rule's finding."""
    started = [x for x in entrypoint.production if x.platform not in BY_HAND]
    return bool(started) and all(x.shell == "parent" and x.platform not in WHOLE_GROUP for x in started)


def written_in_image(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether a build step writes the script that starts the program, so that it cannot be read how the signal arrives."""
    if any(x.platform not in BY_HAND for x in entrypoint.launches):
        return False
    programs = {x.program for x in entrypoint.launches} | {x.chain[-1].text.partition("=")[0].strip() for x in entrypoint.launches}
    texts = [run.raw for file in project.artifacts_of(Dockerfile) for stage in file.stages for run in stage.runs]
    return any(
        re.search(rf"(?:echo|printf|cat)\b[^\n]*\b{re.escape(name)}\b[^\n]*\\?\s*>>?", text)
        for name in programs - {""}
        for text in texts
    )


def leaves_sigterm(place: ServingPlace) -> bool:
    """Whether the serving place itself does nothing about SIGTERM. Unknown libraries are believed to handle it."""
    if place.how in ("loop", "wait"):
        return True
    if place.site is None or place.site.dotted is None:
        return False
    server = server_run_by(place.site.dotted)
    if server is not None:
        return server.sigterm in ("none", "reloader")
    row = surface("serve", place.site.dotted)
    return row is not None and row.sigterm == "none"


def handled(project: Project, entrypoint: Entrypoint) -> Registration | None:
    """The registration by which the entrypoint handles SIGTERM, wherever it is made; one that cannot be read counts."""
    for registration in registrations_of(project, entrypoint):
        if ("SIGTERM" in registration.signals or not registration.signals) and registration.disposition != "SIG_DFL":
            return registration
    for registration in project.registrations:
        # nothing that is known calls its function, but the entrypoint imports it: it cannot be told, so it counts
        known = "SIGTERM" in registration.signals and registration.disposition != "SIG_DFL"
        if known and registration.site.function.module in entrypoint.modules and not project.phases(registration.site):
            return registration
    return None


def for_interrupts_alone(project: Project, entrypoint: Entrypoint) -> Registration | None:
    """The handler of a program that something deploys, by which it ends for SIGINT, when it has none for SIGTERM."""
    if all(x.platform in BY_HAND for x in entrypoint.production) or handled(project, entrypoint) is not None:
        return None
    found = (r for r in registrations_of(project, entrypoint) if r.signals == ("SIGINT",) and not r.disposition)
    return next((r for r in found if r.handler is not None and any(act.kind in ("raise", "exit", "set") for act in r.acts)), None)


def at_the_desk(entrypoint: Entrypoint, place: ServingPlace) -> bool:
    """A framework's development server that no artifact starts."""
    server = server_run_by(place.site.dotted) if place.site is not None and place.site.dotted is not None else None
    return server is not None and server.development and not entrypoint.production


def for_debugging(place: ServingPlace) -> bool:
    """Whether the place stands in an arm that is there for debugging: ``if debug: app.run()``."""
    return any(
        isinstance(step.stmt, m.If)
        and step.arm == "body"
        and any(
            re.search(r"(?:^|_)(?:debug|dev|reload)", name.rpartition(".")[2], re.I)
            for name in names_in(step.stmt.test)
        )
        for step in place.steps
    )


def stop_arrives(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether SIGTERM leads to the entrypoint's own way down, as far as it is known."""
    if entrypoint.app or handled(project, entrypoint) is not None:
        return True
    return not all(leaves_sigterm(place) for place in serving_places(project, entrypoint))


def started_otherwise(project: Project, entrypoint: Entrypoint) -> bool:
    """A ``__main__`` block for the desk: the artifacts start the same module through a server."""
    if entrypoint.launches and not all(x.platform in ("shell", "packaging") for x in entrypoint.launches):
        return not entrypoint.production
    others = (other for other in project.entrypoints if other is not entrypoint)
    return any(
        other.main.module is entrypoint.main.module and any(x.platform not in ("shell", "packaging") for x in other.launches)
        for other in others
    )


def _finding(project: Project, entrypoint: Entrypoint, place: ServingPlace, loss: str | None) -> Finding:
    launch = as_pid1(entrypoint)
    if launch is not None:
        effect = (
            "as PID 1 of its container the kernel drops SIGTERM, so each stop waits the whole grace period and ends in SIGKILL"
        )
        effect += " with work in flight" if place.how == "call" or in_hand(project, entrypoint) else ""
    else:
        effect = "SIGTERM kills it at once: no finally, no flush, no answer to what is in flight"
    how = f"{place.site.dotted}()" if place.site is not None and place.how == "call" else "its own loop"
    child = _minded(project, place)
    if child is not None:
        how = f"minding the child process of line {child.line}"
        effect += ", and nothing passes the stop on to the child"
    trace = [Evidence(link.path, link.line, link.text) for link in launch.chain] if launch is not None else []
    seen = loss is not None or child is not None
    path, line, end = place.function.path, place.line if child is None else child.line, 0
    by_hand = _interrupt(project, entrypoint, place) if child is None else None
    registered = for_interrupts_alone(project, entrypoint) if child is None else None
    if registered is not None:
        path, line = registered.site.path, registered.site.line
        trace.append(Evidence(place.function.path, place.line, "serves here"))
        effect += ", and the handler that is written is for SIGINT alone"
    elif by_hand is not None:
        path, line, end = by_hand.func.path, by_hand.attempt.line, by_hand.line
        trace.append(Evidence(place.function.path, place.line, "serves here"))
        effect += ", and the way down that is written for KeyboardInterrupt is one for Ctrl-C alone"
    return RULE.finding(
        path,
        line,
        f"{entrypoint.kind} {entrypoint.path} serves by {how} and nothing handles SIGTERM: {effect}" + (f"; {loss}" if loss else ""),
        "install a SIGTERM handler in the main thread before serving that ends the wait (set an Event, stop the server), "
        "then drain and flush within the grace period",
        end_line=end,
        severity=_severity(project, entrypoint, seen=seen),
        confidence=_confidence(project, entrypoint, place, seen=seen),
        phase="shutdown",
        entrypoints=(entrypoint,),
        trace=trace,
        anchor=place.function.qualname,
    )


def _severity(project: Project, entrypoint: Entrypoint, *, seen: bool) -> str:
    """High: each stop of the container waits its whole grace period, and leaves out a way down that saves, sends or hands back
    something. A PID 1 that has nothing in hand only makes a stop slow, also where what is left out would only close a server."""
    if as_pid1(entrypoint) is None:
        return "medium"
    left_out = skipped(project, entrypoint)
    if left_out is not None and hands_back(left_out):
        return "high"
    if left_out is not None and not left_out.targets and not in_hand(project, entrypoint):
        return "low"
    return "medium" if seen or at_stake(project, entrypoint) else "low"


def _interrupt(project: Project, entrypoint: Entrypoint, place: ServingPlace) -> HandlerEffects | None:
    """The arm of main, or of what it calls on the way to the function that serves, that takes Ctrl-C for the stop: there the other
    stop belongs. Of other modules only those are the program's own that no second one is served by."""
    spine = project.lives[entrypoint].spine
    found = [
        arm
        for arm in project.failures
        if arm.func in spine and arm.func is not place.function
        if any(name.rpartition(".")[2] == "KeyboardInterrupt" for name in arm.handler.types)
    ]
    others = [life.spine for other, life in project.lives.items() if other is not entrypoint and other.long_running]
    near = (arm for arm in found if arm.func.module is entrypoint.main.module)
    return next(near, None) or next((arm for arm in found if not any(arm.func in each for each in others)), None)


def _confidence(project: Project, entrypoint: Entrypoint, place: ServingPlace, *, seen: bool) -> str:
    """How sure it is that somebody is hurt. A server as PID 1 cuts its requests at each stop. Else what is lost must be
    seen: a turn that the next run simply does again may die at any time, and many are meant to."""
    if stopped_otherwise(project, entrypoint):
        return "possible"
    if for_interrupts_alone(project, entrypoint) is not None:
        return "certain"  # an end is written, and what stops it for good never asks for it
    if as_pid1(entrypoint) is not None and (seen or place.how == "call"):
        # where it has a server beside that ends by SIGTERM, the container's arguments may choose that one
        chosen = all(leaves_sigterm(other) for other in serving_places(project, entrypoint))
        return "certain" if chosen else "likely"
    if as_pid1(entrypoint) is not None and at_stake(project, entrypoint):
        # the end of its turns is SIGKILL, always; that one is seen to cut a transaction
        return "certain" if transacts(project.lives[entrypoint]) else "likely"
    if given_up(project, entrypoint) is not None and any(x.platform not in BY_HAND for x in entrypoint.production):
        return "certain"  # a supervisor stops it by SIGTERM, and its way down is written for exceptions that nothing raises then
    typed = not entrypoint.launches and bool(project.launches)
    return "likely" if seen and not typed else "possible"


def stopped_otherwise(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether the platform interrupts the program as Ctrl-C does, by its stop signal or in a ``preStop`` hook."""
    started = [x for x in entrypoint.production if x.platform not in BY_HAND]
    placed = [image for x in started if x.platform != "dockerfile" for image in x.artifacts]
    # what an image says by itself counts only where no other artifact runs that image
    started = [x for x in started if own_image(x) is None or own_image(x) not in placed]
    if started and all(x.stop_signal is not None and x.stop_signal.text.removeprefix("SIG") in ("INT", "2") for x in started):
        return True
    hooks = (c.pre_stop for file in project.artifacts_of(KubernetesFile) for w in file.workloads for c in w.containers)
    return any(hook is not None and hook.command is not None and INTERRUPTS.search(hook.command.raw) for hook in hooks)


def _minded(project: Project, place: ServingPlace) -> Resource | None:
    """The child process that a main program starts and then only waits for: a wrapper, whose stop is about the child."""
    if place.how not in ("loop", "wait"):
        return None
    started = [r for r in project.resources if r.kind == "process" and r.function is place.function]
    return next((r for r in started if r.line < place.line), None)
