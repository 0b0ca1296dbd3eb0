"""rq on redis. Commands: put JOB TOKEN, dead TOKEN (in the registry of failed jobs), kept (no job is lost).

`put work` ends when the job is under way. A SIGTERM between the dequeue and the start of a job makes rq 3.0.0 leave it in
the intermediate queue, where it fails a minute later: true, but a matter of milliseconds, and not what is tried here.
"""

import os
import sys
import time

import redis
from rq import Queue, Retry

store = redis.Redis.from_url(os.environ["REDIS_URL"])


def work(token):
    store.sadd("begun", token)
    time.sleep(3)
    store.sadd("done", token)


def poison(token):
    print(f"attempt of {token}", flush=True)
    raise RuntimeError("poison")


if __name__ == "__main__":
    import rq_app

    queue = Queue(connection=store)
    command, *rest = sys.argv[1:]
    if command == "put":
        retry = Retry(max=2) if rest[0] == "poison" else None
        queue.enqueue(getattr(rq_app, rest[0]), rest[1], job_id=rest[1], retry=retry)
        until = time.monotonic() + 10
        while rest[0] == "work" and not store.sismember("begun", rest[1]) and time.monotonic() < until:
            time.sleep(0.05)
    elif command == "dead":
        sys.exit(0 if rest[0] in queue.failed_job_registry.get_job_ids() else "not failed")
    elif command == "kept":
        waiting, done, failed = len(queue), store.scard("done"), len(queue.failed_job_registry)
        print(f"waiting {waiting}, done {done}, failed {failed}")
        sys.exit(0 if waiting + done > 0 and not failed else 1)
