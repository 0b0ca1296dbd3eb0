"""A limit in milliseconds where the library takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Finding
from runtime_ops.libraries.timeouts import Wait
from runtime_ops.project.build import Project
from runtime_ops.project.deadlines import CONNECT_NAME
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.deadlines._findings import finding_of, grouped
from runtime_ops.rules.deadlines._meant_to_last import lasts
from runtime_ops.rules.deadlines._severity import matters

RULE = Rule(
    __name__,
    severity="medium",
    summary="A limit of thousands stands where the library takes seconds: milliseconds were meant, and it limits nothing.",
)
THOUSAND = 1000
HALF_HOUR = 1800
"""Limits that are multiples of it are meant as hours."""
WRITTEN = ("call", "constructor", "wrapper", "adapter", "partial")
"""Where a limit is written as the number that is judged."""
SHORT = 60
"""Seconds: where a library itself waits no longer than this, thousands of them were not meant."""
LONG_WORK = frozenset(
    """wait build pull push exec_run exec_command run execute query download_file upload_file urlretrieve result clone_from fetch
    communicate generate create stream reindex bulk forcemerge snapshot restore update_by_query delete_by_query backup""".split()
)
"""Methods whose work may last for an hour."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    found = [wait for wait in project.waits if _in_thousands(wait) and not lasts(project, wait)]
    for group in grouped(found):
        first = group[0]
        seconds = first.deadline.seconds
        assert seconds is not None  # _in_thousands asked
        at = [e for e in project.phases(first.site) if matters(e)]
        entrypoints = tuple(at) or project.imported_by(first.site.function.module)
        if not entrypoints:
            continue
        reached = {p for w in group for phases in project.phases(w.site).values() for p in phases}
        phase = next((p for p in ("serving", "startup", "shutdown", "import") if p in reached), None)
        yield finding_of(
            RULE,
            project,
            group,
            f"{first.deadline.text} of {first.place.text}() is {_spoken(seconds)}, for {first.row.distribution} takes seconds: where the "
            "peer falls silent the caller is held as if there were no limit",
            f"write it in seconds: {seconds / THOUSAND:g} where milliseconds were meant, else what an answer may take",
            severity="medium" if at else "low",
            phase=phase,
            entrypoints=entrypoints,
        )


def _in_thousands(wait: WaitSite) -> bool:
    """Whether a limit that is written as a number is one of milliseconds: round thousands, no hours, on what ends soon."""
    seconds = wait.deadline.seconds
    if seconds is None or seconds < THOUSAND or wait.deadline.how not in WRITTEN or wait.row.unit != "seconds":
        return False
    if seconds % THOUSAND or not seconds % HALF_HOUR or not wait.leaves_the_process:
        return False
    if wait.deadline.how != "constructor" and wait.site.method in LONG_WORK:
        return False
    return _ends_soon(wait.row) or "total" not in wait.deadline.text


def _ends_soon(row: Wait) -> bool:
    """Whether a row's own limit is short, or its parameter limits connecting alone."""
    numbers = [value for value in row.default.values() if isinstance(value, int | float)]
    return (bool(numbers) and max(numbers) <= SHORT) or (bool(row.parameters) and all(CONNECT_NAME.search(p) for p in row.parameters))


def _spoken(seconds: float) -> str:
    """Seconds in the unit in which somebody would say them."""
    minutes = seconds / 60
    return f"{minutes / 60:.1f} hours" if minutes >= 120 else f"{minutes:.0f} minutes"
