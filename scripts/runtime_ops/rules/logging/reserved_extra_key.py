"""``extra=`` with a key that a log record already has."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Site, places_of
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="high",
    summary="A key of extra= is an attribute of LogRecord: the log call raises KeyError at run time.",
    lead=True,
)
# logging.Logger.makeRecord: any key of the record's __dict__, and these two
RESERVED = frozenset(
    """name msg args levelname levelno pathname filename module exc_info exc_text stack_info lineno funcName created msecs
    relativeCreated thread threadName processName process message asctime""".split()
)
RARELY = 3  # statements of a try body that hardly fails
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
                    severity=_severity(site),
                    confidence="certain",
                )


def _severity(site: Site) -> str | None:
    """In an ``except`` arm the call is made only when something else has failed, and hardly ever around a body of two steps."""
    arms = [(step.stmt, step.handler) for step in site.steps if step.handler is not None]
    if not arms:
        return None
    attempt = arms[-1][0]
    small = isinstance(attempt, m.Try) and sum(1 for _ in places_of(attempt.body, ())) <= RARELY
    return "low" if small else "medium"


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
