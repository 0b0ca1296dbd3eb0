"""What an expression in a log call puts into the line: a secret, an address that carries one, every setting, what a
client sent. Where a name only contains such a word, or stands for an object that masks itself, it is none of these.
"""

from __future__ import annotations

from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.credentials import credential_parameter, words_of
from runtime_ops.project.build import Project
from runtime_ops.project.model import Binding, Func, Site, own_expressions
from runtime_ops.project.source_text import literal_words
from runtime_ops.rules.logging._built_texts import credential_inside, is_written_here
from runtime_ops.rules.logging._logged_parts import dotted_name, shown
from runtime_ops.rules.logging._request_bodies import from_request, holds_private, is_answer, is_body, is_body_call
from runtime_ops.rules.logging._secret_addresses import (
    is_plain_address,
    opened_address,
    proves_address,
    stands_where_it_failed,
)
from runtime_ops.rules.logging._secret_names import (
    CONTENT,
    ONE_TIME,
    PASSWORDS,
    holds_secret,
    is_address,
    names_credential,
)
from runtime_ops.rules.logging._secret_origins import (
    asked_for,
    bound_to,
    from_source,
    handed_in,
    in_path,
    is_encrypted,
    is_hmac_message,
    is_signed_address,
    looked_up,
    opens,
    plain_keys,
)

BARE = frozenset({"token", "key"})
"""Names that mean a secret only where the place has to do with access."""
ACCESS = (
    "auth", "login", "jwt", "session", "api", "bearer", "access", "webhook", "bot", "telegram", "reset", "password", "user", "invit",
    "verif", "credential", "client", "secret", "request", "push", "device", "oidc", "account", "header",
)  # fmt: skip
"""Words of such a place."""
DUMPED = ("os.environ", "app.config", "current_app.config", "request.headers")
"""Names of all settings, or of all that came with a request."""
SERIALISES = ("to_json", "to_dict", "json", "dict", "model_dump", "model_dump_json", "as_dict", "items")
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
SECOND_FACTOR = ("two-factor", "two factor", "2fa", "one-time", "mfa")
MALFORMED = frozenset({"ValueError", "TypeError", "binascii.Error", "UnicodeError", "UnicodeDecodeError"})


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


def _of(project: Project, node: m.Expr, site: Site) -> Told | None:
    func = site.function
    if isinstance(node, m.Call):
        return _of_call(project, node, site)
    if isinstance(node, m.Subscript):
        if isinstance(node.key, m.Const) and isinstance(node.key.value, str) and holds_secret(node.key.value):
            if _dead_token(node.key.value, site):
                return None
            held = names_credential(node.key.value) or from_source(node.value)
            return Told(f"…[{node.key.value!r}]", "secret", held and not _one_time(node.key.value, site))
        return None
    if not isinstance(node, m.Name):
        return None
    name, last = node.id, node.id.rpartition(".")[2]
    if name.endswith(".request.headers") and not name.startswith("self."):
        return Told(name, "dump")  # ``response.request``: what this program sent, with its own credential
    if is_body(name, func):
        return Told(name, "body", holds_private(site))
    if name in DUMPED or name.endswith(".app.config"):
        return None if name == "request.headers" and is_answer("request", func) else Told(name, "dump")
    inside = credential_inside(name, site)
    if inside:
        return Told(name, "secret", inside=inside)
    opened = opened_address(name, site)
    if opened is not None:
        return Told(opened, "address", stands_where_it_failed(opened, site), opened=True)
    if is_written_here(name, func):
        return None
    if last.isupper() and isinstance(project.names.constant(node, func), str):
        return None  # a constant bound to a plain text is the name of a header or a field
    if "." in name and (last in plain_keys(project) or last in looked_up(project)):
        return None
    if asked_for(name, func) or is_hmac_message(name, func):
        return None
    if last in BARE and not _about_access(site) and not handed_in(name, func) and not in_path(name, func):
        return None
    if holds_secret(last) and not is_address(last) and not _object(project, node, func) and not _dead_token(last, site):
        return Told(name, "secret", _proven(name, site), "." in name and is_encrypted(project, last))
    if "." in name and is_encrypted(project, last):
        return Told(name, "secret", encrypted=True)
    if is_address(last):
        return None if is_plain_address(name, func) else Told(name, "address", proves_address(project, name, site))
    return _by_origin(project, node, site)


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
    if names_credential(last):
        return True
    return any(from_source(b.expr) for b in bound_to(name, site.function)) or opens(name, site.function)


def _malformed(site: Site) -> bool:
    """In the arm for a value that could not be read: what was refused opens nothing."""
    return any(s.handler is not None and bool(s.handler.types) and set(s.handler.types) <= MALFORMED for s in site.steps)


def _about_access(site: Site) -> bool:
    """Whether the place has to do with access: a ``token`` or ``key`` elsewhere is one of a lexer, a cache or a table."""
    text = f"{site.path} {site.function.qualname} {literal_words(site.call)} {site.text}".lower()
    return any(word in text for word in ACCESS)


def _of_call(project: Project, call: m.Call, site: Site) -> Told | None:
    text = dotted_name(call.func)
    owner, _, method = text.rpartition(".")
    if is_body_call(text, site.function):
        return Told(f"{text}()", "body", holds_private(site))
    if method in ("getenv", "get") and call.args and isinstance(call.args[0], m.Const):
        key = call.args[0].value
        if not isinstance(key, str) or not holds_secret(key):
            return None
        held = names_credential(key) or from_source(call.func)
        return Told(f"{text}({key!r})", "secret", held and not _one_time(key, site))
    if method == "get_secret_value":
        return Told(f"{text}()", "secret")
    masked = any("mask" in (key or "") for key, _ in call.keywords)
    if method in SERIALISES and not masked and "." in owner and is_encrypted(project, owner.rpartition(".")[2]):
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
        if words_of(node.id)[-1:] and words_of(node.id)[-1] in CONTENT and from_request(node.id, func, 0):
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


def _of_binding(name: str, binding: Binding, site: Site) -> Told | None:
    expr = binding.expr
    if isinstance(expr, m.Await):
        expr = expr.value
    if binding.kind in ("assign", "annotation") and is_signed_address(expr, site.function):
        return Told(name, "signed")
    if binding.kind == "for" and isinstance(expr, m.Name | m.Subscript):
        source = expr.id if isinstance(expr, m.Name) else str(expr.key.value) if isinstance(expr.key, m.Const) else ""
        return Told(name, "address") if is_address(source.rpartition(".")[2]) else None
    if binding.kind == "unpack" and binding.text == "1" and isinstance(expr, m.Call):
        owner, _, method = dotted_name(expr.func).rpartition(".")
        whole = owner in DUMPED or owner.endswith((".config", "os.environ")) or _all_settings(expr.func)
        return Told(name, "dump", not _some_values(name, site)) if method == "items" and whole else None
    if binding.kind in ("assign", "annotation"):
        if isinstance(expr, m.Name) and is_body(expr.id, site.function):
            return Told(name, "body", holds_private(site))
        if isinstance(expr, m.Call) and is_body_call(dotted_name(expr.func), site.function):
            return Told(name, "body", holds_private(site))
    return None


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
    owner, _, method = dotted_name(inner.func).rpartition(".")
    masked = any("exclude" in (key or "") and key not in ("exclude_none", "exclude_unset") for key, _ in inner.keywords)
    return method in ("dict", "model_dump", "as_dict", "to_dict") and not masked and owner.lower().endswith(("settings", "config"))
