"""The comparison tables of the guides say what the library data says, which was measured or read in the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from runtime_ops import guides

from . import tables

RUNTIME, PROCESS = "runtime-behavior.md", "process-lifecycle-and-cleanup.md"
GUIDE_FILES = (RUNTIME, PROCESS, "logging-metrics-tracing.md")


def guide(name: str) -> str:
    return (guides.folder() / name).read_text(encoding="utf-8")


def plain(cell: str) -> str:
    return cell.strip("`")


def compare(
    rows: list[list[str]], known: Mapping[str, Any], cells: Callable[[Any], tuple[str, ...]], first: int
) -> list[str]:
    """What differs between the table and the data; ``first`` is the column at which the data's cells begin."""
    found = []
    for row in rows:
        name = plain(row[0])
        if name not in known:
            found.append(f"{name}: no such row in the data")
            continue
        expected = cells(known[name])
        if tuple(row[first : first + len(expected)]) != expected:
            found.append(f"{name}: {row[first : first + len(expected)]}, expected {expected}")
    return found


def test_default_timeouts() -> None:
    rows = tables.rows(guide(RUNTIME), "Default timeouts")
    assert len(rows) >= 40
    known = {name.partition(":")[2]: row for name, row in tables.waits_by_name().items() if not name.startswith("rq:")}
    assert compare(rows, known, tables.wait_cells, 1) == []


def test_servers_at_the_signal() -> None:
    rows = tables.rows(guide(RUNTIME), "What servers do on SIGTERM, SIGINT and SIGQUIT")
    assert len(rows) >= 15
    assert compare(rows, tables.servers_by_name(), tables.server_cells, 2) == []


def test_job_systems() -> None:
    rows = tables.rows(guide(PROCESS), "Job systems: stop, retry, acknowledgement, limits")
    assert len(rows) >= 15
    assert compare(rows, tables.jobs_by_name(), tables.job_cells, 2) == []


@pytest.mark.parametrize(
    ("heading", "name", "column", "data", "cells"),
    [
        ("Default timeouts", RUNTIME, 1, tables.waits_by_name, tables.wait_cells),
        ("What servers do on SIGTERM, SIGINT and SIGQUIT", RUNTIME, 2, tables.servers_by_name, tables.server_cells),
        ("Job systems: stop, retry, acknowledgement, limits", PROCESS, 2, tables.jobs_by_name, tables.job_cells),
    ],
    ids=["timeouts", "servers", "jobs"],
)
def test_a_wrong_cell_is_seen(heading: str, name: str, column: int, data: Any, cells: Any) -> None:
    known = {key.partition(":")[2] or key: row for key, row in data().items()}
    rows = [list(row) for row in tables.rows(guide(name), heading)]
    rows[0][column] = "something else"
    assert len(compare(rows, known, cells, column)) >= 1


@pytest.mark.parametrize("name", GUIDE_FILES)
def test_contents_name_every_section(name: str) -> None:
    text = guide(name)
    lines = text.splitlines()
    listed = [
        line[3:].partition("](#")[0] for line in tables.section(text, "Contents").splitlines() if line.startswith("- [")
    ]
    fence = False
    headings = []
    for line in lines:
        fence ^= line.startswith("```")
        if line.startswith("## ") and not fence:
            headings.append(line[3:])
    assert ["Contents", *listed] == headings


def test_budgets_add_up() -> None:
    """The worked budget of the process guide: its steps in sum are the grace."""
    table = tables.section(guide(PROCESS), "Budgets, worked through").split("| step |", 1)[1]
    rows = [
        [cell.strip(" *") for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]
    seconds = [int(row[1]) for row in rows if row[1].isdigit()]
    assert len(seconds) == 5
    assert sum(seconds[:-1]) == seconds[-1]
