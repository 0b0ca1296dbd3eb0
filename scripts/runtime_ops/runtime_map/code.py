"""Signals, loops, retries, probes, exits, logging set-up and metrics of one entrypoint."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, MapRow
from runtime_ops.libraries.observability import Instrument, instrument
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.project.loops import counts_attempts, has_sleep, is_endless
from runtime_ops.project.model import Func, Site, Step
from runtime_ops.rules.api import worst_phase
from runtime_ops.runtime_map.reach import of_place

EXITS = ("sys.exit", "os._exit", "os.abort", "exit", "quit")


def signals(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """Signal handlers that the entrypoint installs."""
    life = project.lives[entrypoint]
    for registration in project.registrations:
        site = registration.site
        phases = life.at(site.function, site.line, site.steps)
        if not phases and site.function not in life.spine:
            continue
        acts = ", ".join(dict.fromkeys(f"{a.kind} {a.name}".strip() for a in registration.acts))[:120]
        names = "/".join(registration.signals) or "a signal that is not written here"
        bound = registration.disposition or acts or registration.callback or None
        yield MapRow(
            "signal", names, site.path, site.line, worst_phase(phases) or "startup", "ok" if bound else "unknown", bound
        )


class _Loop(NamedTuple):
    """An endless loop, whoever runs it."""

    func: Func
    stmt: m.While
    steps: tuple[Step, ...]
    what: str
    bounded: bool
    text: str


@lru_cache(maxsize=1)
def _endless(project: Project) -> tuple[_Loop, ...]:
    found = []
    for func in project.functions:
        for place in func.places:
            loop = place.stmt
            if not isinstance(loop, m.While) or not is_endless(loop):
                continue
            attempts = counts_attempts(loop, func)
            retries = any(isinstance(inner, m.Try) for inner in loop.body)
            pace = "pauses" if has_sleep(loop.body, func, project.links) else "no pause found"
            bound = f"{attempts}" if attempts is not None else None
            found.append(
                _Loop(
                    func, loop, place.steps, "retry" if attempts is not None and retries else "loop",
                    bool(bound) or pace == "pauses", f"{bound}; {pace}" if bound else pace,
                )
            )  # fmt: skip
    return tuple(found)


def loops(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """Endless loops and retries, with what ends and paces them."""
    for func, loop, steps, what, bounded, text in _endless(project):
        where = of_place(project, entrypoint, func, loop.line, steps)
        if where is None:
            continue
        test = "while True" if isinstance(loop.test, m.Const) else "while on a flag"
        verdict = "ok" if bounded else "unknown"
        yield MapRow(what, f"{test} in {func.name}", func.path, loop.line, where.phase, verdict, text)


def probes(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """Health routes and the platform's probes."""
    life = project.lives[entrypoint]
    for route in project.routes.health_like():
        if route.func is not None and not life.of(route.func) and route.func.module not in entrypoint.modules:
            continue
        reached = _outside_calls(project, route.func) if route.func is not None else None
        bound = f"asks {reached}" if reached else "answers without asking anything" if reached is not None else None
        question = (
            "" if reached else f"does {route.path} fail when what serving needs is gone, or when the work has stopped?"
        )
        yield MapRow(
            "probe", route.path, route.file, route.line, "serving", "ok" if reached else "question", bound, (), question
        )
    seen = set()
    for launch in entrypoint.production:
        for probe, path in launch.probes:
            if (path, probe.line) not in seen:
                seen.add((path, probe.line))
                target = probe.path.text if probe.path is not None else probe.method
                timeout = (
                    f"timeout {probe.timeout.text}" if probe.timeout is not None else "the platform's default timeout"
                )
                yield MapRow("probe", f"{probe.role}: {target}", path, probe.line, "serving", "ok", timeout)


@lru_cache(maxsize=1)
def _leaving(project: Project) -> frozenset[int]:
    """The ids of the calls that leave the process."""
    return frozenset(id(wait.site) for wait in project.waits if wait.leaves_the_process)


@lru_cache(maxsize=4096)
def _outside_calls(project: Project, func: Func) -> str:
    """The first outside call that a health handler makes, at most three calls deep; empty when it makes none."""
    waiting = _leaving(project)
    pending, seen = [(func, 0)], set()
    while pending:
        current, depth = pending.pop(0)
        if current in seen:
            continue
        seen.add(current)
        for site in current.sites:
            if id(site) in waiting:
                return site.text
            if depth < 3:
                pending.extend((target, depth + 1) for target in site.targets[:4])
    return ""


def exits(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """Where the process ends, with which status."""
    life = project.lives[entrypoint]
    for site in project.sites(*EXITS):
        phases = life.at(site.function, site.line, site.steps)
        if phases:
            status = site.call.args[0] if site.call.args else None
            text = repr(status.value) if isinstance(status, m.Const) else "computed" if status is not None else "0"
            yield MapRow(
                "exit", f"{site.text}({text})", site.path, site.line, worst_phase(phases), "ok", f"status {text}"
            )


def log_set_up(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """Logging set-up, formatters and handlers."""
    life = project.lives[entrypoint]
    for use in project.log_parts:
        if use.role not in ("configure", "formatter", "handler") or use.function.module not in entrypoint.modules:
            continue
        phase = worst_phase(life.of(use.function))
        bound = "structured" if use.structured else "plain text" if use.structured is False else None
        yield MapRow("log", use.name, use.path, use.line, phase, "ok" if bound else "unknown", bound)


@lru_cache(maxsize=1)
def _instrumented(project: Project) -> tuple[tuple[Instrument, list[Site]], ...]:
    """The instruments and the calls of them, by dotted name."""
    named = ((instrument(dotted), sites) for dotted, sites in sorted(project.links.by_dotted.items()))
    return tuple((row, sites) for row, sites in named if row is not None)


def metrics(project: Project, entrypoint: Entrypoint) -> Iterator[MapRow]:
    """Metrics and traces, one row an instrument and file."""
    life = project.lives[entrypoint]
    seen = set()
    for row, sites in _instrumented(project):
        for site in sites:
            if site.function.module in entrypoint.modules and (row.call, site.path) not in seen:
                seen.add((row.call, site.path))
                phase = worst_phase(life.of(site.function))
                covers = ", ".join(row.covers) or f"records ({row.role})"
                source = (Evidence(site.path, site.line, row.role),)
                yield MapRow("metric", row.call, site.path, site.line, phase, "ok", covers, source)
