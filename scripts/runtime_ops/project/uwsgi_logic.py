"""The options of a uWSGI configuration that hold: those between ``if-env = NAME`` and ``endif`` only under that condition.

Source: uWSGI's "Configuration logic": blocks are not nested, and ``%(_)`` within one is what its condition looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runtime_ops.facts import artifacts as a
from runtime_ops.project.variables import Variables

_ENDS = frozenset(("endif", "end-if"))
_ASKS_ENVIRONMENT = {"if-env": True, "ifenv": True, "if-not-env": False}
_HERE = "%(_)"


def held(section: a.OptionSection, variables: Variables) -> a.OptionSection:
    """The section without the options of blocks whose condition does not hold; those of one that cannot be told stay."""
    options = []
    for option, condition in _conditions(section):
        if condition is None:
            options.append(option)
        elif _holds(condition, variables) is not False:
            options.append(_filled(option, condition, variables))
    return replace(section, options=tuple(options))


def conditional(section: a.OptionSection) -> frozenset[int]:
    """The lines of the options that hold under a condition only."""
    return frozenset(option.line for option, condition in _conditions(section) if condition is not None)


def _conditions(section: a.OptionSection) -> Iterator[tuple[a.Setting, a.Setting | None]]:
    """Each option that is none of the logic itself, and the condition that it stands under."""
    condition: a.Setting | None = None
    for option in section.options:
        if option.name.startswith("if-") or option.name in _ASKS_ENVIRONMENT:
            condition = option
        elif option.name in _ENDS:
            condition = None
        else:
            yield option, condition


def _holds(condition: a.Setting, variables: Variables) -> bool | None:
    """Whether a condition holds; None where it asks for something else than a variable that artifacts set."""
    wanted = _ASKS_ENVIRONMENT.get(condition.name)
    if wanted is None:
        return None
    name = condition.value.text.strip()
    if name in variables.known:
        return wanted
    return None if variables.open else not wanted


def _filled(option: a.Setting, condition: a.Setting, variables: Variables) -> a.Setting:
    if _HERE not in option.value.text or condition.name not in _ASKS_ENVIRONMENT:
        return option
    text = variables.constant(condition.value.text.strip())
    if text is None:
        return option
    return replace(option, value=replace(option.value, text=option.value.text.replace(_HERE, text)))
