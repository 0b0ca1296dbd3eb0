"""Where the value of a read goes: conversions and defaults around it, what it is bound to, how it is checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from runtime_ops.facts import model as m
from runtime_ops.project.env_reads import STANDARD
from runtime_ops.project.expressions import Region, Spot, read_expressions, spots, within
from runtime_ops.project.flows import ends
from runtime_ops.project.links import Links
from runtime_ops.project.model import Func, Klass, Place
from runtime_ops.project.settings_model import Bound, Flow
from runtime_ops.project.texts import UNKNOWN, spelled, text_of

PLAIN_CALLS = {
    "int": "int", "float": "float", "bool": "bool", "json.loads": "json", "pathlib.Path": "path", "Path": "path",
    "decimal.Decimal": "float", "datetime.timedelta": "float", "ast.literal_eval": "json", "yaml.safe_load": "json",
    "distutils.util.strtobool": "bool", "strtobool": "bool", "list": "list", "set": "list", "tuple": "list",
    "os.path.expanduser": "path", "os.path.abspath": "path", "os.path.join": "path", "str.split": "list",
}  # fmt: skip
TEXT_METHODS = frozenset(
    (
        "strip",
        "lower",
        "upper",
        "rstrip",
        "lstrip",
        "replace",
        "encode",
        "decode",
        "casefold",
        "removeprefix",
        "removesuffix",
        "title",
    )
)
LIST_METHODS = frozenset(("split", "rsplit", "splitlines", "partition"))
PLAIN_TYPES = frozenset(("str", "repr", "typing.cast", "cast", "SecretStr", "pydantic.SecretStr"))
NAMES = frozenset((m.Name,))
NAMED = frozenset((m.Name, m.Subscript))
CHECKING_NAMES = ("check", "valid", "require", "ensure", "verify", "assert")


PLACE = re.compile(r"\{[^{}]*\}")
"""What ``format`` fills in a text."""


class Around:
    """What stands around a read in its statement: conversion, default by ``or``, tests, and the flows out of it."""

    def __init__(self, links: Links, spot: Spot) -> None:
        self.links = links
        self.spot = spot
        self.conversion = ""
        self.default: m.Expr | None = None
        self.check = ""
        self.flows: list[Flow] = []
        self.stored = True  # the statement's own value is this one (converted or not)
        self._climb()

    def _climb(self) -> None:
        inner: Any = self.spot.expr
        for node in self.spot.around:
            if not self._step(inner, node):
                self.stored = False
                return
            inner = node
        self._at_statement()

    def _convert(self, how: str) -> None:
        self.conversion = self.conversion or how

    def _step(self, inner: Any, node: Any) -> bool:
        """One enclosing expression; False when the value goes no further as a value."""
        if isinstance(node, m.Call):
            return self._call(inner, node)
        if isinstance(node, m.Attr):
            return True  # the callee of a method call: judged at the call
        if isinstance(node, m.BoolOp):
            if node.op == "or" and inner is not node.values[-1]:
                last = node.values[-1]
                if self._never_back(last):
                    self.check = self.check or "raise"
                elif not isinstance(last, m.Const) or last.value is not None:
                    self.default = self.default or last
            elif node.op == "and":
                self._convert("truth") if inner is node.values[0] else None
            return True
        if isinstance(node, m.UnaryOp):
            if node.op == "not":
                self._convert("truth")
            return True
        if isinstance(node, m.Compare):
            self.flows.append(Flow("compare", "", "", node.line))
            if node.ops[0] in ("is", "is not"):
                self.check = self.check or "test"
            else:
                self._convert("flag")
            return True
        if isinstance(node, m.IfExp):
            if inner is node.test:
                self._convert("truth")
                self.flows.append(Flow("test", "", "", getattr(self.spot.expr, "line", 0)))
                self.check = self.check or "test"
            return True
        if isinstance(node, m.Format) or (isinstance(node, m.BinOp) and node.op in ("+", "%")):
            text = text_of(self.links, node, self.spot.function)
            self.flows.append(Flow("text", text, "", node.line))
            return False
        if isinstance(node, m.Mapping):
            key = next((k for k, v in node.items if v is inner), None)
            name = text_of(self.links, key, self.spot.function)
            self.flows.append(Flow("item", "", "" if name == UNKNOWN else name, node.line))
            return False
        if isinstance(node, m.Sequence | m.Star):
            self.flows.append(Flow("item", "", "", getattr(self.spot.expr, "line", 0)))
            return isinstance(node, m.Star)
        return isinstance(node, m.Await | m.Walrus | m.Lambda | m.BinOp | m.Subscript | m.Comprehension)

    def _call(self, inner: Any, call: m.Call) -> bool:
        function = self.spot.function
        if inner is call.func or (isinstance(call.func, m.Attr) and inner is call.func.value):
            method = call.func.name if isinstance(call.func, m.Attr) else ""
            if method in LIST_METHODS:
                self._convert("list")
            return method in TEXT_METHODS or method in LIST_METHODS or not method
        value = self.links.names.value(call.func, function)
        text = spelled(call.func)
        project = value.target if value is not None and isinstance(value.target, Func | Klass) else None
        dotted = value.name if value is not None and value.kind in ("external", "made") else text
        parameter = next((k or "**" for k, v in call.keywords if v is inner), "")
        if not parameter:
            parameter = str(next((n for n, a in enumerate(call.args) if a is inner), ""))
        if dotted in STANDARD and parameter in ("1", "default"):
            return True  # the default of another read: the value goes on as that one's
        self.flows.append(Flow("argument", dotted, parameter, call.line, call))
        template = call.func.value if isinstance(call.func, m.Attr) and call.func.name == "format" else None
        if isinstance(template, m.Const) and isinstance(template.value, str):
            self.flows.append(Flow("text", PLACE.sub(UNKNOWN, template.value), "", call.line))
        if dotted in PLAIN_CALLS:
            self._convert(PLAIN_CALLS[dotted])
            return True
        if dotted in PLAIN_TYPES:
            return True
        if project is not None and parameter in ("0", ""):
            self._convert(text)
            if any(word in text.lower() for word in CHECKING_NAMES):
                self.check = self.check or "validator"
            return True
        if parameter == "default" and text.endswith("add_argument"):
            kind = call.keyword("type")
            if kind is not None:
                self._convert(PLAIN_CALLS.get(spelled(kind), spelled(kind)))
        return False

    def _never_back(self, expr: m.Expr) -> bool:
        """``or sys.exit(…)``, ``or fail(…)``: an expression that does not come back."""
        stmt = m.ExprStmt(expr, 0, 0)
        return "fall" not in ends((stmt,), self.spot.function)

    def _at_statement(self) -> None:
        stmt = self.spot.place.stmt
        if isinstance(stmt, m.If | m.While):
            self._convert("truth")
            self.flows.append(Flow("test", "", "", stmt.line))
            self.check = self.check or _way_out(stmt, self.spot.function)
        elif isinstance(stmt, m.Assert):
            self.check = self.check or "raise"
        elif isinstance(stmt, m.Return):
            self.flows.append(Flow("return", self.spot.function.qualname, "", stmt.line))


def _way_out(stmt: m.Stmt, function: Func) -> str:
    """``raise`` or ``exit`` when an arm of a condition ends so, else ``test``."""
    if isinstance(stmt, m.If):
        for arm in (stmt.body, stmt.orelse):
            ways = ends(arm, function) if arm else frozenset()
            if "exit" in ways and "fall" not in ways:
                return "exit"
            if "raise" in ways and "fall" not in ways:
                return "raise"
    return "test"


def bound_of(around: Around) -> Bound | None:
    """What the statement binds the value to."""
    spot = around.spot
    stmt = spot.place.stmt
    function = spot.function
    walrus = next((n for n in spot.around if isinstance(n, m.Walrus)), None)
    if walrus is not None:
        return Bound("local" if not function.is_module else "constant", walrus.target, function, spot.klass)
    item = next((f for f in around.flows if f.kind == "item"), None)
    if item is not None and item.parameter:
        return Bound("item", item.parameter, function, spot.klass)
    if not around.stored and not (around.flows and around.flows[-1].kind == "text"):
        return None
    if isinstance(stmt, m.Return):
        return Bound("return", function.name, function, function.cls)
    if not isinstance(stmt, m.Assign) or not stmt.targets:
        return None
    target = stmt.targets[0]
    if isinstance(target, m.Subscript):
        key = text_of(around.links, target.key, function)
        return Bound("config", key, function) if key != UNKNOWN else None
    if not isinstance(target, m.Name):
        return None
    if spot.klass is not None:
        return Bound("attribute", target.id, function, spot.klass)
    head, _, rest = target.id.partition(".")
    if (
        rest
        and "." not in rest
        and function.cls is not None
        and function.facts.params
        and head == function.facts.params[0].name
    ):
        return Bound("attribute", rest, function, function.cls)
    if rest:
        return Bound("config", target.id.rpartition(".")[2], function)
    is_global = any(target.id in p.stmt.names for p in function.places if isinstance(p.stmt, m.Global))
    if function.is_module or is_global:
        return Bound("constant", target.id, function.module.level)
    return Bound("local", target.id, function)


def check_nearby(links: Links, region: Region, name: str, line: int) -> tuple[str, str]:
    """How a bound name is checked, and converted, in the statements behind the read in the same scope.

    Gives (check, conversion); a condition that raises or ends the process is the strongest check.
    """
    found, conversion = "", ""
    for place in region.places:
        if place.stmt.line < line:
            continue
        for expr in read_expressions(place.stmt):
            for spot in within(expr, place, region.function, region.klass, NAMES):
                if not (
                    isinstance(spot.expr, m.Name) and (spot.expr.id == name or spot.expr.id.startswith(f"{name}."))
                ):
                    continue
                after = Around(links, spot)
                check = after.check
                if _in_condition(place, spot) and check != "raise":
                    check = _way_out(place.stmt, region.function) if isinstance(place.stmt, m.If) else check or "test"
                elif not check and any(f.kind == "argument" and _is_check(f.to) for f in after.flows):
                    check = "validator"
                if check and (not found or found == "test"):
                    found = check
                if after.conversion and after.conversion not in ("truth", "flag", "bool") and not conversion:
                    conversion = after.conversion
    return found, conversion


def _in_condition(place: Place, spot: Spot) -> bool:
    """Whether the value itself is tested, not something that is done with it (``if connect(URL)``)."""
    if not isinstance(place.stmt, m.If | m.While | m.Assert):
        return False
    return not any(
        isinstance(n, m.Call) and spelled(n.func) not in ("all", "any", "len", "isinstance", "bool", "not")
        for n in spot.around
    )


def _is_check(name: str) -> bool:
    last = name.rpartition(".")[2].lower()
    return last in ("all", "any") or any(word in last for word in CHECKING_NAMES)


def names_in(region: Region, wanted: frozenset[str]) -> Iterator[Spot]:
    """Every name of a scope whose first or last part is wanted, and subscripts with a wanted literal key."""
    if region.klass is None and not _mentions(region.function, wanted):
        return
    for spot in spots(region, NAMED):
        expr = spot.expr
        if isinstance(expr, m.Name):
            if expr.id in wanted or any(part in wanted for part in expr.id.split(".")):
                yield spot
        elif isinstance(expr, m.Subscript) and isinstance(expr.key, m.Const) and expr.key.value in wanted:
            yield spot


def _mentions(func: Func, wanted: frozenset[str]) -> bool:
    """Whether a wanted word is part of any name, or any text, of a function."""
    found = func.inventory
    return (
        not wanted.isdisjoint(found.texts)
        or not wanted.isdisjoint(found.header_texts)
        or any(not wanted.isdisjoint(name.split(".")) for name in found.names)
    )
