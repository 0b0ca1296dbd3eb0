"""A name in the configuration of a server or library that it does not know and passes over."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.programs import ProgramOptions, options_of
from runtime_ops.project.build import Project
from runtime_ops.project.model import Module, own_expressions
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._running import names_in
from runtime_ops.rules.startup._celery_names import unprefixed
from runtime_ops.rules.startup._reads import for_development

RULE = Rule(
    __name__,
    severity="low",
    summary="A configuration sets a name that its server or library does not know and passes over without a word.",
    lead=True,
)
FILE = re.compile(r"(?:^|/)[\w.-]*gunicorn[\w.-]*\.(?:py|conf)$")
NEAR = 0.84
"""How alike a name must be to a setting to be taken for a misspelling of it (``max_request``, ``access_log``)."""
ABOUT = re.compile(r"worker|time_?out|request|connection|graceful|keep_?alive|log(?:_|$|file|level)|reload|preload|thread|backlog|spawn")
"""What a name speaks of that is meant for a server, however it is spelled."""
LIMITS = re.compile(r"TIME_LIMIT|ACKS|REJECT|PREFETCH|BROKER|MAX_TASKS|SCHEDULE$")
BRACKETS = re.compile(r"(?P<name>[A-Z][A-Z0-9_]+)\[(?P<quote>['\"])(?P<part>\w+)(?P=quote)\]")
"""A name with a key of its own behind it, as code reaches into a mapping."""
HOLDS = re.compile(r"pool|time_?out|connect|recycle|ping|retr|limit")
WEIGHTY = frozenset("timeout graceful_timeout keepalive max_requests max_requests_jitter workers threads worker_class preload_app".split())
"""Settings whose loss changes how the server lives, not only what it writes."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from _without_namespace(project)
    yield from _in_brackets(project)
    table = options_of("gunicorn")
    if table is None:
        return
    started = [launch for launch in project.launches if launch.server == "gunicorn"]
    given = {option.path for launch in started for name, option in launch.options.items() if name in table.settings}
    for module in project.modules:
        if (module.path in given or FILE.search(module.path)) and not for_development(module.path):
            yield from _unknown(project, module, table, module.path in given)


def _in_brackets(project: Project) -> Iterator[Finding]:
    """``app.config["SQLALCHEMY_ENGINE_OPTIONS['pool_size']"] = 5``: the brackets were to reach into a setting that is a mapping, and
    are part of a name that nobody asks for."""
    for func in project.functions:
        written: dict[str, list[tuple[str, int]]] = {}
        for place in func.by_kind.get(m.Assign, ()):
            for target in place.stmt.targets if isinstance(place.stmt, m.Assign) else ():
                key = target.key if isinstance(target, m.Subscript) and _of_configuration(target.value) else None
                found = BRACKETS.fullmatch(key.value) if isinstance(key, m.Const) and isinstance(key.value, str) else None
                if found is not None:
                    written.setdefault(found["name"], []).append((found["part"], place.stmt.line))
        if for_development(func.path):
            continue
        for name, parts in written.items():
            shown = ", ".join(part for part, _ in parts)
            yield RULE.in_function(
                project, func, parts[0][1],
                f"the brackets stand within the text of the name: this makes {len(parts)} settings of odd names that nothing reads, and "
                f"{name} itself stays as it was, so {shown} never appl{'ies' if len(parts) == 1 else 'y'}",
                f"set the mapping: config[{name!r}] = {{{parts[0][0]!r}: …}}",
                severity="medium" if any(HOLDS.search(part) for part, _ in parts) else None,
                confidence="certain", end_line=parts[-1][1],
            )  # fmt: skip


def _of_configuration(expr: m.Expr) -> bool:
    return isinstance(expr, m.Name | m.Attr) and (expr.id if isinstance(expr, m.Name) else expr.name).rpartition(".")[2] == "config"


def _without_namespace(project: Project) -> Iterator[Finding]:
    """Names of celery's settings that its application is not told the prefix of."""
    for loaded in unprefixed(project):
        (name, module, line), *others = loaded.names
        yield RULE.in_function(
            project,
            loaded.site.function,
            loaded.site.line,
            f"celery is told no namespace, so that it knows its settings by their old names alone: {name} of {module.path}:{line}"
            + (f" and {', '.join(n for n, _, _ in others[:4])}" if others else "")
            + f" {'are' if others else 'is'} passed over without a word, and the default applies",
            'write namespace="CELERY", and look which of the settings change by that; or write the old names',
            severity="medium" if any(LIMITS.search(n) for n, _, _ in loaded.names) else None,
            confidence="certain",
        )


def _unknown(project: Project, module: Module, table: ProgramOptions, started: bool) -> Iterator[Finding]:
    assigned = _assigned(module)
    if sum(name in table.settings for name in assigned) < 2:
        return  # no configuration, a module that has to do with one
    read = _read(module)
    found = []
    for name, line in assigned.items():
        if name in table.settings or name in read or name != name.lower() or name.startswith("_"):
            continue
        meant = _meant(name, table)
        if meant or ABOUT.search(name):
            found.append((name, line, meant))
    if not found:
        return
    name, line, meant = found[0]
    others = [f"{n} ({x})" if x else n for n, _, x in found[1:]]
    yield RULE.finding(
        module.path,
        line,
        f"gunicorn has no setting {name}"
        + (f" (it is {meant})" if meant else "")
        + ", and passes over names that it does not know: what is set here never applies"
        + (f"; nor does {', '.join(others[:5])}" if others else ""),
        f"write {meant}, or take the line out" if meant else "take the line out, or look up which setting was meant",
        severity="medium" if any(x in WEIGHTY for _, _, x in found) else None,
        confidence="certain" if meant or started else "likely",
        phase="startup",
        entrypoints=[e for e in project.entrypoints if any(x.server == "gunicorn" for x in e.production)],
        anchor=",".join(n for n, _, _ in found),
        count=len(found),
    )


def _assigned(module: Module) -> Mapping[str, int]:
    """The plain names that the module's own level binds to values, with their first lines."""
    found: dict[str, int] = {}
    for place in module.level.places:
        if isinstance(place.stmt, m.Assign) and not any(isinstance(s.stmt, m.For | m.While) for s in place.steps):
            for target in place.stmt.targets:
                if isinstance(target, m.Name) and "." not in target.id:
                    found.setdefault(target.id, place.stmt.line)
    return found


def _read(module: Module) -> set[str]:
    """The names that any code of the module reads."""
    found: set[str] = set()
    for func in module.functions.values():
        for place in func.places:
            targets = place.stmt.targets if isinstance(place.stmt, m.Assign) else ()
            for expr in own_expressions(place.stmt):
                if not any(expr is target for target in targets):
                    found.update(name.partition(".")[0] for name in names_in(expr))
    return found


def _meant(name: str, table: ProgramOptions) -> str:
    """The setting that a name is another spelling of: that of the command line, or nearly its own."""
    flag = name.replace("_", "-")
    spelled = table.long.get(flag) or table.long.get({"access-log": "access-logfile", "error-log": "error-logfile"}.get(flag, ""))
    if spelled:
        return spelled
    joined = {setting.replace("_", ""): setting for setting in table.settings}
    if name.replace("_", "") in joined:
        return joined[name.replace("_", "")]
    near = difflib.get_close_matches(name, table.settings, n=1, cutoff=NEAR)
    return near[0] if near else ""
