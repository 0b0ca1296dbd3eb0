"""A worker with a queue of files that keeps its promises, and breaks one for each word in FAULTS.

Arguments: QUEUE for the worker; QUEUE put NAME, QUEUE check-terminal NAME, QUEUE check-kept for the commands beside it.
A job is a file in QUEUE/new; it is taken by a rename to QUEUE/busy and ends in QUEUE/done or QUEUE/dead.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

queue = Path(sys.argv[1])
new, busy, done, dead = (queue / name for name in ("new", "busy", "done", "dead"))
for folder in (new, busy, done, dead):
    folder.mkdir(parents=True, exist_ok=True)
FAULTS = os.environ.get("FAULTS", "").split(",")
ATTEMPTS, PAUSE = 4, 0.2

if sys.argv[2:3] == ["put"]:
    (new / sys.argv[3]).write_text("job")
    sys.exit()
if sys.argv[2:3] == ["check-terminal"]:
    sys.exit(0 if (dead / sys.argv[3]).exists() else "not dead")
if sys.argv[2:3] == ["check-kept"]:
    lost = list(busy.iterdir())
    sys.exit(f"still marked busy: {lost}" if lost else 0)

stopping = threading.Event()


def log(level, message, **more):
    print(json.dumps({"level": level, "time": time.time(), "message": message, **more}), flush=True)


def fail(name):
    """A poison job: a bounded number of attempts with growing pauses, then the dead letter folder."""
    attempt = 0
    while not stopping.is_set():
        attempt += 1
        log("error", f"attempt {attempt} of {name} failed", job=name)
        if attempt == ATTEMPTS and "retries-forever" not in FAULTS:
            os.rename(busy / name, dead / name)
            if "goes-on-after-death" not in FAULTS:
                return
        if "crashes" in FAULTS:
            sys.exit(1)
        pause = 0.005 if "hot" in FAULTS else PAUSE
        stopping.wait(pause if "even-pauses" in FAULTS else min(pause * 2 ** (attempt - 1), 2))
    os.rename(busy / name, new / name)


def handle(name):
    if name.startswith("drill-"):
        return fail(name)
    if stopping.wait(2 if name.startswith("slow") else 0):
        os.rename(busy / name, new / name)
        log("info", "given back", job=name)
        return None
    os.rename(busy / name, done / name)
    log("info", "done", job=name)
    return None


if "no-handler" not in FAULTS:
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
log("info", "worker started")
while not stopping.is_set():
    for job in sorted(new.iterdir()):
        os.rename(job, busy / job.name)
        handle(job.name)
        if stopping.is_set():
            break
    stopping.wait(0.05)
log("info", "worker stopped")
