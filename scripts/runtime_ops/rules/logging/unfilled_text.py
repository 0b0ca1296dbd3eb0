"""A text with a name in braces that nothing fills in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.dead_arms import never_entered
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.main_blocks import in_main_block
from runtime_ops.project.model import Func, Klass, Site
from runtime_ops.rules.api import Rule, together

RULE = Rule(
    __name__,
    severity="low",
    summary="The text of a log line or an error holds {name} and is no f-string, so the one thing that was to be told is not.",
)
PLACE = re.compile(r"(?<![{$%/])\{([A-Za-z_]\w*)(?:\.\w+|\[\w+\]|\(\))*(?:![rsa])?(?::[^{}\s]*)?\}(?!\})")
FORMATS = frozenset({"format", "format_map", "safe_substitute", "substitute"})
FILLS = ("loguru.", "logbook.", "eliot.")
"""They fill braces from what the call is given, or from a context."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_findings(project))


def _findings(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        if not any("{" in text for text in func.inventory.texts):
            continue
        raised = {id(p.stmt.exc) for p in func.by_kind.get(m.Raise, ()) if isinstance(p.stmt, m.Raise)}
        for site in func.sites:
            if in_main_block(site) and project.launches and not any(e.production for e in project.phases(site)):
                continue  # a start by hand, beside what production starts
            name = _unfilled(project, func, site, raised)
            if name is None or never_entered(func, site.steps, project.links):
                continue
            if not (project.phases(site) or project.imported_by(func.module)):
                continue
            yield RULE.at(
                project,
                site,
                f"the text is no f-string: it says {{{name}}} as it is written, and not what {name} is",
                "put an f before the text",
                confidence="certain",
            )


def _unfilled(project: Project, func: Func, site: Site, raised: set[int]) -> str | None:
    """The name in braces, when the text is logged or raised as it is, and the name is one of the function or its module."""
    if id(site.call) in raised:
        given = site.call.args[0] if site.call.args and not _class_fills(site) else None
    else:
        call = log_call(site)
        given = site.call.args[0] if call is not None and call.sure and len(site.call.args) == 1 else None
        if (site.dotted or "").startswith(FILLS) or any(k not in ("exc_info", "stack_info") for k, _ in site.call.keywords):
            return None
    if not isinstance(given, m.Const) or not isinstance(given.value, str):
        return None
    found = PLACE.search(given.value)
    if found is None or not _known(func, found.group(1)) or _told_beside(site, found.group(1)):
        return None
    if (value := project.links.names.name(found.group(1), func)) is not None and value.const == found.group(1):
        return None  # a constant that holds its own name: the text says it anyway
    return found.group(1)


def _class_fills(site: Site) -> bool:
    """Whether the exception's own class formats what it is given: ``super().__init__(message.format(**context))``."""
    if not any("__init__" in target.qualname for target in site.targets):
        return False
    classes = [k for target in site.targets if target.cls is not None for k in target.cls.ancestry if isinstance(k, Klass)]
    return any(
        other.method in FORMATS or (other.dotted or "") in ("string.Template", "jinja2.Template")
        for klass in classes
        for method in klass.methods.values()
        for other in method.sites
    )


def _told_beside(site: Site, name: str) -> bool:
    """Whether the value is given next to the text, by keyword, in a mapping, or as it is: the class may fill it in, and the
    exception's own text shows all that it was given."""
    if any(keyword == name for keyword, _ in site.call.keywords):
        return True
    beside = [*site.call.args[1:], *(value for _, value in site.call.keywords)]
    return any(name in m.texts(expr) or name in _names(expr) for expr in beside)


def _names(expr: m.Expr) -> set[str]:
    return {part for found in m.walk(expr) if isinstance(found, m.Name) for part in found.id.split(".")}


def _known(func: Func, name: str) -> bool:
    scopes: Func | None = func
    while scopes is not None:
        if name in scopes.params or name in scopes.bindings:
            return True
        scopes = scopes.parent
    return name in func.module.level.bindings
