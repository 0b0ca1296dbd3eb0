"""A setting or a file of settings that cannot be read, in whose place something else is taken without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.credentials import secret_like
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.model import Func, Site
from runtime_ops.project.settings import SettingRead
from runtime_ops.project.source_text import source_of
from runtime_ops.project.texts import UNKNOWN, bound_expression
from runtime_ops.rules.api import Rule, as_one, together
from runtime_ops.rules.startup._reads import ENVIRONMENT, for_development, of_the_process, read_for_development

RULE = Rule(
    __name__,
    severity="low",
    summary="A setting that is malformed, or a named file that cannot be read, is replaced by a default without a word.",
)
UNREADABLE = frozenset("OSError IOError EnvironmentError PermissionError builtins.OSError builtins.PermissionError".split())
MALFORMED = frozenset("ValueError TypeError builtins.ValueError builtins.TypeError Exception builtins.Exception".split())
READERS = frozenset("read_text read_bytes".split())
NOT_SETTINGS = re.compile(
    r"(?i)cache|state|history|pid|lock|version|output|proc|/sys|cgroup|serviceaccount|tmp|temp|log_?file|readme|license"
)
"""Files that a program keeps for itself, or that the platform gives."""
CONVERTED = frozenset("int float json date".split())
DEPTH = 3
ABSENT_ALONE = "let the failure end the start; where the file may be absent, catch FileNotFoundError alone and log which value is taken"


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    malformed: list[Finding] = []
    unread: list[Finding] = []
    for finding in _found(project):
        (unread if finding.remedy == ABSENT_ALONE else malformed).append(finding)
    yield from as_one(malformed)  # one habit of converting
    yield from together(unread)


def _found(project: Project) -> Iterator[Finding]:
    for arm in project.failures:
        if arm.raises != "never" or arm.exits or for_development(arm.path):
            continue
        phases = _phases(project, arm.func)
        if not phases:
            continue
        read = _converted(project, arm)
        if read is not None:
            yield _malformed(project, arm, read)
            continue
        opened = _opened(project, arm) if phases & {"import", "startup"} else None
        if opened is not None:
            yield _unread(project, arm, opened)


def _phases(project: Project, func: Func) -> set[str]:
    """When long-running programs come to it."""
    found = project.phases_by_entrypoint(func, func.line, ()) if func.is_module else project.phases_by_entrypoint(func)
    return {phase for e, phases in found.items() if e.long_running for phase in phases}


def _told(arm: HandlerEffects) -> bool:
    return bool(arm.logs or arm.prints or arm.reports or arm.counts or arm.answers or arm.tracebacks or arm.uses_error)


def _converted(project: Project, arm: HandlerEffects) -> SettingRead | None:
    """The setting that the ``try`` converts to a number, when the arm puts another value into the same name in silence."""
    if not (set(arm.catches) & MALFORMED or arm.broad) or _told(arm):
        return None
    if len(arm.attempt.body) != 1 or not isinstance(arm.attempt.body[0], m.Assign | m.Return):
        return None
    stmt = arm.attempt.body[0]
    names = _names(stmt) if isinstance(stmt, m.Assign) else set()
    again = any(isinstance(s, m.Assign) and _names(s) == names for s in arm.handler.body) if names else bool(arm.returns)
    if not again:
        return None
    for read in project.settings.reads_in(arm.func):
        if stmt.line <= read.line <= stmt.end_line and read.how in ENVIRONMENT and read.conversion in CONVERTED:
            return read if of_the_process(read) and not read_for_development(read) else None
    return None


def _names(stmt: m.Assign) -> set[str]:
    return {target.id for target in stmt.targets if isinstance(target, m.Name)}


def _malformed(project: Project, arm: HandlerEffects, read: SettingRead) -> Finding:
    named = f"a setting that {arm.func.name}() reads and" if UNKNOWN in read.name else f"a {read.name} that"
    return RULE.in_function(
        project,
        arm.func,
        read.line,
        f"{named} is no {'number' if read.conversion in ('int', 'float') else 'valid text'} is replaced in silence: the "
        "program runs with another value than the one that was given",
        "give the default for a variable that is not set only, and let the conversion of one that is set fail at start, or log it",
    )


def _opened(project: Project, arm: HandlerEffects) -> m.Expr | None:
    """The path of the file of settings that the ``try`` reads, when the arm goes on with an empty value or another one."""
    if not (arm.broad or set(arm.catches) & UNREADABLE):
        return None
    for site in arm.body_calls:
        path = _path(site)
        if path is None:
            continue
        shown = source_of(path)
        if NOT_SETTINGS.search(shown) or not _replaced(arm):
            continue
        if _secret(path, arm) or (_by_operator(project, path, arm.func) and arm.loudest in (None, "debug", "info")):
            return path
    return None


def _path(site: Site) -> m.Expr | None:
    if site.text in ("open", "io.open"):
        mode = site.call.argument("mode", 1)
        if isinstance(mode, m.Const) and isinstance(mode.value, str) and any(sign in mode.value for sign in "wax+"):
            return None
        return site.call.argument("file", 0)
    if site.method in READERS and isinstance(site.call.func, m.Name):
        return m.Name(site.text.rpartition(".")[0], site.line)
    return None


def _replaced(arm: HandlerEffects) -> bool:
    """Whether what the body would have given is something else afterwards: an assignment, or an empty answer."""
    if any(site.text == "open" or site.method in ("write", "write_text", "write_bytes", "mkdir") for site in arm.calls):
        return False  # it makes the file
    targets = {t.id for s in m.walk(arm.attempt.body) if isinstance(s, m.Assign) for t in s.targets if isinstance(t, m.Name)}
    for stmt in arm.handler.body:
        if isinstance(stmt, m.Assign) and any(isinstance(t, m.Name) and t.id in targets for t in stmt.targets):
            return True
        if isinstance(stmt, m.Return) and isinstance(stmt.value, m.Const | m.Mapping | m.Sequence):
            return not (isinstance(stmt.value, m.Mapping | m.Sequence) and stmt.value.items)
    return False


def _secret(path: m.Expr, arm: HandlerEffects) -> bool:
    names = [n.id.rpartition(".")[2] for n in m.walk(path) if isinstance(n, m.Name)]
    targets = [t.id.rpartition(".")[2] for s in arm.handler.body if isinstance(s, m.Assign) for t in s.targets if isinstance(t, m.Name)]
    return any(secret_like(name) or name.lower() in ("secrets", "secret_file") for name in (*names, *targets))


def _by_operator(project: Project, expr: m.Expr, func: Func, depth: int = 0) -> bool:
    """Whether an option or a setting names the file."""
    if depth > DEPTH:
        return False
    for read in project.settings.reads_in(func):
        if not read.has_default and any(node == read.expr for node in m.walk(expr)):
            return NOT_SETTINGS.search(read.name) is None
    for node in m.walk(expr):
        if not isinstance(node, m.Name):
            continue
        if re.match(r"(?:self\.)?_?(?:args|options|opts|arguments|namespace)\.", node.id):
            return True
        found = bound_expression(project.links, node, func)
        if found is not None and found[0] != expr and _by_operator(project, found[0], found[1], depth + 1):
            return True
    return False


def _unread(project: Project, arm: HandlerEffects, path: m.Expr) -> Finding:
    return RULE.in_function(
        project,
        arm.func,
        arm.line,
        f"a failure to read {source_of(path)} (missing, no permission, an I/O error) ends nothing: the start goes on with "
        "something else in its place, and what fails is what needs it later",
        ABSENT_ALONE,
        end_line=arm.handler.body[-1].end_line if arm.handler.body else arm.line,
        severity="medium" if _secret(path, arm) else "low",
        confidence="certain" if _secret(path, arm) else "likely",
    )
