"""Automatic retries of calls that must not run twice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.names import spellings
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule
from runtime_ops.rules.cli._commands import interactive
from runtime_ops.rules.jobs._retries import configured

RULE = Rule(__name__, severity="medium", summary="Automatic retries include requests that are not idempotent.", lead=True)
UNSAFE = frozenset({"POST", "PATCH"})
URLLIB3 = frozenset({"urllib3.util.retry.Retry", "urllib3.util.Retry", "urllib3.Retry"})
METHODS = ("allowed_methods", "method_whitelist")
POSTS = re.compile(r"^(?:requests|httpx|aiohttp|urllib3|niquests|curl_cffi)\..*\b(?:post|patch)$")
KEY = re.compile(r"idempoten|request.?id|dedup|unique|nonce|If-Match", re.I)
# a POST that asks and changes nothing, or that may be repeated: told by its name
QUERIES = re.compile(
    r"query|search|token|login|auth|graphql|embed|complet|chat|generate|predict|translate|fetch|read|lookup|render|validate|check|webhook|notif|hook",
    re.I,
)

REPEATABLE = re.compile(
    r"(?i)(?:^|_|\b)(?:revoke|deactivate|disable|cancel|delete|remove|unregister|signal|reload|refresh|trigger|execut\w*|purge|flush|stop)"
)
"""Names of what may be done twice: the second time finds it done, or asks for a run that looks for its work itself."""


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for site in project.links.sites(*URLLIB3):
        methods = next((v for k in METHODS if (v := site.call.keyword(k)) is not None), None)
        unsafe = _unsafe(project, site, methods)
        total = site.call.argument("total", 0)
        if unsafe is None or (isinstance(total, m.Const) and not total.value):
            continue
        yield RULE.at(
            project, site,
            f"Retries include {unsafe}: when the answer to a request that changes something is lost or late, it "
            "is sent again, and the "
            "other side does it twice; each try has the full time-out too",
            "leave POST and PATCH out of allowed_methods, or send an idempotency key that the other side honours",
            # a helper that nothing calls sends nothing; who names POST for requests of its own may know that they can be repeated
            confidence="possible" if not project.phases(site) else "certain" if _of_anybody(site) else "likely",
        )  # fmt: skip
    for use in configured(project):
        if (
            use.func is None
            or "urllib3" in use.policy.distribution
            or use.policy.distribution in ("celery", "dramatiq", "rq")
        ):
            continue
        post = _post_in(project, use.func, 1)
        if (
            post is None
            or QUERIES.search(use.func.name)
            or QUERIES.search(post.function.name)
            or _asks(post)
            or interactive(use.func)  # a person gives what is sent, anew each time
            or _keyed(post.function)
            or _keyed(use.func)
            or any(REPEATABLE.search(name) for name in _names(use.func))
        ):
            continue
        yield RULE.in_function(
            project, use.func, use.line,
            f"{use.func.name}() is repeated as a whole, and {post.text}() in it is not idempotent: after a "
            "time-out whose request did arrive, "
            "the second try does it again",
            "send an idempotency key, or retry only failures that came before the request was sent (connect errors)",
            confidence="likely" if project.phases_by_entrypoint(use.func) else "possible",
        )  # fmt: skip


def _of_anybody(site: Site) -> bool:
    """Whether the same function sends requests whose method is given to it (``session.request(method=…)``): what is repeated is
    somebody else's, of whom nothing is known."""
    return any(
        s.method == "request" and (method := s.call.argument("method", 0)) is not None and isinstance(method, m.Name)
        and any(k in ("data", "json") for k, _ in s.call.keywords)
        for s in site.function.sites
    )  # fmt: skip


def _unsafe(project: Project, site: Site, methods: m.Expr | None) -> str | None:
    if methods is None:
        return None
    if isinstance(methods, m.Const) and methods.value in (None, False):
        return "every method (POST and PATCH too)"
    names = {text.upper() for text in m.texts(methods)}
    if isinstance(methods, m.Name):
        value = project.names.value(methods, site.function)
        bound = site.function.bindings.get(methods.id) or site.function.module.level.bindings.get(methods.id) or ()
        if value is None or not names:
            names = {text.upper() for b in bound for text in m.texts(b.expr or ())}
    found = sorted(names & UNSAFE)
    return " and ".join(found) if found else None


def _post_in(project: Project, func: Func, depth: int) -> Site | None:
    for site in func.sites:
        if site.dotted is not None and any(POSTS.match(name) for name in spellings(site.dotted)):
            return site
        if depth and not site.weak and len(site.targets) == 1:
            found = _post_in(project, site.targets[0], depth - 1)
            if found is not None:
                return found
    return None


def _names(func: Func) -> list[str]:
    """The names of a function and of those it is written in."""
    return [func.name] if func.parent is None or func.parent.is_module else [func.name, *_names(func.parent)]


def _asks(post: Site) -> bool:
    """A POST whose address says that it asks: ``/search``, ``/v1/chat/completions``."""
    return any(QUERIES.search(text) for text in m.texts(post.call.args))


def _keyed(func: Func) -> bool:
    """Whether the function speaks of a key that makes the call repeatable."""
    names = (n.id for n in m.walk(func.facts.body) if isinstance(n, m.Name))
    return any(KEY.search(text) for text in (*m.texts(func.facts.body), *names))
