"""A shell that stays between the platform and the program, and passes no signal on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.jobs import is_clock, worker_program
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.grace import DEFAULT_GRACE
from runtime_ops.project.launch import Launch
from runtime_ops.rules.api import Rule, as_one

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
ALL_PROCESSES = frozenset({"procfile", "heroku"})
"""Platforms that signal every process of the container or group: Heroku's dynos, foreman and honcho with a Procfile."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported: dict[tuple[str, int], Finding] = {}
    for entrypoint in project.entrypoints:
        if not entrypoint.long_running:
            continue
        for launch in entrypoint.production:
            if (
                launch.shell != "parent"
                or launch.shell_link is None
                or launch.supervisor not in (None, "supervisord")
                or launch.platform in ALL_PROCESSES
                or launch.init is True
                or (launch.service is not None and launch.service.pid is not None)  # not process 1: SIGTERM ends its shell at once
                or launch.role not in ("main", "management")
                or _ends_soon(launch)
                or _told_to_do_one_thing(launch)
            ):
                continue
            key = (launch.shell_link.path, launch.shell_link.line)
            if key not in reported:
                sure = _hears(project, entrypoint, launch) and not launch.background and not launch.optional
                reported[key] = _finding(entrypoint, launch, sure and not _replaced(entrypoint, launch))
    by_script: dict[str, list[Finding]] = {}  # the branches of one script
    for finding in reported.values():
        by_script.setdefault(finding.path, []).append(finding)
    for findings in by_script.values():
        yield from as_one(findings)


def _replaced(entrypoint: Entrypoint, launch: Launch) -> bool:
    """Whether the command is an image's own, and every artifact that places that image for good gives another one."""
    placed = [
        x for x in entrypoint.production
        if x.role == "main" and x.stage == launch.stage
        and (x.platform == "kubernetes" or (x.service is not None and x.service.restart is not None))
    ]  # fmt: skip
    return launch.platform == "dockerfile" and bool(placed) and all(x.chain[-1] != launch.chain[-1] for x in placed)


def _ends_soon(launch: Launch) -> bool:
    """A command that does one thing and ends, or a development server, which has nothing to drain."""
    return bool(ONE_OFF.intersection(launch.argv)) or any(ONE_THING.match(word) for word in launch.argv[1:])


def _told_to_do_one_thing(launch: Launch) -> bool:
    """``manage.py packages -o import_graphs``: a subcommand that is no server; what serves by one names it a worker or so."""
    manages = any(word.endswith(("manage.py", "django-admin")) for word in launch.argv[:2])
    return manages and launch.server is None and not any(STAYS.search(word) for word in launch.argv[1:])


def _hears(project: Project, entrypoint: Entrypoint, launch: Launch) -> bool:
    """Whether the program would do something at a SIGTERM: it is run by a server or a job system, or has a handler of its own.
    Another one would be ended as abruptly by the signal as by SIGKILL."""
    known = launch.server is not None or worker_program(launch.argv) is not None or entrypoint.framework not in DEAF
    return known or any(row.site.function.module in entrypoint.modules for row in project.registrations)


def _drained_before(launch: Launch) -> bool:
    """Whether Kubernetes' ``preStop`` pauses until the grace is over: no request is left when the signal comes."""
    hook = launch.container.pre_stop if launch.container is not None else None
    grace = launch.grace.seconds if launch.grace is not None and launch.grace.seconds is not None else DEFAULT_GRACE["kubernetes"]
    return hook is not None and hook.seconds is not None and hook.seconds >= grace


def _finding(entrypoint: Entrypoint, launch: Launch, sure: bool) -> Finding:
    link = launch.shell_link or launch.chain[-1]
    # load that is made, not work that is done; a clock that puts work into queues; a pause as long as the grace, before the signal
    idle = entrypoint.framework == "locust" or is_clock(launch.argv) or _drained_before(launch)
    how = (
        "is started with & and waited for"
        if launch.background
        else "runs as the child of a shell that does not replace itself"
    )
    return RULE.finding(
        link.path,
        link.line,
        f"{launch.program} {how}: the shell is what the platform signals, it passes no SIGTERM on, so the {entrypoint.kind} "
        "runs until SIGKILL at the end of the grace period",
        'start it by exec (exec form CMD ["…"], or exec as the script\'s last command), or trap TERM, forward it and wait',
        severity="low" if idle else None,
        confidence=("certain" if launch.platform in ("dockerfile", "compose", "kubernetes") else "likely") if sure else "possible",
        phase="shutdown",
        entrypoints=(entrypoint,),
        trace=[Evidence(step.path, step.line, step.text) for step in launch.chain],
        anchor=f"{launch.program}:{entrypoint.path}",
    )
