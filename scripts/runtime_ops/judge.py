"""Run the rules over a linked project, settle overlaps, number and sort what they found."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import replace

from runtime_ops.findings import CONFIDENCES, SEVERITIES, Evidence, Finding
from runtime_ops.plain import dataclass
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func
from runtime_ops.rules.api import Rule


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules said. ``failed``: rules that crashed, with the error; the others' findings stand."""

    findings: tuple[Finding, ...]
    failed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Said:
    """What one rule said: its findings, up to the error when it crashed."""

    findings: list[Finding]
    error: str = ""


def judge(project: Project, rules: Sequence[Rule]) -> Judged:
    """Findings of the rules, overlaps settled, in a stable order: what matters most first."""
    return together(rules, [ask(rule, project) for rule in rules])


def ask(rule: Rule, project: Project) -> Said:
    """What one rule says of the project."""
    found: list[Finding] = []
    try:
        if rule.run is not None:
            found.extend(rule.run(project))
    except Exception as error:  # a broken rule must not take the others' findings with it
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Said(found, f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})")
    return Said(one_a_function(project, [doubted(project, finding) for finding in found], rule.few))


def one_a_function(project: Project, found: Iterable[Finding], few: int = 1) -> list[Finding]:
    """The findings of a rule, those of one function with one mend as one, where they are more than ``few``: the heaviest stands
    for the others."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for number, finding in enumerate(found):
        func = project.function_at(finding.path, finding.line)
        same = (func, finding.remedy, finding.confidence == "possible")
        groups.setdefault(same if func is not None else (number,), []).append(finding)
    return [finding for group in groups.values() for finding in (group if len(group) <= few else [_as_one(group)])]


def _as_one(group: list[Finding]) -> Finding:
    first, *others = sorted(group, key=rank)
    places = {(e.path, e.line) for e in first.also} | {(first.path, first.line)}
    others = [f for f in others if (f.path, f.line) not in places]
    if not others:
        return first
    also = tuple(Evidence(f.path, f.line, "the same") for f in others)
    entrypoints = tuple(dict.fromkeys(e for f in (first, *others) for e in f.entrypoints))
    return replace(first, count=first.count + sum(f.count for f in others), also=(*first.also, *also), entrypoints=entrypoints)


def doubted(project: Project, finding: Finding) -> Finding:
    """The finding, as one that is only possible where nothing is seen to run the function that it is in: nothing calls it, or
    entrypoints only reach it by a step that a method's name alone speaks for; or where all that runs it are scripts that
    nothing starts."""
    if finding.confidence == "possible" or not project.entrypoints:
        return finding
    if run_by_hand(project, finding):
        return replace(finding, confidence="possible")
    func = project.function_at(finding.path, finding.line)
    if func is None or func in project.jobs.by_func or not project.doubtful(func):
        return finding
    if func.name == "__init__" and func.cls is not None and _works(project, func, finding):
        return finding
    return replace(finding, confidence="possible")


def _works(project: Project, made: Func, finding: Finding) -> bool:
    """Whether a method of the class that ``made`` makes, at which the finding says that something happens, is seen to run: then an
    object of it was made, be it by a table of classes that was not followed."""
    named = (project.function_at(place.path, place.line) for place in finding.also)
    return any(func is not None and func.cls is made.cls and func is not made and not project.doubtful(func) for func in named)


def run_by_hand(project: Project, finding: Finding) -> bool:
    """Whether the finding is about command-line scripts only that nothing starts, in a repository that tells how it starts its
    programs: whoever runs one by hand, once, sees how it ends. Of ten such findings on code that no rule was written against,
    readers called one right."""
    if not any(e.launches for e in project.entrypoints):
        return False
    ids = set(finding.entrypoints)
    about = [e for e in project.entrypoints if e.id in ids]
    return bool(about) and all(e.kind == "cli" and not e.launches for e in about)


def as_leads(rule: Rule, said: Said) -> Said:
    """What a rule said; of a rule of leads all but what it is certain of is only possible."""
    if not rule.lead:
        return said
    found = [f if f.confidence == "certain" else replace(f, confidence="possible") for f in said.findings]
    return Said(found, said.error)


def together(rules: Sequence[Rule], said: Iterable[Said]) -> Judged:
    """What all rules said, in the order of the rules, as one judgement."""
    pairs = list(zip(rules, said, strict=True))
    found = [finding for _, each in pairs for finding in each.findings]
    by_id = {rule.id: rule for rule in rules}
    failed = tuple((rule.id, each.error) for rule, each in pairs if each.error)
    return Judged(tuple(sorted(settle(found, by_id), key=rank)), failed)


def rank(finding: Finding) -> tuple[int, int, str, int, str]:
    """Sort key: severity, confidence, then place."""
    return (
        SEVERITIES.index(finding.severity), CONFIDENCES.index(finding.confidence), finding.path, finding.line, finding.rule,
    )  # fmt: skip


def settle(findings: Iterable[Finding], rules: dict[str, Rule]) -> list[Finding]:
    """One finding for one cause: equal ones merged, those that yield to another on the same lines dropped, and of two
    rules of one concern on one line the heavier kept."""
    unique: dict[tuple[str, str, int, str], Finding] = {}
    for finding in findings:
        key = (finding.rule, finding.path, finding.line, finding.anchor)
        if key not in unique or rank(finding) < rank(unique[key]):
            unique[key] = finding
    by_path: dict[str, list[Finding]] = {}
    for finding in unique.values():
        by_path.setdefault(finding.path, []).append(finding)
    kept: list[Finding] = []
    for each in by_path.values():
        kept.extend(f for f in each if not any(_gives_way(f, other, rules) for other in each if other is not f))
    return kept


def _gives_way(finding: Finding, other: Finding, rules: dict[str, Rule]) -> bool:
    rule, against = rules.get(finding.rule), rules.get(other.rule)
    if rule is None or against is None or rule is against:
        return False
    if other.confidence == "possible" != finding.confidence:
        return False  # what is only possible must not hide what is known
    overlaps = finding.line <= other.end_line and other.line <= finding.end_line
    if other.rule in rule.yields_to:
        return overlaps
    if finding.rule in against.yields_to or not (rule.alone and against.alone):
        return False
    same_line = finding.line == other.line and finding.concern == other.concern
    return same_line and (rank(other), other.rule) < (rank(finding), finding.rule)
