"""The whole way of an audit: discover → extract (`runtime_ops.files`) → link → judge, from a folder to a `Report`.

Formats and exit codes are the command line's business (`runtime_ops.cli.audit`).
"""

from __future__ import annotations

import datetime
import gc
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from runtime_ops import runtime_map, waivers
from runtime_ops.answers import Answers, answers
from runtime_ops.configuration import Configuration, ConfigurationError, EntrypointOverride, nearest
from runtime_ops.contracts import contract
from runtime_ops.files import Progress, read
from runtime_ops.findings import EntrypointReport, Evidence, Finding, Report
from runtime_ops.gather import Gathered
from runtime_ops.judge import rank
from runtime_ops.plain import dataclass
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.launch import Launch, Link, Target
from runtime_ops.project.modules import begin
from runtime_ops.report.wording import count
from runtime_ops.rules.api import Rule

__all__ = ["Request", "audit", "begin"]


@dataclass(frozen=True, slots=True)
class Request:
    """What to audit and how. ``shown_root`` is the root as the user wrote it; ``everything`` keeps findings that are only
    possible; ``today`` decides which waivers have expired."""

    root: Path
    shown_root: str
    rules: Sequence[Rule]
    known_rules: Sequence[Rule]
    configuration: Configuration
    everything: bool = False
    today: datetime.date | None = None


def audit(request: Request, progress: Progress = lambda stage: None, gathered: Gathered | None = None) -> Report:
    """The report on a root; ``gathered`` is what its files hold, when they have been read already.

    Raises NothingToAudit when it holds no Python, ConfigurationError when the configuration names what is not there,
    OSError when the root cannot be listed.
    """
    configuration = request.configuration
    if gathered is None:
        gathered = read(request.root, request.shown_root, configuration, progress)
    was_on = gc.isenabled()
    gc.disable()  # the linked project is one big graph that lives until the end: collecting it again and again is waste
    try:
        progress("linking")
        project = Project(gathered.modules, gathered.artifacts, gathered.paths, gathered.begun)
        override(project, configuration.entrypoints)
        progress(f"judging by {count(len(request.rules), 'rule')}")
        return report(request, gathered, project, answers(project, request.rules))
    finally:
        if was_on:
            gc.enable()


def report(request: Request, gathered: Gathered, project: Project, found: Answers) -> Report:
    """The judged project as a report: levels, waivers and contracts applied."""
    judged = found.judged
    levelled = with_levels(judged.findings, request.configuration)
    rules = {rule.id: rule for rule in request.known_rules}
    written = [
        entry for file in gathered.comments for entry in waivers.from_comments(file.path, file.comments, rules)
    ]
    settled = waivers.settle(
        levelled,
        [*request.configuration.waivers, *written],
        today=request.today or datetime.datetime.now(datetime.UTC).date(),
        concerns={name: rule.concern for name, rule in rules.items()},
        judged={rule.id for rule in request.rules},
    )
    leads = [] if request.everything else [finding for finding in settled.findings if finding.confidence == "possible"]
    shown = [finding for finding in settled.findings if request.everything or finding.confidence != "possible"]
    findings = sorted([*shown, *settled.problems], key=rank)
    lines = runtime_map.lines_of(levelled)
    return Report(
        root=request.shown_root,
        complete=not gathered.unparsed and not judged.failed,
        entrypoints=tuple(
            EntrypointReport(
                e.id, e.kind, e.path, e.line, e.framework, started_by(e),
                contract(e, grounds, settled.findings), runtime_map.rows(inventories, lines),
            )
            for e, grounds, inventories in zip(project.entrypoints, found.grounds, found.inventories, strict=True)
        ),
        findings=tuple(findings),
        waived=settled.waived,
        python_files=gathered.python_files,
        artifact_files=gathered.artifact_files,
        skipped=gathered.skipped,
        unparsed=gathered.unparsed,
        failed_rules=judged.failed,
        partial=gathered.partial,
        leads=tuple(sorted(leads, key=rank)),
    )  # fmt: skip


def with_levels(findings: Iterable[Finding], configuration: Configuration) -> list[Finding]:
    """The findings with the severities that the user gave to their rules. A rule that is off and was run all the same,
    because the command line names it, keeps its own."""
    levels = {rule: level for rule, level in (configuration.levels or {}).items() if level != "off"}
    return [replace(f, severity=levels[f.rule]) if f.rule in levels else f for f in findings]


# ---------------------------------------------------------------- entrypoints that the user corrects


def override(project: Project, overrides: Sequence[EntrypointOverride]) -> None:
    """Give entrypoints the kind and the start that the configuration names, before anything is judged by them."""
    by_id = {entrypoint.id: entrypoint for entrypoint in project.entrypoints}
    dropped: set[str] = set()
    for wanted in overrides:
        entrypoint = by_id.get(wanted.id)
        if entrypoint is None:
            raise ConfigurationError(f"{wanted.path}:{wanted.line}: no entrypoint {wanted.id!r}; {nearest(wanted.id, by_id)}")
        if wanted.kind == "none":
            dropped.add(wanted.id)
        elif wanted.kind:
            entrypoint.kind = wanted.kind
        starts = tuple(configured_launch(text, entrypoint, wanted) for text in wanted.started_by)
        entrypoint.launches = (*entrypoint.launches, *starts)
    if dropped:
        kept = tuple(entrypoint for entrypoint in project.entrypoints if entrypoint.id not in dropped)
        project.__dict__["entrypoints"] = kept  # the cached property's own place


def configured_launch(text: str, entrypoint: Entrypoint, wanted: EntrypointOverride) -> Launch:
    """A start that stands in no artifact of the repository."""
    try:
        argv = tuple(shlex.split(text))
    except ValueError:
        argv = tuple(text.split())
    program = PurePosixPath(argv[0]).name if argv else ""
    target = Target("app" if entrypoint.app else "script", text, entrypoint.path, entrypoint.app)
    return Launch("configuration", (Link(wanted.path, wanted.line, text[:160]),), argv, program, target)


def started_by(entrypoint: Entrypoint) -> tuple[Evidence, ...]:
    """The places that start an entrypoint, those of production first: of each way the program's own command, then the
    artifacts that lead to it. The text is what stands there, so that the drill can take the command from it."""
    found: dict[tuple[str, int], Evidence] = {}
    for launch in sorted(entrypoint.launches, key=lambda x: (x.development, x.role not in ("main", "job"))):
        for link in (launch.chain[-1], *launch.chain[:-1]):
            found.setdefault((link.path, link.line), Evidence(link.path, link.line, link.text))
    return tuple(found.values())
