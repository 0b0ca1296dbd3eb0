"""A development server that production starts."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.servers import all_servers, server_run_by
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._long_running import serving_places

RULE = Rule(
    __name__,
    severity="high",
    summary="What production starts is a development server, a reloader or a debugger.",
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported: set[tuple[str, int]] = set()
    for entrypoint in project.entrypoints:
        if entrypoint.kind != "service":
            continue
        for finding in (*_by_command(entrypoint), *_by_code(project, entrypoint)):
            if (finding.path, finding.line) not in reported:
                reported.add((finding.path, finding.line))
                yield finding


def _by_command(entrypoint: Entrypoint) -> Iterator[Finding]:
    """``flask run``, ``manage.py runserver``, ``--reload`` in what an artifact starts."""
    development = {row.name for row in all_servers() if row.development}
    for launch in entrypoint.production:
        if launch.role == "management":
            continue
        link = launch.chain[-1]
        if launch.server in development:
            yield _finding(entrypoint, launch, link.path, link.line, f"{link.path} starts the {launch.server}")
        elif launch.server is not None and "reload" in launch.options:
            option = launch.options["reload"]
            if (option.value or "true").lower() not in ("false", "0", "no"):
                yield _finding(
                    entrypoint, launch, option.path, option.line, f"{launch.program} runs with its reloader on"
                )


def _by_code(project: Project, entrypoint: Entrypoint) -> Iterator[Finding]:
    """``app.run()`` reached by what an artifact starts."""
    launches = [x for x in entrypoint.production if x.target.kind != "app" and x.role != "management"]
    if not launches or entrypoint.app:
        return
    for place in serving_places(project, entrypoint):
        if place.site is None or place.site.dotted is None or place.how != "call":
            continue
        server = server_run_by(place.site.dotted)
        debug = place.site.call.keyword("debug") or place.site.call.keyword("reload")
        on = isinstance(debug, m.Const) and debug.value is True
        if server is not None and (server.development or on):
            what = (
                f"{place.site.text}() starts the {server.name}"
                if server.development
                else f"{place.site.text}() runs with debug or reload on"
            )
            yield _finding(entrypoint, launches[0], place.function.path, place.line, what)


def _finding(entrypoint: Entrypoint, launch: Launch, path: str, line: int, what: str) -> Finding:
    return RULE.finding(
        path,
        line,
        f"{what}, and that is what production starts: no drain on SIGTERM, no limit on requests or connections",
        "start it under a production server (gunicorn, uvicorn, waitress) and keep the development server for the desk",
        confidence="certain",
        phase="serving",
        entrypoints=(entrypoint,),
        trace=[Evidence(step.path, step.line, step.text) for step in launch.chain],
        anchor=entrypoint.id,
    )
