"""An effect that cannot be taken back stands before a step that fails the whole."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import model as m
from runtime_ops.findings import Evidence, Finding
from runtime_ops.libraries.names import spellings
from runtime_ops.project.build import Project
from runtime_ops.project.entrypoints import is_command
from runtime_ops.project.failure_signs import error_status
from runtime_ops.project.failures import HandlerEffects
from runtime_ops.project.flows import place_of, statements_after
from runtime_ops.project.model import Func, Site
from runtime_ops.project.names import decorator_name
from runtime_ops.project.source_text import source_of
from runtime_ops.rules.api import Rule
from runtime_ops.rules.jobs._words import words

RULE = Rule(
    __name__,
    severity="medium",
    summary="An effect that cannot be taken back is followed by a step that fails the whole.",
    lead=True,
)
CONFLICTS = ("WatchError", "SerializationFailure", "StaleDataError", "SerializationError", "OptimisticLockError")
ENQUEUES = frozenset(
    "enqueue enqueue_call enqueue_job delay apply_async publish basic_publish send_message kiq".split()
)
EFFECTS = frozenset("publish enqueue charge pay capture refund basic_publish delay apply_async send_message".split())
MONEY = re.compile(r"pay(?:ment)?|charge|checkout|billing|gateway", re.I)
PAID = re.compile(r"pay(?:ment)?s?(?:\b|_)|charge|checkout|billing", re.I)
CHECKS = re.compile(r"valid|schema|parse|(?:^|[._])load$|clean|check|ensure|require", re.I)
QUEUES = frozenset({"rq.Queue.enqueue", "rq.Queue.enqueue_call", "arq.ArqRedis.enqueue_job", "celery.Celery.send_task"})
HANDED = (
    "BlockingChannel.basic_publish", "rq.Queue.enqueue", "celery.Celery.send_task", "kafka.KafkaProducer.send",
    "confluent_kafka.Producer.produce",
)  # fmt: skip
UUID = re.compile(r"\buuid[14]?\(|uuid\.uuid[147]\(|token_hex\(|token_urlsafe\(")
HTTP = re.compile(r"^(?:requests|httpx|aiohttp|urllib3)\..*\b(?:get|post|put|patch|delete|request)$")
KEYED = re.compile(r"idempoten|dedup|get_or_create|on_conflict|update_or_create|already", re.I)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from _optimistic(project)
    for func in project.functions:
        if not func.is_module and is_command(func, project.links):
            yield from _option(project, func)
        elif project.phases_by_entrypoint(func) and _is_handler(project, func):
            yield from _later_call(project, func)
            yield from _unguarded_field(project, func)


# ---------------------------------------------------------------- optimistic loops


def _optimistic(project: Project) -> Iterator[Finding]:
    for arm in project.failures:
        if arm.loop is None or not any(c.rpartition(".")[2] in CONFLICTS for c in arm.catches):
            continue
        commits = [s for s in arm.body_calls if s.method in ("execute", "commit", "exec")]
        last = max((s.line for s in commits), default=0)
        for site in arm.body_calls:
            if (
                site.method in ENQUEUES
                and site.line < last
                and not _piped(site)
                and not KEYED.search(source_of(site.call))
            ):
                yield RULE.at(
                    project, site,
                    f"{site.text}() takes effect at once and is no part of the transaction that "
                    f"{commits[-1].text}() ends: when another writer "
                    "wins, the loop runs again and the work has been handed out twice",
                    "hand the work out after the transaction has succeeded, or give it a key that makes the "
                    "second one a no-op",
                    severity="low",
                    # the library's own queue, not one that a wrapper may tie to the transaction
                    confidence="certain" if (site.dotted or "") in QUEUES and arm.raises == "never" and project.phases(site) else "likely",
                )  # fmt: skip


def _piped(site: Site) -> bool:
    return any(k in ("pipeline", "pipe", "transaction") for k, _ in site.call.keywords)


# ---------------------------------------------------------------- commands


def _option(project: Project, func: Func) -> Iterator[Finding]:
    """An option that may be None is first used behind the commit."""
    optional_names = set(_none_options(func))
    commit = next((s for s in func.sites if s.method == "commit"), None)
    if commit is None or not optional_names:
        return
    names = optional_names.copy()
    for place in func.places:  # any look at it before the commit counts as a check
        if place.stmt.line >= commit.line:
            break
        if isinstance(place.stmt, m.If | m.While | m.Assert):
            names -= {n.id for n in m.walk(place.stmt.test) if isinstance(n, m.Name)}
        elif isinstance(place.stmt, m.Assign):
            names -= {t.id for t in place.stmt.targets if isinstance(t, m.Name)}
    calls = {id(c) for s in statements_after(place_of(commit), func) for c in m.calls(s)}
    for site in func.sites:
        if id(site.call) not in calls or site.line <= commit.line:
            continue
        given = [a.id for a in site.call.args if isinstance(a, m.Name) and a.id in names]
        guarded = given and any(
            isinstance(s.stmt, m.If) and any(isinstance(n, m.Name) and n.id == given[0] for n in m.walk(s.stmt.test))
            for s in site.steps
        )
        if (
            not given
            or guarded
            or any(isinstance(s.stmt, m.Try) and s.arm == "body" and s.stmt.handlers for s in site.steps)
        ):
            continue
        if not _work_on_none(site):
            continue
        yield RULE.at(
            project, site,
            f"{given[0]} may be None (its option has no default) and is first used here, after {commit.text}(): "
            "the failure leaves what was "
            "committed without the rest, and a second run meets it",
            "check or ask for the option before anything is written, or commit once at the end",
        )  # fmt: skip
        return


def _none_options(func: Func) -> Iterator[str]:
    for decorator in func.facts.decorators:
        if not isinstance(decorator, m.Call) or decorator_name(decorator).rpartition(".")[2] != "option":
            continue
        default = decorator.keyword("default")
        if default is not None and not (isinstance(default, m.Const) and default.value is None):
            continue
        if any(
            decorator.keyword(k) is not None
            for k in ("prompt", "required", "is_flag", "multiple", "flag_value", "count", "type")
        ):
            continue
        flags = [a.value for a in decorator.args if isinstance(a, m.Const) and isinstance(a.value, str)]
        plain = [f for f in flags if not f.startswith("-")]
        long = [f for f in flags if f.startswith("--")]
        name = (plain or [f.lstrip("-").split("/")[0].replace("-", "_") for f in long] or [""])[0]
        if name and func.param(name) is not None:
            yield name


def _work_on_none(site: Site) -> bool:
    """A call that cannot do with None: it hashes, parses or sends what it is given."""
    found = words(site.method)
    return (
        bool(found)
        and found[0] in ("hash", "encrypt", "parse", "set", "load", "open", "decode", "split", "int", "send")
        and bool(set(found) & {"password", "hash", "encrypt", "parse", "load", "open", "decode", "int"})
    )


# ---------------------------------------------------------------- handlers


def _is_handler(project: Project, func: Func) -> bool:
    role = project.closure and func.facts.decorators
    return bool(role) and any(
        decorator_name(d).rpartition(".")[2] in ("route", "post", "put", "patch", "delete", "api_view", "get")
        for d in func.facts.decorators
    )


def _effect(site: Site, depth: int = 1) -> Site | None:
    """The call, or one in the function that it calls, which hands work or money over."""
    if site.method in EFFECTS or (
        words(site.method)[:1] and words(site.method)[0] in ("queue", "enqueue", "charge", "publish")
    ):
        return site
    if depth and not site.weak and len(site.targets) == 1:
        return next((site for s in site.targets[0].sites if _effect(s, depth - 1) is not None), None)
    return None


def _later_call(project: Project, func: Func) -> Iterator[Finding]:
    """The failure of a call behind the effect is answered as the failure of the request."""
    effect = next(
        (
            s
            for s in func.sites
            if _effect(s) is not None and not any(isinstance(x.stmt, m.Try) and x.stmt.handlers for x in s.steps)
        ),
        None,
    )
    if effect is None or KEYED.search(source_of(effect.call)):
        return
    after = statements_after(place_of(effect), func)
    places: list[tuple[int, Site]] = []
    for arm in project.failures:
        if arm.func is not func or not any(arm.attempt is n for s in after for n in m.walk(s)):
            continue
        call = next((s for s in arm.body_calls if _outgoing(s)), None)
        if call is not None and _fails(arm) and call.line > effect.line:
            places.append((arm.returns[0].line if arm.returns else arm.line, call))
    for node in m.walk(after):
        if isinstance(node, m.If) and re.search(r"status_code|\.ok\b|is_success", source_of(node.test)):
            returned = next((s for s in node.body if isinstance(s, m.Return)), None)
            name = next((n.id.split(".")[0] for n in m.walk(node.test) if isinstance(n, m.Name)), "")
            made = [
                s
                for s in func.sites
                if _outgoing(s)
                and isinstance(s.stmt, m.Assign)
                and effect.line < s.line < node.line
                and source_of(s.stmt.targets[0]) == name
            ]
            if returned is not None and made and _error(returned.value):
                places.append((node.line, made[-1]))
    if not places:
        return
    places.sort(key=lambda p: p[0])
    line, call = places[-1]
    finding = RULE.in_function(
        project, func, line,
        f"{effect.text}() has already handed the work over when a failure of {call.text}() is answered as the "
        "failure of the whole: the "
        "caller tries again, and it is done twice",
        "answer success once the effect has happened; log and queue what is left, or make the effect the last step",
        confidence="certain" if _posted(func) and _reaches_broker(effect) and _fresh(func, effect) else "likely",
    )  # fmt: skip
    yield replace(finding, count=len(places), also=tuple(Evidence(func.path, n, "the same") for n, _ in places[:-1]))


def _posted(func: Func) -> bool:
    """Whether the handler answers a POST, which a client does not repeat by itself but a person does."""
    return any(
        decorator_name(d).rpartition(".")[2] == "post" or (isinstance(d, m.Call) and "POST" in m.texts(d.keywords))
        for d in func.facts.decorators
    )


def _reaches_broker(site: Site, depth: int = 3) -> bool:
    """Whether the call hands a message to a broker or queue of a known library, itself or by calls that are certain."""
    if (site.dotted or "").endswith(HANDED):
        return True
    if not depth or site.weak or len(site.targets) != 1:
        return False
    return any(_reaches_broker(inner, depth - 1) for inner in site.targets[0].sites)


def _fresh(func: Func, effect: Site) -> bool:
    """Whether what is handed over goes under an id that this request made up (``uuid4()``): nobody can tell that the second one
    is the same."""
    made = {
        t.id
        for p in func.places
        if isinstance(p.stmt, m.Assign) and UUID.search(source_of(p.stmt.value)) and p.stmt.line <= effect.line
        for t in p.stmt.targets
        if isinstance(t, m.Name)
    }  # fmt: skip
    given = (*effect.call.args, *(v for _, v in effect.call.keywords))
    return any(isinstance(n, m.Name) and n.id in made for n in m.walk(given)) or any(UUID.search(source_of(g)) for g in given)


def _outgoing(site: Site) -> bool:
    return site.dotted is not None and any(HTTP.match(name) for name in spellings(site.dotted))


def _fails(arm: HandlerEffects) -> bool:
    return arm.raises == "always" or (
        bool(arm.returns) and all(r.kind in ("error", "exception") and _error(r.expr) for r in arm.returns)
    )


def _error(expr: m.Expr | None) -> bool:
    status = error_status(expr)
    if status is not None:
        return status >= 400
    return (
        isinstance(expr, m.Sequence)
        and expr.kind == "tuple"
        and len(expr.items) == 2
        and "status" in source_of(expr.items[1])
    )


def _unguarded_field(project: Project, func: Func) -> Iterator[Finding]:
    """A field of the request body that may be missing is first reckoned with after the payment."""
    paid = next(
        (
            s
            for s in func.sites
            if _outgoing(s) and MONEY.search(source_of(s.call)) and not re.search(r"status|refund", s.text)
        ),
        None,
    )
    if paid is None:
        return
    body = {
        t.id
        for p in func.places
        if isinstance(p.stmt, m.Assign)
        and isinstance(p.stmt.value, m.Call | m.Name | m.Await)
        and re.search(r"get_json|request\.json|\.json\(\)$|json_body", source_of(p.stmt.value))
        and "request" in source_of(p.stmt.value)
        for t in p.stmt.targets
        if isinstance(t, m.Name)
    }  # fmt: skip
    if not body:
        return
    for site in func.sites:
        if site.line <= paid.call.end_line or len(site.targets) != 1 or site.weak:
            continue
        if not any(isinstance(n, m.Name) and n.id.split(".")[0] in body for a in site.call.args for n in m.walk(a)):
            continue
        if any(isinstance(s.stmt, m.Try) and s.arm == "body" and s.stmt.handlers for s in site.steps):
            continue
        reckons = next((line for line in _reckons(site.targets[0])), None)
        if reckons is not None:
            yield RULE.at(
                project, site,
                f"After {source_of(paid.call, 60)} has been called, {site.text}() reckons with a field of the "
                "request that may be missing or no number "
                f"(line {reckons}): it raises, the caller gets an error, and what was paid for is never handed on",
                "validate the whole body before the first effect",
                confidence="certain" if _posted(func) and _is_payment(paid) and not _validates(func, paid.line) else "likely",
            )  # fmt: skip
            return


def _is_payment(site: Site) -> bool:
    """Whether the address speaks of money; a gateway may be one of an API."""
    return PAID.search(source_of(site.call)) is not None


def _validates(func: Func, line: int) -> bool:
    """Whether a call before the payment looks as if it checked the whole body."""
    return any(s.line < line and CHECKS.search(s.text) for s in func.sites)


def _reckons(func: Func) -> Iterator[int]:
    """Lines in which ``x.get("k")`` without a default is added, multiplied or compared."""
    for place in func.places:
        stmt = place.stmt
        if isinstance(stmt, m.AugAssign) and _bare_get(stmt.value):
            yield stmt.line
        for node in m.walk(stmt) if isinstance(stmt, m.Assign | m.Return | m.ExprStmt) else ():
            if (
                isinstance(node, m.BinOp)
                and node.op in ("+", "-", "*", "/")
                and (_bare_get(node.left) or _bare_get(node.right))
            ):
                yield node.line


def _bare_get(expr: m.Expr) -> bool:
    name = expr.func.id if isinstance(expr, m.Call) and isinstance(expr.func, m.Name) else ""
    return name.endswith(".get") and isinstance(expr, m.Call) and len(expr.args) == 1
