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
from runtime_ops.project.links import argument_of
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
    """log masked redacted safe hidden obfuscated hashed public fake dummy invalid csrf page paging pagination next previous cursor
    resumption continuation sync scroll delta cancel cancellation idempotency""".split()
)
"""A word in the name that says that the secret is taken out, or that it is none."""
STORES = ("secrets.get", "secrets.pop", "getenv", "environ.get", "get_secret", "get_secret_value", "getSecretValue")
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
SIGNERS = frozenset(
    """generate_presigned_url presigned_get_object presigned_put_object get_presigned_url generate_signed_url generate_presigned_post
    create_presigned_url""".split()
)
"""Methods of boto3, minio and google-cloud-storage whose result opens an object to whoever has it, until it expires."""
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


PASSWORDS = frozenset({"password", "passwd", "passphrase", "passwort", "pwd"})
WHOLE = frozenset("jwt apikey authorization bearer accesskey secretkey authkey privatekey".split())
"""Words that name a credential by themselves."""
QUALIFIERS = frozenset(
    """access api auth oauth refresh bearer private signing encryption jwt bot login session reset invite invitation verification hmac
    admin credential app client webhook shared consumer""".split()
)
"""Words before the ending that say whose or what for: ``api_key``, ``reset_token``. A ``service_key`` may be a name."""
ONE_TIME = frozenset("otp totp".split())
SECOND_FACTOR = ("two-factor", "two factor", "2fa", "one-time", "mfa")
SOURCES = ("request.", "headers", "environ", "getenv", "cookies", "settings", "config", "secrets.", "token_hex", "token_urlsafe", "urandom",
           "uuid4", "jwt.encode", "get_secret")  # fmt: skip
"""Where a value comes from that is a secret if its name says so: a client, the environment, the configuration, a maker of secrets."""
MADE_SECRET = frozenset("notification apprise slack discord teams".split())
"""Services whose address is the credential: whoever has it can write there."""
WITH_PASSWORD = re.compile(r"://[^/\s:@]+:[^@/\s]+@")
PARSERS = frozenset({"urlparse", "urlsplit", "make_url"})
MALFORMED = frozenset({"ValueError", "TypeError", "binascii.Error", "UnicodeError", "UnicodeDecodeError"})
PRIVATE = frozenset(
    """login signin signup auth authenticate password passwd token secret credential credentials payment pay card checkout billing
    user users account customer person member profile register registration""".split()
)
"""Words of a place whose callers send credentials, or what belongs to a person."""


class Told(NamedTuple):
    """What ends in the line: ``kind`` is secret, address, signed, dump, body or content. ``sure``: a real one is seen to come there; else
    only the name speaks for it. ``encrypted``: the program itself keeps the value encrypted. ``opened``: the program takes the
    password out of the address. ``inside``: the credential that the function puts into what is logged."""

    name: str
    kind: str
    sure: bool = True
    encrypted: bool = False
    opened: bool = False
    inside: str = ""


def told(project: Project, site: Site) -> Told | None:
    """The worst that a log call tells, or None."""
    call = site.call
    exprs = [*call.args, *(v for k, v in call.keywords if k not in ("exc_info", "stacklevel", "file", "err", "fg"))]
    found = [t for expr in exprs for node in shown(expr) if (t := _of(project, node, site)) is not None]
    kinds = ("secret", "address", "signed", "dump", "body", "content")
    return min(found, key=lambda t: (not t.sure, kinds.index(t.kind)), default=None)


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
            if _dead_token(node.key.value, site):
                return None
            held = _names_credential(node.key.value) or _from_source(node.value)
            return Told(f"…[{node.key.value!r}]", "secret", held and not _one_time(node.key.value, site))
        return None
    if not isinstance(node, m.Name):
        return None
    name, last = node.id, node.id.rpartition(".")[2]
    if name.endswith(".request.headers") and not name.startswith("self."):
        return Told(name, "dump")  # ``response.request``: what this program sent, with its own credential
    if _is_body(name, func):
        return Told(name, "body", _holds_private(site))
    if name in DUMPED or name.endswith(".app.config"):
        return None if name == "request.headers" and _is_answer("request", func) else Told(name, "dump")
    inside = _put_together(name, site)
    if inside:
        return Told(name, "secret", inside=inside)
    opened = _opened(name, site)
    if opened is not None:
        return Told(opened, "address", _where_it_failed(opened, site), opened=True)
    if _written_here(name, func):
        return None
    if last.isupper() and isinstance(project.names.constant(node, func), str):
        return None  # a constant bound to a plain text is the name of a header or a field
    if "." in name and (last in plain_keys(project) or last in looked_up(project)):
        return None
    if _asked_for(name, func) or _signed(name, func):
        return None
    if last in BARE and not _about_access(site) and not _handed_in(name, func) and not in_path(name, func):
        return None
    if holds_secret(last) and not is_address(last) and not _object(project, node, func) and not _dead_token(last, site):
        return Told(name, "secret", _proven(name, site), "." in name and _encrypted(project, last))
    if "." in name and _encrypted(project, last):
        return Told(name, "secret", encrypted=True)
    if is_address(last):
        return None if _plain_address(name, func) else Told(name, "address", _proven_address(project, name, site))
    return _by_origin(project, node, site)


def _written_here(name: str, func: Func) -> bool:
    """Whether all that the name is bound to are texts of the source (``"****" if token else "missing"``), a plain name of
    another thing (``password = username``), or a text of such names (``"{}_{}".format(profile, region)``)."""
    bound = [binding.expr for binding in func.bindings.get(name, ())]
    return bool(bound) and func.param(name) is None and all(_is_plain(expr) for expr in bound)


def _is_plain(expr: m.Expr | None) -> bool:
    if isinstance(expr, m.IfExp):
        return _is_plain(expr.body) and _is_plain(expr.orelse)
    if isinstance(expr, m.Name):
        words = set(words_of(expr.id.rpartition(".")[2]))
        return bool(words & {"user", "username", "name", "email", "login", "id"}) and not holds_secret(expr.id.rpartition(".")[2])
    if isinstance(expr, m.Format):
        return all(_names_another(part) for part in expr.parts)
    if isinstance(expr, m.Call) and isinstance(expr.func, m.Attr) and expr.func.name == "format":
        given = (expr.func.value, *expr.args, *(value for _, value in expr.keywords))
        return isinstance(expr.func.value, m.Const) and all(_names_another(part) for part in given)
    return isinstance(expr, m.Const) and isinstance(expr.value, str)


def _names_another(part: m.Expr) -> bool:
    """A literal, or a name that is not one of a secret: a text that is put together of these is a key of a cache or a table."""
    if isinstance(part, m.Name):
        last = part.id.rpartition(".")[2]
        return not holds_secret(last) and not is_address(last) and CONTENT.isdisjoint(words_of(last)) and not part.id.startswith("request.")
    return isinstance(part, m.Const)


def _names_credential(name: str) -> bool:
    """Whether the name alone says that it is a credential: a password, or a key or token with a word that says what it opens."""
    words = words_of(name.rpartition(".")[2])
    own = set(words)
    if own & PASSWORDS or words[-1] in WHOLE:
        return True
    return bool(own & QUALIFIERS) or ("secret" in own and words[-1] != "secret") or (words[-2:] == ("id", "token"))


def _one_time(name: str, site: Site) -> bool:
    """A code that is used up by the time it is logged."""
    words = set(words_of(name))
    if PASSWORDS & words or "secret" in words:
        return False
    return bool(words & ONE_TIME) or any(word in literal_words(site.call).lower() for word in SECOND_FACTOR)


def _proven(name: str, site: Site) -> bool:
    """Whether a real secret is seen to reach the line: by a name that can mean nothing else, or by where the value comes from or
    goes to."""
    last = name.rpartition(".")[2]
    if PASSWORDS & set(words_of(last)):
        return True
    if _one_time(last, site) or _malformed(site):
        return False
    if _names_credential(last):
        return True
    return any(_from_source(b.expr) for b in _bound(name, site.function)) or opens(name, site.function)


def _malformed(site: Site) -> bool:
    """In the arm for a value that could not be read: what was refused opens nothing."""
    return any(s.handler is not None and bool(s.handler.types) and set(s.handler.types) <= MALFORMED for s in site.steps)


def _bound(name: str, func: Func) -> list[Binding]:
    """What a name, or an attribute of the own object, is bound to."""
    head, _, last = name.rpartition(".")
    if head == "self" and func.cls is not None:
        return [binding for _, binding in func.cls.attributes.get(last, ())]
    return list(func.bindings.get(name, ()))


def _texts(expr: m.Expr | None) -> Iterator[str]:
    """The dotted names in an expression."""
    for node in m.walk(expr) if expr is not None else ():
        if isinstance(node, m.Name):
            yield node.id
        elif isinstance(node, m.Call | m.Attr):
            yield _name(node.func if isinstance(node, m.Call) else node)


def _from_source(expr: m.Expr | None) -> bool:
    return any(word in text.lower() for text in _texts(expr) for word in SOURCES)


def opens(name: str, func: Func) -> bool:
    """Whether the function hands the value on as a credential: ``token=token``, ``{"Authorization": token}``."""

    def takes(key: object, value: m.Expr) -> bool:
        wanted = isinstance(key, str) and (holds_secret(key) or key.lower() in ("auth", "authorization"))
        return wanted and any(isinstance(n, m.Name) and n.id == name for n in m.walk(value))

    for place in func.by_kind.get(m.Assign, ()):
        stmt = place.stmt  # session["auth_token"] = token
        if isinstance(stmt, m.Assign) and stmt.value is not None and any(
            isinstance(t, m.Subscript) and isinstance(t.key, m.Const) and takes(t.key.value, stmt.value) for t in stmt.targets
        ):
            return True
    for node in _own_nodes(func):
        if isinstance(node, m.Call) and any(takes(key, value) for key, value in node.keywords):
            return True
        if isinstance(node, m.Mapping) and any(isinstance(k, m.Const) and takes(k.value, v) for k, v in node.items):
            return True
    return False


def _plain_address(name: str, func: Func) -> bool:
    """Whether an address is written here, without a user in it: ``f"https://{name}.example.org"``."""
    bound = [b.expr for b in _bound(name, func) if b.expr is not None]
    return bool(bound) and all(isinstance(e, m.Const | m.Format) and "@" not in "".join(_literals(e)) for e in bound)


def _literals(expr: m.Expr) -> Iterator[str]:
    for node in m.walk(expr):
        if isinstance(node, m.Const) and isinstance(node.value, str):
            yield node.value


def _proven_address(project: Project, name: str, site: Site) -> bool:
    """Whether the address is one that somebody configures, as it is with its password: not one that the program makes up."""
    func = site.function
    if MADE_SECRET & set(words_of(name.rpartition(".")[2])):
        return True
    if any(node.id.endswith((".password", ".username")) for node in _own_nodes(func) if isinstance(node, m.Name)):
        return True  # what is parsed out of it
    if name.rpartition(".")[0].lower().endswith(("settings", "config")):
        return True
    if any(_configured(b.expr) for b in _bound(name, func)):
        return True
    param = func.param(name)
    if param is None:
        return False
    given = [(edge, argument_of(edge.site, func, param)) for edge in project.links.callers.get(func, ()) if edge.how == "call"]
    return any(
        _configured(b.expr)
        for edge, expr in given
        if isinstance(expr, m.Name)
        for b in _bound(expr.id, edge.caller)
    ) or any(_configured(expr) for _, expr in given)


def _configured(expr: m.Expr | None) -> bool:
    """A look-up: in the environment, the settings, a store of what users entered."""
    if expr is None:
        return False
    looked = any(isinstance(n, m.Call) and _name(n.func).rpartition(".")[2] == "get" for n in m.walk(expr))
    return looked or isinstance(expr, m.Subscript) or _from_source(expr)


def _is_body(name: str, func: Func) -> bool:
    """Whether it is what a client sent to this program. ``request = requests.post(…)`` is an answer that the program got."""
    if name not in BODIES and not name.endswith(tuple("." + body for body in BODIES)):
        return False
    head = name.rpartition(".")[0]
    return "response" not in head and not _is_answer(head, func)


def _is_answer(name: str, func: Func) -> bool:
    return any(isinstance(b.expr, m.Call | m.Await) for b in func.bindings.get(name, ()))


def _body_call(text: str, func: Func) -> bool:
    """``request.get_json()``, ``self.request.form()``; not ``action_request.json(exclude=…)``, which is an object's own text."""
    head, _, method = text.rpartition(".")
    return f"{head.rpartition('.')[2]}.{method}" in BODY_CALLS and not _is_answer(head, func)


def _holds_private(site: Site) -> bool:
    """Whether the body is one with credentials or with what belongs to a person: by the place, or by what is read from it."""
    func = site.function
    if not PRIVATE.isdisjoint(words_of(f"{site.path} {func.qualname}")):
        return True
    keys = (
        node.key if isinstance(node, m.Subscript) else node.args[0]
        for node in _own_nodes(func)
        if isinstance(node, m.Subscript) or (isinstance(node, m.Call) and node.args and _name(node.func).endswith(".get"))
    )
    return any(isinstance(key, m.Const) and isinstance(key.value, str) and holds_secret(key.value) for key in keys)


def _asked_for(name: str, func: Func) -> bool:
    """Whether it is the name by which a secret is asked for in a store of them: ``self.secrets.get(secret)``."""
    return name in _keys_of_stores(func)


@cache
def _keys_of_stores(func: Func) -> frozenset[str]:
    found = set()
    for node in _own_nodes(func):
        if isinstance(node, m.Call) and node.args and _name(node.func).endswith(STORES):
            key = node.args[0]
        elif isinstance(node, m.Subscript) and isinstance(node.value, m.Name) and node.value.id.endswith("secrets"):
            key = node.key
        else:
            continue
        if isinstance(key, m.Name):
            found.add(key.id)
    return frozenset(found)


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


def in_path(name: str, func: Func) -> bool:
    """Whether it is a part of the address that a client asks for (``@app.route("/screen/<token>")``)."""
    texts = [n.value for d in func.facts.decorators for n in m.walk(d) if isinstance(n, m.Const) and isinstance(n.value, str)]
    return func.param(name) is not None and any(re.search(rf"[<{{](\w+:)?{re.escape(name)}(:\w+)?[>}}]", text) for text in texts)


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
    if _body_call(text, site.function):
        return Told(f"{text}()", "body", _holds_private(site))
    if method in ("getenv", "get") and call.args and isinstance(call.args[0], m.Const):
        key = call.args[0].value
        if not isinstance(key, str) or not holds_secret(key):
            return None
        held = _names_credential(key) or _from_source(call.func)
        return Told(f"{text}({key!r})", "secret", held and not _one_time(key, site))
    if method == "get_secret_value":
        return Told(f"{text}()", "secret")
    masked = any("mask" in (key or "") for key, _ in call.keywords)
    if method in SERIALISES and not masked and "." in owner and _encrypted(project, owner.rpartition(".")[2]):
        return Told(f"{text}()", "secret", encrypted=True)
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
            found = _of_binding(node.id, binding, site)
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


def _opened(name: str, site: Site) -> str | None:
    """The address in what is logged out of which the program takes a password: the value itself, or one in the text that it is bound
    to (``text = "… at {}".format(self.url)``)."""
    func = site.function
    if _taken_apart(name, func):
        return name
    texts = (b.expr for b in func.bindings.get(name, ()) if b.line <= site.line and isinstance(b.expr, m.Call | m.Format))
    held = (node.id for text in texts for node in shown(text) if isinstance(node, m.Name) and node.id != name)
    return next((each for each in held if _taken_apart(each, func)), None)


def _put_together(name: str, site: Site) -> str:
    """The credential that the function itself puts into a text, a mapping or a default that it logs whole: ``dsn = f"… password={pw}"``,
    ``body = {"api_key": key}``, ``uri = conf.get("db_uri", "clickhouse://api:api@localhost")``; empty when there is none, or when it
    is taken out again."""
    func = site.function
    bound = [b for b in func.bindings.get(name, ()) if b.kind in ("assign", "annotation")]
    if len(bound) != 1 or len(func.bindings[name]) != 1 or bound[0].line > site.line or func.param(name) is not None:
        return ""
    expr = bound[0].expr
    if isinstance(expr, m.Mapping):
        keys = [k.value for k, v in expr.items if isinstance(k, m.Const) and isinstance(k.value, str) and _is_credential(k.value, v)]
        return next((key for key in keys if not _taken_out(name, key, func)), "")
    if isinstance(expr, m.Format | m.BinOp) or (isinstance(expr, m.Call) and _name(expr.func).endswith(".format")):
        return next((n.id for n in shown(expr) if isinstance(n, m.Name) and _is_credential(n.id.rpartition(".")[2], n)), "")
    if isinstance(expr, m.Call) and len(expr.args) == 2 and _name(expr.func).rpartition(".")[2] in ("get", "getenv"):
        key, default = expr.args[0], _written_text(expr.args[1], func)
        known = isinstance(key, m.Const) and isinstance(key.value, str) and is_address(key.value)
        return "user and password" if known and WITH_PASSWORD.search(default) else ""
    return ""


def _is_credential(name: str, value: m.Expr) -> bool:
    """Whether a name says that it holds a password or key itself, and the value is one at run time."""
    if not holds_secret(name) or not _names_credential(name) or not ONE_TIME.isdisjoint(words_of(name)):
        return False
    return isinstance(value, m.Name | m.Subscript | m.Attr) or (isinstance(value, m.Call) and any(True for _ in shown(value)))


def _taken_out(name: str, key: str, func: Func) -> bool:
    """Whether the function puts something else in the place of a key, or takes it out."""
    for place in func.places:
        stmt = place.stmt
        targets = stmt.targets if isinstance(stmt, m.Assign | m.Delete) else ()
        if any(isinstance(t, m.Subscript) and _name(t.value) == name and t.key == m.Const(key) for t in targets):
            return True
    return any(site.text in (f"{name}.pop", f"{name}.update") for site in func.sites)


def _written_text(expr: m.Expr, func: Func) -> str:
    """The text of the source that an expression is, or that its name is bound to."""
    bound: list[Binding] = []
    if isinstance(expr, m.Name):
        bound = func.bindings.get(expr.id) or func.module.level.bindings.get(expr.id, [])
    written = bound[0].expr if len(bound) == 1 else expr
    return written.value if isinstance(written, m.Const) and isinstance(written.value, str) else ""


def _where_it_failed(address: str, site: Site) -> bool:
    """Whether the line stands in an arm of the ``try`` that uses the address: it is that one, with its password, that is logged.
    Elsewhere it may be one of those that were found to have none."""
    return any(
        step.arm == "handler"
        and isinstance(step.stmt, m.Try)
        and any(isinstance(node, m.Name) and node.id == address for call in m.calls(step.stmt.body) for node in m.walk(call.args))
        for step in site.steps
    )


def _taken_apart(name: str, func: Func) -> bool:
    """Whether the function, or one that it hands the value to, takes a password out of it: then the address carries one."""
    if _takes_password(func, name):
        return True
    for site in func.sites:
        given = (*site.call.args, *(value for _, value in site.call.keywords))
        if site.weak or not any(isinstance(expr, m.Name) and expr.id == name for expr in given):
            continue
        for target in site.targets[:1]:
            params = (p for p in target.facts.params if isinstance(e := argument_of(site, target, p), m.Name) and e.id == name)
            if any(_takes_password(target, p.name) for p in params):
                return True
    return False


def _takes_password(func: Func, name: str) -> bool:
    """``parts = urlparse(url)`` and then ``parts.password``, or ``parts.netloc.split("@")``."""
    for parts, bindings in func.bindings.items():
        for expr in (b.expr for b in bindings):
            parsed = isinstance(expr, m.Call) and _name(expr.func).rpartition(".")[2] in PARSERS and bool(expr.args)
            if not parsed or not isinstance(expr, m.Call) or not isinstance(expr.args[0], m.Name) or expr.args[0].id != name:
                continue
            cuts = {f"{parts}.netloc.{method}" for method in ("split", "rsplit", "partition", "rpartition")}
            for node in _own_nodes(func):
                if isinstance(node, m.Name) and node.id == f"{parts}.password":
                    return True
                if isinstance(node, m.Call) and _name(node.func) in cuts and node.args == (m.Const("@"),):
                    return True
    return False


def _of_binding(name: str, binding: Binding, site: Site) -> Told | None:
    expr = binding.expr
    if isinstance(expr, m.Await):
        expr = expr.value
    if binding.kind in ("assign", "annotation") and _signs(expr, site.function):
        return Told(name, "signed")
    if binding.kind == "for" and isinstance(expr, m.Name | m.Subscript):
        source = expr.id if isinstance(expr, m.Name) else str(expr.key.value) if isinstance(expr.key, m.Const) else ""
        return Told(name, "address") if is_address(source.rpartition(".")[2]) else None
    if binding.kind == "unpack" and binding.text == "1" and isinstance(expr, m.Call):
        owner, _, method = _name(expr.func).rpartition(".")
        whole = owner in DUMPED or owner.endswith((".config", "os.environ")) or _all_settings(expr.func)
        return Told(name, "dump", not _some_values(name, site)) if method == "items" and whole else None
    if binding.kind in ("assign", "annotation"):
        if isinstance(expr, m.Name) and _is_body(expr.id, site.function):
            return Told(name, "body", _holds_private(site))
        if isinstance(expr, m.Call) and _body_call(_name(expr.func), site.function):
            return Told(name, "body", _holds_private(site))
    return None


def _signs(expr: m.Expr | None, func: Func) -> bool:
    """Whether an expression is an address that a store of objects signs, made here or by the one function of the project that is called."""
    if not isinstance(expr, m.Call):
        return False
    if _name(expr.func).rpartition(".")[2] in SIGNERS:
        return True
    made = next((site for site in func.sites if site.call is expr), None)
    if made is None or made.weak or len(made.targets) != 1:
        return False
    (target,) = made.targets
    given = [p.stmt.value for p in target.by_kind.get(m.Return, ()) if isinstance(p.stmt, m.Return) and p.stmt.value is not None]
    bound = [b.expr for e in given if isinstance(e, m.Name) for b in target.bindings.get(e.id, ())]
    made_of = [e for e in (*bound, *given) if not isinstance(e, m.Const | m.Name | None)]
    return bool(made_of) and all(isinstance(e, m.Call) and _name(e.func).rpartition(".")[2] in SIGNERS for e in made_of)


def _some_values(name: str, site: Site) -> bool:
    """Below a test of the value itself: only settings of that form are logged, lists for example."""
    return any(
        isinstance(s.stmt, m.If) and any(isinstance(n, m.Name) and n.id.partition(".")[0] == name for n in m.walk(s.stmt.test))
        for s in site.steps
    )


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
