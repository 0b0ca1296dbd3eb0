"""Signs in code that a failure is told or kept: prints, metrics, error trackers, answers, stored failures.

Calls of known libraries are recognised by dotted name; others by names so specific that they mean one thing.
"""

from __future__ import annotations

import re

from runtime_ops.facts import model as m
from runtime_ops.project.model import Site
from runtime_ops.project.source_text import source_of

EXITS = frozenset({"sys.exit", "exit", "quit", "os._exit", "os.abort"})
PRINTS = frozenset(
    """print click.echo click.secho typer.echo typer.secho sys.stderr.write sys.stdout.write rich.print pprint.pprint
    rich.console.Console.print warnings.warn""".split()
)
PRINT_TEXTS = re.compile(r"^(?:self\.)?(?:stdout|stderr)\.write$|(?:^|\.|_)console\.print$|^tqdm\.write$")
TRACEBACKS = frozenset(
    """traceback.print_exc traceback.print_exception traceback.format_exc traceback.format_exception
    traceback.print_stack rich.console.Console.print_exception faulthandler.dump_traceback""".split()
)
METRIC_LIBRARIES = (
    "prometheus_client.", "statsd.", "datadog.", "opentelemetry.metrics", "opentelemetry.sdk.metrics", "aioprometheus.",
    "ddtrace.", "django_prometheus.", "newrelic.agent.record_custom_metric", "markus.",
)  # fmt: skip
METRIC_METHODS = frozenset("inc incr increment observe count gauge histogram timing set add record".split())
METRIC_NAME = re.compile(
    r"(?:^|_|\.)(?:metrics?|statsd|stats|counters?|prom|meter)(?:$|_|\.)|_(?:total|count|counter)(?:\.|$)", re.I
)
TRACKERS = frozenset(
    """sentry_sdk.capture_exception sentry_sdk.capture_message sentry_sdk.capture_event rollbar.report_exc_info
    rollbar.report_message bugsnag.notify newrelic.agent.notice_error newrelic.agent.record_exception
    honeybadger.honeybadger.notify airbrake.notify logfire.exception""".split()
)
TRACKER_METHODS = frozenset(
    """capture_exception captureException capture_message captureMessage record_exception report_exception
    report_exc_info notice_error set_exc_info notify_exception log_exception_to_tracker""".split()
)
ANSWERS = frozenset(
    """flask.flash quart.flash django.contrib.messages.error django.contrib.messages.warning
    django.contrib.messages.add_message""".split()
)
ANSWER_METHODS = frozenset("flash send_error set_code set_details set_status abort write_error send_json_error".split())
SETTLES = re.compile(
    r"^(?:basic_)?(?:n?ack|reject|nack)(?:_message|nowledge)?$|^acknowledge|^requeue|^retry$|^rollback$|^dead_letter|^abandon|"
    r"^send_to_dlq|^negative_acknowledge|^delete_message$|^change_message_visibility$|^move_to_dead"
)
FAILURE_WORD = re.compile(
    r"err|fail|exc(?:eption)?(?:$|_|s$)|status|state|success|broken|invalid|healthy|ready|ok$|reason|result", re.I
)
FAILURE_LIST = re.compile(r"err|fail|exc(?:eption)?s?$|invalid|problem|skipped|rejected|unprocessed|retry|bad", re.I)
SAVES = frozenset("save update insert insert_one update_one bulk_update hset hmset execute".split())
RECORDS = re.compile(
    r"(?:^|_)(?:mark|set|record|save|store|update|write)_(?:\w+_)?(?:fail|err|status|state|dead)", re.I
)
DEALS = re.compile(r"log|fail|err|report|handle|notify|alert|abort|exit|die|track|record|mark|store|warn|crash", re.I)
STATUS_KEYWORDS = ("status", "status_code", "code")
NAMED_STATUS = {
    "OK": 200, "BAD_REQUEST": 400, "UNAUTHORIZED": 401, "FORBIDDEN": 403, "NOT_FOUND": 404, "CONFLICT": 409,
    "INTERNAL_SERVER_ERROR": 500, "BAD_GATEWAY": 502, "SERVICE_UNAVAILABLE": 503, "GATEWAY_TIMEOUT": 504,
}  # fmt: skip


def prints_traceback(site: Site) -> bool:
    """``traceback.print_exc`` and its like."""
    return (site.dotted or site.text) in TRACEBACKS


def is_print(site: Site) -> bool:
    """A call that writes to the terminal."""
    return (site.dotted or site.text) in PRINTS or bool(PRINT_TEXTS.search(site.text))


def is_metric(site: Site) -> bool:
    """A call that counts or measures."""
    if site.method not in METRIC_METHODS:
        return False
    dotted = site.dotted or ""
    if dotted.startswith(METRIC_LIBRARIES):
        return True
    receiver = site.call.func
    text = source_of(receiver.value) if isinstance(receiver, m.Attr) else site.text.rpartition(".")[0]
    if site.method in ("inc", "incr", "increment", "observe"):
        return bool(METRIC_NAME.search(text)) or "labels(" in text or site.method == "inc"
    return (
        bool(METRIC_NAME.search(text)) and site.method in ("count", "gauge", "histogram", "timing")
    ) or "labels(" in text


def is_tracker(site: Site) -> bool:
    """A call that reports an error to a tracker or a span."""
    return (site.dotted or site.text) in TRACKERS or site.method in TRACKER_METHODS


def is_answer(site: Site) -> bool:
    """A call that tells a user or a peer of the failure."""
    if (site.dotted or site.text) in ANSWERS:
        return True
    if site.method in ANSWER_METHODS:
        return True
    status = error_status(site.call)
    return status is not None and status >= 400


def settles(site: Site) -> bool:
    """A call that settles a message or a transaction."""
    return bool(SETTLES.search(site.method))


def error_status(expr: m.Expr | None) -> int | None:
    """The HTTP status written in an answer: ``(body, 500)``, ``JSONResponse(…, status_code=503)``; else None."""
    if isinstance(expr, m.Await):
        expr = expr.value
    if isinstance(expr, m.Sequence) and expr.kind == "tuple":
        return next((s for item in expr.items[1:] if (s := _status(item)) is not None), None)
    if not isinstance(expr, m.Call):
        return None
    name = source_of(expr.func).rpartition(".")[2]
    for keyword in STATUS_KEYWORDS:
        if (found := _status(expr.keyword(keyword))) is not None:
            return found
    if name in ("HttpResponseServerError",):
        return 500
    if name in ("HttpResponseBadRequest", "HttpResponseNotFound", "HttpResponseForbidden", "Http404"):
        return 400
    if name in ("make_response", "Response", "HttpResponse", "abort", "send_error", "error_response", "text", "json"):
        return next((s for a in expr.args if (s := _status(a)) is not None), None)
    return None


def _status(expr: m.Expr | None) -> int | None:
    if isinstance(expr, m.Const) and isinstance(expr.value, int) and not isinstance(expr.value, bool):
        return expr.value if 100 <= expr.value < 600 else None
    text = source_of(expr)
    found = re.search(r"(?:HTTP_|HTTPStatus\.)(\d{3})?(\w*)", text)
    if found:
        if found.group(1):
            return int(found.group(1))
        return NAMED_STATUS.get(found.group(2))
    return None


def is_failure_place(target: m.Expr) -> bool:
    """A name that holds failures or a state: ``self.error``, ``job.status``, ``results["failed"]``."""
    if isinstance(target, m.Subscript):
        return bool(FAILURE_WORD.search(source_of(target.key))) or bool(FAILURE_WORD.search(source_of(target.value)))
    return bool(FAILURE_WORD.search(source_of(target).rpartition(".")[2]))


def is_failure_value(value: m.Expr, bound: str | None) -> bool:
    """An expression that holds the caught object or its text."""
    return bound is not None and any(isinstance(n, m.Name) and n.id.split(".")[0] == bound for n in m.walk(value))


def stores(site: Site, bound: str | None) -> str | None:
    """How a call keeps the failure (see `failures.Stored.how`), or None when it does not."""
    method = site.method
    arguments = (*site.call.args, *(value for _, value in site.call.keywords))
    carries = any(is_failure_value(a, bound) for a in arguments)
    receiver = site.text.rpartition(".")[0].rpartition(".")[2]
    if method in ("append", "add", "extend", "appendleft") and (carries or FAILURE_LIST.search(receiver)):
        return "list"
    if method in ("set_exception", "add_note") and arguments:
        return "future"
    if (
        method in ("put", "put_nowait", "send", "send_message", "publish", "lpush", "rpush", "xadd", "basic_publish")
        and carries
    ):
        return "queue"
    if method in SAVES and (carries or method == "save" or _names_failure(site.call)):
        return "save"
    return "save" if records_failure(site) else None


def records_failure(site: Site) -> bool:
    """A call whose name says that it writes a failed state down: ``mark_failed``, ``set_status``, ``record_error``."""
    return bool(RECORDS.search(site.method))


def _names_failure(call: m.Call) -> bool:
    return any(key is not None and FAILURE_WORD.search(key) for key, _ in call.keywords) or any(
        isinstance(n, m.Const) and isinstance(n.value, str) and len(n.value) < 40 and FAILURE_WORD.search(n.value)
        for n in m.walk(call.args)
    )


def says_failure(expr: m.Expr) -> bool:
    """An answer that names its failure: ``{"error": …}``, ``{"status": "failed"}``, ``Result(success=False)``."""
    pairs: list[tuple[str, m.Expr]] = []
    if isinstance(expr, m.Mapping):
        pairs = _pairs(expr)
    elif isinstance(expr, m.Call):
        pairs = [(k, v) for k, v in expr.keywords if k is not None]
        pairs += [pair for a in expr.args if isinstance(a, m.Mapping) for pair in _pairs(a)]
        if re.search(r"(?:^|_|\.)(?:error|failure|fail|err)$", source_of(expr.func), re.I):
            return True
    for name, value in pairs:
        written = value.value if isinstance(value, m.Const) else None
        if re.search(r"^(?:errors?|exception|failure|failed|error_\w+)$", name, re.I) and not (
            isinstance(value, m.Const) and not written
        ):
            return True
        if re.search(r"^(?:success|ok|successful|healthy|valid|succeeded)$", name, re.I) and written is False:
            return True
        if (
            re.search(r"^(?:status|state|result)$", name, re.I)
            and isinstance(written, str)
            and re.search(r"err|fail|unhealthy|down", written, re.I)
        ):
            return True
    return False


def _pairs(mapping: m.Mapping) -> list[tuple[str, m.Expr]]:
    return [(k.value, v) for k, v in mapping.items if isinstance(k, m.Const) and isinstance(k.value, str)]
