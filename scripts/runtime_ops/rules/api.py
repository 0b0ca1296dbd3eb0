"""What a rule is made of. One rule is one file, ``rules/<concern>/<slug with underscores>.py``, that binds ``RULE``::

    RULE = Rule(__name__, severity="high", summary="A network call in serving has no deadline.")

    @RULE.check
    def check(project: Project) -> Iterator[Finding]:
        for site in project.sites("requests.get"):
            yield RULE.at(project, site, message="…", remedy="…")

Its documentation is the guide section whose heading is the slug; the section's snippets are its first test. Nothing is
registered anywhere: `runtime_ops.rules.load` finds the files.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

from runtime_ops.findings import CONCERNS, PHASES, SEVERITIES, Evidence, Finding
from runtime_ops.project.answering import that_answer
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.names import files

Check = Callable[[Project], Iterator[Finding]]
PHASE_WEIGHT = {"serving": 0, "shutdown": 1, "startup": 2, "import": 3}


class RuleError(Exception):
    """A rule file that does not have the shape a rule needs."""


class Rule:
    """One rule: ``id`` and ``concern`` follow from the file's place.

    ``yields_to``: ids of rules whose finding on the same lines says the same thing better. ``alone``: whether a finding
    may share its line with another rule of the same concern. ``lead``: the rule asks a good question whose answer mostly lies
    outside of what can be read (how the program is used, what a loss costs), so the report gives what it finds as possible
    only, but for what it is certain of. ``few``: places of one function up to which each is a finding of its own; more are one.
    """

    def __init__(
        self,
        module: str,
        *,
        severity: str,
        summary: str,
        yields_to: tuple[str, ...] = (),
        alone: bool = True,
        lead: bool = False,
        few: int = 1,
    ) -> None:
        *_, concern, slug = module.split(".")
        self.id = slug.replace("_", "-")
        self.concern = concern
        self.severity = severity
        self.summary = summary
        self.yields_to = yields_to
        self.alone = alone
        self.lead = lead
        self.few = few
        self.run: Check | None = None
        if concern not in CONCERNS:
            raise RuleError(f"{module}: the folder {concern!r} is no concern; expected one of {', '.join(CONCERNS)}")
        if severity not in SEVERITIES:
            raise RuleError(f"{module}: severity {severity!r}; expected one of {', '.join(SEVERITIES)}")
        if not summary.endswith(".") or "\n" in summary:
            raise RuleError(f"{module}: the summary must be one sentence that ends in a full stop")

    def check(self, function: Check) -> Check:
        """Decorator: the generator that finds."""
        self.run = function
        return function

    def finding(
        self,
        path: str,
        line: int,
        message: str,
        remedy: str,
        *,
        end_line: int = 0,
        severity: str | None = None,
        confidence: str = "likely",
        phase: str | None = None,
        entrypoints: Iterable[Entrypoint] = (),
        trace: Iterable[Evidence] = (),
        anchor: str = "",
        count: int = 1,
        also: Iterable[Evidence] = (),
    ) -> Finding:
        """A finding at a place of a file."""
        return Finding(
            self.id, self.concern, severity or self.severity, confidence, path, line, message, remedy, end_line, phase,
            tuple(e.id for e in entrypoints), tuple(trace), anchor or message, count, tuple(also),
        )  # fmt: skip

    def at(
        self,
        project: Project,
        site: Site,
        message: str,
        remedy: str,
        *,
        severity: str | None = None,
        confidence: str = "likely",
        phases: tuple[str, ...] = PHASES,
        kinds: tuple[str, ...] = ("service", "worker", "job", "cli"),
    ) -> Finding:
        """A finding at a call: entrypoints, phase (the one that matters most) and trace are filled in."""
        found = {e: p & set(phases) for e, p in project.phases(site).items() if e.kind in kinds and p & set(phases)}
        phase = worst_phase(p for each in found.values() for p in each)
        if phase is not None:
            found = {e: found[e] for e in that_answer(project, site.function, phase, found)}
            phase = worst_phase(p for each in found.values() for p in each)
        entrypoints = tuple(found)
        trace: tuple[Evidence, ...] = ()
        if found and phase is not None:
            first = next(e for e, each in found.items() if phase in each)
            trace = project.trace(first, site.function, phase)
        if not found:
            entrypoints = project.imported_by(site.function.module)
        return self.finding(
            site.path, site.line, message, remedy, end_line=site.call.end_line, severity=severity,
            confidence=confidence, phase=phase, entrypoints=entrypoints, trace=trace,
            anchor=f"{site.function.qualname}:{site.dotted or site.text}",
        )  # fmt: skip

    def in_function(
        self,
        project: Project,
        func: Func,
        line: int,
        message: str,
        remedy: str,
        *,
        end_line: int = 0,
        severity: str | None = None,
        confidence: str = "likely",
        phase: str | None = None,
    ) -> Finding:
        """A finding at a line of a function: entrypoints, phase and trace from the function's phases."""
        found = project.phases_by_entrypoint(func)
        phase = phase or worst_phase(p for each in found.values() for p in each)
        if phase is not None:
            found = {e: found[e] for e in that_answer(project, func, phase, found)}
        entrypoints = tuple(found) or project.imported_by(func.module)
        trace: tuple[Evidence, ...] = ()
        if found and phase is not None:
            first = next((e for e, each in found.items() if phase in each), next(iter(found)))
            trace = project.trace(first, func, phase)
        return self.finding(
            func.path, line, message, remedy, end_line=end_line, severity=severity, confidence=confidence, phase=phase,
            entrypoints=entrypoints, trace=trace, anchor=f"{func.qualname}:{message}",
        )  # fmt: skip


def together(findings: Iterable[Finding], limit: int = 8) -> Iterator[Finding]:
    """One finding a file for a habit: the first place stands for all, the others are listed in ``also``.

    Findings of different phase or severity stay apart, so that a heavy one is not hidden behind a light one, and so does
    what is only possible.
    """
    groups: dict[tuple[str, str, str | None, bool], list[Finding]] = {}
    for finding in findings:
        key = (finding.path, finding.severity, finding.phase, finding.confidence == "possible")
        groups.setdefault(key, []).append(finding)
    for group in groups.values():
        yield _merged(group, limit)


def as_one(findings: Iterable[Finding], limit: int = 8) -> Iterator[Finding]:
    """One finding for a habit of the whole repository: the first place stands for the others of its severity."""
    groups: dict[tuple[str, bool], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.confidence == "possible"), []).append(finding)
    for group in groups.values():
        yield _merged(group, limit)


def _merged(group: list[Finding], limit: int) -> Finding:
    """The first of the findings with the places of the others in ``also``; one that stands alone, as it is."""
    first, *others = sorted(group, key=lambda f: (f.path, f.line))
    if not others:
        return first
    also = tuple(Evidence(f.path, f.line, "the same") for f in others[:limit])
    entrypoints = tuple(dict.fromkeys(e for f in group for e in f.entrypoints))
    return replace(first, count=len(group), also=also, entrypoints=entrypoints)


def worst_phase(phases: Iterable[str]) -> str | None:
    """The phase in which a defect weighs most."""
    return min(phases, key=PHASE_WEIGHT.__getitem__, default=None)


@cache
def load() -> dict[str, Rule]:
    """Every rule of the package by id, in concern and id order. Raises RuleError for a file that is no rule."""
    rules: dict[str, Rule] = {}
    for concern, file in files():
        module = importlib.import_module(f"runtime_ops.rules.{concern}.{file.stem}")
        rule = getattr(module, "RULE", None)
        if not isinstance(rule, Rule) or rule.run is None:
            raise RuleError(f"{file}: expected RULE = Rule(__name__, …) and a function decorated with @RULE.check")
        rules[rule.id] = rule
    if not rules:
        raise RuleError(f"no rule found below {Path(__file__).parent}")
    return rules
