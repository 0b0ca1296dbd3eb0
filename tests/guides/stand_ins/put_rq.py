"""Jobs for the rq pattern: put ADDRESS TOKEN, dead TOKEN (0 when it is), kept (0 when no job is lost)."""

import sys

from jobs import enqueue, invoice, queue, store

command, *rest = sys.argv[1:]
if command == "put":
    enqueue(invoice, rest[1], rest[0], job_id=rest[1])
elif command == "dead":
    sys.exit(0 if rest[0] in queue.failed_job_registry.get_job_ids() else "not failed")
elif command == "kept":
    held = queue.count + len(queue.started_job_registry) + len(queue.scheduled_job_registry)
    done = store.scard("invoices")
    print(f"held {held}, done {done}")
    sys.exit(0 if held + done > 0 else 1)
