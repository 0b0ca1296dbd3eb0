"""A credential, or somebody's private content, that is logged or printed."""

from __future__ import annotations

from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.credentials import secret_like, url_like
from runtime_ops.project.build import Project
from runtime_ops.project.log_calls import log_call
from runtime_ops.project.model import Site
from runtime_ops.rules.api import Rule

RULE = Rule(
    __name__,
    severity="high",
    summary="A secret, an address that carries one, or a whole request body is written to the log or the terminal.",
)
PRINTS = frozenset(
    ("print", "click.echo", "typer.echo", "rich.print", "pprint.pprint", "sys.stdout.write", "sys.stderr.write")
)
MASKS = (
    *(
        "mask",
        "redact",
        "hide",
        "censor",
        "obfuscate",
        "sanitize",
        "strip_",
        "anonym",
        "truncate",
        "hash",
        "fingerprint",
        "len",
    ),
    *("bool", "type", "isinstance", "safe_", "scrub"),
)
DUMPS = frozenset(("config", "settings", "environ", "environment", "options", "secrets", "credentials", "headers"))
BODIES = (
    "request.json",
    "request.data",
    "request.body",
    "request.form",
    "request.get_json",
    "request.get_data",
    "request.values",
)
COUNTED = (
    *(
        "count",
        "length",
        "expires",
        "expiry",
        "ttl",
        "name",
        "id",
        "type",
        "limit",
        "max",
        "min",
        "usage",
        "used",
        "total",
        "file",
    ),
    *(
        "path",
        "url_for",
        "field",
        "label",
        "header_name",
        "scopes",
        "bytes",
        "size",
        "class",
        "error",
        "status",
        "hint",
        "key_names",
    ),
)


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    for func in project.functions:
        for site in func.sites:
            call = log_call(site)
            printed = (site.dotted or "") in PRINTS
            if call is None and not printed:
                continue
            what = secret_of(project, site)
            if what is None:
                continue
            name, kind = what
            reached = project.phases(site)
            if not reached and not project.imported_by(func.module, "service", "worker"):
                continue
            if call is not None and call.level == "debug" and kind != "secret":
                continue
            verb = "prints" if printed else "logs"
            yield RULE.at(
                project,
                site,
                f"{site.text}() {verb} {name}, which holds {_holds(kind)}: it ends in the log store and with everybody who reads it",
                "log an id or a masked form; wrap secrets in a type that masks itself (SecretStr)",
                severity="high" if kind in ("secret", "address") else "medium",
                confidence="likely",
            )


def _holds(kind: str) -> str:
    return {
        "secret": "a secret",
        "address": "an address with credentials in it",
        "dump": "every setting, secrets among them",
        "body": "whatever the client sent",
    }[kind]


def secret_of(project: Project, site: Site) -> tuple[str, str] | None:
    """The first thing of a log call that must not be there, with its kind."""
    exprs = [*site.call.args, *(v for k, v in site.call.keywords if k not in ("exc_info", "stacklevel", "file"))]
    for expr in exprs:
        for node in values_of(expr):
            if isinstance(node, m.Name):
                last = node.id.rpartition(".")[2]
                if node.id in BODIES or node.id.endswith(tuple("." + b for b in BODIES)):
                    return node.id, "body"
                if last.isupper() and _constant_text(project, node, site):
                    continue
                if (
                    secret_like(last)
                    and not last.lower().endswith(COUNTED)
                    and not last.startswith(("has_", "is_", "no_", "use_"))
                ):
                    return node.id, "secret"
                if url_like(last) and _dsn(last):
                    return node.id, "address"
            elif isinstance(node, m.Subscript) and isinstance(node.key, m.Const) and isinstance(node.key.value, str):
                if secret_like(node.key.value) and not node.key.value.lower().endswith(COUNTED):
                    return f"…[{node.key.value!r}]", "secret"
            elif isinstance(node, m.Call):
                text = node.func.id if isinstance(node.func, m.Name) else ""
                if text.endswith(("request.get_json", "request.get_data")):
                    return f"{text}()", "body"
                if text.rpartition(".")[2] in ("getenv", "get") and node.args and isinstance(node.args[0], m.Const):
                    key = node.args[0].value
                    if isinstance(key, str) and secret_like(key) and not key.lower().endswith(COUNTED):
                        return f"{text}({key!r})", "secret"
    return None


def _dsn(name: str) -> bool:
    return any(
        word in name.lower()
        for word in (
            "dsn",
            "database_url",
            "db_url",
            "broker_url",
            "redis_url",
            "amqp",
            "proxy_url",
            "connection_string",
            "conn_str",
        )
    )


def _constant_text(project: Project, node: m.Name, site: Site) -> bool:
    """An upper-case constant that is bound to a plain literal is the name of a header or a key, not a secret."""
    return isinstance(project.names.constant(node, site.function), str)


def values_of(expr: m.Expr) -> Iterator[m.Expr]:
    """The values whose text ends in the line: names and parts, not what a masking call or a condition hides."""
    if isinstance(expr, m.Call):
        name = (
            expr.func.id if isinstance(expr.func, m.Name) else expr.func.name if isinstance(expr.func, m.Attr) else ""
        )
        last = name.rpartition(".")[2].lower()
        yield expr
        if last.startswith(MASKS) or any(mask in last for mask in MASKS[:8]):
            return
        if last in ("format", "str", "repr", "join", "dumps", "dict"):
            for arg in (*expr.args, *(v for _, v in expr.keywords)):
                yield from values_of(arg)
        return
    if isinstance(expr, m.Format):
        for part in expr.parts:
            yield from values_of(part)
    elif isinstance(expr, m.BinOp) and expr.op in ("%", "+"):
        yield from values_of(expr.left)
        yield from values_of(expr.right)
    elif isinstance(expr, m.Sequence):
        for item in expr.items:
            yield from values_of(item)
    elif isinstance(expr, m.Mapping):
        for _, value in expr.items:
            yield from values_of(value)
    elif isinstance(expr, m.Subscript | m.Name):
        if not (isinstance(expr, m.Subscript) and isinstance(expr.key, m.Other)):  # token[:4] shows a part on purpose
            yield expr
    elif isinstance(expr, m.Star):
        yield from values_of(expr.value)
