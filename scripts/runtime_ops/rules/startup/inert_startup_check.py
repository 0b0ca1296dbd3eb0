"""A check before serving that lets a failed start go on."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import artifacts as a
from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries import names as libraries
from runtime_ops.libraries.timeouts import waits
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.launch import Launch, Option
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Place, Site
from runtime_ops.project.source_text import source_of
from runtime_ops.project.uwsgi_logic import conditional
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.startup._constant_tests import constant_tests
from runtime_ops.rules.startup._reads import for_development

RULE = Rule(
    __name__,
    severity="high",
    summary="A start-up check cannot fail: it connects to nothing, gives up after one try, or lets the start go on.",
    lead=True,
)
SLEEPS = frozenset(("time.sleep", "asyncio.sleep", "gevent.sleep", "anyio.sleep", "trio.sleep"))
BACKUPS = ("backup", "snapshot")

IMPORTS = re.compile(
    r"\b(?:manage\.py|django-admin|flask)\s+(?:check|migrate|collectstatic|db\s+upgrade)\b|python[\d.]*\s+-c\s+.*\bimport\b"
)
READS = ("os.environ", "os.getenv")
BUILDERS = frozenset(("sessionmaker", "scoped_session", "declarative_base", "str", "int", "float", "bool", "dict", "list"))
LOADED_BEFORE = frozenset({"need-app", "need_app", "hook-pre-app", "hook_pre_app"})
"""uWSGI options that make a failed import fatal; a failing pre-app hook ends it too."""
CONTAINERS = ("dockerfile", "compose", "kubernetes", "marathon", "ecs", "nomad", "fly", "render")
"""Where the file that uWSGI is given is seen; a unit of systemd in the source may be installed nowhere."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from _uwsgi(project)
    for func in project.functions:
        if for_development(func.path):
            continue
        yield from _one_try(project, func)
        yield from _lost_backup(project, func)
    yield from as_one(finding for effects in project.failures for finding in _only_constructed(project, effects))
    yield from _never_refused(project)


def _never_refused(project: Project) -> Iterator[Finding]:
    """``if not (USER, PASSWORD): raise``: a tuple with something in it is true, whatever that is."""
    for found in constant_tests(project):
        if for_development(found.func.path):
            continue
        what = "the first" if isinstance(found.stmt, m.Assert) else "each"
        yield RULE.in_function(
            project, found.func, found.stmt.line,
            f"this tests a display of {found.names} value{'s' * (found.names > 1)}, which is true whatever they are: the check refuses "
            "nothing, and what is missing shows only where it is used",
            f"test {what} value itself: all((a, b)), or a and b",
            end_line=found.stmt.end_line, severity="medium", confidence="certain",
        )  # fmt: skip


def _uwsgi(project: Project) -> Iterator[Finding]:
    """uWSGI keeps serving 500s when the application could not be loaded, unless need-app is set."""
    for entrypoint in project.entrypoints:
        launches = [x for x in entrypoint.production if x.server == "uwsgi"]
        if not launches or any(set(x.options) & LOADED_BEFORE for x in launches):
            continue
        launch = launches[0]
        config = next((c for c in launch.artifacts if isinstance(c, a.UwsgiConfig)), None)
        option = next(
            (launch.options[n] for n in ("module", "wsgi-file", "wsgi_file", "wsgi", "mount") if n in launch.options),
            None,
        )
        if option is not None and option is launch.options.get("mount") and (option.value or "").endswith((".py", ".wsgi")):
            continue  # the loader of a mounted file ends uWSGI when it has no application (plugins/python/pyloader.c)
        path, line = (
            (option.path, option.line) if option is not None else (launch.chain[-1].path, launch.chain[-1].line)
        )
        yield RULE.finding(
            config.path if config is not None else path,
            line,
            f"uWSGI starts {entrypoint.path} without need-app: when its import fails, uWSGI stays up with no application and "
            "answers 500 to everything, so the container never exits and nothing restarts it",
            "set need-app = true: uWSGI then ends with an error when the application cannot be loaded",
            severity="medium",
            confidence="possible" if option is not None and _switched(config, option) else _sure_of(project, launches, config),
            phase="startup",
            entrypoints=(entrypoint,),
            anchor=entrypoint.id,
        )


def _switched(config: a.UwsgiConfig | None, option: Option) -> bool:
    """Whether the option stands in a block of the configuration that holds under a condition (``if-file = …``)."""
    return config is not None and config.path == option.path and any(option.line in conditional(s) for s in config.sections)


def _sure_of(project: Project, launches: list[Launch], config: a.UwsgiConfig | None) -> str:
    """Whether uWSGI is seen to be started so: in a container, with the one file of this name."""
    if _imported_before(launches[0]) or any(p.method == "http" for x in launches for p, _ in x.probes):
        return "possible"  # or a probe gets the 500 and has it restarted
    name = config.path.rpartition("/")[2] if config is not None else ""
    alike = [c for c in project.artifacts_of(a.UwsgiConfig) if c.path.rpartition("/")[2] == name]
    return "certain" if any(x.platform in CONTAINERS for x in launches) and len(alike) < 2 else "likely"


def _imported_before(launch: Launch) -> bool:
    """Whether the start script ends by itself when the application cannot be imported: ``manage.py check`` or ``python -c
    "import app"`` under ``set -e``, before the server."""
    for script in launch.artifacts:
        if isinstance(script, a.ShellScript) and any(o.name == "errexit" and o.on for o in script.options):
            for command in script.commands:
                text = " ".join(command.argv)
                if not command.tested and not command.branches and IMPORTS.search(text):
                    return True
    return False


def _one_try(project: Project, func: Func) -> Iterator[Finding]:
    """``while not tried: try: connect(); return except: sleep(30); tried = True``: one failure ends the wait."""
    for place in func.places:
        loop = place.stmt
        if (
            not isinstance(loop, m.While)
            or not isinstance(loop.test, m.UnaryOp)
            or not isinstance(loop.test.operand, m.Name)
        ):
            continue
        flag = loop.test.operand.id
        attempts = [s for s in loop.body if isinstance(s, m.Try) and s.handlers]
        sets = [
            s for s in loop.body
            if isinstance(s, m.Assign) and isinstance(s.value, m.Const) and s.value.value is True
            and any(isinstance(t, m.Name) and t.id == flag for t in s.targets)
        ]  # fmt: skip
        if not attempts or not sets or loop.body.index(sets[-1]) < loop.body.index(attempts[0]):
            continue
        if any(isinstance(s, m.Raise | m.Continue) for h in attempts[0].handlers for s in h.body):
            continue
        if not any(isinstance(s, m.Return | m.Break) for s in attempts[0].body):
            continue
        yield RULE.in_function(
            project, func, loop.line,
            f"{func.name}() tries once: after a failure it waits, sets {flag} and leaves without another try or an error, so "
            "what needs the dependency runs without it",
            "loop until a deadline on time.monotonic(), log each failed try, and raise when the deadline has passed",
            severity="medium", phase="startup", confidence="certain",
        )  # fmt: skip


def _lost_backup(project: Project, func: Func) -> Iterator[Finding]:
    """A backup before a migration whose failure is only logged."""
    for index, place in enumerate(func.places):
        test = place.stmt
        if not isinstance(test, m.If) or not test.orelse or not isinstance(test.test, m.Name):
            continue
        made = next((p.stmt for p in reversed(func.places[:index]) if _assigns(p, test.test.id)), None)
        if not isinstance(made, m.Assign) or not isinstance(made.value, m.Call):
            continue
        if not any(word in source_of(made.value.func).lower() for word in BACKUPS) or "migrat" not in _words(func):
            continue
        if all(isinstance(s, m.ExprStmt) for s in test.orelse):
            yield RULE.in_function(
                project, func, test.orelse[0].line if hasattr(test.orelse[0], "line") else test.line,
                f"{func.name}() goes on when {source_of(made.value.func)}() failed: exactly when the disk is full or "
                "permissions are wrong the stored data are changed with nothing to go back to",
                "end the start when the backup fails, or let an explicit option allow to go on without one",
                severity="medium", phase="startup", confidence="certain",
            )  # fmt: skip


def _assigns(place: Place, name: str) -> bool:
    stmt = place.stmt
    return isinstance(stmt, m.Assign) and any(isinstance(t, m.Name) and t.id == name for t in stmt.targets)


def _words(func: Func) -> str:
    """The names and texts of a function in lower case, "update" and "upgrade" of a schema taken as migration."""
    found = [func.name, func.module.name]
    for node in m.walk(func.facts.body):
        if isinstance(node, m.Const) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, m.Name):
            found.append(node.id)
    text = " ".join(found).lower()
    return f"{text} migrat" if "schema" in text and ("update" in text or "upgrade" in text) else text


def _only_constructed(project: Project, effects: HandlerEffects) -> Iterator[Finding]:
    """``try: client = Redis(...)`` with a handler that speaks of a failed connection: nothing connects there."""
    calls = [c for c in effects.body_calls if (c.dotted is not None or c.targets) and not (c.dotted or "").startswith(READS)]
    if not calls or effects.body_statements > 2 or len(calls) != 1:
        return
    site = calls[0]
    if for_development(effects.path):
        return
    inner = _in_constructor(project, site)
    if inner is None and not _connects_later(project, site):
        return
    spoken = " ".join(source_of(c.call.args[0]).lower() for c in effects.calls if c.call.args)
    if "connect" not in spoken:
        return
    if not project.function_runs_in(effects.func, "import", "startup", kinds=("service", "worker")):
        return
    # who tries again, or ends the start, has waited for an answer here; another may go on without this dependency on purpose
    answer = effects.raises == "always" or bool(effects.exits) or any(isinstance(s.stmt, m.While) for s in site.steps)
    what = f"{site.text}()" if inner is None else f"{site.text}() only calls {inner.text}() ({inner.path}:{inner.line}), which"
    yield RULE.in_function(
        project, effects.func, site.line,
        f"{what} connects to nothing yet, so this check passes while the dependency is down: the message in the "
        "handler can never be logged, and the first request fails instead",
        "ask something of it here (ping(), SELECT 1) with a time limit, and end the process when that fails",
        severity="medium", confidence="certain" if answer else "possible", phase="startup",
    )  # fmt: skip


def _connects_later(project: Project, site: Site) -> bool:
    """Whether a call makes a library's client that first connects when it is used."""
    if site.dotted is None or site.targets:
        return False
    known = libraries.type_of(libraries.returns(site.dotted) or site.dotted)
    return (
        known is not None
        and known.kind in ("client", "pool")
        and not any(w.site is site and w.dotted in w.row.calls for w in project.waits)
    )


def _in_constructor(project: Project, site: Site) -> Site | None:
    """The client that the constructor of a class of the project makes, where nothing that it calls can connect: ``UserDb(uri)``
    that makes an engine and describes its tables."""
    if len(site.targets) != 1 or site.weak or site.targets[0].name != "__init__":
        return None
    calls = site.targets[0].sites
    made = next((call for call in calls if _connects_later(project, call)), None)
    return made if all(call is made or _describes(call) for call in calls) else None


def _describes(site: Site) -> bool:
    """Whether a call only makes an object of a library, reads the environment, logs, or instruments: it asks nothing of a peer. A
    table that is read from the database (``autoload_with=engine``) does."""
    if site.targets or any((name or "").startswith("autoload") for name, _ in site.call.keywords):
        return False
    if log_call(site) is not None or site.method == "instrument" or site.method in BUILDERS:
        return True
    return (site.dotted or "").startswith(READS) or (site.method[:1].isupper() and not waits(site.dotted or ""))
