"""A histogram whose buckets do not reach to what it observes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.project.texts import text_of
from runtime_ops.rules.api import Rule, together

RULE = Rule(
    __name__,
    severity="medium",
    summary="A histogram of bytes or of minutes keeps the default buckets, which end at 10, so that nearly all falls into the last one.",
    lead=True,
)
HISTOGRAMS = ("prometheus_client.Histogram", "prometheus_client.metrics.Histogram")
SIZES = re.compile(r"(?i)(?:^|_)(?:bytes|sizes?)(?:$|_)")
SIZE_TEXT = re.compile(r"(?i)\bbytes\b|\bsize of\b|\bsizes?$|\bsizes? in\b")
BYTES = re.compile(r"(?i)(?:^|_)bytes(?:$|_)|\bbytes\b")
"""What is said of a size that is counted in bytes, and so is above 10 but for what is empty."""
MEASURED = frozenset({"getsize", "st_size", "getbuffer", "nbytes", "content_length"})
"""What an observed value comes from that is counted in bytes."""
COUNTED = re.compile(r"(?i)batch|queue|pool|page_size|chunk|list|group|number|count|rows|items|records|mib|mb\b|megabyte|kib|kb\b|ratio")
"""Sizes that are numbers of things, or written in units of which ten may be many."""
TIMES = re.compile(r"(?i)second|duration|time|latency|runtime")
LONG = re.compile(
    r"(?i)(?:^|_)(?:builds?|crawl\w*|brows(?:e|ing)|pages?_process\w*|ytdlp|download\w*|backups?|restores?|migrations?|sync|mirror\w*|workflows?|"
    r"tests?_run|pipelines?|transcod\w*|encod\w*|scans?|indexing|ingest\w*|archiv\w*|import|export|training|deploy\w*)(?:$|_)"
)
"""Work that lasts minutes as a rule."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_findings(project))


def _findings(project: Project) -> Iterator[Finding]:
    for site in project.sites(*HISTOGRAMS):
        call = site.call
        if call.keyword("buckets") is not None or call.expands or len(call.args) > 6:
            continue
        name = text_of(project.links, call.argument("name", 0), site.function)
        told = text_of(project.links, call.argument("documentation", 1), site.function)
        unit = text_of(project.links, call.keyword("unit"), site.function) if call.keyword("unit") is not None else ""
        observed = _observed(project, site)
        if TIMES.search(name) is None and (SIZES.search(f"{name}_{unit}") or SIZE_TEXT.search(told)):
            if COUNTED.search(f"{name} {told}"):
                continue
            sure = observed is not None and (BYTES.search(f"{name}_{unit} {told}") or _in_bytes(observed))
            yield _of(project, site, name, "sizes", "1 KiB to 4 GiB in steps of four", "certain" if sure else "likely", observed)
        elif TIMES.search(f"{name}_{unit}") and LONG.search(name):
            yield _of(project, site, name, "the times of work that may last minutes", "1 s to the work's own limit", "possible", observed)


def _observed(project: Project, site: Site) -> Site | None:
    """Where the histogram is told of a value."""
    stmt = site.stmt
    if not isinstance(stmt, m.Assign) or not stmt.targets or not isinstance(stmt.targets[0], m.Name):
        return None
    name = stmt.targets[0].id.rpartition(".")[2]
    for func in project.functions:
        for other in func.sites:
            if other.method in ("observe", "time") and other.text.rpartition(".")[0].rpartition(".")[2] == name:
                return other
    return None


def _in_bytes(observed: Site) -> bool:
    """Whether the value that is observed was asked of a file or a buffer: ``sum(p.stat().st_size for p in files)``."""
    pending = list(observed.call.args[:1])
    for argument in tuple(pending):
        if isinstance(argument, m.Name):
            pending += [b.expr for b in observed.function.bindings.get(argument.id, ()) if b.expr is not None]
    nodes = [n for each in pending for n in m.walk(each)]
    names = {n.id.rpartition(".")[2] for n in nodes if isinstance(n, m.Name)} | {n.name for n in nodes if isinstance(n, m.Attr)}
    return bool(names & MEASURED)


def _of(
    project: Project, site: Site, name: str, what: str, buckets: str, confidence: str, observed: Site | None
) -> Finding:
    found = RULE.at(
        project,
        site,
        f"the histogram {name} holds {what} and keeps the default buckets, 0.005 to 10: what is above falls into +Inf, and neither a "
        "percentile nor how near a limit is can be read from it",
        f"give buckets that cover what is observed (buckets=…, {buckets})",
        confidence=confidence,
    )
    if observed is None:
        return found
    return replace(found, trace=(*found.trace, Evidence(observed.path, observed.line, f"{observed.text}()")))
