"""Reads of settings from files: configuration in YAML, JSON, TOML or INI, `.env` files, and secrets mounted as files."""

from __future__ import annotations

import re

from runtime_ops.facts import model as m
from runtime_ops.project.expressions import Spot
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func
from runtime_ops.project.texts import UNKNOWN, bound_expression, spelled, text_of

SECRET_FOLDERS = ("/run/secrets", "/var/run/secrets", "/etc/secrets", "/secrets/", "/vault/secrets")
OPENERS = ("open", "pathlib.Path", "io.open", "os.path.exists", "os.path.isfile", "Path", "aiofiles.open")
# Parsers of configuration languages; JSON and TOML only where the file is named as configuration.
CONFIG_PARSERS = {
    "yaml.safe_load": "yaml", "yaml.load": "yaml", "yaml.full_load": "yaml", "yaml.safe_load_all": "yaml", "toml.load": "toml",
    "tomllib.load": "toml", "tomli.load": "toml", "json.load": "json", "json.loads": "json", "tomllib.loads": "toml",
    "configparser.ConfigParser.read": "ini", "configparser.RawConfigParser.read": "ini", "configparser.SafeConfigParser.read": "ini",
    "configparser.ConfigParser.read_file": "ini", "dotenv.load_dotenv": "dotenv", "dotenv.dotenv_values": "dotenv",
    "environs.Env.read_env": "dotenv", "environ.Env.read_env": "dotenv", "omegaconf.OmegaConf.load": "yaml", "anyconfig.load": "any",
    "flask.Flask.config.from_pyfile": "python", "flask.Flask.config.from_envvar": "python", "flask.Flask.config.from_file": "any",
    "ruamel.yaml.YAML.load": "yaml",
}  # fmt: skip
CONFIG_WORDS = re.compile(r"(conf|setting|option|propert|credential|secret|\.ini|\.toml|\.ya?ml|\.cfg)", re.IGNORECASE)


def secret_file(links: Links, spot: Spot) -> str | None:
    """The path when a call opens a file below a folder of mounted secrets."""
    call = spot.expr
    if (
        not isinstance(call, m.Call)
        or not call.args
        or spelled(call.func).rpartition(".")[2] not in ("open", "Path", "exists", "isfile")
    ):
        return None
    text = text_of(links, call.args[0], spot.function)
    if text.startswith(SECRET_FOLDERS):
        return text
    return None


def config_file(links: Links, spot: Spot) -> tuple[str, str] | None:
    """(path or the expression's text, language) when a call reads a file of configuration."""
    call = spot.expr
    if not isinstance(call, m.Call) or not isinstance(call.func, m.Name | m.Attr):
        return None
    last = spelled(call.func).rpartition(".")[2]
    if last not in _LAST:
        return None
    value = links.names.value(call.func, spot.function)
    if value is None or value.kind not in ("external", "made"):
        return None
    language = CONFIG_PARSERS.get(value.name)
    if language is None:
        return None
    if language == "dotenv":
        given = call.argument("dotenv_path", 0)
        text = text_of(links, given, spot.function) if given is not None else ".env"
        return (".env" if text == UNKNOWN else text), language
    path, text = _file(links, call.args[0] if call.args else None, spot.function)
    named = path if path != UNKNOWN else text
    if value.name in ("json.loads", "tomllib.loads") and not _reads_file(call.args[0] if call.args else None):
        return None
    if language in ("json", "toml", "yaml") and not (
        CONFIG_WORDS.search(named) and (path != UNKNOWN or language != "json" or CONFIG_WORDS.search(text))
    ):
        return None
    return named or UNKNOWN, language


def _reads_file(expr: m.Expr | None) -> bool:
    """Whether a text is what a file was read to."""
    return isinstance(expr, m.Call) and spelled(expr.func).rpartition(".")[2] in ("read", "read_text", "read_bytes")


_LAST = frozenset(name.rpartition(".")[2] for name in CONFIG_PARSERS)


def _file(links: Links, expr: m.Expr | None, function: Func, depth: int = 0) -> tuple[str, str]:
    """The path of the file that an expression reads, and the text by which it is named."""
    if expr is None or depth > 4:
        return UNKNOWN, ""
    if isinstance(expr, m.Call):
        last = spelled(expr.func).rpartition(".")[2]
        if last in ("open", "Path", "join") and expr.args:
            inner = expr.args[-1] if last == "join" else expr.args[0]
            path, text = _file(links, inner, function, depth + 1)
            return path, text or spelled(inner)
        if isinstance(expr.func, m.Attr):
            return _file(links, expr.func.value, function, depth + 1)
        if isinstance(expr.func, m.Name) and "." in expr.func.id:
            return _file(links, m.Name(expr.func.id.rpartition(".")[0], expr.line), function, depth + 1)
        return UNKNOWN, ""
    if isinstance(expr, m.Name):
        before = [b for b in function.bindings.get(expr.id, ()) if b.line <= expr.line]
        for binding in reversed(before):
            if binding.kind in ("with", "assign") and isinstance(binding.expr, m.Call):
                path, text = _file(links, binding.expr, function, depth + 1)
                if path != UNKNOWN or text:
                    return path, text
        bound = bound_expression(links, expr, function)
        path = text_of(links, bound[0], bound[1]) if bound is not None else UNKNOWN
        return path, expr.id
    return text_of(links, expr, function), ""
