"""What a container holds by its annotation: ``sinks: list[Sink]``, ``def find(name) -> List[Sink]``, ``self.sinks: dict[str, Sink]``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from runtime_ops.facts import model as m
from runtime_ops.project.model import Binding, Func, Klass, Value

if TYPE_CHECKING:
    from runtime_ops.project.names import Names

ONE = re.compile(
    r"^(?:[\w.]+\.)?(?:[Ll]ist|[Ss]et|[Ff]rozen[Ss]et|[Tt]uple|[Dd]eque|Sequence|MutableSequence|Collection|Iterable|Iterator)\[(.+)\]$"
)
BY_KEY = re.compile(r"^(?:[\w.]+\.)?(?:[Dd]ict|Mapping|MutableMapping|DefaultDict|defaultdict|OrderedDict)\[(.+)\]$")
OPTIONAL = re.compile(r"^(?:[\w.]+\.)?Optional\[(.+)\]$")
DEPTH = 6  # names, attributes and functions that are asked for the annotation


class Annotated(NamedTuple):
    """An annotation and the function in whose words it is written."""

    text: str
    scope: Func


def element(names: Names, container: m.Expr | None, function: Func, depth: int, *, looped: bool = False) -> Value | None:
    """The object of the project that a container's annotation says it holds. ``looped``: by going through it, which gives the keys
    of a mapping."""
    by_value = _values_of(container)
    found = _annotation(names, by_value or container, function, 0)
    if found is None or depth > 2 * DEPTH:
        return None
    text = _plain(found.text)
    one, by_key = ONE.match(text), BY_KEY.match(text)
    inner = ""
    if one is not None and by_value is None:
        parts = _parts(one.group(1))
        inner = parts[0] if len(parts) == 1 or parts[1:] == ["..."] else ""
    elif by_key is not None and (by_value is not None or not looped):
        parts = _parts(by_key.group(1))
        inner = parts[1] if len(parts) == 2 else ""
    value = names.annotated(inner, found.scope, depth + 1) if inner else None
    return value if value is not None and value.kind == "instance" and isinstance(value.target, Klass) else None


def _values_of(expr: m.Expr | None) -> m.Expr | None:
    """The mapping in ``mapping.values()``."""
    if not isinstance(expr, m.Call) or expr.args or not isinstance(expr.func, m.Name) or not expr.func.id.endswith(".values"):
        return None
    return m.Name(expr.func.id.removesuffix(".values"), expr.line)


def _annotation(names: Names, expr: m.Expr | None, function: Func, depth: int) -> Annotated | None:
    if depth > DEPTH:
        return None
    if isinstance(expr, m.Await):
        return _annotation(names, expr.value, function, depth + 1)
    if isinstance(expr, m.Call):
        callee = names.value(expr.func, function, depth + 1)
        target = callee.target if callee is not None else None
        if isinstance(target, Func) and target.facts.returns and not target.facts.is_generator:
            return Annotated(target.facts.returns, target)
        return None
    if not isinstance(expr, m.Name):
        return None
    owner, _, last = expr.id.rpartition(".")
    if owner:
        holder = names.name(owner, function, depth + 1)
        if holder is None or holder.kind != "instance" or not isinstance(holder.target, Klass):
            return None
        bases = [base for base in holder.target.ancestry if isinstance(base, Klass)]
        return _of_bindings(names, [pair for base in bases for pair in base.attributes.get(last, ())], depth)
    scope: Func | None = function
    while scope is not None:
        param = scope.param(last)
        if param is not None:
            return Annotated(param.annotation, scope) if param.annotation else None
        if last in scope.bindings:
            found = scope
            return _of_bindings(names, [(found, binding) for binding in scope.bindings[last]], depth)
        scope = scope.parent
    level = function.module.level
    return _of_bindings(names, [(level, binding) for binding in level.bindings.get(last, ())], depth)


def _of_bindings(names: Names, bound: list[tuple[Func, Binding]], depth: int) -> Annotated | None:
    written = next(((func, b) for func, b in bound if b.kind == "annotation"), None)
    if written is not None:
        return Annotated(written[1].text, written[0])
    if len(bound) != 1 or bound[0][1].kind != "assign":
        return None
    func, binding = bound[0]
    return _annotation(names, binding.expr, func, depth + 1)


def _plain(text: str) -> str:
    text = text.strip("'\" ")
    optional = OPTIONAL.match(text)
    if optional is not None:
        text = optional.group(1).strip("'\" ")
    options = [part.strip() for part in _split(text, "|") if part.strip() != "None"]
    return options[0] if len(options) == 1 else ""


def _parts(text: str) -> list[str]:
    return [part.strip() for part in _split(text, ",")]


def _split(text: str, sign: str) -> list[str]:
    """The parts of an annotation between signs that stand in no brackets."""
    found, level = [""], 0
    for letter in text:
        level += (letter == "[") - (letter == "]")
        if letter == sign and not level:
            found.append("")
        else:
            found[-1] += letter
    return found
