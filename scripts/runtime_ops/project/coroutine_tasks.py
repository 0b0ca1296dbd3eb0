"""What becomes of a coroutine that a call makes: it is run to its end here, or given to the loop as a task."""

from __future__ import annotations

from runtime_ops.facts import model as m
from runtime_ops.project.flows import sites_by_call
from runtime_ops.project.kept import kept
from runtime_ops.project.model import Func, Site, own_expressions

DRIVERS = frozenset(("run", "gather", "run_until_complete", "wait_for", "wait", "shield", "start_soon", "create_task"))
"""Calls in a function that say that the coroutines made there run: some wait for them, some give them to the loop."""
TASKS = frozenset(("create_task", "ensure_future"))
"""Those that give a coroutine to the loop and come back at once."""
AWAITED_THREADS = frozenset(("to_thread", "run_in_executor", "run_in_threadpool", "run_sync"))
"""Methods by which a coroutine waits for a function that runs in a thread: a server that runs there is what the program serves by."""


def drives_coroutines(func: Func) -> bool:
    """Whether coroutines made in the function are run to their end in it: by run, gather, run_until_complete, wait."""
    return any(site.method in DRIVERS for site in func.sites)


def handed_to(site: Site) -> Site | None:
    """The call that is handed the result of another one as an argument: ``create_task(watch())`` for that of ``watch()``."""
    for expr in own_expressions(site.stmt):
        for call in m.calls(expr):
            if any(arg is site.call for arg in call.args):
                return sites_by_call(site.function).get(id(call))
    return None


def left_to_a_task(site: Site) -> bool:
    """Whether a coroutine becomes a task that the own object keeps, in a function that waits for none: it goes on and comes back."""
    task = handed_to(site)
    if task is None or task.method not in TASKS or task.awaited or kept(task).scope != "attribute":
        return False
    return not any(s.method in DRIVERS - TASKS for s in site.function.sites)


def waited_for_in_thread(site: Site) -> bool:
    """Whether what is handed to the call runs in a thread that main waits for. Only ``run_in_executor`` begins without being awaited."""
    return site.method in AWAITED_THREADS and (site.awaited or site.method != "run_in_executor")


def made_a_task(site: Site) -> bool:
    """Whether the coroutine that a call makes is given to the loop as a task that the caller does not wait for
    (``loop.create_task(watch())``): it runs beside what follows."""
    outer = handed_to(site)
    if outer is None or outer.awaited or outer.method not in (*TASKS, "run_coroutine_threadsafe"):
        return False
    if outer.method not in TASKS:  # of a loop in another thread: ``….result(5)`` waits for it
        return kept(outer).scope in ("dropped", "attribute", "collection")
    group = site.function.bindings.get(outer.text.rpartition(".")[0], ())
    waited_for = any(binding.kind == "with" for binding in group)  # of a TaskGroup, whose end waits for it
    return not waited_for and kept(outer).scope in ("dropped", "attribute", "collection", "chained")
