"""Variables of a launch: what artifacts set, and texts filled in as far as constants are known.

A variable that no artifact sets is taken as unset only while nothing else can set it (`Variables.open`); what stays
unknown is left in the text as it is written. Nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from types import MappingProxyType

from runtime_ops.facts import artifacts as a
from runtime_ops.plain import dataclass

_USE = re.compile(
    r"\\\$|\$\$|\$(?:\{([A-Za-z_]\w*|[@*#?!0-9])(?:(:?[-=?+])((?:[^{}]|\{[^{}]*\})*))?\}|([A-Za-z_]\w*|[@*#?!0-9])|"
    r"\(([A-Za-z_]\w*)\))"
)
_KUBERNETES = re.compile(r"\$\(([A-Za-z_]\w*)\)")
_SUPERVISORD = re.compile(r"%\(ENV_([A-Za-z_]\w*)\)s")
_MAX_DEPTH = 6

NONE: Mapping[str, tuple[a.EnvironmentVariable, str]] = MappingProxyType({})

Lookup = Callable[[str], "str | None"]
"""The text of a variable; None when it is not known, `UNSET` when no artifact sets it and nothing else is said to."""


class _Unset(str):
    """Empty, as a shell takes an unset variable; yet whoever starts the program by hand may set it."""


UNSET = _Unset()


@dataclass(frozen=True, slots=True)
class Variables:
    """The environment of a program as far as artifacts tell: name to (variable, path of the artifact)."""

    known: Mapping[str, tuple[a.EnvironmentVariable, str]] = field(default_factory=lambda: NONE)
    open: bool = False
    """More may be set from elsewhere."""

    def plus(self, variables: Iterable[a.EnvironmentVariable], path: str) -> Variables:
        """With further variables, which win over those of the same name."""
        added = {variable.name: (variable, path) for variable in variables}
        return replace(self, known={**self.known, **added}) if added else self

    def opened(self, really: bool = True) -> Variables:
        """The same, with more that may be set from elsewhere."""
        return replace(self, open=True) if really and not self.open else self

    def constant(self, name: str) -> str | None:
        """The value when an artifact sets a constant, else None."""
        found = self.known.get(name)
        if found is None or found[0].value is None or found[0].templated or found[0].value.templated:
            return None
        text = found[0].value.text
        return None if "{{" in text else text

    def lookup(self, name: str) -> str | None:
        """As `Lookup`: constants, resolved through other variables."""
        return self._lookup(name, 0)

    def _lookup(self, name: str, depth: int) -> str | None:
        if name not in self.known:
            return None if self.open else UNSET
        text = self.constant(name)
        if text is None or depth > _MAX_DEPTH:
            return None
        if "$" not in text:
            return text
        filled, complete = fill(text, lambda other: None if other == name else self._lookup(other, depth + 1))
        return filled if complete else None


def fill(text: str, lookup: Lookup, depth: int = 0) -> tuple[str, bool]:
    """The text with ``$NAME``, ``${NAME:-default}``, ``$(NAME)`` and ``%(ENV_NAME)s`` filled in where known; second,
    whether nothing stayed unknown. A default counts where no artifact sets the variable."""
    if "$" not in text and "%(" not in text:
        return text, True
    complete = True

    def one(found: re.Match[str]) -> str:
        nonlocal complete
        name = found.group(1) or found.group(4) or found.group(5)
        if name is None:
            return "$"
        value = lookup(name)
        operator, operand = found.group(2), found.group(3) or ""
        if value is None or (value is UNSET and operator is None):
            complete = False
            return found.group()
        if operator in (":-", ":=", "-", "=") and not value:
            operand = "" if operand in ('""', "''") else operand
            inner, known = fill(operand, lookup, depth + 1) if depth < _MAX_DEPTH else (operand, False)
            complete = complete and known
            return inner
        if operator in ("+", ":+"):
            return operand if value else ""
        return value

    def environment(found: re.Match[str]) -> str:
        nonlocal complete
        value = lookup(found.group(1))
        if not value:
            complete = False
            return found.group()
        return value

    text = _USE.sub(one, text) if "$" in text else text
    return (_SUPERVISORD.sub(environment, text) if "%(ENV_" in text else text), complete


def fill_platform(text: str, lookup: Lookup, platform: str) -> str:
    """The text with what the platform itself fills in before a program or shell sees it: ``$(NAME)`` in Kubernetes,
    ``%(ENV_NAME)s`` in supervisord, ``$NAME`` in systemd. Unknown or unset names stay."""
    pattern = {"kubernetes": _KUBERNETES, "supervisord": _SUPERVISORD}.get(platform)
    if pattern is not None:
        return pattern.sub(lambda found: lookup(found.group(1)) or found.group(), text)
    return fill(text, lambda name: lookup(name) or None)[0] if platform == "systemd" else text
