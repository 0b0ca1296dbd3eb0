"""Servers that a thread makes by itself: where their port cannot be opened, that thread alone ends."""

from __future__ import annotations

import re

from runtime_ops.facts import model as m
from runtime_ops.project.flows import takes_anything
from runtime_ops.project.model import Func, Site, Step

OPENS = re.compile(
    r"(?:http\.server\.(?:Threading)?HTTPServer|socketserver\.(?:Threading)?(?:TCP|UDP)Server|wsgiref\.simple_server\.make_server"
    r"|werkzeug\.serving\.make_server|prometheus_client(?:\.exposition)?\.start_(?:http|wsgi)_server|waitress\.serve"
    r"|aiohttp\.web\.run_app|gevent\.pywsgi\.WSGIServer|cheroot\.wsgi\.Server)\Z"
)
"""Calls that open a port and raise where they cannot (CPython 3.13, Lib/socketserver.py, TCPServer.__init__; prometheus_client 0.26.0,
exposition.py); ``uvicorn.run`` and ``app.run`` of flask say so themselves and leave by SystemExit."""
DEEP = 2  # functions of the project between the thread's own and the call


def opened_in(target: Func, depth: int = 0, seen: frozenset[Func] = frozenset()) -> Site | None:
    """The call by which a thread's function opens a port outside of any ``try`` that takes what goes wrong with it; None where
    there is none, or another one stands before it that is told of."""
    for site in target.sites:
        if _taken(site.steps):
            continue
        name = site.dotted or site.made or ""
        if OPENS.match(name):
            return site
        if depth < DEEP and not site.weak and len(site.targets) == 1:
            callee = site.targets[0]
            found = opened_in(callee, depth + 1, seen | {target}) if callee not in seen and callee is not target else None
            if found is not None:
                return found
    return None


def _taken(steps: tuple[Step, ...]) -> bool:
    """Whether an arm around the place takes a port that is in use."""
    return any(
        step.arm == "body"
        and isinstance(step.stmt, m.Try)
        and any(takes_anything(handler) or {"OSError", "socket.error", "SystemExit"} & set(handler.types) for handler in step.stmt.handlers)
        for step in steps
    )
