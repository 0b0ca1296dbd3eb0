"""Values that the function itself puts together before it logs them: of plain texts, or with a credential in them."""

from __future__ import annotations

from runtime_ops.facts import model as m
from runtime_ops.libraries.credentials import words_of
from runtime_ops.project.model import Binding, Func, Site
from runtime_ops.rules.logging._logged_parts import dotted_name, shown
from runtime_ops.rules.logging._secret_addresses import WITH_PASSWORD
from runtime_ops.rules.logging._secret_names import CONTENT, ONE_TIME, holds_secret, is_address, names_credential


def is_written_here(name: str, func: Func) -> bool:
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


def credential_inside(name: str, site: Site) -> str:
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
    if isinstance(expr, m.Format | m.BinOp) or (isinstance(expr, m.Call) and dotted_name(expr.func).endswith(".format")):
        return next((n.id for n in shown(expr) if isinstance(n, m.Name) and _is_credential(n.id.rpartition(".")[2], n)), "")
    if isinstance(expr, m.Call) and len(expr.args) == 2 and dotted_name(expr.func).rpartition(".")[2] in ("get", "getenv"):
        key, default = expr.args[0], _written_text(expr.args[1], func)
        known = isinstance(key, m.Const) and isinstance(key.value, str) and is_address(key.value)
        return "user and password" if known and WITH_PASSWORD.search(default) else ""
    return ""


def _is_credential(name: str, value: m.Expr) -> bool:
    """Whether a name says that it holds a password or key itself, and the value is one at run time."""
    if not holds_secret(name) or not names_credential(name) or not ONE_TIME.isdisjoint(words_of(name)):
        return False
    return isinstance(value, m.Name | m.Subscript | m.Attr) or (isinstance(value, m.Call) and any(True for _ in shown(value)))


def _taken_out(name: str, key: str, func: Func) -> bool:
    """Whether the function puts something else in the place of a key, or takes it out."""
    for place in func.places:
        stmt = place.stmt
        targets = stmt.targets if isinstance(stmt, m.Assign | m.Delete) else ()
        if any(isinstance(t, m.Subscript) and dotted_name(t.value) == name and t.key == m.Const(key) for t in targets):
            return True
    return any(site.text in (f"{name}.pop", f"{name}.update") for site in func.sites)


def _written_text(expr: m.Expr, func: Func) -> str:
    """The text of the source that an expression is, or that its name is bound to."""
    bound: list[Binding] = []
    if isinstance(expr, m.Name):
        bound = func.bindings.get(expr.id) or func.module.level.bindings.get(expr.id, [])
    written = bound[0].expr if len(bound) == 1 else expr
    return written.value if isinstance(written, m.Const) and isinstance(written.value, str) else ""
