"""A password that is put into an address as it is, where a sign of its own cuts the address in two."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runtime_ops.facts import model as m
from runtime_ops.findings import Finding
from runtime_ops.libraries.versions import older_than
from runtime_ops.project.build import Project
from runtime_ops.project.model import Func, Klass
from runtime_ops.project.source_text import source_of
from runtime_ops.project.texts import bound_expression, spelled
from runtime_ops.rules.api import Rule, as_one
from runtime_ops.rules.startup._reads import for_development
from runtime_ops.rules.startup._templates import addresses

RULE = Rule(
    __name__,
    severity="low",
    summary="A password from the configuration goes into an address as raw text.",
    lead=True,  # whether a password can hold such a sign is seldom seen: those that a platform makes hold none
)
PASSWORD = re.compile(r"(?i)(^|[_.\W])\w*(passw(or)?d|passwd|passphrase|pwd|pword|pass|pw)\w*$|secret_access_key|secret_?key$")
QUOTES = re.compile(r"(?i)quote|escape|encode|serialize|(^|_)enc(_|$)")
"""Names of what makes a text fit for an address."""
KEPT = re.compile(r"(?i)(^|\.)(\w*(config|settings|conf|cfg|options|opts|environ|env|secrets?|credentials?|creds|parameters|params)\w*)$")
"""Names of what holds the configuration."""
UNWRAPPED = frozenset("str strip get_secret_value rstrip lstrip decode".split())
KNOWN = frozenset("get getenv get_str require get_config getstr".split())
DATABASES = frozenset("postgres postgresql mysql mariadb mssql oracle".split())
DEPTH = 5


@RULE.check
def check(project: Project) -> Iterator[Finding]:
    found = [
        finding
        for func in project.functions
        if not for_development(func.path)
        for finding in _in(project, func)
    ]
    yield from as_one(found)
    yield from as_one(_into_alembic(project))


def _in(project: Project, func: Func) -> Iterator[Finding]:
    for address in addresses(func):
        shown = source_of(address.password)
        if QUOTES.search(shown) or not _named(address.password) or address.repository:
            continue
        if _quoted_nearby(func, address.password) or not _raw(project, address.password, func):
            continue
        if _read_greedily(project, address.scheme, func):
            continue
        refused = address.scheme == "mongodb"
        yield RULE.in_function(
            project,
            func,
            address.line,
            f"{shown} goes into the address as it is: "
            + (
                "with @, : or / in the password pymongo refuses the address, and nothing connects"
                if refused
                else "with @ or % in the password another part of the text is taken for the host or the password, and what fails is the "
                "connection, with a message that does not name the setting"
            ),
            f"write quote({shown}, safe='') of urllib.parse there"
            + (", or let sqlalchemy.URL.create(…) build the address" if address.scheme in DATABASES else ""),
            end_line=address.line,
            severity="medium" if address.scheme == "sqs" else None,
            confidence="likely",
        )


def _read_greedily(project: Project, scheme: str, func: Func) -> bool:
    """Whether SQLAlchemy reads the address and is older than 1.4: up to the last @ it takes all for the password (1.3.13 and 1.3.24,
    engine/url.py)."""
    held = project.versions.of("SQLAlchemy", func.path) if scheme in DATABASES or not scheme else None
    return held is not None and older_than("1.4", held.text)


def _into_alembic(project: Project) -> Iterator[Finding]:
    """``config.set_main_option("sqlalchemy.url", url)``: a ``%`` in the value begins an interpolation there."""
    for func in project.functions:
        if "set_main_option" not in func.wording and "set_main_option" not in func.inventory.attributes:
            continue
        for site in func.sites:
            name, value = site.call.argument("name", 0), site.call.argument("value", 1)
            if site.method != "set_main_option" or not isinstance(name, m.Const) or name.value != "sqlalchemy.url" or value is None:
                continue
            if for_development(func.path) or _doubled(project, value, func):
                continue
            yield RULE.at(
                project,
                site,
                "alembic's configuration takes % for the beginning of an interpolation: with an address whose password is "
                "percent-encoded (@ as %40) set_main_option() raises ValueError, and no migration runs",
                'write url.replace("%", "%%")',
                severity="low",
                confidence="certain",
            )


def _doubled(project: Project, expr: m.Expr, func: Func, depth: int = 0) -> bool:
    """Whether every ``%`` of the value is doubled on the way, or the value is known to hold none."""
    if depth > DEPTH:
        return False
    if isinstance(expr, m.Const):
        return True
    for node in m.walk(expr):
        if isinstance(node, m.Const) and isinstance(node.value, str) and ("%%" in node.value or node.value.startswith("sqlite")):
            return True
    if isinstance(expr, m.Call):
        value = project.links.names.value(expr.func, func)
        if value is not None and isinstance(value.target, Func):
            target = value.target
            return any("%%" in text for text in target.inventory.texts) or any(
                p.stmt.value is not None and _doubled(project, p.stmt.value, target, depth + 1)
                for p in target.places
                if isinstance(p.stmt, m.Return)
            )
        text = isinstance(expr.func, m.Name) and expr.func.id == "str" and bool(expr.args)
        return text and _doubled(project, expr.args[0], func, depth + 1)
    found = bound_expression(project.links, expr, func) if isinstance(expr, m.Name | m.Attr) else None
    if found is None or found[0] == expr or (isinstance(found[0], m.Const) and "." in spelled(expr)):
        return False  # a field's literal is only its default
    return _doubled(project, found[0], found[1], depth + 1)


def _named(expr: m.Expr) -> bool:
    """Whether the last name or key of the expression says password."""
    texts = [n.id for n in m.walk(expr) if isinstance(n, m.Name)]
    texts += [n.name for n in m.walk(expr) if isinstance(n, m.Attr)]
    texts += m.texts(expr)
    return any(PASSWORD.search(text) for text in texts)


def _quoted_nearby(func: Func, expr: m.Expr) -> bool:
    """Whether the module makes a value by the same last name fit for an address, wherever that is."""
    last = _last_words(expr)
    return any(
        QUOTES.search(site.method) is not None and any(last & _last_words(each) for each in site.call.args)
        for other in func.module.functions.values()
        for site in other.sites
    )


def _last_words(expr: m.Expr) -> set[str]:
    return {n.id.rpartition(".")[2] for n in m.walk(expr) if isinstance(n, m.Name)} | set(m.texts(expr))


def _raw(project: Project, expr: m.Expr, func: Func, depth: int = 0) -> bool:
    """Whether the value is seen to come from the configuration, and from there unchanged."""
    if depth > DEPTH:
        return False
    if isinstance(expr, m.BoolOp):
        return any(_raw(project, value, func, depth + 1) for value in expr.values)
    if isinstance(expr, m.IfExp):
        return _raw(project, expr.body, func, depth + 1) or _raw(project, expr.orelse, func, depth + 1)
    if any(read.line == getattr(expr, "line", 0) and read.expr == expr for read in project.settings.reads_in(func)):
        return True
    if isinstance(expr, m.Subscript):
        return bool(m.texts(expr.key)) and _mapping(project, expr.value, func)
    if isinstance(expr, m.Call):
        return _from_call(project, expr, func, depth)
    if isinstance(expr, m.Attr):
        return expr.name in UNWRAPPED and _raw(project, expr.value, func, depth + 1)
    if not isinstance(expr, m.Name):
        return False
    if func.param(expr.id) is not None and expr.id not in func.bindings:
        return _handed(project, expr.id, func, depth)
    found = bound_expression(project.links, expr, func)
    if found is not None and not isinstance(found[0], m.Const):
        if QUOTES.search(source_of(found[0])):
            return False
        return _raw(project, found[0], found[1], depth + 1)
    owner, _, name = expr.id.rpartition(".")
    return bool(owner) and (_kept(owner) or _field(project, owner, name, func))


def _from_call(project: Project, call: m.Call, func: Func, depth: int) -> bool:
    text = spelled(call.func)
    head, _, method = text.rpartition(".")
    if method in UNWRAPPED:
        if isinstance(call.func, m.Attr):
            return _raw(project, call.func.value, func, depth + 1)
        inner: m.Expr | None = m.Name(head, call.line) if head else (call.args[0] if call.args else None)
        return inner is not None and _raw(project, inner, func, depth + 1)
    named = bool(call.args) and isinstance(call.args[0], m.Const) and isinstance(call.args[0].value, str)
    if not named:
        return False
    return text in ("os.getenv", "getenv", "os.environ.get", "config", "env", "env.str") or (method in KNOWN and _kept(head))


def _handed(project: Project, name: str, func: Func, depth: int) -> bool:
    """Whether a caller hands it over from the configuration."""
    position = [p.name for p in func.facts.params if p.name not in ("self", "cls")].index(name)
    given = (
        (edge.site.call.argument(name, position), edge.caller)
        for edge in project.links.callers.get(func, ())
        if edge.how == "call" and not edge.site.weak and not for_development(edge.caller.path)
    )
    return any(expr is not None and _raw(project, expr, caller, depth + 1) for expr, caller in given)


def _mapping(project: Project, owner: m.Expr, func: Func) -> bool:
    """Whether a mapping holds the configuration: by its name, or by what the name was bound to."""
    if _kept(spelled(owner)):
        return True
    found = bound_expression(project.links, owner, func) if isinstance(owner, m.Name) else None
    value = found[0] if found is not None else owner
    while isinstance(value, m.Subscript):
        value = value.value
    return KEPT.search(spelled(value).partition(".")[0]) is not None


def _kept(owner: str) -> bool:
    return KEPT.search(owner) is not None


def _field(project: Project, owner: str, name: str, func: Func) -> bool:
    """Whether it is a field of a settings class."""
    if func.cls is None or not func.facts.params or owner != func.facts.params[0].name:
        value = project.links.names.name(owner, func)
        klass = value.target if value is not None and isinstance(value.target, Klass) else None
    else:
        klass = func.cls
    return klass is not None and any(
        read.bound is not None and read.bound.kind == "attribute" and read.bound.name == name and read.bound.klass in klass.ancestry
        for read in project.settings
    )
