"""What an expression in a log call puts into the line: a secret, an address that carries one, every setting, what a
client sent. Where a name only contains such a word, or stands for an object that masks itself, it is none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.credentials import credential_parameter, secret_like, words_of
from runtime_ops.project.build import Project
from runtime_ops.project.model import Binding, Func, Site, own_expressions
from runtime_ops.project.source_text import literal_words

# how a name that holds the secret itself ends; what follows is a quality of it (``token_count``, ``password_route``)
ENDINGS = frozenset(
    """password passwd passphrase passwort pwd secret token key apikey jwt otp totp authorization bearer dsn pepper connstr
    str string accesskey secretkey authkey privatekey""".split()
)
BARE = frozenset({"token", "key"})
ACCESS = (
    "auth", "login", "jwt", "session", "api", "bearer", "access", "webhook", "bot", "telegram", "reset", "password", "user", "invit",
    "verif", "credential", "client", "secret", "request", "push", "device", "oidc", "account", "header",
)  # fmt: skip
FORMS = frozenset("value raw plain plaintext text encoded decoded".split())
"""Words after the ending that leave it what it is."""
OWN_WORDS = frozenset(
    "log masked redacted safe hidden obfuscated hashed public fake dummy invalid csrf page next cursor".split()
)
"""A word in the name that says that the secret is taken out, or that it is none."""
STORES = ("secrets.get", "secrets.pop")
SWITCHES = frozenset("has is no use new_line permit allow enable require needs".split())
"""First words of a flag: ``permit_tokens``, ``enable_password``."""
ABOUT = frozenset("by with via create permit allow".split())
"""Words before the ending that make the name one of a way or a right: ``login_by_token``, ``may_create_token``."""
ADDRESSES = frozenset(
    """amqp_url apprise_url broker_url celery_broker_url celery_result_backend connection_string connection_url conn_url
    database_uri database_url db_uri db_url dsn http_proxy https_proxy mongo_uri mongo_url mongodb_uri mongodb_url mysql_url
    notification_url postgres_dsn postgres_url postgresql_url proxy_url rabbitmq_url redis_url rtsp_url slack_webhook
    discord_webhook teams_webhook smtp_url sqlalchemy_database_uri sqlalchemy_url webhook_url browser_ws_endpoint""".split()
)
CONTENT = frozenset("prompt question transcript conversation".split())
"""How names end that hold what a person wrote in their own words."""
BODIES = ("request.json", "request.data", "request.body", "request.form", "request.values")
BODY_CALLS = ("request.get_json", "request.get_data", "request.body", "request.json", "request.form")
DUMPED = ("os.environ", "app.config", "current_app.config", "request.headers")
MASKS = ("mask", "redact", "hide", "censor", "obfuscate", "sanitize", "anonym", "scrub", "hash", "fingerprint", "truncate", "strip_",
         "len", "bool", "type", "isinstance", "safe_", "sha", "md5", "digest", "urlparse", "urlsplit")  # fmt: skip
KEEPING = frozenset(("format", "str", "repr", "join", "dumps", "dict", "list", "unquote", "pformat"))
"""Calls whose result shows their arguments."""
SERIALISES = ("to_json", "to_dict", "json", "dict", "model_dump", "model_dump_json", "as_dict", "items")
ANYBODYS = frozenset("value values data content text inputs name payload body extra".split())
OBJECTS = ("instance", "class", "function", "module")
TEXT_METHODS = frozenset(
    "split strip startswith encode decode lower upper replace format endswith rstrip lstrip partition".split()
)
DEAD = (
    "Signature",
    "Expired",
    "Invalid",
    "NotRegistered",
    "NoResult",
    "NotFound",
    "DoesNotExist",
    "Decode",
    "Mismatch",
)
"""In the arm for such an exception, the token at hand has just proved worthless."""


class Told(NamedTuple):
    """What ends in the line: ``kind`` is secret, address, dump, body or content."""

    name: str
    kind: str


def told(project: Project, site: Site) -> Told | None:
    """The worst that a log call tells, or None."""
    call = site.call
    exprs = [*call.args, *(v for k, v in call.keywords if k not in ("exc_info", "stacklevel", "file", "err", "fg"))]
    found = [t for expr in exprs for node in shown(expr) if (t := _of(project, node, site)) is not None]
    return min(found, key=lambda t: ("secret", "address", "dump", "body", "content").index(t.kind), default=None)


def shown(expr: m.Expr) -> Iterator[m.Expr]:
    """The names, items and calls whose text ends in the line; not what a masking call, a test or a slice hides."""
    if isinstance(expr, m.Call):
        name = _name(expr.func).rpartition(".")[2].lower()
        if any(name.startswith(mask) or (len(mask) > 4 and mask in name) for mask in MASKS):
            return
        yield expr
        if name in KEEPING:
            for arg in (*expr.args, *(v for _, v in expr.keywords)):
                yield from shown(arg)
            if name == "format" and isinstance(expr.func, m.Attr):
                yield from shown(expr.func.value)
    elif isinstance(expr, m.Format):
        for part in expr.parts:
            yield from shown(part)
    elif isinstance(expr, m.BinOp) and expr.op in ("%", "+"):
        yield from shown(expr.left)
        yield from shown(expr.right)
    elif isinstance(expr, m.Sequence):
        for item in expr.items:
            yield from shown(item)
    elif isinstance(expr, m.Mapping):
        for _, value in expr.items:
            yield from shown(value)
    elif isinstance(expr, m.Name) or (isinstance(expr, m.Subscript) and not isinstance(expr.key, m.Other)):
        yield expr
    elif isinstance(expr, m.Star | m.Await):
        yield from shown(expr.value)


def _of(project: Project, node: m.Expr, site: Site) -> Told | None:
    func = site.function
    if isinstance(node, m.Call):
        return _of_call(project, node, site)
    if isinstance(node, m.Subscript):
        if isinstance(node.key, m.Const) and isinstance(node.key.value, str) and holds_secret(node.key.value):
            return None if _dead_token(node.key.value, site) else Told(f"…[{node.key.value!r}]", "secret")
        return None
    if not isinstance(node, m.Name):
        return None
    name, last = node.id, node.id.rpartition(".")[2]
    if name in BODIES or name.endswith(tuple("." + body for body in BODIES)):
        return Told(name, "body")
    if name in DUMPED or name.endswith(".app.config"):
        return Told(name, "dump")
    if last.isupper() and isinstance(project.names.constant(node, func), str):
        return None  # a constant bound to a plain text is the name of a header or a field
    if "." in name and (last in plain_keys(project) or last in looked_up(project)):
        return None
    if _asked_for(name, func) or _signed(name, func):
        return None
    if last in BARE and not _about_access(site) and not _handed_in(name, func):
        return None
    if holds_secret(last) and not _object(project, node, func) and not _dead_token(last, site):
        return Told(name, "secret")
    if "." in name and _encrypted(project, last):
        return Told(name, "secret")
    if is_address(last):
        return Told(name, "address")
    return _by_origin(project, node, site)


def _asked_for(name: str, func: Func) -> bool:
    """Whether it is the name by which a secret is asked for in a store of them: ``self.secrets.get(secret)``."""
    for node in _own_nodes(func):
        if isinstance(node, m.Call) and node.args and _name(node.func).endswith(STORES):
            key = node.args[0]
        elif isinstance(node, m.Subscript) and isinstance(node.value, m.Name) and node.value.id.endswith("secrets"):
            key = node.key
        else:
            continue
        if isinstance(key, m.Name) and key.id == name:
            return True
    return False


def _signed(name: str, func: Func) -> bool:
    """Whether it is part of the message of an hmac: a nonce, which opens nothing without the key."""
    for site in func.sites:
        if site.dotted in ("hmac.new", "hmac.digest"):
            message = site.call.argument("msg", 1)
            if message is not None and any(isinstance(n, m.Name) and n.id == name for n in m.walk(message)):
                return True
    return False


def _own_nodes(func: Func) -> Iterator[m.Expr]:
    for place in func.places:
        for expr in own_expressions(place.stmt):
            yield from m.walk(expr)


def _encrypted(project: Project, attribute: str) -> bool:
    """Whether an attribute is one that a model of the project encrypts; one that is called ``value`` may be anybody's."""
    return attribute in encrypted_fields(project) and attribute not in ANYBODYS


def _handed_in(name: str, func: Func) -> bool:
    """Whether a value comes from a client or the environment: ``request.headers[…]``, ``os.environ[…]``."""
    texts = [n.id for b in func.bindings.get(name, ()) if b.expr is not None for n in m.walk(b.expr) if isinstance(n, m.Name)]
    return any(word in text for text in texts for word in ("request", "headers", "environ", "getenv", "cookies"))


def _about_access(site: Site) -> bool:
    """Whether the place has to do with access: a ``token`` or ``key`` elsewhere is one of a lexer, a cache or a table."""
    text = f"{site.path} {site.function.qualname} {literal_words(site.call)} {site.text}".lower()
    return any(word in text for word in ACCESS)


def holds_secret(name: str) -> bool:
    """Whether what has this name is the secret itself: ``db_password``, ``raw_token`` yes, ``token_teams`` no."""
    if re.search(r"(?i)^(?:\w+\.)*(?:session_?key|(?:cache|sort|group|primary|foreign|row|object|dict|map)_?key)$", name):
        return False  # an id
    words = [w for w in words_of(name) if not w.isdigit()]
    while words and words[-1] in FORMS:
        words.pop()
    if (
        not words
        or words[-1] not in ENDINGS
        or set(words) & OWN_WORDS
        or words[0] in SWITCHES
        or set(words[-2:-1]) & ABOUT
    ):
        return False
    return secret_like("_".join(words))


def is_address(name: str) -> bool:
    """Whether an address by this name carries a password or token as a rule; one or a list of them."""
    text = "_".join(words_of(name))
    singular = text.removesuffix("s")
    return any(text.endswith(a) or singular.endswith(a) for a in ADDRESSES) and not set(words_of(name)) & OWN_WORDS


def _of_call(project: Project, call: m.Call, site: Site) -> Told | None:
    text = _name(call.func)
    owner, _, method = text.rpartition(".")
    if text.endswith(BODY_CALLS) and method in ("get_json", "get_data", "body", "json", "form"):
        return Told(f"{text}()", "body")
    if method in ("getenv", "get") and call.args and isinstance(call.args[0], m.Const):
        key = call.args[0].value
        return Told(f"{text}({key!r})", "secret") if isinstance(key, str) and holds_secret(key) else None
    if method == "get_secret_value":
        return Told(f"{text}()", "secret")
    masked = any("mask" in (key or "") for key, _ in call.keywords)
    if method in SERIALISES and not masked and "." in owner and _encrypted(project, owner.rpartition(".")[2]):
        return Told(f"{text}()", "secret")
    if method in ("dict", "items") and owner in DUMPED:
        return Told(f"{text}()", "dump")
    return None


def _object(project: Project, node: m.Name, func: Func) -> bool:
    """Whether the name stands for an object (with its own text form), a masked type, or a piece of a parsed text."""
    value = project.names.value(node, func)
    if value is not None and (value.kind in OBJECTS or "Secret" in value.name.rpartition(".")[2]):
        return True
    bindings = func.bindings.get(node.id, ())
    if any(b.kind == "for" and isinstance(b.expr, m.Sequence) for b in bindings):
        return True
    prefix = node.id + "."
    return any(
        isinstance(n, m.Name) and n.id.startswith(prefix) and n.id[len(prefix) :].partition(".")[0] not in TEXT_METHODS
        for place in func.places
        for expr in own_expressions(place.stmt)
        for n in m.walk(expr)
    )


def _dead_token(name: str, site: Site) -> bool:
    if words_of(name)[-1:] not in (("token",), ("jwt",), ("otp",)):
        return False
    return any(
        step.handler is not None
        and bool(step.handler.types)
        and all(any(word in t for word in DEAD) for t in step.handler.types)
        for step in site.steps
    )


def _by_origin(project: Project, node: m.Name, site: Site) -> Told | None:
    """A name that says nothing: what it was bound to, or where else it is handed to, tells."""
    func = site.function
    if "." not in node.id:
        for binding in func.bindings.get(node.id, ()):
            if binding.line > site.line:
                continue
            found = _of_binding(node.id, binding)
            if found is not None:
                return found
        if words_of(node.id)[-1:] and words_of(node.id)[-1] in CONTENT and _from_request(node.id, func, 0):
            return Told(node.id, "content")
    for other in func.sites:
        if other.dotted is None or other is site:
            continue
        for number, argument in enumerate(other.call.args):
            if (
                isinstance(argument, m.Name)
                and argument.id == node.id
                and credential_parameter(other.dotted, None, number)
            ):
                return Told(node.id, "address")
        for key, argument in other.call.keywords:
            if (
                key
                and isinstance(argument, m.Name)
                and argument.id == node.id
                and credential_parameter(other.dotted, key, None)
            ):
                return Told(node.id, "address")
    return None


def _of_binding(name: str, binding: Binding) -> Told | None:
    expr = binding.expr
    if isinstance(expr, m.Await):
        expr = expr.value
    if binding.kind == "for" and isinstance(expr, m.Name | m.Subscript):
        source = expr.id if isinstance(expr, m.Name) else str(expr.key.value) if isinstance(expr.key, m.Const) else ""
        return Told(name, "address") if is_address(source.rpartition(".")[2]) else None
    if binding.kind == "unpack" and binding.text == "1" and isinstance(expr, m.Call):
        owner, _, method = _name(expr.func).rpartition(".")
        whole = owner in DUMPED or owner.endswith((".config", "os.environ")) or _all_settings(expr.func)
        return Told(name, "dump") if method == "items" and whole else None
    if binding.kind in ("assign", "annotation"):
        if isinstance(expr, m.Name) and (expr.id in BODIES or expr.id.endswith(tuple("." + b for b in BODIES))):
            return Told(name, "body")
        if isinstance(expr, m.Call) and _name(expr.func).endswith(BODY_CALLS):
            return Told(name, "body")
    return None


def _all_settings(items: m.Expr) -> bool:
    """``settings.dict().items``, ``config.model_dump(…).items``: the values of a settings object one by one."""
    inner = items.value if isinstance(items, m.Attr) else None
    if not isinstance(inner, m.Call):
        return False
    owner, _, method = _name(inner.func).rpartition(".")
    masked = any("exclude" in (key or "") and key not in ("exclude_none", "exclude_unset") for key, _ in inner.keywords)
    return method in ("dict", "model_dump", "as_dict", "to_dict") and not masked and owner.lower().endswith(("settings", "config"))


def _from_request(name: str, func: Func, depth: int) -> bool:
    """Whether a value comes, directly or through texts built from it, from what the client sent."""
    if depth > 3:
        return False
    for binding in func.bindings.get(name, ()):
        for node in m.walk(binding.expr) if binding.expr is not None else ():
            if isinstance(node, m.Name):
                if node.id.startswith(BODIES) or any("." + b in node.id for b in BODIES):
                    return True
                if node.id != name and "." not in node.id and _from_request(node.id, func, depth + 1):
                    return True
            if isinstance(node, m.Call) and _name(node.func).endswith(BODY_CALLS):
                return True
    return False


@cache
def plain_keys(project: Project) -> frozenset[str]:
    """Names of class attributes that are the primary key of a table: an id, however it is called."""
    return frozenset(
        name
        for module in project.modules
        for klass in module.classes.values()
        for name, bindings in klass.attributes.items()
        for _, binding in bindings
        if isinstance(binding.expr, m.Call) and isinstance(key := binding.expr.keyword("primary_key"), m.Const) and key.value is True
    )


@cache
def looked_up(project: Project) -> frozenset[str]:
    """Names of fields by which routes look their object up (``lookup_field = "slug"``): what stands in addresses is an id."""
    return frozenset(
        binding.expr.value
        for module in project.modules
        for klass in module.classes.values()
        for _, binding in klass.attributes.get("lookup_field", ())
        if isinstance(binding.expr, m.Const) and isinstance(binding.expr.value, str)
    )


@cache
def encrypted_fields(project: Project) -> frozenset[str]:
    """Names of class attributes that are declared with an encrypting type: what they hold must not be shown."""
    found = set()
    for module in project.modules:
        for klass in module.classes.values():
            for name, bindings in klass.attributes.items():
                for func, binding in bindings:
                    if func.is_module and binding.expr is not None and isinstance(binding.expr, m.Call):
                        names = [n.id for n in m.walk(binding.expr) if isinstance(n, m.Name)]
                        if any("Encrypt" in n for n in names):
                            found.add(name)
    return frozenset(found)


def _name(func: m.Expr) -> str:
    return func.id if isinstance(func, m.Name) else f"….{func.name}" if isinstance(func, m.Attr) else ""
