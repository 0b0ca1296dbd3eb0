"""A flag that is on for any text, "false" and "0" among them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.credentials import url_like, variable_reader
from runtime_ops.project.build import Project
from runtime_ops.project.settings import SettingRead
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.startup._reads import ENVIRONMENT, for_development, read_for_development

RULE = Rule(
    __name__,
    severity="medium",
    summary='A flag is decided by whether a text is empty, so that "false" and "0" turn it on.',
)
FLAG = re.compile(
    r"(^|_)(ENABLE|DISABLE|IS|SKIP|FORCE|INSECURE|DRY_RUN)_[A-Z]|^(USE|ALLOW)_|(^|_)(DEBUG|VERBOSE|TESTING|ENABLED?|DISABLED?|INSECURE)$"
    r"|_USE_[A-Z]|^DRY_RUN$",
    re.IGNORECASE,
)
OPT_OUT = re.compile(r"(^|_)(DISABLE|SKIP)_(\w+_)?(TRACKING|TELEMETRY|ANALYTICS|REPORTING|STATS)$", re.IGNORECASE)
"""Set to be left alone: by custom any value will do, and a wrong one errs on the private side."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_found(project))


def _found(project: Project) -> Iterator[Finding]:
    for read in project.settings:
        if read.how not in ENVIRONMENT or read_for_development(read) or not _by_truth(project, read):
            continue
        found = project.phases_by_entrypoint(read.function, read.line, read.steps)
        if not any(e.long_running or e.production for e in found) or _for_nobody(project, read) or _below_debug(read):
            continue
        yield RULE.finding(
            read.path,
            read.line,
            f'{read.name} is on as soon as the variable holds any text: setting it to "false" or "0" turns it on',
            f'compare with words: os.environ.get({read.name!r}, "").lower() in ("1", "true", "yes", "on")',
            phase="import" if read.function.is_module else "startup",
            entrypoints=tuple(found),
            severity="low" if re.search(r"PROFIL|TRACE|DEBUG", read.name, re.IGNORECASE) else None,
            anchor=read.name,
        )


def _below_debug(read: SettingRead) -> bool:
    """``if settings.DEBUG and os.environ.get("TOOLBAR")``: production does not come to the second question."""
    tests = [n for s in read.steps if isinstance(s.stmt, m.If) for n in m.walk(s.stmt.test)]
    for place in read.function.places:
        if isinstance(place.stmt, m.If) and place.stmt.line <= read.line < place.stmt.body[0].line:
            tests += m.walk(place.stmt.test)
    return any(isinstance(n, m.Name) and n.id.rpartition(".")[2] == "DEBUG" for n in tests)


def _for_nobody(project: Project, read: SettingRead) -> bool:
    """Whether the constant that holds it is used nowhere, or only by the server of the desk."""
    if read.bound is None or read.bound.kind != "constant":
        return False
    uses = project.settings.uses(read)
    return all(for_development(u.function.path) or re.search(r"(^|[/_])dev_?server", u.function.path) for u in uses)


def _by_truth(project: Project, read: SettingRead) -> bool:
    if (
        read.reader is not None
        or read.secret
        or url_like(read.name)
        or variable_reader(read.name) is not None
        or FLAG.search(read.name) is None
        or OPT_OUT.search(read.name)
    ):
        return False
    if read.conversion == "bool":
        return _by_builtin(read)
    if read.conversion not in ("", "truth"):
        return False
    uses = project.settings.uses(read)
    flows = [f for f in (*read.flows, *(f for u in uses for f in u.flows)) if f.kind != "store"]
    # used as a text anywhere: "is it set" is then a fair question
    return bool(flows) and all(f.kind == "test" for f in flows) and not _only_told(read)


def _only_told(read: SettingRead) -> bool:
    """``if os.environ.get("OLD_FLAG"): warn("OLD_FLAG is set but has no effect")``: whether it is set is the question."""
    for place in read.function.places:
        stmt = place.stmt
        if isinstance(stmt, m.If) and any(node is read.expr or node == read.expr for node in m.walk(stmt.test)):
            told = (n.value for each in stmt.body for n in m.walk(each) if isinstance(n, m.Const))
            if any(isinstance(text, str) and read.name in text for text in told):
                return True
    return False


def _by_builtin(read: SettingRead) -> bool:
    """Whether it is ``bool(...)`` itself that makes the text a flag, and no parser of words."""
    return any(
        site.text == "bool" and len(site.call.args) == 1 and site.call.args[0] == read.expr
        for site in read.function.sites
        if site.line == read.line
    )
