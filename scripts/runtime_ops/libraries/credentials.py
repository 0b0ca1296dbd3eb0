"""What carries a credential, and which environment variables need no reader in the code (``data/secrets.json``)."""

import re
from functools import cache

from runtime_ops.plain import dataclass

from .table import load

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@dataclass(frozen=True, slots=True, eq=False)
class SecretName:
    """One word, parameter or variable with a meaning for secrets or for the environment."""

    name: str
    kind: str
    """``word`` (a name with this word, or these words in a row, holds a secret), ``public word`` (a name that ends in it does not),
    ``url`` (a setting whose value is an address that may hold a password or token), ``parameter`` (dotted call and parameter,
    ``call(parameter)``), ``ignored variable`` (no code reads it: interpreter, platform, shell), ``library variable`` (a known
    library or server reads it), ``masked`` (type or call that hides the value), ``unmasked`` (gives it back), ``placeholder``
    (a value that is no value)."""
    source: str
    prefix: bool = False
    """``name`` is the beginning of the variable."""
    distribution: str = ""
    """Who reads a library variable; several are separated by spaces."""
    note: str = ""
    sure: bool = True


@cache
def all_secret_names() -> tuple[SecretName, ...]:
    """Every row."""
    return load("secrets", SecretName)


@cache
def _names(kind: str) -> frozenset[str]:
    return frozenset(row.name for row in all_secret_names() if row.kind == kind)


@cache
def words_of(name: str) -> tuple[str, ...]:
    """``DB_PASSWORD``, ``dbPassword`` and ``db-password`` as lower-case words."""
    return tuple(word.lower() for word in _WORDS.findall(name))


@cache
def secret_like(name: str) -> bool:
    """Whether a variable, setting or parameter by this name holds a secret: ``API_KEY`` yes, ``TOKEN_URL`` and ``max_tokens`` no."""
    words = words_of(name)
    text = f"_{'_'.join(words)}_"
    if not any(f"_{word}_" in text for word in _names("word")):
        return False
    return not any(text.endswith(f"_{word}_") or text.startswith(f"_{word}_") for word in _names("public word"))


@cache
def url_like(name: str) -> bool:
    """Whether a setting by this name holds an address that may carry a credential: ``DATABASE_URL``, ``broker_url``, ``SENTRY_DSN``."""
    text = f"_{'_'.join(words_of(name))}_"
    return any(text.endswith(f"_{word}_") for word in _names("url"))


@cache
def carries_secret(call: str, parameter: str) -> bool:
    """Whether ``parameter`` of the dotted ``call`` takes a credential: by the table, or by a secret-like or address-like name."""
    return f"{call}({parameter})" in _names("parameter") or secret_like(parameter) or url_like(parameter)


_FIRST = ("url", "dsn", "conninfo", "servers", "ws_endpoint", "command_executor")


@cache
def credential_parameter(call: str, keyword: str | None, position: int | None) -> bool:
    """Whether an argument of the dotted ``call`` (by keyword, or by position) is known by the table to carry a credential.

    Of positions only the first is known, and only for calls whose first parameter is an address.
    """
    if keyword is not None:
        return f"{call}({keyword})" in _names("parameter")
    return position == 0 and any(f"{call}({first})" in _names("parameter") for first in _FIRST)


@cache
def variable_reader(variable: str) -> SecretName | None:
    """The row that explains why no code of the repository need read ``variable``: an ignored one, or one a known library reads."""
    best: SecretName | None = None
    for row in all_secret_names():
        if row.kind in {"ignored variable", "library variable"}:
            fits = variable.startswith(row.name) if row.prefix else variable == row.name
            if fits and (best is None or len(row.name) > len(best.name)):
                best = row
    return best


def placeholder(value: str) -> bool:
    """Whether a literal stands for a value still to be given (``CHANGEME``, ``<token>``, ``YOUR_KEY``) and so is no secret itself."""
    text = value.strip().lower()
    if text.startswith("<") and text.endswith(">"):
        return True
    return any(word in text.replace("-", "_").replace(" ", "_") for word in _names("placeholder"))
