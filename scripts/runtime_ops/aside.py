"""Do a part of the work in a second process: a fork, which finds everything that was linked where it is.

Only what it answers is pickled: findings and rows of the report, never the linked project. A second process that fails
or is killed costs time and nothing else, for the first one then does that part itself.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

from runtime_ops import pickled
from runtime_ops.findings import Evidence, Finding, MapRow

Task = Callable[[], Any]


def answers(tasks: Mapping[str, Task], aside: Collection[str], apart: bool) -> dict[str, Any]:
    """The answer of each task by its name; when ``apart``, those named by ``aside`` are done in a process of their own."""
    there = [name for name in tasks if name in aside] if apart else []
    here = [name for name in tasks if name not in there]
    if not there or not here:
        return {name: task() for name, task in tasks.items()}
    helper = start({name: tasks[name] for name in there})
    try:
        found = {name: tasks[name]() for name in here}
        found |= helper.answers() if helper is not None else {}
    finally:
        if helper is not None:
            helper.end()
    return {name: found[name] if name in found else task() for name, task in tasks.items()}


def possible() -> bool:
    """Whether a fork is safe and of use: on Linux, in a process with one thread that may use two cores."""
    return sys.platform == "linux" and threading.active_count() == 1 and len(os.sched_getaffinity(0)) > 1


class Helper:
    """The second process, as the first one sees it."""

    def __init__(self, process: int, descriptor: int) -> None:
        self.process = process
        self.descriptor = descriptor

    def answers(self) -> dict[str, Any]:
        """What it found, or nothing when it did not come to its end."""
        with open(self.descriptor, "rb", closefd=False) as stream:
            data = stream.read()
        try:
            found: dict[str, Any] = pickle.loads(data)  # written by our own fork into a pipe that nobody else has
        except (EOFError, pickle.UnpicklingError):
            return {}
        return found

    def end(self) -> None:
        """Leave nothing of it behind, whatever it is doing."""
        os.close(self.descriptor)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.process, 0)


def start(tasks: Mapping[str, Task]) -> Helper | None:
    """A process that does the tasks; None when there can be none."""
    ours, theirs = os.pipe()
    try:
        process = os.fork()
    except OSError:
        os.close(ours)
        os.close(theirs)
        return None
    if process == 0:
        life(tasks, ours, theirs)
    os.close(theirs)
    return Helper(process, ours)


def life(tasks: Mapping[str, Task], ours: int, theirs: int) -> None:
    """The second process from its beginning to its end: nothing of it may go on into what called the first one."""
    code = 1
    try:
        gc.disable()
        os.close(ours)
        data = pickled.packed({name: task() for name, task in tasks.items()}, ROWS)
        with open(theirs, "wb") as stream:
            stream.write(data)
        code = 0
    except BaseException:
        pass  # the first process does the tasks again, and says what is wrong with them
    finally:
        os._exit(code)


# The rows of the report take three times as long in their own way, that of frozen dataclasses with slots.
ROWS = pickled.table({kind: attrgetter(*(field.name for field in fields(kind))) for kind in (Evidence, Finding, MapRow)})
