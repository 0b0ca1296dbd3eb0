"""Batch calls of cloud clients that answer with success and a list of what failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.project.source_text import source_of


class Batch(NamedTuple):
    """An operation of a botocore client: the parameter by which it is known, the field of its answer that tells what failed, and
    whether the items are lost with it (what could not be deleted is still there)."""

    parameter: str
    failed: str
    lost: bool


BATCHES = {
    "delete_objects": Batch("Delete", "Errors", False),
    "delete_message_batch": Batch("Entries", "Failed", False),
    "send_message_batch": Batch("Entries", "Failed", True),
    "publish_batch": Batch("PublishBatchRequestEntries", "Failed", True),
    "put_events": Batch("Entries", "FailedEntryCount", True),
    "put_records": Batch("Records", "FailedRecordCount", True),
    "put_record_batch": Batch("Records", "FailedPutCount", True),
    "batch_write_item": Batch("RequestItems", "UnprocessedItems", True),
}
"""botocore's service descriptions: each of these answers 200 when some, or all, of the items failed."""


def dropped_batches(project: Project) -> Iterator[tuple[Site, Batch]]:
    """The calls whose answer is dropped, or bound to a name that nothing reads."""
    for func in project.functions:
        for site in func.sites:
            batch = BATCHES.get(site.method)
            if batch is None or site.targets or (site.call.keyword(batch.parameter) is None):
                continue
            if not site.used or _never_read(site):
                yield site, batch


def _never_read(site: Site) -> bool:
    stmt = site.stmt
    if not isinstance(stmt, m.Assign) or stmt.value is None or len(stmt.targets) != 1 or not isinstance(stmt.targets[0], m.Name):
        return False
    value = stmt.value.value if isinstance(stmt.value, m.Await) else stmt.value
    name = stmt.targets[0].id
    if value is not site.call or "." in name:
        return False
    reads = (n for place in site.function.places for n in m.walk(place.stmt) if isinstance(n, m.Name))
    return all(n.line == stmt.line for n in reads if source_of(n).split(".")[0] == name)
