"""``extra=`` with a key that a log record already has."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="high",
    summary="A key of extra= is an attribute of LogRecord: the log call raises KeyError at run time.",
)
# logging.Logger.makeRecord: any key of the record's __dict__, and these two
RESERVED = frozenset(
    """name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno funcName created msecs
    relativeCreated thread threadName processName process message asctime""".split()
)
OTHERS = ("loguru.", "structlog.", "logbook.")


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        for site in func.sites:
            extra = site.call.keyword("extra")
            if extra is None or log_call(site) is None or (site.dotted or "").startswith(OTHERS):
                continue
            clash = sorted(keys_of(extra, site) & RESERVED)
            if clash and (project.phases(site) or project.imported_by(func.module)):
                yield RULE.at(
                    project,
                    site,
                    f"extra= holds {', '.join(clash)}, which a LogRecord already has: the call raises KeyError (Attempt to overwrite "
                    f"'{clash[0]}' in LogRecord) and takes the request or job with it",
                    "prefix the key, or nest the fields: extra={'ctx': {…}}",
                    confidence="certain",
                )


def keys_of(extra: m.Expr, site: Site) -> set[str]:
    """The literal keys of a display, also through one local name and ``dict(…)``."""
    if isinstance(extra, m.Name):
        bindings = site.function.bindings.get(extra.id, ())
        if len(bindings) != 1 or bindings[0].expr is None or isinstance(bindings[0].expr, m.Name):
            return set()
        return keys_of(bindings[0].expr, site)
    if isinstance(extra, m.Mapping):
        return {key.value for key, _ in extra.items if isinstance(key, m.Const) and isinstance(key.value, str)}
    if isinstance(extra, m.Call) and isinstance(extra.func, m.Name) and extra.func.id == "dict":
        return {key for key, _ in extra.keywords if key is not None}
    return set()
