"""Where ways begin: functions that run though no call of them is seen, and what it is that runs each of them."""

from __future__ import annotations

from typing import Literal, NamedTuple

Origin = Literal[
    "import", "command", "factory", "hook", "job", "handler", "rpc", "handler class", "made per request", "decorator",
    "library class", "used class", "plug-in",
]  # fmt: skip
"""What runs the function: the ``import`` of its module; a user by a ``command``; a server that makes its application by a
``factory``; a framework by a ``hook``; a job system that takes a ``job``; a server that comes to a ``handler`` or ``rpc``, calls
the methods of a ``handler class``, or has it ``made per request``. What follows is likely at most: whoever a ``decorator`` has
registered it with, the library that its ``library class`` is below, whoever uses the object of a ``used class``, the loader of a
``plug-in``."""

_TEXTS: dict[Origin, str] = {
    "import": "import of {name}",
    "command": "command {name}",
    "factory": "application factory {name}",
    "hook": "{name} hook",
    "job": "job {name}",
    "handler": "handler {name}",
    "rpc": "rpc {name}",
    "handler class": "{base} calls {name}",
    "made per request": "{base} is made anew for each request",
    "decorator": "registered by its decorator: {name}",
    "library class": "called by {base}: {name}",
    "used class": "used with {name}",
    "plug-in": "{name} is loaded by its name",
}


class Seed(NamedTuple):
    """The beginning of a way. ``name`` is that of the function, module, class or kind of hook that the text tells of, ``base`` the
    class of a library."""

    origin: Origin
    name: str
    base: str = ""

    @property
    def text(self) -> str:
        """The beginning in words, as a trace shows it."""
        return _TEXTS[self.origin].format(name=self.name, base=self.base)


class Role(NamedTuple):
    """``kind``: that of the entrypoints (service, worker) whose library runs a function by itself; ``seed``: what says so."""

    kind: str
    seed: Seed
