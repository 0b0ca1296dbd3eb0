"""Recognises the calls and subscripts that read a setting: `os.environ`, and the libraries for settings."""

from __future__ import annotations

from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.expressions import Spot
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func
from runtime_ops.project.texts import UNKNOWN, is_ellipsis, is_empty, spelled, text_of

ENVIRON = ("os.environ", "os.environb")
# Dotted callables of the standard library that read one variable, by how they do it.
STANDARD = {
    "os.getenv": "getenv",
    "os.getenvb": "getenv",
    "os.environ.get": "environ.get",
    "os.environb.get": "environ.get",
    "os.environ.pop": "environ.pop",
    "os.environ.setdefault": "environ.setdefault",
    "os.environ.__getitem__": "environ",
}
# Their documentation: calling the object, or a method of it named after a type, reads one variable; it raises when the
# variable is not set and no default is given.
DECOUPLE = ("decouple.config", "decouple.AutoConfig", "decouple.Config")
ENVIRONS = ("environs.Env", "environs.FileAwareEnv")
DJANGO_ENVIRON = ("environ.Env", "environ.FileAwareEnv", "environ.environ.Env")
STARLETTE = ("starlette.config.Config",)
TYPED = {
    "int": "int", "float": "float", "bool": "bool", "json": "json", "list": "list", "tuple": "list", "path": "path",
    "decimal": "float", "enum": "enum", "timedelta": "float", "dict": "json", "str": "str", "url": "url", "db": "url",
    "db_url": "url", "cache": "url", "cache_url": "url", "email_url": "url", "dj_db_url": "url", "log_level": "enum",
    "uuid": "enum", "date": "date", "datetime": "date", "search_url": "url", "bytes": "bytes",
}  # fmt: skip
IMPLIED_NAMES = {"db": "DATABASE_URL", "db_url": "DATABASE_URL", "cache": "CACHE_URL", "cache_url": "CACHE_URL",
                 "email_url": "EMAIL_URL", "search_url": "SEARCH_URL"}  # fmt: skip
OPTIONS = {"click.option": "click", "click.argument": "click", "typer.Option": "typer", "typer.Argument": "typer",
           "asyncclick.option": "click", "rich_click.option": "click"}  # fmt: skip
DYNACONF = ("dynaconf.Dynaconf", "dynaconf.LazySettings")


class Raw(NamedTuple):
    """A read before names are resolved: ``names`` are the expressions that name the variable."""

    names: tuple[m.Expr, ...]
    how: str
    required: bool
    default: m.Expr | None
    conversion: str = ""
    prefix: str = ""


def raw_read(links: Links, spot: Spot) -> Raw | None:
    """The read that an expression makes, or None."""
    expr = spot.expr
    if isinstance(expr, m.Subscript):
        return Raw((expr.key,), "environ", True, None) if is_environ(links, expr.value, spot.function) else None
    if isinstance(expr, m.Compare):
        if (
            len(expr.rights) == 1
            and expr.ops[0] in ("in", "not in")
            and is_environ(links, expr.rights[0], spot.function)
        ):
            return Raw((expr.left,), "contains", False, None)
        return None
    return _of_call(links, expr, spot) if isinstance(expr, m.Call) else None


def is_environ(links: Links, expr: m.Expr, function: Func) -> bool:
    """Whether an expression is the environment, under any name."""
    if isinstance(expr, m.Call) and spelled(expr.func) in ("dict", "os.environ.copy", "environ.copy"):
        return spelled(expr.func).endswith("copy") or (bool(expr.args) and is_environ(links, expr.args[0], function))
    if not isinstance(expr, m.Name) or "env" not in expr.id.lower():
        return False
    value = links.names.name(expr.id, function)
    return value is not None and value.kind == "external" and value.name in ENVIRON


def _of_call(links: Links, call: m.Call, spot: Spot) -> Raw | None:
    if not isinstance(call.func, m.Name | m.Attr):
        return None
    value = links.names.value(call.func, spot.function)
    if value is None or value.kind not in ("external", "made"):
        return None
    dotted = value.name
    how = STANDARD.get(dotted)
    if how is not None:
        key = call.argument("key", 0)
        default = call.argument("default", 1)
        none = isinstance(default, m.Const) and default.value is None
        required = (how == "environ.pop" and default is None) or how == "environ"
        return Raw((key,), how, required, None if none else default) if key is not None else None
    if dotted in OPTIONS:
        return _option(call, OPTIONS[dotted])
    if value.kind == "made" and dotted in (*DECOUPLE, *STARLETTE):
        return _callable_reader(call, "starlette" if dotted in STARLETTE else "decouple")
    if dotted == "decouple.config":
        return _callable_reader(call, "decouple")
    owner, _, method = dotted.rpartition(".")
    if dotted in (*ENVIRONS, *DJANGO_ENVIRON) and value.kind == "made":
        return _env_object(links, call, spot, dotted, "str")
    if owner in (*ENVIRONS, *DJANGO_ENVIRON) and (method in TYPED or method == "get_value"):
        return _env_object(links, call, spot, owner, method)
    if owner in DYNACONF and method in ("get", "as_int", "as_bool", "as_float", "as_json"):
        conversion = method.removeprefix("as_") if method != "get" else ""
        key = call.argument("key", 0)
        return Raw((key,), "dynaconf", False, call.argument("default", 1), conversion) if key is not None else None
    return None


def _callable_reader(call: m.Call, how: str) -> Raw | None:
    """``config("X", default=…, cast=int)``."""
    key = call.argument("option", 0) or call.keyword("key")
    if key is None:
        return None
    default = call.keyword("default")
    if default is None:
        default = call.argument("default", 2 if how == "starlette" else 1)
    cast = call.keyword("cast") or (call.argument("cast", 1) if how == "starlette" else None)
    none = isinstance(default, m.Const) and default.value is None
    return Raw((key,), how, default is None, None if none else default, conversion_name(cast))


def _env_object(links: Links, call: m.Call, spot: Spot, owner: str, method: str) -> Raw | None:
    """``env("X")``, ``env.int("X", 5)``, ``env.db()`` of environs and django-environ."""
    how = "environs" if owner in ENVIRONS else "django-environ"
    key = call.argument("name", 0) if how == "environs" else call.argument("var", 0)
    if key is None:
        if method not in IMPLIED_NAMES:
            return None
        key = m.Const(IMPLIED_NAMES[method])
    default = call.argument("default", 1)
    conversion = conversion_name(call.keyword("cast")) or TYPED.get(method, "")
    prefix = ""
    for step in spot.place.steps:
        if isinstance(step.stmt, m.With):
            for item, _ in step.stmt.items:
                if isinstance(item, m.Call) and spelled(item.func).endswith(".prefixed") and item.args:
                    prefix += text_of(links, item.args[0], spot.function)
    required = default is None
    if default is None and how == "django-environ":
        default, conversion = _schema(links, call, spot, key, conversion)
        required = default is None
    none = isinstance(default, m.Const) and default.value is None
    return Raw((key,), how, required, None if none else default, "" if conversion == "str" else conversion, prefix)


def _schema(links: Links, call: m.Call, spot: Spot, key: m.Expr, conversion: str) -> tuple[m.Expr | None, str]:
    """``environ.Env(DEBUG=(bool, False))``: type and default given when the object was made."""
    value = links.names.value(call.func, spot.function)
    if value is None or value.origin is None or not isinstance(key, m.Const):
        return None, conversion
    scheme = value.origin.call.keyword(str(key.value))
    if isinstance(scheme, m.Sequence) and len(scheme.items) == 2:
        return scheme.items[1], conversion_name(scheme.items[0])
    return None, conversion_name(scheme) or conversion


def _option(call: m.Call, how: str) -> Raw | None:
    """``click.option("--port", envvar="PORT", type=int, default=80)``."""
    names = call.keyword("envvar")
    if names is None:
        return None
    default = call.keyword("default")
    if (
        default is None
        and how == "typer"
        and call.args
        and not (isinstance(call.args[0], m.Const) and str(call.args[0].value).startswith("-"))
    ):
        default = call.args[0]
    wanted = call.keyword("required")
    required = (isinstance(wanted, m.Const) and wanted.value is True) or is_ellipsis(default)
    default = None if is_empty(default) else default
    exprs = names.items if isinstance(names, m.Sequence) else (names,)
    is_flag = call.keyword("is_flag")
    conversion = conversion_name(call.keyword("type")) or ("bool" if is_flag is not None else "")
    return Raw(tuple(exprs), how, required, default, conversion)


def conversion_name(expr: m.Expr | None) -> str:
    """What a conversion given as an argument (``cast=int``, ``type=click.INT``) comes to."""
    if expr is None:
        return ""
    text = spelled(expr)
    if not text:
        return "function"
    last = text.rpartition(".")[2]
    known = {"INT": "int", "IntRange": "int", "FLOAT": "float", "FloatRange": "float", "BOOL": "bool", "Path": "path",
             "Choice": "enum", "Csv": "list", "CommaSeparatedStrings": "list", "str": "", "STRING": "", "loads": "json",
             "strtobool": "bool", "Secret": "secret", "URL": "url"}  # fmt: skip
    return known.get(last, last if last in ("int", "float", "bool", "list", "tuple") else text)


def unknown(text: str) -> bool:
    """Whether nothing of a name is known."""
    return text.replace(UNKNOWN, "").strip("_-. ") == ""
