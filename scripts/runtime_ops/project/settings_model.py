"""What a read of a setting is, and where its value goes."""

from __future__ import annotations

from typing import NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.libraries.credentials import secret_like
from runtime_ops.project.model import Func, Klass, Step


class Flow(NamedTuple):
    """A place into which a value goes.

    ``kind``: ``argument`` (of a call: ``to`` is its dotted name, else its text; ``parameter`` the keyword or the
    position), ``text`` (part of an f-string, a sum or a format; ``to`` is its literal text with ``{?}``), ``return``,
    ``item`` (of a dict or list; ``parameter`` is the key), ``test`` (a condition), ``compare``, ``store`` (a plain
    assignment; ``to`` is the target).
    """

    kind: str
    to: str
    parameter: str
    line: int
    call: m.Call | None = None


class Bound(NamedTuple):
    """What a read's value is bound to.

    ``kind``: ``constant`` (of a module: ``owner`` is the module level), ``attribute`` (of ``klass``), ``local``, ``config``
    (``app.config["NAME"]``), ``item`` (a key of a dict that is being written), ``return`` (the function gives it back).
    """

    kind: str
    name: str
    owner: Func
    klass: Klass | None = None


class SettingRead(NamedTuple):
    """One read of a setting from outside the program.

    ``name`` is the variable's (or file's) name; ``{?}`` stands for a part that is not written down. ``how``: ``environ``
    (``os.environ[…]``), ``environ.get``, ``environ.pop``, ``environ.setdefault``, ``getenv``, ``contains`` (``"X" in
    os.environ``), ``decouple``, ``environs``, ``django-environ``, ``starlette``, ``dynaconf``, ``pydantic``, ``click``,
    ``typer``, ``secret-file``, ``config-file``. ``source``: ``environment`` or ``file``.
    ``required``: the read itself raises when nothing is given. ``default`` is the expression used then, ``default_text``
    its literal text where that is known (None when there is no default or it is no literal; the text of None is None).
    ``conversion``: ``int``, ``float``, ``bool``, ``flag`` (compared with words), ``truth`` (only tested for being
    non-empty), ``json``, ``path``, ``list``, ``enum``, a dotted name or a project function's name, empty for none.
    ``default_setting`` names the setting that the default itself is read from.
    ``check``: how an unwanted value is noticed near the read: ``missing`` (the read itself raises), ``raise``, ``exit``,
    ``test``, ``validator``, ``type``, or empty. ``function`` is where it is read (for pydantic: where the class is
    instantiated), ``defined`` the path and line that declare it where that is another place. ``reader``: the project's
    wrapper through which it is read. ``sure`` is false when the place of the read is a guess (a settings class that
    nothing was seen to instantiate).
    """

    name: str
    path: str
    line: int
    end_line: int
    function: Func
    expr: m.Expr
    how: str
    source: str = "environment"
    required: bool = False
    default: m.Expr | None = None
    default_text: str | None = None
    default_setting: str = ""
    conversion: str = ""
    check: str = ""
    secret: bool = False
    bound: Bound | None = None
    flows: tuple[Flow, ...] = ()
    steps: tuple[Step, ...] = ()
    reader: Func | None = None
    defined: tuple[str, int] | None = None
    sure: bool = True

    @property
    def checked(self) -> bool:
        """Whether an unwanted value is noticed near the read, or the read raises without one."""
        return bool(self.check)

    @property
    def has_default(self) -> bool:
        return self.default is not None


class Use(NamedTuple):
    """A place where the value that a read was bound to is used: the name or subscript, and where it goes from there."""

    function: Func
    expr: m.Expr
    line: int
    flows: tuple[Flow, ...]
    steps: tuple[Step, ...] = ()


def is_secret(name: str, conversion: str = "") -> bool:
    """Whether a setting's name looks like a credential's; a number or a flag is none, nor are the shell's own names."""
    return conversion not in ("int", "float", "bool", "flag") and name not in ("PWD", "OLDPWD") and secret_like(name)
