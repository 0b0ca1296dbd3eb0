"""Findings of one mend made one: of a file, of a session, of a client that is made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.findings import SEVERITIES, Evidence, Finding
from runtime_ops.project.waits import WaitSite
from runtime_ops.rules.api import PHASE_WEIGHT, together

EACH_CALL = frozenset(
    """stdlib requests requests-futures requests-toolbelt CacheControl httpx httpx2 urllib3 niquests aiohttp curl_cffi pycurl treq
    tornado feedparser GitPython zeep websocket-client websockets paramiko""".split()
)
"""Libraries whose calls take their limit one by one, each to another host; the others are clients that are made once."""

FEW = 4
"""Places of one file up to which each is a finding of its own, with its own mend; more are a habit, and one finding."""

LAST = max(PHASE_WEIGHT.values()) + 1


def one_a_mend(told: list[tuple[WaitSite, Finding]]) -> Iterator[tuple[Finding, list[Finding]]]:
    """The findings of one mend as one: of a library whose calls take their limit one by one those of a file, of a session that
    several files use all of them, and of a library whose client is made once all that there are. With each the findings that say
    the same place by place: those of calls that each take their own limit, as long as they are few, else itself alone."""
    users: dict[int, set[tuple[str, str]]] = {}
    for wait, finding in told:
        users.setdefault(_session(wait), set()).add((finding.path, wait.row.versioned_by))
    making = frozenset((finding.path, finding.line) for wait, finding in told if _makes(wait))
    habits: dict[tuple[object, ...], list[Finding]] = {}
    for wait, finding in told:
        session = _session(wait)
        if session and len(users[session]) > 1:
            key: tuple[object, ...] = ("session", session)
        elif wait.row.distribution in EACH_CALL:
            key = ("file", finding.path, wait.row.versioned_by)
        else:
            key = ("client", wait.row.versioned_by, wait.row.holds)
        habits.setdefault((*key, finding.confidence == "possible"), []).append(finding)
    for (kind, *_), findings in habits.items():
        if kind == "file":
            for one in together(findings):
                apart = [f for f in findings if (f.severity, f.phase) == (one.severity, one.phase)]
                yield one, apart if len(apart) <= FEW else [one]
        elif kind == "client":
            yield from ((one, [one]) for one in _one_client(findings, making))
        else:
            one = _one_session(findings)
            yield one, [one]


def _makes(wait: WaitSite) -> bool:
    """``oauth.register(…)``, ``Redis.from_url(…)``: a method of a class that makes a client, and asks nobody."""
    return wait.constructs and wait.dotted.rpartition(".")[0].rpartition(".")[2][:1].isupper()


def _session(wait: WaitSite) -> int:
    """What tells the calls on one session from others: the call that makes it; 0 where the library is asked without one, and for
    clients that are made once anyway."""
    made = wait.construction.origin if wait.construction is not None else wait.site.origin
    return id(made.call) if made is not None and wait.row.distribution in EACH_CALL else 0


def _one_session(findings: list[Finding]) -> Finding:
    """The heaviest of the calls on one session, which stands for all: where it is made, one limit mends them."""
    first, *others = sorted(findings, key=lambda f: (SEVERITIES.index(f.severity), -f.count, f.path, f.line))
    also = (*first.also, *(Evidence(f.path, f.line, "the same session") for f in others))
    entrypoints = tuple(dict.fromkeys(e for f in findings for e in f.entrypoints))
    return replace(first, count=sum(f.count for f in findings), also=also[:8], entrypoints=entrypoints)


def _one_client(findings: list[Finding], making: frozenset[tuple[str, int]]) -> Iterator[Finding]:
    """One finding a severity for the clients of one library: the place with the most calls stands for all, one that serves before
    one that starts, whose wait its platform sees, and a call that waits before one that makes the client (``making``), which does
    not."""
    groups: dict[str, list[Finding]] = {}
    for finding in together(findings):
        groups.setdefault(finding.severity, []).append(finding)
    for group in groups.values():
        ranked = sorted(group, key=lambda f: ((f.path, f.line) in making, PHASE_WEIGHT.get(f.phase or "", LAST), -f.count, f.path, f.line))
        first, *others = ranked
        also = (*(Evidence(f.path, f.line, "the same") for f in others[:8]), *first.also)
        entrypoints = tuple(dict.fromkeys(e for f in (first, *others) for e in f.entrypoints))
        yield replace(first, count=sum(f.count for f in group), also=also[:8], entrypoints=entrypoints)
