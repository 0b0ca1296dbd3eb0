"""A development server that production starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.servers import Server, all_servers, server_run_by
from runtime_ops.project.build import Project
from runtime_ops.project.development import debug_only, development_name, merged_by_default
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import CLUSTERS, Launch, Option
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._launched import own_image
from runtime_ops.rules.shutdown._long_running import serving_places
from runtime_ops.rules.shutdown.unhandled_termination import for_debugging

RELOADS = "its reloader watches the files and starts the application again when one changes"
ASIDE = frozenset({"contrib", "example", "examples", "samples", "docs"})
DEBUGS = "debug mode shows the traceback to whoever causes an error"


class Told(NamedTuple):
    """What production starts, what that costs, what to do instead, and how much it weighs."""

    what: str
    costs: str
    remedy: str
    severity: str | None = None


RULE = Rule(
    __name__,
    severity="medium",
    summary="What production starts is a development server, a reloader or a debugger.",
    lead=True,
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    reported: set[tuple[str, int]] = set()
    for entrypoint in project.entrypoints:
        if entrypoint.kind != "service":
            continue
        if all(x.platform == "packaging" for x in entrypoint.production) and _placed(project, entrypoint):
            continue  # a console script for the desk: the artifacts start the service in another way
        found = [*_by_command(project, entrypoint), *_by_code(project, entrypoint)]
        for finding in found[:1]:  # one way of serving an entrypoint stands for all
            if (finding.path, finding.line) not in reported:
                reported.add((finding.path, finding.line))
                also = {(f.path, f.line): Evidence(f.path, f.line, "the same") for f in found[1:]}
                also.pop((finding.path, finding.line), None)
                yield replace(finding, also=tuple(also.values()), count=len(also) + 1)


def _by_command(project: Project, entrypoint: Entrypoint) -> Iterator[Finding]:
    """``flask run``, ``manage.py runserver``, ``--reload`` in what an artifact starts."""
    rows = {row.name: row for row in all_servers()}
    development = {name for name, row in rows.items() if row.development}
    for launch in entrypoint.production:
        if launch.role == "management":
            continue
        link = launch.chain[-1]
        if launch.server in development:
            if _for_the_desk(launch) or _real_server(project, development, launch) or _adapted(project, entrypoint):
                continue
            row = rows[launch.server]
            if row.sigterm == "graceful" and not _reloads(row, launch):
                continue  # what is left is the server that production would have
            yield _finding(entrypoint, launch, link.path, link.line, _served(row, f"{link.path} starts"))
        elif launch.server is not None and "reload" in launch.options:
            option = launch.options["reload"]
            # what a configuration file works out, as from a variable that is off by default, is not known to be on
            on = (option.value or "true").lower() in ("true", "1", "yes", "on")
            if on and not _on_demand(project, option) and not _started_otherwise(project, launch):
                # of a command that a script puts together the branch that adds it may be one for developers
                unsure = option.path == link.path and option.line == link.line and "reload" not in link.text and "$" in link.text
                costs = rows[launch.server].costs if launch.server in rows else ""
                told = _reloading(f"{launch.program} runs with its reloader on", "the reloader", costs)
                yield _finding(entrypoint, launch, option.path, option.line, told, unsure=unsure)


def _started_otherwise(project: Project, launch: Launch) -> bool:
    """Whether another artifact starts the same application without the reloader: that is then what is deployed."""
    return any(
        x.server is not None and "reload" not in x.options and x.target.text == launch.target.text and x.platform != "packaging"
        for e in project.entrypoints
        for x in e.production
    )


def _on_demand(project: Project, option: Option) -> bool:
    """Whether the option stands in a branch of a configuration file in Python: somebody has to ask for it."""
    module = project.links.index.modules.get(option.path)
    places = module.level.places if module is not None else ()
    return any(p.stmt.line == option.line and any(isinstance(s.stmt, m.If) for s in p.steps) for p in places)


def _for_the_desk(launch: Launch) -> bool:
    """Whether it is given settings for development: ``DJANGO_SETTINGS_MODULE=shop.settings.dev``."""
    values = (variable.value for name, (variable, _) in launch.env.items() if "SETTINGS" in name or name.endswith("_ENV"))
    return any(value is not None and development_name(value.text) for value in values)


def _real_server(project: Project, development: set[str], launch: Launch) -> bool:
    """Whether something starts a real server as well, by a switch or another artifact: that is then what is deployed. A script
    that no artifact runs is none where a cluster's own artifact starts the other. A compose file that is merged over its base by default
    says what even the desk starts."""
    nobody = ("packaging", "shell") if launch.platform in CLUSTERS else ("packaging",)
    return any(
        x.server is not None and x.server not in development and x.target.kind == "app" and x.platform not in nobody
        and not (_shown(x) and not _shown(launch))
        for e in project.entrypoints
        if e.kind == "service"
        for x in (*e.production, *(y for y in e.launches if y.role == "main" and merged_by_default(y.path)))
    )


def _shown(launch: Launch) -> bool:
    """Whether what starts it lies in a folder of things to copy from: a server's configuration that no image takes."""
    return not ASIDE.isdisjoint(launch.path.lower().split("/")[:-1])


def _by_code(project: Project, entrypoint: Entrypoint) -> Iterator[Finding]:
    """``app.run()`` reached by what an artifact starts."""
    launches = [x for x in entrypoint.production if x.target.kind != "app" and x.role != "management"]
    if not launches or entrypoint.app:
        return
    for place in serving_places(project, entrypoint):
        if place.site is None or place.site.dotted is None or place.how != "call" or debug_only(place.site.steps):
            continue
        server = server_run_by(place.site.dotted)
        if server is None or development_name(place.function.name) or for_debugging(place):
            continue
        switch = _switched_on(server, place.site)
        if _by_adapter(place.site) and switch is None:
            continue  # bottle serves by the server that it is given
        if place.site.dotted == "flask_socketio.SocketIO.run" and switch is None and not _by_werkzeug(place.site):
            continue  # eventlet or gevent serve where they are installed, and without them it refuses to run
        if server.development and (server.sigterm != "graceful" or _reloads_itself(place.site)):
            told = _served(server, f"{place.site.text}() starts")
        elif switch == "debug":
            told = Told(f"{place.site.text}() runs with debug on", DEBUGS, "leave debug=True to the desk")
        elif switch is not None:
            told = _reloading(f"{place.site.text}() runs with {switch} on", f"{switch}=True", "" if server.development else server.costs)
        else:
            continue
        yield _finding(entrypoint, launches[0], place.function.path, place.line, told)


def _served(row: Server, what: str) -> Told:
    """What a development server is, by its row; one that drains within a bound is a server for production with its reloader on."""
    severity = "low" if row.drain == "bounded" else None
    return Told(
        f"{what} the {row.name}", row.costs, f"start it under {row.instead} and keep the development server for the desk", severity
    )


def _reloading(what: str, switch: str, costs: str) -> Told:
    """A server made for production whose reloader is on: it drains and limits as ever."""
    return Told(what, costs or RELOADS, f"leave {switch} to the desk", None if costs else "low")


def _switched_on(server: Server, site: Site) -> str | None:
    """The argument by which the call switches a reloader or debugging on."""
    given = ((key, site.call.keyword(key)) for key in server.reload_option.keywords)
    return next((key for key, value in given if isinstance(value, m.Const) and value.value is True), None)


def _reloads(row: Server, launch: Launch) -> bool:
    """Whether the command has the reloader of a development server on, by default or by its option."""
    off_by_option = any(flag.startswith("--no-") for flag in row.reload_option.flags)
    option = launch.options.get("reload")
    on = off_by_option if option is None else (option.value or "true").lower() != "false"
    return on or "debug" in launch.options


def _reloads_itself(site: Site) -> bool:
    """Whether the call leaves the reloader of a development server on, as it is by default, or switches it on."""
    given = site.call.keyword("use_reloader")
    return not site.call.expands if given is None else isinstance(given, m.Const) and given.value is True


def _adapted(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether the program that the command starts serves by a server that it gives to bottle."""
    return any(place.site is not None and _by_adapter(place.site) for place in serving_places(project, entrypoint))


def _by_adapter(site: Site) -> bool:
    """Whether ``bottle.run`` is given a server other than its default, that of the standard library."""
    given = site.call.keyword("server") if (site.dotted or "").startswith("bottle.") else None
    return given is not None and not (isinstance(given, m.Const) and given.value in ("wsgiref", None))


def _by_werkzeug(site: Site) -> bool:
    """Whether Flask-SocketIO is told to serve by Werkzeug all the same, and not made for eventlet or gevent (Flask-SocketIO 5.7.0,
    ``run``: the argument is asked in the mode ``threading`` alone)."""
    allowed = site.call.keyword("allow_unsafe_werkzeug")
    mode = site.origin.call.keyword("async_mode") if site.origin is not None else None
    other = isinstance(mode, m.Const) and mode.value not in (None, "threading")
    return isinstance(allowed, m.Const) and allowed.value is True and not other


def _of_compose(entrypoint: Entrypoint) -> bool:
    """Whether only compose files start it, which say little about production: they are as good for the desk, and may run
    an image of somebody else."""
    return {x.platform for x in entrypoint.production if x.role != "management"} <= {"compose", "packaging"} and any(
        x.platform == "compose" for x in entrypoint.production
    )


def _without_code(entrypoint: Entrypoint, launch: Launch) -> bool:
    """Whether the image that starts it holds no copy of it: the code is mounted from a desk."""
    images = [artifact for artifact in launch.artifacts if isinstance(artifact, a.Dockerfile)]
    sources = [s.removeprefix("./").rstrip("/*") for i in images for stage in i.stages for c in stage.copies for s in c.sources]
    path = f"/{entrypoint.path}"
    return bool(images) and not any(s in ("", ".") or f"/{s}/" in path or path.endswith(f"/{s}") or "*" in s or "$" in s for s in sources)


def _built_for_the_desk(entrypoint: Entrypoint, launch: Launch) -> bool:
    """Whether all that runs the image is a compose file for development: by its own command alone nobody is known to deploy it."""
    image = own_image(launch)
    users = [x for x in entrypoint.launches if x.platform not in ("dockerfile", "packaging") and image in x.artifacts]
    return image is not None and bool(users) and all(x.development for x in users)


def _placed(project: Project, entrypoint: Entrypoint) -> bool:
    """Whether artifacts start another service of the repository, so that a console script need not be what is deployed."""
    return any(
        other.kind == "service" and any(x.platform != "packaging" for x in other.production)
        for other in project.entrypoints
        if other is not entrypoint
    )


def _finding(entrypoint: Entrypoint, launch: Launch, path: str, line: int, told: Told, *, unsure: bool = False) -> Finding:
    doubted = launch.optional or _of_compose(entrypoint) or _without_code(entrypoint, launch) or _built_for_the_desk(entrypoint, launch)
    return RULE.finding(
        path,
        line,
        f"{told.what}, and that is what production starts: {told.costs}",
        told.remedy,
        severity=told.severity,
        confidence="possible" if unsure or doubted else "certain",
        phase="serving",
        entrypoints=(entrypoint,),
        trace=[Evidence(step.path, step.line, step.text) for step in launch.chain],
        anchor=entrypoint.id,
    )
