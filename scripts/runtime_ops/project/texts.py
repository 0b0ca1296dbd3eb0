"""What text an expression comes to, as far as it is written down: literals, f-strings, sums, names, defaults.

A part that cannot be read is `UNKNOWN` in the text, so that a reader sees where it stands (``{?}/users``).
"""

from __future__ import annotations

from runtime_ops.facts import model as m
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Module, Value

UNKNOWN = "{?}"
DEPTH = 6  # names of names; deeper chains are unknown


def text_of(links: Links, expr: m.Expr | None, function: Func, depth: int = 0) -> str:
    """The text of an expression, with `UNKNOWN` for every part that is not known; `UNKNOWN` alone for all of it."""
    if expr is None or depth > DEPTH:
        return UNKNOWN
    if isinstance(expr, m.Const):
        return str(expr.value) if isinstance(expr.value, str | int | float) else UNKNOWN
    if isinstance(expr, m.Format):
        return _joined("".join(text_of(links, part, function, depth + 1) for part in expr.parts))
    if isinstance(expr, m.BinOp) and expr.op == "+":
        return _joined(text_of(links, expr.left, function, depth + 1) + text_of(links, expr.right, function, depth + 1))
    if isinstance(expr, m.BinOp) and expr.op == "%":
        return _joined(text_of(links, expr.left, function, depth + 1).replace("%s", UNKNOWN).replace("%d", UNKNOWN))
    if isinstance(expr, m.Call):
        return _of_call(links, expr, function, depth)
    if isinstance(expr, m.BoolOp) and expr.op == "or":
        return text_of(links, expr.values[-1], function, depth + 1)
    if isinstance(expr, m.Name | m.Attr):
        found = bound_expression(links, expr, function)
        return text_of(links, found[0], found[1], depth + 1) if found is not None else UNKNOWN
    return UNKNOWN


def _joined(text: str) -> str:
    while UNKNOWN * 2 in text:
        text = text.replace(UNKNOWN * 2, UNKNOWN)
    return text


def _of_call(links: Links, call: m.Call, function: Func, depth: int) -> str:
    """``"/x".rstrip("/")``, ``_("^x")`` of a translation, ``str(x)``, ``prefix.strip()``, a function of the project."""
    func = call.func
    if len(call.args) == 1 and isinstance(func, m.Name | m.Attr):
        value = links.names.value(func, function)
        if value is not None and isinstance(value.target, Func):
            return _of_project_call(links, value.target, text_of(links, call.args[0], function, depth + 1), depth)
    if isinstance(func, m.Attr | m.Name):
        name = func.name if isinstance(func, m.Attr) else func.id
        receiver: m.Expr | None = func.value if isinstance(func, m.Attr) else None
        if receiver is None and "." in name:
            receiver = m.Name(name.rpartition(".")[0], call.line)
        method = name.rpartition(".")[2]
        if receiver is not None and method in ("rstrip", "lstrip", "strip"):
            text = text_of(links, receiver, function, depth + 1)
            given = call.args[0] if call.args else None
            chars = given.value if isinstance(given, m.Const) and isinstance(given.value, str) else None
            return str(getattr(text, method)(chars)) if text != UNKNOWN else UNKNOWN
        if receiver is not None and method == "format":
            text = text_of(links, receiver, function, depth + 1)
            return UNKNOWN if "{" in text else text
        if method in ("_", "gettext_lazy", "str", "compile", "gettext", "ugettext_lazy") and call.args:
            return text_of(links, call.args[0], function, depth + 1)
    return UNKNOWN


def _of_project_call(links: Links, callee: Func, argument: str, depth: int) -> str:
    """What a function of one text gives back, where each return puts something before it or leaves it as it is."""
    params = [p.name for p in callee.facts.params if p.kind == "positional" and p.name not in ("self", "cls")]
    returned = [p.stmt.value for p in callee.places if isinstance(p.stmt, m.Return)]
    if not params or not returned or argument == UNKNOWN:
        return UNKNOWN
    texts: set[str] = set()
    for expr in returned:
        if isinstance(expr, m.Name) and expr.id == params[0]:
            texts.add(argument)
        elif (
            isinstance(expr, m.BinOp)
            and expr.op == "+"
            and isinstance(expr.right, m.Name)
            and expr.right.id == params[0]
        ):
            texts.add(text_of(links, expr.left, callee, depth + 1) + argument)
        elif isinstance(expr, m.Format) and isinstance(expr.parts[-1], m.Name) and expr.parts[-1].id == params[0]:
            texts.add("".join(text_of(links, part, callee, depth + 1) for part in expr.parts[:-1]) + argument)
        else:
            return UNKNOWN
    return texts.pop() if len(texts) == 1 else UNKNOWN + argument


def bound_expression(links: Links, expr: m.Expr, function: Func) -> tuple[m.Expr, Func] | None:
    """The expression that a name or an attribute was last bound to where that is plain to see, and where it is written.

    Follows local and module names, names of imported modules, and attributes of classes and of their instances.
    """
    if isinstance(expr, m.Name) and "." not in expr.id:
        scope: Func | None = function
        while scope is not None:
            if not scope.is_module:
                param = scope.param(expr.id)
                if param is not None:
                    return (param.default, scope.parent or scope.module.level) if param.default is not None else None
            found = _last(scope, expr.id)
            if found is not None:
                return found, scope
            binding = next((b for b in scope.bindings.get(expr.id, ()) if b.kind == "import"), None)
            if binding is not None:
                module, rest = links.index.find(scope.module, binding.text)
                return _in_module(links, module, rest) if module is not None and rest else None
            scope = scope.parent
        return None
    if isinstance(expr, m.Name):
        owner_text, _, attribute = expr.id.rpartition(".")
        own = _last(function, expr.id)
        if own is not None:
            return own, function
        owner = links.names.name(owner_text, function)
    elif isinstance(expr, m.Attr):
        owner, attribute = links.names.value(expr.value, function), expr.name
    else:
        return None
    return _member(links, owner, attribute)


def _member(links: Links, owner: Value | None, attribute: str) -> tuple[m.Expr, Func] | None:
    if owner is None:
        return None
    if isinstance(owner.target, Module):
        return _in_module(links, owner.target, attribute)
    if isinstance(owner.target, Klass):
        for klass in owner.target.ancestry:
            if isinstance(klass, Klass):
                for func, binding in klass.attributes.get(attribute, ()):
                    if binding.kind in ("assign", "annotation") and binding.expr is not None:
                        return field_default(binding.expr), func
    return None


def _in_module(links: Links, module: Module, name: str, depth: int = 0) -> tuple[m.Expr, Func] | None:
    head, _, rest = name.partition(".")
    if rest:
        return _member(links, links.names.name(head, module.level), rest) if "." not in rest else None
    found = _last(module.level, head)
    if found is not None:
        return found, module.level
    if depth < DEPTH:
        for binding in module.level.bindings.get(head, ()):
            if binding.kind == "import":
                other, remains = links.index.find(module, binding.text)
                if other is not None and remains and other is not module:
                    return _in_module(links, other, remains, depth + 1)
    return None


def _last(scope: Func, name: str) -> m.Expr | None:
    found = [b.expr for b in scope.bindings.get(name, ()) if b.kind in ("assign", "walrus") and b.expr is not None]
    return found[-1] if found else None


def field_default(expr: m.Expr) -> m.Expr:
    """The default inside ``Field("x", …)`` or ``field(default="x")``; any other expression itself."""
    if isinstance(expr, m.Call) and spelled(expr.func).rpartition(".")[2] in ("Field", "field", "attrib", "ib"):
        given = expr.argument("default", 0)
        return given if given is not None else expr
    return expr


def is_empty(expr: m.Expr | None) -> bool:
    """Whether a default says that there is none: nothing, ``None``, or ``...`` (kept as the text ``Ellipsis`` by the facts)."""
    return expr is None or (isinstance(expr, m.Const) and (expr.value is None or is_ellipsis(expr)))


def is_ellipsis(expr: m.Expr | None) -> bool:
    """Whether an expression is ``...``."""
    return isinstance(expr, m.Const) and expr.value in (..., "Ellipsis")


def spelled(expr: m.Expr | None) -> str:
    """The dotted text of a name, an attribute, or the callee of a call; empty for anything else."""
    if isinstance(expr, m.Name):
        return expr.id
    if isinstance(expr, m.Attr):
        inner = spelled(expr.value)
        return f"{inner}.{expr.name}" if inner else expr.name
    if isinstance(expr, m.Call):
        return spelled(expr.func)
    if isinstance(expr, m.Await):
        return spelled(expr.value)
    return ""
