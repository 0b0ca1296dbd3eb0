"""The guides' comparison tables, cell by cell from the library data, so that the two cannot differ."""

from __future__ import annotations

from collections.abc import Mapping

from runtime_ops.libraries.jobs import JobSystem, all_job_systems
from runtime_ops.libraries.servers import Server, all_servers
from runtime_ops.libraries.timeouts import Wait, all_waits

WORDS = {None: "none", "os": "kernel"}


def limits(stages: Mapping[str, object]) -> str:
    """``connect 5, read none``: seconds by stage."""
    return ", ".join(f"{name} {_seconds(value)}" for name, value in stages.items())


def _seconds(value: object) -> str:
    if isinstance(value, int | float):
        return f"{value:g}"
    return WORDS[value] if value is None or value == "os" else str(value)


def wait_cells(row: Wait) -> tuple[str, str, str]:
    """Version, default limits (with the older ones), and the names of the parameter."""
    text = limits(row.default)
    older = next((c for c in row.changed if c.default and dict(c.default) != dict(row.default)), None)
    if older is not None:
        text += f"; before {older.version}: {limits(older.default)}"
    return row.version, text, ", ".join(f"`{name}`" for name in row.parameters) or "has none"


def server_cells(row: Server) -> tuple[str, str, str]:
    """What SIGTERM and the other signals do, and the default drain."""
    others = ", ".join(f"{name} {what}" for name, what in row.signals.items() if name in ("SIGINT", "SIGQUIT")) or "-"
    drain = {"unlimited": "no limit", "none": "no drain", "unknown": "unknown"}.get(row.drain, "")
    return row.sigterm, others, drain or f"{row.drain_seconds:g} s"


def job_cells(row: JobSystem) -> tuple[str, str, str, str, str]:
    """SIGTERM with its default wait, acknowledgement, retries, time limit, redelivery."""
    wait = {"drain": "waits, no limit", "cancel": "cancels at once", "interrupt": "interrupts at once"}.get(
        row.sigterm, "not handled"
    )
    if row.sigterm == "drain" and row.drain_seconds is not None:
        wait = f"waits {row.drain_seconds:g} s"
    retries = "not set here" if row.max_retries is None else f"{row.max_retries}"
    limit = f"{row.time_limit:g} s" if isinstance(row.time_limit, int | float) else "none"
    again = f"{row.redelivery_seconds:g} s" if row.redelivery_seconds else "-"
    return wait, row.ack or "-", retries, limit, again


def waits_by_name() -> dict[str, Wait]:
    return {row.name: row for row in all_waits()}


def servers_by_name() -> dict[str, Server]:
    return {row.name: row for row in all_servers()}


def jobs_by_name() -> dict[str, JobSystem]:
    return {row.name: row for row in all_job_systems()}


def rows(text: str, heading: str) -> list[list[str]]:
    """The cells of the table below a level-2 heading, without its head."""
    lines = [line for line in section(text, heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def section(text: str, heading: str) -> str:
    """The text below a level-2 heading, up to the next one. Raises ValueError when there is none."""
    _, found, rest = text.partition(f"\n## {heading}\n")
    if not found:
        raise ValueError(f"no section '## {heading}'")
    return rest.split("\n## ", 1)[0]
