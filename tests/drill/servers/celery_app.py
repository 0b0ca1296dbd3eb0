"""celery on redis: `work` takes four seconds, `poison` fails always.

With acks_late a job in flight that is cut goes back; FAULTS=forever retries without a limit, FAULTS=early acknowledges first.
Commands: put JOB TOKEN, dead TOKEN, kept (whether no job is lost). `put work` ends when the job is under way.
"""

import os
import sys
import time

import redis
from celery import Celery

URL = os.environ["REDIS_URL"]
FAULTS = os.environ.get("FAULTS", "").split(",")
app = Celery("celery_app", broker=URL)
app.conf.update(worker_hijack_root_logger=True, task_ignore_result=True, broker_connection_retry_on_startup=True)
store = redis.Redis.from_url(URL)


@app.task(acks_late="early" not in FAULTS, name="work")
def work(token):
    store.sadd("begun", token)
    time.sleep(4)
    store.sadd("done", token)


@app.task(bind=True, max_retries=None if "forever" in FAULTS else 2, name="poison")
def poison(self, token):
    print(f"attempt of {token}", flush=True)
    try:
        raise RuntimeError("poison")
    except RuntimeError as error:
        if self.max_retries is not None and self.request.retries >= self.max_retries:
            store.sadd("dead", token)
            raise
        raise self.retry(exc=error, countdown=0.5 * 2**self.request.retries if self.max_retries else 1) from None


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "put":
        {"work": work, "poison": poison}[rest[0]].delay(rest[1])
        until = time.monotonic() + 10
        while rest[0] == "work" and not store.sismember("begun", rest[1]) and time.monotonic() < until:
            time.sleep(0.05)
    elif command == "dead":
        sys.exit(0 if store.sismember("dead", rest[0]) else "not dead")
    elif command == "kept":
        waiting = store.llen("celery") + store.hlen("unacked")
        lost = store.scard("begun") - store.scard("done")
        print(f"begun and not done {lost}, in the queue {waiting}")
        sys.exit(0 if waiting >= lost else 1)
