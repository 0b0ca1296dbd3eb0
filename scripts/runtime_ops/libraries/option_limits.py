"""Libraries that ask another host by themselves, in requests that they answer or check, and whose limit is an option of the object
that a program makes of them (``data/option_limits.json``). Their calls stand in no line of the program."""

from functools import cache

from runtime_ops.plain import dataclass

from .table import load


@dataclass(frozen=True, slots=True, eq=False)
class OptionLimit:
    """One class or function that makes such an object, and the options that limit what it asks."""

    name: str
    constructors: tuple[str, ...]
    """Dotted names; a ``*`` stands for any text."""
    options: tuple[str, ...]
    """Keywords that set the limit, or of which what they set cannot be seen; the first is the one to write."""
    work: str
    """What it does without a limit, as the end of a sentence."""
    remedy: str
    source: str
    named: tuple[str, ...] = ()
    """Names or texts that, anywhere in the program, mean that the limit may be set in another way."""
    texts: tuple[str, ...] = ()
    """Texts of the configuration of which the module that makes it writes one where there is a peer; empty where there always is."""
    works_by: tuple[str, ...] = ()
    """Methods of the object of which the program names one where it does the work; empty where making it is enough."""
    address: str = ""
    """The keyword (else the first argument) of the peer's address, where other addresses mean that there is no peer."""
    value: str = ""
    """An expression that fits an address with a peer."""
    distribution: str = ""
    """Whose version decides, where it has come to have a limit of its own."""
    limited_since: str = ""
    """The first version of it that has one."""
    shared: bool = False
    """It works in every request, not only in those of a login."""
    subclassed: bool = False
    """A class of the program below it is told as well."""


@cache
def all_option_limits() -> tuple[OptionLimit, ...]:
    """Every row of option_limits.json."""
    return load("option_limits", OptionLimit)
