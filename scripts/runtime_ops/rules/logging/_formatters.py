"""Formatters of the project that write a record by themselves and leave its exception out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.facts.artifacts import LoggingFile
from runtime_ops.findings import Finding
from runtime_ops.project.build import Project
from runtime_ops.project.log_parts import OWN_FORMATTER
from runtime_ops.project.model import Func, Klass, own_expressions
from runtime_ops.rules.api import Rule

OF_ERRORS = re.compile(r"exc_|formatException|traceback|__dict__")
"""What a record's exception is got by. ``record.__dict__`` has it among all else."""
READS = frozenset(("getattr", "hasattr", "setattr", "isinstance", "id", "type"))
"""Calls that take a record and give one thing of it."""
OF_REQUESTS = re.compile(r"(?i)access|request|audit")
"""Names of formatters for records that are of no failure."""


def without_error(project: Project, rule: Rule) -> Iterator[Finding]:
    """``class JSONFormatter(logging.Formatter)`` whose ``format()`` makes a record of the message alone. It is the standard
    library's ``format()`` that appends the traceback (CPython 3.13, logging.Formatter.format), so an own one has to do it."""
    for module in project.modules:
        for klass in module.classes.values():
            method = klass.methods.get("format")
            if method is None or OWN_FORMATTER not in klass.external_bases or OF_REQUESTS.search(klass.name):
                continue
            if _takes_error(klass, method) or not _used(project, klass) or not project.imported_by(module, "service", "worker", "job"):
                continue
            yield rule.in_function(
                project,
                method,
                method.line,
                f"{klass.name}.format() writes the message and never the record's exc_info: no logger.exception() and no exc_info=True "
                "of this program or its libraries leaves a traceback",
                "add self.formatException(record.exc_info) when record.exc_info is set, or begin with super().format(record)",
                severity="medium",
                confidence="certain",
                phase="serving",
            )


def _takes_error(klass: Klass, method: Func) -> bool:
    """Whether the exception, or the whole record, may come into what is written."""
    own = [base for base in klass.ancestry if isinstance(base, Klass)]
    funcs = [*(func for base in own for func in base.methods.values()), klass.module.level]
    words = [word for func in funcs for word in (func.wording, *func.inventory.texts, *func.inventory.attributes)]
    words += [text for base in own for place in base.places for text in _words(place.stmt)]
    if any(OF_ERRORS.search(word) for word in words):
        return True
    record = method.facts.params[1].name if len(method.facts.params) > 1 else ""
    return not record or any(
        site.method not in READS
        and not (site.targets and all(target in funcs for target in site.targets))
        and any(isinstance(n, m.Name) and n.id == record for n in _given(site.call))
        for func in funcs
        for site in func.sites
    )


def _given(call: m.Call) -> tuple[m.Expr, ...]:
    return (*call.args, *(value for _, value in call.keywords))


def _words(stmt: m.Stmt) -> Iterator[str]:
    for expr in own_expressions(stmt):
        for node in m.walk(expr):
            if isinstance(node, m.Name):
                yield node.id
            elif isinstance(node, m.Const) and isinstance(node.value, str):
                yield node.value


def _used(project: Project, klass: Klass) -> bool:
    """Whether something names the class: makes one, gives it to a configuration, or writes it out there."""
    named = re.compile(rf"(?:^|[\s.:]){re.escape(klass.name)}(?:$|[\s.])")
    return any(
        named.search(func.wording) or any(named.search(text) for text in func.inventory.texts if len(text) < 200)
        for func in project.functions
        if func.cls is not klass
    ) or any(
        entry.kind.endswith(klass.name) for file in project.artifacts_of(LoggingFile) for entry in file.formatters
    )
