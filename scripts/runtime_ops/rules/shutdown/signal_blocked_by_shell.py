"""A shell that stays between the platform and the program, and passes no signal on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts.artifacts import ShellScript
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.jobs import is_clock, worker_program
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.grace import grace_of
from runtime_ops.project.launch import Launch
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.shutdown._launched import built_at_the_desk, pause_before_stop, placements, run_by_nobody
from runtime_ops.rules.shutdown._long_running import registrations_of
from runtime_ops.rules.shutdown.inert_signal_handler import why_inert

RULE = Rule(
    __name__,
    severity="high",
    summary="A shell stays the parent of the program (shell-form CMD, a script without exec): SIGTERM never reaches it.",
)


ONE_OFF = frozenset(
    """migrate collectstatic createcachetable loaddata check createsuperuser compilemessages makemigrations shell clearsessions
    upgrade init-db create_tables runserver""".split()
)
"""Subcommands that do one thing and end: nothing is drained when they are stopped."""
ONE_THING = re.compile(r"(?:load|init|seed|create|migrate|setup|wait_for|wait-for)[_-]\w+$")
STAYS = re.compile(r"(?i)work|serv|consum|listen|schedul|beat|daemon|watch|cluster|loop|poll|celery|huey|^rq")
DEAF = frozenset({"", "loop", "argparse", "click", "typer", "fire", "asyncio"})
"""Frameworks of programs that install no handler of SIGTERM by themselves."""
ENDLESS = frozenset({"while true", "while :", "while [ 1 ]", "while [[ 1 ]]", "while ((1))", "while [ true ]", "until false"})
"""Loops of a shell that nothing ends."""
BY_HAND = frozenset({"shell", "packaging"})
"""Launches that no artifact makes: somebody types them, Ctrl-C reaches the whole group, and the shell is no process 1."""
ALL_PROCESSES = frozenset({"procfile", "heroku"})
"""Platforms that signal every process of the container or group: Heroku's dynos, foreman and honcho with a Procfile."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported: dict[tuple[str, int], Finding] = {}
    programs: dict[str, str] = {}
    for entrypoint in project.entrypoints:
        for launch in entrypoint.production:
            turns = _turned_by_shell(launch)
            if not turns and (not entrypoint.long_running or _ends_soon(launch) or _told_to_do_one_thing(launch)):
                continue
            if (
                launch.shell != "parent"
                or launch.shell_link is None
                or launch.supervisor not in (None, "supervisord")
                or launch.platform in ALL_PROCESSES
                or launch.init is True
                or (launch.service is not None and launch.service.pid is not None)  # not process 1: SIGTERM ends its shell at once
                or launch.role not in ("main", "management")
            ):
                continue
            key = (launch.shell_link.path, launch.shell_link.line)
            if key not in reported:
                sure = (turns or _hears(project, entrypoint, launch)) and not launch.background and not launch.optional
                programs.setdefault(key[0], launch.program)
                unlike = _replaced(entrypoint, launch) or _or_replaced(entrypoint, launch)
                unlike = unlike or built_at_the_desk(project, launch) or run_by_nobody(project, launch)
                reported[key] = _finding(project, entrypoint, launch, turns, sure and launch.platform not in BY_HAND and not unlike)
    alike: dict[str, list[Finding]] = {}  # the branches of one script, and scripts and images that start one program alike
    for finding in reported.values():
        alike.setdefault(programs[finding.path], []).append(finding)
    for findings in alike.values():
        yield from as_one(findings)


def _replaced(entrypoint: Entrypoint, launch: Launch) -> bool:
    """Whether the command is an image's own, and every artifact that places that image for good gives another one."""
    placed = [
        x for x in entrypoint.production
        if x.role == "main" and x.stage == launch.stage
        and (x.platform == "kubernetes" or (x.service is not None and x.service.restart is not None))
    ]  # fmt: skip
    return launch.platform == "dockerfile" and bool(placed) and all(x.chain[-1] != launch.chain[-1] for x in placed)


def _or_replaced(entrypoint: Entrypoint, launch: Launch) -> bool:
    """Whether another way of the same script, from the same start, replaces the shell by the same program: which of them is taken
    (``[ -w "$DATA" ]``) is not known."""
    return launch.shell_link is not None and any(
        x.shell == "exec"
        and x.role == launch.role == "main"
        and x.program == launch.program
        and x.chain[0] == launch.chain[0]
        and any(link.path == launch.shell_link.path for link in x.chain)
        for x in entrypoint.production
    )


def _turned_by_shell(launch: Launch) -> bool:
    """Whether an endless loop of the container's start script runs the program again and again: the shell is what serves, and as
    process 1 without a trap it is not even ended by a stop."""
    link = launch.shell_link
    if link is None or launch.platform not in ("dockerfile", "compose", "kubernetes"):
        return False
    script = next((x for x in launch.artifacts if isinstance(x, ShellScript) and x.path == link.path), None)
    if script is None or any({"TERM", "EXIT"} & set(trap.signals) for trap in script.traps):
        return False
    command = next((c for c in script.commands if c.line == link.line and c.loops and not c.function), None)
    return command is not None and any(f"{loop.kind} {loop.test.strip('; ')}" in ENDLESS for loop in command.loops)


def _ends_soon(launch: Launch) -> bool:
    """A command that does one thing and ends, or a development server, which has nothing to drain; ``celery multi`` and
    ``--detach`` come back as soon as the workers run (celery/apps/multi.py), so that the script has to tell them itself."""
    if launch.program == "celery" and {"multi", "--detach", "-D"} & set(launch.argv):
        return True
    return bool(ONE_OFF.intersection(launch.argv)) or any(ONE_THING.match(word) for word in launch.argv[1:])


def _told_to_do_one_thing(launch: Launch) -> bool:
    """``manage.py packages -o import_graphs``: a subcommand that is no server; what serves by one names it a worker or so."""
    manages = any(word.endswith(("manage.py", "django-admin")) for word in launch.argv[:2])
    return manages and launch.server is None and not any(STAYS.search(word) for word in launch.argv[1:])


def _hears(project: Project, entrypoint: Entrypoint, launch: Launch) -> bool:
    """Whether the program would do something at a SIGTERM: it is run by a server or a job system, or has a handler of its own.
    Another one would be ended as abruptly by the signal as by SIGKILL, and one that only logs it runs on in either case."""
    own = [row for row in registrations_of(project, entrypoint) if "SIGTERM" in row.signals]
    if own and all(why_inert(project, row) is not None for row in own):
        return False
    known = launch.server is not None or worker_program(launch.argv) is not None or entrypoint.framework not in DEAF
    return known or any(row.site.function.module in entrypoint.modules for row in project.registrations)


def _drained_before(project: Project, launch: Launch) -> bool:
    """Whether Kubernetes' ``preStop`` pauses until the grace is over, wherever it is placed: no request is left when the signal
    comes."""
    placed = [(pause_before_stop(x), grace_of(x)) for x in placements(project, launch)]
    return bool(placed) and all(grace is not None and pause >= grace.seconds for pause, grace in placed)


def _finding(project: Project, entrypoint: Entrypoint, launch: Launch, turns: bool, sure: bool) -> Finding:
    link = launch.shell_link or launch.chain[-1]
    # load that is made, not work that is done; a clock that puts work into queues; a pause as long as the grace, before the signal
    idle = entrypoint.framework == "locust" or is_clock(launch.argv) or _drained_before(project, launch)
    code = link.path.endswith(".py")
    parent = f"{link.path} is" if code else "the shell is"
    how = (
        "is started with & and waited for"
        if launch.background
        else "runs as the child of a Python program that waits for it"
        if code
        else "runs as the child of a shell that does not replace itself"
    )
    told = (
        f"{launch.program} is run by an endless loop of the shell that the container starts, which has no trap: as process 1 it drops "
        "SIGTERM, so each stop waits the whole grace period and SIGKILL ends the run that is under way"
    )
    return RULE.finding(
        link.path,
        link.line,
        told
        if turns
        else f"{launch.program} {how}: {parent} what the platform signals, it passes no SIGTERM on, so the {entrypoint.kind} "
        "runs until SIGKILL at the end of the grace period",
        "trap TERM, run the program in the background, forward the signal to it and wait; or let the platform's scheduler run it"
        if turns
        else f"become it as the last thing that the program does: os.execvp({launch.program!r}, words)"
        if code
        else 'start it by exec (exec form CMD ["…"], or exec as the script\'s last command), or trap TERM, forward it and wait',
        severity="low" if idle else "medium" if launch.platform in BY_HAND else None,
        confidence=("certain" if launch.platform in ("dockerfile", "compose", "kubernetes") else "likely") if sure else "possible",
        phase="shutdown",
        entrypoints=(entrypoint,),
        trace=[Evidence(step.path, step.line, step.text) for step in launch.chain],
        anchor=f"{launch.program}:{entrypoint.path}",
    )
