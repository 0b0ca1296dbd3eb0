"""A metric label whose values have no end."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.credentials import words_of
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.api import Rule, together
from runtime_ops.rules.health._probes import functions_of

RULE = Rule(
    __name__,
    severity="medium",
    summary="A metric label takes ids, raw paths or messages: each value is a time series of its own that is never freed.",
    lead=True,
)
RECORDS = frozenset(
    ("add", "record", "incr", "increment", "timing", "gauge", "histogram", "set", "count", "distribution")
)
ENDLESS = frozenset("id uuid guid uid email ip message url uri username".split())
FEW = frozenset(
    """worker shard partition process thread region cluster node queue model pool zone stage rule handler host hub check task
    service consumer group error status exit plugin provider datacenter build""".split()
)
"""What comes before ``id`` where there are few of them."""
TENANTS = frozenset("org organization organisation tenant account network project team workspace site customer company".split())
"""What comes before ``id`` where there may be few or many of them, which no code tells."""
DOORS = ("before-request", "after-request", "middleware", "error-handler", "teardown")
UP = 6  # callers between a metric and the request or message that it counts
RAW_PATHS = (
    "request.path",
    "request.full_path",
    "request.url",
    "request.url.path",
    "request.path_info",
    "request.uri",
    "req.path",
)
PATH_ITEMS = frozenset({("scope", "path"), ("scope", "raw_path"), ("environ", "PATH_INFO"), ("environ", "REQUEST_URI")})
"""Where a path stands before any framework has matched it with a route (ASGI 3, PEP 3333)."""
KEEPS_TEXT = frozenset("split join strip rstrip lstrip lower upper replace removeprefix removesuffix decode str".split())


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    yield from together(_findings(project))


def _findings(project: Project) -> Iterator[Finding]:
    doors = _doors(project)
    for func in project.functions:
        for site in func.sites:
            for expr in label_values(site):
                name = endless(expr, site)
                if name is None or not project.runs_in(site, "serving", kinds=("service", "worker")):
                    continue
                if _freed(site):
                    continue
                yield RULE.at(
                    project,
                    site,
                    f"{name} is a label value of {site.text}(): every new value makes a time series that stays until the process ends, "
                    "so memory and the metrics store grow with traffic",
                    "use what has few values (route template, status, exception class) and put the id into the log or the span",
                    confidence="likely" if _grows(project, name, site, doors) else "possible",
                )
                break


def _doors(project: Project) -> set[Func]:
    """The functions that a request, a message or a job enters by: what they are given has as many values as there is traffic."""
    found = {func for route in project.routes for func in functions_of(route)}
    found |= {hook.func for hook in project.hooks if hook.func is not None and hook.kind in DOORS}
    return found | set(project.jobs.by_func) | set(project.jobs.work)


def _grows(project: Project, name: str, site: Site, doors: set[Func]) -> bool:
    """Whether the value comes with the traffic: it is of a request or the text of an error, or the function works for one.
    A collector that walks over what is configured has as many values as that."""
    words = words_of(name.rpartition(".")[2])
    if name.endswith(RAW_PATHS) or "exception" in name:
        return True
    if words[-1] == "id" and (words[-2] if len(words) > 1 else words_of(name.rpartition(".")[0])[-1:]) in TENANTS:
        return False
    level, seen = [site.function], {site.function}
    for _ in range(UP):
        if any(func in doors for func in level):
            return True
        edges = [e for func in level for e in project.links.callers.get(func, ()) if not e.site.weak]
        level = [e.caller for e in edges if e.caller not in seen]
        seen.update(level)
    return False


def _freed(site: Site) -> bool:
    """Whether the same module removes series of the metric again."""
    metric = site.text.rpartition(".")[0]
    names = {f"{metric}.{how}" for how in ("remove", "clear", "remove_by_labels")}
    return any(other.text in names for func in site.function.module.functions.values() for other in func.sites)


def label_values(site: Site) -> Iterator[m.Expr]:
    """The label values that a metric call gives: ``labels(…)``, an attributes mapping, StatsD tags."""
    owner = site.dotted or ""
    if site.method == "labels" and (
        owner.startswith("prometheus_client.") or site.text.isupper() or _metric_name(site)
    ):
        yield from site.call.args
        yield from (value for _, value in site.call.keywords)
    elif site.method in RECORDS and (
        owner.startswith("opentelemetry.metrics.") or "statsd" in f"{owner} {site.text}".lower()
    ):
        for key, value in (*((None, a) for a in site.call.args[1:]), *site.call.keywords):
            if isinstance(value, m.Mapping) and key in (None, "attributes", "tags"):
                yield from (v for _, v in value.items)
            elif key == "tags" and isinstance(value, m.Sequence):
                for item in value.items:
                    if isinstance(item, m.Format):
                        yield from (p for p in item.parts if not isinstance(p, m.Const))


def _metric_name(site: Site) -> bool:
    owner = site.text.rpartition(".")[0].rpartition(".")[2].upper()
    return owner.endswith(
        ("_TOTAL", "_SECONDS", "_COUNT", "_COUNTER", "_GAUGE", "_HISTOGRAM", "_DURATION", "_LATENCY", "_BYTES")
    )


def endless(expr: m.Expr, site: Site) -> str | None:
    """What in a label value has no end, or None."""
    if isinstance(expr, m.Call) and isinstance(expr.func, m.Name):
        last = expr.func.id.rpartition(".")[2]
        if last in ("str", "repr") and len(expr.args) == 1:
            inner = expr.args[0]
            if isinstance(inner, m.Name) and _caught(inner.id, site):
                return f"{last}({inner.id}), the text of an exception,"
            return endless(inner, site)
        return None
    if isinstance(expr, m.Format):
        return next((name for part in expr.parts if (name := endless(part, site))), None)
    if isinstance(expr, m.Subscript) and _of_path(expr, site.function):
        return "the request.path"
    if not isinstance(expr, m.Name):
        return None
    if expr.id.endswith(RAW_PATHS):
        return expr.id
    if "." not in expr.id and _of_path(expr, site.function):
        return f"{expr.id}, made of the request.path"
    words = words_of(expr.id.rpartition(".")[2])
    before = words[-2] if len(words) > 1 else words_of(expr.id.rpartition(".")[0].rpartition(".")[2])[-1:] or ("",)
    previous = before if isinstance(before, str) else before[0]
    if not words or words[-1] not in ENDLESS or previous in FEW or (words[-1] == "id" and not previous):
        return None
    return expr.id


def _of_path(expr: m.Expr, func: Func, depth: int = 0) -> bool:
    """Whether a text holds the whole path of an ASGI or WSGI request: ``scope["path"]``, also split and joined again. A name
    counts by its first value; later ones that only some branch gives it take nothing away for the others."""
    if depth > 4:
        return False
    if isinstance(expr, m.Subscript) and isinstance(expr.value, m.Name) and isinstance(expr.key, m.Const):
        return (expr.value.id.rpartition(".")[2], expr.key.value) in PATH_ITEMS
    if isinstance(expr, m.Name) and "." not in expr.id:
        given = [
            (p.stmt.value, any(isinstance(step.stmt, m.If) for step in p.steps))
            for p in func.places
            if isinstance(p.stmt, m.Assign) and any(isinstance(t, m.Name) and t.id == expr.id for t in p.stmt.targets)
        ]
        first = given[0][0] if given else None
        return first is not None and all(sometimes for _, sometimes in given[1:]) and _of_path(first, func, depth + 1)
    if isinstance(expr, m.Call):
        owner, method = (expr.func.value, expr.func.name) if isinstance(expr.func, m.Attr) else _split(expr.func)
        return method in KEEPS_TEXT and any(_of_path(part, func, depth + 1) for part in (owner, *expr.args))
    return False


def _split(callee: m.Expr) -> tuple[m.Expr, str]:
    """The owner and the method of a call by a dotted name."""
    if not isinstance(callee, m.Name):
        return callee, ""
    owner, _, method = callee.id.rpartition(".")
    return m.Name(owner, callee.line), method


def _caught(name: str, site: Site) -> bool:
    return any(step.handler is not None and step.handler.bound == name for step in site.steps)
