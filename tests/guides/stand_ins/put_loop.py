"""Jobs for the hand-written worker loop: put KIND TOKEN, dead TOKEN (0 when it is), kept (0 when no job is lost)."""

import json
import os
import sys

import redis

store = redis.Redis.from_url(os.environ["REDIS_URL"])
command, *rest = sys.argv[1:]
if command == "put":
    store.lpush("jobs", json.dumps({"kind": rest[0], "id": rest[1], "seconds": 2}))
elif command == "dead":
    sys.exit(0 if any(rest[0].encode() in job for job in store.lrange("jobs:dead", 0, -1)) else "not dead")
elif command == "kept":
    held = (
        store.llen("jobs") + store.zcard("jobs:later") + sum(store.llen(key) for key in store.keys("jobs:under-way:*"))
    )
    done = store.scard("invoices")
    print(f"held {held}, done {done}")
    sys.exit(0 if held + done > 0 else 1)
