"""Command lines: programs that only start another one, and how the options of servers and workers are spelled
(``data/wrappers.json``, ``data/program_options.json``)."""

from collections.abc import Mapping
from dataclasses import field
from functools import cache

from runtime_ops.plain import dataclass

from .table import load


@dataclass(frozen=True, slots=True, eq=False)
class Wrapper:
    """A program whose arguments are another program's command line."""

    name: str
    source: str
    subcommands: tuple[str, ...] = ()
    """Words that must follow the name (``run``)."""
    values: tuple[str, ...] = ()
    """Options that take a word of their own."""
    long_values: bool = False
    """Every ``--option`` without ``=`` takes a word, save the ``switches``."""
    switches: tuple[str, ...] = ()
    positional: int = 0
    """Words before the command (``gosu USER``)."""
    separator: bool = False
    """The command stands behind ``--``; without one there is no command."""
    assigns: bool = False
    """``NAME=value`` words before the command set its environment."""
    becomes: str = ""
    """The rest is run as if by this program (``coverage run x.py`` is ``python x.py``)."""
    stop: tuple[str, ...] = ()
    """Options that already belong to the command."""
    keeps: str = "exec"
    """What becomes of the wrapper: ``exec`` (replaced by the command), ``forwards`` (stays its parent and passes signals on),
    ``blocks`` (stays and passes none on), ``init`` (an init for containers), ``unknown``."""
    development: bool = False
    sure: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class ProgramOptions:
    """How a program's options are written, and the names that its configuration gives them."""

    name: str
    source: str
    short: Mapping[str, str] = field(default_factory=dict)
    """``-w`` without the sign, to the setting's name."""
    long: Mapping[str, str] = field(default_factory=dict)
    """``--keep-alive`` without the signs, to the setting's name where it is another than the flag's."""
    switches: tuple[str, ...] = ()
    """Flags that take no value."""
    many: tuple[str, ...] = ()
    """Flags that take all words up to the next flag."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variable to setting."""
    prefix: str = ""
    """``UVICORN_``: each setting may come from the variable of that prefix and its name."""
    arguments: str = ""
    """A variable that holds more arguments (``GUNICORN_CMD_ARGS``)."""
    settings: tuple[str, ...] = ()
    """Every name that its configuration file may set, where the program passes over all others in silence."""
    namespaced: tuple[str, ...] = ()
    """Names that apply only where its application is told the prefix that they begin with."""
    sure: bool = True


@cache
def all_wrappers() -> tuple[Wrapper, ...]:
    """Every row of wrappers.json."""
    return load("wrappers", Wrapper)


@cache
def all_program_options() -> tuple[ProgramOptions, ...]:
    """Every row of program_options.json."""
    return load("program_options", ProgramOptions)


@cache
def _wrappers_by_name() -> dict[str, list[Wrapper]]:
    found: dict[str, list[Wrapper]] = {}
    for row in all_wrappers():
        found.setdefault(row.name.split()[0], []).append(row)
    return found


def wrapper_of(words: tuple[str, ...]) -> Wrapper | None:
    """The wrapper that a command line begins with; ``words`` begin with the program's name without its folder."""
    for row in _wrappers_by_name().get(words[0], ()) if words else ():
        rest = [word for word in words[1:] if not word.startswith("-")]
        if tuple(rest[: len(row.subcommands)]) == row.subcommands:
            return row
    return None


@cache
def options_of(program: str) -> ProgramOptions | None:
    """How the options of a program are spelled."""
    return next((row for row in all_program_options() if row.name == program), None)
