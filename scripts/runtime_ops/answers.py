"""All that a report says of a linked project: what the rules find, what keeps each promise, what each map holds.

Each of these is a task of its own, and of a large project some are done by a second process (`runtime_ops.aside`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from runtime_ops import aside, runtime_map
from runtime_ops.contracts import Ground, ground
from runtime_ops.findings import PROMISES, MapRow
from runtime_ops.judge import Judged, as_leads, ask, together
from runtime_ops.plain import dataclass
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import Entrypoint
from runtime_ops.rules.api import Rule

LARGE = 300
"""Functions from which on a second process pays."""
SETTINGS = """local-default lazy-config variable-never-read misparsed-flag secret-default unconverted-number
    unvalidated-config unused-setting variable-not-provided""".split()
LOGGING = """context-lost lost-log-config no-correlation-id plain-access-log secret-in-log unstructured-logs errors-on-stdout
    reserved-extra-key no-exception-to-log no-log-setup""".split()
CALLS = """redelivery-window inert-timeout endless-retry wall-clock-deadline unbounded-poll blocking-in-async inert-retry
    migrate-per-worker unbounded-label counter-as-gauge masked-failure""".split()
ASIDE = frozenset(
    [f"rule {rule}" for rule in (*SETTINGS, *LOGGING, *CALLS)]
    + [f"promise {promise}" for promise in ("startup", "jobs", "logging", "metrics")]
    + [f"map {source}" for source in ("settings", "loops", "exits", "log set-up", "metrics")]
)
"""What a second process does, so that both take about the same time: whatever asks for the settings and for the parts of
logging, which the first process then need not make, and some rules that ask for nothing but the links."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What was found, and for each entrypoint what is known of its promises and what its map holds, by kind of row."""

    judged: Judged
    grounds: tuple[dict[str, Ground], ...]
    inventories: tuple[tuple[tuple[MapRow, ...], ...], ...]


def answers(project: Project, rules: Sequence[Rule]) -> Answers:
    """Judge the project by the rules and look for all else that is said of it."""
    tasks: dict[str, aside.Task] = {f"rule {rule.id}": partial(ask, rule, project) for rule in rules}
    tasks |= {f"promise {promise}": partial(grounds, project, promise) for promise in PROMISES}
    tasks |= {f"map {source}": partial(inventory, project, rows) for source, rows in runtime_map.SOURCES.items()}
    project.make_common_parts()
    found = aside.answers(tasks, ASIDE, len(project.functions) >= LARGE and aside.possible())
    numbers = range(len(project.entrypoints))
    return Answers(
        together(rules, [as_leads(rule, found[f"rule {rule.id}"]) for rule in rules]),
        tuple({promise: found[f"promise {promise}"][number] for promise in PROMISES} for number in numbers),
        tuple(tuple(found[f"map {source}"][number] for source in runtime_map.SOURCES) for number in numbers),
    )


def grounds(project: Project, promise: str) -> list[Ground]:
    """What is known of a promise, for each entrypoint."""
    return [ground(project, entrypoint, promise) for entrypoint in project.entrypoints]


def inventory(
    project: Project, rows: Callable[[Project, Entrypoint], Iterable[MapRow]]
) -> list[tuple[MapRow, ...]]:
    """The rows of one kind, for each entrypoint."""
    return [tuple(rows(project, entrypoint)) for entrypoint in project.entrypoints]
