"""Jobs for the celery pattern: put ADDRESS TOKEN, dead TOKEN (0 when it is), kept (0 when no job is lost)."""

import sys

from tasks import invoice, store

command, *rest = sys.argv[1:]
if command == "put":
    invoice.delay(rest[1], rest[0])
elif command == "dead":
    sys.exit(0 if any(rest[0].encode() in task for task in store.lrange("tasks:dead", 0, -1)) else "not dead")
elif command == "kept":
    held, done = store.llen("celery") + store.hlen("unacked"), store.scard("invoices")
    print(f"held {held}, done {done}")
    sys.exit(0 if held + done > 0 else 1)
