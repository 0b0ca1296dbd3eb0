"""What the name of a call says about the work it does: whether somebody loses something when it fails."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runtime_ops.facts import model as m
from runtime_ops.libraries.timeouts import waits
from runtime_ops.project.flows import ends
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Func, Site

# ``words`` of a name: ``send_content_changed`` → send, content, changed; ``sendMail`` → send, mail
_PART = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
ASIDE = re.compile(
    r"(?:^|[/_])(?:event_?streams?|websockets?|caches?|metrics|telemetry|observability|analytics|posthog)(?:[/_.]|$)"
)
STATED = re.compile(r"fire.and.forget|best.effort|telemetry|ignore (?:the )?(?:result|response|errors?)|don'?t care|usage stat", re.I)
DELIVERS = frozenset(
    """send notify deliver publish enqueue produce sendmail sendall reply dispatch forward charge pay refund invoice
    basic_publish apply_async delay post""".split()
)
SAVES = frozenset("save commit persist upload upsert insert".split())
OPTIONAL = frozenset(
    """cache caches cached metric metrics stat stats statsd telemetry analytics track tracking trace span beacon ping heartbeat health
    cleanup clean clear remove delete close unlink terminate kill stop shutdown quit cancel disconnect release
    reset refresh warm prefetch preload progress debug log logs logger audit update_status event_stream preview thumbnail signal
    websocket ws sse broadcast sio socketio emit typing presence gc title favicon version sentry posthog record""".split()
)


def words(name: str) -> tuple[str, ...]:
    """The lower-case words of the last part of a dotted name."""
    tail = name.rpartition(".")[2]
    return tuple(part.lower() for part in _PART.findall(tail.replace("_", " ")))


def delivers(site: Site) -> bool:
    """A call that hands something to somebody outside: a message, a mail, a job, a payment."""
    if log_call(site) is not None:
        return False
    method = site.method
    if method in ("post", "put", "patch"):
        return bool(site.dotted) and site.dotted.split(".")[0] in ("requests", "httpx", "aiohttp", "urllib3")  # type: ignore[union-attr]
    found = words(method)
    if method in DELIVERS:
        return True
    return bool(found) and (found[0] in DELIVERS - {"post", "pay", "delay"}) and not OPTIONAL.intersection(found)


def saves(site: Site) -> bool:
    """A call that stores something."""
    found = words(site.method)
    return bool(found) and found[0] in SAVES and not OPTIONAL.intersection(found)


def optional(name: str) -> bool:
    """A name of work whose failure nobody has to repair: caches, telemetry, tidying up."""
    return bool(OPTIONAL.intersection(words(name)))


def stated(func: Func) -> bool:
    """Whether a function says in its docstring or name that nobody counts on its success."""
    return bool(STATED.search(f"{func.facts.doc or ''} {func.name}".replace("_", " ")))


def first(sites: Iterable[Site], test: object) -> Site | None:
    """The first site that a predicate accepts."""
    return next((s for s in sites if callable(test) and test(s)), None)


def aside(func: Func) -> bool:
    """A function of a part that only serves speed or sight: a cache, metrics, a live view."""
    place = f"{func.module.name.rpartition('.')[2]}_{func.cls.name if func.cls is not None else ''}"
    return optional(place) or bool(ASIDE.search(func.module.path))


QUIET = frozenset(
    """info debug warning error exception critical append add set clear is_set len str int isinstance getattr create_task
    ensure_future get items keys values time monotonic poll""".split()
)
"""Calls that hardly raise."""


def minds_its_failures(func: Func) -> bool:
    """Whether whatever may fail in a function stands in a ``try`` with an arm of its own that raises nothing."""
    risky = [
        s
        for s in func.sites
        if (s.method not in QUIET or waits(s.dotted or "")) and log_call(s) is None and not _only_made(s)
    ]  # ``requests.get`` shares its name with ``dict.get``
    return bool(risky) and all(
        any(
            step.arm == "body" and isinstance(step.stmt, m.Try) and any("raise" not in ends(h.body) for h in step.stmt.handlers)
            for step in site.steps
        )
        for site in risky
    )


def _only_made(site: Site) -> bool:
    """A coroutine that is made here and runs elsewhere."""
    return bool(site.targets) and not site.awaited and all(t.facts.is_async for t in site.targets)


def ends_process(func: Func, depth: int = 1) -> bool:
    """Whether a function ends the process, itself or by what it starts or calls: nothing outlives it."""
    if any((s.dotted or s.text) in ("os._exit", "os.abort") for s in func.sites):
        return True
    handed = (n for s in func.sites for a in (*s.call.args, *(v for _, v in s.call.keywords)) for n in m.walk(a))
    if any(isinstance(n, m.Name) and n.id == "os._exit" for n in handed):
        return True
    return depth > 0 and any(ends_process(t, depth - 1) for s in func.sites if not s.weak for t in s.targets)


def catches_all(func: Func) -> bool:
    """Whether nothing comes out of a function: its body is one ``try`` with a broad arm that does not raise."""
    body = [s for s in func.facts.body if not isinstance(s, m.Import | m.Pass)]
    if len(body) != 1 or not isinstance(body[0], m.Try):
        return False
    return any((not h.types or "Exception" in h.types) and "raise" not in ends(h.body) for h in body[0].handlers)
