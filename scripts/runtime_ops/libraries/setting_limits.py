"""Limits of libraries' own calls that a framework's settings give, and that are off without it (``data/setting_limits.json``)."""

from functools import cache

from runtime_ops.plain import dataclass

from .table import load


@dataclass(frozen=True, slots=True, eq=False)
class SettingLimit:
    """One library that a settings module switches on, and the setting that limits its calls."""

    name: str
    module: str
    """Its import name, by which settings name it."""
    setting: str
    marks: tuple[str, ...]
    """Settings that are written where it is used, most telling first."""
    work: str
    """What it does without a limit, as the end of a sentence."""
    source: str
    required: tuple[str, ...] = ()
    """Settings that it cannot work without, and of which it only asks at start whether the name is bound."""


@cache
def all_setting_limits() -> tuple[SettingLimit, ...]:
    """Every row of setting_limits.json."""
    return load("setting_limits", SettingLimit)
