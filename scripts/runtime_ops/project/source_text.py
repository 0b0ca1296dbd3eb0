"""Render an expression of the facts as short source-like text, for messages and evidence."""

from __future__ import annotations

from runtime_ops.facts import model as m

LIMIT = 120  # longer texts help no reader of a message


def source_of(expr: m.Expr | None, limit: int = LIMIT) -> str:
    """One line of Python-like text for ``expr`` (empty for None), cut to ``limit`` characters with an ellipsis."""
    text = _text(expr) if expr is not None else ""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def literal_words(call: m.Call) -> str:
    """The literal text in the arguments of a call: what a print or log call says."""
    return " ".join(m.texts(call.args))


def arguments_text(call: m.Call) -> str:
    """The arguments of a call as text."""
    parts = [_text(a) for a in call.args]
    parts += [f"{key}={_text(value)}" if key is not None else f"**{_text(value)}" for key, value in call.keywords]
    return ", ".join(parts)


def _text(expr: m.Expr) -> str:
    if isinstance(expr, m.Const):
        return repr(expr.value)
    if isinstance(expr, m.Name):
        return expr.id
    if isinstance(expr, m.Attr):
        return f"{_text(expr.value)}.{expr.name}"
    if isinstance(expr, m.Call):
        return f"{_text(expr.func)}({arguments_text(expr)})"
    if isinstance(expr, m.Subscript):
        return f"{_text(expr.value)}[{_text(expr.key)}]"
    if isinstance(expr, m.BinOp):
        return f"{_text(expr.left)} {expr.op} {_text(expr.right)}"
    if isinstance(expr, m.BoolOp):
        return f" {expr.op} ".join(_text(v) for v in expr.values)
    if isinstance(expr, m.UnaryOp):
        operand = f"({_text(expr.operand)})" if isinstance(expr.operand, m.BoolOp) else _text(expr.operand)
        return f"{expr.op}{' ' if expr.op == 'not' else ''}{operand}"
    if isinstance(expr, m.Compare):
        pairs = zip(expr.ops, expr.rights, strict=False)
        return " ".join([_text(expr.left), *(f"{op} {_text(right)}" for op, right in pairs)])
    if isinstance(expr, m.IfExp):
        return f"{_text(expr.body)} if {_text(expr.test)} else {_text(expr.orelse)}"
    if isinstance(expr, m.Await):
        return f"await {_text(expr.value)}"
    if isinstance(expr, m.Star):
        return f"*{_text(expr.value)}"
    if isinstance(expr, m.Walrus):
        return f"{expr.target} := {_text(expr.value)}"
    return _text_of_display(expr)


def _text_of_display(expr: m.Expr) -> str:
    if isinstance(expr, m.Format):
        inner = "".join(str(p.value) if isinstance(p, m.Const) else f"{{{_text(p)}}}" for p in expr.parts)
        return f"f{inner!r}"
    if isinstance(expr, m.Sequence):
        items = ", ".join(_text(i) for i in expr.items)
        if expr.kind == "tuple":
            return f"({items},)" if len(expr.items) == 1 else f"({items})"
        return f"[{items}]" if expr.kind == "list" else f"{{{items}}}"
    if isinstance(expr, m.Mapping):
        pairs = (f"{_text(k)}: {_text(v)}" if k is not None else f"**{_text(v)}" for k, v in expr.items)
        return "{" + ", ".join(pairs) + "}"
    if isinstance(expr, m.Lambda):
        return f"lambda {', '.join(expr.params)}: {_text(expr.body)}"
    if isinstance(expr, m.Comprehension):
        return f"<{expr.kind} comprehension>"
    return "…"
