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
    """Settings that are written where it is used, most telling first; a ``*`` stands for any text."""
    work: str
    """What it does without a limit, as the end of a sentence."""
    source: str
    remedy: str = ""
    """The line that sets the limit, where it is more than ``SETTING = 10``."""
    also: tuple[str, ...] = ()
    """Other names that set it, or of which what they set cannot be seen; a ``*`` stands for any text."""
    value: str = ""
    """An expression that the text given to the mark fits, where other values mean that there is no peer."""
    distribution: str = ""
    """Whose version decides, where it has come to have a limit of its own."""
    limited_since: str = ""
    """The first version of it that has one."""
    setting_since: str = ""
    """The first version of it that reads the setting: an older one has no limit to give."""
    shared: bool = False
    """It works in every request, not only in those of a login."""
    required: tuple[str, ...] = ()
    """Settings that it cannot work without, and of which it only asks at start whether the name is bound."""


@cache
def all_setting_limits() -> tuple[SettingLimit, ...]:
    """Every row of setting_limits.json."""
    return load("setting_limits", SettingLimit)
