"""What a client sent: the body of a request, whole or as a part, and whether it holds what is nobody else's business."""

from __future__ import annotations

from runtime_ops.facts import model as m
from runtime_ops.libraries.credentials import words_of
from runtime_ops.project.model import Func, Site
from runtime_ops.rules.logging._logged_parts import dotted_name, own_nodes
from runtime_ops.rules.logging._secret_names import holds_secret

BODIES = ("request.json", "request.data", "request.body", "request.form", "request.values")
"""Names of the whole of what a client sent."""
BODY_CALLS = ("request.get_json", "request.get_data", "request.body", "request.json", "request.form")
PRIVATE = frozenset(
    """login signin signup auth authenticate password passwd token secret credential credentials payment pay card checkout billing
    user users account customer person member profile register registration""".split()
)
"""Words of a place whose callers send credentials, or what belongs to a person."""


def is_body(name: str, func: Func) -> bool:
    """Whether it is what a client sent to this program. ``request = requests.post(…)`` is an answer that the program got."""
    if name not in BODIES and not name.endswith(tuple("." + body for body in BODIES)):
        return False
    head = name.rpartition(".")[0]
    return "response" not in head and not is_answer(head, func)


def is_answer(name: str, func: Func) -> bool:
    """Whether a name is bound to the result of a call: what the program was answered, not what it was asked."""
    return any(isinstance(b.expr, m.Call | m.Await) for b in func.bindings.get(name, ()))


def is_body_call(text: str, func: Func) -> bool:
    """``request.get_json()``, ``self.request.form()``; not ``action_request.json(exclude=…)``, which is an object's own text."""
    head, _, method = text.rpartition(".")
    return f"{head.rpartition('.')[2]}.{method}" in BODY_CALLS and not is_answer(head, func)


def holds_private(site: Site) -> bool:
    """Whether the body is one with credentials or with what belongs to a person: by the place, or by what is read from it."""
    func = site.function
    if not PRIVATE.isdisjoint(words_of(f"{site.path} {func.qualname}")):
        return True
    keys = (
        node.key if isinstance(node, m.Subscript) else node.args[0]
        for node in own_nodes(func)
        if isinstance(node, m.Subscript) or (isinstance(node, m.Call) and node.args and dotted_name(node.func).endswith(".get"))
    )
    return any(isinstance(key, m.Const) and isinstance(key.value, str) and holds_secret(key.value) for key in keys)


def from_request(name: str, func: Func, depth: int) -> bool:
    """Whether a value comes, directly or through texts built from it, from what the client sent."""
    if depth > 3:
        return False
    for binding in func.bindings.get(name, ()):
        for node in m.walk(binding.expr) if binding.expr is not None else ():
            if isinstance(node, m.Name):
                if node.id.startswith(BODIES) or any("." + b in node.id for b in BODIES):
                    return True
                if node.id != name and "." not in node.id and from_request(node.id, func, depth + 1):
                    return True
            if isinstance(node, m.Call) and dotted_name(node.func).endswith(BODY_CALLS):
                return True
    return False
