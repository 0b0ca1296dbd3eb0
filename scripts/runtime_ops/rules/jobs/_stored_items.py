"""Items that come out of a store, and work on them that fails for a text which somebody wrote wrong."""

from __future__ import annotations

from runtime_ops.facts import model as m
from runtime_ops.project.model import Func, Site
from runtime_ops.project.source_text import source_of

CONVERSIONS = frozenset(
    "int float json.loads datetime.datetime.strptime datetime.datetime.fromisoformat decimal.Decimal uuid.UUID".split()
)
PARSES = frozenset(
    """croniter.croniter crontab.CronTab json.loads datetime.datetime.strptime datetime.datetime.fromisoformat
    dateutil.parser.parse zoneinfo.ZoneInfo pytz.timezone decimal.Decimal uuid.UUID""".split()
)
"""Readers of what somebody wrote for an item: they raise for one that is wrong."""


def stored(loop: m.For, func: Func) -> bool:
    """Whether the items come out of a store or another object (``query.alerts``, ``Alert.objects.all()``, or a name for what such
    a call gave): what they hold was written by somebody else, some time ago."""
    source = loop.iterable
    if isinstance(source, m.Name) and "." not in source.id:
        bound = [b.expr for b in func.bindings.get(source.id, ()) if b.expr is not None]
        if len(bound) != 1 or not isinstance(bound[0], m.Call):
            return False
        source = bound[0]
    if isinstance(source, m.Call):
        source = source.func
    return isinstance(source, m.Attr) or (isinstance(source, m.Name) and "." in source.id)


def reads_text(own: Site, item: str) -> bool:
    """Whether the work on one item is to read a text that it holds: ``croniter(backup.schedule)``."""
    return own.dotted in PARSES and any(
        isinstance(node, m.Name | m.Attr) and source_of(node).startswith(f"{item}.") for node in own.call.args
    )


def converts(own: Site, item: str) -> bool:
    """Whether the work on one item, the only method of that name, is seen to turn data into numbers or dates without an arm for
    what is none: ``float(None)`` is a TypeError, which ``except ValueError`` lets through."""
    if len(own.targets) != 1 or not own.text.startswith(item + "."):
        return False
    return any(s.dotted in CONVERSIONS and _of_data(s) and not _minds_conversion(s) for s in own.targets[0].sites)


def _of_data(site: Site) -> bool:
    """A value that is looked up in something (``row["price"]``, ``self.options.get("at")``), not a literal or a count."""
    return any(isinstance(n, m.Subscript) or (isinstance(n, m.Call) and source_of(n.func).endswith(".get")) for n in m.walk(site.call.args))


def _minds_conversion(site: Site) -> bool:
    caught = {
        name.rpartition(".")[2]
        for step in site.steps
        if isinstance(step.stmt, m.Try) and step.arm == "body"
        for handler in step.stmt.handlers
        for name in handler.types or ("BaseException",)
    }
    return bool(caught & {"Exception", "BaseException"}) or {"ValueError", "TypeError"} <= caught
