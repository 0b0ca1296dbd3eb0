"""Batch calls of cloud clients that answer with success and a list of what failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.project.source_text import source_of


class Batch(NamedTuple):
    """An operation of a client: the parameter by which it is known, the part of its answer that tells what failed, whether the items
    are lost with it (what could not be deleted is still there), and how it says so, where that is not by a list."""

    parameter: str
    failed: str
    lost: bool
    says: str = "answers with success when a part of the items failed, and tells in {failed} which"
    severity: str | None = None
    imported: str = ""
    """The library that the project must import, where the receiver's type is seldom seen."""


BATCHES = {
    "delete_objects": Batch("Delete", "Errors", False),
    "delete_message_batch": Batch("Entries", "Failed", False),
    "send_message_batch": Batch("Entries", "Failed", True),
    "publish_batch": Batch("PublishBatchRequestEntries", "Failed", True),
    "put_events": Batch("Entries", "FailedEntryCount", True),
    "put_records": Batch("Records", "FailedRecordCount", True),
    "put_record_batch": Batch("Records", "FailedPutCount", True),
    "batch_write_item": Batch("RequestItems", "UnprocessedItems", True),
    "put_targets": Batch("Targets", "FailedEntryCount", True),
    "run_task": Batch("taskDefinition", "failures", True, "answers with success when no task could be placed, and tells in {failed} why"),
    # google-cloud-bigquery 3, client.py: returns one mapping a row that was refused
    "insert_rows_json": Batch("", "the list that it returns", True, imported="google.cloud.bigquery"),
    # koji 1.36, ClientSession.multiCall: without strict=True a fault is an item of the list that it returns
    "multiCall": Batch("", "the faults among its results", True, imported="koji"),
}
"""botocore's service descriptions, and those of the libraries named: each of these answers with success when some, or all, of the
items failed."""
BULK = Batch("", "its field errors", True)
PUSHED = Batch("", "failure_count and responses", True)
ANSWERS = {
    **{f"{client}.bulk": BULK for client in (
        "elasticsearch.Elasticsearch", "elasticsearch.AsyncElasticsearch", "opensearchpy.OpenSearch", "opensearchpy.AsyncOpenSearch",
    )},
    **{f"firebase_admin.messaging.{name}": PUSHED for name in (
        "send_each", "send_each_async", "send_each_for_multicast", "send_each_for_multicast_async", "send_all", "send_multicast",
    )},
    "gearman.GearmanClient.submit_job": Batch(
        "", "state", True, "raises nothing when the job failed or no worker took it, and tells it in {failed} of its answer"
    ),
    "apprise.Apprise.notify": Batch(
        # what its plugins log stands in its own logger
        "", "its answer", True, "raises nothing when a service refused the message, and tells it by {failed} (False) alone", "low"
    ),
}  # fmt: skip
"""The same of methods that are known by the type of their object (elasticsearch 9 and opensearch-py 3, Bulk API; firebase-admin 7,
BatchResponse; gearman3, GearmanJobRequest.state; apprise, Apprise.notify)."""
NOT_WAITED = (("background", True), ("wait_until_complete", False))


def dropped_batches(project: Project) -> Iterator[tuple[Site, Batch]]:
    """The calls whose answer is dropped, or bound to a name that nothing reads."""
    imported: dict[str, bool] = {}
    for func in project.functions:
        for site in func.sites:
            batch = BATCHES.get(site.method)
            if batch is None or (site.targets and not batch.imported) or (batch.parameter and site.call.keyword(batch.parameter) is None):
                continue
            if batch.imported and not imported.setdefault(batch.imported, _imports(project, batch.imported)):
                continue
            if _dropped(site) and not _strict(site):
                yield site, batch
    for dotted, batch in ANSWERS.items():
        for site in project.sites(dotted):
            if _dropped(site) and not _told_otherwise(site):
                yield site, batch


def _dropped(site: Site) -> bool:
    return not site.used or _never_read(site)


def _imports(project: Project, library: str) -> bool:
    bound = (b for func in project.functions for found in func.bindings.values() for b in found if b.kind == "import")
    return any(b.text == library or b.text.startswith(f"{library}.") for b in bound)


def _strict(site: Site) -> bool:
    """``multiCall(strict=True)`` raises the first fault."""
    given = site.call.argument("strict", 0) if site.method == "multiCall" else None
    return given is not None and not (isinstance(given, m.Const) and not given.value)


def _told_otherwise(site: Site) -> bool:
    """Whether nobody waits for the outcome here, or it is read from what the library logs meanwhile (``apprise.LogCapture``)."""
    given = ((site.call.keyword(name), value) for name, value in NOT_WAITED)
    if any(isinstance(expr, m.Const) and expr.value is value for expr, value in given):
        return True
    return any(s.method == "LogCapture" for s in site.function.sites)


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
