"""Where a value comes from and goes to: a client, the environment, a store of secrets, a signer, a field that a class declares."""

from __future__ import annotations

import re
from functools import cache

from runtime_ops.facts import model as m
from runtime_ops.project.build import Project
from runtime_ops.project.model import Binding, Func
from runtime_ops.rules.logging._logged_parts import dotted_name, dotted_names, own_nodes
from runtime_ops.rules.logging._secret_names import holds_secret

STORES = ("secrets.get", "secrets.pop", "getenv", "environ.get", "get_secret", "get_secret_value", "getSecretValue")
SIGNERS = frozenset(
    """generate_presigned_url presigned_get_object presigned_put_object get_presigned_url generate_signed_url generate_presigned_post
    create_presigned_url""".split()
)
"""Methods of boto3, minio and google-cloud-storage whose result opens an object to whoever has it, until it expires."""
ANYBODYS = frozenset("value values data content text inputs name payload body extra".split())
SOURCES = ("request.", "headers", "environ", "getenv", "cookies", "settings", "config", "secrets.", "token_hex", "token_urlsafe", "urandom",
           "uuid4", "jwt.encode", "get_secret")  # fmt: skip
"""Where a value comes from that is a secret if its name says so: a client, the environment, the configuration, a maker of secrets."""


def bound_to(name: str, func: Func) -> list[Binding]:
    """What a name, or an attribute of the own object, is bound to."""
    head, _, last = name.rpartition(".")
    if head == "self" and func.cls is not None:
        return [binding for _, binding in func.cls.attributes.get(last, ())]
    return list(func.bindings.get(name, ()))


def from_source(expr: m.Expr | None) -> bool:
    """Whether an expression names a place that secrets come from."""
    return any(word in text.lower() for text in dotted_names(expr) for word in SOURCES)


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
    for node in own_nodes(func):
        if isinstance(node, m.Call) and any(takes(key, value) for key, value in node.keywords):
            return True
        if isinstance(node, m.Mapping) and any(isinstance(k, m.Const) and takes(k.value, v) for k, v in node.items):
            return True
    return False


def asked_for(name: str, func: Func) -> bool:
    """Whether it is the name by which a secret is asked for in a store of them: ``self.secrets.get(secret)``."""
    return name in _keys_of_stores(func)


@cache
def _keys_of_stores(func: Func) -> frozenset[str]:
    found = set()
    for node in own_nodes(func):
        if isinstance(node, m.Call) and node.args and dotted_name(node.func).endswith(STORES):
            key = node.args[0]
        elif isinstance(node, m.Subscript) and isinstance(node.value, m.Name) and node.value.id.endswith("secrets"):
            key = node.key
        else:
            continue
        if isinstance(key, m.Name):
            found.add(key.id)
    return frozenset(found)


def is_hmac_message(name: str, func: Func) -> bool:
    """Whether it is part of the message of an hmac: a nonce, which opens nothing without the key."""
    for site in func.sites:
        if site.dotted in ("hmac.new", "hmac.digest"):
            message = site.call.argument("msg", 1)
            if message is not None and any(isinstance(n, m.Name) and n.id == name for n in m.walk(message)):
                return True
    return False


def is_encrypted(project: Project, attribute: str) -> bool:
    """Whether an attribute is one that a model of the project encrypts; one that is called ``value`` may be anybody's."""
    return attribute in encrypted_fields(project) and attribute not in ANYBODYS


def handed_in(name: str, func: Func) -> bool:
    """Whether a value comes from a client or the environment: ``request.headers[…]``, ``os.environ[…]``."""
    texts = [n.id for b in func.bindings.get(name, ()) if b.expr is not None for n in m.walk(b.expr) if isinstance(n, m.Name)]
    return any(word in text for text in texts for word in ("request", "headers", "environ", "getenv", "cookies"))


def in_path(name: str, func: Func) -> bool:
    """Whether it is a part of the address that a client asks for (``@app.route("/screen/<token>")``)."""
    texts = [n.value for d in func.facts.decorators for n in m.walk(d) if isinstance(n, m.Const) and isinstance(n.value, str)]
    return func.param(name) is not None and any(re.search(rf"[<{{](\w+:)?{re.escape(name)}(:\w+)?[>}}]", text) for text in texts)


def is_signed_address(expr: m.Expr | None, func: Func) -> bool:
    """Whether an expression is an address that a store of objects signs, made here or by the one function of the project that is called."""
    if not isinstance(expr, m.Call):
        return False
    if dotted_name(expr.func).rpartition(".")[2] in SIGNERS:
        return True
    made = next((site for site in func.sites if site.call is expr), None)
    if made is None or made.weak or len(made.targets) != 1:
        return False
    (target,) = made.targets
    given = [p.stmt.value for p in target.by_kind.get(m.Return, ()) if isinstance(p.stmt, m.Return) and p.stmt.value is not None]
    bound = [b.expr for e in given if isinstance(e, m.Name) for b in target.bindings.get(e.id, ())]
    made_of = [e for e in (*bound, *given) if not isinstance(e, m.Const | m.Name | None)]
    return bool(made_of) and all(isinstance(e, m.Call) and dotted_name(e.func).rpartition(".")[2] in SIGNERS for e in made_of)


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
