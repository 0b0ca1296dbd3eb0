"""The environment a program gets, and the masking of secret values in everything the drill prints."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from runtime_ops.drill.options import Options, WrongOption

HARMLESS = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TERM|PWD|VIRTUAL_ENV|CONDA_PREFIX|PYTHONPATH|PYTHONHOME"
    r"|LD_LIBRARY_PATH|SSL_CERT_FILE|SSL_CERT_DIR|XDG_\w+"
)
"""Names that are passed on: what finds programs, libraries and the user's language, and says nothing of a service."""
SECRET = re.compile(
    r"secret|passw|passphrase|token|credential|private|api_?key|access_?key|_key$|_pat$|cookie|dsn$", re.I
)
"""Names whose values are taken for secrets."""
SHORTEST_SECRET = 4
"""Values shorter than this are not masked: they would be found inside ordinary words."""


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable holds a secret: by its name, or because its value is a URL with a password."""
    return bool(SECRET.search(name)) or bool(_passwords(value))


def _passwords(value: str) -> list[str]:
    if "://" not in value:
        return []
    try:
        password = urlsplit(value).password
    except ValueError:
        return []
    return [password, unquote(password)] if password else []


def read_env_file(path: str) -> dict[str, str]:
    """The `NAME=VALUE` lines of an env file; `#` starts a comment line, quotes around a value are taken off."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongOption(f"--env-file {path}: cannot be read: {error}") from None
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip().removeprefix("export ")
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise WrongOption(f"--env-file {path}, line {number}: expected NAME=VALUE, got {line!r}")
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[name.strip()] = value
    return found


def given(options: Options, own: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables the user named for the program: env files first, then `--env`. Raises WrongOption."""
    found: dict[str, str] = {}
    for path in options.env_file:
        found |= read_env_file(path)
    for entry in options.env:
        name, equals, value = entry.partition("=")
        if not equals:
            if name not in own:
                raise WrongOption(f"--env {name}: is not set here; write --env {name}=VALUE")
            value = own[name]
        found[name] = value
    return found


def base(options: Options, own: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What is passed on of the drill's own environment without being named."""
    if options.inherit_env:
        return {name: value for name, value in own.items() if not looks_secret(name, value)}
    return {name: value for name, value in own.items() if HARMLESS.fullmatch(name)}


def secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """The secret values among the variables given to the program: value → the variable's name."""
    found = {}
    for name, value in variables.items():
        for password in _passwords(value):
            found[password] = name
        if SECRET.search(name) and "://" not in value:
            found[value] = name
    return {value: name for value, name in found.items() if len(value) >= SHORTEST_SECRET}


class Mask:
    """Replaces secret values by `***`: those given to the program and those of the drill's own environment."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        values = {value for name, value in variables.items() if looks_secret(name, value)}
        values |= set(secrets(variables))
        # Longest first, so that a password is masked as part of the URL that holds it.
        self._values = sorted((v for v in values if len(v) >= SHORTEST_SECRET), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, "***")
        return text
