"""A setting without default that is put into an address unchecked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.setting_limits import SettingLimit, all_setting_limits
from runtime_ops.project.build import Project
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.model import Step, own_expressions
from runtime_ops.project.settings import Flow, SettingRead, Use
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.deadlines._settings import uses
from runtime_ops.rules.startup._reads import ENVIRONMENT, phases_of, read_for_development

RULE = Rule(
    __name__,
    severity="low",
    summary="A setting that may be missing is put into an address without a check, or is first converted where serving uses it.",
    lead=True,
)
CREDENTIAL = re.compile(r"(?i)(?:bearer|token|api-?key|apikey|oauth|bot) (?:token=)?\{\?\}\Z")
"""What an ``Authorization`` header says."""
NUMBERS = frozenset(("int", "float", "builtins.int", "builtins.float"))


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_found(project))
    yield from together(_converted_late(project))
    yield from _needed_by_library(project)


def _converted_late(project: Project) -> Iterator[Finding]:
    """``SIZE = os.getenv("SIZE", 100)`` of a module, and ``int(config.SIZE)`` in the handler: a bad value fails each request."""
    for read in project.settings:
        if read.how not in ENVIRONMENT or read.conversion or read.checked or not read.function.is_module or read_for_development(read):
            continue
        uses = project.settings.uses(read) if read.bound is not None and read.bound.kind == "constant" else ()
        late = [u for u in uses if any(f.kind == "argument" and f.to in NUMBERS for f in u.flows)]
        if not late or any(u.function.is_module and u in late for u in uses):
            continue
        runs = [project.phases_by_entrypoint(u.function, u.line, u.steps) for u in late]
        serving = {e: p for each in runs for e, p in each.items() if e.kind in ("service", "worker")}
        if not serving or any(p & {"import", "startup"} for p in serving.values()):
            continue
        if any(_in_try(u) or _survived(project, u) for u in late):
            continue
        use = late[0]
        yield RULE.finding(
            read.path,
            read.line,
            f"{read.name} stays text until line {use.line} of {use.function.path} converts it, for each request or job: with a bad value "
            "the program starts, counts as healthy, and fails everything that comes there",
            f"convert it where it is read, so that a bad value ends the start: int(os.environ.get({read.name!r}, …))",
            severity="low",
            phase="import",
            entrypoints=tuple(serving),
            trace=(Evidence(use.function.path, use.line, "converted here"),),
            anchor=read.name,
            confidence="certain",
        )


def _in_try(use: Use) -> bool:
    """Whether the conversion's failure is looked at: a ``try`` that holds little else."""
    return any(isinstance(s.stmt, m.Try) and s.arm == "body" and any("ValueError" in h.types for h in s.stmt.handlers) for s in use.steps)


def _survived(project: Project, use: Use) -> bool:
    """Whether a failure harms little: an arm for every exception here, or around each call of the function, gives back a plain
    answer instead, with which the caller goes on."""
    arms = {id(arm.handler) for arm in project.failures if arm.broad and arm.raises == "never" and _goes_on_without(arm, project)}
    edges = [e for e in project.links.callers.get(use.function, ()) if e.how == "call" and not e.site.weak]
    around = (use.steps, *(e.site.steps for e in edges))
    swallowed = [_swallowed(steps, arms) for steps in around]
    return swallowed[0] or (bool(edges) and all(swallowed[1:]))


def _goes_on_without(arm: HandlerEffects, project: Project) -> bool:
    """Whether the arm returns a constant to code of the project; what it returns to a framework is the answer of a failed request."""
    plain = bool(arm.returns) and arm.ends <= {"return"} and all(r.status is None for r in arm.returns)
    return plain and not arm.answers and any(e.how == "call" and e.site.used for e in project.links.callers.get(arm.func, ()))


def _swallowed(steps: tuple[Step, ...], arms: set[int]) -> bool:
    return any(isinstance(s.stmt, m.Try) and s.arm == "body" and any(id(h) in arms for h in s.stmt.handlers) for s in steps)


def _needed_by_library(project: Project) -> Iterator[Finding]:
    """``OIDC_OP_TOKEN_ENDPOINT = os.getenv("OIDC_OP_TOKEN_ENDPOINT")``: bound to None, so that the library's own check at start
    passes, and the first request fails."""
    for row in all_setting_limits():
        reads = [
            read for read in project.settings
            if read.how in ENVIRONMENT and read.bound is not None and read.bound.name in row.required and read.function.is_module
            and not read_for_development(read)
        ] if row.required else []  # fmt: skip
        if any(_asked(project, read) for read in reads):
            continue  # one of them is the switch of the feature: without it the others are not needed
        found = [
            read for read in reads
            if not read.required and not read.checked and not read.conversion and not _given_otherwise(read)
            and (not read.has_default or read.default_text in ("None", "''", '""', ""))
        ]  # fmt: skip
        # An empty text is a value that somebody wrote down, for an install that goes without.
        unset = [read for read in found if not read.has_default or read.default_text == "None"]
        empty = len(unset) < 2
        if len(found) < 2 or not phases_of(project, found[0]) or not uses(project, row):
            continue  # one may be optional
        told = found if empty else unset
        first = min(told, key=lambda read: (read.path, read.line))
        missing = list(dict.fromkeys(read.name for read in told))
        running = tuple(phases_of(project, first))
        optional = empty or (_switched_on(project, row) and not any(isinstance(s.stmt, m.If) for s in first.steps))
        yield RULE.finding(
            first.path,
            first.line,
            f"{', '.join(missing[:3])}{' …' if len(missing) > 3 else ''} may be missing: {row.name} only asks whether the setting is "
            f"bound, and {'an empty text' if empty else 'None'} is: the start succeeds, and the first login is what fails",
            "where the feature is switched on, read what it needs with os.environ[…], so that a deploy without it does not start",
            severity="low",
            phase="import",
            entrypoints=running,
            anchor=row.name,
            # the same settings are imported by the image's build and by migrations, which nobody may give them
            confidence="possible" if optional or len(running) > 1 else "certain",
            count=len(missing),
        )


def _asked(project: Project, read: SettingRead) -> bool:
    """Whether a condition looks at the value."""
    return any(f.kind in ("test", "compare") for flows in (read.flows, *(u.flows for u in project.settings.uses(read))) for f in flows)


def _given_otherwise(read: SettingRead) -> bool:
    """Whether the name is given another value besides, in an arm of a condition: the variable is one of several ways."""
    assert read.bound is not None
    values = [b.expr for b in read.function.bindings.get(read.bound.name, ()) if b.kind == "assign" and b.expr is not read.expr]
    return any(not (isinstance(value, m.Const) and not value.value) for value in values)


@cache
def _switched_on(project: Project, row: SettingLimit) -> bool:
    """Whether a condition decides that the library is used (``if OIDC_ENABLED: INSTALLED_APPS += ["mozilla_django_oidc"]``)."""
    return any(
        text.startswith(row.module)
        for module in project.modules
        for place in module.level.places
        if any(isinstance(s.stmt, m.If) for s in place.steps)
        for expr in own_expressions(place.stmt)
        for text in m.texts(expr)
    )


def _found(project: Project) -> Iterator[Finding]:
    for read in project.settings:
        if read.how not in ENVIRONMENT or read.required or read.checked:
            continue
        if (read.has_default and read.default_text != "None") or read.conversion or read.default_setting:
            continue
        entrypoints = phases_of(project, read)
        if not entrypoints or read_for_development(read, entrypoints):
            continue
        flow = _address(project, read)
        if flow is None or _in_a_default(project, read):
            continue
        written = flow.to.replace("{?}", "…")
        holds = "the header then says" if CREDENTIAL.match(flow.to) else "the address then holds"
        yield RULE.finding(
            read.path,
            read.line,
            f"{read.name} may be missing and goes unchecked into {written!r}: {holds} the "
            'text "None", and what fails is a look-up or a request later, not the start',
            f"read it with os.environ[{read.name!r}], or test it at start-up and end the process with a message",
            phase="import" if read.function.is_module else "startup",
            entrypoints=tuple(entrypoints),
            anchor=read.name,
            confidence="likely" if read.function.is_module else "possible",
        )


def _in_a_default(project: Project, read: SettingRead) -> bool:
    """Whether the value is only part of another setting's default: who has that one never needs it."""
    return any(
        other is not read and other.default is not None and any(node is read.expr for node in m.walk(other.default))
        for other in project.settings
        if other.path == read.path
    )


def _address(project: Project, read: SettingRead) -> Flow | None:
    """The text with an address that the value goes into, when nothing tests the value before."""
    own = [f for f in read.flows if f.kind == "text" and (is_address(f.to) or CREDENTIAL.match(f.to))]
    if any(f.kind in ("test", "compare") for f in read.flows):
        return None
    uses = project.settings.uses(read)
    if any(f.kind in ("test", "compare") for u in uses for f in u.flows):
        return None
    name = (read.bound.name if read.bound is not None else "").rpartition(".")[2]
    for use in uses:
        if name and not _guarded(use, name):
            own.extend(f for f in use.flows if f.kind == "text" and (is_address(f.to) or CREDENTIAL.match(f.to)))
    return own[0] if own else None


def is_address(text: str) -> bool:
    """Whether a text with ``{?}`` is an address with the value in its scheme, host or path."""
    head, found, rest = text.partition("://")
    if found:
        return " " not in text and ("{?}" in rest or "{?}" in head)
    return text.startswith(("{?}/", "{?}:")) and " " not in text


def _guarded(use: Use, name: str) -> bool:
    """Whether a condition around the use looks at the name."""
    for step in use.steps:
        test = getattr(step.stmt, "test", None)
        if test is not None and any(isinstance(n, m.Name) and n.id.rpartition(".")[2] == name for n in m.walk(test)):
            return True
    return False
