"""A handler that does work which the code it interrupts may be in the middle of."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.names import type_of
from runtime_ops.project.build import Project
from runtime_ops.project.model import Site
from runtime_ops.project.signals import Registration
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import Rule
from runtime_ops.rules.shutdown._long_running import owners
from runtime_ops.rules.shutdown._running import for_developers, waits_by_call
from runtime_ops.rules.shutdown._shared_locks import SharedLock, shared_lock
from runtime_ops.rules.shutdown.unbounded_shutdown_wait import ends_soon

RULE = Rule(
    __name__,
    severity="medium",
    summary="A signal handler locks, waits or talks to the network in the middle of whatever it interrupted.",
    lead=True,
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    waits = waits_by_call(project)
    reported: set[tuple[str, int]] = set()
    threads = {id(s.site.call): r for r in project.resources for s in r.stops if s.site is not None and r.kind == "thread"}
    for registration in project.registrations:
        started = [e for e in owners(project, registration.site) if not for_developers(project, e)]
        if registration.how != "signal" or not started:
            continue
        shared = shared_lock(project, registration, tuple(started))
        if shared is not None and (shared.own.func.path, shared.own.line) not in reported:
            reported.add((shared.own.func.path, shared.own.line))
            yield _of_lock(project, registration, shared)
            continue
        for act in registration.acts:
            if act.kind != "call" or act.site is None or (act.site.path, act.site.line) in reported:
                continue
            reason = _unsafe(act.site, waits.get(id(act.site.call)))
            if reason is None:
                continue
            if ends_soon(project, threads.get(id(act.site.call))):
                continue  # it needs nothing of the interrupted code, and looks at its flag
            reported.add((act.site.path, act.site.line))
            yield _finding(project, registration, act.site, waits.get(id(act.site.call)), reason)
            break


def _of_lock(project: Project, registration: Registration, shared: SharedLock) -> Finding:
    own, other = shared
    signals = "/".join(registration.signals) or "a signal"
    return RULE.finding(
        own.func.path,
        own.line,
        f"the handler of {signals} runs between two bytecodes of the main thread and takes {own.text}, which {other.func.name}() "
        f"({other.func.path}:{other.line}) takes in that thread as well: a signal that comes while it is held waits for ever",
        "set a plain flag or an Event in the handler, without the lock; or make it an RLock where half of a change does no harm",
        confidence="certain",
        phase="shutdown",
        entrypoints=owners(project, registration.site),
        trace=(
            Evidence(registration.site.path, registration.site.line, "the handler is installed"),
            Evidence(other.func.path, other.line, "the main thread holds it here"),
        ),
        anchor=f"{own.func.qualname}:{own.text}",
    )


def _unsafe(site: Site, wait: WaitSite | None) -> str | None:
    """What the call may do to the code that it interrupts, or None."""
    if _ends_own_server(site):
        return (
            "shutdown() waits until serve_forever() returns, but that stands still in this very thread below the handler: a "
            "deadlock until SIGKILL"
        )
    if wait is None:
        if site.method == "acquire" and not site.call.args and not site.call.keywords and "lock" in site.text.lower():
            return "when the interrupted code holds that lock, the handler waits for ever"
        return None
    if wait.kind == "lock":
        return (
            None if wait.deadline.bounded else "when the interrupted code holds that lock, the handler waits for ever"
        )
    if (
        wait.inside
        and wait.deadline.bounded is False
        and site.method != "put"  # into a queue without size it does not wait
        and wait.kind in ("thread", "queue", "future", "executor", "child")
    ):
        return f"it waits for a {wait.kind} without a limit while the interrupted main thread stands still: what it waits for may need it"
    if wait.leaves_the_process and not wait.constructs:
        return (
            f"it talks to the {wait.kind} from the middle of whatever was interrupted, perhaps the same connection, and a second "
            "SIGTERM nests"
        )
    return None


def _ends_own_server(site: Site) -> bool:
    if site.method != "shutdown" or site.dotted is None:
        return False
    known = type_of(site.dotted.rpartition(".")[0])
    return (
        known is not None and known.kind == "server" and {"serve_forever", "shutdown"} <= {*known.starts, *known.closes}
    )


def _confidence(site: Site, wait: WaitSite | None) -> str:
    """Certain where the handler waits for the very thread that it has interrupted. Which kind of lock it is, what a thread, a pool
    or a child needs of it is seldom seen, and a client takes another connection from its pool."""
    if _ends_own_server(site):
        return "certain"
    if wait is None or wait.kind == "lock":
        return "likely"
    return "possible" if wait.inside else "likely"


def _finding(project: Project, registration: Registration, site: Site, wait: WaitSite | None, reason: str) -> Finding:
    handler = registration.handler.name if registration.handler is not None else "the lambda"
    signals = "/".join(registration.signals) or "a signal"
    return RULE.finding(
        site.path,
        site.line,
        f"{handler} handles {signals} between two bytecodes of the main thread and calls {site.text}(): {reason}",
        "let the handler only set an Event (or raise SystemExit) and do the work in the main flow; "
        "threading.Thread(target=server.shutdown).start() for a server",
        end_line=site.call.end_line,
        confidence=_confidence(site, wait),
        phase="shutdown",
        entrypoints=owners(project, registration.site),
        trace=(Evidence(registration.site.path, registration.site.line, "the handler is installed"),),
        anchor=f"{site.function.qualname}:{site.text}",
    )
