"""Failures of the service that are answered as if the client, or nobody, were to blame: 4xx, or a page with status 200."""

from __future__ import annotations

import re

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.failure_signs import error_status
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import ends
from runtime_ops.project.model import Func, Site, places_of
from runtime_ops.project.source_text import source_of

CLIENT_ERRORS = range(400, 500)
RAISED = frozenset(
    """Http404 NotFound BadRequest Forbidden Unauthorized PermissionDenied Conflict HTTPNotFound HTTPBadRequest HTTPForbidden
    HTTPUnauthorized HTTPConflict""".split()
)
"""Exceptions that frameworks turn into an answer of 4xx and write no record of (Django, DRF, werkzeug, aiohttp, falcon, pyramid)."""
REMOTE = frozenset(
    """requests.RequestException requests.exceptions.RequestException requests.ConnectionError requests.exceptions.ConnectionError
    requests.Timeout requests.exceptions.Timeout httpx.HTTPError httpx.RequestError httpx.TransportError aiohttp.ClientError
    urllib3.exceptions.HTTPError urllib.error.URLError redis.RedisError redis.exceptions.RedisError redis.ConnectionError
    redis.exceptions.ConnectionError sqlalchemy.exc.OperationalError sqlalchemy.exc.SQLAlchemyError pymongo.errors.PyMongoError
    django.db.OperationalError django.db.DatabaseError django.db.utils.OperationalError""".split()
)
"""What a service that this one asks raises when it does not answer."""
CHECKS = re.compile(
    r"(?i)pars|deco|decr|load|valid|verif|convert|serial|check|auth|login|sign|split|strip|format|^to_|^from_|^is_|^as_|^(int|float|str|bool|json"
    r"|uuid|uuid4|date|b64\w*|literal_eval|isoformat|fromisoformat|strptime|datetime|get_object_or_404|get_or_404|first_or_404|form|clean|resolve|lookup"
    r"|compile|search|match)$"
)
"""Names of what looks at the input: its failure is mostly the client's."""
FAILED = re.compile(r"(?i)\b(error|failed|failure|went wrong|exception|could not|unable to|cannot)")


def blames_the_client(project: Project, arm: HandlerEffects) -> bool:
    """Whether an arm for any exception, or for a service that does not answer, answers 4xx in every case, while its body does more
    than look at the input."""
    if not _client_error(arm):
        return False
    if arm.catches and all(name in REMOTE for name in arm.catches):
        return True
    return arm.broad and asks_others(project, arm)


def answers_as_done(project: Project, arm: HandlerEffects) -> bool:
    """Whether an arm for any exception answers with a page or body that says so in words only, with the status of success."""
    if not arm.broad or arm.raised or arm.uses_error or not arm.returns or "fall" in arm.ends:
        return False
    texts = [
        node.value
        for returned in arm.returns
        if returned.status is None and isinstance(returned.expr, m.Call)
        for node in m.walk(returned.expr)
        if isinstance(node, m.Const) and isinstance(node.value, str) and " " in node.value
    ]
    return any(FAILED.search(text) for text in texts) and len(arm.returns) == 1 and asks_others(project, arm)


def answers_with_its_text(project: Project, arm: HandlerEffects) -> bool:
    """Whether an arm for any exception answers the exception's own text as the whole body, with the status of success
    (``return str(error)``). A mapping that has it under a key may be what the two sides agreed on."""
    if not arm.broad or arm.raised or len(arm.returns) != 1 or "fall" in arm.ends or arm.answers:
        return False
    (returned,) = arm.returns
    return returned.kind == "exception" and returned.status is None and _text_alone(returned.expr) and asks_others(project, arm)


def _text_alone(expr: m.Expr | None) -> bool:
    """``str(error)``, ``repr(error)``, ``f"{error}"``."""
    if isinstance(expr, m.Call):
        return source_of(expr.func) in ("str", "repr") and len(expr.args) == 1 and not expr.keywords
    return isinstance(expr, m.Format)


def asks_others(project: Project, arm: HandlerEffects) -> bool:
    """Whether the body calls what can fail for reasons of the service: a wait for another program, or functions of the project that
    do more than look at the input."""
    waits = {id(wait.site.call) for wait in project.waits if wait.path == arm.path and wait.leaves_the_process}
    if any(id(site.call) in waits for site in arm.body_calls):
        return True
    return any(_does_work(site) for site in arm.body_calls)


def _does_work(site: Site) -> bool:
    if CHECKS.search(site.method) or not site.targets:
        return False
    return any(isinstance(target, Func) and len(target.sites) > 2 for target in site.targets)


def _client_error(arm: HandlerEffects) -> bool:
    aborts = [s for s in arm.calls if s.method == "abort" and s.call.args]
    if aborts:
        return not arm.returns and all(_number(s.call.args[0]) in CLIENT_ERRORS for s in aborts) and "fall" not in _ways(arm)
    if arm.raised:
        stmts = [p.stmt for p in places_of(arm.handler.body, ()) if isinstance(p.stmt, m.Raise)]
        return not arm.returns and bool(stmts) and all(_raises_client_error(stmt.exc) for stmt in stmts) and arm.raises == "always"
    return bool(arm.returns) and "fall" not in arm.ends and all(r.status in CLIENT_ERRORS for r in arm.returns)


def _ways(arm: HandlerEffects) -> frozenset[str]:
    return frozenset(ends(arm.handler.body, arm.func))


def _number(expr: m.Expr | None) -> int:
    return expr.value if isinstance(expr, m.Const) and isinstance(expr.value, int) else 0


def _raises_client_error(exc: m.Expr | None) -> bool:
    made = exc.func if isinstance(exc, m.Call) else exc
    name = source_of(made).rpartition(".")[2]
    return name in RAISED or (name == "HTTPException" and error_status(exc) in CLIENT_ERRORS)
