"""What several start-up rules ask about reads of settings."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.development import development_name
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Step
from runtime_ops.project.settings import SettingRead
from runtime_ops.project.texts import spelled

ENVIRONMENT = frozenset(("environ", "environ.get", "environ.pop", "getenv"))
"""Ways to read that hand over the bare text."""
LIBRARIES = frozenset(("decouple", "environs", "django-environ", "starlette", "dynaconf", "pydantic"))
CONVERSIONS = frozenset(("int", "float", "json", "enum", "date"))
"""Conversions that raise for a text which does not fit."""
DEVELOPMENT = re.compile(
    r"(^|[/_.\-])(tests?|testing|dev|devel|develop|development|local|example|examples|sample|samples|conftest|ci|demo"
    r"|benchmarks?|playground|scripts?|tools|docs?)([/_.\-]|$)",
    re.IGNORECASE,
)


TOOLS = re.compile(r"(?i)(^|[/_.\-])(?:scripts?|tools)(?=[/_.\-]|$)")
"""Folders of what people run by hand, unless an artifact starts it."""


def for_development(path: str) -> bool:
    """Whether a file's path says that it is for tests or the desk."""
    return bool(DEVELOPMENT.search(path))


def read_for_development(read: SettingRead, runs: Iterable[Entrypoint] = ()) -> bool:
    """Whether a setting is read for tests or the desk: by the file's path, or by the name of the settings class around it
    (``class Development(Config)``), of which production takes another. ``runs``: the programs that read it; a script that
    production starts is none for the desk."""
    written = TOOLS.sub(r"\1", read.path) if any(e.path == read.path and e.production for e in runs) else read.path
    if for_development(written):
        return True
    path, line = place(read)
    return any(
        klass.path == path
        and klass.facts.line <= line <= klass.facts.end_line
        and development_name(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", klass.name))
        for klass in read.function.module.classes.values()
    )


def phases_of(
    project: Project, read: SettingRead, kinds: Iterable[str] = ("service", "worker")
) -> dict[Entrypoint, frozenset[str]]:
    """The phases in which a read is made, by entrypoint of the kinds."""
    found = project.phases_by_entrypoint(read.function, read.line, read.steps)
    return {e: phases for e, phases in found.items() if e.kind in kinds}


def of_the_process(read: SettingRead) -> bool:
    """Whether the environment of the process itself is asked, not a mapping by that name (WSGI's ``environ``)."""
    if isinstance(read.expr, m.Subscript):
        return spelled(read.expr.value) == "os.environ"
    return any(
        site.call == read.expr and (site.dotted or "") in ("os.environ.get", "os.getenv", "os.environ.pop")
        for site in read.function.sites
        if site.line == read.line
    )


def caught(steps: tuple[Step, ...]) -> bool:
    """Whether a place stands in the body of a ``try`` that has handlers."""
    return any(isinstance(s.stmt, m.Try) and s.arm == "body" and s.stmt.handlers for s in steps)


def conditional(steps: tuple[Step, ...]) -> bool:
    """Whether a place runs only on a condition, or its failure is caught."""
    return any(isinstance(s.stmt, m.If | m.Match) or (isinstance(s.stmt, m.Try) and s.arm != "final") for s in steps)


def place(read: SettingRead) -> tuple[str, int]:
    """Where the setting is declared: the field of a settings class, else the read."""
    return read.defined or (read.path, read.line)
